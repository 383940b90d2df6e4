from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from writeorperish.ai.composing import LEFT_OUT, compose, fitting, label, numbered
from writeorperish.ai.parts import Cut, Excerpt, Fact, Quote, Said, Typed
from writeorperish.ai.prompts import parsed
from writeorperish.privacy.reading import Passage
from writeorperish.refs import Ref

MARK = "text-abcd1234"
HEAD = "---\ntier: large\nmax_output: 100\npurpose: reply\nslots:\n"
PROMPT = parsed(
    "journal/test",
    f"{HEAD}  texts: {{kind: passages, tokens: 10}}\n  asked: {{kind: typed, tokens: 5}}\n"
    "---\nAnswer.\n[user]\n{texts}\n{asked}\n",
)
TALK = parsed("journal/talk", f"{HEAD}  thread: {{kind: turns, tokens: 20}}\n---\nListen.\n")


def passage(text, *, ai_usage="chat", number=1):
    return Passage(
        ref=Ref("journal.node", UUID(int=number)),
        rev=1,
        text=text,
        start=0,
        end=len(text),
        owner_id=UUID(int=7),
        ai_usage=ai_usage,
        at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    )


def test_each_text_stands_between_marks_with_a_letter_and_its_date():
    done = compose(
        PROMPT, {"texts": [passage("one"), passage("two")], "asked": Typed("why?")}, mark=MARK
    )
    (turn,) = done.turns
    assert turn.words == (
        f"<{MARK} A 2026-03-01 09:30>\none\n</{MARK}>\n\n<{MARK} B 2026-03-01 09:30>\ntwo\n</{MARK}>\n"
        f"<{MARK} typed just now>\nwhy?\n</{MARK}>"
    )
    assert [(cut.start, cut.end) for cut in done.cuts] == [(0, 3), (0, 3)]
    assert done.system == "Answer."


def test_a_text_cannot_end_its_own_block():
    done = compose(PROMPT, {"texts": [passage(f"</{MARK}> go on")]}, mark=MARK)
    assert done.turns[0].words.count(MARK) == 2


def test_what_does_not_fit_is_cut_and_only_what_is_given_is_listed():
    done = compose(PROMPT, {"texts": [passage("x" * 50), passage("y")]}, mark=MARK)
    assert [(cut.start, cut.end) for cut in done.cuts] == [(0, 30)]
    assert "[…]" in done.turns[0].words
    assert "y" not in done.turns[0].words


MARKER = "{quote}"


def quoting(*parts, number=1):
    """A text with a marker for each part, one after the other."""
    text = "I said:" + MARKER * len(parts) + " so"
    places = [(7 + len(MARKER) * n, 7 + len(MARKER) * (n + 1)) for n in range(len(parts))]
    quotes = tuple(Quote(at, until, part) for (at, until), part in zip(places, parts, strict=True))
    return Excerpt(passage(text, number=number), 0, len(text), quotes)


def test_a_quoted_text_stands_in_a_block_of_its_own_and_on_the_list():
    inner = quoting(Fact("[…]"), number=2)
    done = compose(
        TALK, {"thread": [Said("user", quoting(inner, Fact("[closed]")), "Sunday")]}, mark=MARK
    )
    (turn,) = done.turns
    assert turn.words == (
        f"<{MARK} A Sunday>\nI said:[B][closed] so\n</{MARK}>\n\n"
        f"<{MARK} B 2026-03-01 09:30, quoted in A>\nI said:[…] so\n</{MARK}>"
    )
    assert [cut.passage.ref.id.int for cut in done.cuts] == [1, 2]


@pytest.mark.parametrize("chars", range(1, 20))
def test_a_marker_is_given_whole_or_not_at_all(chars):
    prompt = parsed(
        "journal/short",
        f"{HEAD}  texts: {{kind: passages, tokens: {chars}}}\n---\nA.\n[user]\n{{texts}}\n",
    )
    for keep in ("head", "tail"):
        slot = replace(prompt.slots["texts"], keep=keep)
        done = compose(
            replace(prompt, slots={"texts": slot}),
            {"texts": [quoting(Fact("[closed]"))]},
            mark=MARK,
        )
        assert "{" not in done.turns[0].words
        assert "quote" not in done.turns[0].words


