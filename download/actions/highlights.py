"""Marking words in a page, and finding them again in the next copy of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download import anchoring, citing
from download.models.items import NOTE_CHARS, QUOTE_CHARS, Highlight, Item, Page
from writeorperish.audit.log import record
from writeorperish.events.catalog import Genre, TextErased, TextRewritten, TextWritten
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid, Missing
from writeorperish.privacy.portability import forget
from writeorperish.refs import Ref

TRASH_LIFE: Final = timedelta(days=30)
BATCH: Final = 200


class QuoteNotFound(Invalid):
    code = "quote_not_found"
    words = _("These words don't stand in the page. Copy them from its text.")


@transaction.atomic
def mark_span(
    person: AbstractUser,
    item: Item,
    *,
    start: int,
    end: int,
    note: str = "",
    revision: int | None = None,
    id: UUID | None = None,
) -> Highlight:
    """The words at these places of the page's text, marked. The same place again is the same highlight.

    White space around them is left out. QuoteNotFound when there are no words, or too many.
    """
    current, copy = locked_page(person, item, revision)
    start, end = anchoring.trimmed(copy.text, start, end)
    if not 0 < end - start <= QUOTE_CHARS:
        raise QuoteNotFound
    standing = current.highlights.filter(page=copy, start=start, end=end, deleted_at__isnull=True)
    for highlight in standing:
        return annotate(person, highlight, note=note) if note else highlight
    highlight = Highlight(
        **({"id": id} if id else {}),
        owner_id=current.owner_id,
        ai_usage=current.ai_usage,
        item=current,
        page=copy,
        start=start,
        end=end,
        quote=copy.text[start:end],
        note=note[:NOTE_CHARS],
        **anchoring.beside(copy.text, start, end),
    )
    highlight.save(force_insert=True)
    record(person, "write", highlight.ref, of=person.pk)
    emit(TextWritten(highlight.ref, person.pk, Genre.READING))
    return highlight


def mark_quote(
    person: AbstractUser,
    item: Item,
    *,
    quote: str,
    note: str = "",
    revision: int | None = None,
    id: UUID | None = None,
) -> Highlight:
    """These words of the page, marked where they stand first. QuoteNotFound when they do not."""
    _current, copy = locked_page(person, item, revision, lock=False)
    place = anchoring.find(copy.text, quote, longest=QUOTE_CHARS)
    if place is None:
        raise QuoteNotFound
    return mark_span(
        person, item, start=place[0], end=place[1], note=note, revision=copy.revision, id=id
    )


def locked_page(
    person: AbstractUser, item: Item, revision: int | None, *, lock: bool = True
) -> tuple[Item, Page]:
    rows = Item.objects.editable_by(person)
    if lock:
        rows = rows.select_for_update(of=("self",))
    current = rows.filter(pk=item.pk).first()
    if current is None:
        raise Missing
    wanted = Q(revision=revision) if revision else Q(pk=current.page_id)
    copy = current.pages.filter(wanted).first()
    if copy is None:
        raise QuoteNotFound
    return current, copy


def annotate(
    person: AbstractUser, highlight: Highlight, *, note: str, expected_rev: int | None = None
) -> Highlight:
    """The highlight with this note. Conflict when another change was faster."""
    with transaction.atomic():
        current = own_locked(person, highlight)
        if expected_rev is not None and expected_rev != current.rev:
            raise Conflict(yours=expected_rev, theirs=current.rev)
        if current.note == note[:NOTE_CHARS]:
            return current
        current.note = note[:NOTE_CHARS]
        current.rev += 1
        current.updated_at = timezone.now()
        current.save(update_fields=["note", "rev", "updated_at"])
        record(person, "edit", current.ref, of=person.pk)
        emit(TextRewritten(current.ref, person.pk, Genre.READING))
        return current


def own_locked(person: AbstractUser, highlight: Highlight) -> Highlight:
    rows = Highlight.objects.editable_by(person).select_for_update(of=("self",))
    current = rows.filter(pk=highlight.pk).first()
    if current is None:
        raise Missing
    return current


@transaction.atomic
def trash_highlight(person: AbstractUser, highlight: Highlight) -> Highlight:
    """The highlight is taken out of its page; it can come back for 30 days."""
    current = own_locked(person, highlight)
    now = timezone.now()
    current.deleted_at, current.purge_after, current.updated_at = now, now + TRASH_LIFE, now
    current.save(update_fields=["deleted_at", "purge_after", "updated_at"])
    forget(current.ref, owner_id=current.owner_id)
    record(person, "trash", current.ref, of=person.pk)
    emit(TextErased(current.ref, person.pk))
    return current


@transaction.atomic
def restore_highlight(person: AbstractUser, highlight: Highlight) -> Highlight:
    """The highlight back in its page. Missing while the link itself is in the trash."""
    rows = Highlight.objects.deleted_by(person).filter(item__deleted_at__isnull=True)
    current = rows.select_for_update(of=("self",)).filter(pk=highlight.pk).first()
    if current is None:
        raise Missing
    current.deleted_at = current.purge_after = None
    current.updated_at = timezone.now()
    current.save(update_fields=["deleted_at", "purge_after", "updated_at"])
    record(person, "restore", current.ref, of=person.pk)
    emit(TextWritten(current.ref, person.pk, Genre.READING))
    return current


def forget_highlights(owner_id: UUID, items: Sequence[UUID], *, at: datetime) -> list[Ref]:
    """The living highlights of these links, unseen from now on, without what grew from them."""
    living = Highlight.objects.filter(item__in=items, deleted_at__isnull=True)
    refs = [Ref(Highlight._meta.label_lower, each) for each in living.values_list("pk", flat=True)]
    living.update(deleted_at=at, purge_after=at + TRASH_LIFE, updated_at=at)
    if refs:
        forget(*refs, owner_id=owner_id)
    return refs


def return_highlights(item: Item) -> list[Ref]:
    """The highlights that went with the link, back; those deleted before stay away."""
    went = item.highlights.filter(deleted_at=item.deleted_at)
    refs = [Ref(Highlight._meta.label_lower, each) for each in went.values_list("pk", flat=True)]
    went.update(deleted_at=None, purge_after=None, updated_at=timezone.now())
    return refs


def anchor_anew(item: Item, page: Page) -> None:
    """Each highlight of the link where its words stand in this copy, or marked as no longer in the page."""
    text = None
    for highlight in item.highlights.exclude(page=page):
        text = text or citing.source(page.text)
        place = anchoring.anew(
            page.text,
            text,
            highlight.quote,
            before=highlight.before,
            after=highlight.after,
            near=highlight.start,
            longest=QUOTE_CHARS,
        )
        highlight.anchored = place is not None
        if place is not None:
            highlight.page = page
            highlight.start, highlight.end = place
        highlight.updated_at = timezone.now()
        highlight.save(update_fields=["page", "start", "end", "anchored", "updated_at"])


def purge(*, now: datetime | None = None) -> int:
    """How many highlights the clock let go: out of their page for 30 days. Short transactions of 200."""
    now = now or timezone.now()
    total = 0
    while True:
        with transaction.atomic():
            due = Highlight.objects.filter(deleted_at__isnull=False, purge_after__lte=now)
            rows = due.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            gone = list(rows.values_list("pk", flat=True)[:BATCH])
            Highlight.objects.filter(pk__in=gone).delete()
        total += len(gone)
        if len(gone) < BATCH:
            return total
