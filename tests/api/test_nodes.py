import re
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from journal.actions.drafts import save_draft
from journal.actions.recordings import begin_recording
from journal.actions.replies import ask_for_reply
from journal.actions.trash import trash_node
from journal.models.nodes import Node, Version
from tests.factories import entry, public
from writeorperish.crypto.fields import SealedField
from writeorperish.refs import new_id

NODES = "/api/v1/journal/nodes/"
WHOLE = {
    *("id", "root", "parent", "author", "title", "text", "html", "unreadable", "rev", "chars"),
    *("state", "privacy_level", "ai_usage", "audience", "written_at", "zone", "updated_at"),
    *("pinned", "slug", "children", "part", "recording", "tags", "may"),
}
OWNERS_ONLY = {"ai_usage", "audience", "pinned"}


def at(node) -> str:
    return f"{NODES}{getattr(node, 'pk', node)}/"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def match(rev) -> dict[str, str]:
    return {"If-Match": f'"{rev}"'}


# --- writing


def test_an_entry_is_private_and_closed_to_ai_unless_said_otherwise(api, alice):
    answer = api(alice).post(NODES, {"text": "alice's words"})
    assert answer.status_code == 201
    node = answer.json()
    assert (node["privacy_level"], node["ai_usage"]) == ("private", "none")
    assert answer.headers["Location"] == at(node["id"])
    assert answer.headers["ETag"] == '"1"'
    assert set(node) == WHOLE
    assert node["root"] == node["id"]
    assert node["author"] == {"kind": "person", "handle": "alice", "model": ""}
    assert node["may"]["edit"] is True


def test_the_same_entry_again_is_the_same_entry(api, alice):
    sent = {"id": str(new_id()), "title": "One", "text": "alice's words"}
    first, again = api(alice).post(NODES, sent), api(alice).post(NODES, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Node.objects.count() == 1


def test_an_id_with_other_words_is_saved_already(api, alice):
    sent = {"id": str(new_id()), "text": "alice's words"}
    api(alice).post(NODES, sent)
    assert code(api(alice).post(NODES, sent | {"text": "other words"})) == (409, "already_saved")
    assert Node.objects.get().body == "alice's words"


def test_an_id_with_another_parent_is_saved_already(api, alice):
    one, other = entry(alice), entry(alice)
    sent = {"id": str(new_id()), "text": "a reply", "parent": str(one.pk)}
    assert api(alice).post(NODES, sent).status_code == 201
    assert api(alice).post(NODES, sent).status_code == 200
    elsewhere = sent | {"parent": str(other.pk)}
    assert code(api(alice).post(NODES, elsewhere)) == (409, "already_saved")


def test_an_id_of_somebody_else_or_of_the_trash_is_taken_in_the_same_words(api, alice, charlie):
    hers, trashed = entry(alice), entry(charlie)
    api(charlie).delete(at(trashed))
    answers = [
        api(charlie).post(NODES, {"id": str(each.pk), "text": "alice's words"})
        for each in (hers, trashed)
    ]
    bodies = [{**each.json(), "request_id": ""} for each in answers]
    assert code(answers[0]) == (409, "id_taken")
    assert bodies[0] == bodies[1]


def test_a_text_above_the_cap_becomes_a_chain_and_says_so(api, alice):
    answer = api(alice).post(NODES, {"text": "word " * 50_000})
    assert answer.status_code == 201
    node = answer.json()
    assert node["split_into"] == 3
    tip = api(alice).get(at(node["tip"])).json()
    assert (tip["part"], node["part"]) == ({"index": 2, "of": 3}, {"index": 0, "of": 3})
    assert tip["root"] == node["id"]


def test_a_reply_to_the_head_of_a_chain_hangs_below_its_tip(api, alice):
    head = api(alice).post(NODES, {"text": "word " * 30_000}).json()
    reply = api(alice).post(NODES, {"text": "a reply", "parent": head["id"]}).json()
    assert reply["parent"] == head["tip"]


def test_a_long_entry_sent_again_is_the_same_entry(api, alice):
    sent = {"id": str(new_id()), "text": "word " * 30_000}
    assert api(alice).post(NODES, sent).status_code == 201
    assert api(alice).post(NODES, sent).status_code == 200
    assert Node.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"privacy_level": "public"}, (422, "public_not_open")),
        ({"privacy_level": "Private"}, (422, "unknown_level")),
        ({"privacy_level": ""}, (422, "unknown_level")),
        ({"privacy_level": None}, (422, "unknown_level")),
        ({"privacy_level": ["private"]}, (422, "unknown_level")),
        ({"ai_usage": "all"}, (422, "unknown_ai_usage")),
        ({"ai_usage": None}, (422, "unknown_ai_usage")),
        ({"privacy_level": "circles"}, (422, "audience_empty")),
        ({"zone": "Mars/Olympus"}, (422, "invalid")),
        ({"written_at": "0001-01-01T00:00:00Z"}, (422, "written_at_out_of_range")),
        ({"written_at": "9999-12-31T23:59:59Z"}, (422, "written_at_out_of_range")),
        ({"written_at": "yesterday"}, (422, "invalid")),
        ({"id": "not-an-id"}, (422, "invalid")),
        ({"parent": "00000000-0000-0000-0000-000000000000"}, (404, "not_found")),
        ({"colour": "blue"}, (400, "unknown_field")),
        ({"audience": {"circle": []}}, (400, "unknown_field")),
    ],
)
def test_a_refused_value_writes_nothing(api, alice, sent, refusal):
    assert code(api(alice).post(NODES, {"text": "alice's words"} | sent)) == refusal
    assert not Node.objects.exists()


