"""Deleting, taking back, and letting go for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone

from journal.actions.nodes import genre_of
from journal.actions.recordings import let_go_with
from journal.actions.speech import let_speech_go_with
from journal.actions.threads import ids_below
from journal.models.nodes import Node
from writeorperish.audit.log import Act, record, record_many
from writeorperish.events.catalog import TextErased, TextWritten
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.portability import forget
from writeorperish.refs import Ref, new_id

TRASH_LIFE = timedelta(days=30)
UNDO_LIFE = timedelta(hours=24)
BATCH = 200


@dataclass(frozen=True, slots=True)
class Trashed:
    """One act of deleting: how many entries it took, and until when it can be taken back."""

    deletion: UUID
    count: int
    deleted_at: datetime
    purge_after: datetime

    @property
    def undo_until(self) -> datetime:
        return self.deleted_at + UNDO_LIFE


@transaction.atomic
def trash_node(person: AbstractUser, node: Node, *, own_replies: bool = False) -> Trashed:
    """The act of deleting this entry, and every part of a split one; with `own_replies` all one's own below it.

    Other people's replies stay. What grew from the texts goes in the same transaction. Again on a trashed
    entry: the act it went by.
    """
    current = Node.objects.filter(owner=person.pk).select_for_update().filter(pk=node.pk).first()
    if current is None or current.erased_at is not None:
        raise Missing
    if current.deletion is not None and current.deleted_at and current.purge_after:
        return act_of(current)
    taken = rows_to_trash(person, current, own_replies=own_replies)
    return put_away(person.pk, taken, deletion=new_id(), by=person)


def put_away(owner_id: UUID, taken: Sequence[UUID], *, deletion: UUID, by: AbstractUser) -> Trashed:
    """These rows of one owner in the trash, without what grew from them. As many queries for all as for one."""
    now = timezone.now()
    refs = [Ref(Node._meta.label_lower, each) for each in taken]
    Node.objects.filter(pk__in=taken).update(
        deleted_at=now, deletion=deletion, purge_after=now + TRASH_LIFE, updated_at=now
    )
    if refs:
        forget(*refs, owner_id=owner_id)
        record_many([Act(by, "trash", ref, owner_id) for ref in refs])
        emit(*(TextErased(ref, owner_id) for ref in refs))
    return Trashed(deletion, len(taken), now, now + TRASH_LIFE)


def act_of(node: Node) -> Trashed:
    if node.deletion is None or node.deleted_at is None or node.purge_after is None:
        raise Missing
    count = Node.objects.deleted_by(node.owner).filter(deletion=node.deletion).count()
    return Trashed(node.deletion, count, node.deleted_at, node.purge_after)


def rows_to_trash(person: AbstractUser, node: Node, *, own_replies: bool) -> list[UUID]:
    """The entry, its own further parts, and on request one's own replies anywhere below, locked in order."""
    wanted = {node.pk, *node.parts.values_list("pk", flat=True)}
    if own_replies:
        wanted |= set(ids_below(node))
    own = Node.objects.editable_by(person).filter(pk__in=wanted).order_by("depth", "pk")
    return list(own.select_for_update().values_list("pk", flat=True))


@transaction.atomic
def restore_node(person: AbstractUser, node: Node) -> Node:
    """The entry back where it was, with everything the same act took along. Search finds it again shortly."""
    rows = Node.objects.deleted_by(person).filter(erased_at__isnull=True)
    current = rows.select_for_update().filter(pk=node.pk).first()
    if current is None:
        raise Missing
    act = rows.filter(deletion=current.deletion).order_by("depth", "pk").only("pk", "author_kind")
    back = list(act.select_for_update())
    Node.objects.filter(pk__in=[each.pk for each in back]).update(
        deleted_at=None, deletion=None, purge_after=None, updated_at=timezone.now()
    )
    record_many([Act(person, "restore", Ref.to(each), person.pk) for each in back])
    emit(*(TextWritten(Ref.to(each), person.pk, genre_of(each)) for each in back))
    current.refresh_from_db()
    return current


@transaction.atomic
def erase_node(person: AbstractUser, node: Node) -> None:
    """The trashed entry is gone for good; where others' living words hang below it, a bare place remains."""
    current = Node.objects.deleted_by(person).select_for_update().filter(pk=node.pk).first()
    if current is None or current.erased_at is not None:
        raise Missing
    record(person, "erase", Ref.to(current), of=person.pk)
    let_go([current])


def purge(*, now: datetime | None = None) -> int:
    """How many entries the clock let go: trashed for 30 days. Short transactions of 200, deepest first."""
    now = now or timezone.now()
    total = 0
    while True:
        with transaction.atomic():
            batch = list(
                Node.objects.filter(
                    deleted_at__isnull=False, purge_after__lte=now, erased_at__isnull=True
                )
                .select_for_update(skip_locked=True)
                .order_by("-depth", "pk")[:BATCH]
            )
            let_go(batch)
        total += len(batch)
        if len(batch) < BATCH:
            prune_places()
            return total


def let_go(batch: Sequence[Node]) -> None:
    """Removes these trashed rows; one that still carries a row below becomes an erased place without text."""
    going = [node.pk for node in batch]
    let_go_with(going)
    let_speech_go_with(going)
    for owner_id, theirs in by_owner(batch).items():
        refs = [Ref.to(node) for node in theirs]
        forget(*refs, owner_id=owner_id)
        emit(*(TextErased(ref, owner_id) for ref in refs))
    staying = anchors(batch)
    for node in batch:
        if node.pk in staying:
            blank(node)
    remove([node for node in batch if node.pk not in staying])


def by_owner(batch: Sequence[Node]) -> dict[UUID, list[Node]]:
    found: dict[UUID, list[Node]] = {}
    for node in batch:
        found.setdefault(node.owner_id, []).append(node)
    return found


def anchors(batch: Sequence[Node]) -> set[UUID]:
    """Which of these rows must keep their place: something below them is not among those that go. One query."""
    going = {node.pk for node in batch}
    rows = Node.objects.filter(parent__in=going).values_list("parent_id", "pk")
    staying = {parent for parent, child in rows if child not in going}
    for node in sorted(batch, key=lambda node: -node.depth):
        if node.pk in staying and node.parent_id is not None:
            staying.add(node.parent_id)
    return staying & going


def blank(node: Node) -> None:
    """Keeps the place, its audience and its dates; no word, version, draft or tag of it."""
    node.versions.all().delete()
    node.drafts.all().delete()
    node.title, node.body, node.chars = "", None, 0
    node.ai_usage, node.erased_at = AIUsage.NONE, timezone.now()
    node.source_key = None
    node.save(update_fields=["title", "body", "chars", "ai_usage", "erased_at", "source_key"])


def remove(batch: Sequence[Node]) -> None:
    """The rows and everything of them; then each erased place above that carried nothing else."""
    going = {node.pk: node.parent_id for node in batch}
    while going:
        Node.objects.filter(pk__in=going).delete()
        above = {parent for parent in going.values() if parent is not None}
        bare = Node.objects.filter(pk__in=above, erased_at__isnull=False, replies__isnull=True)
        going = dict(bare.values_list("pk", "parent_id"))


def prune_places() -> int:
    """How many erased places without anything below them went."""
    total = 0
    while True:
        empty = Node.objects.filter(erased_at__isnull=False, replies__isnull=True)
        bare = list(
            empty.exclude(thread__parent__isnull=False).values_list("pk", flat=True)[:BATCH]
        )
        Node.objects.filter(pk__in=bare).delete()
        total += len(bare)
        if not bare:
            return total
