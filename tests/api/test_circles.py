import pytest

from tests.factories import befriend, entry
from writeorperish.privacy.models import Membership
from writeorperish.refs import new_id

ME = "/api/v1/me/"
CIRCLES = f"{ME}circles/"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(new_id())}


def invite(client, circle, person: str, **more):
    return client.post(f"{CIRCLES}{circle}/invitations/", {"person": person} | more, headers=key())


def make(client, **more) -> dict:
    return client.post(CIRCLES, {"name": "Friends", "kind": "friends"} | more).json()


# --- making and naming


def test_a_circle_is_made_once_under_the_clients_id(api, alice):
    sent = {"id": str(new_id()), "name": "Family", "kind": "family"}
    first, again = api(alice).post(CIRCLES, sent), api(alice).post(CIRCLES, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "name", "kind", "version", "people", "created_at"}
    assert first.headers["Location"] == f"{CIRCLES}{sent['id']}/"
    assert code(api(alice).post(CIRCLES, sent | {"name": "x"})) == (409, "already_saved")


def test_the_id_of_somebody_elses_circle_is_taken(api, charlie, cast):
    sent = {"id": str(cast.circle.pk), "name": "x"}
    assert code(api(charlie).post(CIRCLES, sent)) == (409, "id_taken")


def test_a_circle_is_changed_by_naming_its_version(api, alice):
    address = f"{CIRCLES}{make(api(alice))['id']}/"
    assert code(api(alice).patch(address, {"name": "x"})) == (428, "if_match_needed")
    tag = api(alice).get(address).headers["ETag"]
    changed = api(alice).patch(address, {"name": "Close friends"}, headers={"If-Match": tag})
    assert (changed.json()["name"], changed.json()["kind"]) == ("Close friends", "friends")
    assert changed.headers["ETag"] == '"2"'
    stale = api(alice).patch(address, {"name": "y"}, headers={"If-Match": tag})
    assert code(stale) == (409, "version_changed")
    assert (stale.json()["yours"], stale.json()["theirs"]) == (1, 2)


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({}, (422, "invalid")),
        ({"name": "  "}, (422, "invalid")),
        ({"name": "x" * 81}, (422, "invalid")),
        ({"name": "x", "kind": "enemies"}, (422, "invalid")),
        ({"name": "x", "people": ["bob"]}, (400, "unknown_field")),
        ({"name": "x", "id": "1"}, (422, "invalid")),
        ({"name": "\u202ex\u0007"}, (400, "bad_text")),
    ],
)
def test_a_refused_circle_is_not_made(api, charlie, sent, refusal):
    assert code(api(charlie).post(CIRCLES, sent)) == refusal
    assert api(charlie).get(CIRCLES).json()["results"] == []


def test_only_its_owner_sees_a_circle(api, alice, bob, cast):
    address = f"{CIRCLES}{cast.circle.pk}/"
    whole = api(alice).get(address).json()
    assert [each["person"]["handle"] for each in whole["members"]] == ["bob"]
    assert set(whole["members"][0]) == {"person", "state", "since", "sees_from"}
    assert set(whole["members"][0]["person"]) == {"uid", "handle", "name"}
    assert (whole["people"], whole["invitations"]) == (1, [])
    for answer in (api(bob).get(address), api(bob).delete(address)):
        assert code(answer) == (404, "not_found")
    assert api(bob).get(CIRCLES).json()["results"] == []


def test_a_circle_answers_in_the_fields_asked_for(api, alice, cast):
    address = f"{CIRCLES}{cast.circle.pk}/"
    assert set(api(alice).get(f"{address}?fields=id,members").json()) == {"id", "members"}
    assert code(api(alice).get(f"{address}?fields=owner")) == (400, "unknown_field")
    [row] = api(alice).get(f"{CIRCLES}?fields=kind").json()["results"]
    assert row == {"kind": "other"}


