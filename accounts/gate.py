"""Who comes in: people not yet admitted reach their waiting page only, and the API asks each request for its credential."""

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

from allauth.account.authentication import get_authentication_records
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request as ApiRequest

from accounts.actions.tokens import family_of
from accounts.models import User
from accounts.tokens import PROOF_LIFE, Credential, NotAuthenticated, scopes_of

# Probes: answered without asking who is there, which would ask the database.
NOBODYS = frozenset({"/health", "/ready", "/metrics"})
OPEN_TO_ALL = (
    "/accounts/",
    "/static/",
    "/health",
    "/ready",
    "/waiting/",
    "/api/",
    "/csp-report/",
    "/offline/",
    "/sw.js",
    "/manifest.webmanifest",
)

Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class Gate:
    """Middleware for both chains. The API answers for itself, by shrinking scopes."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.answer(request)
        if request.path in NOBODYS:
            return self.get_response(request)
        keep_time_of(request.user)
        return self.stopped(request) or self.get_response(request)

    async def answer(self, request: HttpRequest) -> HttpResponseBase:
        stopped = None
        if request.path not in NOBODYS:
            await sync_to_async(lambda: keep_time_of(request.user))()
            stopped = await sync_to_async(self.stopped)(request)
        return stopped or await self.get_response(request)  # type: ignore[misc]  # the async chain

    def stopped(self, request: HttpRequest) -> HttpResponse | None:
        """The way to the waiting page, or None where this person may go on."""
        person: User | AnonymousUser = request.user
        if (
            request.path.startswith(OPEN_TO_ALL)
            or not isinstance(person, User)
            or person.is_admitted
        ):
            return None
        return HttpResponseRedirect(reverse("accounts:waiting"))


def keep_time_of(person: User | AnonymousUser | AbstractBaseUser) -> None:
    """From here on this request's days and hours are those of its person, or UTC for visitors."""
    if isinstance(person, User):
        timezone.activate(ZoneInfo(person.profile.zone))
    else:
        timezone.deactivate()


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`. It wins over cookies; two different people in one request are nobody."""

    def authenticate(self, request: ApiRequest) -> tuple[User, Credential] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        family = family_of(token.strip())
        signed_in = request._request.user  # the session's person, before DRF decides
        if signed_in.is_authenticated and signed_in.pk != family.person_id:
            raise NotAuthenticated
        scopes, why = scopes_of(family.person)
        proved = family.proved_at is not None and timezone.now() - family.proved_at <= PROOF_LIFE
        return family.person, Credential(scopes, "jwt", why, family, proved)

    def authenticate_header(self, request: ApiRequest) -> str:
        return "Bearer"


class SessionAuthentication(BaseAuthentication):
    """The browser's session, with CSRF. It has every scope its person has."""

    def authenticate(self, request: ApiRequest) -> tuple[User, Credential] | None:
        person = request._request.user  # Django's own, set by its middleware
        if not isinstance(person, User) or not person.is_active:
            return None
        check = CSRFCheck(nothing)
        check.process_request(request._request)
        refused = check.process_view(request._request, nothing, (), {})
        if refused:
            raise PermissionDenied(detail="csrf")
        scopes, why = scopes_of(person)
        return person, Credential(scopes, "session", why, proved=proved_lately(request._request))


def nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def proved_lately(request: HttpRequest) -> bool:
    """Whether the person of this session showed a password or second step within the last 15 minutes."""
    records = get_authentication_records(request)
    newest = max((record.get("at", 0) for record in records), default=0)
    return timezone.now().timestamp() - newest <= PROOF_LIFE.total_seconds()
