"""A list costs no more queries for four rows than for two, on every page and in the API."""

from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actions.tokens import begin_family
from download.actions.answers import Where, begin, stop
from download.actions.exports import ask_for_export
from download.actions.highlights import mark_quote
from download.actions.imports import begin_import as begin_links
from download.actions.items import trash_item
from download.actions.mutes import mute_tag
from download.models.feeds import Feed
from download.models.imports import Import, ImportRow
from download.models.items import Item
from journal.actions.drafts import save_draft
from journal.actions.imports import begin_import, begin_upload, put_part
from journal.actions.nodes import edit_node
from journal.actions.portraits import edit_portrait, shown_to
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.replies import ask_for_reply
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import befriend, block_between, entry, kept, person
from tests.sounds import sound
from writeorperish.ai.verdicts import Trait, verdict
from writeorperish.privacy.circles import invite
from writeorperish.refs import new_id
from writeorperish.ui.schema import Generator

pytestmark = pytest.mark.django_db

API = [
    "/api/v1/download/ask/",
    "/api/v1/download/highlights/",
    "/api/v1/download/feeds/",
    "/api/v1/download/imports/",
    "/api/v1/download/imports/{file}/rows/",
    "/api/v1/download/items/",
    "/api/v1/download/related/?ref=journal.node:{thread}",
    "/api/v1/download/search/?q=words",
    "/api/v1/download/tags/",
    "/api/v1/journal/drafts/",
    "/api/v1/journal/imports/",
    "/api/v1/journal/nodes/",
    "/api/v1/journal/nodes/{thread}/reads/",
    "/api/v1/journal/nodes/{thread}/versions/",
    "/api/v1/journal/recordings/",
    "/api/v1/journal/portrait/versions/",
    "/api/v1/me/activity/",
    "/api/v1/me/ai/calls/",
    "/api/v1/me/ai/models/",
    "/api/v1/me/ai/reads/",
    "/api/v1/me/blocks/",
    "/api/v1/me/circles/",
    "/api/v1/me/consents/",
    "/api/v1/me/invitations/",
    "/api/v1/me/jobs/",
    "/api/v1/me/learned/",
    "/api/v1/me/memberships/",
    "/api/v1/me/tokens/",
]
PAGES = [
    "/ask/",
    "/journal/",
    "/journal/?audience=shared",
    "/journal/drafts/",
    "/journal/trash/",
    "/journal/import/",
    "/journal/profile/",
    "/journal/profile/versions/",
    "/journal/{thread}/",
    "/journal/{thread}/versions/",
    "/journal/{thread}/audience/",
    "/journal/{thread}/context/",
    "/library/",
    "/library/?state=deleted",
    "/library/?tag=t0",
    "/library/export/",
    "/library/highlights/",
    "/library/sources/",
    "/library/_below/?node={thread}",
    "/library/import/",
    "/library/import/{file}/",
    "/library/mutes/",
    "/library/tags/",
    "/library/{link}/",
    "/review/",
    "/review/session/",
    "/search/?q=words",
    "/search/palette/?q=words",
    "/settings/activity/",
    "/settings/ai/",
    "/settings/learned/",
    "/settings/tokens/",
    "/voice/",
]
INSIDE = ["/api/v1/journal/nodes/{thread}/thread/", "/api/v1/me/circles/{circle}/"]


