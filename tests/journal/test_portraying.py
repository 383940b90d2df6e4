"""The judgement behind the portrait: what is read, what stands of an answer, and what is picked by rule."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.models.portraits import STRUCK, struck
from journal.portraying import (
    CALL_CHARS,
    CALL_ENTRIES,
    DIGEST,
    ITEM_CHARS,
    MOST_ITEMS,
    NOTE,
    PORTRAIT,
    WINDOW_CHARS,
    Item,
    Line,
    Place,
    body_of,
    changes,
    choose,
    fair_cuts,
    first_call,
    items_in,
    kind_of,
    lines_in,
    note_by_rule,
    one_line,
    places_of,
    sentences_of,
    statements_in,
    together,
    windows,
)
from writeorperish.ai import prompts, schemas, twins
from writeorperish.ai.parts import Cut
from writeorperish.privacy.reading import Passage
from writeorperish.refs import Ref

BODY = "## Busy\n\n- One.\n- Two.\n\n## Questions\n\n- Three?"


def passage(text, number=1):
    return Passage(
        ref=Ref("journal.node", UUID(int=number)),
        rev=1,
        text=text,
        start=0,
        end=len(text),
        owner_id=UUID(int=7),
        ai_usage="chat",
        at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    )


def whole(text):
    return Cut(passage(text), 0, len(text))


def line(text="words", number=1):
    return Line("theme", text, (Place(UUID(int=number), 1, 0, 5),))


# --- what is read


@given(st.text(alphabet="ab \n", max_size=300), st.integers(min_value=5, max_value=40))
def test_windows_are_the_text_and_none_is_too_long(text, chars):
    found = windows(text, chars=chars)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(end - start <= chars for start, end in found)


def test_a_call_reads_as_much_as_fits_and_a_long_entry_alone():
    short, long = passage("x" * 100), passage("y" * (WINDOW_CHARS + 1), 2)
    half = passage("z" * (CALL_CHARS // 2 + 1), 3)
    assert len(first_call([short] * 20)) == CALL_ENTRIES
    assert len(first_call([half, half])) == 1
    assert [cut.passage for cut in first_call([short, long, short])] == [short]
    assert [(cut.start, cut.end) for cut in first_call([long, short])] == [
        (0, WINDOW_CHARS), (WINDOW_CHARS, WINDOW_CHARS + 1),
    ]  # fmt: skip
    assert first_call([]) == []


def test_each_note_has_its_share_and_no_line_is_cut():
    notes = [passage("1. theme: one\n2. theme: two", n) for n in range(3)]
    cuts = fair_cuts(notes, chars=60)
    assert [cut.words for cut in cuts] == ["1. theme: one"] * 3
    assert [cut.words for cut in fair_cuts(notes, chars=9000)] == [note.text for note in notes]
    assert [cut.words for cut in fair_cuts(notes, chars=3)] == ["1. theme: one"] * 3


# --- what stands of an answer


def test_a_quote_stands_where_it_is_and_only_within_what_was_read():
    text = "I swim. I run. I swim."
    cut = Cut(passage(text), 8, len(text))
    rows = [
        {"kind": "plan", "text": " # Swims\nmuch ", "quote": "I swim."},
        {"kind": "plan", "text": "Runs", "quote": "I  run."},
        {"kind": "plan", "text": "", "quote": "I run."},
        {"kind": "plan", "text": "Nothing", "quote": ""},
    ]
    data = {"entries": [{"label": "A", "items": rows}, {"label": "B", "items": rows}]}
    assert items_in(data, [cut]) == {0: [Item("plan", "Swims much", 15, 22)]}


def test_a_note_says_eight_things_at_most():
    rows = [{"kind": "plan", "text": f"Thing {n}", "quote": "I swim."} for n in range(20)]
    data = {"entries": [{"label": "A", "items": rows}]}
    assert len(items_in(data, [whole("I swim.")])[0]) == MOST_ITEMS
    parts = [
        [Item("plan", "a", n, n + 1) for n in range(start, start + 6)] for start in (0, 50, 99)
    ]
    joined = together(parts)
    assert len(joined) == MOST_ITEMS
    assert {item.start // 49 for item in joined} == {0, 1, 2}, "of each stretch some"


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (["A1"], [1]),
        (["A2", "B1"], [2, 3]),
        (["A 1", " B1 ", "A1"], [1, 3]),
        (["A0", "A3", "C1", "a1", "A", "1", "", "A1; drop", "journal.node:1"], []),
    ],
)
def test_only_letters_and_numbers_that_were_given_lead_somewhere(named, found):
    given_lines = [[line(number=1), line(number=2)], [line(number=3)]]
    assert [place.node.int for place in places_of(named, given_lines)] == found


def test_a_sentence_that_rests_on_nothing_does_not_stand():
    notes = [[line()]]
    rows = [
        {"kind": "theme", "text": "Rests.", "from": ["A1"]},
        {"kind": "theme", "text": "Does not.", "from": ["A9"]},
        {"kind": "theme", "text": "  ", "from": ["A1"]},
    ]
    assert [each.text for each in lines_in({"lines": rows}, notes)] == ["Rests."]
    data = dict.fromkeys(("busy", "matters", "thinking", "questions"), rows)
    assert [each.text for each in statements_in(data, notes)] == ["Rests."] * 4


@given(st.text(max_size=400))
def test_one_line_is_one_short_line(text):
    words = one_line(text, ITEM_CHARS)
    assert len(words) <= ITEM_CHARS
    assert len(words.splitlines()) <= 1
    assert not words.startswith("# ")


# --- the body


def test_a_body_is_read_as_it_was_made():
    made = body_of([("Busy", "One."), ("Questions", "Three?"), ("Busy", "Two.")])
    assert made == BODY
    assert [(each.heading, each.text, each.number) for each in sentences_of(made)] == [
        ("Busy", "One.", 0), ("Busy", "Two.", 1), ("Questions", "Three?", 2),
    ]  # fmt: skip


def test_what_is_struck_keeps_the_numbers_of_the_others():
    body = struck(BODY, {1, 99})
    assert [each.text for each in sentences_of(body)] == ["One.", STRUCK, "Three?"]
    assert sentences_of(body)[1].struck


def test_a_line_that_begins_with_a_tag_is_a_sentence():
    assert [each.text for each in sentences_of("#piano every day\n# Music\n#")] == [
        "#piano every day", "#",
    ]  # fmt: skip


def test_changes_are_told_sentence_by_sentence():
    after = body_of([("Busy", "One."), ("Busy", "New."), ("Besides", "More.")])
    found = [(each.kind, each.sentence.text) for each in changes(BODY, after)]
    assert found == [
        ("same", "One."), ("added", "New."), ("added", "More."),
        ("dropped", "Two."), ("dropped", "Three?"),
    ]  # fmt: skip


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_nothing_comes_or_goes_that_was_not_chosen(take, drop):
    proposed = body_of([("Busy", "New."), ("Busy", "One."), ("Besides", "More.")])
    texts = [each.sentence.text for each in choose(BODY, proposed, take=take, drop=drop)]
    standing = [each.text for each in sentences_of(BODY) if each.number not in drop]
    coming = [each.text for each in sentences_of(proposed) if each.number in take]
    assert set(texts) == {*standing, *coming}
    assert len(texts) == len(set(texts))


# --- by rule


def test_the_rule_answers_in_the_shape_a_model_is_held_to():
    entries = [whole(text) for text in ("I swim. Why? I believe in it.", "🎹", " ")]
    notes = [whole("1. theme: I swim.\n2. value: I believe in it."), whole("1. question: Why?")]
    for name, slots in (
        (NOTE, {"entries": entries}),
        (DIGEST, {"notes": notes}),
        (PORTRAIT, {"months": notes, "own": None}),
    ):
        made = twins.answer(name, slots).data
        assert schemas.read(json.dumps(made), prompts.named(name).schema) == made


def test_every_prompt_with_a_schema_has_a_twin():
    assert {name for name in prompts.shipped() if prompts.named(name).schema} <= set(twins.TWINS)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Why do I swim?", "question"),
        ("Warum schwimme ich", "question"),
        ("Honesty is what counts.", "value"),
        ("Meine Mutter rief an.", "person"),
        ("Mañana voy al mar.", "plan"),
        ("J'ai peur du noir.", "feeling"),
        ("It rained.", "theme"),
        ("🎹", "theme"),
    ],
)
def test_the_kind_of_a_sentence_by_its_words(words, kind):
    assert kind_of(words) == kind


@given(st.text(max_size=400))
def test_the_rule_quotes_what_stands_there(text):
    cut = whole(text)
    (entry,) = note_by_rule({"entries": [cut]}).data["entries"]
    for row in entry["items"]:
        assert row["quote"] in text
        assert len(row["quote"]) <= ITEM_CHARS
    assert note_by_rule({"entries": [cut]}) == note_by_rule({"entries": [cut]})


def test_the_rule_leaves_words_of_others_and_repeats_out():
    text = (
        "> Somebody else wrote this.\n\n- I swim.\n- I swim.\n\n# A heading\n\n**Bold.**\n\n"
        "| a | table |\n\n![A picture](x.png)\n\n#piano in the morning."
    )
    (entry,) = note_by_rule({"entries": [whole(text)]}).data["entries"]
    assert [row["text"] for row in entry["items"]] == ["I swim.", "#piano in the morning."]
