import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from writeorperish.ui.fields import BadText
from writeorperish.ui.parsing import MOST_BYTES, BadJson, BodyTooLarge, deeper_than, parsed

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b"[Infinity]",
        b"9" * 5000,
        b"nope",
        b"[" * 100_000,
        b'{"a":' * 60 + b"1" + b"}" * 60,
    ],
)
def test_what_is_no_json_we_take_is_bad_json(body):
    with pytest.raises(BadJson):
        parsed(body)


@pytest.mark.parametrize(
    "body",
    [
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'{"a": "\\u0000"}',
        b'{"\\ud800": 1}',
        b'["\\u0007"]',
        b'[[{"a": "\\udfff"}]]',
    ],
)
def test_text_that_cannot_be_stored_is_bad_text_wherever_it_stands(body):
    with pytest.raises(BadText):
        parsed(body)


def test_a_pair_of_surrogates_is_one_character():
    assert parsed(b'"\\ud83d\\ude00"') == "😀"


def test_a_body_above_the_cap_is_too_large():
    with pytest.raises(BodyTooLarge):
        parsed(b'"' + b"a" * MOST_BYTES + b'"')


def test_brackets_inside_strings_are_words():
    body = json.dumps({"text": "[" * 1000 + '"' + "{" * 1000}).encode()
    assert parsed(body) == json.loads(body)


@pytest.mark.parametrize(("depth", "deep"), [(50, False), (51, True)])
def test_fifty_levels_are_taken_and_not_one_more(depth, deep):
    assert deeper_than(50, b"[" * depth + b"]" * depth) is deep


@given(JSON)
def test_what_json_says_is_what_we_read(value):
    assert parsed(json.dumps(value).encode()) == value
    assert parsed(json.dumps(value, ensure_ascii=False).encode()) == value
