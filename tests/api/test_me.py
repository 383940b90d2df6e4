import pytest

from accounts.models import User
from tests.factories import entry

ME = "/api/v1/me/"
WHOLE = {
    *("uid", "email", "handle", "name", "state", "plan", "zone", "language", "appearance"),
    *("default_privacy_level", "default_ai_usage", "public_page", "scopes", "restrictions"),
}


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_oneself_as_the_api_knows_one(api, alice):
    me = api(alice).get(ME).json()
    assert set(me) == WHOLE
    assert (me["handle"], me["state"], me["default_privacy_level"]) == (
        "alice",
        "active",
        "private",
    )
    assert {"journal:read", "journal:write", "act", "security"} <= set(me["scopes"])


def test_only_what_is_named_changes(api, alice):
    before = api(alice).get(ME).json()
    sent = {"name": "Alice \u05d0", "zone": "Asia/Kathmandu", "appearance": {"theme": "dark"}}
    after = api(alice).patch(ME, sent).json()
    assert (after["name"], after["zone"]) == (sent["name"], sent["zone"])
    assert after["appearance"] == before["appearance"] | {"theme": "dark"}
    assert {name for name in WHOLE if before[name] != after[name]} == set(sent)
    assert api(alice).patch(ME, {}).json() == after


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"handle": "bob"}, (422, "handle_taken")),
        ({"handle": "BOB"}, (422, "handle_taken")),
        ({"handle": "settings"}, (422, "handle_reserved")),
        ({"handle": "a b"}, (422, "invalid")),
        ({"handle": "\u0430lice"}, (422, "invalid")),
        ({"zone": "Mars/Olympus"}, (422, "invalid")),
        ({"zone": None}, (422, "invalid")),
        ({"language": "tlh"}, (422, "invalid")),
        ({"default_ai_usage": "all"}, (422, "invalid")),
        ({"name": "x" * 61}, (422, "invalid")),
        ({"name": "a\u0000b"}, (400, "bad_text")),
        ({"appearance": {"theme": "pink"}}, (422, "invalid")),
        ({"appearance": "dark"}, (422, "invalid")),
        ({"state": "leaving"}, (400, "unknown_field")),
        ({"is_staff": True}, (400, "unknown_field")),
        ({"public_page": True}, (422, "public_not_open")),
    ],
)
def test_a_refused_change_changes_nothing(api, alice, bob, sent, refusal):
    before = api(alice).get(ME).json()
    assert code(api(alice).patch(ME, sent)) == refusal
    assert api(alice).get(ME).json() == before


def test_a_page_of_ones_own_stays_closed_until_it_can_open(api, alice):
    assert api(alice).patch(ME, {"public_page": False}).json()["public_page"] is False


# --- consents


def test_a_consent_is_decided_on_the_words_of_today(api, alice):
    consents = f"{ME}consents/"
    row, portrait = api(alice).get(consents).json()["results"]
    assert (row["purpose"], portrait["purpose"]) == ("personalise", "portrait")
    assert set(row) == {"purpose", "granted", "text_version", "text", "needed", "at"}
    assert (row["needed"], row["at"]) == (True, None)
    address = f"{consents}{row['purpose']}/"
    old = {"granted": False, "text_version": "1999-01"}
    assert code(api(alice).put(address, old)) == (409, "text_changed")
    decided = api(alice).put(address, old | {"text_version": row["text_version"]}).json()
    assert (decided["granted"], decided["needed"]) == (False, False)
    assert api(alice).get(consents).json()["results"] == [decided, portrait]
    unknown = {"granted": True, "text_version": row["text_version"]}
    assert code(api(alice).put(f"{consents}telepathy/", unknown)) == (404, "not_found")


# --- activity


