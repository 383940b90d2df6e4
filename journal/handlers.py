from datetime import timedelta

from journal.actions.exports import build_export
from journal.actions.imports import check_import, run_import, undo_import
from writeorperish.events.bus import on
from writeorperish.events.catalog import (
    ExportAsked,
    ImportConfirmed,
    ImportRetracted,
    ImportUploaded,
)

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


@on(ExportAsked, queue="low", lease=LONG)
def build_what_was_asked(fact: ExportAsked) -> None:
    build_export(fact.ref.id)
