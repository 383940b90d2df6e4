from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from download.actions.highlights import (
    QuoteNotFound,
    annotate,
    mark_quote,
    mark_span,
    restore_highlight,
    trash_highlight,
)
from download.actions.highlights import purge as purge_highlights
from download.actions.items import (
    AddressNotKept,
    Found,
    NothingToKeep,
    TooManyTags,
    change_item,
    decide_library,
    erase_item,
    library_of,
    note_progress,
    own_locked,
    purge,
    restore_item,
    save_item,
    trash_item,
)
from download.actions.pages import keep_page
from download.fetching import Copy
from download.models.items import Highlight, Item, Page, Tag
from download.search import search
from journal.models.tags import Tag as JournalTag
from tests.factories import entry, kept, person
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Conflict, Missing
from writeorperish.privacy.portability import belongings_of
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref, Sourced, models_of

pytestmark = pytest.mark.django_db
TEXT = """\
# On quiet mornings

A quiet morning is worth two evenings. The kettle takes four minutes, and so does a page.

Nobody has ever regretted a page. Nobody has ever regretted a page."""


def told(name: str) -> list[Event]:
    return list(Event.objects.filter(name=name))


def grown_from(*rows) -> int:
    with rows_of(rows[0].owner_id):
        return sum(
            model.made_from(Ref.to(row)).count() for model in models_of(Sourced) for row in rows
        )


def found_by(who, words: str) -> list[str]:
    return [hit.ref.kind for hit in search(who, words, zone=UTC).hits]


def test_saving_one_place_twice_unites_what_was_said_of_it(alice):
    early = datetime(2026, 5, 1, tzinfo=UTC)
    first = save_item(
        alice,
        Found(url="https://Example.org/a/?utm_source=x", tags=("Piano",)),
        captured_by="paste",
    )
    again = save_item(
        alice,
        Found(url="http://example.org/a#part", note="why", tags=("piano", "rest"), saved_at=early),
        captured_by="api",
    )
    assert (first.created, again.created, again.item.pk) == (True, False, first.item.pk)
    item = Item.objects.get()
    assert (item.url, item.note, item.saved_at) == (
        "https://Example.org/a/?utm_source=x",
        "why",
        early,
    )
    assert sorted(tag.name for tag in item.tags.all()) == ["Piano", "rest"]
    assert len(told("ItemSaved")) == len(told("PageWanted")) == 1
    before = Event.objects.count()
    save_item(alice, Found(url="https://example.org/a", note="why"), captured_by="paste")
    assert (Event.objects.count(), Item.objects.get().version) == (before, item.version)


def test_people_keep_the_same_place_apart(alice, charlie):
    one, other = (kept(who) for who in (alice, charlie))
    assert bytes(one.url_key) != bytes(other.url_key)
    assert Item.objects.visible_to(charlie).get() == other


def test_what_cannot_be_kept_is_refused_in_words(alice):
    for url, refusal in (("javascript:alert(1)", AddressNotKept), ("  ", NothingToKeep)):
        with pytest.raises(refusal):
            save_item(alice, Found(url=url), captured_by="paste")
    with pytest.raises(TooManyTags):
        kept(alice, tags=tuple(f"tag {each}" for each in range(31)))
    item = kept(
        alice, tags=("  ", "#", *(f"tag {each}" for each in range(29))), title="\U0001f98a" * 600
    )
    assert (item.tags.count(), len(item.title)) == (29, 500)
    with pytest.raises(TooManyTags):
        kept(alice, tags=("one", "two"))
    assert item.tags.count() == 29


def test_texts_without_an_address_are_told_apart_by_title_and_author(alice):
    for values in ({"title": "Rest", "author": "A"}, {"title": "rest ", "author": "a"}):
        kept(alice, "", "Words", **values)
    kept(alice, "", "Words", title="Rest", author="B")
    assert Item.objects.count() == 2
    assert set(Item.objects.values_list("fetch", flat=True)) == {"fetched"}


def test_a_tag_is_the_same_here_and_in_the_journal(alice, drain):
    entry(alice, "words #Piano")
    kept(alice, tags=("piano",))
    drain()
    assert Tag.objects.get().name_key == JournalTag.objects.get().token
    assert sorted(found_by(alice, "tag:PIANO")) == ["download.item", "journal.node"]


