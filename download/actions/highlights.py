"""Marking words in a page, and finding them again in the next copy of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rapidfuzz.fuzz import partial_ratio_alignment

from download import citing
from download.models.items import NOTE_CHARS, QUOTE_CHARS, Highlight, Item, Page
from writeorperish.audit.log import record
from writeorperish.events.catalog import Genre, TextErased, TextRewritten, TextWritten
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Invalid, Missing
from writeorperish.privacy.portability import forget
from writeorperish.refs import Ref

BESIDE_CHARS: Final = 32
TRASH_LIFE: Final = timedelta(days=30)
BATCH: Final = 200
ALIKE: Final = (
    90  # of 100: the share of a quote that must still be there for its new place to be its place
)


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
    page: UUID | None = None,
    id: UUID | None = None,
) -> Highlight:
    """The words at these places of the page's text, marked. The same place again is the same highlight.

    White space around them is left out. QuoteNotFound when there are no words, or too many.
    """
    current, copy = locked_page(person, item, page)
    start, end = trimmed(copy.text, start, end)
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
        **beside(copy.text, start, end),
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
    page: UUID | None = None,
    id: UUID | None = None,
) -> Highlight:
    """These words of the page, marked where they stand first. QuoteNotFound when they do not."""
    _current, copy = locked_page(person, item, page, lock=False)
    place = find(copy.text, quote)
    if place is None:
        raise QuoteNotFound
    return mark_span(person, item, start=place[0], end=place[1], note=note, page=copy.pk, id=id)


def locked_page(
    person: AbstractUser, item: Item, page: UUID | None, *, lock: bool = True
) -> tuple[Item, Page]:
    rows = Item.objects.editable_by(person)
    if lock:
        rows = rows.select_for_update(of=("self",))
    current = rows.filter(pk=item.pk).first()
    if current is None:
        raise Missing
    wanted = page or current.page_id
    copy = current.pages.filter(pk=wanted).first() if wanted else None
    if copy is None:
        raise QuoteNotFound if page is None else Missing
    return current, copy


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The same place inside the text, without the white space at its ends."""
    start = max(0, start)
    words = text[start : max(start, end)]
    start += len(words) - len(words.lstrip())
    return start, start + len(words.strip())


def beside(text: str, start: int, end: int) -> dict[str, str]:
    """What stands before and after, which tells two places of the same words apart."""
    return {
        "before": text[max(0, start - BESIDE_CHARS) : start],
        "after": text[end : end + BESIDE_CHARS],
    }


def find(text: str, quote: str, near: int = 0) -> tuple[int, int] | None:
    """Where the words stand in the text, however short; nearest to `near`."""
    return citing.source(text).find(quote, near, shortest=1, longest=QUOTE_CHARS)


def annotate(person: AbstractUser, highlight: Highlight, *, note: str) -> Highlight:
    """The highlight with this note."""
    with transaction.atomic():
        current = own_locked(person, highlight)
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
        place = place_of(highlight, text, page.text)
        highlight.anchored = place is not None
        if place is not None:
            highlight.page = page
            highlight.start, highlight.end = place
        highlight.updated_at = timezone.now()
        highlight.save(update_fields=["page", "start", "end", "anchored", "updated_at"])


def place_of(highlight: Highlight, text: citing.Source, plain: str) -> tuple[int, int] | None:
    """Where a highlight's words stand in another text: in their old company, nearest to their old place, or alike."""
    around = f"{highlight.before}{highlight.quote}{highlight.after}"
    company = text.find(around, highlight.start, shortest=1, longest=2 * QUOTE_CHARS)
    near = company[0] + len(highlight.before) if company else highlight.start
    place = text.find(highlight.quote, near, shortest=1, longest=QUOTE_CHARS)
    if place is not None or len(highlight.quote) < citing.SHORTEST:
        return place
    alike = partial_ratio_alignment(highlight.quote, plain, score_cutoff=ALIKE)
    return (
        (alike.dest_start, alike.dest_end) if alike and alike.dest_start < alike.dest_end else None
    )


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
