"""Taking links along: what goes out comes in again as it was, whatever it says, and nobody else gets the file."""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actions.departure import ask_for_export as ask_for_everything
from download.actions.exports import (
    ask_for_export,
    build_export,
    chosen,
    expire_exports,
    exports_of,
    file_of,
    library_file,
    whole_links,
)
from download.actions.feeds import add_feed
from download.actions.highlights import mark_quote
from download.actions.items import change_item, trash_item
from download.actions.reviews import answer_card, make_cards
from download.actions.tags import tag_named
from download.formats import memeos
from download.models.exports import LibraryExport
from download.models.items import Highlight, Item, Page
from download.models.reviews import Card, Review
from download.spacing import replayed
from journal.actions.exports import build_export as build_everything
from tests.download.formats.test_writing import links as any_link
from tests.download.test_imports import imported, undone
from tests.examples import examples
from tests.factories import kept, person
from writeorperish.audit.models import Entry
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.ops.refusals import Missing
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 28)


def exported(owner, format="memeos", **wishes):
    export = ask_for_export(owner, format=format, **wishes)
    build_export(export.pk)
    build_export(export.pk)
    export.refresh_from_db()
    assert export.state == "ready"
    blob = file_of(owner, export)
    assert export.bytes == blob.bytes and export.done == export.total
    return b"".join(storage.pieces(blob, 0, blob.bytes))


def emptied(owner):
    Card.objects.filter(owner=owner).delete()
    Item.objects.filter(owner=owner).delete()


def answered(owner, thing, *answers):
    make_cards(owner.pk, [thing.ref])
    named = {"item": thing} if isinstance(thing, Item) else {"highlight": thing}
    card = Card.objects.get(**named)
    for at, answer in answers:
        with time_machine.travel(at, tick=False):
            Card.objects.filter(pk=card.pk).update(made_at=timezone.now())
            answer_card(owner, card.pk, answer, key=new_id(), zone=UTC)
    card.refresh_from_db()
    return card


def a_library(owner):
    """Two links and a text, read, marked, tagged and reviewed."""
    first = kept(
        owner,
        "https://example.org/a?x=1&y='\"",
        "A quiet morning. Two evenings.",
        title='=cmd|" /C calc"!A0 </A><b>',
        tags=("piano", "a, b", "=x"),
        note="<DD>why\n-1",
        saved_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        reading="done",
        ai_usage="chat",
        extra={"colour": "red", "half": 1.5},
    )
    mark = mark_quote(owner, first, quote="A quiet morning", note="yes")
    again = mark_quote(owner, first, quote="Two evenings")
    Highlight.objects.filter(pk=again.pk).update(made_at=mark.made_at + timedelta(days=1))
    second = kept(owner, "https://example.org/b", saved_at=datetime(2026, 3, 1, 9, tzinfo=UTC))
    text = kept(owner, "", "Only words.", title="Named", saved_at=datetime(2026, 4, 1, tzinfo=UTC))
    card = answered(
        owner, first, ("2026-05-01T10:00Z", "useful"), ("2026-06-05T10:00Z", "more_often")
    )
    answered(owner, mark, ("2026-05-02T10:00Z", "less_often"))
    answered(owner, second, ("2026-05-02T10:00Z", "not_now"))
    return first, second, text, card


def test_what_goes_out_comes_back_to_an_empty_library_byte_for_byte(alice):
    first, _second, text, card = a_library(alice)
    before = exported(alice)
    emptied(alice)
    run = imported(alice, before, ai_as_told=True)
    assert (run.created, run.total) == (3, 3)
    assert exported(alice) == before
    assert {item.pk for item in Item.objects.all()} >= {first.pk, text.pk}
    back = Card.objects.get(item=first)
    for name in ("pk", "stability", "difficulty", "reps", "reviewed_on", "due_on", "begun_on"):
        assert getattr(back, name) == getattr(card, name)
    again = imported(alice, before, ai_as_told=True)
    assert (again.created, again.merged, again.unchanged) == (0, 0, 3)
    assert exported(alice) == before


def test_the_log_of_reviews_leads_to_the_state_it_stands_beside(alice):
    a_library(alice)
    (one,) = [each for each in json.loads(exported(alice))["items"] if each["review_count"]]
    log = [memeos_answer(entry) for entry in one["review"]["log"]]
    memory = replayed(log, seed=one["review"]["card"])
    assert (memory.stability, memory.difficulty) == (
        one["review"]["stability"],
        one["review"]["difficulty"],
    )
    assert memory.due_on.isoformat() == one["next_review_date"]
    emptied(alice)
    stripped = {key: value for key, value in one["review"].items() if key in {"card", "log"}}
    imported(alice, json.dumps({"format": "memeos", "items": [{**one, "review": stripped}]}))
    assert Card.objects.get(item__isnull=False).memory == memory