def test_a_page_and_its_highlights_are_found_and_only_by_their_owner(alice, charlie, drain):
    item = kept(alice, text=TEXT, title="Mornings", note="for the kettle chapter")
    mark = mark_quote(alice, item, quote="worth two evenings", note="ask Bia")
    drain()
    assert sorted(found_by(alice, "evenings")) == ["download.highlight", "download.item"]
    assert found_by(alice, "evenings in:library") == found_by(
        alice, "kettle chapter site:example.org"
    )
    assert found_by(alice, "evenings is:archived") == []
    assert found_by(alice, "evenings is:unread") == ["download.item"]
    assert found_by(charlie, "evenings") == []
    hit = search(alice, "Bia", zone=UTC).hits[0]
    assert (hit.ref, hit.title) == (mark.ref, "Mornings")


def test_meaning_finds_only_what_is_open_to_ai_and_trustworthy(alice, drain):
    closed = kept(alice, text=TEXT)
    decide_library(alice, ai_usage="chat")
    opened = kept(alice, "https://example.org/b", text=TEXT)
    mark = mark_quote(alice, opened, quote="worth two evenings")
    untold = kept(alice, "https://example.org/c", title="Wait")
    keep_page(own_locked(alice, untold), Copy("Just a moment", "fetched", Page.Quality.SUSPICIOUS))
    drain()
    made = [model for model in models_of(Sourced) if getattr(model, "MADE_BY_AI", False)]

    def by_ai(row) -> int:
        with rows_of(alice.pk):
            return sum(model.made_from(row.ref).count() for model in made)

    assert (by_ai(closed), bool(by_ai(opened)), bool(by_ai(mark))) == (0, True, True)
    assert found_by(alice, '"just a moment"') == []
    change_item(alice, opened, ai_usage="none")
    assert (by_ai(opened), by_ai(mark)) == (0, 0)
    drain()
    assert (by_ai(opened), by_ai(mark)) == (0, 0)


def test_new_links_begin_as_decided_and_kept_ones_stay(alice):
    assert (library_of(alice).ai_usage, library_of(alice).asked_at) == ("none", None)
    first = kept(alice)
    decide_library(alice, ai_usage="chat", fetching=False)
    second = kept(alice, "https://example.org/b")
    first.refresh_from_db()
    assert (first.ai_usage, second.ai_usage) == ("none", "chat")
    assert (first.fetch, second.fetch) == ("pending", "skipped")
    assert library_of(alice).asked_at is not None


def test_reading_moves_as_its_person_says_and_once_by_itself(alice):
    item = kept(alice, text=TEXT)
    assert note_progress(alice, item, 0.04).reading == "unread"
    assert note_progress(alice, item, 0.05).reading == "reading"
    done = change_item(alice, item, reading="done")
    assert done.done_at is not None
    assert note_progress(alice, item, 0.9).reading == "done"
    assert change_item(alice, item, reading="archived").done_at is not None
    assert change_item(alice, item, reading="unread").done_at is None
    for given, is_kept in ((float("nan"), 0.0), (-1, 0.0), (2, 1.0)):
        assert note_progress(alice, item, given).progress == is_kept
    version = Item.objects.get().version
    with pytest.raises(Conflict):
        change_item(alice, item, expected_version=version - 1, title="Late")
    assert change_item(alice, item, expected_version=version, title="In time").title == "In time"


