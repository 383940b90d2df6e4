"""Bringing links from elsewhere: a file arrives sealed, is checked, imported on a second word, taken back as a whole."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.actions.items import locked
from download.actions.taking_in import Batch, Judged, Kept, label_of, write
from download.formats.found import Row
from download.formats.opening import HEAD_BYTES, may_be_ours, opened
from download.models.imports import Import, ImportRow
from download.models.items import Item
from writeorperish.audit.log import record
from writeorperish.crypto import storage
from writeorperish.crypto.fields import JSON
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import (
    ImportConfirmed,
    ImportFinished,
    ImportRetracted,
    ImportUploaded,
    PageWanted,
)
from writeorperish.events.outbox import emit
from writeorperish.ops.archives import Refusal
from writeorperish.ops.refusals import Conflict, Invalid, TooLarge
from writeorperish.ops.states import move
from writeorperish.refs import Ref

FILE_BYTES: Final = 50 * 1024 * 1024
BATCH: Final = 200
PROBLEMS_SHOWN: Final = 100
FILE_LIFE: Final = timedelta(days=7)
UNDO_LIFE: Final = timedelta(days=30)
# So many pages of an import are wanted at once, and the next so much later: 300 of one person in an hour.
PAGES_AT_ONCE: Final = 50
PAGES_EVERY: Final = timedelta(minutes=10)
COUNTED: Final = tuple(ImportRow.Outcome.values)
State = Import.State
CANCELLABLE: Final = frozenset([State.UPLOADED, State.CHECKING, State.CHECKED, State.IMPORTING])


class FileTooLarge(TooLarge):
    words = _("A file to import holds up to 50 MB.")


class EmptyFile(Invalid):
    code = "empty_file"
    words = _("This file is empty.")


class UnknownFormat(Invalid):
    code = "unknown_format"
    words = _(
        "This is none of the exports we can read: bookmarks of a browser, Pocket, Raindrop, "
        "Readwise, Instapaper, an X archive or our own JSON."
    )


class WrongState(Conflict):
    code = "wrong_state"
    words = _("This import is not at the point where that can be done.")


def imports_of(person: AbstractUser) -> QuerySet[Import]:
    """The person's imports, newest first."""
    return Import.objects.filter(owner=person.pk).order_by("-created_at", "-id")


def begin_import(person: AbstractUser, file: IO[bytes], *, size: int) -> Import:
    """The import of this file, sealed as it is; its name is not kept, and the check follows in the worker.

    file: can be sought. size: in bytes. EmptyFile, FileTooLarge, and UnknownFormat for what begins like none
    of ours.
    """
    if size > FILE_BYTES:
        raise FileTooLarge(bytes=size, cap=FILE_BYTES)
    if not size:
        raise EmptyFile
    if not may_be_ours(file.read(HEAD_BYTES)):
        raise UnknownFormat
    file.seek(0)
    blob = storage.keep(person.pk, file, media_type="application/octet-stream")
    with transaction.atomic():
        storage.settle(blob)
        run = Import.objects.create(owner_id=person.pk, blob=blob)
        record(person, "import.begin", Ref.to(run), of=person.pk)
        emit(ImportUploaded(Ref.to(run), person.pk))
    return run


@contextmanager
def batches(run: Import, *, skip: int = 0) -> Iterator[tuple[str, Iterator[list[Row]]]]:
    """The format of the run's file and its rows, two hundred at a time, without the first `skip`."""
    if run.blob is None:
        raise Refusal("file_gone")
    with storage.open_blob(run.blob) as file:
        found = opened(file, size=run.blob.bytes, now=timezone.now())
        rows = islice(found.rows, skip, None)
        yield found.format, iter(lambda: list(islice(rows, BATCH)), [])


# --- from upload to report ---------------------------------------------------------------------


