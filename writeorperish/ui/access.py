"""Who may call the API, and how often. Apart from the kit, because DRF reads its settings while it loads its views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.throttling import BaseThrottle

from writeorperish.ops import limits
from writeorperish.ops.middleware import client_ip
from writeorperish.ops.refusals import Barred

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request
    from rest_framework.views import APIView

# A view whose scope is this one answers anybody, as signing in must.
OPEN: Final = ""
ACT: Final = "act"


class MissingScope(Barred):
    code = "missing_scope"
    words = _("These credentials do not allow this.")


class Credential(Protocol):
    """What authentication leaves in `request.auth`. A session has all scopes of its person.

    `why_not` says what keeps the person from more (not_admitted, terms_due, leaving), or nothing.
    """

    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def why_not(self) -> str: ...


def scopes_needed(view: APIView, method: str) -> tuple[str, ...]:
    """The scopes a request to this view takes: by action, else reading or changing; () for open views.

    ImproperlyConfigured when the view names none.
    """
    by_action: Mapping[str, tuple[str, ...]] = getattr(view, "action_scopes", {})
    action = getattr(view, "action", None) or ""
    if action in by_action:
        return by_action[action]
    named = "read_scope" if method in SAFE_METHODS else "write_scope"
    scope = getattr(view, named, None)
    if scope is None:
        raise ImproperlyConfigured(f"{type(view).__name__} names no {named}.")
    return (scope,) if scope else ()


class HasScope(BasePermission):
    """Lets through whom the view's scopes were given to."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = scopes_needed(view, str(request.method))
        if not needed:
            return True
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated
        credential = cast("Credential", request.auth)
        missing = [scope for scope in needed if scope not in credential.scopes]
        if missing:
            raise MissingScope(why=credential.why_not or "credential", scopes=missing)
        return True


class RateThrottle(BaseThrottle):
    """Takes a turn of the person or address, and one more of the rate the view names for its action."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        person = request.user.pk if request.user.is_authenticated else None
        subject = person or client_ip(request._request)
        request._request.allowance = limits.require("api" if person else "anonymous_api", subject)  # type: ignore[attr-defined]  # read by Fragments
        by_action: Mapping[str, str] = getattr(view, "rates", {})
        rate = by_action.get(getattr(view, "action", None) or str(request.method))
        if rate:
            request._request.allowance = limits.require(rate, subject)  # type: ignore[attr-defined]  # read by Fragments
        return True
