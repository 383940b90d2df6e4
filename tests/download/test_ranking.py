import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from download.models.packing import BLOCK, pack, pack_lengths
from download.ranking import Asked, Leg, fuse, score
from tests.examples import examples

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def packed_lengths(lengths):
    blocks = {number // BLOCK for number in lengths}
    return {
        block: pack_lengths(
            {n % BLOCK: words for n, words in lengths.items() if n // BLOCK == block}
        )
        for block in blocks
    }


def plain_bm25(texts, tokens):
    """BM25 as the textbook has it, over lists of words by number."""
    average = sum(map(len, texts.values())) / len(texts)
    result = {}
    for number, words in texts.items():
        total = 0.0
        for token in tokens:
            df = sum(token in other for other in texts.values())
            tf = min(words.count(token), 15)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            total += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(words) / average))
        if total:
            result[number] = total
    return result


def asked(texts, tokens):
    by_token = [
        {n: words.count(token) for n, words in texts.items() if token in words} for token in tokens
    ]
    return [Asked(pack(counts)) for counts in by_token]


LIBRARY = st.dictionaries(
    st.integers(0, 2 * BLOCK - 1),
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
    min_size=1,
    max_size=30,
)


@settings(max_examples=examples(150))
@given(LIBRARY, st.lists(st.sampled_from("abcdefxyz"), unique=True, max_size=6))
def test_packed_scores_equal_the_textbook(texts, tokens):
    lengths = packed_lengths({number: len(words) for number, words in texts.items()})
    numbers, scores = score(asked(texts, tokens), lengths)
    expected = plain_bm25(texts, tokens)
    assert dict(zip(numbers.tolist(), scores.tolist(), strict=True)) == pytest.approx(
        expected, abs=1e-6
    )
    assert list(scores) == sorted(scores, reverse=True)


@settings(max_examples=examples(100))
@given(LIBRARY, st.sets(st.integers(0, 2 * BLOCK - 1), max_size=10))
def test_a_chunk_that_is_no_more_counts_for_nothing(texts, extra):
    dead = set(list(texts)[1:3])
    living = {number: words for number, words in texts.items() if number not in dead}
    lengths = packed_lengths({n: 0 if n in dead else len(words) for n, words in texts.items()})
    numbers, scores = score(asked(texts, ["a", "b"]), lengths)
    assert dict(zip(numbers.tolist(), scores.tolist(), strict=True)) == pytest.approx(
        plain_bm25(living, ["a", "b"])
    )


def test_narrowing_changes_no_score():
    texts = {1: ["a"], 2: ["a", "b"], 5000: ["a", "c"]}
    lengths = packed_lengths({number: len(words) for number, words in texts.items()})
    numbers, scores = score(asked(texts, ["a"]), lengths)
    narrowed, narrowed_scores = score(asked(texts, ["a"]), lengths, among=np.array([5000, 7]))
    assert narrowed.tolist() == [5000]
    assert narrowed_scores[0] == scores[numbers.tolist().index(5000)]


def test_equal_scores_show_the_newest_first():
    texts = {number: ["a"] for number in (3, 9, 4)}
    numbers, _ = score(asked(texts, ["a"]), packed_lengths(dict.fromkeys(texts, 1)))
    assert numbers.tolist() == [9, 4, 3]


def test_a_token_of_nearly_every_chunk_is_passed_over_among_many():
    lengths = packed_lengths(dict.fromkeys(range(600), 10))
    common, rare = Asked(pack(dict.fromkeys(range(600), 1))), Asked(pack({7: 1}))
    assert score([common, rare], lengths)[0].tolist() == [7]
    assert len(score([common], lengths)[0]) == 600


def test_a_lighter_token_counts_less():
    texts = {1: ["a"], 2: ["b"]}
    lengths = packed_lengths({1: 1, 2: 1})
    a, b = asked(texts, ["a", "b"])
    assert score([Asked(a.blocks, 0.5), b], lengths)[0].tolist() == [2, 1]


def test_nothing_asked_or_nothing_there_finds_nothing():
    assert score([], packed_lengths({1: 3}))[0].tolist() == []
    assert score([Asked(pack({1: 1}))], {})[0].tolist() == []
    assert score([Asked({})], packed_lengths({1: 3}))[0].tolist() == []


def test_what_both_legs_find_comes_first():
    fused = fuse([Leg(["a", "b"]), Leg(["c", "b"], 0.8)], at=lambda _: DAY)
    assert fused[0] == ("b", pytest.approx(1 / 62 + 0.8 / 62))
    assert [key for key, _ in fused[1:]] == ["a", "c"]


def test_ties_go_to_the_newer_then_to_the_name():
    newer = {"x": DAY, "y": DAY + timedelta(days=1), "a": DAY}
    fused = fuse([Leg(["x"]), Leg(["y"]), Leg(["a"])], at=newer.__getitem__)
    assert [key for key, _ in fused] == ["y", "a", "x"]


@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=3))
def test_the_order_of_the_legs_does_not_matter(lists):
    legs = [Leg(ranked) for ranked in lists]
    one = fuse(legs, at=lambda _: DAY)
    other = fuse(legs[::-1], at=lambda _: DAY)
    assert {key: round(value, 12) for key, value in one} == {
        key: round(value, 12) for key, value in other
    }
