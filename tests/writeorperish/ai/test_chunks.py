from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from writeorperish.ai.chunks import LARGEST, LONGEST_OVERLAP, TARGET, split
from writeorperish.ai.lexical import sentences

WORDS = st.sampled_from(
    [
        "river",
        "a",
        "I.",
        "Stop!",
        "今日は。",
        "한국어",
        "ภาษาไทย",
        "cafe\u0301",
        "👨\u200d👩\u200d👧",
        "\n\n",
        "\r\n",
        "- x",
    ]
)
# Control characters are dropped before a text is stored, and Python and Unicode disagree on which are spaces.
LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
LONG = st.builds(
    lambda words, times, glue: glue.join(words * times),
    st.lists(WORDS | st.text(LETTERS, max_size=12), min_size=1, max_size=30),
    st.integers(1, 60),
    st.sampled_from([" ", "", "\n", ". ", "。"]),
)


def units(text):
    dense = sum(
        any(
            low <= ord(c) <= high
            for low, high in ((0xE00, 0xE7F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))
        )
        for c in text
    )
    return len(text) + dense


@settings(max_examples=examples(150), deadline=None)
@given(LONG)
@example("e" + "\u0301" * 5000)
@example("x" * 100_000)
def test_passages_are_ordered_small_and_leave_nothing_out(text):
    spans = split(text)
    assert [span.part for span in spans] == list(range(len(spans)))
    covered = set()
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip() == text[span.start : span.end]
        assert units(text[span.start : span.end]) <= LARGEST
        covered.update(range(span.start, span.end))
    for one, two in pairwise(spans):
        assert one.start < two.start
        assert one.end < two.end
    assert all(character.isspace() or i in covered for i, character in enumerate(text))


def test_no_words_make_no_passage():
    assert split("") == split(" \n\t\u2003") == []


def test_a_short_text_is_one_passage_without_the_space_around_it():
    (span,) = split("\n  Morning pages.\n\nThe stove is cold. \n")
    assert (span.start, span.end) == (3, 37)


def test_passages_end_with_paragraphs_where_they_can():
    paragraph = "We walked along the river and said little. " * 10
    text = "\n\n".join([paragraph.strip()] * 6)
    for span in split(text):
        assert text[span.end :].startswith("\n\n") or span.end == len(text)


def test_a_heading_stays_with_what_it_heads():
    text = "# The river\n\n" + "We walked and said little about it. " * 27
    assert len(split(text)) == 1
    assert TARGET < len(text) <= LARGEST


def test_a_passage_repeats_the_short_sentence_before_it():
    text = " ".join(f"Sentence number {n} of a long and even paragraph." for n in range(100))
    spans = split(text)
    starts = {a for a, _ in sentences(text)}
    assert len(spans) > 3
    for one, two in pairwise(spans):
        assert 0 < one.end - two.start <= LONGEST_OVERLAP
        assert two.start in starts


def test_a_word_longer_than_a_passage_is_cut_between_graphemes():
    text = "e\u0301" * 2_000
    spans = split(text)
    assert len(spans) > 3
    assert all(span.start % 2 == 0 and span.end % 2 == 0 for span in spans)


def test_the_last_word_of_a_very_long_page_is_in_the_last_passage():
    text = "lorem ipsum dolor " * 11_000 + "needle"
    assert text[split(text)[-1].start : split(text)[-1].end].endswith("needle")
