"""A site that says, connection by connection, what its script says: bytes, and waits in seconds."""

import gzip
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from writeorperish.ops.egress import Rules

# The allowance of a test: this machine, but not all of it.
HERE = Rules(admits=lambda _scheme, address: str(address) == "127.0.0.1")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Scripted(socketserver.ThreadingTCPServer):
    """Answers each connection with the next pieces of its script, and remembers what it was asked."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *answers: list[bytes | float]) -> None:
        super().__init__(("127.0.0.1", 0), Speaker)
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Speaker(socketserver.BaseRequestHandler):
    server: Scripted

    def handle(self) -> None:
        self.server.asked.append(self.request.recv(65536))
        for piece in self.server.answers.pop(0):
            if isinstance(piece, float):
                self.server.over.wait(piece)
            else:
                try:
                    self.request.sendall(piece)
                except OSError:
                    return


@contextmanager
def serving(*answers: list[bytes | float]) -> Iterator[Scripted]:
    with Scripted(*answers) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()


def packed(body: bytes) -> bytes:
    small = gzip.compress(body)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (
        len(small),
        small,
    )


def moved(to: str) -> list[bytes | float]:
    return [f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()]


def page(
    body: bytes | str, kind: str = "text/html; charset=utf-8", status: str = "200 OK"
) -> list[bytes | float]:
    """An answer with this body."""
    data = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return [head.encode() + data]
