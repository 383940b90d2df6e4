"""What the running set holds in memory, from /proc: Linux only."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
PART = {
    "writeorperish.asgi": "web",
    "beat": "beat",
    "worker": "worker",
    "postgres": "postgres",
    "valkey": "redis",
}


def running_set(data_dir: Path) -> dict[str, float]:
    """Megabytes of each part, shared pages counted once (PSS); empty when no set runs on this data folder."""
    roots = list(heads(data_dir))
    if not roots:
        return {}
    parts: dict[str, float] = {}
    for pid in family(roots):
        share = proportional_megabytes(pid)
        parts[part_of(pid)] = parts.get(part_of(pid), 0.0) + share
    told = {name: round(megabytes, 1) for name, megabytes in sorted(parts.items())}
    return {**told, "all_mb": round(sum(parts.values()), 1)}


def heads(data_dir: Path) -> Iterator[int]:
    """The supervisor and the two servers it answers for."""
    lock = data_dir / "run.lock"
    if not lock.exists() or not lock.read_text().strip().isdecimal():
        return
    supervisor = int(lock.read_text())
    if "manage.py" not in command(supervisor):
        return
    yield supervisor
    for name in ("postgres", "redis"):
        owner = data_dir / name / "owner"
        if owner.exists():
            yield int(owner.read_text().split()[1])


def family(roots: list[int]) -> set[int]:
    """These processes and all that descend from them."""
    parents = {
        int(folder.name): parent_of(int(folder.name))
        for folder in PROC.iterdir()
        if folder.name.isdecimal()
    }
    found = {root for root in roots if root in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def parent_of(pid: int) -> int:
    """The parent of a process, 0 when it has ended meanwhile."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def part_of(pid: int) -> str:
    words = command(pid)
    return next((part for mark, part in PART.items() if mark in words), "supervisor")


def proportional_megabytes(pid: int) -> float:
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0.0
    share = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(share[1]) / 1024 if share else 0.0
