"""Reading a thread as one person may: entries, places of deleted ones, and what is not open to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from journal.models.nodes import Node
from journal.threads import PAGE_ROWS, Bone, NotInThread, Page, Thread
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.models import Viewer

SKELETON_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a thread. `node` is None where this person is told no more than that something stands here."""

    level: int
    node: Node | None
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """The nearest ancestors, the entry, and a stretch of what hangs below it."""

    ancestors: Sequence[Place]
    more_above: int
    node: Node
    below: Sequence[Place]
    next_after: UUID | None


def thread_page(
    person: Viewer, node: Node, *, after: UUID | None = None, limit: int = PAGE_ROWS
) -> ThreadPage:
    """The page of a thread around one visible entry. Four queries, whatever its size or depth.

    Of the whole thread only ids, parents and dates are read, at most 20,000 rows; texts only of the
    rows shown. An `after` that is not below the entry shows the beginning.
    """
    visible = set(
        Node.objects.visible_to(person).filter(root=node.root_id).values_list("pk", flat=True)
    )
    thread = Thread(skeleton(node, visible))
    # Beyond the rows of a skeleton an entry stands for itself, with its direct replies.
    if node.pk not in thread:
        thread = Thread(replies_of(node, visible, limit))
    above = thread.above(node.pk)
    page = stretch(thread, node, after, limit)
    shown = [*above.nearest, *(row.id for row in page.rows)]
    rows = rows_by_id(person, shown, visible)
    return ThreadPage(
        ancestors=[place(rows, ident, 0) for ident in above.nearest],
        more_above=max(above.more, node.depth - len(above.nearest)),
        node=node,
        below=[place(rows, row.id, row.level) for row in page.rows],
        next_after=page.next,
    )


def path_to(person: Viewer, node_id: UUID) -> list[Node]:
    """The entries from a thread's beginning down to this one, as far as this person may see them.

    Texts stay sealed until they are read. Three queries, for any depth. Missing for an entry not theirs to see.
    """
    node = Node.objects.visible_to(person).filter(pk=node_id).first()
    if node is None:
        raise Missing
    bones = {bone.id: bone for bone in skeleton(node, set())}
    ids = [node.pk]
    parent = node.parent_id
    while parent is not None and parent in bones:
        ids.append(parent)
        parent = bones[parent].parent
    rows = Node.objects.visible_to(person).in_bulk(ids)
    return [rows[ident] for ident in reversed(ids) if ident in rows]


def skeleton(node: Node, visible: set[UUID]) -> list[Bone]:
    rows = Node.objects.filter(root=node.root_id).order_by("written_at", "id")
    return [
        Bone(pk, parent, at, pk in visible)
        for pk, parent, at in rows.values_list("pk", "parent_id", "written_at")[:SKELETON_ROWS]
    ]


def replies_of(node: Node, visible: set[UUID], limit: int) -> list[Bone]:
    rows = Node.objects.filter(parent=node.pk).order_by("written_at", "id")
    found = rows.values_list("pk", "parent_id", "written_at")[:limit]
    return [
        Bone(node.pk, None, node.written_at),
        *(Bone(pk, parent, at, pk in visible) for pk, parent, at in found),
    ]


def stretch(thread: Thread, node: Node, after: UUID | None, limit: int) -> Page:
    try:
        return thread.below(node.pk, after=after, limit=limit)
    except NotInThread:
        return thread.below(node.pk, limit=limit)


def rows_by_id(person: Viewer, ids: Sequence[UUID], visible: set[UUID]) -> dict[UUID, Place]:
    """The rows of a page: entries this person sees, and tombstones they may be told about."""
    shown = Node.objects.visible_to(person).filter(pk__in=ids).with_people()
    rows = {row.pk: Place(0, row) for row in shown.counting_children_for(person)}
    hidden = [ident for ident in ids if ident not in visible]
    tombs = Node.objects.with_tombstones_to(person).filter(pk__in=hidden).with_people()
    rows |= {row.pk: Place(0, row, tombstone=True) for row in tombs}
    return rows


def place(rows: Mapping[UUID, Place], ident: UUID, level: int) -> Place:
    found = rows.get(ident)
    return Place(level, found.node, found.tombstone) if found else Place(level, None)


def ids_below(node: Node) -> list[UUID]:
    """Ids of every row below an entry, deleted ones included. One query."""
    rows = Node.objects.filter(root=node.root_id).values_list("pk", "parent_id", "written_at")
    thread = Thread(Bone(*row) for row in rows)
    return [row.id for row in thread.below(node.pk, limit=len(thread)).rows]
