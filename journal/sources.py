from datetime import UTC, date, datetime, time
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from journal.actions.drafts import drafts_of
from journal.actions.nodes import genre_of, words_in, write_node
from journal.models.drafts import Draft
from journal.models.nodes import Node
from journal.models.portraits import MonthDigest, Note, Portrait
from journal.portraying import numbered_lines
from journal.quoting import ENTRY, MARKER, tags_in
from writeorperish.events.catalog import Genre
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.reading import Unsaved, desk, source
from writeorperish.refs import Ref


def written(person: AbstractUser, *, title: str, text: str, at: datetime, ai_usage: str) -> Ref:
    return write_node(person, title=title, text=text, written_at=at, ai_usage=ai_usage).node.ref


def line_from(node_id: UUID | None) -> tuple[Ref, ...]:
    """An entry and up to two it goes on from, the nearest first. One query where there is one."""
    if node_id is None:
        return ()
    row = Node.objects.filter(pk=node_id).values_list("pk", "parent_id", "parent__parent_id")
    return tuple(Ref(ENTRY, each) for each in next(iter(row), ()) if each)


def unsaved(person: AbstractUser, draft_id: UUID) -> Unsaved | None:
    draft = drafts_of(person).select_related("edits").filter(pk=draft_id).first()
    if draft is None:
        return None
    edits = draft.edits
    # An entry that was closed to AI while it is edited is closed in its draft too.
    closed = edits is not None and edits.ai_usage == AIUsage.NONE
    return Unsaved(
        ref=Ref.to(draft),
        rev=draft.seq,
        owner_id=draft.owner_id,
        ai_usage=AIUsage.NONE if closed else draft.ai_usage,
        title=draft.title,
        text=draft.body,
        above=line_from(edits.parent_id if edits is not None else draft.parent_id),
        changes=edits.ref if edits is not None else None,
    )


source(
    Node,
    text=lambda node: node.body or "",
    title=lambda node: node.title,
    at=lambda node: node.written_at,
    genre=genre_of,
    labels=lambda node: [f"#{tag}" for tag in tags_in(node.body or "")],
    earlier=words_in,
    readable=lambda node: node.state == Node.State.WHOLE and node.body is not None,
    marks=lambda text: [match.span() for match in MARKER.finditer(text)],
    write=written,
    thread=lambda node: node.root_id,
    above=lambda node: line_from(node.parent_id),
)
desk(Draft, unsaved)


# Made from entries, and found by those.
source(
    Note,
    text=lambda note: numbered_lines(note.items),
    title=lambda _note: "",
    at=lambda note: noon(note.day),
    genre=lambda _note: Genre.ANSWER,
    searched=False,
)
source(
    MonthDigest,
    text=lambda digest: numbered_lines(digest.lines),
    title=lambda _digest: "",
    at=lambda digest: noon(digest.month),
    genre=lambda _digest: Genre.ANSWER,
    searched=False,
)
source(
    Portrait,
    text=lambda portrait: portrait.body,
    title=lambda _portrait: "",
    at=lambda portrait: portrait.made_at,
    genre=lambda _portrait: Genre.ANSWER,
    readable=lambda portrait: portrait.state in {Portrait.State.CURRENT, Portrait.State.SUPERSEDED},
    searched=False,
)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)
