import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from journal.actions import replies
from journal.actions.drafts import save_draft
from journal.actions.nodes import change_settings, edit_node
from journal.actions.replies import NOT_OPEN, ask_for_reply, context_of
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from journal.quoting import quote_marker
from journal.replying import PROMPT, question_for, questions, window
from journal.weaving import QUOTE_CHARS, QUOTE_NOT_OPEN, QUOTES
from tests.events_drain import drain
from tests.factories import befriend, entry
from writeorperish.ai import budget, jobs
from writeorperish.ai.composing import compose
from writeorperish.ai.gateway import change_preferences
from writeorperish.ai.models import Call, Job, Read, Scope
from writeorperish.ai.parts import CapabilityOff, Fact, NotAllowed
from writeorperish.ai.prompts import named
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Missing
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db

# Nothing is suggested here, nor found by its words.
REPLYING = ("writeorperish.ai.",)
SLEEP = "I could not sleep. The piano downstairs played until two."


@pytest.fixture
def asked(alice):
    node = entry(alice, SLEEP, ai_usage="chat")
    reply, job = ask_for_reply(alice, node.pk)
    return node, reply, job


def fresh(row):
    return type(row).objects.filter(pk=row.pk).first()


def test_without_a_service_the_reply_is_ones_own_words_and_a_question(alice):
    earlier = entry(alice, "The piano was out of tune again. We went home.", ai_usage="chat")
    node = entry(alice, SLEEP, ai_usage="chat")
    drain(REPLYING)
    reply, job = ask_for_reply(alice, node.pk)
    assert (reply.state, reply.author_kind, reply.parent) == ("writing", "ai", node)
    drain(REPLYING)
    reply, job = fresh(reply), fresh(job)
    assert (reply.state, reply.author_model, job.state, job.offline) == (
        "whole", "offline", "done", True,
    )  # fmt: skip
    quote, question = reply.body.rsplit("\n\n", 1)
    assert quote.startswith("> The piano was out of tune again.\n")
    assert f"/journal/{earlier.pk}/?at=0-32" in quote
    assert question in questions()
    assert reply.versions.get().body == reply.body


def test_the_ledger_names_every_text_that_was_given(alice):
    related = entry(alice, "The piano teacher came late.", ai_usage="chat")
    drain(REPLYING)
    node = entry(alice, SLEEP, ai_usage="chat")
    _reply, job = ask_for_reply(alice, node.pk)
    drain(REPLYING)
    call = Call.objects.get(job=job.pk)
    assert (call.provider, call.sent, call.cost_microdollars) == ("offline", False, 0)
    assert set(call.reads.values_list("ref_id", flat=True)) == {node.pk, related.pk}
    purposes = Entry.objects.filter(action="read", object_id=related.pk)
    assert "reply" in purposes.values_list("purpose", flat=True)


def test_asked_again_meanwhile_the_same_reply_is_meant(alice, asked):
    node, reply, job = asked
    again, same = ask_for_reply(alice, node.pk)
    assert (again.pk, same.pk) == (reply.pk, job.pk)
    assert Node.objects.filter(parent=node).count() == 1


def test_what_is_not_open_leaves_a_gap_and_never_its_words(alice):
    root = entry(alice, "a secret beginning", ai_usage="none")
    middle = entry(alice, "an open middle", parent=root, ai_usage="chat")
    end = entry(alice, "an open end", parent=middle, ai_usage="train")
    entry(alice, "a secret about the open end", ai_usage="none")
    drain(REPLYING)
    slots = context_of(alice, end.pk)
    first, *others = slots["thread"]
    assert first.part == Fact(NOT_OPEN)
    assert [each.part.text for each in others] == ["an open middle", "an open end"]
    assert "secret" not in texts_in(slots)
    reply, _job = ask_for_reply(alice, end.pk)
    drain(REPLYING)
    assert "secret" not in fresh(reply).body
    assert not Read.objects.filter(ref_id=root.pk).exists()


