from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from journal.actions.audience import HeadCountChanged, set_audience
from journal.actions.drafts import DraftTooLong, draft_on, save_draft
from journal.actions.nodes import (
    AlreadySaved,
    Audience,
    AudienceEmpty,
    EditConflict,
    Empty,
    IdTaken,
    OutOfTime,
    ParentDeleted,
    PublicNotOpen,
    TooLong,
    WiderThanParent,
    change_settings,
    edit_node,
    restore_version,
    write_node,
)
from journal.actions.trash import erase_node, purge, restore_node, trash_node
from journal.models.drafts import Draft
from journal.models.nodes import Node, Version
from journal.splitting import NODE_CHARS
from tests.factories import befriend, entry
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.circles import accept, invite
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db


def facts(name: str) -> int:
    return Event.objects.filter(name=name).count()


def test_an_entry_is_private_and_closed_to_ai_unless_said_otherwise(alice):
    node = entry(alice)
    assert (node.privacy_level, node.ai_usage, node.rev) == ("private", "none", 1)
    assert node.root_id == node.pk and node.versions.get().body == "alice's words"


def test_writing_leaves_one_line_in_the_chain_and_one_fact(alice):
    before = facts("TextWritten")
    node = entry(alice)
    assert facts("TextWritten") == before + 1
    assert Entry.objects.filter(object_id=node.pk, action="write").count() == 1


@pytest.mark.parametrize("text", ["", "   ", "\n\t \n"])
def test_an_empty_text_is_refused_and_nothing_is_written(alice, text):
    with pytest.raises(Empty):
        write_node(alice, text=text)
    assert not Node.objects.exists() and facts("TextWritten") == 0


def test_the_same_save_twice_is_one_entry(alice):
    ident = new_id()
    first = write_node(alice, id=ident, text="once")
    again = write_node(alice, id=ident, text="once")
    assert first.created and not again.created and again.node.pk == ident
    assert Node.objects.count() == 1 and facts("TextWritten") == 1


def test_the_same_id_with_other_words_is_refused_and_keeps_the_first(alice, bob):
    node = entry(alice, "first")
    with pytest.raises(AlreadySaved):
        write_node(alice, id=node.pk, text="second")
    with pytest.raises(IdTaken):
        write_node(bob, id=node.pk, text="bob's")
    assert Node.objects.get(pk=node.pk).body == "first"


def test_a_clash_with_ones_own_deleted_id_reads_like_a_foreign_one(alice):
    node = entry(alice, "first")
    trash_node(alice, node)
    with pytest.raises(IdTaken):
        write_node(alice, id=node.pk, text="first")


def test_public_waits_for_moderation(alice):
    with pytest.raises(PublicNotOpen):
        write_node(alice, text="to all", privacy_level="public")
    with pytest.raises(PublicNotOpen):
        set_audience(alice, entry(alice), privacy_level="public", audience=Audience())


def test_a_level_circles_needs_somebody(alice):
    with pytest.raises(AudienceEmpty):
        write_node(alice, text="to whom", privacy_level="circles")


@pytest.mark.parametrize("year", [1899, 2999])
def test_a_date_outside_of_time_is_refused(alice, year):
    at = entry(alice).written_at.replace(year=year, day=1)
    with pytest.raises(OutOfTime):
        write_node(alice, text="when", written_at=at)


def test_a_text_above_the_cap_becomes_a_chain_that_joins_to_the_same_text(alice):
    text = ("word " * 30_000) + "end"
    written = write_node(alice, text=text, title="long")
    assert len(written.parts) == 2 and written.tip.part_index == 1
    assert "".join(part.body or "" for part in written.parts) == text
    assert all(part.chars <= NODE_CHARS for part in written.parts)
    assert written.tip.parent_id == written.node.pk and written.tip.title == ""


def test_a_reply_to_the_head_of_a_chain_hangs_at_its_tip(alice):
    written = write_node(alice, text="word " * 30_000)
    reply = entry(alice, "after all that", parent=written.node)
    assert reply.parent_id == written.tip.pk


def test_a_thread_never_gets_wider_as_it_goes_deeper(alice, bob, cast):
    private = entry(alice)
    with pytest.raises(WiderThanParent):
        entry(alice, "wider", parent=private, circles=(cast.circle,))
    shared = entry(alice, circles=(cast.circle,))
    reply = entry(bob, "bob's words", parent=shared, privacy_level="circles")
    assert Node.objects.visible_to(alice).filter(pk=reply.pk).exists()


