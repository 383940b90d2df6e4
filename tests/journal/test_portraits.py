"""From entries to a portrait without any service: notes, digests, versions, and what is forgotten of them."""

import random
import re
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from journal.actions import notes, portraits
from journal.actions.exports import tables_of
from journal.actions.nodes import change_settings, edit_node
from journal.actions.notes import pending, stale_months
from journal.actions.portraits import (
    EmptyPortrait,
    TooLittle,
    accept_proposal,
    ask_for_portrait,
    current_of,
    edit_portrait,
    erase_portrait,
    needs_of,
    people_due,
    proposal_of,
    restore_portrait,
    set_use,
    shown_to,
    start_due,
)
from journal.actions.trash import erase_node, restore_node, trash_node
from journal.models.portraits import STRUCK, Evidence, MonthDigest, Note, Portrait
from journal.portraying import sentences_of
from tests.events_drain import drain, drain_twice
from tests.factories import entry, person
from writeorperish.ai import jobs
from writeorperish.ai.gateway import change_preferences
from writeorperish.ai.models import Call, Job
from writeorperish.ai.parts import CapabilityOff, NotAllowed
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Conflict, Missing
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_encoder")]

# Nothing here is searched or suggested, which every text would be made ready for. Jobs run, and end with what
# they rest on.
PORTRAYING = tuple(f"writeorperish.ai.handlers.{act}_what" for act in ("run", "stop", "drop"))
SUBJECTS = [
    "piano", "garden", "running", "bread", "letters", "winter", "office", "swimming", "chess", "sea",
]  # fmt: skip


def agree(who, *, granted=True):
    asked = consent.terms()[Purpose.PORTRAIT]
    consent.decide(who, Purpose.PORTRAIT, granted=granted, text_version=asked.version)


def words_about(subject):
    """About 1,100 characters: ten of them are enough for a first portrait."""
    return (
        f"Today the {subject} was on my mind. I believe that the {subject} is important to me. "
        f"I feel happy when the {subject} goes well. Tomorrow I will learn more about the {subject}. "
        f"Why do I love the {subject} so much? My mother knew the {subject} too. "
    ) + "The day went on as days do. " * 28


def written(who, *, count=10, ai_usage="chat"):
    return [entry(who, words_about(SUBJECTS[n % 10]), ai_usage=ai_usage) for n in range(count)]


@pytest.fixture
def writer(alice):
    agree(alice)
    return alice


@pytest.fixture
def entries(writer):
    made = written(writer)
    drain(PORTRAYING)
    return made


def built(who):
    """The job, at its end, and the portrait that is shown."""
    job = ask_for_portrait(who)
    drain(PORTRAYING)
    job.refresh_from_db()
    return job, shown_to(who)


def test_without_a_service_a_portrait_is_ones_own_sentences_by_part(writer, entries):
    job, portrait = built(writer)
    assert (job.state, job.offline, job.error) == ("done", True, "")
    assert (portrait.state, portrait.made_by, portrait.rev, portrait.entries) == (
        "current", "offline", 1, 10,
    )  # fmt: skip
    headings = [line for line in portrait.body.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What you are busy with",
        "## What matters to you",
        "## How you think and write",
        "## Open questions",
    ]
    texts = {entry.pk: entry.body for entry in entries}
    evidence = {each.sentence: each for each in portrait.evidence.all()}
    for sentence in sentences_of(portrait.body):
        rests = evidence[sentence.number]
        assert texts[rests.source_id][rests.start : rests.end] == sentence.text
    assert not Call.objects.filter(sent=True).exists()
    assert Note.objects.count() == 10


def test_every_open_entry_is_noted_once_a_revision_and_no_other(writer, entries):
    closed = entry(writer, words_about("a secret"), ai_usage="none")
    reply = entry(writer, words_about("answers"), ai_usage="chat", parent=entries[0])
    type(reply).objects.filter(pk=reply.pk).update(author_kind="ai", author_model="offline")
    others = entry(person("dora"), words_about("others"), ai_usage="chat")
    built(writer)
    assert set(Note.objects.values_list("source_id", flat=True)) == {each.pk for each in entries}
    first = dict(Note.objects.values_list("source_id", "pk"))
    edit_node(writer, entries[3], base_rev=1, text=words_about("drums"))
    edit_node(writer, entries[3], base_rev=2, text=words_about("trumpets"))
    assert list(pending(writer.pk)) == [entries[3]]
    built(writer)
    again = dict(Note.objects.values_list("source_id", "pk"))
    assert {pk for pk in again if again[pk] != first.get(pk)} == {entries[3].pk}
    assert Note.objects.get(source_id=entries[3].pk).rev == 3
    assert "trumpets" in Note.objects.get(source_id=entries[3].pk).items[0]["text"]
    assert not Note.objects.filter(source_id__in=[closed.pk, others.pk, reply.pk]).exists()


