from datetime import timedelta

from download.actions.answers import KIND, KIND_HERE, answer, end_answer
from download.actions.exports import build_export
from download.actions.feeds import sync_feed
from download.actions.fetches import fetch_page
from download.actions.imports import check_import, run_import, want_pages
from download.actions.recommendations import leave_what_was_passed_over, recommend_for
from download.actions.reviews import make_cards
from download.actions.undoing import undo_import
from download.actions.words import index_text
from writeorperish.ai.jobs import runs
from writeorperish.ai.models import Job
from writeorperish.events.bus import on
from writeorperish.events.catalog import (
    ExportAsked,
    FeedDue,
    Genre,
    ImportConfirmed,
    ImportFinished,
    ImportRetracted,
    ImportUploaded,
    PageWanted,
    TextEmbedded,
    TextRewritten,
    TextWritten,
)
from writeorperish.privacy.levels import Purpose

LONG = timedelta(minutes=30)


@on(TextWritten)
def index_what_was_written(fact: TextWritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(TextRewritten)
def index_what_was_rewritten(fact: TextRewritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@runs(KIND, end=end_answer, purpose=Purpose.ASK)
def answer_what_was_asked(job: Job) -> None:
    answer(job)


@runs(KIND_HERE, end=end_answer)
def answer_by_rule_what_was_asked(job: Job) -> None:
    answer(job)


@on(PageWanted)
def fetch_what_was_wanted(fact: PageWanted) -> None:
    fetch_page(fact.ref.id, paced=fact.paced)


@on(FeedDue, queue="low", lease=LONG)
def read_the_source_that_is_due(fact: FeedDue) -> None:
    sync_feed(fact.ref.id, by_hand=fact.by_hand)


@on(TextWritten, genres={Genre.READING}, queue="low")
def make_a_card_for_what_was_kept(fact: TextWritten) -> None:
    make_cards(fact.owner, [fact.ref])


@on(TextEmbedded, genres={Genre.DIARY, Genre.FICTION}, queue="low")
def recommend_for_what_was_embedded(fact: TextEmbedded) -> None:
    recommend_for(fact.owner, fact.ref)


@on(TextWritten, genres={Genre.DIARY, Genre.FICTION}, queue="low")
def leave_what_was_passed_over_while_writing(fact: TextWritten) -> None:
    leave_what_was_passed_over(fact.owner, fact.ref)


@on(ImportUploaded, lease=LONG)
def check_what_was_uploaded(fact: ImportUploaded) -> None:
    check_import(fact.ref.id)


@on(ImportConfirmed, queue="low", lease=LONG)
def import_what_was_confirmed(fact: ImportConfirmed) -> None:
    run_import(fact.ref.id)


@on(ImportFinished, queue="low")
def want_what_was_imported(fact: ImportFinished) -> None:
    want_pages(fact.ref.id)


@on(ImportRetracted, lease=LONG)
def undo_what_was_retracted(fact: ImportRetracted) -> None:
    undo_import(fact.ref.id)


@on(ExportAsked, queue="low", lease=LONG)
def write_what_is_taken_along(fact: ExportAsked) -> None:
    build_export(fact.ref.id)
