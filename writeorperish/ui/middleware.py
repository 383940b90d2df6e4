"""What leaves the house in the shape its reader can use: refusals, redirects and toasts as page, part or problem."""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string, select_template
from django.utils.cache import patch_vary_headers

from writeorperish.ops.limits import RATES, Allowance
from writeorperish.ops.middleware import Answer
from writeorperish.ops.refusals import Barred, Missing, Refused
from writeorperish.ui import problems
from writeorperish.ui.pages import is_htmx, target_id

NO_STORE: Final = "no-store"
KEPT: Final = ("Allow", "Retry-After")
# These never replace content (the list is in base.html too), so a toast in them would be lost.
NOT_SWAPPED: Final = frozenset({204, 304, 401})


class Fragments:
    """Refusals in the reader's shape; for htmx also redirects and toasts; nothing personal is stored on the way."""

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
        return finished(request, self.get_response(request))  # type: ignore[arg-type]  # sync here

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)  # type: ignore[misc]  # async here
        return await sync_to_async(finished)(request, response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Refused):
            return refusal(request, error)
        if isinstance(error, Http404):
            return refusal(request, Missing())
        if isinstance(error, PermissionDenied):
            return refusal(request, Barred())
        return None


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The refusal as a problem for the API, a part for htmx, a page for everyone else: one status, one sentence."""
    headers = problems.retry_header(refused)
    if problems.is_api(request):
        return problems.response(problems.body_of(refused), headers)
    context = {"refused": refused, "words": refused.words, "target": target_id(request)}
    if is_htmx(request):
        response = render(request, "ui_pages/refusal.html", context, status=refused.status)
    else:
        page = select_template([f"{refused.status}.html", "ui_pages/refused.html"])
        response = HttpResponse(page.render(context, request), status=refused.status)
    for name, value in headers.items():
        response.headers[name] = value
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if problems.is_api(request):
        response = as_problem(response)
        add_rate(request, response)
    elif is_htmx(request):
        response = for_htmx(request, response)
    keep_private(request, response)
    return response


def as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """The answer, or its problem when it is an error that something below us wrote as a page."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if response.status_code < HTTPStatus.BAD_REQUEST or kind in {
        problems.MEDIA_TYPE,
        "application/json",
    }:
        return response
    kept = {name: response.headers[name] for name in KEPT if name in response.headers}
    return problems.response(problems.body(response.status_code), kept)


def add_rate(request: HttpRequest, response: HttpResponseBase) -> None:
    """RateLimit headers (IETF draft) when a turn was taken: what is left, and in how many seconds all is back."""
    allowance: Allowance | None = getattr(request, "allowance", None)
    if allowance is None:
        return
    rate = RATES[allowance.name]
    window = round(rate.per.total_seconds())
    response.headers["RateLimit-Policy"] = f'"{allowance.name}";q={rate.limit};w={window}'
    response.headers["RateLimit"] = (
        f'"{allowance.name}";r={allowance.remaining};t={allowance.reset_seconds}'
    )


def for_htmx(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer as htmx can use it: it would follow a redirect itself and put a whole page into a panel."""
    if response.status_code in range(300, 400) and response.headers.get("Location"):
        return instead_of_redirect(response)
    if has_room_for_toasts(response):
        add_toasts(request, response)
    return response


def instead_of_redirect(response: HttpResponseBase) -> HttpResponse:
    """401 without a body when sign-in was asked for, so that typed text stays; else the browser goes there itself."""
    to = response.headers["Location"]
    if to.partition("?")[0] == resolve_url(settings.LOGIN_URL):
        answer = HttpResponse(status=401)
    else:
        answer = HttpResponse(headers={"HX-Redirect": to})
    answer.cookies = response.cookies
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def has_room_for_toasts(response: HttpResponseBase) -> bool:
    return (
        isinstance(response, HttpResponse)
        and response.headers.get("Content-Type", "").startswith("text/html")
        and response.status_code not in NOT_SWAPPED
        and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        and "HX-Redirect" not in response.headers
    )


def add_toasts(request: HttpRequest, response: HttpResponseBase) -> None:
    waiting = list(get_messages(request))
    if waiting and isinstance(response, HttpResponse):
        response.content += render_to_string("ui_pages/toasts.html", {"messages": waiting}).encode()


def keep_private(request: HttpRequest, response: HttpResponseBase) -> None:
    """Whatever was made for a person is stored nowhere, unless the view decided otherwise (sound, images)."""
    if "Cache-Control" in response.headers:
        return
    if problems.is_api(request):
        response.headers["Cache-Control"] = f"private, {NO_STORE}"
    elif request.session.accessed and request.user.is_authenticated:
        response.headers["Cache-Control"] = NO_STORE
