"""The gateway over real SDKs and a local server: what leaves, with which key, at what price, and what goes wrong."""

from dataclasses import replace

import pytest
import stamina
from django.utils import timezone

from journal.actions import replies
from journal.actions.nodes import change_settings
from journal.actions.replies import ask_for_reply, context_of
from journal.actions.trash import trash_node
from journal.replying import PROMPT
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ai import budget, catalogue, gateway, jobs, routing, schemas
from writeorperish.ai.asking import Broken
from writeorperish.ai.gateway import change_preferences
from writeorperish.ai.ledger import Errand
from writeorperish.ai.models import Call, Job, Purse, Scope
from writeorperish.ai.parts import (
    BadAnswer,
    BudgetSpent,
    CapabilityOff,
    NotAllowed,
    ProviderDown,
    ProviderRefuses,
    TooLong,
)
from writeorperish.ai.providers.wire import Request, Stop, Turn
from writeorperish.audit.models import Entry
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db

SECRET = "a secret nobody may read"


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings, monkeypatch):
    """The local provider as Anthropic, the first choice for replies; nothing waits between tries."""
    server.requests.clear()
    server.orders.clear()
    server.says = None
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    for name in ("anthropic", "openai", "compat"):
        breaker(f"ai:{name}:chat", counts=gateway.asking.is_away).close()
    stamina.set_testing(True, attempts=3)
    yield server
    stamina.set_testing(False)


@pytest.fixture
def second(server, settings):
    """OpenAI beside it, at the same place."""
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "openai-key", server.base_url
    settings.OPENAI_API = "responses"


def agree(person, *purposes):
    for purpose in purposes:
        consent.decide(person, purpose, granted=True, text_version=consent.terms()[purpose].version)


@pytest.fixture
def writer(alice, double):
    agree(alice, Purpose.REPLY)
    return alice


def asked(person, node, **more):
    """The answer and its pieces."""
    slots = context_of(person, node.pk)
    *pieces, answer = gateway.stream(PROMPT, slots, spender=person.pk, **more)
    return answer, [piece.words for piece in pieces]


def test_a_reply_comes_in_pieces_and_is_paid_for(writer, double):
    node = entry(writer, "I could not sleep.", ai_usage="chat")
    answer, pieces = asked(writer, node)
    assert "".join(pieces) == answer.text != ""
    assert (answer.stop, answer.provider, answer.offline) == (Stop.END, "anthropic", False)
    (call,) = Call.objects.filter(task="reply")
    assert (call.outcome, call.sent, call.key_class, call.estimated) == (
        "settled", True, "chat", False,
    )  # fmt: skip
    assert call.cost_microdollars == answer.cost_microdollars > 0
    assert call.tokens_in > 0
    assert call.tokens_out > 0
    assert [read.ref_id for read in call.reads.all()] == [node.pk]
    purse = Purse.objects.get(owner=writer, scope=Scope.MONTH)
    assert (purse.spent, purse.held) == (call.cost_microdollars, 0)
    assert len(double.requests) == 1


def test_what_leaves_is_the_open_texts_and_nothing_of_the_person(writer, double):
    root = entry(writer, SECRET, ai_usage="none")
    node = entry(writer, "an open end", parent=root, ai_usage="chat")
    entry(writer, f"near the open end, {SECRET}", ai_usage="none")
    drain()
    asked(writer, node)
    (request,) = double.requests
    sent = str(request.body) + str(request.headers)
    assert "an open end" in sent
    assert "not available to AI" in sent
    for private in (SECRET, str(writer.pk), writer.email, writer.profile.handle, str(node.pk)):
        assert private not in sent


def key_sent(double):
    return double.requests[-1].headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize(
    ("usages", "agreed", "key"),
    [
        (("train", "train"), True, "train-key"),
        (("train", "chat"), True, "chat-key"),
        (("chat", "train"), True, "chat-key"),
        (("train", "train"), False, "chat-key"),
    ],
)
def test_the_key_that_allows_training_is_for_texts_that_all_may(
    writer, double, settings, usages, agreed, key
):
    settings.ANTHROPIC_TRAIN_API_KEY = "train-key"
    agree(writer, Purpose.REPLY, *([Purpose.TRAIN] if agreed else []))
    root = entry(writer, "the beginning", ai_usage=usages[0])
    asked(writer, entry(writer, "the end", parent=root, ai_usage=usages[1]))
    assert key_sent(double) == key
    assert Call.objects.get(task="reply").key_class == key.removesuffix("-key")


