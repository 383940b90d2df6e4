import pytest

from journal.models.drafts import Draft
from tests.factories import entry
from writeorperish.refs import new_id

DRAFTS = "/api/v1/journal/drafts/"
WHOLE = {
    *("id", "title", "text", "seq", "edits", "parent", "parent_state", "base_rev"),
    *("privacy_level", "ai_usage", "updated_at"),
}


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def address() -> str:
    return f"{DRAFTS}{new_id()}/"


def test_a_draft_is_kept_under_the_clients_id_and_comes_back(api, alice, address):
    sent = {"title": "t", "text": "half a", "seq": 3, "ai_usage": "chat"}
    saved = api(alice).put(address, sent)
    assert (saved.status_code, set(saved.json())) == (200, WHOLE)
    assert api(alice).get(address).json() == saved.json()
    assert saved.json() | sent == saved.json()
    assert saved.json()["parent_state"] == "none"


@pytest.mark.parametrize("seq", [3, 2, 0])
def test_an_autosave_that_is_not_newer_writes_nothing(api, alice, address, seq):
    api(alice).put(address, {"text": "new", "seq": 3})
    answer = api(alice).put(address, {"text": "old", "seq": seq})
    assert (answer.status_code, answer.json()) == (200, {"stale": True, "seq": 3})
    assert api(alice).get(address).json()["text"] == "new"


def test_an_autosave_after_the_entry_was_saved_is_stale(api, alice):
    node = entry(alice)
    answer = api(alice).put(f"{DRAFTS}{node.pk}/", {"text": "late", "seq": 9})
    assert answer.json() == {"stale": True, "seq": 9}
    assert not Draft.objects.exists()


def test_a_draft_above_a_million_characters_is_refused_and_the_old_one_stays(api, alice, address):
    api(alice).put(address, {"text": "kept", "seq": 1})
    answer = api(alice).put(address, {"text": "x" * 1_000_001, "seq": 2})
    assert code(answer) == (413, "too_large")
    assert (answer.json()["chars"], answer.json()["cap"]) == (1_000_001, 1_000_000)
    assert api(alice).get(address).json()["text"] == "kept"
    assert api(alice).put(address, {"text": "x" * 1_000_000, "seq": 2}).status_code == 200


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"seq": -1}, (422, "invalid")),
        ({"seq": 2**60}, (422, "invalid")),
        ({"seq": "soon"}, (422, "invalid")),
        ({"privacy_level": "Public"}, (422, "unknown_level")),
        ({"ai_usage": ""}, (422, "unknown_ai_usage")),
        ({"base_rev": 2**40}, (422, "invalid")),
        ({"colour": "blue"}, (400, "unknown_field")),
        ({"edits": str(new_id())}, (404, "not_found")),
        ({"parent": str(new_id())}, (404, "not_found")),
    ],
)
def test_a_refused_draft_writes_nothing(api, alice, address, sent, refusal):
    assert code(api(alice).put(address, {"text": "words", "seq": 1} | sent)) == refusal
    assert not Draft.objects.exists()


def test_a_draft_says_when_its_parent_went(api, alice, address):
    parent = entry(alice)
    sent = {"text": "a reply", "seq": 1, "parent": str(parent.pk)}
    assert api(alice).put(address, sent).json()["parent_state"] == "alive"
    api(alice).delete(f"/api/v1/journal/nodes/{parent.pk}/")
    assert api(alice).get(address).json()["parent_state"] == "deleted"


def test_a_draft_of_an_edit_remembers_its_base(api, alice, address):
    node = entry(alice)
    sent = {"text": "new", "seq": 1, "edits": str(node.pk), "base_rev": 1}
    saved = api(alice).put(address, sent).json()
    assert (saved["edits"], saved["base_rev"]) == (str(node.pk), 1)


def test_drafts_are_their_owners(api, alice, bob, address):
    api(alice).put(address, {"text": "hers", "seq": 1})
    refused = [
        api(bob).get(address),
        api(bob).put(address, {"text": "his", "seq": 5}),
        api(bob).delete(address),
    ]
    assert [code(answer) for answer in refused] == [(404, "not_found")] * 3
    assert api(bob).get(DRAFTS).json()["results"] == []
    assert api(alice).get(address).json()["text"] == "hers"


def test_a_discarded_draft_is_in_no_list_any_more(api, alice, address):
    api(alice).put(address, {"text": "words", "seq": 1})
    assert api(alice).delete(address).status_code == 204
    assert code(api(alice).get(address)) == (404, "not_found")
    assert api(alice).get(f"{DRAFTS}?fields=id").json()["results"] == []
