import pytest

from writeorperish.ops.records import MOST_LEVELS, BrokenOff, records


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
