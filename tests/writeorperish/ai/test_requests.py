"""What was sent is put together again to the letter, and says so only where that is true."""

from dataclasses import replace

import pytest
from django.db import connection

from journal.actions.nodes import change_settings, edit_node
from journal.actions.replies import ask_for_reply
from journal.actions.trash import trash_node
from journal.quoting import quote_marker
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import befriend, entry
from writeorperish.ai import prompts, requests
from writeorperish.ai.composing import compose
from writeorperish.ai.instructions import give_instructions
from writeorperish.ai.ledger import Errand, open_call
from writeorperish.ai.models import Call, PromptText, Sent
from writeorperish.ai.parts import Fact, Said, Typed
from writeorperish.ai.providers.wire import Request, Turn
from writeorperish.ai.recipes import GONE, Plan
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db

WORDS = "I could not sleep; the piano played."


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def writer(alice, server, settings):
    """Alice, who agreed that replies come from the local provider."""
    server.requests.clear()
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    terms = consent.terms()[Purpose.REPLY]
    consent.decide(alice, Purpose.REPLY, granted=True, text_version=terms.version)
    return alice


def replied(person, node):
    ask_for_reply(person, node.pk)
    drain()
    return Call.objects.filter(task="reply").latest("started_at")


def body_of(server):
    """What the provider was sent, as system turn and the turns' words."""
    body = server.requests[-1].body
    system = body["system"] if isinstance(body["system"], str) else body["system"][0]["text"]
    return system, str(body["messages"])


def test_what_is_shown_is_what_the_provider_got(writer, server):
    give_instructions(writer, "Be short.")
    quoted = entry(writer, "the quoted entry", ai_usage="chat")
    node = entry(writer, f"{WORDS} {quote_marker(quoted.pk)}", ai_usage="chat")
    shown = requests.shown(writer, replied(writer, node))
    system, turns = body_of(server)
    assert shown.exact
    assert shown.system == system
    assert "Be short." in shown.system
    for turn in shown.turns:
        assert repr(turn.words)[1:-1] in turns
    assert "the quoted entry" in shown.turns[-1].words


@pytest.mark.parametrize("name", prompts.shipped())
def test_every_prompt_can_be_shown_as_it_was_sent(alice, name):
    prompt = prompts.named(name)
    own = give_instructions(alice, "Be short.")
    texts = [entry(alice, f"{WORDS} {n}", ai_usage="chat") for n in range(3)]
    passages = [read(Ref.to(each), purpose=Purpose.REPLY, asker=alice) for each in texts]
    values = {
        "own": read(Ref.to(own), purpose=Purpose.REPLY, asker=alice),
        "passage": passages[0],
        "passages": passages,
        "turns": [Said("user", each, at="Sunday") for each in passages],
        "typed": Typed("what was typed"),
        "fact": Fact("7"),
    }
    slots = {slot: values[prompt.slots[slot].kind] for slot in prompt.slots}
    composed = compose(prompt, slots, mark="text-abcdefgh")
    plan = Plan(prompt, composed.recipe)
    errand = Errand(alice.pk, "tests", "show", prompt.purpose, cuts=composed.cuts, plan=plan)
    request = Request(
        "m", f"{composed.system}\n\nAnd in this shape.", composed.turns, 9, schema=prompt.schema
    )
    call = open_call(
        errand, provider="openai", model="m", key_class="chat", held_microdollars=0, request=request
    )
    shown = requests.shown(alice, call)
    assert (shown.exact, shown.gone) == (True, 0)
    assert (shown.system, tuple(shown.turns)) == (request.system, tuple(request.turns))


def test_rewritten_since_it_is_shown_as_it_was(writer):
    node = entry(writer, WORDS, ai_usage="chat")
    call = replied(writer, node)
    edit_node(writer, node, base_rev=node.rev, title=None, text="Quite other words.")
    shown = requests.shown(writer, call)
    assert shown.exact
    assert WORDS in shown.turns[-1].words


