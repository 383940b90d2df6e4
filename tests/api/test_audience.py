import pytest

from journal.models.nodes import Node
from tests.factories import befriend, entry, person, public

NODES = "/api/v1/journal/nodes/"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def at(node) -> str:
    return f"{NODES}{node.pk}/audience/"


def to_circle(circle, **more):
    return {"privacy_level": "circles", "circles": [str(circle.pk)]} | more


def test_widening_names_the_people_it_was_shown(api, alice, bob, cast):
    node = entry(alice)
    for shown in ({}, {"expect_people": 2}):
        answer = api(alice).put(at(node), to_circle(cast.circle, **shown))
        assert code(answer) == (409, "audience_changed")
        assert answer.json()["people"] == 1
    assert api(bob).get(f"{NODES}{node.pk}/").status_code == 404
    answer = api(alice).put(at(node), to_circle(cast.circle, expect_people=1))
    assert answer.json() == {
        "privacy_level": "circles",
        "circles": [str(cast.circle.pk)],
        "people": [],
        "head_count": 1,
    }
    assert api(alice).get(at(node)).json() == answer.json()
    assert api(bob).get(f"{NODES}{node.pk}/").status_code == 200


def test_somebody_who_joined_meanwhile_is_counted(api, alice, charlie, cast):
    node, circle = entry(alice), befriend(alice, charlie, person("dora"))
    assert code(api(alice).put(at(node), to_circle(circle, expect_people=1))) == (
        *(409,),
        "audience_changed",
    )
    assert api(alice).put(at(node), to_circle(circle, expect_people=2)).json()["head_count"] == 2


def test_narrowing_needs_no_count_and_takes_ones_own_replies_along(api, alice, bob, cast):
    root = entry(alice, circles=(cast.circle,))
    below = entry(alice, "below", parent=root, privacy_level="circles")
    answer = api(alice).put(at(root), {"privacy_level": "private"})
    assert (answer.status_code, answer.json()["head_count"]) == (200, 0)
    for node in (root, below):
        assert api(bob).get(f"{NODES}{node.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"privacy_level": "public"}, (422, "public_not_open")),
        ({"privacy_level": "Circles"}, (422, "unknown_level")),
        ({"privacy_level": "circles"}, (422, "audience_empty")),
        ({"privacy_level": "circles", "people": ["nobody-of-this-name"]}, (404, "not_found")),
        ({"privacy_level": "circles", "people": ["mallory"]}, (404, "not_found")),
        ({"privacy_level": "circles", "circles": ["x"]}, (422, "invalid")),
        ({"circles": []}, (422, "invalid")),
        ({"privacy_level": "private", "expect": 1}, (400, "unknown_field")),
    ],
)
def test_a_refused_audience_changes_nothing(api, alice, sent, refusal):
    node = entry(alice)
    assert code(api(alice).put(at(node), sent)) == refusal
    assert Node.objects.get(pk=node.pk).privacy_level == "private"


def test_a_circle_of_somebody_else_is_missing(api, charlie, cast):
    node = entry(charlie)
    answer = api(charlie).put(at(node), to_circle(cast.circle, expect_people=1))
    assert code(answer) == (404, "not_found")


def test_the_audience_is_told_to_the_owner_only(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    assert code(api(bob).get(at(node))) == (404, "not_found")
    assert code(api(bob).put(at(node), {"privacy_level": "private"})) == (404, "not_found")


def test_a_reply_stays_as_narrow_as_its_parent(api, alice, cast):
    reply = entry(alice, "reply", parent=entry(alice))
    answer = api(alice).put(at(reply), to_circle(cast.circle, expect_people=1))
    assert code(answer) == (422, "audience_wider_than_parent")


@pytest.mark.parametrize("level", ["private", "circles"])
def test_a_public_reply_is_not_narrowed(api, alice, charlie, cast, level):
    root = entry(alice)
    reply = public(entry(alice, "in public", parent=root))
    public(root)
    sent = {"privacy_level": level, "circles": [str(cast.circle.pk)] if level == "circles" else []}
    answer = api(alice).put(at(reply), sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "public_reply_required")
    reply.refresh_from_db()
    assert reply.privacy_level == "public"
