import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from download import citing

LETTERS = "ab cd\u00a0\n\u2019'\u201c\"\u2013-\u2026.ée\u0301\u00adがは字한각ﬁ½👩‍👩‍👧\r\n"
TEXTS = st.text(alphabet=LETTERS, max_size=80) | st.text(max_size=40)


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 200))
def test_what_is_found_reads_as_what_was_asked_for(before, quote, after, near):
    text = before + quote + after
    place = citing.find(text, quote, near, shortest=1)
    assume(place is not None)
    start, end = place
    assert citing.source(text[start:end]).folded.strip() == citing.source(quote).folded.strip()


@given(st.text(min_size=12, max_size=300), TEXTS, TEXTS)
def test_words_set_apart_are_found_where_they_stand(quote, before, after):
    quote = quote.strip()
    assume(citing.units(citing.source(quote).folded.strip()) >= citing.SHORTEST)
    text = f"{before} | {quote} | {after}"
    assume(citing.source(quote).folded.strip() in citing.source(text).folded)
    at = len(before) + 3
    place = citing.find(text, quote, at)
    assert place is not None
    assert citing.source(text[slice(*place)]).folded == citing.source(quote).folded.strip()


SAID = "I wasn\u2019t sure \u2013 it felt\n  like a \u201cnew\u201d start\u2026 or an end. Caf\u0065\u0301 au lait at nine."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("I wasn't sure - it felt like", "I wasn\u2019t sure \u2013 it felt\n  like"),
        ('a "new" start... or an end', "a \u201cnew\u201d start\u2026 or an end"),
        ("Caf\u00e9 au lait at nine", "Caf\u0065\u0301 au lait at nine"),
        ("it  felt\tlike a", "it felt\n  like a"),
    ],
)
def test_typography_and_composition_do_not_matter(quote, found):
    start, end = citing.find(SAID, quote)
    assert SAID[start:end] == found


@pytest.mark.parametrize(
    "quote",
    [
        "i wasn't sure",  # case counts
        "wasn't sure",  # too short
        "I was sure - it felt like",  # not what it says
        "n't sure - it felt like",  # begins inside a word
        ".. or an end. Café",  # begins inside a character
        "",
        " \u00ad\u200b ",
    ],
)
def test_what_does_not_stand_there_is_not_found(quote):
    assert citing.find(SAID, quote) is None


def test_half_a_word_may_not_turn_what_was_said():
    assert citing.find("I was unhappy with all of it.", "happy with all of it") is None


def test_of_several_places_the_nearest_is_meant():
    text = "the same words here. " * 3
    assert citing.find(text, "the same words here", 30) == (21, 40)
    assert citing.find(text, "the same words here", 0) == (0, 19)


def test_a_character_of_a_script_without_spaces_says_as_much_as_two():
    assert citing.find("今日は東京で雨が降った。", "東京で雨が降") == (3, 9)
    assert citing.find("今日は東京で雨が降った。", "東京で雨") is None


def test_length_is_bounded_after_folding():
    text = "word " * 200
    assert citing.find(text, text[:400]) == (0, 399)
    assert citing.find(text, text[:403]) is None
    assert citing.find(text, "word", shortest=4) == (0, 4)


def test_a_quotation_that_leaves_words_out_is_cut_at_its_dots():
    assert citing.parts("it felt like … or an end [...] at nine") == [
        "it felt like",
        "or an end",
        "at nine",
    ]
    assert citing.parts(" … ") == []
