"""An hour of speech from its first piece to its entry, and a large file: how long, and with how much memory.

Each runs in a process of its own, so that its peak of memory is that of this work alone.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import django


def figures() -> dict[str, object]:
    """Seconds, and megabytes of resident memory before and at the peak. About a minute on two cores."""
    return {name: measured(name) for name in ("hour_of_speech", "file_of_100_mb")}


def measured(name: str) -> dict[str, object]:
    with provider() as root:
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", "benchmarks.speaking", name],
            env=os.environ | {"OPENAI_API_KEY": "a-key", "OPENAI_BASE_URL": f"{root}/v1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@contextmanager
def provider() -> Iterator[str]:
    """A local server that writes down whatever it hears; where it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.doubles.provider", "--port", str(port)]
    with subprocess.Popen(  # noqa: S603  # our own program
        command, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    django.setup()
    # Only now can its models be imported.
    measure = getattr(import_module("benchmarks.spoken"), sys.argv[1])
    sys.stdout.write(f"{json.dumps(measure())}\n")