def test_a_reply_to_an_unreadable_entry_is_missing_like_no_entry(alice, charlie, mallory):
    node = entry(alice)
    for who in (charlie, mallory):
        with pytest.raises(Missing) as unreadable:
            entry(who, "reply", parent=node)
        with pytest.raises(Missing) as absent:
            entry(who, "reply", parent=new_id())
        assert unreadable.value.code == absent.value.code


def test_a_reply_to_a_deleted_entry_says_so_to_those_who_could_see_it(alice, bob, charlie, cast):
    shared = entry(alice, circles=(cast.circle,))
    trash_node(alice, shared)
    with pytest.raises(ParentDeleted):
        entry(bob, "late", parent=shared, privacy_level="circles")
    with pytest.raises(Missing):
        entry(charlie, "late", parent=shared)


# Editing


def test_an_edit_is_a_new_revision_and_the_old_one_stays(alice):
    node = entry(alice, "one")
    edited = edit_node(alice, node, base_rev=1, text="two").node
    assert (edited.rev, edited.body) == (2, "two")
    assert [v.body for v in edited.versions.order_by("rev")] == ["one", "two"]


def test_an_edit_that_changes_nothing_writes_nothing(alice):
    node = entry(alice, "one")
    assert edit_node(alice, node, base_rev=1, text="one").node.rev == 1
    assert facts("TextRewritten") == 0


def test_omitted_fields_are_never_written(alice):
    node = entry(alice, "one", title="kept", ai_usage="chat")
    edited = edit_node(alice, node, base_rev=1, text="two").node
    assert (edited.title, edited.ai_usage, edited.privacy_level) == ("kept", "chat", "private")


def test_two_edits_of_different_paragraphs_become_one_text(alice):
    node = entry(alice, "first\n\nsecond\n\nthird")
    edit_node(alice, node, base_rev=1, text="first, changed\n\nsecond\n\nthird")
    merged = edit_node(alice, node, base_rev=1, text="first\n\nsecond\n\nthird, changed")
    assert merged.merged
    assert merged.node.body == "first, changed\n\nsecond\n\nthird, changed"
    assert merged.node.versions.get(rev=3).reason == Version.Reason.MERGE


def test_two_edits_of_the_same_line_keep_both_texts(alice):
    node = entry(alice, "one line")
    edit_node(alice, node, base_rev=1, text="their line")
    with pytest.raises(EditConflict) as conflict:
        edit_node(alice, node, base_rev=1, text="your line")
    detail = conflict.value.detail
    assert (detail["theirs"], detail["yours"], detail["base"]) == (
        "their line",
        "your line",
        "one line",
    )
    assert Node.objects.get(pk=node.pk).body == "their line"
    aside = Version.objects.get(pk=UUID(str(detail["aside"])))
    assert (aside.body, aside.reason, aside.rev) == ("your line", "aside", None)


def test_the_same_act_twice_is_one_revision(alice):
    node, act = entry(alice, "one"), new_id()
    edit_node(alice, node, base_rev=1, text="two", act=act)
    assert edit_node(alice, node, base_rev=1, text="two", act=act).node.rev == 2


def test_an_edit_above_the_cap_is_refused(alice):
    node = entry(alice, "one")
    with pytest.raises(TooLong) as refusal:
        edit_node(alice, node, base_rev=1, text="x" * (NODE_CHARS + 1))
    assert refusal.value.detail == {"chars": NODE_CHARS + 1, "cap": NODE_CHARS}
    assert Node.objects.get(pk=node.pk).body == "one"


def test_restoring_a_version_is_a_new_revision(alice):
    node = entry(alice, "one")
    edit_node(alice, node, base_rev=1, text="two")
    restored = restore_version(alice, node, node.versions.get(rev=1))
    assert (restored.rev, restored.body) == (3, "one")


def test_turning_ai_on_and_off_is_recorded_and_announced(alice):
    node = change_settings(alice, entry(alice), ai_usage="chat")
    change_settings(alice, node, ai_usage="none")
    assert facts("AIUsageChanged") == 2
    assert Entry.objects.filter(object_id=node.pk, action="ai_usage").count() == 2