def test_heard_twice_and_asked_twice_it_is_built_once(writer, entries):
    job = ask_for_portrait(writer)
    assert ask_for_portrait(writer) == job
    drain_twice(PORTRAYING)
    assert Portrait.objects.count() == 1
    built(writer)
    assert Portrait.objects.count() == 1, "nothing new, no new version"
    assert Job.objects.filter(kind=portraits.KIND).count() == 2


def test_what_is_too_little_says_what_it_needs(writer):
    assert (needs_of(writer).entries, needs_of(writer).words) == (10, 2000)
    entry(writer, "Two words. " * 100, ai_usage="chat")
    entry(writer, words_about("closed"), ai_usage="none")
    needs = needs_of(writer)
    assert (needs.entries, needs.words, needs.open_entries) == (9, 2000 - 220, 1)
    with pytest.raises(TooLittle):
        ask_for_portrait(writer)
    assert not Job.objects.filter(kind=portraits.KIND).exists()


def test_without_consent_nothing_is_noted_also_where_nothing_would_leave(alice):
    written(alice)
    with pytest.raises(NotAllowed) as refusal:
        ask_for_portrait(alice)
    assert refusal.value.detail == {"why": "no_consent"}
    agree(alice)
    job = ask_for_portrait(alice)
    agree(alice, granted=False)
    drain(PORTRAYING)
    job.refresh_from_db()
    assert (job.state, job.error) == ("stopped", "no_consent")
    assert not Note.objects.exists()


def test_consent_taken_back_while_a_note_is_made_keeps_none(writer, entries, monkeypatch):
    keep = notes.keep_note

    def taken_back_just_before(*values):
        agree(writer, granted=False)
        return keep(*values)

    monkeypatch.setattr(notes, "keep_note", taken_back_just_before)
    job, portrait = built(writer)
    assert (job.state, portrait, Note.objects.count()) == ("stopped", None, 0)


def test_a_pause_holds_it(writer, entries):
    change_preferences(writer.pk, paused=True, preferred_model="")
    with pytest.raises(CapabilityOff):
        ask_for_portrait(writer)


# --- forgotten


def deleted_for_good(who, node):
    trash_node(who, node)
    erase_node(who, node)


def closed_to_ai(who, node):
    change_settings(who, node, ai_usage="none")


@pytest.mark.parametrize("change", [trash_node, deleted_for_good, closed_to_ai])
def test_what_goes_takes_its_notes_and_its_sentences_along(writer, change):
    written(writer)
    canary = entry(writer, words_about("flamingo"), ai_usage="chat")
    _job, portrait = built(writer)
    assert "flamingo" in portrait.body
    change(writer, canary)
    portrait.refresh_from_db()
    assert not Note.objects.filter(source_id=canary.pk).exists()
    assert not Evidence.objects.filter(source_id=canary.pk).exists()
    assert not MonthDigest.objects.exists()
    assert portrait.state == "quarantined"
    assert "flamingo" not in portrait.body
    assert STRUCK in portrait.body
    assert "sea" in portrait.body, "what rests on others stays readable"
    assert (current_of(writer), shown_to(writer)) == (None, portrait)
    _job, again = built(writer)
    assert (again.state, again.rev) == ("current", 2)
    assert "flamingo" not in again.body


def test_an_entry_that_is_not_cited_sets_aside_what_was_built_with_it(writer):
    quiet = entry(writer, "Hm", ai_usage="chat")
    written(writer)
    _job, portrait = built(writer)
    assert not Evidence.objects.filter(source_id=quiet.pk).exists()
    body = portrait.body
    closed_to_ai(writer, quiet)
    portrait.refresh_from_db()
    assert (portrait.state, portrait.body) == ("quarantined", body)


def test_an_earlier_version_is_set_aside_too_also_after_an_edit_of_the_entry(writer, entries):
    _job, first = built(writer)
    edit_node(writer, entries[0], base_rev=1, text=words_about("drums"))
    _job, second = built(writer)
    assert (first.rev, second.rev) == (1, 2)
    closed_to_ai(writer, entries[0])
    assert set(Portrait.objects.values_list("state", flat=True)) == {"quarantined"}