# --- refused before anything leaves


def no_consent(person, settings):
    consent.decide(
        person, Purpose.REPLY, granted=False, text_version=consent.terms()["reply"].version
    )


def other_words(person, settings):
    settings.COMPAT_BASE_URL = "http://127.0.0.1:9"  # the consent names one company more now


def no_money(person, settings):
    budget.allow(person.pk, {Scope.MONTH: 0})


def paused(person, settings):
    change_preferences(person.pk, paused=True, preferred_model="")


def all_paused(person, settings):
    settings.AI_PAUSED = True


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (no_consent, NotAllowed),
        (other_words, NotAllowed),
        (no_money, BudgetSpent),
        (paused, CapabilityOff),
        (all_paused, CapabilityOff),
    ],
    ids=lambda each: each.__name__,
)
def test_nothing_leaves(writer, double, settings, change, refusal):
    node = entry(writer, "I could not sleep.", ai_usage="chat")
    slots = context_of(writer, node.pk)
    change(writer, settings)
    with pytest.raises(refusal):
        list(gateway.stream(PROMPT, slots, spender=writer.pk))
    assert double.requests == []
    assert not Call.objects.filter(task="reply").exists()
    assert not Purse.objects.filter(held__gt=0).exists()


def test_a_text_closed_after_it_was_read_does_not_leave(writer, double):
    node = entry(writer, "I could not sleep.", ai_usage="chat")
    slots = context_of(writer, node.pk)
    closed = [type(each)(each.role, replace_usage(each.part), each.at) for each in slots["thread"]]
    with pytest.raises(NotAllowed):
        list(gateway.stream(PROMPT, slots | {"thread": closed}, spender=writer.pk))
    assert double.requests == []


@pytest.mark.parametrize("gone", [False, True], ids=["closed", "deleted"])
def test_a_text_closed_after_it_was_put_together_does_not_leave(writer, double, gone):
    root = entry(writer, SECRET, ai_usage="chat")
    slots = context_of(writer, entry(writer, "the end", parent=root, ai_usage="chat").pk)
    if gone:
        trash_node(writer, root)
    else:
        change_settings(writer, root, ai_usage="none")
    with pytest.raises(NotAllowed):
        list(gateway.stream(PROMPT, slots, spender=writer.pk))
    assert double.requests == []
    assert not Purse.objects.filter(held__gt=0).exists()


def test_it_is_looked_at_before_every_try(writer, double):
    """Between two tries its person may have closed what the first one sent."""
    choice = routing.choices("large", key_class="chat", on=timezone.now().date())[0]
    request = Request(choice.model.id, "system", [Turn("user", "Hello.")], 100)
    errand = Errand(writer.pk, "tests", "try", Purpose.REPLY)
    double.next("server", times=3)
    tries = []

    def twice():
        tries.append(len(double.requests))
        if len(tries) > 2:
            raise NotAllowed(why="no_consent")

    with pytest.raises(NotAllowed):
        list(gateway.asking.ask(choice, request, errand, may=twice, stop=gateway.never))
    assert tries == [0, 1, 2]
    assert len(double.requests) == 2


def replace_usage(passage):
    return replace(passage, ai_usage="none")


def test_more_than_a_model_can_hold_is_too_long(writer, double, monkeypatch):
    node = entry(writer, "I could not sleep. " * 20, ai_usage="chat")
    monkeypatch.setattr(catalogue, "tokens_of", lambda model, texts: 10**6)
    with pytest.raises(TooLong):
        asked(writer, node)
    assert double.requests == []


# --- what goes wrong on the way


@pytest.mark.parametrize("fault", ["rate", "rate_seconds", "server", "overloaded", "vanish"])
def test_it_is_tried_again_while_nothing_has_come(writer, double, fault):
    double.next(fault, times=2)
    answer, _pieces = asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert answer.text
    assert len(double.requests) == 3
    outcomes = Call.objects.filter(task="reply").order_by("started_at")
    assert [call.outcome for call in outcomes] == ["failed", "failed", "settled"]
    assert [call.cost_microdollars > 0 for call in outcomes] == [False, False, True]
    assert not Purse.objects.filter(held__gt=0).exists()


@pytest.mark.parametrize("fault", ["key", "forbidden", "model", "quota", "unpaid", "bad_request"])
def test_what_would_not_get_better_is_not_tried_again(writer, double, fault):
    double.next(fault, times=3)
    with pytest.raises(ProviderRefuses):
        asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert len(double.requests) == 1


