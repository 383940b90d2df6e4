"""The ways of searching one owner's texts: by words, by meaning, newest first. Filters narrow all alike."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import reduce
from uuid import UUID

import numpy as np
from django.contrib.auth.models import AbstractUser
from django.db.models import Q

from download import lexicon
from download.lexicon import Term
from download.models.items import Item
from download.models.packing import Numbers, unpack
from download.models.words import Chunk, ChunkQuerySet, Lengths, Posting
from download.query import Query
from download.ranking import Asked, score
from writeorperish.ai.embeddings import near
from writeorperish.ai.models import Near, Vector
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre
from writeorperish.privacy.reading import visible_texts
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

DEPTH = 200
KINDS = {
    "journal": "journal.node",
    "library": "download.item",
    "highlights": "download.highlight",
    "studio": "narrative.scene",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A text and its best passage, as one leg found it."""

    ref: Ref
    rev: int
    start: int
    end: int
    at: datetime
    score: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose texts are searched, by whom, in whose days; `only` narrows to some of them, None is all."""

    person: AbstractUser
    owner_id: UUID
    zone: tzinfo
    only: frozenset[UUID] | None = None


def ranked(
    scope: Scope, query: Query, *, words: bool, vector: Vector | None
) -> tuple[list[Place], list[Place]]:
    """At most 200 texts by words and 200 by meaning, best first, each by its best passage."""
    with rows_of(scope.owner_id):
        chunks = _narrowed(scope, query)
        return (
            _by_words(scope, query, chunks) if words else [],
            _by_meaning(scope, chunks, vector) if vector is not None else [],
        )


def _by_words(scope: Scope, query: Query, chunks: ChunkQuerySet | None) -> list[Place]:
    asked = lexicon.asked_for(" ".join([query.words, *query.exact]))
    tokens = _blinded(scope.owner_id, asked)
    blocks = Posting.objects.asked(scope.owner_id, tokens.values())
    numbers, scores = score(
        [Asked(blocks.get(tokens[term], {}), weight) for term, weight in asked.items()],
        Lengths.objects.of(scope.owner_id),
        among=None if chunks is None else _numbers(chunks),
    )
    return _texts(scope, numbers, scores)


def _by_meaning(scope: Scope, chunks: ChunkQuerySet | None, vector: Vector) -> list[Place]:
    found: list[Near] = []
    if chunks is None:
        found = near(vector, of=scope.owner_id, k=DEPTH)
    else:
        for _source, rows in visible_texts(scope.person):
            within = rows.filter(owner=scope.owner_id, pk__in=chunks.values("source_id"))
            found += near(vector, of=scope.owner_id, within=within, k=DEPTH)
    at = _dates(scope.owner_id, {each.ref.id for each in found})
    best: dict[Ref, Place] = {}
    for each in sorted(found, key=lambda each: -each.cosine):
        if each.ref.id in at:
            rev, when = at[each.ref.id]
            place = Place(each.ref, rev, each.start, each.end, when, each.cosine)
            best.setdefault(each.ref, place)
    standing = _seen(scope, best)
    return [place for ref, place in best.items() if ref in standing][:DEPTH]


def newest(scope: Scope, query: Query, before: datetime | None = None) -> Iterator[Place]:
    """Every text the filters leave, newest first, with its first passage; read as it is asked for.

    With `before`, those of earlier instants.
    """
    earlier = Q() if before is None else Q(at__lt=before)
    while True:
        with rows_of(scope.owner_id):
            chunks = _narrowed(scope, query)
            if chunks is None:
                chunks = Chunk.objects.filter(owner_id=scope.owner_id)
            chunks = chunks.filter(earlier, part=0)
            batch = list(chunks.order_by("-at", "-no").defer("tokens")[:DEPTH])
        standing = _seen(scope, {chunk.source for chunk in batch})
        yield from (_place(chunk, 0.0) for chunk in batch if chunk.source in standing)
        if len(batch) < DEPTH:
            return
        last = batch[-1]
        earlier = Q(at__lt=last.at) | Q(at=last.at, no__lt=last.no)


def _narrowed(scope: Scope, query: Query) -> ChunkQuerySet | None:
    """The passages of texts that every filter of the query leaves; None when nothing narrows.

    Inside the owner's wall. A few queries for tags, sites, exact and unwanted words.
    """
    conditions = list(_conditions(scope, query))
    texts = _texts_with(scope.owner_id, query)
    if scope.only is not None:
        conditions.append(Q(source_id__in=scope.only))
    if texts is not None:
        conditions.append(Q(source_id__in=texts))
    unwanted = _texts_without(scope.owner_id, query)
    if unwanted:
        conditions.append(~Q(source_id__in=unwanted))
    if not conditions:
        return None
    return Chunk.objects.filter(*conditions, owner_id=scope.owner_id)


def _conditions(scope: Scope, query: Query) -> Iterator[Q]:
    if query.kinds:
        yield Q(source_kind__in=[KINDS[kind] for kind in query.kinds])
    if query.states:
        kept = Item.objects.visible_to(scope.person).filter(reading__in=query.states)
        yield Q(source_kind=KINDS["library"], source_id__in=kept.values("pk"))
    if query.by:
        yield Q(genre=Genre.ANSWER) if query.by == "ai" else ~Q(genre=Genre.ANSWER)
    if query.days.first:
        yield Q(at__gte=_beginning(query.days.first, scope.zone))
    if query.days.last and query.days.last < date.max:
        yield Q(at__lt=_beginning(query.days.last + timedelta(days=1), scope.zone))


def _beginning(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _texts_with(owner_id: UUID, query: Query) -> set[UUID] | None:
    """The texts that hold every tag, one of the sites, and the words of every exact phrase."""
    wanted = [[lexicon.tag(name)] for name in query.tags]
    if query.sites:
        wanted.append([lexicon.site(host) for host in query.sites])
    for phrase in query.exact:
        wanted += [[term] for term in lexicon.required(phrase)]
    if not wanted:
        return None
    return reduce(set.intersection, (_holding_any(owner_id, terms) for terms in wanted))


def _texts_without(owner_id: UUID, query: Query) -> set[UUID]:
    """The texts with an unwanted word, or with all words of an unwanted phrase in one passage."""
    unwanted: set[UUID] = set()
    for phrase in query.without:
        terms = lexicon.required(phrase)
        if terms:
            numbers = reduce(np.intersect1d, [_numbers_of(owner_id, [term]) for term in terms])
            unwanted |= _sources(owner_id, numbers)
    return unwanted


def _holding_any(owner_id: UUID, terms: Sequence[Term]) -> set[UUID]:
    return _sources(owner_id, _numbers_of(owner_id, terms))


def _numbers_of(owner_id: UUID, terms: Sequence[Term]) -> Numbers:
    """The numbers of the passages with any of the terms."""
    tokens = _blinded(owner_id, terms)
    found = Posting.objects.asked(owner_id, tokens.values())
    parts = [unpack(block, p)[0] for blocks in found.values() for block, p in blocks.items()]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _sources(owner_id: UUID, numbers: Numbers) -> set[UUID]:
    chunks = Chunk.objects.filter(owner_id=owner_id, no__in=numbers.tolist())
    return set(chunks.values_list("source_id", flat=True))


def _numbers(chunks: ChunkQuerySet) -> Numbers:
    return np.fromiter(chunks.values_list("no", flat=True).iterator(), np.int64)


def _blinded(owner_id: UUID, terms: Iterable[Term]) -> dict[Term, int]:
    """The token of each term, under the owner's key."""
    holder = keys.person(owner_id)
    tokens = {}
    for term in terms:
        tokens[term] = blind.token(holder, term.namespace, term.word)
    return tokens