def grow(owner, thread: Node, read: Item, circle, friend, *, to: int, by: int) -> None:
    """`by` more rows of everything that one of the lists shows."""
    for number in range(to - by, to):
        entry(owner, f"words number {number}")
        entry(owner, f"a reply, {number} words", parent=thread)
        entry(friend, f"words of a friend {number}", circles=(friend.circles.first(),))
        trash_node(owner, entry(owner, f"deleted words {number}"))
        ask_for_reply(owner, entry(owner, f"open words {number}", ai_usage="chat").pk)
        stop(owner, begin(owner, f"Which words are number {number}?", where=Where()).pk)
        link = kept(
            owner, f"https://{number}.example/", f"words to keep {number}", tags=(f"t{number}",)
        )
        mute_tag(owner, link.tags.get())
        mark_quote(owner, link, quote="words to keep")
        mark_quote(owner, read, quote=f"word{number}")
        trash_item(owner, kept(owner, f"https://gone.example/{number}", title="Gone"))
        traits = {Trait("tags", number): f"tag {number}"}
        verdict(owner, "recommendation", "opened", about=new_id().bytes, traits=traits)
        save_draft(owner, new_id(), seq=1, title="", text=f"half of words {number}")
        edit_node(owner, thread, base_rev=thread.rev, title=None, text=f"words, take {number}")
        thread.refresh_from_db()
        upload = begin_upload(owner, size=5)
        put_part(owner, upload, 0, b"words")
        begin_import(owner, upload)
        bring(owner, number)
        speak(owner, into="draft")
        speak(owner, into="entry", parent=thread.pk)
        somebody = person(f"somebody{number}")
        invite(owner, circle, somebody)
        befriend(somebody, owner)
        invite(somebody, befriend(somebody), owner)
        block_between(owner, person(f"stranger{number}"))
        befriend(owner)
        begin_family(owner)
        words = "\n".join(f"Sentence {each} of words." for each in range(number))
        shown = shown_to(owner)
        edit_portrait(owner, base_rev=shown.rev if shown else 0, body=f"{words}\nAnd a last one.")
    drain()


def bring(owner, number: int) -> None:
    """One more file of links, and one more row in the first."""
    data = b'[{"title": "words", "url": "https://example.org/words"}]'
    begin_links(owner, BytesIO(data), size=len(data))
    ask_for_export(owner, format="csv")
    Feed.objects.create(owner=owner, base="https://memeos.example/", state="paused")
    first = Import.objects.filter(owner=owner).earliest("created_at")
    told = {"outcome": "skipped", "reason": "not_http", "label": f"words {number}"}
    ImportRow.objects.create(owner=owner, run=first, ordinal=number + 2, **told)


def speak(owner, *, into: str, **more) -> None:
    recording, _new = begin_recording(owner, **more)
    put_chunk(owner, recording, 0, 0, sound(0.3))
    finish_recording(owner, recording, [Segment(0, 1, 0)], into=into)


def cost(client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200, address
    # The test's own transaction makes savepoints of what are transactions otherwise.
    return sum("SAVEPOINT" not in each["sql"] for each in asked)


def test_lists_cost_no_more_for_four_rows_than_for_two(alice, bob, cast, signed_in):
    befriend(bob, alice)
    thread = entry(alice, "the words that others answer", circles=(cast.circle,))
    link = kept(alice, text=" ".join(f"word{number}" for number in range(20)), tags=("t0",))
    file = begin_links(alice, BytesIO(b'[{"title": "words", "url": ""}]'), size=31)
    names = {"thread": thread.pk, "circle": cast.circle.pk, "link": link.pk, "file": file.pk}
    addresses = [each.format(**names) for each in (*API, *PAGES, *INSIDE)]
    client = signed_in(alice)
    costs = []
    for to in (2, 4):
        grow(alice, thread, link, cast.circle, bob, to=to, by=2)
        for address in addresses:
            client.get(address)
        costs.append({address: cost(client, address) for address in addresses})
    few, many = costs
    assert {each: (few[each], many[each]) for each in addresses if many[each] > few[each]} == {}
    assert max(many.values()) <= 21


def test_every_list_of_the_api_is_counted():
    schema = Generator().get_schema()
    lists = {path for path, methods in schema["paths"].items() if is_list(schema, methods)}
    counted = {path.partition("?")[0].replace("{thread}", "{id}") for path in API}
    assert lists == {path.replace("{file}", "{id}") for path in counted}


def is_list(schema, methods) -> bool:
    content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    named = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    shape = schema["components"]["schemas"].get(named.rpartition("/")[2], {})
    return "results" in shape.get("properties", {})
