import re

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client
from django.urls import include, path

from writeorperish.ui.policy import POLICY_EXCEPTIONS
from writeorperish.ui.views import not_found

PLAIN = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "blob:"},
    "media-src": {"'self'", "blob:"},
    "font-src": {"'self'"},
    "connect-src": {"'self'"},
    "worker-src": {"'self'"},
    "manifest-src": {"'self'"},
    "form-action": {"'self'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
    "report-uri": {"/csp-report/"},
}


def page(request, **_kwargs):
    return HttpResponse("page")


def leave(request):
    return HttpResponseRedirect("/")


async def later(request):
    return HttpResponse("later")


urlpatterns = [
    path("", page),
    path("page/", page, name="page"),
    path("totp/", page, name="mfa_activate_totp"),
    path("docs/", page, name="api-docs"),
    path("later/", later, name="later"),
    path("s/<slug:slug>/", page),
    path("login/", page, name="account_login"),
    path("logout/", leave, name="account_logout"),
    path("", include("writeorperish.ui.urls")),
]
handler404 = not_found


@pytest.fixture(autouse=True)
def thrown_away_pages(settings):
    settings.ROOT_URLCONF = __name__


def policy_of(answer) -> dict[str, set[str]]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: set(values) for name, *values in (part.split(" ") for part in parts)}


def test_the_table_of_exceptions_is_this():
    assert POLICY_EXCEPTIONS == {
        "mfa_activate_totp": {"img-src": ["data:"]},
        "api-docs": {"style-src": ["'unsafe-inline'"], "img-src": ["data:"]},
    }


@pytest.mark.parametrize("address", ["/page/", "/nowhere/"])
def test_every_page_sends_the_plain_policy(client: Client, address):
    assert policy_of(client.get(address)) == PLAIN


def test_so_does_an_async_view():
    assert policy_of(async_to_sync(AsyncClient().get)("/later/")) == PLAIN


@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("/totp/", {"img-src": {"data:"}}),
        ("/docs/", {"style-src": {"'unsafe-inline'"}, "img-src": {"data:"}}),
    ],
)
def test_an_exception_adds_its_row_and_nothing_else(client: Client, address, more):
    assert policy_of(client.get(address)) == {
        name: values | more.get(name, set()) for name, values in PLAIN.items()
    }
    assert policy_of(client.get("/page/")) == PLAIN


def test_nobody_ever_evaluates_text():
    assert "unsafe-eval" not in str(POLICY_EXCEPTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Permissions-Policy", "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", "noindex"),
    ],
)
def test_every_page_sends_the_other_headers(client: Client, name, value):
    assert client.get("/page/").headers[name] == value


def test_the_landing_page_may_be_found(client: Client):
    assert "X-Robots-Tag" not in client.get("/").headers


def test_a_secret_address_is_told_to_nobody(client: Client):
    assert client.get("/s/a-share/").headers["Referrer-Policy"] == "no-referrer"


def test_signing_out_clears_the_device(client: Client):
    assert client.post("/logout/").headers["Clear-Site-Data"] == '"cache", "storage"'
    assert client.post("/logout/", {"keep": "1"}).headers["Clear-Site-Data"] == '"cache"'
    assert "Clear-Site-Data" not in client.get("/logout/").headers


def test_a_policy_has_no_source_twice(client: Client):
    header = client.get("/docs/").headers["Content-Security-Policy"]
    for part in header.split("; "):
        words = re.split(" ", part)
        assert len(words) == len(set(words))
