import time
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.threads import NotBelow, Page, Placed, Twig, ancestors_of, page, preorder, subtree_of

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def uid(n: int) -> UUID:
    return UUID(int=n)


def twig(n: int, parent: int | None = None, minute: int | None = None) -> Twig:
    at = NOON + timedelta(minutes=n if minute is None else minute)
    return Twig(uid(n), None if parent is None else uid(parent), at)


def chain(length: int) -> list[Twig]:
    return [twig(n, n - 1 if n else None) for n in range(length)]


#  1
#  ├─ 2
#  │  ├─ 4
#  │  └─ 6
#  └─ 3
#     └─ 5
TREE = [twig(1), twig(2, 1), twig(3, 1), twig(4, 2), twig(5, 3), twig(6, 2)]

parents = st.lists(st.integers(0, 30), max_size=40)


def tree(drawn: list[int]) -> list[Twig]:
    return [twig(0)] + [twig(n, min(p, n - 1)) for n, p in enumerate(drawn, start=1)]


def test_replies_follow_what_they_answer():
    assert preorder(TREE, under=uid(1)) == [
        Placed(uid(2), 1),
        Placed(uid(4), 2),
        Placed(uid(6), 2),
        Placed(uid(3), 1),
        Placed(uid(5), 2),
    ]


def test_levels_are_counted_from_the_entry_the_page_is_about():
    assert preorder(TREE, under=uid(2)) == [Placed(uid(4), 1), Placed(uid(6), 1)]
    assert preorder(TREE, under=uid(5)) == []


def test_siblings_stand_by_time_and_then_by_id():
    rows = [twig(1), twig(4, 1, minute=9), twig(3, 1, minute=9), twig(2, 1, minute=30)]
    assert [row.id.int for row in preorder(rows, under=uid(1))] == [3, 4, 2]


@given(parents, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_given_does_not_matter(drawn, random):
    rows = tree(drawn)
    walked = preorder(random.sample(rows, len(rows)), under=uid(0))
    assert walked == preorder(rows, under=uid(0))
    level = {uid(0): 0} | {row.id: row.level for row in walked}
    assert all(level[each.id] == level[each.parent] + 1 for each in rows if each.parent is not None)


@given(parents, st.integers(0, 40))
def test_a_subtree_holds_what_answers_it_however_far_down(drawn, top):
    rows = tree(drawn)
    top = uid(min(top, len(rows) - 1))
    below = {top}
    for each in rows:
        if each.parent in below:
            below.add(each.id)
    found = subtree_of(top, [(each.id, each.parent) for each in rows])
    assert sorted(found) == sorted(below - {top})
    assert {row.id for row in preorder(rows, under=top)} == set(found)


@given(parents, st.integers(1, 7))
def test_pages_one_after_the_other_are_the_whole(drawn, limit):
    rows = preorder(tree(drawn), under=uid(0))
    paged: list[Placed] = []
    after = None
    for _ in range(len(rows) + 1):
        part = page(rows, after=after, limit=limit)
        assert len(part.rows) <= limit
        paged += part.rows
        after = part.next_after
        if after is None:
            break
    assert paged == rows


def test_the_last_full_page_says_that_nothing_follows():
    rows = preorder(TREE, under=uid(1))
    assert page(rows, limit=5) == Page(rows, None)
    assert page(rows, limit=4).next_after == uid(3)
    assert page(rows, after=uid(5)) == Page([], None)
    assert page([]) == Page([], None)


def test_a_page_behind_a_foreign_id_is_named_as_such():
    with pytest.raises(NotBelow):
        page(preorder(TREE, under=uid(2)), after=uid(3))


def test_ancestors_come_topmost_first():
    assert ancestors_of(TREE, uid(6)) == [uid(1), uid(2)]
    assert ancestors_of(TREE, uid(1)) == []
    assert ancestors_of([twig(7, 99), twig(8, 7)], uid(8)) == [uid(7)]


def test_what_does_not_stand_is_kept_only_above_what_does():
    rows = [twig(1), twig(2, 1), twig(3, 2), twig(4, 1), twig(5, 4), twig(6, 3)]
    assert preorder(rows, under=uid(1), keep={uid(1), uid(3)}) == [
        Placed(uid(2), 1),
        Placed(uid(3), 2),
    ]


def test_a_circle_is_refused_instead_of_walked_for_ever():
    with pytest.raises(ValueError, match="circle"):
        ancestors_of([twig(2, 3), twig(3, 2)], uid(2))
    with pytest.raises(ValueError, match="circle"):
        subtree_of(uid(2), [(uid(2), uid(3)), (uid(3), uid(2))])


def test_5_000_deep_and_20_000_rows_take_milliseconds():
    random = Random(3)
    rows = chain(5_000) + [twig(n, random.randrange(n)) for n in range(5_000, 20_000)]
    random.shuffle(rows)
    started = time.perf_counter()
    walked = preorder(rows, under=uid(0), keep={row.id for row in rows})
    assert len(ancestors_of(rows, uid(4_999))) == 4_999
    assert time.perf_counter() - started < 1
    assert len(walked) == 19_999