def test_a_wait_longer_than_we_have_is_not_waited_for(writer, double):
    double.next("rate_absurd", times=3)
    with pytest.raises(ProviderDown) as refusal:
        asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert refusal.value.retry_after_seconds == 3600
    assert len(double.requests) == 1


def test_a_provider_that_is_down_gives_way_to_the_second(writer, double, second):
    agree(writer, Purpose.REPLY)
    double.next("server", times=3)
    answer, _pieces = asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert answer.provider == "openai"
    assert [request.path for request in double.requests] == [*["/v1/messages"] * 3, "/v1/responses"]


def test_a_wish_decides_who_is_asked_first(writer, double, second):
    agree(writer, Purpose.REPLY)
    node = entry(writer, "Hello.", ai_usage="chat")
    assert asked(writer, node, prefer="gpt-6.1-sol")[0].provider == "openai"
    change_preferences(writer.pk, paused=False, preferred_model="gpt-6.1-sol")
    assert asked(writer, node)[0].provider == "openai"


def test_who_was_not_accepted_is_never_asked(writer, double, second, signed_in):
    agree(writer, Purpose.REPLY)
    client = signed_in(writer)
    page = client.get("/settings/ai/").content.decode()
    assert page.count('name="providers"') == 2
    sent = {"preferred_model": "", "reply": "on", "providers": ["openai"]}
    assert client.post("/settings/ai/", sent).status_code == 302
    double.next("server", times=3)
    with pytest.raises(ProviderDown):
        asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert {request.path for request in double.requests} == {"/v1/responses"}
    double.requests.clear()
    client.post("/settings/ai/", sent | {"providers": []})
    assert asked(writer, entry(writer, "Hello.", ai_usage="chat"))[0].offline
    assert double.requests == []


def test_a_door_that_was_closed_is_not_knocked_at(writer, double):
    node = entry(writer, "Hello.", ai_usage="chat")
    double.next("server", times=6)
    for _ in range(2):
        with pytest.raises(ProviderDown):
            asked(writer, node)
    assert len(double.requests) == 5  # then the breaker opened
    with pytest.raises(ProviderDown) as refusal:
        asked(writer, node)
    assert refusal.value.retry_after_seconds == 30
    assert len(double.requests) == 5


@pytest.mark.parametrize("fault", ["cut", "dropped", "error_midway"])
def test_a_stream_that_breaks_is_no_answer_and_is_paid_as_far_as_it_came(writer, double, fault):
    double.next(fault)
    with pytest.raises(Broken):
        asked(writer, entry(writer, "Hello.", ai_usage="chat"))
    (call,) = Call.objects.filter(task="reply")
    assert (call.outcome, call.error, call.estimated) == ("unknown", call.error, True)
    assert call.cost_microdollars > 0
    assert Purse.objects.get(owner=writer, scope=Scope.MONTH).held == 0
    assert len(double.requests) == 1


def test_a_refusal_and_a_limit_are_answers_and_nothing_is_none(writer, double):
    node = entry(writer, "Hello.", ai_usage="chat")
    double.next("refused")
    assert asked(writer, node)[0].stop == Stop.REFUSED
    double.next("length")
    assert asked(writer, node)[0].stop == Stop.LENGTH
    double.next("empty")
    with pytest.raises(BadAnswer):
        asked(writer, node)


def test_without_usage_the_price_is_an_estimate_and_says_so(writer, double, second):
    agree(writer, Purpose.REPLY)
    double.next("no_usage")
    asked(writer, entry(writer, "Hello.", ai_usage="chat"), prefer="gpt-6.1-sol")
    call = Call.objects.get(task="reply")
    assert call.estimated
    assert call.cost_microdollars > 0


def test_who_stops_listening_leaves_no_money_held(writer, double):
    slots = context_of(writer, entry(writer, "Hello.", ai_usage="chat").pk)
    listening = gateway.stream(PROMPT, slots, spender=writer.pk)
    next(listening)
    listening.close()
    assert Call.objects.get(task="reply").outcome == "unknown"
    assert Purse.objects.get(owner=writer, scope=Scope.MONTH).held == 0


def test_stop_keeps_what_came(writer, double):
    node = entry(writer, "Hello.", ai_usage="chat")
    said = iter([False, True])
    answer, pieces = asked(writer, node, stop=lambda: next(said, True))
    assert answer.stop == Stop.STOPPED
    assert answer.text == "".join(pieces) != ""
    assert Call.objects.get(task="reply").estimated


