"""Conversations and journals of other programs: recognised, read along the branch last seen, taken in once, undone."""

import json

import pytest

from journal.actions.imports import (
    Settings,
    begin_import,
    begin_upload,
    confirm_import,
    put_part,
    retract_import,
)
from journal.actions.nodes import PINS
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import zipped
from writeorperish.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

# What came is neither searched nor suggested here.
IMPORTING = ("journal.handlers.",)


def message(id, parent, role, text, *, at=1_700_000_000, **more):
    content = {"content_type": more.pop("kind", "text"), "parts": [text]}
    said = {"id": id, "author": {"role": role}, "content": content, "create_time": at, **more}
    return {"id": id, "parent": parent, "children": [], "message": said}


def conversation(*nodes, current):
    mapping = {node["id"]: node for node in [{"id": "top", "parent": None, "children": []}, *nodes]}
    return {
        "title": "About a piano",
        "conversation_id": "c-1",
        "create_time": 1_700_000_000,
        "mapping": mapping,
        "current_node": current,
    }


CHAT = conversation(
    message("sys", "top", "system", "You are helpful"),
    message("q", "sys", "user", "How do I tune a piano?"),
    message("think", "q", "assistant", "hidden thoughts", kind="thoughts"),
    message("old", "think", "assistant", "First try", metadata={"model_slug": "gpt-x"}),
    message(
        "new",
        "think",
        "assistant",
        "Call\ue200cite\ue202turn0\ue201 a tuner.",
        metadata={"model_slug": "gpt-x"},
    ),
    message("tool", "new", "tool", "tool output"),
    message("thanks", "tool", "user", "Thank you <b>so</b> much", at=None),
    current="thanks",
)
CLAUDE = [
    {
        "uuid": "k-1",
        "name": "On sleep",
        "created_at": "2026-03-01T08:00:00Z",
        "chat_messages": [
            {"uuid": "m1", "sender": "human", "text": "I could not sleep.", "created_at": "2026-03-01T08:00:00Z",
             "attachments": [{"file_name": "notes.txt", "extracted_content": "what was attached"}]},
            {"uuid": "m2", "sender": "assistant", "parent_message_uuid": "m1",
             "content": [{"type": "thinking", "thinking": "hidden"}, {"type": "text", "text": "What kept you awake?"}]},
            {"uuid": "m3", "sender": "human", "text": "  "},
        ],
    }
]  # fmt: skip
DAY_ONE = {
    "metadata": {"version": "1.0"},
    "entries": [
        {"uuid": "E1", "text": "Rain\\. All day\\!\n\n![](dayone-moment://ABC)", "creationDate": "2026-03-04T09:00:00Z",
         "timeZone": "Europe/Lisbon", "tags": ["rain"], "starred": True},
        {"text": "", "creationDate": "2026-03-05T09:00:00Z"},
    ],
}  # fmt: skip


def run_of(owner, data, **settings):
    """The import of this file, checked, and with settings done."""
    upload = begin_upload(owner, size=len(data))
    put_part(owner, upload, 0, data)
    run = begin_import(owner, upload)
    drain(IMPORTING)
    run.refresh_from_db()
    if settings:
        confirm_import(owner, run, settings=Settings(**settings))
        drain(IMPORTING)
        run.refresh_from_db()
    return run


def chatgpt(*conversations) -> bytes:
    return zipped({"conversations.json": json.dumps(conversations or [CHAT]), "chat.html": "<p>"})


def texts(owner):
    rows = Node.objects.visible_to(owner).filter(owner=owner).order_by("depth", "written_at")
    return [(node.author_kind, node.body) for node in rows]