def memeos_answer(entry):
    _at, number, on, retention = entry
    names = ["show_soon", "more_often", "useful", "less_often"]
    from download.models.memory import Grade

    return Grade(names[number - 1]), date.fromisoformat(on), retention


def test_what_is_taken_back_takes_its_reviews_along_but_not_those_given_since(alice):
    item, other = kept(alice), kept(alice, "https://example.org/other")
    rows = [
        {"url": each.url, "next_review_date": "2026-12-24", "created_at": "2026-11-24"}
        for each in (item, other)
    ]
    run = imported(alice, json.dumps({"format": "memeos", "items": rows}))
    card = Card.objects.get(item=item)
    assert (card.reps, card.stability, card.difficulty, card.due_on) == (
        1,
        30.0,
        5.0,
        date(2026, 12, 24),
    )
    answered(alice, other, ("2026-12-24T10:00Z", "useful"))
    undone(alice, run)
    assert Card.objects.get(item=item).memory is None
    assert Card.objects.get(item=other).reps == 2


def test_the_same_words_marked_at_two_moments_are_two_marks(alice):
    marks = [{"quote": "Rest well", "made_at": f"2026-03-0{day}T08:00:00Z"} for day in (1, 2, 2)]
    row = {"url": "https://example.org/a", "content": "Rest well.", "highlights": marks}
    file = json.dumps([row | {"title": "Rest"}])
    imported(alice, file)
    assert Highlight.objects.count() == 2
    assert imported(alice, file).unchanged == 1
    before = exported(alice)
    emptied(alice)
    imported(alice, before)
    assert (exported(alice), Highlight.objects.count()) == (before, 2)


def test_impossible_reviews_are_no_reviews(alice):
    impossible = [
        {"stability": -1, "difficulty": 5},
        {"stability": 1, "difficulty": 11, "log": [["2026-01-01", "no"], 7, [None], ["x", 3]]},
        {"stability": "1e999", "difficulty": True, "log": {"a": 1}, "card": "x"},
    ]
    days = {"review_count": 2, "next_review_date": "9999-99-99"}
    rows = [
        {"url": f"https://example.org/{n}", **days, "review": {**each, "last_review": "2026-01-01"}}
        for n, each in enumerate(impossible)
    ]
    later = {"stability": 1, "difficulty": 5, "last_review": "2150-01-01"}
    rows.append({"url": "https://example.org/later", "review_count": 1, "review": later})
    run = imported(alice, json.dumps({"format": "memeos", "items": rows}))
    assert run.created == 4
    assert not Card.objects.exists()
    assert not Review.objects.exists()


def test_a_table_and_a_page_of_bookmarks_come_back_as_far_as_they_can_hold(alice):
    a_library(alice)
    for format, harmful in (("csv", b'"=cmd'), ("html", b"</A><b>")):
        before = exported(alice, format)
        assert harmful not in before
        whole = exported(alice)
        emptied(alice)
        imported(alice, before)
        assert exported(alice, format) == before, format
        emptied(alice)
        imported(alice, whole, ai_as_told=True)


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        any_link,
        max_size=3,
        unique_by=(lambda link: link.key, lambda link: " ".join(link.title.casefold().split())),
    ),
    st.booleans(),
)
def test_whatever_a_library_says_its_export_comes_back_as_it_was(alice, links, addressed):
    rows = [memeos.record_of(link) for link in links]
    for number, row in enumerate(rows):
        row["url"] = f"https://example.org/{number}" if addressed else None
    point = transaction.savepoint()
    file = json.dumps({"format": "memeos", "version": 1, "items": rows})
    if any(row["url"] or row["title"] or row["content"] for row in rows):
        imported(alice, file, ai_as_told=True)
        before = b"".join(memeos.written(whole_links(Item.objects.all())))
        emptied(alice)
        run = imported(alice, before, ai_as_told=True)
        assert run.created == run.total
        assert b"".join(memeos.written(whole_links(Item.objects.all()))) == before
        again = imported(alice, before, ai_as_told=True)
        assert again.unchanged == again.total
    transaction.savepoint_rollback(point)


def test_a_wish_chooses_which_links_go(alice):
    first, second, text, card = a_library(alice)
    tag = tag_named(alice, "PIANO")

    def names(**wishes):
        return {str(item.pk) for item in chosen(LibraryExport(owner=alice, **wishes))}

    assert names(tag=tag.pk) == names(reading="done") == {str(first.pk)}
    assert names(tag=new_id()) == set()
    assert names(review="active") == {str(first.pk)}
    assert names(review="new") == {str(second.pk), str(text.pk)}
    assert names(due_by=card.due_on) == {str(first.pk)}
    assert names(due_by=date(2026, 5, 2)) == set()
    assert names(format="markdown") == {str(first.pk)}
    answered(alice, text, ("2026-06-01T10:00Z", "done_with"))
    assert names(review="suspended") == {str(text.pk)}
    trash_item(alice, first)
    assert names() == {str(second.pk), str(text.pk)}


