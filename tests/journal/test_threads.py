import time
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.threads import Above, Bone, NotInThread, Placed, Thread

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def uid(n: int) -> UUID:
    return UUID(int=n)


def bone(n: int, parent: int | None = None, minute: int | None = None, stands: bool = True) -> Bone:
    at = NOON + timedelta(minutes=n if minute is None else minute)
    return Bone(uid(n), None if parent is None else uid(parent), at, stands)


def chain(length: int) -> list[Bone]:
    return [bone(n, n - 1 if n else None) for n in range(length)]


#  1
#  ├─ 2
#  │  ├─ 4
#  │  └─ 6
#  └─ 3
#     └─ 5
TREE = [bone(1), bone(2, 1), bone(3, 1), bone(4, 2), bone(5, 3), bone(6, 2)]

parents = st.lists(st.integers(0, 30), max_size=40)


def tree(drawn: list[int]) -> list[Bone]:
    return [bone(0)] + [bone(n, min(p, n - 1)) for n, p in enumerate(drawn, start=1)]


def test_replies_follow_what_they_answer():
    assert Thread(TREE).rows == [
        Placed(uid(1), 0),
        Placed(uid(2), 1),
        Placed(uid(4), 2),
        Placed(uid(6), 2),
        Placed(uid(3), 1),
        Placed(uid(5), 2),
    ]


def test_siblings_stand_by_time_and_then_by_id():
    rows = [bone(1), bone(4, 1, minute=9), bone(3, 1, minute=9), bone(2, 1, minute=30)]
    assert [row.id.int for row in Thread(rows).rows] == [1, 3, 4, 2]


@given(parents, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_given_does_not_matter(drawn, random):
    rows = tree(drawn)
    thread = Thread(random.sample(rows, len(rows)))
    assert thread.rows == Thread(rows).rows
    level = {row.id: row.level for row in thread.rows}
    assert all(level[each.id] == level[each.parent] + 1 for each in rows if each.parent is not None)


@given(parents, st.integers(1, 7), st.integers(0, 40))
def test_pages_one_after_the_other_are_the_whole_subtree(drawn, limit, top):
    rows = tree(drawn)
    thread = Thread(rows)
    top = uid(min(top, len(rows) - 1))
    paged, after = [], None
    for _ in rows:
        page = thread.below(top, after=after, limit=limit)
        assert len(page.rows) <= limit
        paged += page.rows
        after = page.next
        if after is None:
            break
    assert paged == thread.below(top, limit=1000).rows
    below = {top}
    for each in rows:
        if each.parent in below:
            below.add(each.id)
    assert {row.id for row in paged} == below - {top}


def test_levels_of_a_page_are_counted_from_its_entry():
    assert Thread(TREE).below(uid(2)).rows == [Placed(uid(4), 1), Placed(uid(6), 1)]


def test_the_last_full_page_says_that_nothing_follows():
    thread = Thread(TREE)
    assert thread.below(uid(1), limit=5).next is None
    assert thread.below(uid(1), limit=4).next == uid(3)
    assert thread.below(uid(1), after=uid(5)).rows == []
    assert thread.below(uid(5)).rows == []


@pytest.mark.parametrize(("top", "after"), [(9, None), (2, 9), (2, 3), (2, 1), (2, 2)])
def test_a_place_outside_the_subtree_is_named_as_such(top, after):
    with pytest.raises(NotInThread):
        Thread(TREE).below(uid(top), after=after and uid(after))


def test_the_nearest_ancestors_come_topmost_first_with_the_rest_counted():
    thread = Thread(chain(30))
    assert thread.above(uid(29), limit=3) == Above([uid(26), uid(27), uid(28)], 26)
    assert thread.above(uid(2)) == Above([uid(0), uid(1)], 0)
    assert thread.above(uid(0)) == Above([], 0)


def test_what_does_not_stand_is_kept_only_above_what_does():
    rows = [bone(1), bone(2, 1, stands=False), bone(3, 2), bone(4, 1, stands=False)]
    rows += [bone(5, 4, stands=False), bone(6, 3, stands=False)]
    assert Thread(rows).rows == [Placed(uid(1), 0), Placed(uid(2), 1), Placed(uid(3), 2)]


def test_a_row_without_its_parent_begins_its_own_tree():
    thread = Thread([bone(7, 99), bone(1), bone(8, 7)])
    assert thread.rows == [Placed(uid(1), 0), Placed(uid(7), 0), Placed(uid(8), 1)]
    assert thread.above(uid(8)) == Above([uid(7)], 0)


def test_a_circle_or_a_double_is_refused():
    with pytest.raises(ValueError, match="circle"):
        Thread([bone(1), bone(2, 3), bone(3, 2)])
    with pytest.raises(ValueError, match="twice"):
        Thread([bone(1), bone(1)])


def test_5_000_deep_and_20_000_rows_are_nothing_special():
    random = Random(3)
    rows = chain(5_000) + [bone(n, random.randrange(n)) for n in range(5_000, 20_000)]
    random.shuffle(rows)
    started = time.perf_counter()
    thread = Thread(rows)
    # Quadratic work would take minutes; a busy machine takes a second.
    assert time.perf_counter() - started < 15
    assert len(thread) == 20_000
    started = time.perf_counter()
    assert thread.above(uid(4_999)).more == 4_979
    assert len(thread.below(uid(0), after=uid(4_000)).rows) == 50
    assert time.perf_counter() - started < 0.05
