"""Taking everything along: the export, asked for, built by the worker, kept seven days."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Export, User
from writeorperish.audit.log import record
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import ExportAsked
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Missing, TooMuch
from writeorperish.ops.states import move
from writeorperish.refs import Ref

A_DAY_AT_MOST = 3
EXPORT_LIFE = timedelta(days=7)


class ExportsSpent(TooMuch):
    words = _("Three exports a day are the most. The last one is still here to download.")


def exports_of(person: User) -> models.QuerySet[Export]:
    return Export.objects.filter(person=person.pk).order_by("-created_at")


@transaction.atomic
def ask_for_export(person: User) -> Export:
    """The export as it will be built; the one under way when there is one. ExportsSpent after three a day."""
    User.objects.select_for_update().get(pk=person.pk)
    under_way = exports_of(person).filter(state__in=["asked", "building"]).first()
    if under_way is not None:
        return under_way
    today = exports_of(person).filter(created_at__gt=timezone.now() - timedelta(days=1))
    if today.exclude(state=Export.State.FAILED).count() >= A_DAY_AT_MOST:
        raise ExportsSpent(retry_after_seconds=3600)
    export = Export.objects.create(person=person)
    record(person, "export.ask", Ref.to(export), of=person.pk)
    emit(ExportAsked(Ref.to(export), person.pk))
    return export


def begin_export(export_id: UUID) -> Export | None:
    """The export to build, or None when it is built already or gone."""
    export = Export.objects.filter(pk=export_id).first()
    if export is None or export.state not in {"asked", "building", "failed"}:
        return None
    return move(export, Export.State.BUILDING)


def note_progress(export: Export, done: int) -> None:
    Export.objects.filter(pk=export.pk).update(done=done)


def hand_over(export: Export, blob: Blob) -> None:
    """The export is ready for seven days, and its person may fetch it."""
    with transaction.atomic():
        storage.settle(blob)
        move(
            export,
            Export.State.READY,
            blob=blob,
            bytes=blob.bytes,
            expires_at=timezone.now() + EXPORT_LIFE,
        )


def fail_export(export: Export) -> None:
    move(export, Export.State.FAILED)


def expire_exports() -> int:
    """How many exports were older than seven days and gave up their file."""
    old = Export.objects.filter(state=Export.State.READY, expires_at__lt=timezone.now())
    count = 0
    for export in old[:200]:
        with transaction.atomic():
            storage.doom(Blob.objects.filter(pk__in=[export.blob_id]))
            move(export, Export.State.EXPIRED, blob=None)
        count += 1
    return count


def parts_of(
    person: User, export: Export, *, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """The zip or a stretch of its bytes, opened block by block; that it was fetched is recorded first.

    Missing without a file.
    """
    if export.blob is None:
        raise Missing
    with transaction.atomic():
        record(person, "export.fetch", Ref.to(export), of=person.pk)
    return storage.pieces(export.blob, start, export.blob.bytes if stop is None else stop)
