"""The one way out: every call has an address that was checked, a deadline and a largest answer.

A name is resolved once and the connection goes to that very address, so a name that answers differently a
moment later changes nothing. No proxy, cookie or credential of the environment is used.
"""

import ipaddress
import logging
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpcore
import httpx
import structlog
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Invalid, TooLarge, Unavailable, WrongKind

log = structlog.get_logger()
# It would name whole addresses.
logging.getLogger("httpx").setLevel(logging.WARNING)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_REDIRECTS: Final = 5
LARGEST_HEAD_BYTES: Final = 64 * 1024
USER_AGENT: Final = "WriteOrPerish/1"
# Beside `is_global`, whose tables in Python 3.11 have gaps: networks that carry or reach another one.
NOT_PUBLIC: Final = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        *("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    )
]


class AddressRefused(Invalid):
    code = "address_refused"
    words = _("This address can't be opened from here.")


class AnswerTooLarge(TooLarge):
    code = "answer_too_large"
    words = _("The answer from there is larger than we can take.")


class Unreachable(Unavailable):
    """No usable answer: no such name, refused, broken off or too slow. Whether it arrived is unknown."""

    code = "unreachable"


@dataclass(frozen=True)
class Limits:
    """The body counts after decompression; the total is kept even against an answer that trickles."""

    connect_seconds: float = 5
    read_seconds: float = 10
    total_seconds: float = 20
    body_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class Rules:
    """Which scheme, port and address may be called."""

    admits: Callable[[str, Address], bool]
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What came back, of any status. Header names are lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def is_public(address: Address) -> bool:
    """Whether an address is a place on the internet and no detour into a private network."""
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in NOT_PUBLIC)
    )


# Of the operator's choice: any address, but readable by the way only on this machine.
SERVICE: Final = Rules(admits=lambda scheme, address: scheme == "https" or address.is_loopback)
# Of a person's choice, and so possibly hostile.
PUBLIC: Final = Rules(
    admits=lambda _scheme, address: is_public(address), ports=frozenset({80, 443})
)
PAGE: Final = Limits()
SMALL: Final = Limits(total_seconds=10, body_bytes=1024 * 1024)


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    limits: Limits = SMALL,
) -> Answer:
    """The answer of a service the operator configured; redirects are answers like any other.

    AddressRefused for plain HTTP to another machine, Unreachable, AnswerTooLarge. Never tried twice.
    """
    with client(SERVICE, limits) as line:
        return ask(line, method, url, headers=headers or {}, content=content)


def fetch(
    url: str,
    *,
    rules: Rules = PUBLIC,
    limits: Limits = PAGE,
    kinds: frozenset[str] = frozenset(),
) -> Answer:
    """What stands at an address a person gave, after at most five redirects, each checked like the first.

    AddressRefused for any address that is not public, another port, credentials, or a step from https
    back to http; Unreachable, AnswerTooLarge; WrongKind, before its body is read, for a good answer of none of
    these media types. The deadline holds for all steps together. Its host is in no log: it tells what
    somebody reads.
    """
    deadline = Deadline(time.monotonic() + limits.total_seconds)
    with client(rules, limits, deadline) as line:
        for _step in range(MOST_REDIRECTS + 1):
            answer = ask(line, "GET", url, headers={}, content=None, kinds=kinds, private=True)
            target = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or not target:
                return answer
            following = parsed(url).join(parsed(target))
            if url.startswith("https:") and following.scheme != "https":
                raise AddressRefused
            url = str(following)
    raise Unreachable("too_many_redirects")


def ask(
    line: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None,
    kinds: frozenset[str] = frozenset(),
    private: bool = False,
) -> Answer:
    address = parsed(url)
    started = time.monotonic()
    status = 0
    try:
        with line.stream(method, address, headers=headers, content=content) as response:
            status = response.status_code
            if kinds and status == 200 and media_type(response.headers) not in kinds:
                raise WrongKind
            response.read()
    finally:
        took = round((time.monotonic() - started) * 1000)
        host = "" if private else address.host
        log.info("egress", host=host, method=method, status=status, ms=took)
    return Answer(str(address), status, dict(response.headers), response.content)


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused from error


def client(rules: Rules, limits: Limits, deadline: "Deadline | None" = None) -> httpx.Client:
    """An HTTP client behind the door, also for the libraries of providers.

    Each request has the time the limits give; with a deadline all of them together have until then.
    """
    return httpx.Client(
        transport=Door(rules, limits, deadline),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
    )