def test_highlights_are_one_page_or_a_zip_of_pages(alice):
    _first, second, *_rest = a_library(alice)
    alone = exported(alice, "markdown").decode()
    assert alone.startswith("# =cmd|") and "> A quiet morning\n\nyes\n" in alone
    change_item(alice, second, title="../../x")
    second.refresh_from_db()
    Page.objects.filter(item=second).delete()
    imported(
        alice,
        json.dumps([{"url": second.url, "title": "", "highlights": [{"quote": "Words"}]}]),
    )
    with zipfile.ZipFile(io.BytesIO(exported(alice, "markdown"))) as archive:
        assert len(archive.namelist()) == 2
        assert all("/" not in name for name in archive.namelist())


def test_a_doubtful_page_is_not_taken_for_the_article(alice):
    item = kept(alice, text="Just a moment please, we look at your browser.")
    Page.objects.filter(item=item).update(quality="suspicious")
    (row,) = json.loads(exported(alice))["items"]
    assert row["content"] == ""


def test_the_file_is_sealed_and_goes_after_a_week(alice, charlie):
    kept(alice, title="a heron", text="a heron stood")
    export = ask_for_export(alice, format="memeos")
    build_export(export.pk)
    export.refresh_from_db()
    blob = export.blob
    with storage.objects().open(storage.object_name(blob.storage_key)) as sealed:
        assert b"heron" not in sealed.read()
    assert not exports_of(charlie).exists()
    file_of(alice, export)
    assert Entry.objects.filter(action="export.fetch", actor_id=alice.pk).count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert expire_exports() == 1
        assert expire_exports() == 0
    export.refresh_from_db()
    assert (export.state, export.blob) == ("expired", None)
    assert Blob.objects.get(pk=blob.pk).state == Blob.State.DOOMED
    with pytest.raises(Missing):
        file_of(alice, export)
    build_export(export.pk)
    assert not LibraryExport.objects.filter(state="ready").exists()


def test_a_table_of_links_opens_no_text_of_a_page(alice):
    kept(alice, text="A heron stood.")
    with CaptureQueriesContext(connection) as queries:
        exported(alice, "csv")
    assert not [each for each in queries if '"download_page"."text"' in each["sql"]]
    with CaptureQueriesContext(connection) as queries:
        exported(alice)
    assert [each for each in queries if '"download_page"."text"' in each["sql"]]


def test_an_export_costs_no_more_queries_for_more_links(alice):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            list(library_file(alice))
        return len(queries)

    kept(alice, "https://example.org/0", "Some words", tags=("a",))
    few = cost()
    for number in range(1, 6):
        item = kept(alice, f"https://example.org/{number}", "Some words", tags=("a", f"t{number}"))
        mark = mark_quote(alice, item, quote="words")
        answered(alice, mark, ("2026-05-02T10:00Z", "useful"))
    assert cost() <= few + 2


def test_an_export_stands_in_a_strangers_library_under_ids_of_its_own(alice):
    first, *_rest = a_library(alice)
    file = exported(alice)
    stranger = person("dana")
    run = imported(stranger, file)
    assert run.created == 3
    assert first.pk not in set(Item.objects.filter(owner=stranger).values_list("pk", flat=True))
    assert not Item.objects.filter(owner=stranger).exclude(ai_usage="none").exists()
    assert imported(stranger, file).unchanged == 3
    assert Card.objects.filter(owner=stranger, reps__gt=0).count() == 2


def test_the_export_of_everything_holds_the_links_with_their_tags(alice, no_encoder):
    first, *_rest = a_library(alice)
    add_feed(alice, base="https://memeos.example/", token="a-token-of-alice")
    asked = ask_for_everything(alice)
    build_everything(asked.pk)
    asked.refresh_from_db()
    with zipfile.ZipFile(storage.open_blob(asked.blob)) as archive:
        assert archive.read("library/memeos.json") == exported(alice)
        (source,) = archive.read("data/download.feed.jsonl").splitlines()
        assert b"memeos.example" in source and b"a-token-of-alice" not in source
        lines = archive.read("data/download.item.jsonl").splitlines()
        named = [json.loads(line) for line in archive.read("data/download.tag.jsonl").splitlines()]
    tags = {row["id"]: row["name"] for row in named}
    (row,) = [each for line in lines if (each := json.loads(line))["id"] == str(first.pk)]
    assert {tags[each] for each in row["tags"]} == {"piano", "a, b", "=x"}
    emptied(alice)
    again = person("erin")
    empty = ask_for_everything(again)
    build_everything(empty.pk)
    empty.refresh_from_db()
    with zipfile.ZipFile(storage.open_blob(empty.blob)) as archive:
        assert "library/memeos.json" not in archive.namelist()
