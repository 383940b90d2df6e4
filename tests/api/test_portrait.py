import pytest

from tests.factories import entry
from tests.journal.test_portraits import agree, words_about, written

pytestmark = pytest.mark.django_db(transaction=True)
PORTRAIT = "/api/v1/journal/portrait/"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_it_is_asked_for_followed_read_and_changed(api, alice, drain):
    client = api(alice)
    none = client.get(PORTRAIT)
    assert (none.json()["rev"], none.json()["state"], none.headers["ETag"]) == (0, None, '"0"')
    assert none.json()["needs"] == {"entries": 10, "words": 2000}
    refused = client.post(f"{PORTRAIT}regeneration/")
    assert (code(refused), refused.json()["why"]) == ((409, "not_allowed"), "no_consent")
    agree(alice)
    refused = client.post(f"{PORTRAIT}regeneration/")
    assert (code(refused), refused.json()["why"]) == ((409, "not_allowed"), "too_little")

    nodes = written(alice)
    begun = client.post(f"{PORTRAIT}regeneration/")
    assert begun.status_code == 202
    assert client.post(f"{PORTRAIT}regeneration/").json() == begun.json()
    drain()
    job = client.get(begun.headers["Location"]).json()
    assert (job["state"], job["kind"], job["offline"]) == ("done", "journal.portrait", True)

    shown = client.get(PORTRAIT)
    body = shown.json()
    assert (body["rev"], body["made_by"], body["entries"]) == (1, "offline", 10)
    texts = {f"journal.node:{node.pk}": node.body for node in nodes}
    for sentence in body["sentences"]:
        (rests,) = sentence["evidence"]
        assert texts[rests["ref"]][rests["start"] : rests["end"]] == sentence["text"]

    assert code(client.patch(PORTRAIT, {"body": "I keep bees."})) == (428, "if_match_needed")
    changed = client.patch(PORTRAIT, {"body": "I keep bees."}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["made_by"]) == (200, "person")
    assert changed.headers["ETag"] == '"2"'
    stale = client.patch(PORTRAIT, {"body": "I keep hens."}, headers={"If-Match": '"1"'})
    assert (code(stale), stale.json()["rev"]) == ((409, "version_changed"), 2)
    empty = client.patch(PORTRAIT, {"body": "# Bees"}, headers={"If-Match": '"2"'})
    assert code(empty) == (422, "empty")
    assert client.patch(PORTRAIT, {"ai_usage": "none"}).json()["ai_usage"] == "none"
    assert client.patch(PORTRAIT, {"ai_usage": "train"}).status_code == 422

    entry(alice, words_about("trumpet"), ai_usage="chat")
    client.post(f"{PORTRAIT}regeneration/")
    drain()
    assert client.get(PORTRAIT).json()["proposed"] == 3
    versions = client.get(f"{PORTRAIT}versions/").json()["results"]
    assert [(each["rev"], each["state"]) for each in versions] == [
        (3, "proposed"), (2, "current"), (1, "superseded"),
    ]  # fmt: skip


def test_it_is_nobody_elses(api, alice, charlie, drain):
    agree(alice)
    written(alice)
    api(alice).post(f"{PORTRAIT}regeneration/")
    drain()
    assert api(charlie).get(PORTRAIT).json()["body"] == ""
    assert api(charlie).get(f"{PORTRAIT}versions/").json()["results"] == []
