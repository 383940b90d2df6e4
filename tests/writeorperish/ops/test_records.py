import pytest

from writeorperish.ops.records import MOST_DIGITS, MOST_LEVELS, BrokenOff, records


def test_depth_is_counted_across_blocks_and_not_in_texts():
    harmless = b'[{"a": "' + b"[" * 1_000 + b'\\"' + b"{" * 1_000 + b'"}]'
    for size in (1, 7, 64):
        blocks = [harmless[at : at + size] for at in range(0, len(harmless), size)]
        assert list(records(blocks, within="item")) == [{"a": "[" * 1_000 + '"' + "{" * 1_000}]


def test_what_goes_too_deep_ends_there_and_costs_little():
    taken = records([b'[{"whole": 1}, ' + b"[" * 1_000_000], within="item")
    assert next(taken) == {"whole": 1}
    with pytest.raises(BrokenOff):
        next(taken)
    just = MOST_LEVELS - 1
    assert list(records([b"[" + b"[" * just + b"]" * just + b"]"], within="item"))


@pytest.mark.parametrize("size", [1, 999, 4_096, 1_000_000])
def test_a_number_without_end_ends_the_file_and_not_the_process(size):
    whole = b'[{"text": "' + b"7" * 6_000 + b'", "n": ' + b"1" * (MOST_DIGITS - 1) + b"}"
    endless = whole + b', {"n": ' + b"1" * 6_000 + b"}]"
    taken = records([endless[at : at + size] for at in range(0, len(endless), size)], within="item")
    assert next(taken) == {"text": "7" * 6_000, "n": int("1" * (MOST_DIGITS - 1))}
    with pytest.raises(BrokenOff):
        next(taken)
