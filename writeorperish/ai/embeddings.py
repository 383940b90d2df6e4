"""Vectors of texts whose owners let AI read them, kept true to the texts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Count, Q

from writeorperish.ai import gateway
from writeorperish.ai.chunks import Span, matched, split
from writeorperish.ai.models import Embedding, EmbeddingQuerySet, Near, Vector, halved
from writeorperish.ai.parts import CapabilityOff, Cut, Typed
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre, TextEmbedded
from writeorperish.events.outbox import emit
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.privacy.reading import Passage, own_texts, read, still_stands
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

# Part of every digest: with another way of cutting or of heads, every text is embedded anew.
CHUNKER = b"1"
SAMPLE = 200
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors that may be compared with each other.

    `weight` is what this leg of a search counts beside the words; a passage whose cosine is below
    `background` is no nearer than chance, one at `strong` as near as what is related.
    """

    id: int
    name: str
    weight: float
    background: float
    strong: float
    above_usual: float

    def closeness(self, cosine: float, usual: float = 0.0) -> float:
        """How near in meaning, 0 to 1: the only likeness that may be compared across spaces.

        `usual` is the cosine of the question with passages taken at random: of a language that the model does not
        know everything is near to everything, and what counts is how far above that a passage stands.
        """
        background = max(self.background, usual + self.above_usual)
        return min(1.0, max(0.0, (cosine - background) / (self.strong - self.background)))


# The 95th percentile of unrelated pairs of English questions and passages; then what `calibrate_space` tells over
# tests/quality, rounded: the median of related pairs is 0.53, and 95 of 100 unrelated ones of any language stand
# less than 0.13 above what is usual for their question.
LOCAL = Space(1, "local", weight=0.8, background=0.23, strong=0.50, above_usual=0.15)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a person's texts AI may read, how many of them have vectors, how many could not."""

    wanted: int
    done: int
    refused: int


def embed_text(ref: Ref, *, owner_id: UUID, genre: Genre) -> int:
    """How many passages of this text have a current vector now; 0 when not allowed, gone or unavailable.

    Passages whose words did not change keep their vectors. A text that changes meanwhile is left to
    whoever hears of that change.
    """
    if not gateway.capable("embed").on:
        return 0
    passage = read(ref, purpose=Purpose.EMBED)
    if passage is None:
        with rows_of(owner_id):
            _of(owner_id, ref).delete()
        return 0
    spans = split(passage.text)
    head = passage.title  # no date: measured, it draws short texts towards each other
    digests = [_digest(passage, span, head) for span in spans]
    with rows_of(owner_id):
        standing, _gone = matched(_of(owner_id, ref), digests, lambda row: bytes(row.digest))
    new = [index for index in range(len(spans)) if index not in standing]
    cuts = [Cut(passage, spans[index].start, spans[index].end, head) for index in new]
    vectors = gateway.embed(cuts, spender=owner_id, feature="ai") if cuts else []
    by_digest = {digests[index]: vector for index, vector in zip(new, vectors, strict=True)}
    return _store(passage, spans, digests, by_digest, genre)


def embed_query(words: str, *, by: AbstractUser) -> Vector | None:
    """The vector of what was typed; None when this server cannot, so that search goes on with words."""
    try:
        return gateway.embed(Typed(words), spender=by.pk, feature="search")[0]
    except CapabilityOff:
        return None


def near(
    vector: Vector, *, of: UUID, within: GuardedQuerySet[Guarded] | None = None, k: int = 50
) -> list[Near]:
    """The k closest passages of one owner that are nearer than chance, nearest first. Inside their wall."""
    found = Embedding.objects.near(vector, of=of, space=LOCAL.id, within=within, k=k)
    return [each for each in found if each.cosine > LOCAL.background]


def usual(vector: Vector, *, of: UUID) -> float:
    """The median cosine of a question with up to 200 of one owner's passages, spread over all they have. One query.

    0 where there are too few to tell what is usual: the one that answers may be half of them.
    """
    with rows_of(of):
        median, count = Embedding.objects.usual(vector, of=of, space=LOCAL.id, sample=SAMPLE)
    return median if count >= FEWEST else 0.0


def texts_to_embed(person: AbstractUser, *, missing: bool = False) -> list[tuple[Ref, Genre]]:
    """The person's texts that AI may read, oldest first; with `missing` only those without any vector.

    Ids and genres, no words; one query a kind, and one more with `missing`.
    """
    found = [
        (Ref.to(row), Genre(known.genre(row)))
        for known, rows in own_texts(person)
        for row in rows.exclude(ai_usage=AIUsage.NONE).order_by("pk")
    ]
    if not missing:
        return found
    with rows_of(person.pk):
        rows = Embedding.objects.filter(owner_id=person.pk, space=LOCAL.id)
        standing = set(rows.values_list("source_kind", "source_id").distinct())
    return [(ref, genre) for ref, genre in found if (ref.kind, ref.id) not in standing]