def marker(node, start=None, end=None):
    return quote_marker(node.pk, None if start is None else (node.rev, start, end))


def texts_in(slots):
    """What a model would be given, as words."""
    return "\n".join(compose(named(PROMPT), slots, mark="text-mark").texts)


def test_a_quoted_entry_is_given_under_its_own_rules_and_listed(alice, bob):
    open_one = entry(alice, "before THE QUOTED PASSAGE after", ai_usage="chat")
    closed = entry(alice, "a secret quoted", ai_usage="none")
    foreign = entry(bob, "another secret", ai_usage="chat")
    deleted = entry(alice, "a deleted secret", ai_usage="chat")
    trash_node(alice, deleted)
    words = (
        f"So: {marker(open_one, 7, 25)} {marker(closed)} {marker(foreign)} {marker(deleted)} end"
    )
    node = entry(alice, words, ai_usage="chat")
    told = texts_in(context_of(alice, node.pk))
    assert "THE QUOTED PASSAGE" in told
    for absent in ("before", "after", "secret", "{quote", str(open_one.pk), str(closed.pk)):
        assert absent not in told
    assert told.count(QUOTE_NOT_OPEN) == 3
    _reply, job = ask_for_reply(alice, node.pk)
    drain(REPLYING)
    reads = Read.objects.filter(call__job=job.pk, ref_id=open_one.pk, owner=alice)
    assert (7, 25) in reads.values_list("start", "end")
    assert not Read.objects.filter(
        ref_id__in=[closed.pk, foreign.pk, deleted.pk], purpose="reply"
    ).exists()


def test_others_words_are_quoted_to_a_model_where_they_are_shared_and_open(alice, bob):
    circle = befriend(bob, alice)
    shared = entry(bob, "bob's shared words", ai_usage="chat", circles=(circle,))
    closed = entry(bob, "bob's closed words", ai_usage="none", circles=(circle,))
    node = entry(alice, f"{marker(shared)} and {marker(closed)}", ai_usage="chat")
    told = texts_in(context_of(alice, node.pk))
    assert "bob's shared words" in told
    assert "bob's closed words" not in told
    assert Entry.objects.filter(object_id=shared.pk, action="read", actor_id=alice.pk).exists()


def test_ten_quotes_of_four_thousand_characters_and_none_within_a_quote(alice):
    innermost = entry(alice, "innermost words", ai_usage="chat")
    long = entry(alice, f"{marker(innermost)}{'long ' * 2_000}", ai_usage="chat")
    node = entry(alice, " ".join([marker(long)] * 12), ai_usage="chat")
    slots = context_of(alice, node.pk)
    told = texts_in(slots)
    assert "innermost" not in told
    assert "{quote" not in told
    cuts = compose(named(PROMPT), slots, mark="text-mark").cuts
    quoted = [cut for cut in cuts if cut.passage.ref == Ref.to(long) and cut.end <= QUOTE_CHARS]
    assert len(quoted) == QUOTES


def test_a_marker_in_a_model_s_own_words_quotes_nothing(alice):
    secret = entry(alice, "an open secret", ai_usage="chat")
    node = entry(alice, SLEEP, ai_usage="chat")
    reply, _job = ask_for_reply(alice, node.pk)
    drain(REPLYING)
    reply = fresh(reply)
    edit_node(alice, reply, base_rev=reply.rev, title=None, text=f"Look: {marker(secret)}")
    end = entry(alice, "go on", parent=reply, ai_usage="chat")
    thread = texts_in({"thread": context_of(alice, end.pk)["thread"]})
    assert "Look: […]" in thread
    assert "an open secret" not in thread


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda alice, bob, circle: entry(alice, ai_usage="none"), "ai_off_here"),
        (
            lambda alice, bob, circle: entry(bob, ai_usage="chat", circles=(befriend(bob, alice),)),
            "not_yours",
        ),
    ],
    ids=["closed", "somebody else's"],
)
def test_what_may_not_be_answered_says_why(alice, bob, cast, make, why):
    with pytest.raises(NotAllowed) as refusal:
        ask_for_reply(alice, make(alice, bob, cast.circle).pk)
    assert refusal.value.detail == {"why": why}
    assert not Job.objects.exists()


