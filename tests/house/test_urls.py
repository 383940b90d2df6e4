"""Every address belongs to one room, and none changes anything without its CSRF token."""

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from writeorperish.refs import new_id

# Whose first path segments they are; allauth's pages stand under accounts.
SEGMENTS = {
    "journal": {"journal", "voice", "media"},
    "download": {"search", "ask", "library", "review"},
    "accounts": {"", "promise", "waiting", "settings", "accounts"},
    "allauth": {"accounts"},
    "writeorperish.ui": {
        *("styleguide", "offline", "sw.js", "manifest.webmanifest", "share-target", "csp-report"),
    },
    "writeorperish.ops": {"health", "ready"},
}
ROOF = {"admin", "api", "live"}
OPEN = {"/csp-report/"}
VALUES = {"uuid": str(new_id()), "str": "x", "int": "1", "path": "x", "slug": "x"}
PLACE = re.compile(r"<(?:(\w+):)?\w+>")


def addresses(patterns, before: str = ""):
    """Every pattern of a page as text, with the module of its view."""
    for each in patterns:
        text = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, text)
        elif isinstance(each, URLPattern) and text.partition("/")[0] not in ROOF:
            yield text, each.callback.__module__


PAGES = sorted(set(addresses(get_resolver().url_patterns)))


def filled(text: str) -> str:
    return "/" + PLACE.sub(lambda found: VALUES[found[1] or "str"], text)


def room_of(module: str) -> str:
    rooms = [room for room in SEGMENTS if module == room or module.startswith(f"{room}.")]
    return rooms[0] if rooms else module


def test_a_first_segment_belongs_to_one_room():
    found: dict[str, set[str]] = {}
    for text, module in PAGES:
        found.setdefault(room_of(module), set()).add(text.partition("/")[0])
    strays = {
        room: sorted(segments - SEGMENTS.get(room, set())) for room, segments in found.items()
    }
    assert {room: segments for room, segments in strays.items() if segments} == {}


@pytest.mark.django_db
def test_nothing_is_posted_without_a_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    # A regular expression among them is allauth's link of a mail.
    paths = [filled(text) for text, _module in PAGES if "(?P" not in text]
    answers = {path: client.post(path).status_code for path in paths}
    assert len(answers) > 40
    taken = {path: status for path, status in answers.items() if status not in {403, 405}}
    assert set(taken) == OPEN, taken
