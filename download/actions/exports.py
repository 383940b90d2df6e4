"""Taking one's links along: a file asked for, made in the worker and sealed as it is written, here for a week."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.utils import timezone

from download.actions.remembering import review_of
from download.actions.taking_in import is_thin
from download.formats import memeos, netscape, quotes, sheet
from download.formats.found import Found, Mark
from download.models.exports import LibraryExport
from download.models.items import Highlight, Item, ItemQuerySet, Page
from download.models.reviews import Card
from writeorperish.audit.log import record
from writeorperish.crypto import storage
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import ExportAsked
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Missing
from writeorperish.ops.states import move
from writeorperish.refs import Ref

BATCH: Final = 200
# Texts of pages can be long, so fewer of them are held at once.
TEXTS_AT_ONCE: Final = 50
BEFORE: Final = re.compile(r"[\s\ufeff]*")
EXPORT_LIFE: Final = timedelta(days=7)
State = LibraryExport.State
Format = LibraryExport.Format
MEDIA_TYPES: Final = {
    Format.MEMEOS: ("application/json", "json"),
    Format.HTML: ("text/html", "html"),
    Format.CSV: ("text/csv", "csv"),
    Format.MARKDOWN: ("application/zip", "zip"),
}
ONE_PAGE: Final = ("text/markdown", "md")
WRITERS: Final[dict[str, Callable[[Iterable[Found]], Iterator[bytes]]]] = {
    Format.MEMEOS: memeos.written,
    Format.HTML: netscape.written,
    Format.CSV: sheet.written,
    Format.MARKDOWN: quotes.written,
}


def exports_of(person: AbstractUser) -> models.QuerySet[LibraryExport]:
    """The person's exports of links, newest first."""
    return LibraryExport.objects.filter(owner=person.pk).order_by("-created_at", "-id")


@transaction.atomic
def ask_for_export(
    person: AbstractUser,
    *,
    format: str,
    tag: UUID | None = None,
    reading: str = "",
    due_by: date | None = None,
    review: str = "",
) -> LibraryExport:
    """The export as it will be made, of all living links or of those that fit every wish. The worker makes it.

    `due_by`: with something to review on that day or before. `review`: by what became of their cards, those of
    their highlights included.
    """
    export = LibraryExport.objects.create(
        owner_id=person.pk, format=format, tag=tag, reading=reading, due_by=due_by, review=review
    )
    record(person, "export.ask", Ref.to(export), of=person.pk)
    emit(ExportAsked(Ref.to(export), person.pk))
    return export


def build_export(export_id: UUID) -> None:
    """The export, ready: written, sealed and handed over. Harmless twice, and for what is no export of links."""
    export = LibraryExport.objects.filter(pk=export_id).first()
    if export is None or export.state not in {State.ASKED, State.BUILDING, State.FAILED}:
        return
    wanted = chosen(export)
    alone = export.format == Format.MARKDOWN and wanted.count() == 1
    export = move(export, State.BUILDING, total=wanted.count(), done=0)
    writer = quotes.written_alone if alone else WRITERS[export.format]
    content = storage.Piecewise(writer(links_of(export, wanted)))
    media_type, _ending = ONE_PAGE if alone else MEDIA_TYPES[Format(export.format)]
    try:
        blob = storage.keep(export.owner_id, content, media_type=media_type)
    except CannotOpen:
        move(export, State.FAILED)
        return
    with transaction.atomic():
        storage.settle(blob)
        expires_at = timezone.now() + EXPORT_LIFE
        move(
            export,
            State.READY,
            blob=blob,
            bytes=blob.bytes,
            done=export.total,
            expires_at=expires_at,
        )


def chosen(export: LibraryExport) -> ItemQuerySet:
    """The links this export is of."""
    rows = Item.objects.filter(owner=export.owner_id, deleted_at__isnull=True)
    if export.tag is not None:
        rows = rows.filter(tags=export.tag)
    if export.reading:
        rows = rows.filter(reading=export.reading)
    if export.format == Format.MARKDOWN:
        rows = rows.marked()
    if export.due_by is not None:
        due = Q(due_on__lte=export.due_by, done_with_at__isnull=True)
        rows = rows.filter(with_card(due))
    if export.review == LibraryExport.Review.SUSPENDED:
        rows = rows.filter(with_card(Q(done_with_at__isnull=False)))
    elif export.review == LibraryExport.Review.ACTIVE:
        rows = rows.filter(with_card(Q(reps__gt=0, done_with_at__isnull=True)))
    elif export.review == LibraryExport.Review.NEW:
        rows = rows.exclude(with_card(Q(reps__gt=0) | Q(done_with_at__isnull=False)))
    return rows