def _texts(scope: Scope, numbers: Numbers, scores: Iterable[float]) -> list[Place]:
    """The texts of these passages that may be seen, in their order, each once: at most 200."""
    ranked = list(zip(numbers.tolist(), scores, strict=True))
    best: dict[Ref, Place] = {}
    for first in range(0, len(ranked), DEPTH):
        batch = dict(ranked[first : first + DEPTH])
        chunks = Chunk.objects.filter(owner_id=scope.owner_id, no__in=list(batch)).defer("tokens")
        by_number = {chunk.no: chunk for chunk in chunks}
        standing = _seen(scope, {chunk.source for chunk in by_number.values()})
        for no, value in batch.items():
            chunk = by_number.get(no)
            if chunk is not None and chunk.source in standing:
                best.setdefault(chunk.source, _place(chunk, float(value)))
        if len(best) >= DEPTH or first >= 10 * DEPTH:
            break
    return list(best.values())[:DEPTH]


def _seen(scope: Scope, refs: Collection[Ref]) -> set[Ref]:
    """Those of the texts that the person may see, of this owner. One query for each kind."""
    standing: set[Ref] = set()
    for known, rows in visible_texts(scope.person):
        kind = known.model._meta.label_lower
        wanted = [ref.id for ref in refs if ref.kind == kind]
        if wanted:
            found = rows.filter(owner=scope.owner_id, pk__in=wanted).values_list("pk", flat=True)
            standing |= {Ref(kind, id) for id in found}
    return standing


def _place(chunk: Chunk, value: float) -> Place:
    return Place(chunk.source, chunk.rev, chunk.start, chunk.end, chunk.at, value)


def _dates(owner_id: UUID, ids: Collection[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """Revision and date of indexed texts."""
    chunks = Chunk.objects.filter(owner_id=owner_id, source_id__in=ids, part=0)
    return {id: (rev, at) for id, rev, at in chunks.values_list("source_id", "rev", "at")}