# Audience


def test_widening_names_the_head_count_it_was_shown(alice, bob, cast):
    node = entry(alice)
    with pytest.raises(HeadCountChanged) as refusal:
        set_audience(alice, node, privacy_level="circles", audience=Audience((cast.circle,)))
    assert refusal.value.detail == {"people": 1}
    set_audience(
        alice, node, privacy_level="circles", audience=Audience((cast.circle,)), expect_people=1
    )
    assert Node.objects.visible_to(bob).filter(pk=node.pk).exists()


def test_narrowing_takes_ones_own_replies_along_and_leaves_those_of_others(alice, bob, cast):
    root = entry(alice, circles=(cast.circle,))
    mine = entry(alice, "mine", parent=root, privacy_level="circles")
    theirs = entry(bob, "theirs", parent=root, privacy_level="circles")
    set_audience(alice, root, privacy_level="private", audience=Audience())
    levels = dict(Node.objects.values_list("pk", "privacy_level"))
    assert (levels[root.pk], levels[mine.pk], levels[theirs.pk]) == (
        "private",
        "private",
        "circles",
    )
    assert not Node.objects.visible_to(bob).filter(pk__in=[root.pk, mine.pk]).exists()


@pytest.mark.parametrize("how", ["named", "in a circle"])
def test_whoever_loses_the_entry_loses_ones_replies_below_it(alice, bob, charlie, cast, how):
    keep = Audience(people=(charlie,))
    if how == "named":
        both = Audience(people=(bob, charlie))
    else:
        both = Audience(circles=(cast.circle,), people=(charlie,))
    root = write_node(alice, text="root", privacy_level="circles", audience=both).node
    theirs = entry(bob, "theirs", parent=root, privacy_level="circles")
    replies = [
        entry(alice, "mine", parent=root, privacy_level="circles").pk,
        entry(alice, "to them", parent=theirs, privacy_level="circles").pk,
    ]
    shown = Node.objects.visible_to(bob).filter(pk__in=replies)
    assert shown.count() == 2
    set_audience(alice, root, privacy_level="circles", audience=keep)
    assert shown.count() == 0
    assert Node.objects.visible_to(charlie).filter(pk__in=replies).count() == 2


def test_somebody_who_joins_later_does_not_see_what_was_shared_before(alice, bob, charlie, cast):
    old = entry(alice, "before", circles=(cast.circle,))
    accept(charlie, invite(alice, cast.circle, charlie))
    new = entry(alice, "after", circles=(cast.circle,))
    seen = set(Node.objects.visible_to(charlie).values_list("pk", flat=True))
    assert seen == {new.pk} and old.pk not in seen


# Drafts


def test_an_autosave_keeps_words_and_announces_nothing(alice):
    saved = save_draft(alice, new_id(), seq=1, title="", text="half a sen")
    assert not saved.stale and Draft.objects.get().body == "half a sen"
    assert not Event.objects.filter(name__startswith="Text").exists()


def test_an_older_autosave_never_wins(alice):
    ident = new_id()
    save_draft(alice, ident, seq=5, title="", text="newer")
    late = save_draft(alice, ident, seq=4, title="", text="older")
    assert late.stale and late.draft.seq == 5 and Draft.objects.get().body == "newer"


def test_an_autosave_after_the_save_makes_no_second_text(alice):
    ident = new_id()
    save_draft(alice, ident, seq=1, title="", text="words")
    write_node(alice, id=ident, text="words")
    assert save_draft(alice, ident, seq=2, title="", text="words").stale
    assert not Draft.objects.exists()


def test_a_draft_of_somebody_else_is_missing(alice, charlie):
    ident = new_id()
    save_draft(alice, ident, seq=1, title="", text="mine")
    with pytest.raises(Missing):
        save_draft(charlie, ident, seq=9, title="", text="stolen")
    assert Draft.objects.get().body == "mine"


def test_a_paste_of_900_kb_is_kept_and_one_above_a_million_refused(alice):
    ident = new_id()
    save_draft(alice, ident, seq=1, title="", text="x" * 900_000)
    with pytest.raises(DraftTooLong):
        save_draft(alice, ident, seq=2, title="", text="x" * 1_000_001)
    assert len(Draft.objects.get().body) == 900_000