def test_ones_activity_tells_who_read_what(api, alice, bob, cast):
    shared, private = entry(alice, circles=(cast.circle,)), entry(alice)
    api(bob).get(f"/api/v1/journal/nodes/{shared.pk}/")
    rows = api(alice).get(f"{ME}activity/?about=journal.node:{shared.pk}").json()["results"]
    assert [(each["verb"], each["actor"]["label"]) for each in rows] == [
        ("seen", str(bob.pk)),
        ("write", str(alice.pk)),
    ]
    assert set(rows[0]) == {"on", "actor", "verb", "purpose", "about", "sent"}
    assert {each["about"] for each in rows} == {f"journal.node:{shared.pk}"}
    assert str(private.pk) in api(alice).get(f"{ME}activity/").content.decode()
    assert str(private.pk) not in api(bob).get(f"{ME}activity/").content.decode()


def test_activity_is_narrowed_by_day_and_actor(api, alice, time_machine):
    time_machine.move_to("2027-05-01T12:00:00Z")
    entry(alice)
    time_machine.move_to("2027-05-03T12:00:00Z")
    entry(alice)
    client, address = api(alice), f"{ME}activity/"
    whole = client.get(f"{address}?from=2027-05-01&to=2027-05-03").json()["results"]
    later = client.get(f"{address}?from=2027-05-02").json()["results"]
    assert {each["on"] for each in later} == {"2027-05-03"}
    assert 0 < len(later) < len(whole)
    assert client.get(f"{address}?actor=ai").json()["results"] == []


@pytest.mark.parametrize(
    "query", ["about=x", "about=journal.node:1", "actor=mallory", "from=soon", "verb=write"]
)
def test_a_query_nobody_understands_is_refused(api, alice, query):
    assert code(api(alice).get(f"{ME}activity/?{query}")) == (400, "unknown_filter")


# --- blocks


def test_a_block_is_made_once_listed_and_lifted(api, alice, bob, cast):
    blocks = f"{ME}blocks/"
    first, again = (api(alice).post(blocks, {"person": name}) for name in ("charlie", "@Charlie"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert set(first.json()) == {"person", "at"}
    listed = [each["person"]["handle"] for each in api(alice).get(blocks).json()["results"]]
    assert sorted(listed) == ["charlie", "mallory"]
    charlie = User.objects.get(profile__handle="charlie")
    assert code(api(bob).delete(f"{blocks}{charlie.pk}/")) == (404, "not_found")
    assert api(alice).delete(f"{blocks}{charlie.pk}/").status_code == 204
    assert code(api(alice).delete(f"{blocks}{charlie.pk}/")) == (404, "not_found")


@pytest.mark.parametrize(
    ("person", "refusal"),
    [
        ("alice", (422, "yourself")),
        ("nobody-here", (404, "not_found")),
        ("01930000-0000-7000-8000-000000000001", (404, "not_found")),
        ("", (422, "invalid")),
        ("%", (404, "not_found")),
    ],
)
def test_a_block_needs_somebody_else(api, alice, person, refusal):
    assert code(api(alice).post(f"{ME}blocks/", {"person": person})) == refusal


def test_a_block_ends_sight_at_once(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    address = f"/api/v1/journal/nodes/{node.pk}/"
    assert api(bob).get(address).status_code == 200
    api(alice).post(f"{ME}blocks/", {"person": "bob"})
    assert api(bob).get(address).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tokens/",
        "circles/",
        "invitations/",
        "memberships/",
        "blocks/",
        "activity/",
        "consents/",
    ],
)
def test_nobody_is_asked_to_sign_in(anybody, path):
    assert code(anybody.get(f"{ME}{path}")) == (401, "not_authenticated")


def test_somebody_leaving_may_read_and_stop_leaving_but_not_write(api, alice):
    User.objects.filter(pk=alice.pk).update(state="leaving", leaving_at="2026-01-01T00:00:00Z")
    answer = api(alice).post("/api/v1/journal/nodes/", {"text": "words"})
    assert code(answer) == (403, "missing_scope")
    assert answer.json()["why"] == "leaving"
    assert api(alice).get(ME).status_code == 200