def test_deleted_since_it_is_said_to_be_gone(writer, signed_in):
    root = entry(writer, "A beginning that goes.", ai_usage="chat")
    node = entry(writer, WORDS, parent=root, ai_usage="chat")
    call = replied(writer, node)
    trash_node(writer, root)
    shown = requests.shown(writer, call)
    assert (shown.exact, shown.gone) == (False, 1)
    assert GONE in shown.turns[0].words
    page = signed_in(writer).get(f"/settings/ai/calls/{call.pk}/").content.decode()
    assert "exactly what was sent" not in page
    assert "1 text of it was deleted" in page
    assert "A beginning" not in page


def test_closed_to_ai_since_its_owner_may_still_look(writer):
    node = entry(writer, WORDS, ai_usage="chat")
    call = replied(writer, node)
    change_settings(writer, node, ai_usage="none")
    assert requests.shown(writer, call).exact


def test_others_words_are_shown_only_while_they_may_be_seen(writer, bob):
    terms = consent.terms()[Purpose.REPLY]
    consent.decide(bob, Purpose.REPLY, granted=True, text_version=terms.version)
    shared = entry(bob, "bob's words", ai_usage="chat", circles=(befriend(bob, writer),))
    node = entry(writer, WORDS, parent=shared, ai_usage="chat", privacy_level="circles")
    call = replied(writer, node)
    assert "bob's words" in requests.shown(writer, call).turns[0].words
    edit_node(bob, shared, base_rev=shared.rev, title=None, text="other words of bob's")
    shown = requests.shown(writer, call)
    assert (shown.exact, shown.gone) == (False, 1)
    assert "bob's" not in shown.turns[0].words


def test_a_prompt_that_was_edited_since_still_shows_as_it_was(writer, server, settings, tmp_path):
    call = replied(writer, entry(writer, WORDS, ai_usage="chat"))
    system, _turns = body_of(server)
    now = prompts.named("journal/reply")
    edited = prompts.parsed(now.name, now.text.replace("a careful reader", "an absent reader"))
    (tmp_path / "journal" / "prompts").mkdir(parents=True)
    (tmp_path / "journal" / "prompts" / "reply.txt").write_text(edited.text)
    settings.BASE_DIR = tmp_path
    assert requests.shown(writer, call).exact
    assert requests.shown(writer, call).system == system
    replied(writer, entry(writer, "Another day.", ai_usage="chat"))
    assert set(PromptText.objects.values_list("version", flat=True)) == {
        now.version,
        edited.version,
    }


def test_a_request_that_differs_in_anything_is_not_called_the_same(alice):
    request = Request("m", "system", [Turn("user", "words")], 100)
    others = [
        replace(request, model="n"),
        replace(request, system="systems"),
        replace(request, turns=[Turn("assistant", "words")]),
        replace(request, turns=[Turn("user", "word"), Turn("user", "s")]),
        replace(request, max_output=99),
        replace(request, effort="low"),
        replace(request, schema={}),
    ]
    macs = {requests.mac_of(each, owner_id=alice.pk) for each in [request, *others]}
    assert len(macs) == len(others) + 1


def test_what_is_kept_of_a_request_holds_no_word_and_is_sealed(writer):
    call = replied(writer, entry(writer, WORDS, ai_usage="chat"))
    kept = Sent.objects.get(call=call)
    assert "piano" not in str(kept.recipe)
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipe FROM ai_sent WHERE id = %s", [kept.pk])
        assert b"journal" not in bytes(cursor.fetchone()[0])


def test_the_page_and_the_program_see_it_and_nobody_else(writer, bob, signed_in, client):
    call = replied(writer, entry(writer, WORDS, ai_usage="chat"))
    mine = signed_in(writer)
    page = mine.get(f"/settings/ai/calls/{call.pk}/").content.decode()
    assert "exactly what was sent" in page
    assert WORDS in page
    assert f"/settings/ai/calls/{call.pk}/" in mine.get("/settings/ai/").content.decode()
    told = mine.get(f"/api/v1/me/ai/calls/{call.pk}/request/").json()
    assert told["matches"]
    assert [turn["role"] for turn in told["turns"]] == ["system", "user"]
    theirs = signed_in(bob)
    assert theirs.get(f"/settings/ai/calls/{call.pk}/").status_code == 404
    assert theirs.get(f"/api/v1/me/ai/calls/{call.pk}/request/").status_code == 404