def check_import(run_id: UUID) -> None:
    """The run with its report: the outcome every row would have, nothing of it written. Harmless twice.

    What the file says twice is compared with itself, so the import counts alike.
    """
    run = Import.objects.filter(pk=run_id).select_related("blob", "owner").first()
    if run is None or run.state not in {State.UPLOADED, State.CHECKING}:
        return
    if run.state == State.UPLOADED:
        run = move(run, State.CHECKING)
    counts: Counter[str] = Counter()
    problems: list[JSON] = []
    seen: dict[bytes, Kept] = {}
    try:
        with batches(run) as (run.format, rows):
            for batch in rows:
                judged = foreseen(run, batch, seen)
                counts.update(str(each.outcome) for each in judged)
                problems += [problem(each) for each in judged if each.reason]
                del problems[PROBLEMS_SHOWN:]
    except Refusal as refusal:
        fail(run, refusal.code)
        return
    total = sum(counts.values())
    if not total:
        fail(run, "no_rows")
        return
    report: JSON = {
        "counts": {name: counts[name] for name in COUNTED},
        "problems": problems,
    }
    move(run, State.CHECKED, format=run.format, total=total, report=report)


@transaction.atomic
def foreseen(run: Import, rows: Sequence[Row], seen: dict[bytes, Kept]) -> list[Judged]:
    """What would become of these rows, after the ones `seen` before."""
    return Batch(run, locked(run.owner), seen).judge(rows)


def problem(judged: Judged) -> JSON:
    return {
        "ordinal": judged.row.ordinal,
        "label": label_of(judged.row),
        "outcome": str(judged.outcome),
        "reason": judged.reason,
    }


def fail(run: Import, reason: str) -> None:
    """The run, failed for a reason its person reads. What was imported before stays and can be taken back."""
    move(run, State.FAILED, reason=reason, finished_at=timezone.now())


# --- from report to links ----------------------------------------------------------------------


@transaction.atomic
def confirm_import(
    person: AbstractUser, run: Import, *, last_level: bool = False, ai_as_told: bool = False
) -> Import:
    """The run with its person's choices, or one that failed going on with them; the rows follow in the worker.

    WrongState unless it was checked, or failed after its check, and its file is still here.
    """
    broken_off = run.state == State.FAILED and run.total > 0
    if run.blob_id is None or not (run.state == State.CHECKED or broken_off):
        raise WrongState(state=run.state)
    chosen = {} if broken_off else {"last_level": last_level, "ai_as_told": ai_as_told}
    run = move(run, State.IMPORTING, expected_version=run.version, reason="", **chosen)
    record(person, "import.confirm", Ref.to(run), of=person.pk)
    emit(ImportConfirmed(Ref.to(run), person.pk))
    return run


def run_import(run_id: UUID) -> None:
    """Every row of the file has its outcome. A worker that died is followed by one that goes on at its batch.

    Two hundred rows, their outcomes and the place in the file are one transaction.
    """
    run = Import.objects.filter(pk=run_id).select_related("blob", "owner").first()
    if run is None or run.state != State.IMPORTING:
        return
    try:
        with batches(run, skip=run.next_row) as (_format, rows):
            for batch in rows:
                if not import_batch(run, batch):
                    return
    except Refusal as refusal:
        fail(run, refusal.code)
        return
    finish(run)


@transaction.atomic
def import_batch(run: Import, rows: Sequence[Row]) -> bool:
    """Whether these rows are links now, with the count of all that are; False when it is no more this worker's.

    The library's row is the lock, so that two imports of one person, and what they save meanwhile, see each other.
    """
    library = locked(run.owner)
    current = Import.objects.select_for_update().get(pk=run.pk)
    if current.state != State.IMPORTING or current.next_row != run.next_row:
        return False
    batch = Batch(run, library)
    judged = batch.judge(rows)
    write(batch, run, judged)
    counts = Counter(str(each.outcome) for each in judged)
    for name in COUNTED:
        setattr(current, name, getattr(current, name) + counts[name])
    current.next_row += len(rows)
    current.save(update_fields=["next_row", *COUNTED])
    run.next_row = current.next_row
    return True


@transaction.atomic
def finish(run: Import) -> None:
    """The run is done, every row accounted for, and the pages of its links are wanted from now on."""
    run = move(run, State.DONE, finished_at=timezone.now(), total=run.next_row)
    record(run.owner, "import", Ref.to(run), of=run.owner_id, detail={"rows": run.total})
    emit(ImportFinished(Ref.to(run), run.owner_id))


@transaction.atomic
def cancel_import(person: AbstractUser, run: Import) -> Import:
    """The run stops after the rows it is at; what it made stays, and can be taken back. WrongState once it ended."""
    current = Import.objects.select_for_update().get(pk=run.pk)
    if current.state not in CANCELLABLE:
        raise WrongState(state=current.state)
    begun = current.next_row > 0
    run = move(run, State.CANCELLED, finished_at=timezone.now())
    record(person, "import.cancel", Ref.to(run), of=person.pk)
    if begun:
        emit(ImportFinished(Ref.to(run), person.pk))
    return run