def with_card(such: Q) -> Q:
    """Links with a card like this, their own or a highlight's."""
    own = Card.objects.filter(such, item=OuterRef("pk"))
    mark = Card.objects.filter(
        such, highlight__item=OuterRef("pk"), highlight__deleted_at__isnull=True
    )
    return Q(Exists(own)) | Q(Exists(mark))


def links_of(export: LibraryExport, rows: ItemQuerySet) -> Iterator[Found]:
    """The links one after the other, by when they were kept; how far it came is noted at each batch."""
    links = whole_links if export.format == Format.MEMEOS else links_without_texts
    for number, link in enumerate(links(rows), start=1):
        yield link
        if number % BATCH == 0:
            LibraryExport.objects.filter(pk=export.pk).update(done=number)


def library_file(person: AbstractUser) -> Iterator[bytes]:
    """All the person's links as JSON, for the export of everything; nothing where there are none."""
    rows = Item.objects.filter(owner=person.pk, deleted_at__isnull=True)
    if rows.exists():
        yield from memeos.written(whole_links(rows))


def whole_links(rows: ItemQuerySet) -> Iterator[Found]:
    """These links with all that a file can hold."""
    items = in_order(rows, at_once=TEXTS_AT_ONCE)
    for number, item in enumerate(items, start=1):
        yield replace(link_of(item, number), text=text_of(item))


def links_without_texts(rows: ItemQuerySet) -> Iterator[Found]:
    """These links without the texts of their pages, which stay in the database."""
    items = in_order(rows.defer("page__text"), at_once=BATCH)
    for number, item in enumerate(items, start=1):
        yield link_of(item, number)


def in_order(rows: ItemQuerySet, *, at_once: int) -> Iterator[Item]:
    """These links by (saved_at, id), with what belongs to them. Six queries a batch."""
    cards = Card.objects.prefetch_related("reviews")
    marks = Highlight.objects.filter(deleted_at__isnull=True)
    whole = (
        rows.select_related("page")
        .order_by("saved_at", "id")
        .prefetch_related(
            "tags",
            Prefetch("card", cards),
            Prefetch("highlights", marks.prefetch_related(Prefetch("card", cards))),
        )
    )
    after = Q()
    while batch := list(whole.filter(after)[:at_once]):
        yield from batch
        last = batch[-1]
        after = Q(saved_at__gt=last.saved_at) | Q(saved_at=last.saved_at, id__gt=last.pk)


def link_of(item: Item, number: int) -> Found:
    """The link as a file holds it, but for its text: what an import would make of it is the same."""
    extra = dict(item.extra) if isinstance(item.extra, dict) else {}
    author = extra.get("author")
    named = isinstance(author, str) and author == " ".join(author.split())
    return Found(
        ordinal=number,
        key=str(item.pk),
        url=item.url or "",
        title=bare(item.title),
        author=str(extra.pop("author")) if named else "",
        note=bare(item.note),
        tags=tuple(sorted(tag.name for tag in item.tags.all())),
        saved_at=item.saved_at,
        reading=item.reading,
        ai_usage=item.ai_usage,
        marks=tuple(marks_of(item.highlights.all())),
        review=review_of(getattr(item, "card", None)),
        extra=extra,
    )


def text_of(item: Item) -> str:
    """The text of its page. Not what may be no article, nor one put together from its highlights."""
    page = item.page
    if page is None or page.quality == Page.Quality.SUSPICIOUS or is_thin(page):
        return ""
    return bare(page.text)


def marks_of(rows: Iterable[Highlight]) -> Sequence[Mark]:
    marks = [
        Mark(
            quote=bare(row.quote),
            note=bare(row.note),
            made_at=row.made_at,
            review=review_of(getattr(row, "card", None)),
        )
        for row in rows
    ]
    return sorted(marks, key=lambda mark: (mark.made_at, mark.quote, mark.note))


def bare(text: str) -> str:
    """The text without the white space and marks around it, which no import keeps."""
    found = BEFORE.match(text)
    return text[found.end() if found else 0 :].rstrip()


def expire_exports() -> int:
    """How many exports were older than seven days and gave up their file. 200 at a time."""
    old = LibraryExport.objects.filter(state=State.READY, expires_at__lt=timezone.now())
    count = 0
    for export in old[:BATCH]:
        with transaction.atomic():
            storage.doom(Blob.objects.filter(pk__in=[export.blob_id]))
            move(export, State.EXPIRED, blob=None)
        count += 1
    return count


def file_of(person: AbstractUser, export: LibraryExport) -> Blob:
    """The file, that it was fetched recorded first. Missing without one."""
    if export.state != State.READY or export.blob is None:
        raise Missing
    with transaction.atomic():
        record(person, "export.fetch", Ref.to(export), of=person.pk)
    return export.blob


def ending_of(blob: Blob) -> str:
    """What the name of such a file ends in."""
    known = dict([*MEDIA_TYPES.values(), ONE_PAGE])
    return known.get(blob.media_type, "bin")
