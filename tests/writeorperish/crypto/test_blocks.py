from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from writeorperish.crypto.blocks import (
    BLOCK_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    Blocks,
    Header,
    block_count,
    block_offset,
    sealed_bytes,
    sealed_stream,
)
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.refs import new_id

FILE_KEY = bytes(range(32))
BLOB = new_id()
EDGES = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]
sizes = st.one_of(st.sampled_from(EDGES), st.integers(0, 3 * BLOCK_BYTES))


def words(size):
    return bytes(n * 31 % 251 for n in range(257)) * (size // 257 + 1)


def sealed(clear, blob=BLOB):
    header = Header.fresh(7)
    blocks = Blocks(FILE_KEY, header, blob)
    return b"".join(sealed_stream(BytesIO(clear).read, header, blocks, lambda _block: None))


def opened(file, size, blob=BLOB):
    blocks = Blocks(FILE_KEY, Header.parse(file[:HEADER_BYTES]), blob)
    count = block_count(size)
    starts = [block_offset(number) for number in range(count)] + [len(file)]
    return b"".join(
        blocks.open(number, file[starts[number] : starts[number + 1]], last=number == count - 1)
        for number in range(count)
    )


@settings(max_examples=examples(30), deadline=None)
@given(sizes)
def test_a_file_opens_again_and_has_the_computed_length(size):
    clear = words(size)[:size]
    file = sealed(clear)
    assert opened(file, size) == clear
    assert len(file) == sealed_bytes(size)


def test_pieces_of_any_length_give_the_same_blocks():
    clear = words(2 * BLOCK_BYTES + 5)[: 2 * BLOCK_BYTES + 5]
    source = BytesIO(clear)
    header = Header.fresh(7)
    blocks = Blocks(FILE_KEY, header, BLOB)
    seen = []
    file = b"".join(
        sealed_stream(lambda size: source.read(min(size, 777)), header, blocks, seen.append)
    )
    assert opened(file, len(clear)) == clear
    assert [len(block) for block in seen] == [BLOCK_BYTES, BLOCK_BYTES, 5]


@settings(max_examples=examples(60), deadline=None)
@given(size=sizes, data=st.data())
def test_every_flipped_bit_is_refused(size, data):
    file = bytearray(sealed(words(size)[:size]))
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CannotOpen):
        opened(bytes(file), size)


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(2, 4), st.data())
def test_a_file_cut_at_a_block_is_refused(count, data):
    size = count * BLOCK_BYTES
    kept = data.draw(st.integers(1, count - 1))
    file = sealed(words(size)[:size])[: block_offset(kept)]
    with pytest.raises(CannotOpen):
        opened(file, kept * BLOCK_BYTES)


def test_reordered_and_foreign_blocks_are_refused():
    size = 3 * BLOCK_BYTES
    file = sealed(words(size)[:size])
    one, two, three = block_offset(0), block_offset(1), block_offset(2)
    swapped = file[:one] + file[two:three] + file[one:two] + file[three:]
    with pytest.raises(CannotOpen):
        opened(swapped, size)
    other = sealed(words(size)[:size])
    with pytest.raises(CannotOpen):
        opened(file[:two] + other[two:three] + file[three:], size)


def test_a_file_is_refused_under_another_name_or_key():
    file = sealed(b"ann's words")
    with pytest.raises(CannotOpen):
        opened(file, 11, blob=new_id())
    blocks = Blocks(bytes(32), Header.parse(file[:HEADER_BYTES]), BLOB)
    with pytest.raises(CannotOpen):
        blocks.open(0, file[HEADER_BYTES:], last=True)


def test_the_layout_is_the_documented_one():
    file = sealed(b"ann's words")
    assert file[:5] == b"WOPF\x01"
    assert int.from_bytes(file[5:13], "big") == 7
    assert int.from_bytes(file[36:40], "big") == BLOCK_BYTES == 65536
    assert HEADER_BYTES == 40
    assert len(file) == HEADER_BYTES + 11 + TAG_BYTES


@given(st.binary(max_size=HEADER_BYTES + 4))
def test_what_is_no_header_is_refused(noise):
    with pytest.raises(CannotOpen):
        Header.parse(noise)