def test_a_chat_comes_along_the_branch_last_seen(alice):
    run = run_of(alice, chatgpt(), zone="UTC")
    assert (run.state, run.source) == ("done", "chatgpt")
    assert texts(alice) == [
        ("person", "How do I tune a piano?"),
        ("ai", "Call a tuner."),
        ("person", "Thank you <b>so</b> much"),
    ]
    root, answer, thanks = Node.objects.filter(owner=alice).order_by("depth")
    assert (root.title, answer.author_model) == ("About a piano", "gpt-x")
    assert (answer.parent, thanks.parent) == (root, answer)
    assert thanks.written_at == answer.written_at
    assert {node.ai_usage for node in (root, answer, thanks)} == {"none"}
    genres = [event.fact.genre for event in Event.objects.filter(name="TextWritten").order_by("id")]
    assert genres == ["diary", "answer", "diary"]


def test_other_branches_come_on_request(alice):
    run_of(alice, chatgpt(), beside=True)
    assert ("ai", "First try") in texts(alice)
    first, second = Node.objects.filter(owner=alice, author_kind="ai")
    assert first.parent_id == second.parent_id


def test_the_same_file_again_adds_nothing_and_a_longer_one_hangs_on_its_tip(alice):
    run_of(alice, chatgpt(), zone="UTC")
    again = run_of(alice, chatgpt())
    assert (again.report["counts"]["new"], again.report["counts"]["here"]) == (0, 3)
    longer = json.loads(json.dumps(CHAT))
    longer["mapping"]["more"] = message(
        "more", "thanks", "assistant", "You are welcome.", at=1_700_000_500
    )
    longer["current_node"] = "more"
    run = run_of(alice, chatgpt(longer), zone="UTC")
    assert run.report["counts"]["new"] == 1
    tip = Node.objects.get(owner=alice, depth=3)
    assert (tip.body, tip.parent.body) == ("You are welcome.", "Thank you <b>so</b> much")


def test_what_hangs_on_earlier_entries_is_never_seen_by_more(alice, bob, cast):
    run_of(alice, chatgpt(), zone="UTC")
    longer = json.loads(json.dumps(CHAT))
    longer["mapping"]["more"] = message(
        "more", "thanks", "user", "One more thing.", at=1_700_000_500
    )
    longer["current_node"] = "more"
    run_of(alice, chatgpt(longer), privacy_level="circles", circles=(cast.circle.pk,))
    assert Node.objects.get(owner=alice, depth=3).privacy_level == "private"
    assert not Node.objects.visible_to(bob).filter(owner=alice).exists()


def test_a_reply_to_a_long_turn_hangs_on_its_end(alice):
    long = conversation(
        message("q", "top", "user", "word " * 30_000),
        message("a", "q", "assistant", "Short."),
        current="a",
    )
    run_of(alice, chatgpt(long), zone="UTC")
    answer = Node.objects.get(owner=alice, author_kind="ai")
    assert answer.parent.part_index == 1


def test_taken_back_and_brought_again_with_its_trash_it_is_there_once(alice):
    run = run_of(alice, chatgpt(), zone="UTC")
    retract_import(alice, run)
    drain(IMPORTING)
    again = run_of(alice, chatgpt(), trash="restore")
    assert (again.state, again.report["counts"]["trashed"]) == ("done", 3)
    assert len(texts(alice)) == 3


def test_nothing_is_born_below_what_was_deleted(alice):
    run_of(alice, chatgpt(), zone="UTC")
    trash_node(alice, Node.objects.get(owner=alice, depth=0), own_replies=True)
    longer = json.loads(json.dumps(CHAT))
    longer["mapping"]["more"] = message(
        "more", "thanks", "user", "One more thing.", at=1_700_000_500
    )
    longer["current_node"] = "more"
    run_of(alice, chatgpt(longer), zone="UTC")
    (alive,) = Node.objects.visible_to(alice).filter(owner=alice)
    assert (alive.body, alive.parent) == ("One more thing.", None)


def test_a_whole_import_is_taken_back(alice):
    run = run_of(alice, chatgpt(), zone="UTC")
    retract_import(alice, run)
    drain(IMPORTING)
    assert texts(alice) == []


