from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.dates import Days
from download.query import LONGEST, MOST_TERMS, parse

TODAY = date(2026, 3, 11)


def read(text):
    return parse(text, TODAY)


def test_words_are_looked_for_in_their_order():
    assert read("  piano \n teacher ").words == "piano teacher"


def test_every_part_finds_its_place():
    query = read(
        'piano "exact words" -river -"two words" tag:#Garden site:https://Example.org/x '
        "in:journal in:Library is:unread by:me audience:circles from:2025-01 to:2025-03-05"
    )
    assert query.words == "piano"
    assert query.exact == ("exact words",)
    assert query.without == ("river", "two words")
    assert query.tags == ("#Garden",)
    assert query.sites == ("Example.org",)
    assert query.kinds == {"journal", "library"}
    assert query.states == {"unread"}
    assert query.by == "me"
    assert query.audiences == {"circles"}
    assert query.days == Days(date(2025, 1, 1), date(2025, 3, 5))
    assert not query.guessed
    assert len(query.chips) == 12


def test_days_said_in_words_narrow_and_leave_the_rest():
    query = read("what did I write last week about the piano")
    assert query.words == "what did I write about the piano"
    assert query.days == Days(date(2026, 3, 2), date(2026, 3, 8))
    assert query.guessed
    assert [chip.text for chip in query.chips] == ["last week"]


def test_a_date_filter_leaves_words_that_could_be_days():
    query = read("yesterday on:2025-05-01")
    assert query.words == "yesterday"
    assert query.days == Days(date(2025, 5, 1), date(2025, 5, 1))


def test_days_inside_quotes_are_words_for_word():
    query = read('"last week" piano')
    assert query.exact == ("last week",)
    assert query.days == Days(None, None)


def test_taking_a_chip_away_gives_the_query_without_it():
    query = read('piano tag:garden "last week" -river')
    assert [chip.rest for chip in query.chips] == [
        'piano "last week" -river',
        "piano tag:garden -river",
        'piano tag:garden "last week"',
    ]
    for chip in query.chips:
        assert len(read(chip.rest).chips) == 2


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("foo:bar", "foo:bar"),
        ("tag:", "tag:"),
        ("tag:#", "tag:#"),
        ("in:kitchen", "in:kitchen"),
        ("from:garbage", "from:garbage"),
        ("::", "::"),
        ('"unbalanced words', "unbalanced words"),
        ("-", "-"),
        ("- piano", "- piano"),
        ("mother-in-law", "mother-in-law"),
        ("100% a_b \\ c", "100% a_b \\ c"),
        ("'; DROP TABLE posting; --", "'; DROP TABLE posting; --"),
        ("(a+)+$ [z-a] .*", "(a+)+$ [z-a] .*"),
        ("-tag:garden", "-tag:garden"),
    ],
)
def test_what_is_no_filter_is_words(typed, words):
    query = read(typed)
    assert query.words == words
    assert query.chips == ()


def test_typographic_quotes_are_quotes():
    assert read("\u201cexact words\u201d").exact == ("exact words",)


def test_nul_control_characters_and_lone_surrogates_are_removed():
    assert read("pi\x00a\ud800no\x07 \u0085x").words == "piano x"


def test_what_is_over_the_limits_is_cut_and_said():
    query = read("word " * 2_000)
    assert len(query.text) <= LONGEST
    assert query.cut
    many = read(" ".join("abcdefghijklmnopqrstuvwxyz0123456789"))
    assert len(many.words.split()) == MOST_TERMS
    assert many.dropped == 36 - MOST_TERMS
    assert not many.cut


def test_nothing_typed_is_empty():
    assert read(" \n").is_empty
    assert read('""').is_empty
    assert not read("last week").is_empty


PARTS = st.sampled_from(
    [
        "tag:",
        "-",
        '"',
        ":",
        "in:",
        "from:",
        "last week",
        " ",
        "on:",
        "x",
        "\u201c",
        "2026-02-30",
        "\x00",
        "\ud800",
        "since",
    ]
)


@given(st.lists(PARTS | st.text(max_size=5), max_size=30).map("".join), st.dates())
def test_reading_never_fails_and_every_chip_can_be_taken_away(typed, today):
    query = parse(typed, today)
    assert len(query.text) <= LONGEST
    for chip in query.chips:
        assert chip.text in query.text
        assert len(parse(chip.rest, today).text) < len(query.text)


@pytest.mark.parametrize(
    "piece", ["(", '"', "-", ":", "%", "tag:", "1 ", "a ", '" ', "last ", "\u0301"]
)
def test_ten_kilobytes_of_anything_are_read(piece):
    assert len(read(piece * (10_000 // len(piece))).text) <= LONGEST
