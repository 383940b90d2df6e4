import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import entry
from writeorperish.refs import new_id

NODES = "/api/v1/journal/nodes/"


def thread(client, node, **query):
    return client.get(f"{NODES}{node.pk}/thread/", query)


def chain(owner, length: int, **values) -> list:
    nodes = [entry(owner, "row 0", **values)]
    for number in range(1, length):
        nodes.append(entry(owner, f"row {number}", parent=nodes[-1]))
    return nodes


def test_a_thread_is_the_entry_with_what_is_above_and_below(api, alice):
    nodes = chain(alice, 5)
    page = thread(api(alice), nodes[2]).json()
    assert set(page) == {"ancestors", "more_above", "node", "descendants", "next"}
    assert [each["text"] for each in page["ancestors"]] == ["row 0", "row 1"]
    assert page["node"]["text"] == "row 2"
    assert [(each["text"], each["level"]) for each in page["descendants"]] == [
        ("row 3", 1),
        ("row 4", 2),
    ]
    assert (page["more_above"], page["next"]) == (0, None)
    assert set(page["descendants"][0]) == set(page["node"]) | {"level"}
    assert [set(each) for each in page["ancestors"]] == [set(page["node"]) | {"level"}] * 2
    assert {each["ai_usage"] for each in (*page["ancestors"], *page["descendants"])} == {"none"}


def test_a_long_thread_comes_page_by_page_without_gap_or_repeat(api, alice):
    nodes = chain(alice, 8)
    texts: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = thread(api(alice), nodes[0], limit=3, **after).json()
        texts += [each["text"] for each in page["descendants"]]
        after = {"after": page["next"]}
    assert texts == [f"row {number}" for number in range(1, 8)]
    assert page["next"] is None


def test_only_the_nearest_of_many_above_are_shown_and_the_rest_counted(api, alice):
    page = thread(api(alice), chain(alice, 25)[-1]).json()
    assert (len(page["ancestors"]), page["more_above"]) == (20, 4)


def test_a_deleted_entry_leaves_a_place_for_those_who_saw_it(api, alice, bob, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    his = entry(bob, "bob's words", parent=root, privacy_level="circles")
    hers = entry(alice, "below", parent=his, privacy_level="circles")
    api(bob).delete(f"{NODES}{his.pk}/")
    place, below = thread(api(alice), root).json()["descendants"]
    assert set(place) == {"id", "tombstone", "handle", "author", "written_at", "deleted_at"}
    assert (place["id"], place["handle"], place["tombstone"]) == (str(his.pk), "bob", True)
    assert below["id"] == str(hers.pk)
    assert "bob's words" not in str(place)


def test_what_is_not_open_to_this_person_is_a_place_without_a_name(api, alice, bob, charlie, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    private = entry(alice, "private reply", parent=root)
    below = entry(alice, "still private", parent=private)
    api(alice).delete(f"{NODES}{entry(alice, 'gone', parent=root, privacy_level='circles').pk}/")
    page = thread(api(bob), root)
    assert page.json()["descendants"] == []
    assert page.json()["node"]["children"] == 0
    assert api(bob).get(f"{NODES}{root.pk}/").json()["children"] == 0
    assert api(alice).get(f"{NODES}{root.pk}/").json()["children"] == 1
    assert str(private.pk) not in page.content.decode()
    assert thread(api(bob), below).status_code == 404
    assert thread(api(charlie), root).status_code == 404


def test_an_ancestor_taken_back_is_unavailable_to_others(api, alice, bob, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    his = entry(bob, "bob's words", parent=root, privacy_level="circles")
    api(alice).put(f"{NODES}{root.pk}/audience/", {"privacy_level": "private"})
    page = thread(api(bob), his)
    assert page.json()["ancestors"] == [{"unavailable": True}]
    assert str(root.pk) not in str(page.json()["ancestors"])


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("after=here", "cursor_invalid"),
        ("limit=x", "limit_invalid"),
        ("before=1", "unknown_filter"),
    ],
)
def test_a_query_nobody_understands_is_refused(api, alice, query, refusal):
    answer = api(alice).get(f"{NODES}{entry(alice).pk}/thread/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, refusal)


def test_a_place_that_is_not_below_begins_at_the_beginning(api, alice):
    nodes = chain(alice, 3)
    page = thread(api(alice), nodes[0], after=str(new_id())).json()
    assert [each["text"] for each in page["descendants"]] == ["row 1", "row 2"]


def test_a_longer_page_asks_no_more_queries(api, alice):
    nodes = chain(alice, 20)
    client = api(alice)
    counts = []
    for limit in (3, 19):
        with CaptureQueriesContext(connection) as asked:
            assert len(thread(client, nodes[0], limit=limit).json()["descendants"]) == limit
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12