def related(ref: Ref, *, of: UUID, k: int) -> list[Ref]:
    """Up to k other texts of this owner that are near this one in meaning, nearest first; none without its vector.

    Two queries, on the vector of the text's first passage.
    """
    with rows_of(of):
        first = _of(of, ref).filter(vector__isnull=False).order_by("part").first()
        if first is None or first.vector is None:
            return []
        vector = np.asarray(first.vector, dtype=np.float32)
        vector /= np.linalg.norm(vector)
        found = near(vector, of=of, k=4 * k)
    refs = dict.fromkeys(each.ref for each in found if each.ref != ref)
    return list(refs)[:k]


def middle_of(ref: Ref, *, of: UUID) -> Vector | None:
    """The unit vector in the middle of a text's passages; None without any. One query."""
    with rows_of(of):
        rows = _of(of, ref).filter(vector__isnull=False).values_list("vector", flat=True)
        return mean_of([(np.asarray(each, dtype=np.float32), 1.0) for each in rows])


def mean_of(weighted: Sequence[tuple[Vector, float]]) -> Vector | None:
    """The unit vector of the weighted sum; None where there is none, or it points nowhere."""
    if not weighted:
        return None
    total = np.zeros_like(weighted[0][0])
    for vector, weight in weighted:
        total += np.float32(weight) * vector
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        return None
    total /= length
    return total


def with_vectors(refs: Collection[Ref], *, of: UUID) -> set[Ref]:
    """Those of these texts that have a vector. One query, inside their wall."""
    rows = Embedding.objects.filter(owner_id=of, space=LOCAL.id, vector__isnull=False)
    ids = rows.filter(source_id__in=[ref.id for ref in refs]).values_list("source_id")
    having = {id for (id,) in ids.distinct()}
    return {ref for ref in refs if ref.id in having}


def vectors_at(places: Collection[tuple[Ref, int]], *, of: UUID) -> dict[Ref, Vector]:
    """The vectors of these passages, named by text and part, one of each text. One query, inside their wall."""
    wanted = Q(pk__in=[])
    for ref, part in places:
        wanted |= Q(source_kind=ref.kind, source_id=ref.id, part=part)
    rows = Embedding.objects.filter(wanted, owner_id=of, space=LOCAL.id, vector__isnull=False)
    return {row.source: np.asarray(row.vector, dtype=np.float32) for row in rows}


def coverage(person: AbstractUser) -> Coverage:
    """How far the person's vectors are. Two queries, however many kinds of text there are."""
    first, *others = (
        rows.exclude(ai_usage=AIUsage.NONE).values_list("pk") for _, rows in own_texts(person)
    )
    with rows_of(person.pk):
        of_person = Embedding.objects.filter(owner_id=person.pk, space=LOCAL.id)
        made = of_person.aggregate(
            done=Count("source_id", distinct=True, filter=Q(reason="")),
            refused=Count("source_id", distinct=True, filter=~Q(reason="")),
        )
    return Coverage(wanted=first.union(*others, all=True).count(), **made)


def _of(owner_id: UUID, ref: Ref) -> EmbeddingQuerySet:
    return Embedding.objects.filter(
        owner_id=owner_id, source_kind=ref.kind, source_id=ref.id, space=LOCAL.id
    )


def _digest(passage: Passage, span: Span, head: str) -> bytes:
    text = passage.text[span.start : span.end]
    space = str(LOCAL.id).encode()
    holder = keys.person(passage.owner_id)
    return blind.digest(holder, b"vector", CHUNKER, space, head.encode(), text.encode())


@transaction.atomic
def _store(
    passage: Passage,
    spans: Sequence[Span],
    digests: Sequence[bytes],
    made: dict[bytes, Vector],
    genre: Genre,
) -> int:
    """The vectors stand as the text does, if it still does and AI may still read it; else 0."""
    owner_id = passage.owner_id
    with rows_of(owner_id):
        if not still_stands(passage, purpose=Purpose.EMBED):
            return 0
        standing, gone = matched(_of(owner_id, passage.ref), digests, lambda row: bytes(row.digest))
        missing = [index for index in range(len(spans)) if index not in standing]
        if any(digests[index] not in made for index in missing):
            return 0  # what stood was taken away meanwhile, and that is told by a fact of its own
        Embedding.objects.filter(owner_id=owner_id, pk__in=[row.pk for row in gone]).delete()
        for index, row in standing.items():
            _place(row, spans[index], passage.rev)
        Embedding.objects.bulk_update(standing.values(), ["rev", "part", "start", "end"])
        vectors = halved([made[digests[index]] for index in missing])
        Embedding.objects.bulk_create(
            _place(
                Embedding(
                    owner_id=owner_id,
                    source_kind=passage.ref.kind,
                    source_id=passage.ref.id,
                    space=LOCAL.id,
                    digest=digests[index],
                    vector=vector,
                ),
                spans[index],
                passage.rev,
            )
            for index, vector in zip(missing, vectors, strict=True)
        )
        if missing or gone:
            emit(TextEmbedded(passage.ref, owner_id, genre))
    return len(spans)


def _place(row: Embedding, span: Span, rev: int) -> Embedding:
    row.rev, row.part, row.start, row.end = rev, span.part, span.start, span.end
    return row