def test_a_reply_is_never_wider_than_its_parent(api, alice, cast):
    sent = {"text": "a reply", "parent": str(entry(alice).pk), "privacy_level": "circles"}
    sent["audience"] = {"circles": [str(cast.circle.pk)]}
    assert code(api(alice).post(NODES, sent)) == (422, "audience_wider_than_parent")


def test_a_reply_to_a_public_entry_is_public(api, alice, charlie):
    sent = {"text": "a reply", "parent": str(public(entry(alice)).pk)}
    assert code(api(charlie).post(NODES, sent)) == (422, "public_reply_required")


def test_a_parent_that_was_deleted_is_gone_to_those_who_saw_it_and_missing_to_others(
    api, alice, bob, charlie, cast
):
    parent = entry(alice, circles=(cast.circle,))
    api(alice).delete(at(parent))
    sent = {"text": "a reply", "parent": str(parent.pk)}
    assert code(api(bob).post(NODES, sent)) == (410, "parent_deleted")
    assert code(api(charlie).post(NODES, sent)) == (404, "not_found")


def test_a_circle_of_somebody_else_is_missing(api, charlie, cast):
    sent = {"text": "words", "privacy_level": "circles"}
    sent["audience"] = {"circles": [str(cast.circle.pk)]}
    assert code(api(charlie).post(NODES, sent)) == (404, "not_found")


def test_an_entry_for_a_circle_and_a_named_person_reaches_both(api, alice, bob, charlie, cast):
    sent = {
        "text": "words for some",
        "privacy_level": "circles",
        "audience": {"circles": [str(cast.circle.pk)], "people": ["charlie"]},
    }
    node = api(alice).post(NODES, sent).json()
    assert node["audience"] == {
        "circles": [str(cast.circle.pk)],
        "people": [str(charlie.pk)],
    }
    for reader in (bob, charlie):
        shown = api(reader).get(at(node["id"])).json()
        assert set(shown) == WHOLE - OWNERS_ONLY
        assert shown["text"] == "words for some"


def test_the_draft_an_entry_came_from_is_gone(api, alice):
    drafts = "/api/v1/journal/drafts/"
    ident = str(new_id())
    api(alice).put(f"{drafts}{ident}/", {"text": "alice's words", "seq": 1})
    api(alice).post(NODES, {"text": "alice's words", "draft": ident})
    assert api(alice).get(drafts).json()["results"] == []


# --- editing


