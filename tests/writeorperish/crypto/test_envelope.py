import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from writeorperish.crypto.envelope import (
    OVERHEAD_BYTES,
    CannotOpen,
    key_id_of,
    open_sealed,
    place,
    seal,
)
from writeorperish.refs import new_id

CIPHER = AESGCM(bytes(range(32)))
HERE = place("journal_node", "body", new_id())


@given(st.binary(max_size=4096), st.integers(0, 2**63 - 1))
def test_what_is_sealed_opens_again_in_its_place(clear, key_id):
    sealed = seal(CIPHER, key_id, clear, HERE)
    assert open_sealed(CIPHER, key_id, sealed, HERE) == clear
    assert key_id_of(sealed) == key_id
    assert len(sealed) == len(clear) + OVERHEAD_BYTES


def test_the_layout_is_the_documented_one():
    row = new_id()
    sealed = seal(CIPHER, 258, b"alice's words", place("t", "c", row))
    assert sealed[:9] == b"\x01\x00\x00\x00\x00\x00\x00\x01\x02"
    aad = b"wop1|t|c|" + str(row).encode()
    assert CIPHER.decrypt(sealed[9:21], sealed[21:], aad) == b"alice's words"


@given(st.binary(max_size=200), st.data())
def test_every_flipped_bit_is_refused(clear, data):
    sealed = bytearray(seal(CIPHER, 7, clear, HERE))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CannotOpen):
        open_sealed(CIPHER, 7, bytes(sealed), HERE)


@given(st.binary(max_size=200), st.data())
def test_a_shortened_value_is_refused(clear, data):
    sealed = seal(CIPHER, 7, clear, HERE)
    with pytest.raises(CannotOpen):
        open_sealed(CIPHER, 7, sealed[: data.draw(st.integers(0, len(sealed) - 1))], HERE)


@given(st.binary(max_size=200))
def test_bytes_that_were_never_sealed_are_refused(noise):
    with pytest.raises(CannotOpen):
        open_sealed(CIPHER, 7, noise, HERE)


def test_a_value_opens_in_no_other_table_column_or_row():
    row = new_id()
    sealed = seal(CIPHER, 7, b"alice's words", place("t", "c", row))
    for elsewhere in (place("u", "c", row), place("t", "d", row), place("t", "c", new_id())):
        with pytest.raises(CannotOpen):
            open_sealed(CIPHER, 7, sealed, elsewhere)


def test_another_key_opens_nothing():
    sealed = seal(CIPHER, 7, b"alice's words", HERE)
    with pytest.raises(CannotOpen):
        open_sealed(AESGCM(bytes(32)), 7, sealed, HERE)


def test_sealing_twice_gives_different_bytes():
    assert seal(CIPHER, 7, b"alice's words", HERE) != seal(CIPHER, 7, b"alice's words", HERE)


def test_a_refusal_carries_no_bytes_of_the_value():
    sealed = bytearray(seal(CIPHER, 7, b"alice's words", HERE))
    sealed[-1] ^= 1
    with pytest.raises(CannotOpen) as refusal:
        open_sealed(CIPHER, 7, bytes(sealed), HERE)
    assert refusal.value.detail == {"reason": "altered", "key": 7}
    assert refusal.value.__cause__ is None
