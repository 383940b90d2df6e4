from hypothesis import given
from hypothesis import strategies as st

from writeorperish.ui.diffs import Op, word_diff

TEXTS = st.lists(st.sampled_from(["a", "b ", "c\n", "好", ". ", "\n\n", "word "]), max_size=40).map(
    "".join
)


def test_a_changed_word_is_one_out_and_one_in():
    assert word_diff("I need a piano teacher", "I need a violin teacher") == [
        Op("equal", "I need a "),
        Op("delete", "piano "),
        Op("insert", "violin "),
        Op("equal", "teacher"),
    ]


def test_the_same_text_is_one_op():
    assert word_diff("alice's words\n", "alice's words\n") == [Op("equal", "alice's words\n")]


def test_two_empty_texts_have_no_ops():
    assert word_diff("", "") == []


def test_more_than_half_changed_is_shown_in_full():
    before, after = "one two three four", "five two six seven"
    assert word_diff(before, after) == [Op("delete", before), Op("insert", after)]


def test_text_without_spaces_is_compared_by_character():
    assert Op("delete", "钢") in word_diff("我想学钢琴", "我想学小琴")


@given(TEXTS, TEXTS)
def test_the_ops_spell_both_texts(before, after):
    ops = word_diff(before, after)
    assert "".join(op.text for op in ops if op.op != "insert") == before
    assert "".join(op.text for op in ops if op.op != "delete") == after
    assert all(op.text for op in ops)