def test_what_one_cannot_see_is_missing(alice, charlie):
    with pytest.raises(Missing):
        ask_for_reply(charlie, entry(alice, ai_usage="chat").pk)


def test_a_pause_switch_stops_it_before_anything_is_made(alice):
    node = entry(alice, ai_usage="chat")
    change_preferences(alice.pk, paused=True, preferred_model="")
    with pytest.raises(CapabilityOff) as refusal:
        ask_for_reply(alice, node.pk)
    assert refusal.value.detail == {"why": "paused_by_you"}
    assert not Node.objects.filter(parent=node).exists()


def close(alice, node):
    change_settings(alice, node, ai_usage="none")


def pause(alice, node):
    change_preferences(alice.pk, paused=True, preferred_model="")


@pytest.mark.parametrize(
    ("change", "why"),
    [(close, "ai_off_here"), (trash_node, "ai_off_here"), (pause, "paused_by_you")],
    ids=["closed to AI", "deleted", "paused"],
)
@pytest.mark.parametrize("first", ["the worker", "the change"])
def test_what_changed_before_the_worker_came_is_stopped_unread(alice, asked, change, why, first):
    node, reply, job = asked
    change(alice, node)
    if first == "the worker":
        jobs.run(job.pk)
    else:
        jobs.stop_withheld(alice.pk)
    drain(REPLYING)
    assert fresh(reply) is None
    assert (fresh(job).state, fresh(job).error) == ("stopped", why)
    assert not Call.objects.filter(task="reply").exists()
    assert not Entry.objects.filter(action="read", purpose="reply").exists()


@pytest.mark.parametrize("change", [close, trash_node, pause])
def test_what_changes_while_it_is_written_tells_its_worker_to_stop(alice, bob, asked, change):
    node, _reply, job = asked
    other = jobs.start(bob, job.kind, about=Ref.to(entry(bob, ai_usage="chat")))[0]
    claimed = [jobs.claim(each.pk) for each in (job, other)]
    change(alice, node)
    drain(REPLYING)
    assert [fresh(each).stop_asked_at is None for each in claimed] == [False, True]


def test_a_text_that_is_opened_further_stops_nothing(alice, asked):
    node, _reply, job = asked
    jobs.claim(job.pk)
    change_settings(alice, node, ai_usage="train")
    drain(REPLYING)
    assert fresh(job).stop_asked_at is None


def test_a_reply_that_was_deleted_while_it_was_written_is_discarded(alice, asked):
    _node, reply, job = asked
    trash_node(alice, reply)
    drain(REPLYING)
    assert fresh(reply).body == ""
    assert (fresh(job).state, fresh(job).error) == ("stopped", "gone")


def test_an_entry_closed_while_it_is_answered_gets_no_reply(alice, asked, monkeypatch):
    node, reply, job = asked
    settle = replies.settle_reply

    def closed_just_before(job, answer):
        close(alice, node)
        settle(job, answer)

    monkeypatch.setattr(replies, "settle_reply", closed_just_before)
    drain(REPLYING)
    assert fresh(reply) is None
    assert (fresh(job).state, fresh(job).error) == ("stopped", "gone")


def test_a_failed_reply_is_written_anew_in_its_place(alice, asked):
    node, reply, job = asked
    jobs.give_up(jobs.claim(job.pk), "lost")
    assert fresh(reply).state == "failed"
    again, another = ask_for_reply(alice, node.pk)
    assert (again.pk, another.pk != job.pk) == (reply.pk, True)
    drain(REPLYING)
    assert fresh(reply).state == "whole"
    assert Node.objects.filter(parent=node).count() == 1


