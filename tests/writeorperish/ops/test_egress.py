import gzip
import ipaddress
import logging
import socket
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.site import HERE, OK, moved, packed, serving
from writeorperish.ops import egress
from writeorperish.ops.egress import (
    PUBLIC,
    AddressRefused,
    AnswerTooLarge,
    Limits,
    Unreachable,
)


def test_a_service_answers_with_status_headers_and_body() -> None:
    with serving([b"HTTP/1.1 404 No\r\nX-Why: gone\r\nContent-Length: 2\r\n\r\nno"]) as server:
        answer = egress.call("POST", f"{server.url}key?v=1", content=b"{}", headers={"X-A": "1"})

    assert (answer.status, answer.headers["x-why"], answer.body) == (404, "gone", b"no")
    assert server.asked[0].startswith(b"POST /key?v=1 HTTP/1.1\r\n")
    assert b"X-A: 1\r\n" in server.asked[0]


def test_the_environment_sends_nothing_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", "/dev/null")
    with serving([OK]) as server:
        assert egress.call("GET", server.url).body == b"hello"

    assert b"authorization" not in server.asked[0].lower()
    assert b"Accept-Encoding: gzip\r\n" in server.asked[0]


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0/"),
        *("http://2130706433/", "http://0x7f.1/", "http://017700000001/"),
        *("http://169.254.169.254/", "http://100.64.0.1/", "http://[64:ff9b::7f00:1]/"),
        *("http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://[fc00::1]/"),
        *(
            "http://[fe80::1]/",
            "http://224.0.0.1/",
            "http://198.18.0.1/",
            "http://[2002:7f00:1::]/",
        ),
        *("http://a@93.184.216.34/", "http://a:b@93.184.216.34/", "http://93.184.216.34:22/"),
        *("http://93.184.216.34:6379/", "file:///etc/passwd", "gopher://93.184.216.34/"),
        *("http:///nowhere", "//93.184.216.34/", "http://[::1", "", "http://\x00/"),
    ],
)
def test_a_person_cannot_send_us_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: object, **_named: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "create_connection", never)

    with pytest.raises(AddressRefused):
        egress.fetch(address)


@given(st.ip_addresses(network="64:ff9b::/96") | st.ip_addresses(network="::ffff:0:0/96"))
def test_no_address_that_carries_another_is_public(address: ipaddress.IPv6Address) -> None:
    assert not egress.is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_places_on_the_internet_are_public(address: str) -> None:
    assert egress.is_public(ipaddress.ip_address(address))


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The resolver's answers to come for names, and the names it was asked; numbers stay themselves."""
    asked: list[str] = []
    coming = list(answers)
    system = socket.getaddrinfo

    def resolve(host: str, port: int, *args: object, **named: object) -> object:
        if host[0].isdigit():
            return system(host, port, *args, **named)
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in coming.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"]])
def test_one_private_address_refuses_the_name(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, addresses)

    with pytest.raises(AddressRefused):
        egress.fetch("http://localhost./")


def test_a_name_that_changes_after_the_check_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving([OK]) as server:
        asked = names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        port = server.server_address[1]
        answer = egress.fetch(f"http://example.org:{port}/", rules=HERE)

    assert answer.body == b"hello"
    assert asked.count("example.org") == 1
    assert f"Host: example.org:{port}\r\n".encode() in server.asked[0]


def test_redirects_are_followed_and_each_is_checked() -> None:
    with serving(moved("/there"), [OK]) as server:
        answer = egress.fetch(server.url, rules=HERE)
        assert (answer.url, answer.body) == (f"{server.url}there", b"hello")

    with serving(moved("http://127.0.0.2/inside")) as server, pytest.raises(AddressRefused):
        egress.fetch(server.url, rules=HERE)


def test_a_redirect_loop_ends() -> None:
    with serving(*[moved("/again")] * 6) as server:
        with pytest.raises(Unreachable) as refusal:
            egress.fetch(server.url, rules=HERE)
        assert refusal.value.code == "too_many_redirects"
        assert len(server.asked) == 6


def test_a_service_may_not_be_called_in_the_clear_on_another_machine() -> None:
    with pytest.raises(AddressRefused):
        egress.call("GET", "http://192.0.2.1/")


def test_public_rules_hold_for_https_too() -> None:
    assert PUBLIC.ports == {80, 443}
    with pytest.raises(AddressRefused):
        egress.fetch("https://127.0.0.1/")


def test_an_endless_body_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    with serving([head, *[b"x" * 65536] * 64]) as server, pytest.raises(AnswerTooLarge):
        egress.call("GET", server.url, limits=Limits(body_bytes=1_000_000))


def test_a_bomb_is_counted_after_unpacking() -> None:
    with serving([packed(b"\0" * 20_000_000)], [packed(b"fits")]) as server:
        with pytest.raises(AnswerTooLarge):
            egress.call("GET", server.url, limits=Limits(body_bytes=1_000_000))
        assert egress.call("GET", server.url).body == b"fits"


def test_a_bomb_is_never_unpacked_whole() -> None:
    pieces = egress.unpacked([gzip.compress(b"\0" * 20_000_000)], 1000)

    assert len(next(pieces)) == 1000


@pytest.mark.parametrize(
    "spoken",
    [
        [b""],
        [b"SSH-2.0-server\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"],
        [packed(b"word" * 100)[:-12]],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"],
        [b"HTTP/1.1 200 OK\r\nX-Big: " + b"x" * 10_000_000 + b"\r\n\r\n"],
    ],
    ids=[
        "silence",
        "another protocol",
        "half a body",
        "half a pack",
        "no pack",
        "br",
        "10 MB head",
    ],
)
def test_a_broken_answer_is_unreachable(spoken: list[bytes | float]) -> None:
    with serving(spoken) as server, pytest.raises(Unreachable):
        egress.call("GET", server.url)


def test_nobody_listening_and_no_such_name_are_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            egress.call("GET", f"http://127.0.0.1:{taken.getsockname()[1]}/")
    with pytest.raises(Unreachable):
        egress.call("GET", "https://name.invalid/")


@pytest.mark.parametrize("spoken", [[b"x", 0.1] * 100, [10.0]], ids=["a trickle", "silence"])
def test_a_slow_answer_ends_at_the_deadline(spoken: list[bytes | float]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    limits = replace(Limits(), read_seconds=5, total_seconds=0.5)
    with serving([head, *spoken]) as server:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            egress.call("GET", server.url, limits=limits)
        assert time.monotonic() - started < 3


def test_the_log_names_host_and_status_and_nothing_of_the_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with serving([OK]) as server:
        egress.call("GET", f"{server.url}canary?canary", headers={"X-Key": "canary"})

    assert "'host': '127.0.0.1'" in caplog.text
    assert "'status': 200" in caplog.text
    assert "canary" not in caplog.text
