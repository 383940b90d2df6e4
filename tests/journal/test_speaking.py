from hypothesis import given
from hypothesis import strategies as some

from journal.speaking import LONGEST, stretches

TEXT = """Before all.

# One *day*

It rained. See [the map](https://example.org/secret) and `code`.

```
never said
```

- [ ] milk
- bread

### Not a chapter

## Two
{quote:0190a000-0000-7000-8000-000000000000} It stopped. ![a cat](/media/0190a000-0000-7000-8000-000000000000/)
"""


def test_chapters_begin_at_headings_which_are_said_first():
    said = stretches(TEXT)
    assert [(each.section, each.title) for each in said] == [(0, ""), (1, "One day"), (2, "Two")]
    assert said[0].words == "Before all."
    assert said[1].words == "One day. It rained. See the map and code. milk bread Not a chapter"
    assert said[2].words == "Two. It stopped."


def test_each_stretch_names_where_in_the_text_it_stands():
    for each in stretches(TEXT):
        assert each.words.split()[0].strip(".") in TEXT[each.start : each.end]
        assert "never said" not in each.words


def test_sound_begins_soon_and_goes_on_in_longer_stretches():
    said = stretches("One sentence of some length stands here. " * 300)
    lengths = [len(each.words) for each in said]
    assert lengths[0] <= 300
    assert lengths == sorted(lengths[:-1]) + lengths[-1:]
    assert max(lengths) <= LONGEST
    assert sum(lengths) + len(said) >= 300 * len("One sentence of some length stands here.")


def test_a_word_without_end_is_cut_and_nothing_is_lost():
    said = stretches("x" * 5_000)
    assert "".join(each.words for each in said).replace(" ", "") == "x" * 5_000


def test_there_may_be_nothing_to_say():
    assert stretches("") == stretches("```\ncode\n```") == stretches("![](/a)") == []


@given(some.text(alphabet="ab #`-\n.*[]()>|", max_size=300))
def test_whatever_stands_there_every_stretch_is_words_of_the_text_in_order(text):
    places = [(each.start, each.end) for each in stretches(text)]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert [start for start, _end in places] == sorted(start for start, _end in places)
    assert all(each.words.strip() for each in stretches(text))
