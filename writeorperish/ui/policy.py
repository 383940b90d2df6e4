"""The one Content Security Policy with its few exceptions, and the headers that go with it."""

from collections.abc import Mapping
from typing import Final

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# By the name of the view. A row is a reason somebody can read; a test knows all of them.
POLICY_EXCEPTIONS: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "mfa_activate_totp": {"img-src": ["data:"]},  # allauth draws the code to scan as a data URI
    "api-docs": {"style-src": ["'unsafe-inline'"], "img-src": ["data:"]},  # Swagger styles itself
}
PERMISSIONS: Final = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"
# Addresses that are secrets: the next site must not learn them.
SECRET_ADDRESSES: Final = ("/s/", "/circles/join/")
INDEXED: Final = frozenset({"/", "/promise/", "/terms/", "/imprint/", "/agreements/"})


class PolicyMiddleware(CSPMiddleware):
    """The policy of the settings on every answer; django-csp's decorators break on async and foreign views."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        match = request.resolver_match
        parts.update = dict(POLICY_EXCEPTIONS.get(match.view_name, {})) if match else {}
        return parts

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        for name, value in headers_for(request, response).items():
            response.headers.setdefault(name, value)
        return super().process_response(request, response)


def headers_for(request: HttpRequest, response: HttpResponseBase) -> dict[str, str]:
    headers = {
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if request.path.startswith(SECRET_ADDRESSES):
        headers["Referrer-Policy"] = "no-referrer"
    if request.path not in INDEXED:
        headers["X-Robots-Tag"] = "noindex"
    if signed_out(request, response):
        keeps = bool(request.POST.get("keep"))
        headers["Clear-Site-Data"] = '"cache"' if keeps else '"cache", "storage"'
    return headers


def signed_out(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether this answer ends a session: what the device keeps of the person goes with it."""
    match = request.resolver_match
    return (
        match is not None
        and match.view_name == "account_logout"
        and request.method == "POST"
        and response.status_code < 400
    )