def test_what_came_after_and_what_others_wrote_stands(writer, entries):
    _job, portrait = built(writer)
    later = entry(writer, words_about("later"), ai_usage="chat")
    closed_to_ai(writer, later)
    dora = person("dora")
    agree(dora)
    theirs = written(dora)
    built(dora)
    closed_to_ai(dora, theirs[0])
    assert current_of(writer) == portrait
    assert shown_to(dora).set_aside


def test_an_entry_back_from_the_trash_is_noted_again(writer, entries):
    built(writer)
    trash_node(writer, entries[0])
    restore_node(writer, entries[0])
    assert list(pending(writer.pk)) == [entries[0]]
    built(writer)
    assert Note.objects.filter(source_id=entries[0].pk).exists()


def test_an_entry_that_goes_while_it_is_built_is_not_in_it(writer, entries, monkeypatch):
    keep = portraits.keep_portrait
    going = [entries[0]]

    def gone_just_before(job, made):
        if going:
            trash_node(writer, going.pop())
        return keep(job, made)

    monkeypatch.setattr(portraits, "keep_portrait", gone_just_before)
    job, portrait = built(writer)
    assert (job.state, job.attempt, portrait.entries) == ("done", 2, 9)
    assert "piano" not in portrait.body


def test_all_of_it_can_be_thrown_away_with_the_consent(writer, entries):
    built(writer)
    erase_portrait(writer)
    for model in (Note, MonthDigest, Portrait, Evidence):
        assert not model.objects.exists()
    with pytest.raises(NotAllowed):
        ask_for_portrait(writer)
    assert start_due(timezone.now() + timedelta(days=30)) == 0


def test_no_word_of_it_is_in_a_fact(writer, entries):
    built(writer)
    assert "piano" not in str(list(Event.objects.values()))


# --- by hand


def test_ones_own_words_stand_and_what_ai_finds_is_proposed(writer, entries):
    _job, first = built(writer)
    mine = edit_portrait(writer, base_rev=1, body=first.body + "\n\n## Besides\n\n- I keep bees.\n")
    assert (mine.rev, mine.made_by, mine.state) == (2, "person", "current")
    assert mine.evidence.count() == first.evidence.count()
    entry(writer, words_about("trumpet"), ai_usage="chat")
    built(writer)
    proposal = proposal_of(writer)
    assert (proposal.rev, current_of(writer)) == (3, mine)
    assert "bees" not in proposal.body
    took = [each for each in sentences_of(proposal.body) if "trumpet" in each.text][:1]
    dropped = sentences_of(mine.body)[0]
    accepted = accept_proposal(
        writer, rev=3, base_rev=2, take=[took[0].number], drop=[dropped.number]
    )
    texts = [each.text for each in sentences_of(accepted.body)]
    assert took[0].text in texts
    assert "I keep bees." in texts
    assert dropped.text not in texts
    place = texts.index(took[0].text)
    assert accepted.evidence.filter(sentence=place).exists()
    assert not accepted.evidence.filter(sentence=texts.index("I keep bees.")).exists()
    proposal.refresh_from_db()
    assert (proposal.state, proposal_of(writer), accepted.made_by) == ("superseded", None, "person")
    with pytest.raises(Missing):
        accept_proposal(writer, rev=3, base_rev=4, take=[], drop=[])


def test_a_proposal_may_be_declined_as_a_whole(writer, entries):
    _job, first = built(writer)
    mine = edit_portrait(writer, base_rev=1, body="I keep bees.")
    entry(writer, words_about("trumpet"), ai_usage="chat")
    built(writer)
    assert accept_proposal(writer, rev=3, base_rev=2, take=[], drop=[]) == mine
    assert (proposal_of(writer), current_of(writer)) == (None, mine)
    assert first.rev == 1


def test_a_proposal_outlives_ones_own_that_was_set_aside(writer, entries):
    _job, first = built(writer)
    edit_portrait(writer, base_rev=1, body=first.body)
    mine = edit_portrait(writer, base_rev=1, body=f"{first.body}\n- I keep bees.")
    entry(writer, words_about("trumpet"), ai_usage="chat")
    built(writer)
    Portrait.objects.filter(pk=mine.pk).update(state="quarantined")
    assert (shown_to(writer), proposal_of(writer).rev) == (mine, 3)
    accepted = accept_proposal(writer, rev=3, base_rev=0, take=[], drop=[])
    assert (accepted.state, accepted.rev, shown_to(writer)) == ("current", 4, accepted)
    assert accepted.evidence.exists()


