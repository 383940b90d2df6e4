import itertools
import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from journal.splitting import NODE_CHARS, split

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
LISBON = "\U0001f1f5\U0001f1f9"
ACCENTED = "e\u0301"

texts = st.lists(
    st.sampled_from(
        ["a", "word", " ", "\n", FAMILY, LISBON, ACCENTED, " \u0308", "\u0301", "\u0600"]
    )
).map("".join)


@given(texts, st.integers(1, 30))
def test_the_parts_are_the_text(text, cap):
    parts = split(text, cap)
    assert "".join(parts) == text
    assert all(1 <= len(part) <= cap for part in parts)


@given(texts, st.integers(12, 30))
def test_no_cluster_is_torn(text, cap):
    whole = [0]
    whole += [cluster.end() for cluster in regex.finditer(r"\X", text)]
    longest = max((b - a for a, b in itertools.pairwise(whole)), default=0)
    at = 0
    for part in split(text, cap):
        at += len(part)
        assert at in whole or longest > cap


@given(st.text(st.sampled_from("ab \n"), max_size=80), st.integers(1, 20))
def test_a_part_ends_with_its_last_newline_where_it_has_one(text, cap):
    for part in split(text, cap)[:-1]:
        assert "\n" not in part or part.endswith("\n")


@pytest.mark.parametrize(
    ("text", "cap", "parts"),
    [
        ("", 5, []),
        ("abcde", 5, ["abcde"]),
        ("abcdef", 5, ["abcde", "f"]),
        ("ab\ncdef", 5, ["ab\n", "cdef"]),
        ("abcd\nef", 5, ["abcd\n", "ef"]),
        ("ab cdef", 5, ["ab ", "cdef"]),
        ("a b\nc d e", 5, ["a b\n", "c d e"]),
        ("abcd" + ACCENTED, 5, ["abcd", ACCENTED]),
        ("ab" + LISBON * 2, 5, ["ab" + LISBON, LISBON]),
        ("ab \u0308cd", 3, ["ab", " \u0308c", "d"]),
    ],
)
def test_where_the_cut_falls(text, cap, parts):
    assert split(text, cap) == parts


def test_a_space_far_back_is_no_reason_to_stop_early():
    head = "x " + "y" * 1_500
    assert split(head + "z" * 600, 1_500)[0] == head[:1_500]


def test_one_character_above_the_cap_makes_two_parts():
    assert [len(part) for part in split("a" * (NODE_CHARS + 1))] == [NODE_CHARS, 1]
    assert len(split("a" * NODE_CHARS)) == 1


def test_a_cluster_longer_than_the_cap_still_ends():
    assert [len(part) for part in split("a" + "\u0301" * 24, 10)] == [10, 10, 5]


@pytest.mark.parametrize("text", ["a" * 1_000_000, " \u0308" * 500_000, "a" + "\u0301" * 999_999])
def test_a_million_characters_split_quickly(text):
    started = time.perf_counter()
    assert "".join(split(text)) == text
    assert time.perf_counter() - started < 3


def test_no_cap_is_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        split("a", 0)
