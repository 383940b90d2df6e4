"""A real Celery worker beside a test, on the test's database and a Redis of its choice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The process runs; it hears its first fact some seconds later."""
        command = [sys.executable, "-m", "celery", "-A", "writeorperish", "--skip-checks", "worker"]
        command += ["-Q", "urgent,normal,low", "-c", str(self.children), "-P", "prefork"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command += [argument for module in self.include for argument in ("-I", module)]
        sink = self.log.open("ab") if self.log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(),
            stdout=sink,
            stderr=sink,
            start_new_session=True,
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

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The process and its children are dead, in the middle of whatever they did."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """The process ended what it was doing and is gone."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS)
                self.process = None
            finally:
                self.kill()


@contextmanager
def running_worker(redis_url: str, **how: object) -> Iterator[Worker]:
    worker = Worker(redis_url, **how)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
