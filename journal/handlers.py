from datetime import timedelta

from journal.actions.exports import build_export
from journal.actions.imports import check_import, run_import, undo_import
from journal.actions.portraits import KIND as PORTRAIT
from journal.actions.portraits import build_portrait, end_portrait
from journal.actions.replies import KIND, fail_reply, write_reply
from journal.actions.speech import KIND as SPEECH
from journal.actions.speech import end_speech, say
from journal.actions.tags import retag
from journal.actions.transcripts import KIND as TRANSCRIPTION
from journal.actions.transcripts import assemble, end_transcript, transcribe
from journal.models.nodes import Node
from writeorperish.ai.jobs import runs
from writeorperish.ai.models import Job
from writeorperish.events.bus import on
from writeorperish.events.catalog import (
    ExportAsked,
    ImportConfirmed,
    ImportRetracted,
    ImportUploaded,
    RecordingClosed,
    TextRewritten,
    TextWritten,
)
from writeorperish.privacy.levels import Purpose

LONG = timedelta(minutes=30)


@on(ImportUploaded, lease=LONG)
def check_what_was_uploaded(fact: ImportUploaded) -> None:
    check_import(fact.ref.id)


@on(ImportConfirmed, queue="low", lease=LONG)
def import_what_was_confirmed(fact: ImportConfirmed) -> None:
    run_import(fact.ref.id)


@on(ImportRetracted, lease=LONG)
def undo_what_was_retracted(fact: ImportRetracted) -> None:
    undo_import(fact.ref.id)


@on(RecordingClosed, lease=LONG)
def put_together_what_was_said(fact: RecordingClosed) -> None:
    assemble(fact.ref.id)


@runs(TRANSCRIPTION, end=end_transcript, purpose=Purpose.TRANSCRIBE)
def write_down_what_was_said(job: Job) -> None:
    transcribe(job)


@runs(SPEECH, end=end_speech, purpose=Purpose.SPEAK)
def read_aloud_what_was_asked(job: Job) -> None:
    say(job)


@on(ExportAsked, queue="low", lease=LONG)
def build_what_was_asked(fact: ExportAsked) -> None:
    build_export(fact.ref.id)


@runs(KIND, end=fail_reply, purpose=Purpose.REPLY)
def write_what_was_asked(job: Job) -> None:
    write_reply(job)


@runs(PORTRAIT, end=end_portrait, queue="low", purpose=Purpose.PORTRAIT)
def build_what_was_asked_or_is_due(job: Job) -> None:
    build_portrait(job)


@on(TextWritten)
def tag_what_was_written(fact: TextWritten) -> None:
    if fact.ref.kind == Node._meta.label_lower:
        retag(fact.ref, owner_id=fact.owner)


@on(TextRewritten)
def tag_what_was_rewritten(fact: TextRewritten) -> None:
    if fact.ref.kind == Node._meta.label_lower:
        retag(fact.ref, owner_id=fact.owner)