def test_words_are_changed_only_by_naming_the_version(api, alice):
    node = entry(alice)
    assert code(api(alice).patch(at(node), {"text": "new"})) == (428, "if_match_needed")
    for forged in ("1", '"one"', "*", '"1", "2"', '"-1"', '"99999999999999999999"'):
        answer = api(alice).patch(at(node), {"text": "new"}, headers={"If-Match": forged})
        assert answer.status_code == 400, forged
    answer = api(alice).patch(at(node), {"text": "new"}, headers=match(1))
    assert (answer.status_code, answer.json()["rev"], answer.headers["ETag"]) == (200, 2, '"2"')
    assert "clean" not in answer.json()


def test_a_stale_edit_of_another_paragraph_is_merged(api, alice):
    node = entry(alice, "one\n\ntwo\n\nthree")
    api(alice).patch(at(node), {"text": "ONE\n\ntwo\n\nthree"}, headers=match(1))
    answer = api(alice).patch(at(node), {"text": "one\n\ntwo\n\nTHREE"}, headers=match(1))
    assert answer.status_code == 200
    assert answer.json()["clean"] is True
    assert answer.json()["text"] == "ONE\n\ntwo\n\nTHREE"


def test_an_overlapping_edit_is_a_conflict_that_keeps_both_texts(api, alice):
    node = entry(alice, "one", title="t")
    api(alice).patch(at(node), {"text": "theirs"}, headers=match(1))
    answer = api(alice).patch(at(node), {"text": "yours"}, headers=match(1))
    assert code(answer) == (409, "edit_conflict")
    body = answer.json()
    assert (body["rev"], body["base"], body["theirs"], body["yours"]) == (
        2,
        "one",
        "theirs",
        "yours",
    )
    assert body["clean"] is False
    assert "theirs" in body["merged"]
    aside = api(alice).get(f"{at(node)}versions/{body['aside']}/").json()
    assert (aside["reason"], aside["rev"], aside["text"]) == ("aside", None, "yours")
    resolved = {"text": "both", "resolves": body["aside"]}
    assert api(alice).patch(at(node), resolved, headers=match(2)).json()["text"] == "both"


def test_a_version_that_never_was_is_no_base_to_merge_from(api, alice):
    node = entry(alice, "one")
    assert code(api(alice).patch(at(node), {"text": "x"}, headers=match(7))) == (
        409,
        "edit_conflict",
    )


def test_the_same_edit_again_changes_nothing(api, alice):
    node = entry(alice, "one")
    headers = match(1) | {"Idempotency-Key": str(new_id())}
    for _ in range(2):
        answer = api(alice).patch(at(node), {"text": "two"}, headers=headers)
        assert (answer.status_code, answer.json()["rev"]) == (200, 2)


def test_an_edit_above_the_cap_is_refused_with_both_numbers(api, alice):
    node = entry(alice)
    answer = api(alice).patch(at(node), {"text": "x" * 100_001}, headers=match(1))
    assert code(answer) == (413, "too_long")
    assert (answer.json()["chars"], answer.json()["cap"]) == (100_001, 100_000)
    node.refresh_from_db()
    assert node.body == "alice's words"


def test_settings_need_no_version_and_leave_the_rest_alone(api, alice):
    node = entry(alice, "words", title="t", ai_usage="train")
    answer = api(alice).patch(at(node), {"pinned": True})
    shown = answer.json()
    assert (shown["pinned"], shown["rev"], shown["ai_usage"], shown["text"]) == (
        *(True, 1, "train"),
        "words",
    )
    assert api(alice).patch(at(node), {"ai_usage": "none"}).json()["pinned"] is True


def test_a_level_is_changed_at_the_audience_only(api, alice):
    node = entry(alice)
    answer = api(alice).patch(at(node), {"privacy_level": "circles"})
    assert code(answer) == (400, "unknown_field")
    assert "privacy_level" in answer.json()["errors"]


