"""Which of one's own texts are about the same as one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractUser

from download import context, legs
from download.search import Hit, Whose, rows_of_texts
from download.snippets import snippet
from writeorperish.ai.embeddings import LOCAL, middle_of, near, usual
from writeorperish.ai.lexical import tokens
from writeorperish.ai.models import Near, Vector
from writeorperish.crypto.fields import open_rows
from writeorperish.events.catalog import Genre
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.models import Guarded
from writeorperish.privacy.reading import SOURCES, Passage, read
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

MOST: Final = 10
DEPTH: Final = 80
HEAVIEST: Final = 20
LEAST_SHARE: Final = 0.30


@dataclass(frozen=True, slots=True)
class _Found:
    """Where another text comes nearest, how near, 0..1, and by which leg."""

    start: int
    end: int
    score: float
    leg: str


def related(person: AbstractUser, ref: Ref) -> list[Hit]:
    """Up to ten of the person's own texts, the most related first; not itself, its thread, nor what says the same.

    By meaning where the text has vectors, else by its twenty heaviest words. Missing when it is not theirs.
    About fifteen queries.
    """
    passage = own_passage(person, ref)
    vector = middle_of(ref, of=person.pk) if passage.ai_usage != AIUsage.NONE else None
    found = by_meaning(person, vector) if vector is not None else by_words(person, passage)
    rows = rows_of_texts(person, [ref, *found], whose=Whose.MINE)
    if ref not in rows:
        raise Missing
    closed = open_rows(rows.values())
    wanted = {word.text for word in tokens(passage.text)}
    hits = [
        hit_of(row, found[other], wanted)
        for other, row in rows.items()
        if row.pk not in closed and other in found and not goes_together(rows[ref], row)
    ]
    hits.sort(key=lambda hit: (-hit.score, str(hit.ref)))
    return list(distinct(hits, passage.text))[:MOST]


def own_passage(person: AbstractUser, ref: Ref) -> Passage:
    """The words of a text of the person's own, for themselves. Missing for anything else."""
    known = SOURCES.get(ref.kind)
    passage = read(ref, purpose=Purpose.INDEX, asker=person) if known and known.searched else None
    if passage is None or passage.owner_id != person.pk:
        raise Missing
    return passage


def by_meaning(person: AbstractUser, vector: Vector) -> dict[Ref, _Found]:
    with rows_of(person.pk):
        places = near(vector, of=person.pk, k=DEPTH)
        common = usual(vector, of=person.pk)
        best: dict[Ref, Near] = {}
        for each in places:
            best.setdefault(each.ref, each)
    closeness = {ref: LOCAL.closeness(each.cosine, common) for ref, each in best.items()}
    return {
        ref: _Found(each.start, each.end, closeness[ref], "meaning")
        for ref, each in best.items()
        if closeness[ref] > 0
    }


def by_words(person: AbstractUser, passage: Passage) -> dict[Ref, _Found]:
    weights = context.weighted_terms([context.Part(passage.text, context.PARAGRAPH)])
    known = legs.weighed(person.pk, weights)
    terms = context.heaviest(weights, known, most=HEAVIEST)
    with rows_of(person.pk):
        held = legs.held(person.pk, terms, known, kinds=list(SOURCES), depth=DEPTH)
    return {
        ref: _Found(each.start, each.end, each.share, "words")
        for ref, each in held.items()
        if each.share >= LEAST_SHARE
    }


def goes_together(one: Guarded, other: Guarded) -> bool:
    """Whether they are one text, or of one thread."""
    threads = [SOURCES[each.ref.kind].thread(each) for each in (one, other)]
    return one.ref == other.ref or (threads[0] is not None and threads[0] == threads[1])


def hit_of(row: Guarded, found: _Found, wanted: set[str]) -> Hit:
    known = SOURCES[row.ref.kind]
    text = known.text(row)
    within = (found.start, found.end) if found.end <= len(text) else None
    return Hit(
        row,
        known.title(row),
        snippet(text, wanted, within=within),
        known.at(row),
        (found.leg,),
        found.score,
        by_ai=known.genre(row) == Genre.ANSWER,
    )


def distinct(hits: list[Hit], text: str) -> Iterator[Hit]:
    """Each wording once, and not that of the text itself."""
    seen = {" ".join(text.split())}
    for hit in hits:
        words = " ".join(SOURCES[hit.ref.kind].text(hit.row).split())
        if words not in seen:
            seen.add(words)
            yield hit