def test_without_a_current_node_the_newest_end_counts(alice):
    lost = json.loads(json.dumps(CHAT))
    lost["current_node"] = "gone"
    run_of(alice, json.dumps([lost]).encode(), zone="UTC")
    assert ("ai", "Call a tuner.") in texts(alice)
    assert ("ai", "First try") not in texts(alice)


def test_parents_in_a_circle_end(alice):
    circle = conversation(
        message("a", "b", "user", "round"), message("b", "a", "assistant", "and round"), current="a"
    )
    run_of(alice, chatgpt(circle), zone="UTC")
    assert sorted(texts(alice)) == [("ai", "and round"), ("person", "round")]


def test_what_both_sides_said_to_claude_comes_in_order(alice):
    run = run_of(
        alice, zipped({"conversations.json": json.dumps(CLAUDE), "users.json": "[]"}), zone="UTC"
    )
    assert run.source == "claude"
    assert texts(alice) == [("person", "I could not sleep."), ("ai", "What kept you awake?")]
    run_of(alice, zipped({"conversations.json": json.dumps(CLAUDE)}), beside=True)
    assert ("person", "what was attached") in texts(alice)


def test_a_day_one_journal_comes_with_its_days_tags_and_stars(alice):
    files = {"Journal.json": json.dumps(DAY_ONE), "Travel.json": json.dumps(DAY_ONE | {"entries": [
        {"uuid": "E2", "text": "Porto", "creationDate": "2026-03-06T09:00:00Z"}]})}  # fmt: skip
    run = run_of(alice, zipped(files), zone="UTC")
    assert (run.source, run.report["counts"]["unreadable"]) == ("dayone", 1)
    first, second = Node.objects.filter(owner=alice).order_by("written_at")
    assert first.body == "Rain. All day!\n\n[photo]\n\n#rain"
    assert (str(first.day), first.zone, first.pinned_at is not None) == (
        "2026-03-04",
        "Europe/Lisbon",
        True,
    )
    assert (second.body, second.pinned_at) == ("Porto", None)


def test_no_more_than_ten_come_pinned(alice):
    starred = [{"uuid": f"E{n}", "text": f"star {n}", "creationDate": f"2026-03-{n + 1:02}T09:00:00Z", "starred": True}
               for n in range(PINS + 3)]  # fmt: skip
    run_of(alice, zipped({"Journal.json": json.dumps(DAY_ONE | {"entries": starred})}), zone="UTC")
    assert Node.objects.filter(owner=alice, pinned_at__isnull=False).count() == PINS


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1, 2", "unknown_kind"),
        (b'{"anything": 1}', "unknown_kind"),
        (zipped({"other.json": "{}"}), "no_markdown"),
    ],
    ids=["broken JSON", "other JSON", "a zip of neither"],
)
def test_what_is_no_export_is_refused_with_a_reason(alice, data, reason):
    run = run_of(alice, data)
    assert (run.state, run.reason) == ("failed", reason)
    assert texts(alice) == []


def test_a_file_that_breaks_off_gives_what_came_before(alice):
    whole = json.dumps([CHAT, CHAT | {"conversation_id": "c-2"}])
    run = run_of(alice, whole[: len(whole) - 400].encode(), zone="UTC")
    assert run.report["counts"]["unreadable"] == 1
    assert len(texts(alice)) == 3


def test_one_broken_conversation_is_one_row(alice):
    run = run_of(alice, chatgpt(CHAT, {"mapping": []}, {"mapping": {}}), zone="UTC")
    assert run.report["counts"] | {} == run.report["counts"]
    assert (run.report["counts"]["new"], run.report["counts"]["unreadable"]) == (3, 2)


def test_other_encodings_are_read(alice):
    run_of(alice, json.dumps([CHAT]).encode("utf-16"), zone="UTC")
    assert ("person", "How do I tune a piano?") in texts(alice)
