import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.merging import Merged, changes, merge

lines = st.sampled_from(["rain", "a walk", "piano", "bread", "- milk", "  indented", "#"])
paragraphs = st.lists(lines, min_size=1, max_size=3).map("\n".join)
gaps = st.sampled_from(["\n\n", "\n\n\n", "\n \n"])
ends = st.sampled_from(["", "\n", "\n\n"])


@st.composite
def texts(draw):
    parts = draw(st.lists(paragraphs, max_size=5))
    between = [draw(gaps) for _ in parts]
    joined = "".join(part + gap for part, gap in zip(parts, between, strict=True))
    return joined.rstrip("\n ") + draw(ends)


@given(texts(), texts())
def test_a_side_that_changed_nothing_gives_way(base, edited):
    assert merge(base, base, edited) == Merged(edited, clean=True)
    assert merge(base, edited, base) == Merged(edited, clean=True)
    assert merge(base, edited, edited) == Merged(edited, clean=True)


@given(texts(), texts(), texts())
def test_a_clean_result_does_not_depend_on_who_is_called_you(base, theirs, yours):
    one, other = merge(base, theirs, yours), merge(base, yours, theirs)
    assert one.clean == other.clean
    if one.clean:
        assert one.text == other.text


@given(texts(), texts(), texts())
def test_every_line_somebody_added_is_still_there(base, theirs, yours):
    old = set(base.split("\n"))
    kept = {line.strip() for line in merge(base, theirs, yours).text.split("\n")}
    for side in (theirs, yours):
        assert {line.strip() for line in set(side.split("\n")) - old if line.strip()} <= kept


@given(texts(), texts(), texts())
def test_an_overlap_shows_both_versions_and_they_lie_in_order(base, theirs, yours):
    merged = merge(base, theirs, yours)
    assert merged.clean == (not merged.overlaps)
    at = 0
    for overlap in merged.overlaps:
        assert at <= overlap.start <= overlap.middle <= overlap.end <= len(merged.text)
        assert merged.text[overlap.start : overlap.middle].strip() in theirs
        assert merged.text[overlap.middle : overlap.end].strip() in yours
        at = overlap.end


@given(st.lists(lines, max_size=8), st.lists(lines, max_size=8))
def test_changes_turn_one_list_into_the_other(base, side):
    rebuilt, at = [], 0
    for change in changes(base, side):
        rebuilt += base[at : change.start] + side[change.side_start : change.side_end]
        at = change.end
    assert rebuilt + base[at:] == side


BASE = "Monday rain.\n\nTuesday sun.\n\nWednesday wind."


@pytest.mark.parametrize(
    ("theirs", "yours", "expected"),
    [
        (  # neighbouring paragraphs, one each
            BASE.replace("rain", "snow"),
            BASE.replace("sun", "fog"),
            "Monday snow.\n\nTuesday fog.\n\nWednesday wind.",
        ),
        (  # one adds at the front, the other at the end
            "Sunday.\n\n" + BASE,
            BASE + "\n\nThursday.",
            "Sunday.\n\n" + BASE + "\n\nThursday.",
        ),
        (  # one removes the last paragraph, the other adds behind it
            BASE.replace("\n\nWednesday wind.", ""),
            BASE + "\n\nThursday.",
            "Monday rain.\n\nTuesday sun.\n\nThursday.",
        ),
        (  # the last paragraph edited, another one behind it: the gap comes from nowhere
            BASE.replace("wind", "storm"),
            BASE + "\n\nThursday.",
            "Monday rain.\n\nTuesday sun.\n\nWednesday storm.\n\nThursday.",
        ),
        (  # the same addition twice
            BASE + "\n\nThursday.",
            "Sunday.\n\n" + BASE + "\n\nThursday.",
            "Sunday.\n\n" + BASE + "\n\nThursday.",
        ),
        (  # white space only against words
            BASE.replace("\n\n", "\n\n\n") + "\n",
            BASE.replace("sun", "fog"),
            "Monday rain.\n\n\nTuesday fog.\n\nWednesday wind.\n",
        ),
    ],
)
def test_edits_in_different_places_meet(theirs, yours, expected):
    assert merge(BASE, theirs, yours) == Merged(expected, clean=True)
    assert merge(BASE, yours, theirs) == Merged(expected, clean=True)


def test_two_lines_of_one_list_can_change_at_once():
    base = "Buy\n- milk\n- bread\n- tea"
    merged = merge(base, base.replace("milk", "oat milk"), base.replace("tea", "coffee"))
    assert merged == Merged("Buy\n- oat milk\n- bread\n- coffee", clean=True)


def test_the_same_words_changed_differently_are_both_kept():
    merged = merge(BASE, BASE.replace("sun", "fog"), BASE.replace("sun", "hail"))
    assert not merged.clean
    assert merged.text == "Monday rain.\n\nTuesday fog.\n\nTuesday hail.\n\nWednesday wind."
    (overlap,) = merged.overlaps
    assert merged.text[overlap.start : overlap.middle] == "Tuesday fog.\n\n"
    assert merged.text[overlap.middle : overlap.end] == "Tuesday hail.\n\n"


def test_two_additions_at_one_place_are_for_the_person_to_order():
    merged = merge(BASE, BASE + "\n\nCall Ana.", BASE + "\n\nCall Rui.")
    assert not merged.clean
    assert merged.text == BASE + "\n\nCall Ana.\n\nCall Rui."


def test_removed_on_one_side_and_rewritten_on_the_other_is_a_conflict():
    merged = merge(BASE, BASE.replace("Tuesday sun.\n\n", ""), BASE.replace("sun", "fog"))
    assert not merged.clean
    assert "Tuesday fog." in merged.text


def _novel(words: int, random: Random) -> list[str]:
    return [
        " ".join(f"w{random.randrange(5000)}" for _ in range(random.randrange(20, 90)))
        for _ in range(words // 55)
    ]


def test_20_000_words_merge_within_a_request():
    random = Random(1)
    base = _novel(20_000, random)
    theirs, yours = list(base), list(base)
    for i in range(0, len(base), 7):
        theirs[i] += " and more"
        yours[(i + 3) % len(base)] = "rewritten " + yours[(i + 3) % len(base)]
    texts = ["\n\n".join(each) for each in (base, theirs, yours)]
    started = time.perf_counter()
    merged = merge(*texts)
    assert time.perf_counter() - started < 0.25
    assert merged.clean
    assert merged.text.count("and more") == merged.text.count("rewritten") == -(-len(base) // 7)


@pytest.mark.parametrize(
    ("unit", "between"),
    [("a", "\n\n"), ("a", "\n"), ("a\nb", "\n")],
)
def test_a_text_that_repeats_itself_does_not_hold_up_the_request(unit, between):
    count = 30_000
    base = between.join([unit] * count)
    theirs = between.join(["x"] + [unit, "q"] * (count // 3) + ["y"])
    yours = between.join(["z"] + [unit] * (count // 2) + ["w", unit])
    started = time.perf_counter()
    merged = merge(base, theirs, yours)
    assert time.perf_counter() - started < 3
    assert not merged.clean


def test_many_small_unrelated_edits_in_one_list_stay_fast():
    base = [f"line {i}" for i in range(10_000)]
    theirs = [f"{line}!" if i % 4 == 0 else line for i, line in enumerate(base)]
    yours = [f"{line}?" if i % 4 == 2 else line for i, line in enumerate(base)]
    started = time.perf_counter()
    merged = merge("\n".join(base), "\n".join(theirs), "\n".join(yours))
    assert time.perf_counter() - started < 2
    assert merged.clean
    assert merged.text.count("!") == merged.text.count("?") == 2500
