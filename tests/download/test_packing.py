import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.models.packing import (
    BLOCK,
    pack,
    pack_lengths,
    pack_tokens,
    unpack,
    unpack_tokens,
    without,
)

POSTINGS = st.dictionaries(st.integers(0, 3 * BLOCK - 1), st.integers(1, 40), max_size=60)


@given(POSTINGS)
def test_postings_survive_packing_with_counts_up_to_fifteen(counts):
    read = {}
    for block, packed in pack(counts).items():
        numbers, occurrences = unpack(block, packed)
        assert len(packed) == 2 * len(numbers)
        read.update(zip(numbers.tolist(), occurrences.tolist(), strict=True))
    assert read == {number: min(count, 15) for number, count in counts.items()}


def test_a_posting_is_two_little_endian_bytes():
    assert pack({4096 + 0x123: 4}) == {1: bytes([0x34, 0x12])}


def test_appended_postings_are_read_together_and_taken_out_again():
    packed = pack({1: 2, 9: 1})[0] + pack({4095: 7})[0]
    assert dict(zip(*(part.tolist() for part in unpack(0, packed)), strict=True)) == {
        1: 2,
        9: 1,
        4095: 7,
    }
    assert without(packed, [9, 4095, 12]) == pack({1: 2})[0]
    assert without(packed, [1, 9, 4095]) == b""


@pytest.mark.parametrize("bad", [{-1: 1}, {3: 0}])
def test_impossible_postings_are_refused(bad):
    with pytest.raises(ValueError, match="posting"):
        pack(bad)


def test_lengths_are_set_one_by_one_and_never_overflow():
    block = pack_lengths({0: 7, 4095: 99_999})
    changed = np.frombuffer(pack_lengths({0: 0, 5: 1}, block), "<u2")
    assert len(block) == 2 * BLOCK
    assert changed[[0, 5, 4095]].tolist() == [0, 1, 65_535]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_tokens_survive_packing_in_order_and_once(tokens):
    assert unpack_tokens(pack_tokens(tokens)) == sorted(set(tokens))
