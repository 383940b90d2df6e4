"""The reading door: whoever wants somebody's words for a purpose asks here, and the owner can see that they did."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from writeorperish.audit.log import Act, record_many, seen_today
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.models import Guarded, GuardedQuerySet, Viewer
from writeorperish.refs import Ref

# The owner's own uses: nothing leaves the process and no model reads.
NOT_AI = {Purpose.INDEX, Purpose.PROTECT, Purpose.COMPOSE}
ASKED = {
    *(Purpose.EMBED, Purpose.REPLY, Purpose.ASK, Purpose.NOTE),
    *(Purpose.PORTRAIT, Purpose.SPEAK, Purpose.RECOMMEND),
}
# Somebody asks for these, and may give a model no more than they see themselves.
SEEN_BY_ASKER = {Purpose.REPLY, Purpose.ASK, Purpose.NOTE, Purpose.PORTRAIT, Purpose.SPEAK}


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody's words, handed out for one purpose. Built here and nowhere else."""

    ref: Ref
    rev: int
    text: str = field(repr=False)
    start: int
    end: int
    owner_id: UUID
    ai_usage: str
    title: str = field(default="", repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)
    at: datetime | None = None


class Write(Protocol):
    """Writes a text as its person does, open to AI as `ai_usage` says."""

    def __call__(
        self, person: AbstractUser, *, title: str, text: str, at: datetime, ai_usage: str
    ) -> Ref: ...


@dataclass(frozen=True, slots=True)
class Source:
    """How the texts of one model are read: their words, title, date and labels.

    Not `searched`: what was made from other texts, and is found by those. `marks`: the stretches of a text that
    are signs for machines, with ids in them, and no words. `write` is how its person writes one, for measurements.
    `along` loads with the rows whatever else their words stand in, so that no text costs a query of its own.
    `thread`: what names the texts it stands among. `above`: the texts it goes on from, the nearest first, at most
    three.
    """

    model: type[Guarded]
    text: Callable[[Any], str]
    title: Callable[[Any], str]
    at: Callable[[Any], datetime]
    labels: Callable[[Any], Iterable[str]]
    readable: Callable[[Any], bool]
    genre: Callable[[Any], str]
    earlier: Callable[[Any, int], str | None]
    searched: bool
    marks: Callable[[str], Iterable[tuple[int, int]]]
    write: Write | None
    along: Callable[[Any], Any]
    thread: Callable[[Any], UUID | None]
    above: Callable[[Any], Sequence[Ref]]


SOURCES: dict[str, Source] = {}