@transaction.atomic
def want_pages(run_id: UUID) -> None:
    """The pages of what this import brought are wanted, newest first, fifty every ten minutes."""
    run = Import.objects.filter(pk=run_id).first()
    if run is None:
        return
    made = ImportRow.objects.filter(run=run, outcome=ImportRow.Outcome.CREATED)
    waiting = Item.objects.filter(
        pk__in=made.values("item"), fetch=Item.Fetch.PENDING, deleted_at__isnull=True
    )
    want(waiting, run.owner_id)


def want(waiting: QuerySet[Item], owner_id: UUID) -> None:
    """The pages of these links are wanted, newest first, fifty every ten minutes. In the caller's transaction."""
    facts = (
        PageWanted(Ref(Item._meta.label_lower, each), owner_id)
        for each in waiting.order_by("-saved_at").values_list("pk", flat=True).iterator()
    )
    at = timezone.now()
    while some := list(islice(facts, PAGES_AT_ONCE)):
        emit(*some, not_before=at)
        at += PAGES_EVERY


# --- taking it back ----------------------------------------------------------------------------


def can_be_undone(run: Import) -> bool:
    """Whether it ended less than 30 days ago and has made anything."""
    ended = run.state in {State.DONE, State.CANCELLED, State.FAILED}
    recent = timezone.now() - (run.finished_at or run.created_at) <= UNDO_LIFE
    return ended and recent and run.created + run.merged > 0


@transaction.atomic
def retract_import(person: AbstractUser, run: Import) -> Import:
    """The run on its way back; its untouched links follow in the worker. WrongState after 30 days."""
    if not can_be_undone(run):
        raise WrongState(state=run.state)
    run = move(run, State.UNDOING, expected_version=run.version)
    record(person, "import.retract", Ref.to(run), of=person.pk)
    emit(ImportRetracted(Ref.to(run), person.pk))
    return run


def counts_of(run: Import) -> dict[str, int]:
    """How many rows had, or by the check would have, which outcome; nothing before there is a check."""
    foreseen = run.state in {State.UPLOADED, State.CHECKING, State.CHECKED} or not run.next_row
    if not foreseen:
        return {name: getattr(run, name) for name in COUNTED}
    return dict(report_of(run).get("counts", {}))


def report_of(run: Import) -> dict[str, Any]:
    """What the check found; empty before there is one."""
    return run.report if isinstance(run.report, dict) else {}


def rows_of(run: Import, outcome: str = "") -> QuerySet[ImportRow]:
    """The rows of the run in the order of its file, all or those of one outcome."""
    rows = run.rows.order_by("ordinal")
    return rows.filter(outcome=outcome) if outcome else rows


def left_after_undo(run: Import) -> QuerySet[ImportRow]:
    """The rows whose links an undo left as they were, because their person has touched them."""
    kept = [ImportRow.Undo.CHANGED, ImportRow.Undo.IN_TRASH]
    return run.rows.filter(undo__in=kept).order_by("ordinal")


def forget_what_was_before(*, now: datetime | None = None) -> int:
    """How many rows forgot what their links were before, because their import can't be taken back any more."""
    before = (now or timezone.now()) - UNDO_LIFE
    over = ImportRow.objects.filter(run__finished_at__lt=before, before__isnull=False)
    return over.exclude(run__state=State.UNDOING).update(before=None, written=None)


def sweep_files(*, now: datetime | None = None) -> int:
    """How many files went: seven days after their import ended, or was left unconfirmed. 200 at a time."""
    before = (now or timezone.now()) - FILE_LIFE
    ended = Import.objects.filter(blob__isnull=False, finished_at__lt=before)
    idle = Import.objects.filter(
        blob__isnull=False, state=State.CHECKED, finished_at__isnull=True, created_at__lt=before
    )
    with transaction.atomic():
        runs = list((ended | idle).select_for_update()[:BATCH])
        blobs = [run.blob_id for run in runs if run.blob_id]
        Import.objects.filter(pk__in=[run.pk for run in runs]).update(blob=None)
        return storage.doom(Blob.objects.filter(pk__in=blobs))