@cache
def tls() -> ssl.SSLContext:
    """Whom we trust: the same for every request, and reading it takes longer than most of them."""
    return httpx.create_ssl_context(trust_env=False)


class Door(httpx.BaseTransport):
    """Each request over a connection of its own, under the rules and limits."""

    def __init__(self, rules: Rules, limits: Limits, deadline: "Deadline | None" = None) -> None:
        self.rules = rules
        self.limits = limits
        self.deadline = deadline
        self.tls = tls()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
        wanted = self.rules.ports
        if not port or not url.host or url.userinfo or (wanted and port not in wanted):
            raise AddressRefused
        deadline = self.deadline or Deadline(time.monotonic() + self.limits.total_seconds)
        pool = httpcore.ConnectionPool(
            ssl_context=self.tls, network_backend=Dialer(self.rules, url.scheme, deadline)
        )
        try:
            with mapped():
                answer = pool.handle_request(core_request(request, port))
            return unwrapped(answer, pool, self.limits)
        except BaseException:
            pool.close()
            raise


def core_request(request: httpx.Request, port: int) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def unwrapped(
    answer: httpcore.Response, pool: httpcore.ConnectionPool, limits: Limits
) -> httpx.Response:
    """The answer with its body still to be read, unpacked and counted on the way."""
    if sum(len(name) + len(value) for name, value in answer.headers) > LARGEST_HEAD_BYTES:
        raise AnswerTooLarge
    headers = httpx.Headers(answer.headers)
    encoding = headers.pop("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip"}:
        raise Unreachable("unknown_encoding")
    # The length was that of the packed body, or a lie; the bytes are counted instead.
    headers.pop("Content-Length", None)
    body = Body(answer, pool, encoding, limits.body_bytes)
    return httpx.Response(answer.status, headers=headers, stream=body)


class Body(httpx.SyncByteStream):
    """The body unpacked, a piece at a time. AnswerTooLarge as soon as it is."""

    def __init__(
        self, answer: httpcore.Response, pool: httpcore.ConnectionPool, encoding: str, most: int
    ) -> None:
        self.answer = answer
        self.pool = pool
        self.encoding = encoding
        self.most = most

    def __iter__(self) -> Iterator[bytes]:
        with mapped():
            pieces: Iterable[bytes] = self.answer.iter_stream()
            if self.encoding == "gzip":
                pieces = unpacked(pieces, self.most + 1)
            left = self.most
            for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise AnswerTooLarge
                yield piece

    def close(self) -> None:
        self.answer.close()
        self.pool.close()


def unpacked(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The gzip stream unpacked, never more than `most` bytes at once."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for piece in pieces:
            yield unpacker.decompress(piece, most)
    except zlib.error as error:
        raise Unreachable("broken_encoding") from error
    if not unpacker.eof:
        raise Unreachable("broken_encoding")


@contextmanager
def mapped() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise Unreachable("too_slow") from error
    except httpcore.NetworkError as error:
        raise Unreachable from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise Unreachable("broken_answer") from error


@dataclass(frozen=True)
class Deadline:
    at: float

    def left(self, seconds: float | None) -> float:
        """The wait that is still allowed, in seconds. ReadTimeout when there is none."""
        remaining = self.at - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout
        return remaining if seconds is None else min(seconds, remaining)


class Dialer(httpcore.NetworkBackend):
    """Resolves a name once, refuses it if any of its addresses is not admitted, connects to one of those."""

    def __init__(self, rules: Rules, scheme: str, deadline: Deadline) -> None:
        self.rules = rules
        self.scheme = scheme
        self.deadline = deadline
        self.backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolved(host, port)
        if not all(self.rules.admits(self.scheme, address) for address in addresses):
            raise AddressRefused
        failure: Exception = httpcore.ConnectError()
        for address in addresses:
            try:
                stream = self.backend.connect_tcp(
                    str(address), port, self.deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return Line(stream, self.deadline)
        raise failure


class Line(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline: waits per read would never end a trickle."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self.stream = stream
        self.deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, self.deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, self.deadline.left(timeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self.deadline.left(timeout)
        return Line(self.stream.start_tls(ssl_context, server_hostname, seconds), self.deadline)

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)


def resolved(host: str, port: int) -> list[Address]:
    """Every address of the name, as the system would try them; the forms of numbers it knows included."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError from error
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
