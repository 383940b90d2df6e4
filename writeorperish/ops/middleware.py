"""Who is asking, under which number: the request id, the client's address, and callers from other origins."""

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from writeorperish.refs import new_id

log = structlog.get_logger()

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
# Asked every few seconds by machines; their answers are in the metrics of whoever asks.
QUIET: Final = ("/health", "/ready", "/static/")
API_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
API_HEADERS: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Content-Digest"
)
API_EXPOSED: Final = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID"

Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def client_ip(request: HttpRequest) -> str:
    """The address the request came from, as far as proxies we trust vouch for it."""
    address: str = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    while hops and hops[-1] and from_trusted_proxy(address):
        address = hops.pop()
    return address


def from_trusted_proxy(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in ipaddress.ip_network(net, strict=False) for net in settings.TRUSTED_PROXIES)


class RequestId:
    """Every answer carries `X-Request-ID`, every log line meanwhile the same id, and each request leaves one line."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.answer_later(request)
        request_id, started = begin(request), time.perf_counter()
        counted = Counted()
        with connection.execute_wrapper(counted):
            response = self.get_response(request)
        return finish(request, response, request_id, started, queries=counted.queries)  # type: ignore[arg-type]  # sync here

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        request_id, started = begin(request), time.perf_counter()
        response = await self.get_response(request)  # type: ignore[misc]  # async here
        return finish(request, response, request_id, started, queries=None)


class Counted:
    """Counts the statements that pass through it."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(
        self,
        execute: Callable[..., object],
        sql: str,
        params: object,
        many: bool,
        context: dict[str, object],
    ) -> object:
        self.queries += 1
        return execute(sql, params, many, context)


def begin(request: HttpRequest) -> str:
    """The id of this request: the proxy's, if we trust it and it looks like one, else a new one."""
    offered = request.headers.get("X-Request-ID", "")
    trusted = from_trusted_proxy(request.META.get("REMOTE_ADDR", ""))
    request_id = offered if trusted and REQUEST_ID.fullmatch(offered) else str(new_id())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def finish(
    request: HttpRequest,
    response: HttpResponseBase,
    request_id: str,
    started: float,
    *,
    queries: int | None,
) -> HttpResponseBase:
    response.headers["X-Request-ID"] = request_id
    if not request.path.startswith(QUIET):
        match = request.resolver_match
        log.info(
            "request",
            method=request.method,
            route=match.view_name or match.route if match else "",
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000),
            queries=queries,
        )
    return response


class ApiOrigins:
    """Browsers at the origins in API_ORIGINS may call the API with a bearer token, never with cookies."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.answer_later(request)
        response = asking_first(request) or self.get_response(request)
        return opened(request, response)  # type: ignore[arg-type]  # sync here

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        response = asking_first(request) or await self.get_response(request)  # type: ignore[misc]  # async here
        return opened(request, response)


def known_origin(request: HttpRequest) -> str:
    origin = request.headers.get("Origin", "")
    return origin if request.path.startswith("/api/") and origin in settings.API_ORIGINS else ""


def asking_first(request: HttpRequest) -> HttpResponse | None:
    """The answer to a browser's preflight, or None when this is no preflight from an origin we know."""
    if request.method != "OPTIONS" or not known_origin(request):
        return None
    if "Access-Control-Request-Method" not in request.headers:
        return None
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": API_METHODS,
            "Access-Control-Allow-Headers": API_HEADERS,
            "Access-Control-Max-Age": "600",
        },
    )


def opened(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if origin := known_origin(request):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = API_EXPOSED
        response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "Origin"]))
    return response