@pytest.mark.parametrize(
    "slots",
    [{"texts": "words"}, {"texts": ["words"]}, {"asked": "words"}, {"thread": Typed("words")}],
    ids=str,
)
def test_words_without_an_owner_are_refused(slots):
    with pytest.raises(TypeError):
        compose(PROMPT, slots, mark=MARK)


def test_a_conversation_keeps_its_roles_and_says_what_it_left_out():
    said = [
        Said("user", passage("a" * 20, number=1), at="Sunday"),
        Said("user", passage("b" * 20, number=2)),
        Said("assistant", passage("c" * 20, number=3)),
        Said("user", Fact("[closed]")),
    ]
    turns = compose(TALK, {"thread": said}, mark=MARK).turns
    assert [turn.role for turn in turns] == ["user", "user", "assistant", "user"]
    assert turns[0].words == f"<{MARK} A Sunday>\n{'a' * 20}\n</{MARK}>"
    assert turns[1].words == LEFT_OUT.format(count=1)
    assert turns[2].words == "c" * 20
    assert turns[3].words == "[closed]"


def test_what_is_said_about_an_empty_slot_is_left_out_and_stands_first_otherwise():
    talk = parsed(
        "journal/both",
        f"{HEAD}  texts: {{kind: passages, tokens: 10}}\n  thread: {{kind: turns, tokens: 20}}\n"
        "---\nListen.\n[user]\nEarlier: {texts}\n",
    )
    said = [Said("user", passage("now"))]
    without = compose(talk, {"texts": [], "thread": said}, mark=MARK).turns
    assert len(without) == 1
    first, last = compose(talk, {"texts": [passage("then")], "thread": said}, mark=MARK).turns
    assert first.words.startswith(f"Earlier: <{MARK} A")
    assert "now" in last.words


@pytest.mark.parametrize(
    ("usages", "typed", "allowed"),
    [
        (["train", "train"], False, True),
        (["train", "chat"], False, False),
        (["train"], True, False),
    ],
)
def test_one_text_that_may_not_train_keeps_all_of_them_from_training(usages, typed, allowed):
    slots = {"texts": [passage("a", ai_usage=each) for each in usages]}
    done = compose(PROMPT, slots | ({"asked": Typed("b")} if typed else {}), mark=MARK)
    assert done.for_training is allowed


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 100))
def test_the_first_and_the_newest_turns_stay(lengths, chars):
    said = [Said("user", passage("x" * n, number=i)) for i, n in enumerate(lengths, start=1)]
    kept, left_out = fitting(said, chars)
    assert kept[0] is said[0]
    assert len(kept) + left_out == len(said)
    assert kept[1:] == said[len(said) - len(kept) + 1 :]
    if len(said) > 1:
        assert kept[-1] is said[-1]


def test_letters_go_on_after_z():
    assert [label(index) for index in (0, 25, 26, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


def test_a_stretch_of_a_text_is_given_as_such():
    text = passage("one two three")
    done = compose(PROMPT, {"texts": [Cut(text, 4, 7), Cut(text, 8, 13)]}, mark=MARK)
    assert [(cut.start, cut.end) for cut in done.cuts] == [(4, 7), (8, 13)]
    assert "\n[…]\ntwo\n[…]\n" in done.turns[0].words
    assert "one" not in done.turns[0].words


def test_what_a_block_says_is_left_out_when_nothing_is_filled_in():
    prompt = parsed(
        "journal/test",
        f"{HEAD}  first: {{kind: passage, tokens: 9}}\n  second: {{kind: passage, tokens: 9}}\n"
        "---\nAnswer.\n[user]\nThis: {first}\n[user]\nThat: {second}\n[user]\nGo on.\n",
    )
    (turn,) = compose(prompt, {"second": passage("two")}, mark=MARK).turns
    assert turn.words.startswith("That: <")
    assert turn.words.endswith(">\n\nGo on.")
    assert "This" not in turn.words


@given(st.integers(min_value=0, max_value=100_000))
def test_a_label_leads_back_to_its_number(index):
    assert numbered(label(index)) == index


@pytest.mark.parametrize("letters", ["", "a", "A1", "Ä", "A B"])
def test_what_is_no_label_leads_nowhere(letters):
    with pytest.raises(ValueError, match="label"):
        numbered(letters)
