"""A process that has imported everything a Celery worker needs, and becomes one as often as it is asked.

Importing takes a second and a half, and a test that kills its worker starts three. Each line on its standard
input asks for something and is answered by one line: `start` with the number of a new worker, `poll` with
whether it still runs, `wait` with nothing once it has ended.
"""

import gc
import os
import signal
import sys

import celery.apps.worker  # imported here, so that no worker has to
import celery.concurrency.prefork  # noqa: F401
import django
from celery.bin.celery import main


def serve(command: list[str]) -> None:
    worker = 0
    for line in sys.stdin:
        asked = line.strip()
        if asked == "start":
            worker = os.fork() or become(command)
            answer(str(worker))
        elif worker:
            found, _status = os.waitpid(worker, os.WNOHANG if asked == "poll" else 0)
            worker = 0 if found else worker
            answer("runs" if worker else "ended")
        else:
            answer("ended")


def become(command: list[str]) -> int:
    """The worker, in a session of its own, with nothing of ours but what was imported. Never returns."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    # What we say there is for the test; what a worker says belongs into its log.
    os.dup2(2, 1)
    sys.argv = ["celery", *command]
    sys.exit(main())


def answer(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Whoever interrupts the tests means the test, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    # Or each worker would look for garbage in what all share, and so copy it.
    gc.freeze()
    serve(sys.argv[1:])