def source(
    model: type[Guarded],
    *,
    text: Callable[[Any], str],
    title: Callable[[Any], str],
    at: Callable[[Any], datetime],
    genre: Callable[[Any], str],
    labels: Callable[[Any], Iterable[str]] = lambda _row: (),
    readable: Callable[[Any], bool] = lambda _row: True,
    earlier: Callable[[Any, int], str | None] = lambda _row, _rev: None,
    searched: bool = True,
    marks: Callable[[str], Iterable[tuple[int, int]]] = lambda _text: (),
    write: Write | None = None,
    along: Callable[[Any], Any] = lambda rows: rows,
    thread: Callable[[Any], UUID | None] = lambda _row: None,
    above: Callable[[Any], Sequence[Ref]] = lambda _row: (),
) -> None:
    """Registers the texts of a model, once, in the app's `sources.py`.

    `earlier`: the words of a row in a revision that is no longer its own, None where they are not kept.
    `searched`: whether search and discovery go through them. `along`: the rows, with what their words need.
    """
    SOURCES[model._meta.label_lower] = Source(
        *(model, text, title, at, labels, readable, genre, earlier),
        *(searched, marks, write, along, thread, above),
    )


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A text while it is written. `rev` counts its saves; `above` are the entries it answers, the nearest first.

    `changes`: the saved text whose next words these are.
    """

    ref: Ref
    rev: int
    owner_id: UUID
    ai_usage: str
    title: str = field(repr=False)
    text: str = field(repr=False)
    above: tuple[Ref, ...] = ()
    changes: Ref | None = None


Desk = Callable[[AbstractUser, UUID], Unsaved | None]
DESKS: dict[str, Desk] = {}


def desk(model: type[Model], find: Desk) -> None:
    """Registers where texts are written, once, in the app's `sources.py`. `find` gives the person's own only."""
    DESKS[model._meta.label_lower] = find


def being_written(person: AbstractUser, id: UUID) -> Unsaved | None:
    """The person's own text under this id while they write it; None when there is none, or it is another's."""
    found = (find(person, id) for find in DESKS.values())
    return next((each for each in found if each is not None and each.owner_id == person.pk), None)


@transaction.atomic
def read_unsaved(unsaved: Unsaved, *, purpose: Purpose) -> Passage | None:
    """Words that are not saved yet, for a model; None unless their person opened them to AI. Written down like `read`."""
    if purpose not in ASKED or unsaved.ai_usage == AIUsage.NONE:
        return None
    record_many([Act(None, "read", unsaved.ref, unsaved.owner_id, str(purpose))])
    return Passage(
        ref=unsaved.ref,
        rev=unsaved.rev,
        text=unsaved.text,
        start=0,
        end=len(unsaved.text),
        owner_id=unsaved.owner_id,
        ai_usage=unsaved.ai_usage,
        title=unsaved.title,
    )


def read(ref: Ref, *, purpose: Purpose, asker: AbstractUser | None = None) -> Passage | None:
    """The words of one text for this purpose, or None: gone, deleted, unfinished, or not open to it.

    Everything but the owner's own uses needs the entry's `ai_usage` to allow models. The audit entry is
    written before a word is handed out. Two queries and one append to the owner's chain.
    """
    return read_all([ref], purpose=purpose, asker=asker).get(ref)


@transaction.atomic
def read_all(
    refs: Sequence[Ref], *, purpose: Purpose, asker: AbstractUser | None = None
) -> dict[Ref, Passage]:
    """The words of those among these texts that are open to the purpose; the others are left out.

    With an asker only what that person may see. One query a kind and one append to each owner's chain.
    """
    rows = [
        (SOURCES[kind], row)
        for kind in sorted({ref.kind for ref in refs} & SOURCES.keys())
        for row in rows_for(SOURCES[kind], [ref.id for ref in refs if ref.kind == kind], asker)
    ]
    opened = [
        (known, row) for known, row in rows if known.readable(row) and allowed(row, purpose, asker)
    ]
    if purpose not in NOT_AI and opened:
        record_many(
            [Act(asker, "read", row.ref, row.owner_id, str(purpose)) for _known, row in opened]
        )
    return {row.ref: passage_of(known, row) for known, row in opened}


def rows_for(known: Source, ids: Sequence[UUID], asker: AbstractUser | None) -> list[Guarded]:
    manager = known.model._default_manager
    rows = manager.all() if asker is None else manager.visible_to(asker)  # type: ignore[attr-defined]  # guarded
    return list(known.along(rows.filter(pk__in=ids, deleted_at__isnull=True)))


def passage_of(known: Source, row: Guarded) -> Passage:
    words = known.text(row)
    return Passage(
        ref=row.ref,
        rev=getattr(row, "rev", 0),
        text=words,
        start=0,
        end=len(words),
        owner_id=row.owner_id,
        ai_usage=row.ai_usage,
        title=known.title(row),
        labels=tuple(known.labels(row)),
        at=known.at(row),
    )


def allowed(row: Guarded, purpose: Purpose, asker: AbstractUser | None) -> bool:
    """Whether this purpose may read this row: a closed list, so that anything unknown is refused."""
    if purpose is Purpose.COMPOSE:
        return asker is not None and asker.pk == row.owner_id
    if purpose in NOT_AI:
        return True
    if purpose in SEEN_BY_ASKER and asker is None:
        return False
    return purpose in ASKED and row.ai_usage != AIUsage.NONE


def seen(person: Viewer, rows: Iterable[Guarded]) -> None:
    """Writes down that this person was shown these rows: once per reader, row and day, in the owners' chains.

    One's own reading and anonymous readers of public rows are not recorded. Call before rendering.
    """
    if not isinstance(person, AbstractUser):
        return
    foreign = {row.pk: row for row in rows if row.owner_id != person.pk}
    if not foreign:
        return
    with transaction.atomic():
        known = seen_today(timezone.now().date(), person.pk, foreign)
        record_many(
            [
                Act(person, "seen", row.ref, row.owner_id)
                for row in foreign.values()
                if row.pk not in known
            ]
        )


def visible_texts(person: Viewer) -> Iterator[tuple[Source, GuardedQuerySet[Any]]]:
    """Each kind of searched text with the rows this person may see: where every search starts."""
    for known in SOURCES.values():
        if known.searched:
            rows = known.model._default_manager.visible_to(person)  # type: ignore[attr-defined]  # guarded
            yield known, known.along(rows)


def own_texts(person: AbstractUser) -> Iterator[tuple[Source, GuardedQuerySet[Any]]]:
    """Each kind of searched text with the living rows this person owns: the same for oneself, and asked more quickly."""
    for known in SOURCES.values():
        if known.searched:
            rows = known.model._default_manager.editable_by(person)  # type: ignore[attr-defined]  # guarded
            yield known, known.along(rows)


def as_they_stood(
    wanted: Iterable[tuple[Ref, int]], *, person: AbstractUser
) -> dict[tuple[Ref, int], str]:
    """The words of these texts, each in one revision, for somebody who may see them; those that are gone are left out.

    Earlier words of other people are theirs alone. Two queries a kind, and one for each earlier revision.
    """
    asked = set(wanted)
    found: dict[tuple[Ref, int], str] = {}
    for kind in sorted({ref.kind for ref, _rev in asked} & SOURCES.keys()):
        known = SOURCES[kind]
        ids = {ref.id for ref, _rev in asked if ref.kind == kind}
        rows = {row.ref: row for row in rows_for(known, list(ids), person)}
        seen(person, rows.values())
        for ref, rev in asked:
            row = rows.get(ref)
            words = None if row is None else words_at(known, row, rev, person)
            if words is not None:
                found[ref, rev] = words
    return found


def words_at(known: Source, row: Guarded, rev: int, person: AbstractUser) -> str | None:
    """None also for words that do not open any more, which the column has logged."""
    try:
        if getattr(row, "rev", 0) == rev:
            return known.text(row)
        return known.earlier(row, rev) if row.owner_id == person.pk else None
    except CannotOpen:
        return None


def open_now(refs: Collection[Ref], *, purpose: Purpose) -> set[Ref]:
    """Those of these texts that are there and open to the purpose at this moment. One query a kind, nothing read.

    For whoever holds passages and is about to hand them on: a text may have been closed since it was read.
    """
    return {
        ref
        for kind in {ref.kind for ref in refs} & SOURCES.keys()
        for ref in _open_of_kind(kind, [ref.id for ref in refs if ref.kind == kind], purpose)
    }


def _open_of_kind(kind: str, ids: Sequence[UUID], purpose: Purpose) -> Iterator[Ref]:
    rows = SOURCES[kind].model._default_manager.filter(pk__in=ids, deleted_at__isnull=True)
    if purpose in NOT_AI:
        return (Ref(kind, each) for each in rows.values_list("pk", flat=True))
    open_rows = rows.exclude(ai_usage=AIUsage.NONE)
    return (row.ref for row in open_rows if SOURCES[kind].readable(row))


def still_stands(passage: Passage, *, purpose: Purpose) -> bool:
    """Whether the words handed out are still those of the row, and still open to the purpose.

    For a transaction that stores what was made of them: the row stays locked until it ends, so nobody
    changes, deletes or closes the text meanwhile. One query.
    """
    return all_stand([passage], purpose=purpose)


def all_stand(passages: Collection[Passage], *, purpose: Purpose) -> bool:
    """Like `still_stands`, of all of these, whose rows are locked in one order. One query a kind."""
    wanted = {passage.ref: passage.rev for passage in passages}
    for kind in sorted({ref.kind for ref in wanted}):
        revs = {ref.id: rev for ref, rev in wanted.items() if ref.kind == kind}
        rows = SOURCES[kind].model._default_manager.select_for_update(no_key=True, of=("self",))
        found = {
            row.pk: row for row in rows.filter(pk__in=revs, deleted_at__isnull=True).order_by("pk")
        }
        for pk, rev in revs.items():
            row = found.get(pk)
            if row is None or getattr(row, "rev", 0) != rev:
                return False
            if purpose not in NOT_AI and row.ai_usage == AIUsage.NONE:
                return False
    return True