# --- replies over it


def reply_of(person, node):
    reply, job = ask_for_reply(person, node.pk)
    drain()
    reply.refresh_from_db()
    job.refresh_from_db()
    return reply, job


def test_a_reply_names_its_model_and_its_price(writer, double):
    reply, job = reply_of(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert (reply.state, reply.author_model) == ("whole", "Claude Sonnet 5.5")
    assert (job.state, job.offline) == ("done", False)
    assert job.cost_microdollars == Call.objects.get(task="reply").cost_microdollars


def given_in(body) -> str:
    """The words of the first turn, as they went out."""
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_what_marks_a_text_for_a_model_stays_out_of_its_reply(writer, double):
    double.says = given_in
    reply, _job = reply_of(writer, entry(writer, "I could not sleep.", ai_usage="chat"))
    assert "<text-" in given_in(double.requests[-1].body)
    assert "I could not sleep." in reply.body
    for mark in ("<text-", "</text-", reply.parent.written_at.strftime("%Y-%m-%d %H:%M")):
        assert mark not in reply.body


def test_a_reply_that_breaks_off_begins_anew_as_the_same_one(writer, double):
    double.next("cut")
    reply, job = reply_of(writer, entry(writer, "Hello.", ai_usage="chat"))
    assert (reply.state, job.state, job.attempt) == ("whole", "done", 2)
    assert Call.objects.filter(task="reply").count() == 2


def test_a_reply_that_always_breaks_off_keeps_what_came_and_can_be_asked_again(writer, double):
    double.next("cut", times=3)
    node = entry(writer, "Hello.", ai_usage="chat")
    reply, job = reply_of(writer, node)
    assert (reply.state, job.state, job.error) == ("failed", "failed", "answer_broken_off")
    assert reply.body != ""
    again, _job = reply_of(writer, node)
    assert (again.pk, again.state) == (reply.pk, "whole")


@pytest.mark.parametrize(
    ("fault", "times", "error"),
    [("server", 3, "ai_unavailable"), ("refused", 1, "refused"), ("empty", 1, "bad_answer")],
)
def test_a_reply_that_cannot_be_had_says_so_and_the_entry_is_there(
    writer, double, fault, times, error
):
    double.next(fault, times=times)
    node = entry(writer, "Hello.", ai_usage="chat")
    reply, job = reply_of(writer, node)
    assert (reply.state, job.state, job.error) == ("failed", "failed", error)
    node.refresh_from_db()
    assert node.body == "Hello."


def test_the_eleventh_reply_of_a_day_is_refused_with_the_date(writer, double):
    for _ in range(10):
        budget.count(writer.pk, Scope.REPLIES_DAY, at=timezone.now())
    with pytest.raises(BudgetSpent) as refusal:
        ask_for_reply(writer, entry(writer, "Hello.", ai_usage="chat").pk)
    assert refusal.value.detail["scope"] == "replies_day"
    assert not Job.objects.exists()


def test_consent_taken_back_before_the_worker_comes_is_no_consent(writer, double, settings):
    node = entry(writer, "Hello.", ai_usage="chat")
    _reply, job = ask_for_reply(writer, node.pk)
    no_consent(writer, settings)
    drain()
    job.refresh_from_db()
    assert (job.state, job.error) == ("stopped", "no_consent")
    assert double.requests == []
    assert not Entry.objects.filter(action="read", purpose="reply").exists()


def test_consent_taken_back_stops_what_waits_and_what_is_written(writer, double, settings):
    waiting, running = (
        ask_for_reply(writer, entry(writer, "Hello.", ai_usage="chat").pk)[1] for _ in range(2)
    )
    jobs.claim(running.pk)
    no_consent(writer, settings)
    drain()
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.state, waiting.error) == ("stopped", "no_consent")
    assert running.stop_asked_at


def test_consent_taken_back_while_it_is_written_discards_the_reply(
    writer, double, settings, monkeypatch
):
    reply, job = ask_for_reply(writer, entry(writer, "Hello.", ai_usage="chat").pk)
    settle = replies.settle_reply

    def taken_back_just_before(job, answer):
        no_consent(writer, settings)
        settle(job, answer)

    monkeypatch.setattr(replies, "settle_reply", taken_back_just_before)
    drain()
    job.refresh_from_db()
    assert (job.state, job.error) == ("stopped", "gone")
    assert not type(reply).objects.filter(pk=reply.pk).exists()
    assert Call.objects.get(task="reply").outcome == "settled"


