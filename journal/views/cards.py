"""Entries as pages show them: opened once, and honest where one cannot be opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.utils.safestring import SafeString

from journal.actions.nodes import levels_under
from journal.actions.replies import jobs_of
from journal.helping import contact_in, is_acute
from journal.models.nodes import Node
from journal.views.quotes import NONE, Quotes, quotes_of
from journal.views.sounds import Player, Players, players_of
from writeorperish.ai.models import Job
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.models import Viewer
from writeorperish.ui.prose import excerpt, render_for_ai, render_passage

EXCERPT_CHARS = 280
TITLE_CHARS = 90


@dataclass(frozen=True, slots=True)
class Card:
    """One entry in a list or thread. `words_missing`: its ciphertext does not open, and the page says so."""

    node: Node
    title: str
    excerpt: str
    html: str
    words_missing: bool
    mine: bool
    written: datetime
    may_reply: bool
    level: int = 0
    kind: str = "entry"
    job: Job | None = None
    sounds: Sequence[Player] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands that this reader is not shown."""

    kind: str
    level: int
    handle: str = ""
    written: datetime | None = None
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Beside:
    """What belongs to the entries of a page and was looked up once for all of them.

    `jobs`: what writes those that are being written. `help`: whom their person can call, above answers to
    words about dying.
    """

    quotes: Quotes = NONE
    sounds: Players = field(default_factory=dict)
    jobs: Mapping[UUID, Job] = field(default_factory=dict)
    help: Mapping[UUID, str] = field(default_factory=dict)


def beside(nodes: Sequence[Node], person: Viewer) -> Beside:
    """As many queries for fifty entries as for one."""
    return Beside(
        quotes=quotes_of(map(text_of, nodes), person),
        sounds=players_of(nodes),
        jobs=jobs_of(nodes),
        help=help_above(nodes, person),
    )


def card(
    node: Node,
    person: Viewer,
    *,
    whole: bool = False,
    level: int = 0,
    passage: tuple[int, int] | None = None,
    beside: Beside | None = None,
) -> Card:
    """The entry opened for its reader; with `whole` also as HTML, a passage in it marked."""
    mine = node.owner_id == person.pk
    around = beside or Beside()
    sounds = around.sounds.get(node.pk, ())
    try:
        body = node.body or ""
        title = node.title
    except CannotOpen:
        return Card(node, "", "", "", True, mine, node.written_at, False, level, sounds=sounds)
    return Card(
        node=node,
        title=title or first_line(body),
        excerpt="" if whole else excerpt(body, EXCERPT_CHARS),
        html=html_of(node, body, passage, around.quotes) if whole else "",
        words_missing=False,
        mine=mine,
        written=node.written_at,
        may_reply=isinstance(person, AbstractUser) and bool(levels_under(node, person)),
        level=level,
        job=around.jobs.get(node.pk),
        sounds=sounds,
        help=around.help.get(node.pk, ""),
    )


def help_above(nodes: Iterable[Node], person: Viewer) -> dict[UUID, str]:
    """Whom this person can call, for each of these AI replies of theirs that answers words about dying.

    One query for entries that are not among these, none where there is no such reply.
    """
    rows = {node.pk: node for node in nodes}
    answers = [
        node
        for node in rows.values()
        if node.author_kind == Node.Author.AI and node.owner_id == person.pk and node.parent_id
    ]
    absent = {node.parent_id for node in answers} - rows.keys()
    if absent:
        rows |= Node.objects.visible_to(person).in_bulk(absent)
    answered = {node.pk: rows[node.parent_id] for node in answers if node.parent_id in rows}
    acute = {ident: above for ident, above in answered.items() if is_acute(text_of(above))}
    return {ident: contact_in(above.zone) for ident, above in acute.items()}


def text_of(node: Node) -> str:
    """Its words, none where they do not open."""
    try:
        return node.body or ""
    except CannotOpen:
        return ""


def html_of(node: Node, body: str, passage: tuple[int, int] | None, quotes: Quotes) -> SafeString:
    if node.author_kind == Node.Author.AI:
        return render_for_ai(body)
    return render_passage(body, *passage) if passage else quotes.render(body)


def first_line(body: str) -> str:
    """What stands for a title in lists: the first line, without Markdown, cut at a word."""
    line = next((line for line in body.splitlines() if line.strip()), "")
    return excerpt(line, TITLE_CHARS)


def by_day(cards: Iterable[Card]) -> list[Day]:
    """Cards grouped by the day their entry was written, in the order they come."""
    return [Day(on, list(group)) for on, group in groupby(cards, key=lambda each: each.node.day)]
