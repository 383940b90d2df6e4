"""The ways of searching one owner's texts: by words, by meaning, newest first. Filters narrow all alike."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from functools import reduce
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import AbstractUser
from django.db.models import Q, QuerySet

from download import lexicon
from download.lexicon import Namespace, Term
from download.models.items import Item
from download.models.packing import Numbers, unpack, unpack_tokens
from download.models.words import Chunk, ChunkQuerySet, Lengths, Posting
from download.query import Query
from download.ranking import Asked, most, rarities, score
from writeorperish.ai.embeddings import LOCAL, near, usual
from writeorperish.ai.models import Near, Vector
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.models import GuardedQuerySet
from writeorperish.privacy.reading import Source, own_texts, visible_texts
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

DEPTH = 200
PASSAGES_OF_A_TEXT = 4  # so many of the best passages are looked at for each text that is wanted
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

    def texts(self) -> Iterator[tuple[Source, GuardedQuerySet[Any]]]:
        """Each kind of text with the owner's rows that the person may see."""
        if self.owner_id == self.person.pk:
            return own_texts(self.person)
        seen = visible_texts(self.person)
        return ((known, rows.filter(owner=self.owner_id)) for known, rows in seen)


def ranked(
    scope: Scope, query: Query, *, words: bool, vector: Vector | None
) -> tuple[list[Place], list[Place]]:
    """At most 200 texts by words and 200 by meaning, best first, each by its best passage."""
    with rows_of(scope.owner_id):
        chunks = _narrowed(scope, query)
        by_words = _by_words(scope, query, chunks) if words else []
        if vector is None:
            return by_words, []
        return by_words, _by_meaning(scope, chunks, vector, {place.ref for place in by_words})


@dataclass(frozen=True, slots=True)
class Passages:
    """The best single passages for a question: several of one text may be among them.

    `words` and `meaning` are of texts that AI may read, `closed` by words of those it may not. Scores of
    `words` and `closed` are what part of the question they hold, of `meaning` how near they are; 0 to 1.
    """

    words: list[Place] = field(default_factory=list)
    closed: list[Place] = field(default_factory=list)
    meaning: list[Place] = field(default_factory=list)


def passages(
    scope: Scope,
    query: Query,
    asked: Mapping[Term, float],
    *,
    whole: Collection[Term],
    vector: Vector | None,
    depth: int,
) -> Passages:
    """At most `depth` passages of each leg, best first, what was written by models or as fiction apart.

    `whole`: the terms that are all of the question; others in `asked` help to order, and count for nothing else.
    """
    with rows_of(scope.owner_id):
        narrowed = _narrowed(scope, query)
        chunks = narrowed if narrowed is not None else Chunk.objects.filter(owner_id=scope.owner_id)
        chunks = chunks.exclude(genre__in=[Genre.ANSWER, Genre.FICTION])
        found = _held(scope, asked, whole, _numbers(chunks), depth)
        if vector is not None:
            found.meaning.extend(_near(scope, chunks, vector, depth))
        return found


@dataclass(frozen=True, slots=True)
class Weighed:
    """Terms with their postings, and how much each tells the owner's passages apart."""

    asked: Mapping[Term, Asked]
    rarity: Mapping[Term, float]

    def known(self, term: Term) -> bool:
        """Whether it stands anywhere in what the owner has."""
        return bool(self.asked[term].blocks)


def weighed(owner_id: UUID, terms: Iterable[Term]) -> Weighed:
    """The terms as the owner's passages have them. Two queries, and one more where words are unknown."""
    with rows_of(owner_id):
        asked = _looked_up(owner_id, dict.fromkeys(terms, 1.0))
        told = rarities(list(asked.values()), Lengths.objects.of(owner_id))
    return Weighed(asked, dict(zip(asked, told, strict=True)))


@dataclass(frozen=True, slots=True)
class Held:
    """The passage of a text that holds most of some terms: which of them, and what share of their rarity, 0..1."""

    start: int
    end: int
    share: float
    terms: tuple[Term, ...]
    tokens: frozenset[int] = field(repr=False)