def test_a_reader_may_not_edit(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    assert code(api(bob).patch(at(node), {"text": "x"}, headers=match(1))) == (404, "not_found")
    assert code(api(bob).delete(at(node))) == (404, "not_found")


# --- versions


def test_every_revision_is_kept_and_can_be_taken_back(api, alice):
    node = entry(alice, "first", title="One")
    api(alice).patch(at(node), {"text": "second"}, headers=match(1))
    listed = api(alice).get(f"{at(node)}versions/").json()["results"]
    assert [(each["rev"], each["reason"]) for each in listed] == [(2, "save"), (1, "save")]
    assert set(listed[0]) == {"id", "rev", "reason", "author", "created_at"}
    first = f"{at(node)}versions/{listed[1]['id']}/"
    shown = api(alice).get(first).json()
    assert (shown["title"], shown["text"]) == ("One", "first")
    restored = api(alice).post(f"{first}restoration/").json()
    assert (restored["text"], restored["rev"]) == ("first", 3)
    assert Version.objects.filter(reason="restore").count() == 1


def test_a_restoration_sent_twice_under_one_key_restores_once(api, alice):
    node = entry(alice, "first")
    api(alice).patch(at(node), {"text": "second"}, headers=match(1))
    old = Version.objects.get(rev=1)
    address = f"{at(node)}versions/{old.pk}/restoration/"
    headers = {"Idempotency-Key": str(new_id())}
    first = api(alice).post(address, headers=headers)
    api(alice).patch(at(node), {"text": "third"}, headers=match(3))
    again = api(alice).post(address, headers=headers)
    assert (first.json()["rev"], again.json()["rev"], again.json()["text"]) == (3, 4, "third")


def test_versions_are_the_owners(api, alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    version = node.versions.get()
    for address in ("versions/", f"versions/{version.pk}/"):
        assert code(api(bob).get(f"{at(node)}{address}")) == (404, "not_found")
    other = entry(alice)
    assert code(api(alice).get(f"{at(other)}versions/{version.pk}/")) == (404, "not_found")


# --- trash


def test_a_deleted_entry_is_gone_everywhere_and_comes_back(api, alice):
    node = entry(alice)
    answer = api(alice).delete(at(node))
    body = answer.json()
    assert (answer.status_code, body["deleted"]) == (200, 1)
    assert set(body) == {"deleted", "purge_on", "undo_until", "deletion"}
    assert api(alice).delete(at(node)).json() == body
    for address in ("", "thread/", "versions/", "audience/"):
        assert code(api(alice).get(f"{at(node)}{address}")) == (404, "not_found")
    assert code(api(alice).patch(at(node), {"pinned": True})) == (404, "not_found")
    assert api(alice).get(NODES).json()["results"] == []
    assert api(alice).post(f"{at(node)}restoration/").json()["text"] == "alice's words"
    assert code(api(alice).post(f"{at(node)}restoration/")) == (404, "not_found")


def test_only_ones_own_replies_go_along(api, alice, bob, cast):
    root = entry(alice, circles=(cast.circle,))
    his = entry(bob, "bob's words", parent=root, privacy_level="circles")
    hers = entry(alice, "below", parent=his, privacy_level="circles")
    assert code(api(alice).delete(f"{at(root)}?replies=all")) == (400, "unknown_filter")
    assert api(alice).delete(f"{at(root)}?replies=mine").json()["deleted"] == 2
    assert api(bob).get(at(his)).status_code == 200
    assert api(alice).get(at(hers)).status_code == 404


def test_an_entry_is_erased_from_the_trash_only(api, alice):
    node = entry(alice)
    assert code(api(alice).post(f"{at(node)}erasure/")) == (404, "not_found")
    api(alice).delete(at(node))
    headers = {"Idempotency-Key": str(new_id())}
    for _ in range(2):
        assert api(alice).post(f"{at(node)}erasure/", headers=headers).status_code == 204
    assert not Node.objects.exists()
    assert code(api(alice).post(f"{at(node)}restoration/")) == (404, "not_found")


# --- lists


def pages_of(client, address) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(address, {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [each["id"] for each in page["results"]]
        cursor = page["next"]
    return found


def test_the_list_is_ones_own_newest_first_page_by_page(api, alice, bob, cast):
    mine = [str(entry(alice, f"words {number}").pk) for number in range(5)]
    entry(bob, circles=())
    assert pages_of(api(alice), NODES) == mine[::-1]


def test_a_cursor_is_good_for_its_own_list_only(api, alice, bob):
    for _ in range(3):
        entry(alice)
    cursor = api(alice).get(f"{NODES}?limit=1").json()["next"]
    assert api(alice).get(f"{NODES}?limit=2&cursor={cursor}").status_code == 200
    for query in (f"cursor={cursor}x", f"cursor={cursor}&level=private", "cursor=forged"):
        assert code(api(alice).get(f"{NODES}?{query}")) == (400, "cursor_invalid")
    assert code(api(bob).get(f"{NODES}?cursor={cursor}")) == (400, "cursor_invalid")
    assert code(api(alice).get(f"/api/v1/journal/drafts/?cursor={cursor}")) == (
        400,
        "cursor_invalid",
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("roots=1", {"root", "shared", "open"}),
        ("roots=true&ai=none", {"root", "shared"}),
        ("level=circles", {"shared"}),
        ("ai=chat", {"open"}),
        ("day=2025-03-01", {"open"}),
        ("from=2025-03-01&to=2025-03-02", {"open"}),
        ("kind=ai", set()),
    ],
)
def test_filters_narrow_the_list(api, alice, cast, query, found):
    root = entry(alice, "root")
    entry(alice, "reply", parent=root)
    entry(alice, "shared", circles=(cast.circle,))
    answer = api(alice).post(
        NODES, {"text": "open", "ai_usage": "chat", "written_at": "2025-03-01T12:00:00Z"}
    )
    assert answer.status_code == 201
    results = api(alice).get(f"{NODES}?{query}").json()["results"]
    assert {each["text"] for each in results} == found


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("colour=blue", (400, "unknown_filter")),
        ("level=secret", (422, "invalid")),
        ("day=today", (422, "invalid")),
        ("roots=perhaps", (422, "invalid")),
        ("fields=id,colour", (400, "unknown_field")),
        ("fields=author.colour", (400, "unknown_field")),
        ("fields=", (400, "unknown_field")),
        ("limit=many", (400, "limit_invalid")),
        ("ids=1,2", (400, "unknown_filter")),
        ("updated_since=yesterday", (400, "cursor_invalid")),
    ],
)
def test_a_query_nobody_understands_is_refused(api, alice, query, refusal):
    assert code(api(alice).get(f"{NODES}?{query}")) == refusal


def test_ids_name_the_rows_wanted_and_only_ones_own_come(api, alice, charlie):
    one, _other, foreign = entry(alice), entry(alice), entry(charlie)
    results = api(alice).get(f"{NODES}?ids={one.pk},{foreign.pk}").json()["results"]
    assert [each["id"] for each in results] == [str(one.pk)]
    many = ",".join(str(new_id()) for _ in range(101))
    assert code(api(alice).get(f"{NODES}?ids={many}")) == (400, "unknown_filter")


def test_a_feed_tells_what_changed_and_what_was_deleted(api, alice, charlie, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z")
    kept, deleted, foreign = entry(alice, "kept"), entry(alice, "deleted"), entry(charlie)
    Node.objects.filter(pk=foreign.pk).update(deleted_at="2026-03-01T12:00:00Z")
    time_machine.move_to("2026-03-01T12:05:00Z")
    client = api(alice)
    first = client.get(f"{NODES}?updated_since=").json()
    assert {each["id"] for each in first["results"]} == {str(kept.pk), str(deleted.pk)}
    client.delete(at(deleted))
    time_machine.move_to("2026-03-01T12:08:00Z")
    later = client.get(NODES, {"updated_since": first["next"]}).json()
    gone = later["results"][0]
    assert (len(later["results"]), gone["id"], gone["gone"]) == (1, str(deleted.pk), True)
    assert set(gone) == {"id", "updated_at", "gone"}
    assert client.get(NODES, {"updated_since": later["next"]}).json()["results"] == []


# --- parts of an answer


def opened_while(monkeypatch, ask) -> tuple[object, set[str]]:
    opened = set()
    opening = SealedField.opened

    def noting(field, instance, value):
        opened.add(field.name)
        return opening(field, instance, value)

    monkeypatch.setattr(SealedField, "opened", noting)
    return ask(), opened & {"title", "body"}


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        ("id,rev", set()),
        ("title", {"title"}),
        ("text,html", {"body"}),
        ("author.handle,may", set()),
    ],
)
def test_columns_nobody_asked_for_stay_sealed(api, alice, monkeypatch, fields, columns):
    nodes = [entry(alice, title="t") for _ in range(3)]
    client = api(alice)
    names = {each.partition(".")[0] for each in fields.split(",")}
    for address in (NODES, at(nodes[0])):
        ask = partial(client.get, f"{address}?fields={fields}")
        answer, opened = opened_while(monkeypatch, ask)
        body = answer.json()
        assert set(body["results"][0] if "results" in body else body) == names
        assert opened == columns