def test_the_newest_draft_of_an_entry_is_found(alice):
    node = entry(alice, "one")
    save_draft(alice, new_id(), seq=1, title="", text="one and a half", edits=node.pk, base_rev=1)
    draft = draft_on(alice, node)
    assert draft is not None and (draft.body, draft.base_body) == ("one and a half", "one")


# Trash


def test_a_trashed_entry_is_nowhere_but_in_the_trash(alice, bob, cast):
    node = entry(alice, circles=(cast.circle,))
    act = trash_node(alice, node)
    for who in (alice, bob):
        assert not Node.objects.visible_to(who).filter(pk=node.pk).exists()
    assert Node.objects.deleted_by(alice).get().pk == node.pk
    assert trash_node(alice, node).deletion == act.deletion


def test_one_restore_takes_back_one_act(alice):
    root = entry(alice)
    reply = entry(alice, "below", parent=root)
    other = entry(alice, "elsewhere")
    trash_node(alice, root, own_replies=True)
    trash_node(alice, other)
    restore_node(alice, reply)
    assert set(Node.objects.visible_to(alice).values_list("pk", flat=True)) == {root.pk, reply.pk}


def test_deleting_a_thread_walks_past_the_replies_of_others(alice, bob, cast):
    root = entry(alice, circles=(cast.circle,))
    theirs = entry(bob, "theirs", parent=root, privacy_level="circles")
    mine = entry(alice, "mine again", parent=theirs, privacy_level="circles")
    assert trash_node(alice, root, own_replies=True).count == 2
    assert Node.objects.visible_to(bob).filter(pk=theirs.pk).exists()
    assert not Node.objects.visible_to(bob).filter(pk=mine.pk).exists()


def test_erasing_removes_every_word_and_keeps_the_place_of_others(alice, bob, cast):
    root = entry(alice, circles=(cast.circle,))
    theirs = entry(bob, "theirs", parent=root, privacy_level="circles")
    trash_node(alice, root)
    erase_node(alice, root)
    bare = Node.objects.get(pk=root.pk)
    assert bare.body is None and bare.title == "" and not bare.versions.exists()
    trash_node(bob, theirs)
    erase_node(bob, theirs)
    assert not Node.objects.exists()


def test_the_clock_lets_go_after_thirty_days_and_twice_is_once(alice, time_machine):
    chain = None
    for _ in range(5):
        chain = entry(alice, "deeper", parent=chain)
    trash_node(alice, Node.objects.get(depth=0), own_replies=True)
    assert purge() == 0
    time_machine.move_to(timezone.now() + timedelta(days=30, minutes=1))
    assert purge() == 5 and not Node.objects.exists()
    assert purge() == 0


def test_a_trashed_entry_can_be_neither_edited_nor_answered(alice):
    node = entry(alice)
    trash_node(alice, node)
    with pytest.raises(Node.DoesNotExist):
        edit_node(alice, node, base_rev=1, text="late")
    with pytest.raises(ParentDeleted):
        entry(alice, "late", parent=node)


def test_a_newcomer_who_may_see_earlier_entries_sees_them(alice, charlie):
    circle = befriend(alice)
    node = entry(alice, circles=(circle,))
    accept(charlie, invite(alice, circle, charlie, sees_earlier=True))
    assert Node.objects.visible_to(charlie).filter(pk=node.pk).exists()


@pytest.mark.parametrize("usage", [None, "", "Chat"])
def test_no_entry_is_without_a_word_on_ai(alice, usage):
    node = entry(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Node.objects.filter(pk=node.pk).update(ai_usage=usage)


def test_a_text_as_long_as_the_cap_is_one_entry_and_a_refused_one_stays_a_draft(alice):
    written = write_node(alice, text="x" * NODE_CHARS)
    assert (written.node.chars, len(written.parts)) == (NODE_CHARS, 0)
    long = "y" * (NODE_CHARS + 1)
    draft = save_draft(
        alice, new_id(), seq=1, title="", text=long, edits=written.node.pk, base_rev=1
    ).draft
    with pytest.raises(TooLong):
        edit_node(alice, written.node, base_rev=1, text=long)
    draft.refresh_from_db()
    assert (draft.body, draft.discarded_at) == (long, None)
