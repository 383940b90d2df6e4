"""Postings and lengths as bytes: two per posting, two per chunk. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

BLOCK = 4_096  # chunk numbers in one row of postings or lengths
MOST_COUNTED = 15  # occurrences of a token in one chunk; four bits
LONGEST = 65_535  # words of one chunk; two bytes


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


def pack_tokens(tokens: Sequence[int]) -> bytes:
    """Tokens in order, each once, eight bytes little endian."""
    return np.unique(np.array(tokens, "<i8")).tobytes()


def unpack_tokens(packed: bytes) -> list[int]:
    return list(map(int, np.frombuffer(packed, "<i8")))