def test_fewer_fields_never_cost_more_queries(api, alice):
    for _ in range(4):
        entry(alice, title="t")
    client = api(alice)
    counts = []
    for query in ("", "?fields=title", "?fields=text", "?fields=unreadable"):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(f"{NODES}{query}")
        counts.append(len(asked))
    assert max(counts[1:]) <= counts[0]


def test_a_nested_field_comes_alone(api, alice):
    node = entry(alice)
    shown = api(alice).get(f"{at(node)}?fields=id,author.handle").json()
    assert shown == {"id": str(node.pk), "author": {"handle": "alice"}}


# --- who


def test_the_same_404_for_whatever_is_not_ones_own(api, alice, charlie, mallory, cast):
    private, trashed = entry(alice), entry(alice)
    shared, opened = entry(alice, circles=(cast.circle,)), public(entry(alice))
    api(alice).delete(at(trashed))
    answers = [
        api(charlie).get(at(each)) for each in (private, trashed, shared, new_id(), "no-id", "%00")
    ]
    answers += [api(mallory).get(at(opened)), api(cast.moderator).get(at(private))]
    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    assert answers[0].json() == {
        "type": "urn:wop:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
    }


def test_nobody_is_asked_to_sign_in_even_for_a_public_entry(anybody, alice):
    for address in (NODES, at(public(entry(alice))), at(new_id())):
        answer = anybody.get(address)
        assert code(answer) == (401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_row_that_does_not_open_says_so_and_the_list_stands(api, alice):
    broken, whole = entry(alice, "lost", title="t"), entry(alice, "whole")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE journal_node SET body = (SELECT body FROM journal_node WHERE id = %s)"
            " WHERE id = %s",
            [whole.pk, broken.pk],
        )
    shown = {each["id"]: each for each in api(alice).get(NODES).json()["results"]}
    assert shown[str(broken.pk)]["unreadable"] is True
    assert shown[str(broken.pk)]["text"] == ""
    assert shown[str(whole.pk)]["text"] == "whole"


def instants(value):
    """Every string in this JSON that looks like a moment."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for each in value for found in instants(each)]
    looks = isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:", value)
    return [value] if looks else []


def test_every_moment_carries_a_zone(api, alice, drain):
    node = entry(alice, "I could not sleep.", ai_usage="chat", zone="Europe/Berlin")
    ask_for_reply(alice, node.pk)
    save_draft(alice, new_id(), seq=1, title="", text="words")
    begin_recording(alice)
    trash_node(alice, entry(alice, "gone", parent=node))
    drain()
    seen = []
    for address in (
        *(NODES, at(node), f"{at(node)}thread/", f"{at(node)}versions/"),
        *("/api/v1/journal/drafts/", "/api/v1/journal/recordings/", "/api/v1/me/"),
        *("/api/v1/me/jobs/", "/api/v1/me/ai/calls/"),
    ):
        found = instants(api(alice).get(address).json())
        assert found or address.endswith("/me/"), address
        seen += found
    assert [each for each in seen if not re.search(r"(Z|[+-]\d{2}:\d{2})$", each)] == []
