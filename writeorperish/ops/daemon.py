"""One server process: started with nothing of the caller's, waited for, ended. Standard library only."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
LARGEST_LOG_BYTES = 10_000_000


class CannotStart(Exception):
    """One sentence for the person at the terminal: why a server does not run."""


@dataclass(frozen=True)
class Account:
    """The user a server runs as when we are root and it may not be."""

    name: str
    uid: int
    gid: int


# Kept, so that what ends is collected and leaves no zombie.
children: dict[int, subprocess.Popen[bytes]] = {}


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    answers: Callable[[], bool],
    account: Account | None = None,
    keep: Sequence[int] = (),
) -> int:
    """The number of the running process, once it answers. CannotStart with its last words when it ends before.

    Its output is appended to `log`, which starts anew past 10 MB; `keep` are file descriptors it inherits.
    """
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.old"))
    with log.open("ab") as sink:
        already = sink.tell()
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            env=environment(),
            umask=0o077,
            pass_fds=keep,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # A session of its own: Ctrl-C at the terminal reaches us, and we decide the order.
            start_new_session=True,
        )
    children[process.pid] = process
    try:
        settled = patiently(lambda: gone(process.pid) or answers())
    except BaseException:
        end(process.pid, signal.SIGTERM, signal.SIGKILL)
        raise
    if not settled or gone(process.pid):
        end(process.pid, signal.SIGTERM, signal.SIGKILL)
        reason = last_words(log.read_bytes()[already:]) or "it gave no reason"
        raise CannotStart(f"{name} did not start: {reason} (see {log}).")
    return process.pid


def end(pid: int, gently: signal.Signals, hard: signal.Signals) -> None:
    """The process is gone: asked, and after a minute made to."""
    for sent in (gently, hard):
        if gone(pid):
            return
        os.kill(pid, sent)
        if patiently(lambda: gone(pid)):
            return


def gone(pid: int) -> bool:
    """Whether the process runs no more."""
    child = children.get(pid)
    return child.poll() is not None if child else not program(pid)


def run(name: str, command: Sequence[str], *, words: str = "", account: Account | None) -> None:
    """The command has ended well; `words` were its input. CannotStart with its last words otherwise."""
    done = subprocess.run(  # noqa: S603
        command,
        input=words.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        env=environment(),
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        start_new_session=True,
    )
    if done.returncode != 0:
        reason = last_words(done.stdout) or f"exit code {done.returncode}"
        raise CannotStart(f"{name} cannot be set up: {reason}.")


def patiently(question: Callable[[], bool]) -> bool:
    """Whether the answer became yes within a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not question():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def program(pid: int) -> str:
    """The name of a running program, empty when there is none; a zombie runs no more."""
    if sys.platform != "linux":
        asked = ["/bin/ps", "-p", str(pid), "-o", "comm="]
        answer = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
        return Path(answer.stdout.strip()).name
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    name, state = status.partition("(")[2].rpartition(")")[::2]
    return "" if state.split()[0] in {"Z", "X"} else name


def arguments(pid: int) -> str:
    """The command line of a running program, its words joined by spaces; empty when there is none."""
    if sys.platform != "linux":
        asked = ["/bin/ps", "-p", str(pid), "-o", "args="]
        return subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()  # noqa: S603
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment() -> dict[str, str]:
    """Nothing of the caller's: a stray PGOPTIONS or locale would change what runs."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def last_words(output: bytes) -> str:
    """The last line that names a reason, else the last line, without its time stamp; empty for silence."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    reasons = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|error|# ", line)]
    reason = (reasons or lines or [""])[-1]
    return re.sub(r"^.*?(?=FATAL|PANIC|ERROR)", "", reason).rstrip(".")
