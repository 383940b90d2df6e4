import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.anchoring import find, shown, trimmed

TEXT = """# On **quiet** mornings

- A [quiet](https://example.org/a) morning is *worth* two evenings.
> Said `nobody`, ever \\*once\\*.

| a | b |
|---|---|
| 1 | 2 |"""


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("On quiet mornings", "On **quiet** mornings"),
        ("A quiet morning is worth two", "A [quiet](https://example.org/a) morning is *worth* two"),
        ("Said nobody, ever *once*.", "Said `nobody`, ever \\*once\\*."),
        ("two evenings. Said", "two evenings.\n> Said"),
        ("*worth* two", "*worth* two"),
    ],
)
def test_words_are_found_as_they_are_shown(quote, words):
    start, end = find(TEXT, quote, longest=400)
    assert TEXT[start:end] == words


@pytest.mark.parametrize("quote", ["not there", "", "uiet morn"])
def test_other_words_are_not(quote):
    assert find(TEXT, quote, longest=400) is None


@given(st.text(alphabet="ab *_[]()>#-\n\\|`é1.", max_size=60))
def test_what_is_shown_stands_in_the_text(text):
    seen, places = shown(text)
    assert len(seen) == len(places)
    assert "".join(text[place] for place in places) == seen
    assert list(places) == sorted(set(places))


@given(st.text(max_size=20), st.integers(-5, 30), st.integers(-5, 30))
def test_a_trimmed_place_holds_words_without_white_space_around(text, start, end):
    start, end = trimmed(text, start, end)
    assert text[start:end] == text[start:end].strip()
