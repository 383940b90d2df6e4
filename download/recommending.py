"""Which of the links and highlights somebody keeps fit what they are writing: found by both legs, scored alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from download import legs, spacing
from download.context import Context
from download.learning import HIGHLIGHT, KIND, LINK, traits_of
from download.legs import KINDS, Held, Weighed
from download.lexicon import Term
from download.models.items import Highlight, HighlightQuerySet, Item, ItemQuerySet, Page
from download.models.recommendations import Mute
from download.models.reviews import Card
from download.ranking import diversified, fitting, suggested
from writeorperish.ai import verdicts
from writeorperish.ai.embeddings import LOCAL, near, usual, vectors_at, with_vectors
from writeorperish.ai.models import Near, Vector
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

DEPTH: Final = 100
NEAREST_PASSAGES: Final = 400  # of a hundred texts and more, and of some that may not be suggested
MOST_DUE: Final = 50
MOST_CARDS: Final = 3
LOOKED_AT: Final = 20  # so many of the best are compared with each other
STAYS: Final = 0.05  # what is on screen already counts a little more, so that nothing flickers
OF_LIBRARY: Final = (KINDS["library"], KINDS["highlights"])


@dataclass(frozen=True, slots=True)
class Pick:
    """Something that fits: what, the passage of it that fits best, and how well. All numbers 0..1.

    semantic: None where either side has no vector. preference: what was learned, 0.6..1.2.
    """

    ref: Ref
    item: UUID
    start: int
    end: int
    semantic: float | None
    lexical: float
    urgency: float
    preference: float
    score: float
    explored: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left out of the suggestions for one text, and what stands on screen for it."""

    keys: frozenset[bytes] = frozenset()
    items: frozenset[UUID] = frozenset()
    on_screen: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class _Candidate:
    ref: Ref
    item: Item
    card: Card | None
    held: Held | None
    near: Near | None
    semantic: float | None
    pick: Pick | None = None
    rank: float = 0.0

    @property
    def tokens(self) -> frozenset[int]:
        return self.held.tokens if self.held is not None else frozenset()


def picked(
    person: AbstractUser,
    context: Context,
    vector: Vector | None,
    kept: Kept,
    *,
    on: date,
    retention: float,
) -> list[Pick]:
    """At most three, best first: of each link and of each site one, none like another. Nothing when nothing fits.

    Words of both legs, what is due most: all are scored alike, so that a due card enters only if it fits.
    Eighteen queries at most, however much is kept. Opens no word.
    """
    if context.known is None:
        return []
    with rows_of(person.pk):
        candidates = candidates_for(person, context.terms, context.known, vector, kept, on)
        return diverse(person, judged(person, candidates, kept, on=on, retention=retention))


def candidates_for(
    person: AbstractUser,
    terms: Sequence[Term],
    known: Weighed,
    vector: Vector | None,
    kept: Kept,
    on: date,
) -> list[_Candidate]:
    """A hundred texts by each leg, and what is most due, each with what both legs say of it. Inside the wall."""
    # By meaning everything of theirs is looked at, and what may not be suggested falls out of the few that are near:
    # asked all at once, the database would put both lists together row by row.
    items = Item.objects.editable_by(person).exclude(reading=Item.Reading.ARCHIVED)
    marks = Highlight.objects.editable_by(person)
    due = due_refs(person, on)
    found = nearest(person, vector, items, marks)
    held = legs.held(
        *(person.pk, terms, known),
        kinds=OF_LIBRARY,
        depth=DEPTH,
        also={ref.id for ref in chain(found, due)},
    )
    others = {ref.id for ref in chain(held, due) if ref not in found}
    found |= nearest(person, vector, items.filter(pk__in=others), marks.filter(pk__in=others))
    refs = {*held, *found, *due}
    closeness = measured(person, vector, found, refs)
    return [
        _Candidate(ref, item, card, held.get(ref), found.get(ref), closeness.get(ref))
        for ref, item, card in standing(person, kept, refs)
    ]


def suggestable(person: AbstractUser, kept: Kept) -> ItemQuerySet:
    """The links that may be suggested at all: never archived, suspicious, trashed, muted or at rest."""
    rows = Item.objects.editable_by(person).exclude(reading=Item.Reading.ARCHIVED)
    rows = rows.exclude(page__quality=Page.Quality.SUSPICIOUS)
    if kept.keys:
        rows = rows.exclude(url_key__in=kept.keys)
    if kept.items:
        rows = rows.exclude(pk__in=kept.items)
    return Mute.objects.outside(rows, person.pk)


def due_refs(person: AbstractUser, on: date) -> list[Ref]:
    cards = Card.objects.due(person.pk, on)
    return [card.source for card in cards.only("item_id", "highlight_id")[:MOST_DUE]]


def nearest(
    person: AbstractUser, vector: Vector | None, items: ItemQuerySet, marks: HighlightQuerySet
) -> dict[Ref, Near]:
    """The nearest passage of each text near in meaning; none without a vector. A query for each kind."""
    if vector is None:
        return {}
    best: dict[Ref, Near] = {}
    of_items = near(vector, of=person.pk, within=items, k=NEAREST_PASSAGES)
    of_marks = near(vector, of=person.pk, within=marks, k=NEAREST_PASSAGES)
    for each in chain(of_items, of_marks):
        if each.ref not in best or best[each.ref].cosine < each.cosine:
            best[each.ref] = each
    return best