def test_an_ended_circle_takes_its_sight_along(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    assert api(alice).delete(f"{CIRCLES}{cast.circle.pk}/").status_code == 204
    assert api(bob).get(f"/api/v1/journal/nodes/{node.pk}/").status_code == 404
    assert api(alice).get(f"/api/v1/journal/nodes/{node.pk}/").status_code == 200


# --- invitations, as two people


def test_an_invitation_opens_nothing_until_it_is_accepted(api, alice, charlie):
    circle = make(api(alice))["id"]
    sent = invite(api(alice), circle, "@Charlie")
    assert sent.status_code == 201
    assert (sent.json()["state"], sent.json()["person"]["handle"]) == ("invited", "charlie")
    words = {"text": "for friends", "privacy_level": "circles", "audience": {"circles": [circle]}}
    before = api(alice).post("/api/v1/journal/nodes/", words).json()["id"]
    assert api(charlie).get(f"/api/v1/journal/nodes/{before}/").status_code == 404

    [asked] = api(charlie).get(f"{ME}invitations/").json()["results"]
    assert set(asked) == {"id", "from", "sent_at", "expires_at"}
    assert asked["from"]["handle"] == "alice"
    accepted = api(charlie).post(f"{ME}invitations/{asked['id']}/acceptance/")
    assert (accepted.status_code, accepted.json()) == (200, {"state": "active"})

    after = api(alice).post("/api/v1/journal/nodes/", words).json()["id"]
    assert api(charlie).get(f"/api/v1/journal/nodes/{after}/").status_code == 200
    assert api(charlie).get(f"/api/v1/journal/nodes/{before}/").status_code == 404
    [membership] = api(charlie).get(f"{ME}memberships/").json()["results"]
    assert set(membership) == {"id", "owner", "since"}
    assert api(charlie).get(f"{ME}invitations/").json()["results"] == []

    assert api(charlie).delete(f"{ME}memberships/{membership['id']}/").status_code == 204
    assert api(charlie).get(f"/api/v1/journal/nodes/{after}/").status_code == 404
    assert api(alice).get(f"{CIRCLES}{circle}/").json()["members"] == []


def test_earlier_entries_open_only_by_a_counted_choice(api, alice, charlie):
    circle = befriend(alice)
    node = entry(alice, circles=(circle,))
    refused = invite(api(alice), circle.pk, "charlie", sees_earlier=True, expect_entries=7)
    assert code(refused) == (409, "audience_changed")
    assert refused.json()["entries"] == 1
    invited = invite(api(alice), circle.pk, "charlie", sees_earlier=True, expect_entries=1)
    api(charlie).post(f"{ME}invitations/{invited.json()['id']}/acceptance/")
    assert api(charlie).get(f"/api/v1/journal/nodes/{node.pk}/").status_code == 200


def test_an_invitation_needs_a_key_and_is_sent_once(api, alice, charlie):
    address = f"{CIRCLES}{make(api(alice))['id']}/invitations/"
    sent = {"person": "charlie"}
    assert code(api(alice).post(address, sent)) == (428, "idempotency_key_needed")
    malformed = api(alice).post(address, sent, headers={"Idempotency-Key": "1"})
    assert code(malformed) == (400, "idempotency_key_invalid")
    headers = key()
    first, again = (api(alice).post(address, sent, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert Membership.objects.filter(member=charlie.pk).count() == 1
    other = api(alice).post(address, {"person": "bob"}, headers=headers)
    assert code(other) == (422, "key_reused")
    assert code(api(alice).post(address, sent, headers=key())) == (409, "already_member")


@pytest.mark.parametrize("person", ["alice", "mallory", "nobody-here", "moderator\u0661"])
def test_oneself_the_blocked_and_the_unknown_are_missing_alike(api, alice, person):
    answer = invite(api(alice), make(api(alice))["id"], person)
    assert code(answer) == (404, "not_found")
    assert set(answer.json()) == {"type", "title", "status", "code"}


def test_an_invitation_is_declined_or_taken_back(api, alice, charlie):
    circle = make(api(alice))["id"]
    first = invite(api(alice), circle, "charlie").json()["id"]
    declined = api(charlie).post(f"{ME}invitations/{first}/declination/")
    assert declined.json() == {"state": "declined"}
    second = invite(api(alice), circle, "charlie").json()["id"]
    address = f"{CIRCLES}{circle}/invitations/{second}/"
    assert code(api(charlie).delete(address)) == (404, "not_found")
    assert api(alice).delete(address).status_code == 204
    gone = api(charlie).post(f"{ME}invitations/{second}/acceptance/")
    assert code(gone) == (404, "not_found")


def test_an_answer_sent_twice_under_one_key_is_the_same_answer(api, alice, charlie):
    ident = invite(api(alice), make(api(alice))["id"], "charlie").json()["id"]
    headers = key()
    for _ in range(2):
        answer = api(charlie).post(f"{ME}invitations/{ident}/acceptance/", headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"state": "active"})
    assert code(api(charlie).post(f"{ME}invitations/{ident}/acceptance/")) == (404, "not_found")


def test_an_invitation_that_expired_is_gone(api, alice, charlie):
    ident = invite(api(alice), make(api(alice))["id"], "charlie").json()["id"]
    Membership.objects.filter(pk=ident).update(expires_at="2020-01-01T00:00:00Z")
    assert code(api(charlie).post(f"{ME}invitations/{ident}/acceptance/")) == (410, "gone")
    assert api(charlie).get(f"{ME}invitations/").json()["results"] == []


def test_an_invitation_is_for_one_person_only(api, alice, bob, charlie):
    ident = invite(api(alice), make(api(alice))["id"], "charlie").json()["id"]
    for act in ("acceptance", "declination"):
        answer = api(bob).post(f"{ME}invitations/{ident}/{act}/")
        assert code(answer) == (404, "not_found")


def test_a_block_after_the_invitation_makes_it_missing(api, alice, charlie):
    ident = invite(api(alice), make(api(alice))["id"], "charlie").json()["id"]
    api(alice).post(f"{ME}blocks/", {"person": "charlie"})
    assert api(charlie).get(f"{ME}invitations/").json()["results"] == []
    answer = api(charlie).post(f"{ME}invitations/{ident}/acceptance/")
    assert code(answer) == (404, "not_found")


def test_a_removed_member_sees_nothing_from_that_moment(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    member = f"{CIRCLES}{cast.circle.pk}/members/{bob.pk}/"
    assert code(api(bob).delete(member)) == (404, "not_found")
    assert api(alice).delete(member).status_code == 204
    assert api(bob).get(f"/api/v1/journal/nodes/{node.pk}/").status_code == 404
    assert code(api(alice).delete(member)) == (404, "not_found")
