import re

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from structlog.testing import capture_logs

from writeorperish.ops.logging import current_request_id
from writeorperish.ops.middleware import client_ip

PROXY, PERSON = "10.0.0.7", "203.0.113.9"


def page(request, words=""):
    return HttpResponse(current_request_id())


async def later(request):
    return HttpResponse(current_request_id())


urlpatterns = [
    path("page/<str:words>/", page, name="page"),
    path("later/", later),
    path("api/v1/page/", page),
    path("health", page),
]


@pytest.fixture(autouse=True)
def thrown_away_pages(settings):
    settings.ROOT_URLCONF = __name__


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        ([], PERSON, "198.51.100.1", PERSON),
        ([PROXY], PROXY, PERSON, PERSON),
        (["10.0.0.0/8"], PROXY, f"198.51.100.1, {PERSON}", PERSON),
        (["10.0.0.0/8"], PROXY, f"{PERSON}, 10.1.1.1", PERSON),
        ([PROXY], PROXY, "", PROXY),
        ([PROXY], PERSON, "198.51.100.1", PERSON),
        (["10.0.0.0/8"], "", "198.51.100.1", ""),
    ],
)
def test_an_address_is_believed_as_far_as_trusted_proxies_vouch(
    rf, settings, proxies, peer, forwarded, address
):
    settings.TRUSTED_PROXIES = proxies
    assert (
        client_ip(rf.get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})) == address
    )


def test_every_answer_names_its_request_and_the_work_knows_it(client: Client):
    one, other = client.get("/page/a/"), client.get("/page/a/")
    assert one.headers["X-Request-ID"] == one.text
    assert one.text != other.text


def test_so_does_the_async_chain():
    answer = async_to_sync(AsyncClient().get)("/later/")
    assert answer.headers["X-Request-ID"] == answer.content.decode()


@pytest.mark.parametrize(
    ("proxies", "offered", "taken"),
    [
        ([PROXY], "abcdef-123456", True),
        ([], "abcdef-123456", False),
        ([PROXY], "short", False),
        ([PROXY], "x" * 65, False),
        ([PROXY], "alice's words", False),
    ],
)
def test_an_id_is_taken_over_from_trusted_proxies_only(
    client: Client, settings, proxies, offered, taken
):
    settings.TRUSTED_PROXIES = proxies
    answer = client.get("/page/a/", REMOTE_ADDR=PROXY, headers={"X-Request-ID": offered})
    assert (answer.headers["X-Request-ID"] == offered) is taken


def test_a_request_leaves_one_line_without_its_address(client: Client):
    with capture_logs() as lines:
        client.get("/page/secret/?q=words")
    (line,) = lines
    assert (line["event"], line["route"], line["status"], line["queries"]) == (
        "request",
        "page",
        200,
        0,
    )
    assert not re.search("secret|words", str(line))


def test_questions_of_machines_leave_no_line(client: Client):
    with capture_logs() as lines:
        client.get("/health")
    assert lines == []


def test_a_known_origin_may_ask_the_api_without_cookies(client: Client, settings):
    settings.API_ORIGINS = ["https://app.example"]
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    first = client.options("/api/v1/page/", headers=headers)
    assert first.status_code == 204
    assert "PATCH" in first.headers["Access-Control-Allow-Methods"]
    answer = client.get("/api/v1/page/", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("origin", "address"),
    [("https://evil.example", "/api/v1/page/"), ("https://app.example", "/page/a/")],
)
def test_nobody_else_and_nothing_else_is_open(client: Client, settings, origin, address):
    settings.API_ORIGINS = ["https://app.example"]
    answer = client.get(address, headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
