"""The processes that serve: which they are, that only one set of them runs, and what is said meanwhile."""

import fcntl
import http.client
import json
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from honcho.compat import ProcessManager
from honcho.manager import Manager
from honcho.printer import Printer

from writeorperish.ops import daemon
from writeorperish.ops.daemon import CannotStart

HOST: Final = "127.0.0.1"
PORTS_TRIED: Final = 100
ENDING_SECONDS: Final = 10
SLOW_SECONDS: Final = 60
RELOADED: Final = ("*.py", "*.html", "*.css", "*.js")
# What the manager's return code is when we were asked to stop.
ASKED_TO_STOP: Final = {128 + signal.SIGINT, 128 + signal.SIGTERM}

Say = Callable[[str], None]


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """No second set runs on this data folder. CannotStart names the process that holds it."""
    with (data_dir / "run.lock").open("a+") as lock:
        try:
            # A lock of the process, not of the file: what we fork may outlive us and must not keep it.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            lock.seek(0)
            raise CannotStart(
                f"Process {lock.read().strip()} is already running on {data_dir}. "
                "Stop it first, or set WOP_DATA_DIR to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        end_leftovers(data_dir)
        yield


def end_leftovers(data_dir: Path) -> None:
    """Web, worker and beat of a run that was killed have ended."""
    for file in sorted((data_dir / "run").glob("*.pid")):
        words = file.read_text().strip()
        if words.isdecimal() and is_ours(int(words)):
            end_group(int(words))
        file.unlink()


def is_ours(pid: int) -> bool:
    return "writeorperish" in daemon.arguments(pid) and os.getpgid(pid) == pid


def end_group(pid: int) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(pid, sent)
        until = time.monotonic() + ENDING_SECONDS
        while daemon.program(pid) and time.monotonic() < until:
            time.sleep(0.05)
        if not daemon.program(pid):
            return


def free_port(wanted: int) -> int:
    """The wanted port, or the next that nobody uses on this machine."""
    last = min(wanted + PORTS_TRIED, 65536)
    for port in range(wanted, last):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise CannotStart(f"No port from {wanted} to {last - 1} is free.")


def commands(port: int) -> dict[str, list[str]]:
    """The set, by name."""
    python = [sys.executable, "-m"]
    web = [*python, "uvicorn", "writeorperish.asgi:application", "--host", HOST]
    web += ["--port", str(port), "--log-level", "warning", "--no-access-log", "--no-server-header"]
    # Less than the manager's patience, which ends with SIGKILL.
    web += ["--timeout-graceful-shutdown", "4", *(reloading() if settings.DEBUG else [])]
    # What they would check again was checked before they start.
    celery = [*python, "celery", "-A", "writeorperish", "--skip-checks", "--quiet"]
    worker = [*celery, "worker", "-Q", "urgent,normal,low", "--concurrency", "2"]
    worker += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    return {
        "web": web,
        "worker": worker,
        "beat": [*celery, "beat", "--loglevel", "WARNING"],
    }


def reloading() -> list[str]:
    folders = ["writeorperish", "accounts", "templates", *settings.FEATURES]
    watched = [word for folder in folders for word in ("--reload-dir", folder)]
    return [
        "--reload",
        *watched,
        *(word for kind in RELOADED for word in ("--reload-include", kind)),
    ]


class Stopped(Exception):
    """We were asked to end before anything served."""


class Interruption:
    """Remembers that a signal asked us to end: cut off in the middle, a step would leave half of it behind."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup the terminal may go.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.remember)

    def remember(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def heed(self) -> None:
        """Raises Stopped when we were asked: called between two steps."""
        if self.asked:
            raise Stopped


def serve(port: int, say: Say, interruption: Interruption, *, afterwards: list[str]) -> bool:
    """Runs the set until it is asked to stop (True) or one of it ended (False); all have ended then.

    Says `ready` once every check is well, then the lines of `afterwards`, and names each new mail.
    """
    over = threading.Event()

    def herald() -> None:
        # By now the manager listens to signals itself; one that came a moment before is passed on.
        if interruption.asked:
            os.kill(os.getpid(), signal.SIGTERM)
        tell(port, say, afterwards, over)

    manager = Household(Voice(threading.Thread(target=herald, daemon=True)))
    folder = settings.DATA_DIR / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    environment = {
        **os.environ,
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
    }
    for name, command in commands(port).items():
        pid_file = shlex.quote(str(folder / f"{name}.pid"))
        line = f"echo $$ > {pid_file}; exec {shlex.join(command)}"
        manager.add_process(name, line, env=environment, cwd=str(settings.BASE_DIR))
    try:
        manager.loop()
    finally:
        over.set()
        end_leftovers(settings.DATA_DIR)
    return manager.returncode in ASKED_TO_STOP


class Household(Manager):  # type: ignore[misc]  # honcho has no types
    def __init__(self, voice: Printer) -> None:
        super().__init__(voice)
        self._procmgr = Gently()

    def terminate(self) -> None:
        """Ends all; a moment later when some are not even started, for then their numbers are unknown."""
        if self._all_started():
            super().terminate()
        else:
            threading.Timer(0.1, self.terminate).start()


class Gently(ProcessManager):  # type: ignore[misc]  # honcho has no types
    def terminate(self, pid: int) -> None:
        """Asks the process alone, not its children: the worker lets theirs finish what they do."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Voice(Printer):  # type: ignore[misc]  # honcho has no types
    """Prints what the processes say. The herald begins with the first word, when all are forked."""

    def __init__(self, herald: threading.Thread) -> None:
        super().__init__(sys.stdout)
        self.herald = herald

    def write(self, message: object) -> None:
        if not self.herald.ident:
            self.herald.start()
        super().write(message)


def tell(port: int, say: Say, afterwards: list[str], over: threading.Event) -> None:
    """Says when the site is ready, what keeps it from being so for a minute, and where mail was written."""
    known = mails()
    began, ready, warned = time.monotonic(), False, False
    while not over.wait(0.5):
        if not ready:
            failing = unready(port)
            ready = failing == []
            if ready:
                say(f"ready http://{HOST}:{port}/")
                for line in afterwards:
                    say(line)
            elif not warned and time.monotonic() - began > SLOW_SECONDS:
                warned = True
                say(f"Not ready after a minute: {', '.join(failing or ['web'])}.")
        for path in sorted(mails() - known):
            known.add(path)
            say(f"mail written to {path}")


def unready(port: int) -> list[str] | None:
    """The names of failing checks, none when the site is ready, None when it does not answer."""
    line = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        line.request("GET", "/ready", headers={"Host": urlsplit(settings.BASE_URL).netloc})
        answer = line.getresponse()
        checks = json.loads(answer.read()).get("checks", {})
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        line.close()
    if answer.status == 200:
        return []
    return [name for name, state in checks.items() if state != "ok"] or ["web"]


def mails() -> set[Path]:
    return set((settings.DATA_DIR / "mail").glob("*.log"))