def test_who_edits_an_older_one_is_told(writer, entries):
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    with pytest.raises(Conflict) as refusal:
        edit_portrait(writer, base_rev=1, body="I keep hens.")
    assert refusal.value.detail == {"rev": 2}
    for nothing in ("", "  \n", "# Only a heading"):
        with pytest.raises(EmptyPortrait):
            edit_portrait(writer, base_rev=2, body=nothing)
    assert Portrait.objects.count() == 2


def test_an_earlier_version_comes_back_with_what_it_rests_on(writer, entries):
    _job, first = built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    first.refresh_from_db()
    back = restore_portrait(writer, first)
    assert (back.rev, back.made_by, back.body) == (3, "restore", first.body)
    assert back.evidence.count() == first.evidence.count() > 0
    closed_to_ai(writer, entries[0])
    first.refresh_from_db()
    with pytest.raises(Conflict):
        restore_portrait(writer, first)


def test_the_choice_not_to_use_it_holds_for_later_versions(writer, entries):
    built(writer)
    set_use(writer, ai_usage="none")
    mine = edit_portrait(writer, base_rev=1, body="I keep bees.")
    assert mine.ai_usage == "none"


# --- when


def due(**later):
    return people_due(timezone.now() + timedelta(**later))


def test_the_clock_begins_one_when_there_is_enough_and_a_pause(writer):
    written(writer, count=9)
    assert due(hours=1) == []
    last = written(writer, count=1)
    assert due(minutes=29) == []
    assert due(minutes=31) == [writer.pk]
    closed_to_ai(writer, last[0])
    assert due(hours=1) == []


def test_the_clock_asks_everybody_in_one_query(writer, django_assert_num_queries):
    written(writer)
    others = [person(f"writer{number}") for number in range(3)]
    for other in others:
        agree(other)
        written(other)
    stranger = person("stranger")
    written(stranger)
    paused = person("paused")
    agree(paused)
    written(paused)
    change_preferences(paused.pk, paused=True, preferred_model="")
    left = person("left", leaving_at=timezone.now())
    agree(left)
    written(left)
    withdrawn = person("withdrawn")
    agree(withdrawn)
    agree(withdrawn, granted=False)
    written(withdrawn)
    with django_assert_num_queries(1):
        found = due(hours=1)
    assert set(found) == {writer.pk, *(other.pk for other in others)}
    assert start_due(timezone.now() + timedelta(hours=1)) == 4
    assert due(hours=1) == []


def test_the_clock_begins_none_while_ai_is_paused_here(writer, settings):
    written(writer)
    settings.AI_PAUSED = True
    assert due(hours=1) == []


def test_the_next_one_waits_for_a_week_and_for_something_new(writer):
    written(writer)
    start_due(timezone.now() + timedelta(hours=1))
    drain(PORTRAYING)
    assert current_of(writer)
    assert due(days=8) == []
    written(writer, count=9)
    assert due(days=8) == []
    written(writer, count=1)
    assert due(days=6) == []
    assert due(days=8) == [writer.pk]


def test_much_that_is_new_is_enough_and_notes_alone_do_not_hide_it(writer):
    written(writer)
    start_due(timezone.now() + timedelta(hours=1))
    drain(PORTRAYING)
    entry(writer, words_about("a long walk") * 16, ai_usage="chat")
    assert due(days=8) == [writer.pk]
    job, _new = jobs.start(writer, portraits.KIND, about=portraits.about(writer.pk))
    run = notes.Run(jobs.claim(job.pk), jobs.Telling(job))
    assert notes.note_next(run)
    Job.objects.filter(pk=job.pk).delete()
    assert not pending(writer.pk).exists()
    assert due(days=8) == [writer.pk]


def test_one_that_was_set_aside_is_built_anew_at_the_next_chance(writer, entries):
    built(writer)
    closed_to_ai(writer, entries[0])
    assert due(hours=2) == [], "one was tried today"
    assert due(hours=25) == [writer.pk]
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        start_due(timezone.now())
        drain(PORTRAYING)
    assert current_of(writer).entries == 9


# --- how much


def test_a_job_that_may_spend_no_more_is_followed_by_another(writer, monkeypatch):
    monkeypatch.setattr(notes, "MOST_SECONDS", -1.0)
    written(writer)
    job, portrait = built(writer)
    assert (job.state, portrait, Note.objects.count()) == ("done", None, 0)
    assert Job.objects.filter(kind=portraits.KIND).count() == 1, "one that did nothing is the last"
    one_at_a_time = iter([True, False] * 20)
    monkeypatch.setattr(notes.Run, "goes_on", lambda run: next(one_at_a_time))
    written(writer, count=30)
    built(writer)
    assert not pending(writer.pk).exists()
    assert Job.objects.filter(kind=portraits.KIND).count() > 4


