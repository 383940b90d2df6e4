"""Scores and orders, pure: packed postings, BM25 over them, and the fusion of ranked lists."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)
Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]

BLOCK = 4_096  # chunk numbers in one row of postings or lengths
MOST_COUNTED = 15  # occurrences of a token in one chunk; four bits
LONGEST = 65_535  # words of one chunk; two bytes

K1 = 1.2  # Robertson, Walker et al. 1994, as B
B = 0.75
COMMON = 0.6  # a token in more of the chunks than this says nothing...
MANY = 500  # ...once there are so many chunks

RRF_K = 60  # Cormack, Clarke, Büttcher 2009


def pack(counts: Mapping[int, int]) -> dict[int, bytes]:
    """The postings of one token, `chunk number -> occurrences`, as the bytes of each block.

    Two bytes a posting, little endian: number within the block << 4 | occurrences, at most 15.
    """
    blocks: dict[int, list[int]] = {}
    for number, count in sorted(counts.items()):
        if number < 0 or count < 1:
            raise ValueError("A posting has a number from 0 and a count from 1")
        block, within = divmod(number, BLOCK)
        blocks.setdefault(block, []).append(within << 4 | min(count, MOST_COUNTED))
    return {block: np.array(items, "<u2").tobytes() for block, items in blocks.items()}


def unpack(block: int, packed: bytes) -> tuple[Numbers, NDArray[np.int64]]:
    """The chunk numbers and occurrences of one block's postings, as two arrays of one length."""
    items = np.frombuffer(packed, "<u2").astype(np.int64)
    return (items >> 4) + block * BLOCK, items & MOST_COUNTED


def without(packed: bytes, gone: Sequence[int]) -> bytes:
    """The postings of one block but those of the given numbers within the block."""
    items = np.frombuffer(packed, "<u2")
    return items[~np.isin(items >> 4, np.asarray(gone, np.uint16))].tobytes()


def pack_lengths(lengths: Mapping[int, int], packed: bytes = b"") -> bytes:
    """One block's lengths, with those of `lengths` set: number within the block -> words.

    0 is a chunk that is no more; a living one has at least 1.
    """
    items = np.zeros(BLOCK, "<u2")
    if packed:
        items[:] = np.frombuffer(packed, "<u2")
    for within, length in lengths.items():
        items[within] = min(length, LONGEST)
    return items.tobytes()


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
