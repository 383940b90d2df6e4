"""The line to a provider: one connection for one call, with a clock, and what broke it in our terms.

The vendors' libraries wait anew for every read, so a byte now and then would hold them for ever; here every wait
ends on time. No proxy, cookie or certificate of the environment is used, and no redirect is followed.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, TypeVar

import httpcore2
import httpx2

from writeorperish.ai.providers.wire import Failed, Patience, Trouble

# It would name whole addresses.
logging.getLogger("httpx2").setLevel(logging.WARNING)

T = TypeVar("T")

MOST_BYTES: Final = 64 * 1024 * 1024
BROKEN: Final = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)
# What reading an answer of another shape than promised raises: the libraries do not check what they build.
UNREADABLE: Final = (httpx2.HTTPError, ValueError, TypeError, AttributeError, LookupError)


def opened(patience: Patience) -> httpx2.Client:
    """An HTTP client good for one call; closing it closes the connection."""
    return httpx2.Client(
        transport=Line(patience),
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        headers={"Accept-Encoding": "identity"},
    )


def heard(
    events: Iterator[T],
    *,
    errors: type[Exception],
    failure_of: Callable[[Exception], Failed | None],
) -> Iterator[T]:
    """The same events; whatever goes wrong on the way is Failed and drags no other error along.

    `errors` is the base of a library's own, and `failure_of` reads those that tell of an answer; None for others.
    """
    failure: Failed | None = None
    try:
        yield from events
    except (Failed, errors, *UNREADABLE) as error:
        failure = failure_of(error) or broken(error)
    if (
        failure is not None
    ):  # outside of the handler, or the error and its request would be kept as context
        raise failure


def broken(error: Exception) -> Failed:
    """The failure behind an error of the connection or of reading."""
    for each in (error, error.__cause__):
        if isinstance(each, Failed):
            return each
    # A stream that was cut within a letter ends in one that cannot be read.
    return Failed(Trouble.CUT if isinstance(error, UnicodeDecodeError) else Trouble.SERVER)


def text_of(value: object) -> str:
    """The value, which a library promises to be text but does not check. TypeError."""
    if not isinstance(value, str):
        raise TypeError
    return value


@cache
def tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class Clock:
    """When the present wait is over, in seconds of `time.monotonic`: never later than the whole call."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.end = time.monotonic() + patience.total
        self.until = self.end
        self.asked = False
        self.answering = False

    def allow(self, seconds: float) -> None:
        self.until = min(self.end, time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds. ReadTimeout when there are none."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise httpcore2.ReadTimeout
        return seconds


class Line(httpx2.BaseTransport):
    """One request over a connection of its own. Failed, already in our terms."""

    def __init__(self, patience: Patience) -> None:
        self.clock = Clock(patience)
        self.pool = httpcore2.ConnectionPool(
            ssl_context=tls(), network_backend=Dialer(self.clock), max_connections=1
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        trouble: Trouble | None = None
        try:
            answer = self.pool.handle_request(core_request(request))
        except httpcore2.TimeoutException:
            trouble = Trouble.TIMEOUT if self.clock.asked else Trouble.CONNECT
        except BROKEN:
            trouble = Trouble.SERVER if self.clock.asked else Trouble.CONNECT
        if trouble:
            raise Failed(trouble)
        body = Body(answer, self.clock)
        return httpx2.Response(answer.status, headers=answer.headers, stream=body)

    def close(self) -> None:
        self.pool.close()


def core_request(request: httpx2.Request) -> httpcore2.Request:
    url = request.url
    return httpcore2.Request(
        request.method,
        httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


class Body(httpx2.SyncByteStream):
    """The bytes of an answer. Failed(CUT) when they stop early or stand still."""

    def __init__(self, answer: httpcore2.Response, clock: Clock) -> None:
        self.answer = answer
        self.clock = clock

    def __iter__(self) -> Iterator[bytes]:
        tail, left = b"", MOST_BYTES
        failure: Failed | None = None
        try:
            for piece in self.answer.iter_stream():
                left -= len(piece)
                if left < 0:
                    raise Failed(Trouble.SERVER)
                yield piece
                tail = tail[-3:] + piece
                if not self.in_events or ends_event(tail):
                    self.clock.allow(self.clock.patience.between)
        except BROKEN:
            failure = Failed(Trouble.CUT)
        if failure is not None:
            raise failure

    @property
    def in_events(self) -> bool:
        return any(
            name.lower() == b"content-type" and value.startswith(b"text/event-stream")
            for name, value in self.answer.headers
        )

    def close(self) -> None:
        self.answer.close()


def ends_event(tail: bytes) -> bool:
    return b"\n\n" in tail or b"\r\n\r\n" in tail


class Dialer(httpcore2.NetworkBackend):
    """Connects on the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        self.clock.allow(self.clock.patience.connect)
        stream = self.backend.connect_tcp(
            host, port, self.clock.left(), local_address, socket_options
        )
        return Connection(stream, self.clock)


class Connection(httpcore2.NetworkStream):
    """A connection whose every wait ends at the clock's time: sending in all, the first byte, then each event."""

    def __init__(self, stream: httpcore2.NetworkStream, clock: Clock) -> None:
        self.stream = stream
        self.clock = clock

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self.clock.asked:
            self.clock.asked = True
            self.clock.allow(self.clock.patience.total)
        self.stream.write(buffer, self.clock.left())

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        patience = self.clock.patience
        if self.clock.answering:
            return self.stream.read(max_bytes, self.clock.left())
        self.clock.allow(patience.first_byte)
        found = self.stream.read(max_bytes, self.clock.left())
        self.clock.answering = True
        self.clock.allow(patience.between)
        return found

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self.stream.start_tls(ssl_context, server_hostname, self.clock.left())
        return Connection(stream, self.clock)

    def close(self) -> None:
        self.stream.close()

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)
