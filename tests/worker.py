"""A real Celery worker beside a test, on the test's database and a Redis of its choice."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60


class Worker:
    """One worker process and its children, started and ended as the test likes."""

    def __init__(
        self,
        redis_url: str,
        *,
        include: Sequence[str] = (),
        log: Path | None = None,
        children: int = 2,
    ) -> None:
        self.redis_url = redis_url
        self.children = children
        self.include = include
        self.log = log
        self.forker: subprocess.Popen[str] | None = None
        self.pid: int | None = None

    def start(self) -> None:
        """The process runs; it hears its first fact a moment later, the first time some seconds."""
        if self.forker is None:
            self.forker = self.begin()
        self.tell("start")
        self.pid = int(self.answer())

    def begin(self) -> subprocess.Popen[str]:
        """The process that becomes the worker, again and again."""
        command = [sys.executable, "-m", "tests.forker", "-A", "writeorperish", "--skip-checks"]
        command += ["worker", "-Q", "urgent,normal,low", "-c", str(self.children), "-P", "prefork"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command += [argument for module in self.include for argument in ("-I", module)]
        with Path(self.log or os.devnull).open("ab") as sink:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )

    def environment(self) -> dict[str, str]:
        parts = urlsplit(settings.DATABASE_URL)
        database = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        return os.environ | {
            "DATABASE_URL": database,
            "REDIS_URL": self.redis_url,
            "WOP_DATA_DIR": str(settings.DATA_DIR),
            # So that the master key of the test's data folder is used and none has to be given.
            "DEBUG": "1",
            "LOG_FORMAT": "json",
        }

    def tell(self, words: str) -> None:
        assert self.forker and self.forker.stdin
        self.forker.stdin.write(f"{words}\n")
        self.forker.stdin.flush()

    def answer(self) -> str:
        assert self.forker and self.forker.stdout
        return self.forker.stdout.readline().strip()

    @property
    def runs(self) -> bool:
        if self.pid is None:
            return False
        self.tell("poll")
        return self.answer() == "runs"

    def kill(self) -> None:
        """The process and its children are dead, in the middle of whatever they did."""
        if self.pid is not None:
            self.tell("wait")
            self.end_all()

    def stop(self) -> None:
        """The process ended what it was doing and is gone."""
        if self.pid is not None:
            assert self.forker and self.forker.stdout
            self.tell("wait")
            os.kill(self.pid, signal.SIGTERM)
            in_time, _, _ = select.select([self.forker.stdout], [], [], PATIENCE_SECONDS)
            self.end_all()
            assert in_time, "it did not stop when it was asked to"

    def end_all(self) -> None:
        """What is left of the worker and its children is dead, and the one who forked it knows."""
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.answer()
        self.pid = None

    def close(self) -> None:
        """Neither the worker nor the one who forks it is there any more."""
        self.kill()
        if self.forker is not None:
            assert self.forker.stdin
            self.forker.stdin.close()
            self.forker.wait(PATIENCE_SECONDS)
            self.forker = None
