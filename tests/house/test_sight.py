"""Every address about one entry, for everybody: 200 exactly where `visible_to` says so, else the same 404."""

import re

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.factories import entry, public
from writeorperish.audit.models import Entry
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db

READ = ["/journal/{id}/", "/api/v1/journal/nodes/{id}/", "/api/v1/journal/nodes/{id}/thread/"]
OWN = [
    "/journal/{id}/edit/",
    "/journal/{id}/versions/",
    "/journal/{id}/audience/",
    "/journal/{id}/deletion/",
    "/api/v1/journal/nodes/{id}/versions/",
    "/api/v1/journal/nodes/{id}/audience/",
]
POSTED = [
    "/journal/{id}/replies/",
    "/journal/{id}/deletion/",
    "/journal/{id}/restoration/",
    "/journal/{id}/erasure/",
    "/api/v1/journal/nodes/{id}/restoration/",
    "/api/v1/journal/nodes/{id}/erasure/",
]
PASSING = re.compile(rb'(value|content)="[^"]{20,}"|[0-9a-f]{8}-[0-9a-f-]{27}')


def level(cast, name: str) -> Node:
    node = entry(cast.alice, circles=(cast.circle,) if name == "circles" else ())
    if name == "public":
        public(node)
    if name == "deleted":
        trash_node(cast.alice, node)
    return node


def client(who) -> Client:
    fresh = Client()
    if who is not None:
        fresh.force_login(who)
    return fresh


def people(cast):
    return {
        "alice": cast.alice,
        "bob": cast.bob,
        "charlie": cast.charlie,
        "mallory": cast.mallory,
        "moderator": cast.moderator,
        "nobody": None,
    }


READERS = {
    "private": {"alice"},
    "circles": {"alice", "bob"},
    "public": {"alice", "bob", "charlie", "moderator", "nobody"},
    "deleted": set(),
}


@pytest.mark.parametrize("name", READERS)
def test_reading_is_open_to_exactly_those_who_may_see(cast, name):
    node = level(cast, name)
    for who, person in people(cast).items():
        browser = client(person)
        for address in READ:
            got = browser.get(address.format(id=node.pk)).status_code
            if who in READERS[name] and not (who == "nobody" and "/api/" in address):
                assert got == 200, (who, address)
            elif who == "nobody":
                assert got == (401 if "/api/" in address else 302), address
            else:
                assert got == 404, (who, address)


@pytest.mark.parametrize("name", ["circles", "deleted"])
def test_what_is_the_owners_is_a_404_to_everybody_else(cast, name):
    node = level(cast, name)
    for who, person in people(cast).items():
        browser = client(person)
        for address in OWN:
            got = browser.get(address.format(id=node.pk)).status_code
            if who == "nobody":
                assert got == (401 if "/api/" in address else 302), address
            else:
                assert got == (200 if who == "alice" and name != "deleted" else 404), (who, address)


@pytest.mark.parametrize("name", ["private", "deleted"])
def test_foreign_and_missing_answer_with_the_same_bytes_and_queries(cast, name):
    node = level(cast, name)
    # A process looks it up once and remembers; the first to ask would pay for it.
    ContentType.objects.get_for_model(Node)
    for person in (cast.mallory, cast.moderator):
        for address in READ + OWN[:1] + OWN[-1:]:
            foreign, missing = (seen_at(person, address.format(id=i)) for i in (node.pk, new_id()))
            assert foreign == missing, address


def seen_at(person, address: str) -> tuple[int, bytes, int]:
    browser = client(person)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = browser.get(address)
    return answer.status_code, PASSING.sub(b"", answer.content), len(queries)


@pytest.mark.parametrize("address", POSTED)
def test_nothing_is_done_to_what_one_may_not_see(cast, address):
    node = level(cast, "private")
    for person in (cast.bob, cast.charlie, cast.mallory, cast.moderator):
        answer = client(person).post(address.format(id=node.pk), {"text": "words"})
        assert answer.status_code == 404
    assert Node.objects.get().deleted_at is None


def test_lists_hold_no_row_of_others(cast):
    for name in READERS:
        level(cast, name)
    for person in (cast.charlie, cast.mallory, cast.moderator):
        assert client(person).get("/api/v1/journal/nodes/").json()["results"] == []
        for address in (
            "/journal/",
            "/journal/?audience=shared",
            "/journal/trash/",
            "/search/?q=words",
        ):
            assert b"alice's words" not in client(person).get(address).content.replace(
                b"&#x27;", b"'"
            )


def test_a_look_at_anothers_entry_stands_in_its_owners_chain(cast):
    node = level(cast, "circles")
    for _ in range(2):
        client(cast.bob).get(f"/journal/{node.pk}/")
    seen = Entry.objects.filter(chain=str(cast.alice.pk), action="seen", object_id=node.pk)
    assert [line.actor_id for line in seen] == [cast.bob.pk]
    client(cast.alice).get(f"/journal/{node.pk}/")
    assert seen.count() == 1


def test_nothing_is_done_to_what_lies_in_the_trash(cast):
    node = entry(cast.alice, "words", ai_usage="chat")
    version = node.versions.get()
    trash_node(cast.alice, node)
    browser = client(cast.alice)
    page, api = f"/journal/{node.pk}/", f"/api/v1/journal/nodes/{node.pk}/"
    keyed, asked = {"Idempotency-Key": str(new_id())}, {"content_type": "application/json"}
    for address in (
        *("edit/", "ai-replies/", "reading-aloud/", "pin/", "audience/", "context/"),
        f"versions/{version.pk}/restoration/",
    ):
        assert browser.post(page + address, {"text": "late"}).status_code in {404, 405}, address
    for address in ("ai-replies/", f"versions/{version.pk}/restoration/"):
        assert browser.post(api + address, {}, headers=keyed, **asked).status_code in {404, 410}
    late = browser.patch(api, {"text": "late"}, headers={"If-Match": '"1"'}, **asked)
    assert late.status_code == 404
    wider = {"privacy_level": "private"}
    assert browser.put(f"{api}audience/", wider, **asked).status_code == 404
    for address in (page, f"{page}audio/", f"{page}reply/", f"{page}edit/", api, f"{api}reads/"):
        assert browser.get(address).status_code == 404, address
    assert str(node.pk).encode() not in browser.get("/journal/").content
    assert (Node.objects.get().body, Node.objects.get().rev) == ("words", 1)