def test_the_trash_takes_all_that_grew_and_gives_back_all_there_was(alice, charlie, drain):
    decide_library(alice, ai_usage="chat")
    item, other = kept(alice, text=TEXT), kept(alice, "https://example.org/b", text=TEXT)
    mark = mark_quote(alice, item, quote="worth two evenings")
    away = trash_highlight(alice, mark_quote(alice, item, quote="four minutes"))
    drain()
    assert grown_from(item)
    assert grown_from(mark)
    standing = grown_from(other)
    with pytest.raises(Missing):
        trash_item(charlie, item)
    trash_item(alice, item)
    drain()
    assert (grown_from(item, mark, away), grown_from(other)) == (0, standing)
    assert not Highlight.objects.visible_to(alice).exists()
    with pytest.raises(Missing):
        restore_highlight(alice, mark)

    saved = save_item(alice, Found(url="https://example.org/article"), captured_by="paste")
    assert (saved.item.pk, saved.created, saved.restored) == (item.pk, False, True)
    drain()
    assert grown_from(item)
    assert grown_from(mark)
    assert Highlight.objects.visible_to(alice).get() == mark

    trash_item(alice, item)
    assert restore_item(alice, item).deleted_at is None
    trash_item(alice, item)
    assert purge(now=timezone.now() + timedelta(days=29)) == 0
    assert (purge(now=timezone.now() + timedelta(days=31)), Page.objects.count()) == (1, 1)
    assert not Highlight.objects.exists()
    trash_item(alice, other)
    with pytest.raises(Missing):
        erase_item(charlie, other)
    erase_item(alice, other)
    assert not Item.objects.exists()


def test_a_highlight_ends_with_the_words_and_comes_back(alice, drain):
    item = kept(alice, text=TEXT)
    start = TEXT.index("Nobody")
    mark = mark_span(alice, item, start=start - 2, end=start + 33)
    assert (mark.quote, mark.start) == ("Nobody has ever regretted a page.", start)
    assert mark_span(alice, item, start=start, end=start + 33).pk == mark.pk
    assert annotate(alice, mark, note="true").rev == 2
    for bad in ((start, start), (len(TEXT) + 5, len(TEXT) + 9), (0, -4)):
        with pytest.raises(QuoteNotFound):
            mark_span(alice, item, start=bad[0], end=bad[1])
    for quote in ("not in it", "", "   "):
        with pytest.raises(QuoteNotFound):
            mark_quote(alice, item, quote=quote)
    trash_highlight(alice, mark)
    drain()
    assert grown_from(mark) == 0
    restore_highlight(alice, mark)
    drain()
    assert grown_from(mark)
    trash_highlight(alice, mark)
    assert purge_highlights(now=timezone.now() + timedelta(days=31)) == 1


def test_another_copy_loses_no_highlight(alice):
    item = kept(alice, text=TEXT)
    first = mark_quote(alice, item, quote="quiet morning is worth two evenings")
    start = TEXT.rindex("Nobody")
    second = mark_span(alice, item, start=start, end=start + 33)
    third = mark_quote(alice, item, quote="The kettle takes four minutes, and so does a page.")
    gone = mark_quote(alice, item, quote="On quiet mornings")
    text = (
        "A new beginning.\n\nA quiet morning is worth two evenings. The kettle takes five minutes, and so does "
        "a page.\n\nNobody has ever regretted a page. Nobody has ever regretted a page."
    )
    keep_page(own_locked(alice, item), Copy(text, Page.Origin.PASTED))
    for mark in (first, second, third, gone):
        mark.refresh_from_db()
    assert [mark.anchored for mark in (first, second, third, gone)] == [True, True, True, False]
    assert text[first.start : first.end] == first.quote
    assert second.start == text.rindex("Nobody")
    assert "five minutes" in text[third.start : third.end]
    for number in range(4):
        keep_page(own_locked(alice, item), Copy(f"Copy {number}", Page.Origin.PASTED))
    kept_revisions = list(item.pages.order_by("revision").values_list("revision", flat=True))
    assert kept_revisions == [1, 2, 4, 5, 6]


def test_everything_kept_is_taken_along_in_an_export(alice):
    mark_quote(alice, kept(alice, text=TEXT, tags=("piano",)), quote="four minutes")
    kinds = {rows.model._meta.label_lower for rows in belongings_of(alice) if rows.exists()}
    assert {f"download.{each}" for each in ("item", "page", "tag", "highlight")} <= kinds


@pytest.mark.django_db(transaction=True)
def test_saving_at_once_makes_one_link():
    alice = person("alice")

    def save(_number: int) -> bool:
        try:
            return save_item(
                alice, Found(url="https://example.org/a", tags=("piano",)), captured_by="paste"
            ).created
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(save, range(4))) == [False, False, False, True]
    with transaction.atomic():
        assert Item.objects.get().tags.count() == 1
