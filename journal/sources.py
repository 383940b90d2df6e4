from datetime import UTC, date, datetime, time

from django.contrib.auth.models import AbstractUser

from journal.actions.nodes import genre_of, words_in, write_node
from journal.models.nodes import Node
from journal.models.portraits import MonthDigest, Note, Portrait
from journal.portraying import numbered_lines
from journal.quoting import MARKER, tags_in
from writeorperish.events.catalog import Genre
from writeorperish.privacy.reading import source
from writeorperish.refs import Ref


def written(person: AbstractUser, *, title: str, text: str, at: datetime, ai_usage: str) -> Ref:
    return write_node(person, title=title, text=text, written_at=at, ai_usage=ai_usage).node.ref


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
)


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
