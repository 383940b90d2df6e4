"""Taking an import back: what nobody touched since goes or is as it was before, and the rest says why it stays."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from download.actions.highlights import forget_highlights
from download.actions.items import drop_unused_tags, let_go, locked
from download.actions.remembering import forget_again
from download.actions.taking_in import (
    Kept,
    Through,
    digest_of,
    kept_of,
    settle_columns,
    whole,
    with_marks,
    write_again,
)
from download.models.imports import Import, ImportRow
from download.models.items import Highlight, Item, Page
from writeorperish.audit.log import Act, record_many
from writeorperish.crypto import keys
from writeorperish.events.catalog import Genre, TextErased, TextRewritten
from writeorperish.events.outbox import emit
from writeorperish.ops.states import move
from writeorperish.privacy.portability import forget
from writeorperish.refs import Ref

BATCH: Final = 200
Undo = ImportRow.Undo


def undo_import(run_id: UUID) -> None:
    """The run is taken back, from its last row to its first. Two hundred rows are one transaction; harmless twice."""
    run = Import.objects.filter(pk=run_id).select_related("owner").first()
    if run is None or run.state != Import.State.UNDOING:
        return
    while undo_batch(run):
        pass
    move(run, Import.State.UNDONE, finished_at=timezone.now())


@transaction.atomic
def undo_batch(run: Import) -> int:
    """How many rows say now what their undoing came to.

    A link is compared by the keyed digest that the row left of it: what its person changed since, marked, read or put away stays.
    """
    locked(run.owner)
    made = Q(outcome=ImportRow.Outcome.CREATED) | Q(outcome=ImportRow.Outcome.MERGED)
    rows = list(run.rows.filter(made, undo="").order_by("-ordinal").select_for_update()[:BATCH])
    kept = links_of(rows)
    holder = keys.person(run.owner_id)
    erased: list[Kept] = []
    restored: dict[UUID, Kept] = {}
    changes = Changes()
    for row in rows:
        row.undo = fate_of(row, kept.get(row.item_id), holder)
        if row.undo == Undo.ERASED:
            erased.append(kept[row.item_id])
        elif row.undo == Undo.RESTORED:
            restored[kept[row.item_id].item.pk] = kept[row.item_id]
            changes.take_back(kept[row.item_id], row.before)
    ImportRow.objects.bulk_update(rows, ["undo"])
    gone = {each.item.pk for each in erased}
    write_back(run, [each for each in restored.values() if each.item.pk not in gone], changes)
    erase(run, erased)
    return len(rows)


def links_of(rows: Iterable[ImportRow]) -> dict[UUID | None, Kept]:
    """The links of these rows as they stand, locked. Three queries."""
    wanted = {row.item_id for row in rows if row.item_id}
    found = [
        kept_of(item)
        for item in whole(Item.objects.filter(pk__in=wanted).select_for_update(of=("self",)))
    ]
    with_marks([each for each in found if not each.trashed])
    return {each.item.pk: each for each in found}


def fate_of(row: ImportRow, kept: Kept | None, holder: str) -> Undo:
    if kept is None:
        return Undo.GONE
    if kept.trashed:
        return Undo.IN_TRASH
    if row.written is None or bytes(row.written) != digest_of(holder, kept):
        return Undo.CHANGED
    return Undo.ERASED if row.outcome == ImportRow.Outcome.CREATED else Undo.RESTORED


class Changes:
    """What is taken off the links of one batch, gathered so that it takes a few queries for all."""

    def __init__(self) -> None:
        self.tags: list[tuple[UUID, int]] = []
        self.marks: list[UUID] = []
        self.pages: dict[UUID, UUID | None] = {}
        self.reviews: dict[UUID, int] = {}

    def take_back(self, kept: Kept, before: Any) -> None:  # noqa: ANN401  # as the sealed column gives it
        """The link in memory as it was before a row added to it."""
        standing = kept.standing
        for name, value in before["values"].items():
            old = datetime.fromisoformat(value) if name == "saved_at" and value else value
            setattr(standing, name, old)
        standing.tags -= set(before["tags"])
        self.tags += [(kept.item.pk, tag) for tag in before["tags"]]
        for mark in before["marks"]:
            kept.marks.pop(mark, None)
            self.marks.append(UUID(mark))
        if before.get("reps") is not None:
            self.reviews[kept.item.pk] = before["reps"]
        page = before.get("page")
        if page and str(kept.item.page_id) == page["given"]:
            self.pages[UUID(page["given"])] = UUID(page["before"]) if page["before"] else None
            kept.item.page_id = self.pages[UUID(page["given"])]
            if kept.item.page_id is None:
                kept.item.fetch = Item.Fetch.SKIPPED


def write_back(run: Import, restored: Sequence[Kept], changes: Changes) -> None:
    """These links as they were before, without the tags, marks and pages that the import gave them."""
    owner_id = run.owner_id
    now = timezone.now()
    for kept in restored:
        settle_columns(kept, now)
        kept.item.version += 1
        kept.item.rev += 1
    write_again([kept.item for kept in restored])
    refs = [Ref(Highlight._meta.label_lower, each) for each in changes.marks]
    if refs:
        forget(*refs, owner_id=owner_id)
        Highlight.objects.filter(pk__in=changes.marks).delete()
        emit(*(TextErased(ref, owner_id) for ref in refs))
    return_pages(changes.pages)
    forget_again(owner_id, changes.reviews)
    take_off(changes.tags)
    drop_unused_tags(owner_id)
    if restored:
        record_many([Act(run.owner, "edit", kept.item.ref, owner_id) for kept in restored])
        emit(*(TextRewritten(kept.item.ref, owner_id, Genre.READING) for kept in restored))


def return_pages(pages: dict[UUID, UUID | None]) -> None:
    """What is marked in these pages is in the ones before, and the pages are gone. Three queries at most."""
    if not pages:
        return
    marks = list(Highlight.objects.filter(page__in=pages).only("id", "page"))
    for mark in marks:
        mark.page_id = pages[mark.page_id] or mark.page_id
    Highlight.objects.bulk_update(marks, ["page"])
    Page.objects.filter(pk__in=pages).delete()


def take_off(tags: Sequence[tuple[UUID, int]]) -> None:
    """These links without these tags. One query to find, one to delete."""
    if not tags:
        return
    through: Through = Item.tags.through
    wanted = set(tags)
    rows = through.objects.filter(
        item__in={item for item, _tag in tags}, tag__name_key__in={tag for _item, tag in tags}
    )
    found = rows.values_list("pk", "item_id", "tag__name_key")
    gone = [pk for pk, item, tag in found if (item, tag) in wanted]
    through.objects.filter(pk__in=gone).delete()


def erase(run: Import, erased: Sequence[Kept]) -> None:
    """These links are gone for good, with their pages and marks and all that grew from them."""
    if not erased:
        return
    ids = [kept.item.pk for kept in erased]
    record_many([Act(run.owner, "erase", kept.item.ref, run.owner_id) for kept in erased])
    marks = forget_highlights(run.owner_id, ids, at=timezone.now())
    emit(*(TextErased(ref, run.owner_id) for ref in marks))
    let_go(kept.item for kept in erased)