def test_stopped_before_it_began_it_leaves_nothing(alice, asked):
    _node, reply, job = asked
    jobs.cancel(alice, job.pk)
    assert fresh(reply) is None
    drain(REPLYING)
    assert fresh(job).state == "stopped"


def test_stopped_in_the_middle_what_was_written_stays(alice, asked):
    _node, reply, job = asked
    claimed = jobs.claim(job.pk)
    claimed.partial = "Half a thought"
    with_words = jobs.KINDS[job.kind]
    with_words.end(claimed, Job.State.STOPPED, "")
    assert (fresh(reply).state, fresh(reply).body) == ("stopped", "Half a thought")


def test_whoever_may_read_the_entry_may_read_the_reply_once_it_is_whole(alice, bob, cast):
    node = entry(alice, SLEEP, ai_usage="chat", circles=(cast.circle,))
    reply, _job = ask_for_reply(alice, node.pk)
    assert not Node.objects.visible_to(bob).filter(pk=reply.pk).exists()
    drain(REPLYING)
    assert Node.objects.visible_to(bob).filter(pk=reply.pk).exists()
    assert not Node.objects.visible_to(cast.charlie).filter(pk=reply.pk).exists()


def test_ai_words_are_told_as_answers(alice, asked):
    _node, reply, _job = asked
    drain(REPLYING)
    facts = Event.objects.filter(name="TextWritten", facts__contains={"ref": str(Ref.to(reply))})
    assert [event.fact.genre for event in facts] == ["answer"]


def test_a_reply_made_here_costs_nothing_of_the_budget(alice):
    budget.allow(alice.pk, {Scope.MONTH: 0, Scope.REPLIES_DAY: 0})
    reply, _job = ask_for_reply(alice, entry(alice, SLEEP, ai_usage="chat").pk)
    drain(REPLYING)
    assert fresh(reply).state == "whole"


def test_the_same_text_gets_the_same_question():
    assert len(questions()) == len(set(questions())) == 40
    assert question_for("a") == question_for("a")
    assert len({question_for(str(number)) for number in range(200)}) > 30


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [
        ([], []),
        ([5], [0]),
        ([5, 5, 5], [0, 1, 2]),
        ([50, 5, 5, 5], [0, 1, 2, 3]),
        ([50, 40, 40, 40], [0, 3]),
        ([500, 500, 500], [0, 2]),
    ],
    ids=str,
)
def test_a_conversation_is_its_beginning_and_its_newest_part(lengths, chosen):
    assert window(lengths, chars=100) == chosen


def chain(owner, length):
    nodes = [entry(owner, "the first of many", ai_usage="chat")]
    for depth in range(1, length):
        node = Node(
            owner=owner, root=nodes[0].root, parent=nodes[-1], depth=depth, body=f"step {depth}",
            chars=9, day=timezone.now().date(), ai_usage="chat",
        )  # fmt: skip
        nodes.append(node)
    Node.objects.bulk_create(nodes[1:])
    return nodes[-1]


def test_four_hundred_turns_are_read_in_as_many_queries_as_four(alice):
    costs = []
    for length in (3, 4, 400):  # the first is what the others have related to them
        end = chain(alice, length)
        with CaptureQueriesContext(connection) as queries:
            assert len(context_of(alice, end.pk)["thread"]) == length
        costs.append(len(queries))
    assert costs[1] == costs[2]


def test_a_reply_typed_while_one_is_written_leaves_that_alone(asked, alice):
    node, reply, job = asked
    draft = save_draft(alice, new_id(), seq=1, title="", text="Meanwhile", parent=node.pk).draft
    typed = entry(alice, "Meanwhile I go on.", id=draft.pk, draft=draft.pk, parent=node)
    assert (fresh(reply).state, fresh(job).state) == ("writing", "queued")
    drain(REPLYING)
    assert (fresh(reply).state, fresh(job).state) == ("whole", "done")
    assert fresh(typed).body == "Meanwhile I go on."
    assert fresh(reply).body != fresh(typed).body
    assert Node.objects.filter(parent=node).count() == 2