def measured(
    person: AbstractUser, vector: Vector | None, found: Mapping[Ref, Near], refs: Collection[Ref]
) -> dict[Ref, float]:
    """How near each of these is, 0..1; those without a vector are not in it. Two queries."""
    if vector is None:
        return {}
    common = usual(vector, of=person.pk)
    closeness = dict.fromkeys(with_vectors(refs, of=person.pk), 0.0)
    return closeness | {ref: LOCAL.closeness(each.cosine, common) for ref, each in found.items()}


def standing(
    person: AbstractUser, kept: Kept, refs: Collection[Ref]
) -> list[tuple[Ref, Item, Card | None]]:
    """Those of these that may be suggested, each with its link, its tags and its card. Five queries."""
    ids = [ref.id for ref in refs]
    items = suggestable(person, kept)
    marks = Highlight.objects.editable_by(person).filter(item__in=items)
    links = items.filter(pk__in=ids).select_related("card").prefetch_related("tags")
    rows = marks.filter(pk__in=ids).select_related("item", "card")
    found: list[tuple[Ref, Item, Card | None]] = [
        (item.ref, item, card_of(item)) for item in links.only(*COLUMNS)
    ]
    found += [
        (mark.ref, mark.item, card_of(mark))
        for mark in rows.prefetch_related("item__tags").only(
            "id", "item_id", "owner_id", *(f"item__{each}" for each in ITEM_COLUMNS), *CARD_COLUMNS
        )
    ]
    return found


ITEM_COLUMNS: Final = ("id", "owner_id", "site_key")
CARD_COLUMNS: Final = tuple(
    f"card__{each}"
    for each in (
        *("id", "owner_id", "item_id", "highlight_id", "stability", "difficulty", "reviewed_on"),
        *("due_on", "reps", "snoozed_until", "done_with_at"),
    )
)
COLUMNS: Final = (*ITEM_COLUMNS, *CARD_COLUMNS)


def card_of(row: Item | Highlight) -> Card | None:
    return getattr(row, "card", None)


def judged(
    person: AbstractUser,
    candidates: Sequence[_Candidate],
    kept: Kept,
    *,
    on: date,
    retention: float,
) -> list[_Candidate]:
    """Those that fit well enough, best first, ties by id. Three queries."""
    traits = [traits_of(each.item, form_of(each.ref)) for each in candidates]
    learned = verdicts.factors(person.pk, KIND, traits)
    fit: list[_Candidate] = []
    for each, factor in zip(candidates, learned, strict=True):
        # A closed door can open again: one in ten is judged without what was learned.
        explored = verdicts.explores(person.pk, KIND, each.ref)
        scored = score(each, 1.0 if explored else factor, on=on, retention=retention)
        if scored is None:
            continue
        pick = replace(scored, explored=explored)
        stays = STAYS if each.item.pk in kept.on_screen else 0.0
        fit.append(replace(each, pick=pick, rank=min(1.0, pick.score + stays)))
    return sorted(fit, key=lambda each: (-each.rank, str(each.ref)))


def score(candidate: _Candidate, preference: float, *, on: date, retention: float) -> Pick | None:
    held, close, card = candidate.held, candidate.near, candidate.card
    lexical = held.share if held is not None else 0.0
    urgency = spacing.urgency(
        card.memory if card is not None else None,
        on=on,
        retention=retention,
        resting=card is not None and card.is_resting(on),
    )
    value = suggested(fitting(candidate.semantic, lexical, preference), urgency)
    if value is None:
        return None
    by_words = held is not None and (close is None or lexical >= (candidate.semantic or 0.0))
    place = held if by_words else close
    return Pick(
        ref=candidate.ref,
        item=candidate.item.pk,
        start=place.start if place is not None else 0,
        end=place.end if place is not None else 0,
        semantic=candidate.semantic,
        lexical=lexical,
        urgency=urgency,
        preference=preference,
        score=value,
    )


def form_of(ref: Ref) -> str:
    return HIGHLIGHT if ref.kind == KINDS["highlights"] else LINK


def diverse(person: AbstractUser, ranked: Sequence[_Candidate]) -> list[Pick]:
    """Up to three of these, best first, each chosen for what it adds. One query."""
    best = one_of_each(ranked)[:LOOKED_AT]
    vectors = vectors_at(
        [(each.ref, each.near.part) for each in best if each.near is not None], of=person.pk
    )

    def alike(one: int, other: int) -> float:
        a, b = best[one], best[other]
        if a.ref in vectors and b.ref in vectors:
            return max(0.0, float(vectors[a.ref] @ vectors[b.ref]))
        return jaccard(a.tokens, b.tokens)

    order = diversified([each.rank for each in best], alike, most=MOST_CARDS)
    return [pick for n in order if (pick := best[n].pick) is not None]


def one_of_each(ranked: Sequence[_Candidate]) -> list[_Candidate]:
    """The best of each link, and of each site."""
    seen: set[UUID | int] = set()
    kept: list[_Candidate] = []
    for each in ranked:
        places: set[UUID | int] = {each.item.pk}
        if each.item.site_key is not None:
            places.add(each.item.site_key)
        if seen.isdisjoint(places):
            seen |= places
            kept.append(each)
    return kept


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
