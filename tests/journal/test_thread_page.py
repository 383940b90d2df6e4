import pytest

from journal.actions import threads
from journal.actions.threads import thread_page
from journal.actions.trash import trash_node
from tests.factories import entry

pytestmark = pytest.mark.django_db


def test_a_thread_shows_what_is_above_and_below(alice):
    root = entry(alice, "root")
    middle = entry(alice, "middle", parent=root)
    leaves = [entry(alice, f"leaf {n}", parent=middle) for n in range(3)]
    page = thread_page(alice, middle, limit=2)
    assert [place.node for place in page.ancestors] == [root]
    assert [place.node for place in page.below] == leaves[:2]
    following = thread_page(alice, middle, after=page.next_after, limit=2)
    assert [place.node for place in following.below] == leaves[2:]
    assert following.next_after is None


def test_a_deleted_entry_leaves_its_place_to_those_who_could_see_it(alice, bob, charlie, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    middle = entry(alice, "middle", parent=root, privacy_level="circles")
    leaf = entry(bob, "leaf", parent=middle, privacy_level="circles")
    trash_node(alice, middle)
    below = thread_page(bob, root).below
    assert [(place.tombstone, place.level) for place in below] == [(True, 1), (False, 2)]
    assert below[1].node == leaf


def test_what_is_not_open_to_a_reader_is_a_place_without_a_name(alice, bob, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    private = entry(alice, "only alice", parent=root, privacy_level="private")
    entry(alice, "below", parent=private, privacy_level="private")
    assert thread_page(bob, root).below == []


def test_an_entry_beyond_the_skeleton_stands_with_its_own_replies(alice, monkeypatch):
    root = entry(alice, "root")
    last = root
    for _ in range(4):
        last = entry(alice, "deeper", parent=last)
    reply = entry(alice, "reply", parent=last)
    monkeypatch.setattr(threads, "SKELETON_ROWS", 3)
    page = thread_page(alice, last)
    assert [place.node for place in page.below] == [reply]
    assert page.more_above == 4


def test_a_longer_thread_costs_no_further_query(alice, django_assert_num_queries):
    root = entry(alice, "root")
    for n in range(5):
        entry(alice, f"leaf {n}", parent=root)
    with django_assert_num_queries(3):
        thread_page(alice, root)
    for n in range(20):
        entry(alice, f"more {n}", parent=root)
    with django_assert_num_queries(3):
        thread_page(alice, root)
