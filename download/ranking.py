"""Scores and orders, pure: BM25 over packed postings, and the fusion of ranked lists."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from download.models.packing import BLOCK, Numbers, unpack

Key = TypeVar("Key", bound=Hashable)
Scores = NDArray[np.float64]

K1 = 1.2  # Robertson, Walker et al. 1994, as B
B = 0.75
COMMON = 0.6  # a token in more of the chunks than this says nothing...
MANY = 500  # ...once there are so many chunks

RRF_K = 60  # Cormack, Clarke, Büttcher 2009

# A suggestion while writing: how much of fitting is meaning and how much shared words, how much of the score is
# fitting and how much that it is due. Less fitting than the least is not suggested, however overdue.
MEANT = 0.75
FIT = 0.70
LEAST_FIT = 0.30


@dataclass(frozen=True, slots=True)
class Asked:
    """One token of a question: its blocks of postings, and how much it counts beside the others."""

    blocks: Mapping[int, bytes]
    weight: float = 1.0


def score(
    asked: Sequence[Asked],
    lengths: Mapping[int, bytes],
    *,
    among: Numbers | None = None,
) -> tuple[Numbers, Scores]:
    """Numbers and BM25 scores of the chunks with any of the tokens, best first, then the newest.

    Any token is enough, and a rare one counts more: idf = ln(1 + (N - df + ½) / (df + ½)), with N,
    df and the average length over all living chunks of the owner. A token in more than 60 % of 500
    or more chunks is passed over, unless all are. `among` narrows the result, not the statistics.
    """
    all_lengths = _unpacked_lengths(lengths)
    alive = all_lengths > 0
    chunks = int(alive.sum())
    if not chunks:
        return np.empty(0, np.int64), np.empty(0)
    norms = K1 * (1 - B + B * all_lengths * (chunks / all_lengths.sum()))
    scores = np.zeros(len(all_lengths))
    for token, numbers, counts in _telling(asked, alive, chunks):
        rarity = np.log1p((chunks - len(numbers) + 0.5) / (len(numbers) + 0.5))
        scores[numbers] += token.weight * rarity * counts * (K1 + 1) / (counts + norms[numbers])
    found = np.flatnonzero(scores)
    if among is not None:
        found = found[np.isin(found, among)]
    best = found[np.lexsort((-found, -scores[found]))]
    return best.astype(np.int64), scores[best]


def most(asked: Sequence[Asked], lengths: Mapping[int, bytes]) -> float:
    """What a passage of average length scores that holds each of these tokens once; 0 without any chunk.

    Tokens that stand nowhere count as the rarest, so that a score divided by this says how much of the
    question a passage holds.
    """
    alive = _unpacked_lengths(lengths) > 0
    chunks = int(alive.sum())
    if not chunks:
        return 0.0
    counts = [len(_postings(token.blocks, alive)[0]) for token in asked]
    return float(
        sum(
            token.weight * np.log1p((chunks - count + 0.5) / (count + 0.5))
            for token, count in zip(asked, counts, strict=True)
        )
    )


def rarities(asked: Sequence[Asked], lengths: Mapping[int, bytes]) -> list[float]:
    """How much each token tells apart, > 0, in their order: idf over the living chunks; 1 without any chunk."""
    alive = _unpacked_lengths(lengths) > 0
    chunks = int(alive.sum())
    if not chunks:
        return [1.0] * len(asked)
    counts = [len(_postings(token.blocks, alive)[0]) for token in asked]
    return [float(np.log1p((chunks - count + 0.5) / (count + 0.5))) for count in counts]


def fitting(semantic: float | None, lexical: float, preference: float = 1.0) -> float:
    """How well something fits what is written, 0..1: S' = (.75 · semantic + .25 · lexical) · preference, at most 1.

    semantic: 0..1, None where either side has no vector, and then words alone count. lexical: 0..1.
    preference: what was learned of its person, 0.6..1.2.
    """
    fit = lexical if semantic is None else MEANT * semantic + (1 - MEANT) * lexical
    return min(fit * preference, 1.0)


def suggested(fit: float, urgency: float) -> float | None:
    """The score of a suggestion, 0..1: .70 · fit + .30 · urgency; None for what fits less than .30.

    Urgency orders and never admits: what is years overdue and hardly fits stays below what fits perfectly.
    """
    return FIT * fit + (1 - FIT) * urgency if fit >= LEAST_FIT else None


def diversified(
    relevance: Sequence[float],
    alike: Callable[[int, int], float],
    *,
    most: int,
    balance: float = 0.7,
) -> list[int]:
    """The indices of up to `most` items, each chosen for what it adds: maximal marginal relevance.

    balance · relevance - (1 - balance) · the likeness to what was chosen (Carbonell, Goldstein 1998);
    both from 0 to 1. Ties go to the earlier item.
    """
    chosen: list[int] = []
    left = list(range(len(relevance)))
    while left and len(chosen) < most:
        best = max(
            left,
            key=lambda one: (
                balance * relevance[one]
                - (1 - balance) * max((alike(one, other) for other in chosen), default=0.0)
            ),
        )
        chosen.append(best)
        left.remove(best)
    return chosen


def _telling(
    asked: Sequence[Asked], alive: NDArray[np.bool_], chunks: int
) -> list[tuple[Asked, Numbers, NDArray[np.int64]]]:
    """The tokens that tell chunks apart, with their postings in living chunks."""
    tokens = [(token, *_postings(token.blocks, alive)) for token in asked]
    present = [each for each in tokens if len(each[1])]
    if chunks < MANY:
        return present
    return [each for each in present if len(each[1]) <= COMMON * chunks] or present


def _postings(
    blocks: Mapping[int, bytes], alive: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.int64]]:
    parts = [unpack(block, packed) for block, packed in blocks.items()]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    numbers = np.concatenate([numbers for numbers, _ in parts])
    counts = np.concatenate([counts for _, counts in parts])
    standing = numbers < len(alive)
    standing[standing] = alive[numbers[standing]]
    return numbers[standing], counts[standing]


def _unpacked_lengths(lengths: Mapping[int, bytes]) -> NDArray[np.int64]:
    """Words by chunk number, 0 where there is none; as long as the last block reaches."""
    result = np.zeros((max(lengths, default=-1) + 1) * BLOCK, np.int64)
    for block, packed in lengths.items():
        result[block * BLOCK : (block + 1) * BLOCK] = np.frombuffer(packed, "<u2")
    return result


@dataclass(frozen=True, slots=True)
class Leg(Generic[Key]):
    """One way of searching: what it found, best first, each once, and how much it is believed."""

    ranked: Sequence[Key]
    weight: float = 1.0


def fuse(
    legs: Sequence[Leg[Key]], *, at: Callable[[Key], datetime], name: Callable[[Key], str] = str
) -> list[tuple[Key, float]]:
    """Everything any leg found with its score, best first: reciprocal rank fusion.

    Σ weight / (60 + rank), ranks from 1. Ties: the best single rank, then the newer, then the name.
    """
    scores: dict[Key, float] = {}
    best: dict[Key, int] = {}
    for leg in legs:
        for rank, key in enumerate(leg.ranked, start=1):
            scores[key] = scores.get(key, 0.0) + leg.weight / (RRF_K + rank)
            best[key] = min(rank, best.get(key, rank))
    order = sorted(
        scores, key=lambda key: (-scores[key], best[key], -at(key).timestamp(), name(key))
    )
    return [(key, scores[key]) for key in order]
