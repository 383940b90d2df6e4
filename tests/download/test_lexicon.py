import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.lexicon import (
    Head,
    Namespace,
    Term,
    asked_for,
    occurrences,
    required,
    site,
    tag,
    terms_of,
)

WORDS = st.lists(
    st.sampled_from(
        ["Piano", "the", "mother-in-law", "café", "今日", "여러분", "3.14", "#garden", "ไทย", "…"]
    ),
    max_size=12,
)


def word(text):
    return Term(Namespace.WORD, text)


def pair(text):
    return Term(Namespace.PAIR, text)


def test_a_passage_counts_its_words_and_pairs():
    counted = terms_of("The piano teacher likes the piano.")
    assert counted.counts[word("piano")] == 2
    assert counted.counts[pair("piano teacher")] == 1
    assert counted.counts[pair("like piano")] == 1
    assert word("the") not in counted.counts
    assert counted.words == 4


def test_the_head_counts_two_more():
    head = Head(title="Piano", tags=["Music"], hosts=["www.blog.example.org"])
    counts = terms_of("A piano.", head).counts
    assert counts[word("piano")] == 3
    assert counts[word("music")] == 2
    assert counts[tag("#MUSIC")] == 2
    assert counts[site("example.org")] == counts[site("blog.example.org")] == 2
    assert site("org") not in counts


def test_the_head_does_not_lengthen_the_passage():
    assert terms_of("A piano.", Head(title="one two three four")).words == 1


def test_a_passage_without_words_has_length_one():
    assert terms_of("😀 …").words == 1


@pytest.mark.parametrize("name", ["Café", "#cafe", " CAFE\u0301 ", "ｃａｆé"])
def test_a_tag_is_one_tag_however_it_is_written(name):
    assert tag(name) == Term(Namespace.TAG, "cafe")


@given(WORDS)
def test_a_copied_text_asks_for_exactly_what_it_is_indexed_under(words):
    text = " ".join(words)
    assert set(asked_for(text)) == set(terms_of(text).counts)


@given(WORDS, st.data())
def test_a_phrase_out_of_a_text_requires_only_terms_of_the_text(words, data):
    start = data.draw(st.integers(0, len(words)))
    end = data.draw(st.integers(start, len(words)))
    phrase = " ".join(words[start:end])
    text = " ".join(words)
    assert set(required(phrase)) <= set(terms_of(text).counts)
    assert not phrase or occurrences(text, phrase)


def test_pairs_count_less_than_words():
    assert asked_for("piano teacher") == {
        word("piano"): 1.0,
        word("teacher"): 1.0,
        pair("piano teacher"): 0.5,
    }


def test_occurrences_are_whole_words_in_any_spelling():
    text = "Cafe\u0301  au\nlait, cafés au lait, CAFÉ AU LAIT"
    assert [text[a:b] for a, b in occurrences(text, "café au lait")] == [
        "Cafe\u0301  au\nlait",
        "CAFÉ AU LAIT",
    ]
    assert occurrences("今日は海まで", "海") == [(3, 4)]
    assert occurrences("100% (sure) a_b", "100% (sure)") == [(0, 11)]
    assert occurrences("anything", " ") == []
