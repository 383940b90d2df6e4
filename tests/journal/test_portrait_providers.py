"""The portrait over a real provider's library and a local server: what leaves, what stands of the answers, what it costs."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from journal import portraying
from journal.actions import notes, portraits
from journal.actions.nodes import change_settings
from journal.actions.notes import MOST_CALLS, pending
from journal.actions.portraits import ask_for_portrait, edit_portrait, proposal_of, set_use
from journal.actions.replies import ask_for_reply, context_of
from journal.models.portraits import MonthDigest, Note, Portrait
from journal.portraying import CALL_ENTRIES, sentences_of
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import befriend, entry, person
from tests.journal.test_portraits import PORTRAYING, SUBJECTS, agree, built, words_about, written
from writeorperish.ai import budget, gateway
from writeorperish.ai.models import Call, Job, Purse, Scope
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_encoder")]

SECRET = "a secret nobody may read"
BLOCK = re.compile(r"<(text-\w+) ([A-Z]+)[^>]*>\n(.*?)\n</\1>", re.DOTALL)


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings):
    """The local provider as Anthropic; it notes the first sentence of every entry, and repeats its notes."""
    server.requests.clear()
    server.orders.clear()
    server.says = says
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    breaker("ai:anthropic:chat", counts=gateway.asking.is_away).close()
    yield server
    server.says = None


def blocks(body):
    """The letter and the words of each text in a request."""
    words = str(body["messages"][0]["content"])
    if not isinstance(body["messages"][0]["content"], str):
        words = "".join(part["text"] for part in body["messages"][0]["content"])
    return [(letter, text) for _mark, letter, text in BLOCK.findall(words)]


def task_of(body):
    properties = (body.get("output_config") or {}).get("format", {}).get("schema", {})
    return next(iter(properties.get("properties", {"": None})))


def says(body):
    match task_of(body):
        case "entries":
            return json.dumps({"entries": [noted(*each) for each in blocks(body)]})
        case "lines":
            rows = [
                {"kind": "theme", "text": f"Month of {letter}", "from": [f"{letter}1", "Z99"]}
                for letter, _text in blocks(body)
            ]
            return json.dumps({"lines": rows[:3]})
        case "busy":
            rows = [
                {"text": f"You write: {text.splitlines()[0][3:]}", "from": [f"{letter}1"]}
                for letter, text in blocks(body)
            ]
            rest = {part: [] for part in ("matters", "thinking", "questions")}
            return json.dumps({"busy": rows[:5], **rest})
    return None


def noted(letter, text, *, quote=None):
    first = quote or text.partition(".")[0]
    return {"label": letter, "items": [{"kind": "theme", "text": first, "quote": first}]}


@pytest.fixture
def writer(alice, double):
    agree(alice)
    return alice


def sent(double):
    return [json.dumps(each.body, ensure_ascii=False) for each in double.requests]


def different(who, count):
    """Entries no two of which say the same: what was answered about one is no answer to another."""
    for n in range(count):
        entry(who, f"{words_about(SUBJECTS[n % 10])} {n}", ai_usage="chat")


def tasks():
    return list(
        Call.objects.filter(sent=True).order_by("started_at", "pk").values_list("task", flat=True)
    )


def test_a_few_calls_make_a_portrait_and_each_has_its_price(writer, double):
    written(writer)
    job, portrait = built(writer)
    assert (job.state, job.offline) == ("done", False)
    assert (portrait.made_by, portrait.model) == ("ai", "Claude Sonnet 5.5")
    assert tasks() == ["note", "portrait"]
    assert len(double.requests) == 2
    assert sentences_of(portrait.body)[0].text.startswith("You write: theme: Today the")
    assert portrait.evidence.count() > 0
    purse = Purse.objects.get(owner=writer, scope=Scope.BACKGROUND)
    cost = sum(Call.objects.filter(sent=True).values_list("cost_microdollars", flat=True))
    assert (purse.spent, purse.held) == (cost, 0)
    assert job.cost_microdollars == cost > 0
    models = set(Call.objects.filter(sent=True).values_list("task", "model"))
    assert models == {("note", "claude-haiku-5-5"), ("portrait", "claude-sonnet-5-5")}


def test_what_leaves_is_what_is_open_and_nothing_of_the_person(writer, double):
    nodes = written(writer)
    entry(writer, words_about(SECRET), ai_usage="none")
    closing = entry(writer, words_about("closed meanwhile"), ai_usage="chat")
    built(writer)
    double.requests.clear()
    change_settings(writer, closing, ai_usage="none")
    entry(writer, words_about("harp"), ai_usage="train")
    built(writer)
    said = "\n".join(sent(double))
    assert "harp" in said
    ids = [str(each.pk) for each in (*nodes, *Note.objects.all(), *MonthDigest.objects.all())]
    for private in (SECRET, "closed meanwhile", writer.email, writer.profile.handle, *ids):
        assert private not in said


def test_texts_that_may_train_are_not_sent_for_training_behind_ones_back(writer, double, settings):
    settings.ANTHROPIC_TRAIN_API_KEY = "train-key"
    agree(writer)
    train = consent.terms()["train"]
    consent.decide(writer, Purpose.TRAIN, granted=True, text_version=train.version)
    written(writer, ai_usage="train")
    built(writer)
    assert {each.headers["authorization"] for each in double.requests} == {"Bearer chat-key"}
    assert set(Call.objects.filter(sent=True).values_list("key_class", flat=True)) == {"chat"}


def test_other_words_of_the_consent_are_no_consent(alice, settings, double):
    settings.ANTHROPIC_API_KEY = ""
    agree(alice)
    settings.ANTHROPIC_API_KEY = "chat-key"
    written(alice)
    with pytest.raises(portraits.NotAllowed):
        ask_for_portrait(alice)
    assert double.requests == []


def test_an_invented_quote_or_letter_stands_nowhere(writer, double):
    node = written(writer)[0]

    def lies(body):
        if task_of(body) != "entries":
            return says(body)
        invented = [noted(letter, text, quote="I never said so") for letter, text in blocks(body)]
        true = [noted(*blocks(body)[0])]
        return json.dumps({"entries": [*invented, *true, noted("ZZ", "x"), noted("?", "x")]})

    double.says = lies
    built(writer)
    items = {note.source_id: note.items for note in Note.objects.all()}
    assert [item["text"] for item in items.pop(node.pk)] == ["Today the piano was on my mind"]
    assert set(map(len, items.values())) == {0}
    assert "never said" not in Portrait.objects.get().body


def test_an_entry_left_out_is_read_alone_once_and_then_left(writer, double):
    different(writer, 3 + 10)
    skipped = re.compile("piano|garden")

    def forgetful(body):
        if task_of(body) != "entries":
            return says(body)
        told = [noted(*each) for each in blocks(body) if not skipped.search(each[1])]
        return json.dumps({"entries": told})

    double.says = forgetful
    job, _portrait = built(writer)
    assert job.state == "done"
    assert not pending(writer.pk).exists()
    alone = [each for each in double.requests if len(blocks(each.body)) == 1]
    assert len([each for each in alone if skipped.search(str(each.body))]) == 4
    empty = [note for note in Note.objects.all() if not note.items]
    assert len(empty) == 4


def test_answers_of_no_use_end_and_are_not_paid_for_again_and_again(writer, double):
    nodes = written(writer)
    double.says = lambda body: "I'd rather talk." if task_of(body) == "entries" else says(body)
    job, portrait = built(writer)
    assert (job.state, portrait) == ("done", None)
    assert Note.objects.count() == len(nodes)
    before = len(double.requests)
    built(writer)
    assert len(double.requests) == before


def test_a_job_makes_at_most_ten_calls_and_the_next_goes_on(writer, double, monkeypatch):
    for room in (notes, portraying):
        monkeypatch.setattr(room, "CALL_ENTRIES", 2)
    budget.allow(writer.pk, dict.fromkeys(Scope, 10**9))
    different(writer, 30)
    built(writer)
    assert not pending(writer.pk).exists()
    per_job = {
        job.pk: Call.objects.filter(job=job.pk, sent=True).count()
        for job in Job.objects.filter(kind=portraits.KIND)
    }
    assert len(per_job) >= 2
    assert max(per_job.values()) <= MOST_CALLS
    assert Portrait.objects.count() == 1
    noted_by = Call.objects.filter(task="note", sent=True, outcome="settled")
    read = [read.ref_id for call in noted_by for read in call.reads.all()]
    assert len(read) == len(set(read)) == 30, "each once"


def test_a_job_spends_no_more_than_its_ceiling(writer, double, monkeypatch):
    monkeypatch.setattr(notes, "MOST_MICRODOLLARS", 1)
    written(writer, count=CALL_ENTRIES * 3)
    ask_for_portrait(writer)
    drain(PORTRAYING)
    for job in Job.objects.filter(kind=portraits.KIND):
        assert Call.objects.filter(job=job.pk, sent=True).count() <= 1
    assert Portrait.objects.exists()


def test_an_empty_purse_stops_it_with_its_notes_kept(writer, double):
    written(writer)
    budget.allow(writer.pk, {Scope.BACKGROUND: 20_000})  # enough for notes, not for the portrait
    job, portrait = built(writer)
    assert (job.state, job.error, portrait) == ("failed", "budget_spent", None)
    assert Note.objects.count() == 10
    assert tasks() == ["note"]


def test_a_month_with_much_to_say_has_a_digest_of_its_own(writer, double):
    written(writer, count=40)
    built(writer)
    assert "month_digest" in tasks()
    (digest,) = MonthDigest.objects.all()
    assert (digest.model, [line["text"] for line in digest.lines]) == (
        "Claude Haiku 5.5", ["Month of A", "Month of B", "Month of C"],
    )  # fmt: skip


def test_ones_own_words_are_told_to_the_model_and_outrank(writer, double):
    written(writer)
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    entry(writer, words_about("harp"), ai_usage="chat")
    double.requests.clear()
    built(writer)
    assert "I keep bees." in sent(double)[-1]
    assert "outrank" in sent(double)[-1]
    assert proposal_of(writer).model == "Claude Sonnet 5.5"


@pytest.mark.parametrize(
    ("fault", "error"), [("server", "ai_unavailable"), ("key", "ai_unavailable")]
)
def test_a_provider_that_is_away_costs_nothing_that_stands(writer, double, fault, error):
    written(writer)
    _job, first = built(writer)
    entry(writer, words_about("harp"), ai_usage="chat")
    double.next(fault, times=6)
    job, portrait = built(writer)
    assert (job.state, job.error) == ("failed", error)
    assert portrait == first


# --- in replies


def agree_to_replies(who):
    asked = consent.terms()[Purpose.REPLY]
    consent.decide(who, Purpose.REPLY, granted=True, text_version=asked.version)


@pytest.fixture
def portrayed(writer, double):
    written(writer)
    built(writer)
    agree_to_replies(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    double.requests.clear()
    return writer


def replied(who, node):
    _reply, job = ask_for_reply(who, node.pk)
    drain(PORTRAYING)
    job.refresh_from_db()
    return job


def reply_request(double):
    return next(each.body for each in double.requests if task_of(each.body) == "")


def test_a_reply_is_given_the_profile_and_says_so(portrayed, double, signed_in):
    node = entry(portrayed, "I could not sleep.", ai_usage="chat")
    job = replied(portrayed, node)
    body = reply_request(double)
    assert "I keep bees." in str(body["messages"][0])
    assert "bees" not in str(body["system"])
    call = Call.objects.get(job=job.pk)
    assert "journal.portrait" in call.reads.values_list("kind", flat=True)
    shown = signed_in(portrayed).get(f"/journal/{job.result_id}/context/").content.decode()
    assert "Your profile" in shown
    assert "A note on an entry of yours" in shown
    assert "/journal/profile/versions/2/" in shown


def test_a_reply_is_given_the_notes_of_two_weeks_newest_first(portrayed, double):
    older = Note.objects.order_by("pk").first()
    Note.objects.filter(pk=older.pk).update(day=timezone.now().date() - timedelta(days=15))
    node = entry(portrayed, "I could not sleep.", ai_usage="chat")
    replied(portrayed, node)
    told = str(reply_request(double)["messages"][0])
    recent = told.partition("last two weeks")[2].partition("Earlier entries of mine")[0]
    said = re.findall(r"Today the (\w+) was on my mind", recent)
    assert said == ["sea", *SUBJECTS[8:0:-1]][: len(said)]
    assert len(said) > 5
    assert "piano" not in recent


def set_aside(who):
    Portrait.objects.filter(owner=who.pk, state="current").update(state="quarantined")


def not_used(who):
    set_use(who, ai_usage="none")


def withdrawn(who):
    agree(who, granted=False)


@pytest.mark.parametrize("change", [set_aside, not_used, withdrawn])
def test_it_is_not_given_when_it_may_not_be(portrayed, double, change):
    change(portrayed)
    replied(portrayed, entry(portrayed, "I could not sleep.", ai_usage="chat"))
    assert "bees" not in "\n".join(sent(double))
    assert ("last two weeks" in sent(double)[-1]) == (change is set_aside)


def test_in_a_conversation_with_others_it_stays_at_home(portrayed, double):
    bella = person("bella")
    agree_to_replies(bella)
    circle = befriend(bella, portrayed)
    theirs = entry(bella, "What do you know about alice?", circles=(circle,), ai_usage="chat")
    mine = entry(
        portrayed, "Nothing much.", parent=theirs, privacy_level="circles", ai_usage="chat"
    )
    slots = context_of(portrayed, mine.pk)
    assert not slots.keys() & {"portrait", "recent"}
    assert [each.part.text for each in slots["thread"]][-1] == "Nothing much."


def test_the_rule_that_answers_without_a_service_is_not_given_it(portrayed, settings):
    settings.ANTHROPIC_API_KEY = ""
    agree(portrayed)
    node = entry(portrayed, "I could not sleep.", ai_usage="chat")
    assert not context_of(portrayed, node.pk).keys() & {"portrait", "recent"}


def test_built_anew_of_the_same_notes_it_is_asked_for_and_stands_as_a_version_of_its_own(
    writer, double
):
    written(writer)
    _job, first = built(writer)
    double.requests.clear()
    _job, same = built(writer)
    assert [task_of(each.body) for each in double.requests] == ["busy"]
    assert (same.rev, same.made_at > first.made_at) == (first.rev, True)
    double.says = lambda body: says(body).replace("You write", "You say")
    _job, other = built(writer)
    assert (other.rev, "You say" in other.body) == (first.rev + 1, True)
