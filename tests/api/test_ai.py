"""What AI may do for somebody, what it did, and what it was sent, as programs see it."""

import pytest

from journal.actions.replies import ask_for_reply
from tests.events_drain import drain
from tests.factories import befriend, entry
from writeorperish.ai.instructions import words_of
from writeorperish.ai.models import Call

pytestmark = pytest.mark.django_db

AI = "/api/v1/me/ai/"


@pytest.fixture
def replied(alice):
    node = entry(alice, "I could not sleep.", ai_usage="chat")
    ask_for_reply(alice, node.pk)
    drain()
    return node, Call.objects.get(task="reply")


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_switches_are_shown_and_turned_one_by_one(api, alice):
    before = api(alice).get(AI).json()
    assert before["capabilities"]["large"] == {
        "on": True, "offline": True, "why": "", "provider": "offline", "model": "",
    }  # fmt: skip
    assert {"embed", "small", "transcribe", "speak"} < set(before["capabilities"])
    after = api(alice).patch(AI, {"instructions": "Be short."}).json()
    assert after == before | {"instructions": "Be short."}
    paused = api(alice).patch(AI, {"paused": True}).json()
    assert (paused["paused"], paused["instructions"]) == (True, "Be short.")
    assert paused["capabilities"]["large"]["why"] == "paused_by_you"
    assert api(alice).patch(AI, {}).json() == paused


def test_a_model_and_the_services_that_may_answer_are_chosen(api, alice, settings):
    settings.ANTHROPIC_API_KEY, settings.OPENAI_API_KEY = "a-key", "another-key"
    models = api(alice).get(f"{AI}models/").json()["results"]
    assert {each["provider"] for each in models} == {"anthropic", "openai"}
    assert all(each["price_per_1000_words_microdollars"] > 0 for each in models)
    chosen = next(each["id"] for each in models if each["provider"] == "openai")
    sent = {"preferred_model": chosen, "providers": ["openai"]}
    after = api(alice).patch(AI, sent).json()
    assert (after["preferred_model"], after["providers"]) == (chosen, ["openai"])
    assert after["capabilities"]["large"]["provider"] == "openai"
    alone = api(alice).patch(AI, {"preferred_model": "", "providers": ["anthropic"]}).json()
    assert alone["capabilities"]["large"]["provider"] == "anthropic"
    nobody = api(alice).patch(AI, {"providers": []}).json()
    assert nobody["capabilities"]["large"]["offline"]


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"preferred_model": "telepathy-1"}, (422, "unknown_model")),
        ({"providers": ["telepathy"]}, (422, "unknown_provider")),
        ({"instructions": "x" * 2001}, (422, "invalid")),
        ({"instructions": "a\u0000b"}, (400, "bad_text")),
        ({"plan": "pro"}, (400, "unknown_field")),
    ],
)
def test_a_refused_change_changes_nothing(api, alice, sent, refusal):
    before = api(alice).get(AI).json()
    assert code(api(alice).patch(AI, {"instructions": "Be short."} | sent)) == refusal
    assert api(alice).get(AI).json() == before
    assert words_of(alice) == ""


def test_the_money_of_a_month(api, alice, replied):
    Call.objects.filter(task="reply").update(cost_microdollars=70)
    usage = api(alice).get(f"{AI}usage/").json()
    assert usage["limit"] == 500_000
    assert usage["by_feature"]["journal"] == 70
    assert usage["resets_at"] > usage["month"]
    earlier = api(alice).get(f"{AI}usage/?month=2025-02").json()
    assert (earlier["used"], earlier["by_feature"]) == (0, {})
    assert earlier["resets_at"].startswith("2025-03-01T00:00:00")


@pytest.mark.parametrize("month", ["", "2025", "2025-13", "last", "2025-02-01"])
def test_what_is_no_month_is_refused(api, alice, month):
    assert api(alice).get(f"{AI}usage/?month={month}").status_code == 400


def test_calls_and_reads_are_ones_own_and_hold_no_words(api, alice, bob, replied):
    node, call = replied
    shown = api(alice).get(f"{AI}calls/").json()["results"]
    assert str(call.pk) in {each["id"] for each in shown}
    (mine,) = (each for each in shown if each["id"] == str(call.pk))
    assert (mine["about"], mine["offline"], mine["feature"]) == (
        f"journal.node:{node.pk}", True, "journal",
    )  # fmt: skip
    reads = api(alice).get(f"{AI}reads/?about=journal.node:{node.pk}").json()["results"]
    assert {each["purpose"] for each in reads} == {"embed", "reply"}
    assert {each["sent"] for each in reads} == {False}
    for path in ("calls/", "reads/"):
        assert api(bob).get(f"{AI}{path}").json()["results"] == []
    assert "sleep" not in str([shown, reads])


def test_others_reading_of_ones_text_is_told_to_its_owner(api, alice, bob):
    shared = entry(alice, "alice's words", ai_usage="chat", circles=(befriend(alice, bob),))
    mine = entry(bob, "bob answers", parent=shared, ai_usage="chat")
    ask_for_reply(bob, mine.pk)
    drain()
    about = f"journal.node:{shared.pk}"
    reads = api(alice).get(f"{AI}reads/?about={about}").json()["results"]
    assert "reply" in {each["purpose"] for each in reads}
    assert api(bob).get(f"{AI}reads/?about={about}").json()["results"] == []


def test_what_is_no_ref_is_refused(api, alice):
    assert api(alice).get(f"{AI}reads/?about=everything").status_code == 400


def test_where_nothing_was_sent_nothing_is_shown(api, alice, bob, replied):
    _node, call = replied
    address = f"{AI}calls/{call.pk}/request/"
    assert api(alice).get(address).json() == {"turns": [], "matches": True}
    assert api(bob).get(address).status_code == 404
