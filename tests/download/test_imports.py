"""Files of links: every row has one outcome, twice adds nothing, and what nobody touched can be taken back."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from download.actions import imports
from download.actions.highlights import mark_quote
from download.actions.imports import (
    EmptyFile,
    FileTooLarge,
    UnknownFormat,
    WrongState,
    begin_import,
    cancel_import,
    check_import,
    confirm_import,
    forget_what_was_before,
    import_batch,
    left_after_undo,
    retract_import,
    run_import,
    sweep_files,
    want_pages,
)
from download.actions.items import change_item, decide_library, erase_item, trash_item
from download.actions.pages import keep_page
from download.actions.undoing import undo_import
from download.fetching import Copy
from download.models.imports import Import, ImportRow
from download.models.items import Highlight, Item, Page, Tag
from tests.factories import kept
from writeorperish.crypto.models import Blob
from writeorperish.events.models import Event

pytestmark = pytest.mark.django_db

BOOKMARKS = """<!DOCTYPE NETSCAPE-Bookmark-file-1><TITLE>Bookmarks</TITLE><DL><p>
<DT><H3>Reading</H3><DL><p><DT><H3>Later</H3><DL><p>
<DT><A HREF="https://example.org/a?utm_source=x" ADD_DATE="1600000000" TAGS="rest">Quiet mornings</A>
<DD>why I kept it
</DL><p></DL><p>
<DT><A HREF="http://example.org/a/" ADD_DATE="1500000000" TAGS="piano">Quiet mornings</A>
<DT><A HREF="https://example.org/a">Quiet mornings</A>
<DT><A HREF="javascript:alert(1)">a script</A>
<DT><A>no address</A>
<DT><A HREF="https://example.org/b" ADD_DATE="1600000100">Second</A>
</DL><p>"""
COUNTS = {"created": 2, "merged": 1, "unchanged": 1, "skipped": 1, "failed": 1}


def uploaded(person, data):
    data = data.encode() if isinstance(data, str) else data
    return begin_import(person, io.BytesIO(data), size=len(data))


def checked(person, data):
    run = uploaded(person, data)
    check_import(run.pk)
    run.refresh_from_db()
    return run


def imported(person, data, **choices):
    run = checked(person, data)
    assert run.state == "checked", run.reason
    confirm_import(person, run, **choices)
    run_import(run.pk)
    run.refresh_from_db()
    return run


def undone(person, run):
    retract_import(person, run)
    undo_import(run.pk)
    run.refresh_from_db()
    return run


def counted(run):
    return {name: getattr(run, name) for name in COUNTS}


def memeos(*items):
    return json.dumps({"format": "memeos", "version": 1, "items": items})


def test_a_check_counts_as_the_import_will_and_writes_no_link(alice):
    run = checked(alice, BOOKMARKS)
    assert (run.state, run.format, run.total) == ("checked", "netscape", 6)
    assert run.report["counts"] == COUNTS
    assert [(p["ordinal"], p["reason"]) for p in run.report["problems"]] == [
        (4, "not_http"),
        (5, "no_address"),
    ]
    assert not Item.objects.exists()
    assert not Tag.objects.exists()
    assert not ImportRow.objects.exists()


def test_every_row_ends_in_one_outcome_and_they_add_up(alice, charlie):
    run = imported(alice, BOOKMARKS)
    assert (run.state, counted(run), run.total) == ("done", COUNTS, 6)
    assert list(run.rows.order_by("ordinal").values_list("outcome", flat=True)) == [
        *("created", "merged", "unchanged", "skipped", "failed", "created"),
    ]
    first = Item.objects.visible_to(alice).get(saved_at__lt=datetime(2018, 1, 1, tzinfo=UTC))
    assert (first.title, first.note, first.rev) == ("Quiet mornings", "why I kept it", 1)
    assert sorted(tag.name for tag in first.tags.all()) == ["Reading/Later", "piano", "rest"]
    assert (first.privacy_level, first.ai_usage, first.captured_by) == ("private", "none", "import")
    assert not Item.objects.visible_to(charlie).exists()
    assert Event.objects.filter(name="ItemSaved").count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Import.objects.filter(pk=run.pk).update(created=3)


def test_the_same_file_again_adds_nothing_and_writes_no_link(alice):
    imported(alice, BOOKMARKS)
    before = list(Item.objects.order_by("pk").values_list("pk", "version", "rev", "updated_at"))
    events = Event.objects.filter(name__in=["TextWritten", "TextRewritten", "ItemSaved"]).count()
    again = imported(alice, BOOKMARKS)
    assert counted(again) == {**COUNTS, "created": 0, "merged": 0, "unchanged": 4}
    assert (
        list(Item.objects.order_by("pk").values_list("pk", "version", "rev", "updated_at"))
        == before
    )
    assert (
        Event.objects.filter(name__in=["TextWritten", "TextRewritten", "ItemSaved"]).count()
        == events
    )


def test_folders_may_be_named_by_their_last_level(alice):
    imported(alice, BOOKMARKS, last_level=True)
    assert {tag.name for tag in Tag.objects.all()} == {"Later", "piano", "rest"}


@pytest.mark.parametrize("died_after", [0, 1, 2, 3])
def test_a_worker_that_died_is_followed_by_one_that_goes_on(alice, monkeypatch, died_after):
    monkeypatch.setattr(imports, "BATCH", 2)
    run = checked(alice, BOOKMARKS)
    confirm_import(alice, run)
    run = Import.objects.select_related("blob", "owner").get(pk=run.pk)
    with imports.batches(run) as (_format, batches):
        for batch, _ in zip(batches, range(died_after), strict=False):
            assert import_batch(run, batch)
            # A second worker, which read the same rows, comes too late.
            late = Import.objects.get(pk=run.pk)
            late.next_row -= 2
            assert not import_batch(late, batch)
    run_import(run.pk)
    run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, counted(run), run.rows.count()) == ("done", COUNTS, 6)


def test_a_link_in_the_trash_stays_there_and_the_report_says_so(alice):
    trashed = kept(alice, "https://example.org/a")
    trash_item(alice, trashed)
    run = imported(alice, BOOKMARKS)
    assert (run.created, run.skipped) == (1, 4)
    assert run.rows.filter(reason="in_trash").count() == 3
    trashed.refresh_from_db()
    assert trashed.deleted_at is not None


def test_marks_without_a_page_stand_in_a_page_of_their_own_words(alice):
    one = {
        "url": "https://example.org/a",
        "highlights": [{"quote": "A quiet morning"}, {"quote": "two evenings", "note": "yes"}],
    }
    run = imported(alice, memeos(one))
    item = Item.objects.select_related("page").get()
    assert (item.page.origin, item.page.quality, item.fetch) == ("imported", "thin", "fetched")
    marks = list(Highlight.objects.order_by("start"))
    assert [item.page.text[m.start : m.end] for m in marks] == ["A quiet morning", "two evenings"]
    assert all(mark.anchored for mark in marks)
    more = {**one, "highlights": [*one["highlights"], {"quote": "and a kettle"}]}
    again = imported(alice, memeos(more))
    item = Item.objects.select_related("page").get()
    assert [
        item.page.text[m.start : m.end]
        for m in Highlight.objects.filter(page=item.page).order_by("start")
    ] == ["A quiet morning", "two evenings", "and a kettle"]
    undone(alice, again)
    item = Item.objects.select_related("page").get()
    assert (item.page.text, Highlight.objects.count()) == ("A quiet morning\n\ntwo evenings", 2)
    undone(alice, run)
    assert not Item.objects.exists()
    assert not Highlight.objects.exists()


def test_words_that_the_text_does_not_say_are_kept_without_a_place(alice):
    imported(
        alice,
        memeos(
            {
                "title": "Rest",
                "content": "A page.",
                "highlights": [{"quote": "other words"}, {"quote": "A page"}],
            }
        ),
    )
    assert {m.quote: m.anchored for m in Highlight.objects.all()} == {
        "other words": False,
        "A page": True,
    }


def test_what_has_no_place_yet_is_kept_beside_the_link(alice):
    imported(
        alice,
        memeos(
            {
                "url": "https://example.org/a",
                "author": "B",
                "id": "x7",
                "review_count": 3,
                "colour": "red",
                "title": "\ud800half",
            }
        ),
    )
    item = Item.objects.get()
    assert item.extra == {
        "author": "B",
        "key": "x7",
        "colour": "red",
    }
    assert "half" in item.title


def test_ai_gets_no_more_than_the_library_allows_unless_the_file_is_trusted(alice):
    row = {"url": "https://example.org/a", "ai_usage": "train"}
    imported(alice, memeos(row))
    assert Item.objects.get().ai_usage == "none"
    imported(alice, memeos({**row, "url": "https://example.org/b"}), ai_as_told=True)
    decide_library(alice, ai_usage="chat")
    imported(
        alice,
        memeos(
            {**row, "url": "https://example.org/c"},
            {"url": "https://example.org/d", "ai_usage": "none"},
        ),
    )
    assert [i.ai_usage for i in Item.objects.order_by("created_at", "saved_at", "pk")] == [
        "none",
        "train",
        "chat",
        "none",
    ]


def test_an_undo_erases_what_is_untouched_and_says_why_the_rest_stays(alice):
    before = kept(
        alice, "https://example.org/z", "Text pasted.", title="", note="mine", tags=("own",)
    )
    rows = [
        {"url": f"https://example.org/{each}", "title": each, "tags": ["new"]} for each in "abcdz"
    ]
    run = imported(alice, memeos(*rows))
    by_title = {item.title: item for item in Item.objects.all()}
    change_item(alice, by_title["a"], note="changed since")
    trash_item(alice, by_title["b"])
    # The text of its page came meanwhile, which nobody did by hand.
    with transaction.atomic():
        keep_page(by_title["c"], Copy("The words of the page.", Page.Origin.FETCHED))
    before.refresh_from_db()
    assert before.title == "z"
    assert undone(alice, run).state == "undone"
    assert [row.undo for row in run.rows.order_by("ordinal")] == [
        *("changed", "in_trash", "erased", "erased", "restored"),
    ]
    assert [row.label for row in left_after_undo(run)] == ["a", "b"]
    before.refresh_from_db()
    assert (before.title, before.note) == ("", "mine")
    assert [tag.name for tag in before.tags.all()] == ["own"]
    assert {item.title for item in Item.objects.all()} == {"a", "b", ""}
    with pytest.raises(WrongState):
        retract_import(alice, run)


def test_an_undo_takes_what_one_file_said_twice_back_to_nothing(alice):
    run = undone(alice, imported(alice, BOOKMARKS))
    assert not Item.objects.exists()
    assert not Tag.objects.exists()
    assert set(run.rows.exclude(undo="").values_list("undo", flat=True)) == {"erased", "restored"}


def test_a_report_keeps_no_words_of_a_link_that_was_erased_nor_of_what_was_before(alice):
    standing = kept(alice, "https://example.org/a", title="", note="mine")
    run = imported(alice, memeos({"url": "https://example.org/a", "title": "A"}))
    again = imported(alice, memeos({"url": "https://example.org/a", "tags": ["new"]}))
    assert forget_what_was_before() == 0
    Import.objects.filter(pk=again.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert forget_what_was_before() == 1
    assert again.rows.get().before is None
    assert run.rows.get().before["values"] == {"title": ""}
    trash_item(alice, standing)
    erase_item(alice, Item.objects.get())
    assert [(r.label, r.before, r.item) for r in ImportRow.objects.all()] == [
        (None, None, None)
    ] * 2


def test_a_mark_made_since_keeps_its_link(alice):
    run = imported(
        alice, memeos({"url": "https://example.org/a", "title": "A", "content": "Some words here."})
    )
    mark_quote(alice, Item.objects.get(), quote="words")
    undone(alice, run)
    assert run.rows.get().undo == "changed"
    assert Highlight.objects.count() == 1


def test_a_stopped_import_keeps_what_it_made_until_it_is_taken_back(alice, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    run = checked(alice, BOOKMARKS)
    confirm_import(alice, run)
    run = Import.objects.select_related("blob", "owner").get(pk=run.pk)
    with imports.batches(run) as (_format, batches):
        assert import_batch(run, next(batches))
    run = cancel_import(alice, run)
    run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.next_row, Item.objects.count()) == ("cancelled", 2, 1)
    with pytest.raises(WrongState):
        cancel_import(alice, run)
    undone(alice, run)
    assert not Item.objects.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (memeos(), "no_rows"),
        (b"PK\x03\x04nothing", "not_zip"),
    ],
    ids=["no link", "no zip"],
)
def test_a_file_that_cannot_be_read_says_why(alice, data, reason):
    run = checked(alice, data)
    assert (run.state, run.reason) == ("failed", reason)
    with pytest.raises(WrongState):
        confirm_import(alice, run)
    with pytest.raises(WrongState):
        retract_import(alice, run)


def test_what_is_no_file_of_links_is_refused_before_it_is_kept(alice):
    with pytest.raises(EmptyFile):
        begin_import(alice, io.BytesIO(b""), size=0)
    with pytest.raises(FileTooLarge):
        begin_import(alice, io.BytesIO(b"x"), size=50 * 1024 * 1024 + 1)
    with pytest.raises(UnknownFormat):
        uploaded(alice, "just words")
    assert not Blob.objects.exists()


def test_a_failed_import_goes_on_where_it_stood(alice):
    run = checked(alice, BOOKMARKS)
    confirm_import(alice, run)
    run = Import.objects.get(pk=run.pk)
    imports.fail(run, "damaged")
    confirm_import(alice, Import.objects.get(pk=run.pk))
    run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, counted(run), run.reason) == ("done", COUNTS, "")


def test_pages_are_wanted_fifty_at_a_time_newest_first(alice):
    rows = [
        {"url": f"https://example.org/{n}", "created_at": f"2026-01-{n % 28 + 1:02}T00:00:00Z"}
        for n in range(60)
    ]
    run = imported(alice, memeos(*rows))
    want_pages(run.pk)
    wanted = list(Event.objects.filter(name="PageWanted").order_by("not_before", "pk"))
    assert len(wanted) == 60
    assert wanted[50].not_before - wanted[0].not_before == timedelta(minutes=10)
    newest = Item.objects.filter(saved_at__day=28).values_list("pk", flat=True)
    assert {each.facts["ref"] for each in wanted[:2]} == {f"download.item:{pk}" for pk in newest}
    decide_library(alice, fetching=False)
    run = imported(alice, memeos({"url": "https://example.org/unfetched"}))
    want_pages(run.pk)
    assert Event.objects.filter(name="PageWanted").count() == 60


def test_a_batch_takes_as_many_queries_for_sixty_rows_as_for_six(alice):
    def queries(first, count):
        rows = [
            {
                "url": f"https://example.org/{n}",
                "tags": [f"t{n % 5}"],
                "highlights": [{"quote": f"words {n}"}],
            }
            for n in range(first, first + count)
        ]
        run = checked(alice, memeos(*rows))
        confirm_import(alice, run)
        with CaptureQueriesContext(connection) as seen:
            run_import(run.pk)
        return len(seen)

    queries(0, 5)
    assert queries(100, 6) == queries(200, 60)


def test_files_go_after_seven_days_and_their_report_stays(alice):
    run = imported(alice, BOOKMARKS)
    assert sweep_files() == 0
    assert sweep_files(now=timezone.now() + timedelta(days=8)) == 1
    run.refresh_from_db()
    assert (run.blob, run.total) == (None, 6)
    assert Blob.objects.get().state == Blob.State.DOOMED


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_every_link_once(alice):
    """The library's row is the lock: each file's batch sees what the other has made."""
    rows = [{"url": f"https://example.org/{n}", "tags": ["one"]} for n in range(30)]
    runs = [checked(alice, memeos(*order)) for order in (rows, rows[::-1])]
    for run in runs:
        confirm_import(alice, run)

    def go(run):
        try:
            run_import(run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, runs))
    for run in runs:
        run.refresh_from_db()
    assert (Item.objects.count(), Tag.objects.count()) == (30, 1)
    assert sorted((run.state, run.created, run.unchanged) for run in runs) == [
        ("done", 0, 30),
        ("done", 30, 0),
    ]
