"""The product as people meet it: `writeorperish.asgi` under a real server, on the test's database."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import uvicorn

STARTED_WITHIN_SECONDS = 10.0


@contextmanager
def serving() -> Iterator[str]:
    """The origin of `writeorperish.asgi` on a free port of the loopback, until the block ends."""
    # Imported late: the static files are listed when it is, and they are collected first.
    from writeorperish.asgi import application

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            application, log_level="error", access_log=False, timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    limit = monotonic() + STARTED_WITHIN_SECONDS
    while not server.started:
        assert thread.is_alive() and monotonic() < limit, "the server did not start"
        sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STARTED_WITHIN_SECONDS)
        listening.close()