def held(
    owner_id: UUID,
    terms: Sequence[Term],
    known: Weighed,
    *,
    kinds: Collection[str],
    depth: int,
    also: Collection[UUID] = (),
) -> dict[Ref, Held]:
    """The `depth` texts of these kinds that hold most of the terms, and those of `also`, each by its best passage.

    Each term counts once, a rare one more; a term that stands nowhere counts for what it would tell. Inside the
    owner's wall; three queries.
    """
    asked = [known.asked[term] for term in terms]
    lengths = Lengths.objects.of(owner_id)
    of_kinds = Chunk.objects.filter(owner_id=owner_id, source_kind__in=kinds)
    numbers, scores = score(asked, lengths, among=_numbers(of_kinds))
    best = numbers[: PASSAGES_OF_A_TEXT * depth].tolist()
    chunks = list(of_kinds.filter(Q(no__in=best) | Q(source_id__in=list(also))))
    full = most(asked, lengths) or 1.0
    share = dict(zip(numbers.tolist(), (scores / full).tolist(), strict=True))
    chunks.sort(key=lambda chunk: (-share.get(chunk.no, 0.0), chunk.no))
    by_text: dict[Ref, Chunk] = {}
    for chunk in chunks:
        if len(by_text) < depth or chunk.source_id in also:
            by_text.setdefault(chunk.source, chunk)
    standing = {term: set(_standing_in(known.asked[term])) for term in terms}
    return {
        ref: Held(
            chunk.start,
            chunk.end,
            min(1.0, share.get(chunk.no, 0.0)),
            tuple(term for term in terms if chunk.no in standing[term]),
            frozenset(unpack_tokens(bytes(chunk.tokens))),
        )
        for ref, chunk in by_text.items()
    }


def _standing_in(asked: Asked) -> Iterator[int]:
    for block, packed in asked.blocks.items():
        yield from unpack(block, packed)[0].tolist()


def _held(
    scope: Scope,
    asked: Mapping[Term, float],
    whole: Collection[Term],
    among: Numbers,
    depth: int,
) -> Passages:
    terms = _looked_up(scope.owner_id, asked)
    lengths = Lengths.objects.of(scope.owner_id)
    numbers, _order = score(list(terms.values()), lengths, among=among)
    held = score([terms[term] for term in asked if term in whole], lengths, among=among)
    share = dict(zip(held[0].tolist(), held[1].tolist(), strict=True))
    in_full = [
        replace(terms[term], weight=weight)
        for term, weight in asked.items()
        if term in whole and term.namespace is Namespace.WORD
    ]
    full = most(in_full, lengths) or 1.0
    found = Passages()
    ranked = numbers.tolist()[: 10 * depth]
    for first in range(0, len(ranked), depth):
        batch = ranked[first : first + depth]
        rows = Chunk.objects.filter(owner_id=scope.owner_id, no__in=batch).defer("tokens")
        by_number = {chunk.no: chunk for chunk in rows}
        open_, closed = by_openness(scope, {chunk.source for chunk in by_number.values()})
        for no in batch:
            chunk = by_number.get(no)
            place = chunk and _place(chunk, min(1.0, share.get(no, 0.0) / full))
            if place and place.ref in open_:
                found.words.append(place)
            elif place and place.ref in closed:
                found.closed.append(place)
        if len(found.words) >= depth:
            break
    return Passages(found.words[:depth], found.closed[:depth])


def _near(scope: Scope, chunks: ChunkQuerySet, vector: Vector, depth: int) -> list[Place]:
    found: list[Near] = []
    for _source, rows in scope.texts():
        open_rows = rows.exclude(ai_usage=AIUsage.NONE)
        within = open_rows.filter(pk__in=chunks.values("source_id"))
        found += near(vector, of=scope.owner_id, within=within, k=depth)
    at = _dates(scope.owner_id, {each.ref.id for each in found})
    common = usual(vector, of=scope.owner_id)
    places = [
        Place(each.ref, at[each.ref.id][0], each.start, each.end, at[each.ref.id][1], nearness)
        for each in found
        if each.ref.id in at and (nearness := LOCAL.closeness(each.cosine, common))
    ]
    return sorted(places, key=lambda place: -place.score)[:depth]


def by_openness(scope: Scope, refs: Collection[Ref]) -> tuple[set[Ref], set[Ref]]:
    """Those of the person's own texts that AI may read, and those it may not. One query for each kind."""
    open_: set[Ref] = set()
    closed: set[Ref] = set()
    for known, rows in scope.texts():
        kind = known.model._meta.label_lower
        wanted = [ref.id for ref in refs if ref.kind == kind]
        if wanted:
            found = rows.filter(pk__in=wanted)
            for id, usage in found.values_list("pk", "ai_usage"):
                (closed if usage == AIUsage.NONE else open_).add(Ref(kind, id))
    return open_, closed


def _by_words(scope: Scope, query: Query, chunks: ChunkQuerySet | None) -> list[Place]:
    asked = lexicon.asked_for(" ".join([query.words, *query.exact]))
    numbers, scores = score(
        list(_looked_up(scope.owner_id, asked).values()),
        Lengths.objects.of(scope.owner_id),
        among=None if chunks is None else _numbers(chunks),
    )
    return _texts(scope, numbers, scores)


