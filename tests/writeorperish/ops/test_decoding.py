import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from writeorperish.ops.decoding import NotText, cleaned, decoded

WORDS = "São João, café — naïve “quotes” 日記\nsecond line"


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (WORDS.encode(), ()),
        (WORDS.encode("utf-8-sig"), ()),
        (WORDS.encode("utf-16"), ()),
        (b"\xfe\xff" + WORDS.encode("utf-16-be"), ()),
        (WORDS.encode("utf-32"), ()),
        (WORDS.replace("\n", "\r\n").encode(), ()),
        (WORDS.replace("\n", "\r").encode(), ()),
        (unicodedata.normalize("NFD", WORDS).encode(), ()),
        ((WORDS[:20] + "\x00" + WORDS[20:] + " " * 60).encode(), ("characters_dropped",)),
    ],
)
def test_the_same_words_whatever_they_were_saved_in(data, notes):
    text, said = decoded(data)
    assert text.rstrip() == WORDS
    assert said == notes


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_known_by_its_zeros(order):
    assert (
        decoded(b"" + "Plain words, long enough.".encode(order))[0] == "Plain words, long enough."
    )


def test_windows_letters_are_read_and_it_is_said():
    assert decoded("caf\u00e9 \u201cok\u201d 5 \u20ac".encode("cp1252")) == (
        "café “ok” 5 €",
        ("read_as_western",),
    )


def test_a_byte_no_western_letter_has_is_dropped_with_a_note():
    text, notes = decoded(b"caf\xe9 \x81 " + b"and so on " * 20)
    assert text.startswith("café  and")
    assert notes == ("read_as_western", "characters_dropped")


def test_half_a_character_at_the_end_costs_only_itself():
    text, notes = decoded("\ufeffwords".encode("utf-16-le") + b"\x41")
    assert text.startswith("words")
    assert notes == ("characters_replaced",)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0" * 9, bytes(range(256)) * 4, b"\0" * 50]
)
def test_a_picture_under_a_false_name_is_no_text(data):
    with pytest.raises(NotText):
        decoded(data)


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    assert cleaned(cleaned(text)) == cleaned(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_not(data):
    try:
        text, _ = decoded(data)
    except NotText:
        return
    assert text == cleaned(text)