def test_related_entries_are_said_by_the_person_never_by_the_system(writer, double):
    entry(writer, "The piano was out of tune again.", ai_usage="chat")
    drain()
    asked(writer, entry(writer, "I played the piano this morning.", ai_usage="chat"))
    (request,) = double.requests
    assert "out of tune" not in str(request.body["system"])
    assert "out of tune" in str(request.body["messages"][0])


# --- answers in JSON

SHAPE = """---
tier: large
max_output: 200
purpose: reply
schema:
  type: object
  additionalProperties: false
  required: [feeling]
  properties:
    feeling: {type: string}
slots:
  text: {kind: passage, tokens: 500}
---
Name the feeling.
[user]
{text}
"""
GOOD = '{"feeling": "tired"}'


@pytest.fixture
def shape(settings, tmp_path):
    """A prompt with a schema, in a folder of its own."""
    (tmp_path / "journal/prompts").mkdir(parents=True)
    (tmp_path / "journal/prompts/shape.txt").write_text(SHAPE)
    settings.BASE_DIR = tmp_path


def told(person):
    node = entry(person, "I could not sleep.", ai_usage="chat")
    passage = read(Ref.to(node), purpose=Purpose.REPLY, asker=person)
    return gateway.complete("journal/shape", {"text": passage}, spender=person.pk)


def saying(double, *texts):
    """The double says these, one after the other."""
    waiting = iter(texts)
    double.says = lambda body: next(waiting)


def test_an_answer_with_a_schema_brings_its_data(writer, double, shape):
    answer = told(writer)
    assert list(answer.data) == ["feeling"]
    (request,) = double.requests
    assert request.body["output_config"]["format"]["type"] == "json_schema"


def test_an_answer_of_another_shape_is_asked_for_once_more_at_a_price_of_its_own(
    writer, double, shape
):
    saying(double, '{"mood": "tired"}', GOOD)
    answer = told(writer)
    assert answer.data == {"feeling": "tired"}
    first, second = Call.objects.filter(task="shape")
    assert answer.cost_microdollars == first.cost_microdollars + second.cost_microdollars
    turns = double.requests[1].body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "'mood' was unexpected" in turns[2]["content"]
    assert "JSON Schema" in turns[2]["content"]
    assert turns[0] == double.requests[0].body["messages"][0]


@pytest.mark.parametrize("fault", ["not_json", "wrong_json", "length"])
def test_two_answers_of_no_use_are_none(writer, double, shape, fault):
    double.next(fault, times=2)
    with pytest.raises(BadAnswer):
        told(writer)
    assert [call.outcome for call in Call.objects.filter(task="shape")] == ["settled", "settled"]
    assert len(double.requests) == 2


def test_a_model_that_declines_is_not_asked_again(writer, double, shape):
    double.next("refused")
    with pytest.raises(BadAnswer):
        told(writer)
    assert len(double.requests) == 1


def test_the_second_question_needs_money_as_the_first(writer, double, shape):
    told(writer)
    (call,) = Call.objects.filter(task="shape")
    budget.allow(writer.pk, {Scope.MONTH: call.cost_microdollars + call.held_microdollars})
    saying(double, "not JSON", GOOD)
    with pytest.raises(BudgetSpent):
        told(writer)
    assert len(double.requests) == 2
    assert not Purse.objects.filter(held__gt=0).exists()


def test_the_second_question_needs_consent_as_the_first(
    writer, double, shape, settings, monkeypatch
):
    again = schemas.again

    def taken_back_meanwhile(*values):
        no_consent(writer, settings)
        return again(*values)

    monkeypatch.setattr(schemas, "again", taken_back_meanwhile)
    saying(double, "not JSON", GOOD)
    with pytest.raises(NotAllowed):
        told(writer)
    assert len(double.requests) == 1


def test_a_model_that_knows_no_schema_is_asked_in_words(
    writer, double, shape, settings, monkeypatch
):
    plain = {
        name: replace(model, does=model.does - {"schema"})
        for name, model in catalogue.shipped().items()
    }
    monkeypatch.setattr(catalogue, "shipped", lambda: plain)
    double.says = lambda body: f"Here it is:\n```json\n{GOOD}\n```"
    assert told(writer).data == {"feeling": "tired"}
    (request,) = double.requests
    assert "output_config" not in request.body
    assert "JSON Schema" in str(request.body["system"])