def _by_meaning(
    scope: Scope, chunks: ChunkQuerySet | None, vector: Vector, seen: Collection[Ref]
) -> list[Place]:
    """`seen`: texts that were just found to be visible, and need not be asked about again."""
    found: list[Near] = []
    if chunks is None:
        found = near(vector, of=scope.owner_id, k=DEPTH)
    else:
        for _source, rows in scope.texts():
            within = rows.filter(pk__in=chunks.values("source_id"))
            found += near(vector, of=scope.owner_id, within=within, k=DEPTH)
    at = _dates(scope.owner_id, {each.ref.id for each in found})
    best: dict[Ref, Place] = {}
    for each in sorted(found, key=lambda each: -each.cosine):
        if each.ref.id in at:
            rev, when = at[each.ref.id]
            place = Place(each.ref, rev, each.start, each.end, when, each.cosine)
            best.setdefault(each.ref, place)
    standing = {*seen, *_seen(scope, best.keys() - set(seen))}
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
    if query.audiences:
        yield Q(source_id__in=_opened_to(scope, query.audiences))
    if query.by:
        yield Q(genre=Genre.ANSWER) if query.by == "ai" else ~Q(genre=Genre.ANSWER)
    if query.days.first:
        yield Q(at__gte=_beginning(query.days.first, scope.zone))
    if query.days.last and query.days.last < date.max:
        yield Q(at__lt=_beginning(query.days.last + timedelta(days=1), scope.zone))


def _opened_to(scope: Scope, audiences: Collection[str]) -> QuerySet[Any]:
    """The ids of the texts with one of these audiences. Part of a query, none by itself."""
    kinds = [
        rows.filter(privacy_level__in=audiences).order_by().values_list("pk")
        for _known, rows in scope.texts()
    ]
    return kinds[0].union(*kinds[1:], all=True)


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


def _looked_up(owner_id: UUID, asked: Mapping[Term, float]) -> dict[Term, Asked]:
    """The postings of each term; of a word that stands nowhere those of what it is without its ending.

    One query, and one more where words are unknown.
    """
    tokens = _blinded(owner_id, asked)
    blocks = Posting.objects.asked(owner_id, tokens.values())
    shorter = {term: lexicon.shortened(term) for term in asked if tokens[term] not in blocks}
    tokens |= _blinded(owner_id, {each for terms in shorter.values() for each in terms})
    wanted = [tokens[each] for terms in shorter.values() for each in terms]
    blocks |= Posting.objects.asked(owner_id, wanted) if wanted else {}
    found: dict[Term, Asked] = {}
    for term, weight in asked.items():
        stands = next((each for each in shorter.get(term, ()) if tokens[each] in blocks), None)
        if stands is None:
            found[term] = Asked(blocks.get(tokens[term], {}), weight)
        else:
            found[term] = Asked(blocks[tokens[stands]], weight * lexicon.SHORTENED_WEIGHT)
    return found


def _blinded(owner_id: UUID, terms: Iterable[Term]) -> dict[Term, int]:
    """The token of each term, under the owner's key."""
    holder = keys.person(owner_id)
    tokens = {}
    for term in terms:
        tokens[term] = blind.token(holder, term.namespace, term.word)
    return tokens


PLACED = ("no", "source_kind", "source_id", "rev", "start", "end", "at")


def _texts(scope: Scope, numbers: Numbers, scores: Iterable[float]) -> list[Place]:
    """The texts of these passages that may be seen, in their order, each once: at most 200."""
    ranked = list(zip(numbers.tolist(), scores, strict=True))
    best: dict[Ref, Place] = {}
    for first in range(0, len(ranked), DEPTH):
        batch = dict(ranked[first : first + DEPTH])
        chunks = Chunk.objects.filter(owner_id=scope.owner_id, no__in=list(batch))
        found = {
            no: Place(Ref(kind, id), rev, start, end, at, float(batch[no]))
            for no, kind, id, rev, start, end, at in chunks.values_list(*PLACED)
        }
        standing = _seen(scope, {place.ref for place in found.values()})
        for no in batch:
            place = found.get(no)
            if place is not None and place.ref in standing:
                best.setdefault(place.ref, place)
        if len(best) >= DEPTH or first >= 10 * DEPTH:
            break
    return list(best.values())[:DEPTH]


def _seen(scope: Scope, refs: Collection[Ref]) -> set[Ref]:
    """Those of the texts that the person may see, of this owner. One query for all kinds."""
    by_id = {ref.id: ref for ref in refs}
    asked = []
    for known, rows in scope.texts():
        kind = known.model._meta.label_lower
        wanted = [ref.id for ref in refs if ref.kind == kind]
        if wanted:
            asked.append(rows.filter(pk__in=wanted).values_list("pk"))
    if not asked:
        return set()
    return {by_id[id] for (id,) in asked[0].union(*asked[1:], all=True)}


def _place(chunk: Chunk, value: float) -> Place:
    return Place(chunk.source, chunk.rev, chunk.start, chunk.end, chunk.at, value)


def _dates(owner_id: UUID, ids: Collection[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """Revision and date of indexed texts."""
    chunks = Chunk.objects.filter(owner_id=owner_id, source_id__in=ids, part=0)
    return {id: (rev, at) for id, rev, at in chunks.values_list("source_id", "rev", "at")}
