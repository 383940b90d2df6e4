import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from writeorperish.ui.fields import (
    ApiId,
    ApiText,
    ApiZone,
    BadText,
    FormId,
    FormText,
    FormZone,
    cleaned,
    readable,
)

UNREADABLE = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", "\udfff"]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("\ufeffwords", "words"),
        ("e\u0301", "é"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\u202eright to left\u202c \u200bzero", "\u202eright to left\u202c \u200bzero"),
    ],
)
def test_text_is_stored_in_one_form_by_forms_and_api_alike(typed, stored):
    assert FormText().clean(typed) == stored
    assert ApiText().run_validation(typed) == stored


@pytest.mark.parametrize("character", UNREADABLE)
def test_a_form_drops_what_cannot_be_stored_and_the_api_refuses_it(character):
    assert FormText().clean(f"a{character}b") == "ab"
    with pytest.raises(BadText):
        ApiText().run_validation(f"a{character}b")


def test_white_space_around_a_text_is_kept():
    assert FormText().clean("  a \n") == "  a \n"
    assert ApiText().run_validation("  a \n") == "  a \n"


def test_a_text_that_is_too_long_is_told_its_size_and_the_limit():
    with pytest.raises(ValidationError, match="4 characters long; at most 3"):
        FormText(max_chars=3).clean("abcd")
    with pytest.raises(serializers.ValidationError, match="takes 6 bytes; at most 5"):
        ApiText(max_bytes=5).run_validation("好好")


def test_length_is_counted_in_code_points():
    assert FormText(max_chars=2).clean("好好") == "好好"


@pytest.mark.parametrize("value", [7, 1.5, True, ["a"], {"a": 1}])
def test_the_api_takes_strings_as_text_only(value):
    with pytest.raises(serializers.ValidationError):
        ApiText().run_validation(value)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "Europe/Nowhere", "europe/berlin", "UTC+3", "a\x00b"]
)
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(ValidationError):
        FormZone().clean(name)
    with pytest.raises(serializers.ValidationError):
        ApiZone().run_validation(name)


def test_a_known_zone_is_taken():
    assert FormZone().clean("Europe/Berlin") == "Europe/Berlin"
    assert ApiZone().run_validation("UTC") == "UTC"


@pytest.mark.parametrize(
    "value",
    ["x", "0", 5, "{01234567-89ab-7def-8123-0123456789ab}", "0123456789ab7def81230123456789ab"],
)
def test_an_id_has_one_spelling(value):
    with pytest.raises(ValidationError):
        FormId().clean(value)
    with pytest.raises(serializers.ValidationError):
        ApiId().run_validation(value)


@given(st.text())
def test_cleaning_is_idempotent_and_leaves_what_the_api_takes(text):
    once = cleaned(text)
    assert cleaned(once) == once == readable(once)
    assert unicodedata.is_normalized("NFC", once)
    once.encode()