def test_an_entry_too_long_for_one_call_is_read_in_stretches(writer, entries):
    text = words_about("piano") + "x" * 30_000 + ". The tuba is important to me."
    long = entry(writer, text, ai_usage="chat")
    built(writer)
    note = Note.objects.get(source_id=long.pk)
    assert any("tuba" in item["text"] for item in note.items)
    for item in note.items:
        assert long.body[item["start"] : item["end"]] == item["text"]
    reads = Call.objects.filter(task="note", reads__ref_id=long.pk).distinct()
    assert reads.count() == 2


def test_a_digest_is_made_anew_only_when_its_notes_are_others(writer, entries):
    built(writer)
    made_at = MonthDigest.objects.get().made_at
    assert stale_months(writer.pk) == []
    built(writer)
    assert MonthDigest.objects.get().made_at == made_at
    edit_node(writer, entries[0], base_rev=1, text=words_about("drums"))
    built(writer)
    assert MonthDigest.objects.get().made_at > made_at


def test_whatever_happens_meanwhile_every_open_entry_is_noted_once_and_no_closed_one(
    writer,
):
    """A hundred acts in an order nobody chose, a portrait now and then, and an entry of 900,000 characters."""
    chance = random.Random(13)  # nothing is kept secret by it
    entry(writer, "A long day at the lake. " * 37_500, ai_usage="chat")
    standing = written(writer)
    gone = []
    for step in range(100):
        match chance.choice(["write", "edit", "edit", "trash", "erase", "close", "build"]):
            case "write":
                standing.append(entry(writer, words_about(f"stone{step}"), ai_usage="chat"))
            case "edit":
                node = chance.choice(standing)
                node.refresh_from_db()
                edit_node(writer, node, base_rev=node.rev, text=words_about(f"stone{step}"))
            case "build" if step % 4 == 0:
                built(writer)
            case "trash" | "erase" | "close" as act if len(standing) > 8:
                node = standing.pop(chance.randrange(len(standing)))
                node.refresh_from_db()
                gone.append(node.body.split()[2])
                ACTS[act](writer, node)
    built(writer)
    assert not pending(writer.pk).exists()
    noted = Counter(Note.objects.values_list("source_id", flat=True))
    open_now = set(notes.open_entries().filter(owner=writer).values_list("pk", flat=True))
    assert (set(noted), set(noted.values())) == (open_now, {1})
    live = {node.body.split()[2] for node in map(fresh, standing)}
    said = " ".join(
        [
            *(str(note.items) for note in Note.objects.all()),
            *(str(digest.lines) for digest in MonthDigest.objects.all()),
            *(portrait.body for portrait in Portrait.objects.all()),
        ]
    )
    for canary in set(gone) - live:
        assert not re.search(rf"\b{canary}\b", said), canary


def fresh(node):
    return type(node).objects.get(pk=node.pk)


ACTS = {"trash": trash_node, "erase": deleted_for_good, "close": closed_to_ai}


def test_all_of_it_is_in_the_export(writer, entries):
    built(writer)
    tables = {name: list(rows) for name, rows in tables_of(writer)}
    (portrait,) = tables["journal.portrait"]
    assert "the sea" in portrait["body"]
    assert "the sea" in str(tables["journal.note"])
    assert tables["journal.evidence"] and tables["journal.monthdigest"]


def test_a_stop_ends_it_between_two_steps(writer, entries):
    job = ask_for_portrait(writer)
    jobs.cancel(writer, job.pk)
    job.refresh_from_db()
    assert job.state == "stopped"
    drain(PORTRAYING)
    assert not Note.objects.exists()


def test_every_step_reads_through_the_door_and_stands_in_the_ledger(writer, entries):
    built(writer)
    read_by = {
        (call.task, read.kind, read.purpose)
        for call in Call.objects.filter(about_id=writer.pk)
        for read in call.reads.all()
    }
    assert read_by == {
        ("note", "journal.node", "note"),
        ("month_digest", "journal.note", "portrait"),
        ("portrait", "journal.monthdigest", "portrait"),
    }
    audited = Entry.objects.filter(chain=str(writer.pk), action="read", object_id=entries[0].pk)
    assert "note" in audited.values_list("purpose", flat=True)
