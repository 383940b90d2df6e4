"""How AI should talk with somebody: sealed, read through the door, and theirs alone."""

import pytest
from django.db import connection

from journal.actions.replies import ask_for_reply, context_of
from journal.replying import PROMPT
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ai import gateway
from writeorperish.ai.composing import compose
from writeorperish.ai.instructions import (
    MOST_CHARS,
    InstructionsTooLong,
    give_instructions,
    instructions_of,
    words_of,
)
from writeorperish.ai.models import Instructions, Read
from writeorperish.ai.prompts import BadPrompt, named, parsed
from writeorperish.audit.models import Entry
from writeorperish.privacy.reading import visible_texts

pytestmark = pytest.mark.django_db

SHORT = "Be short, and never ask me how I feel."


def test_the_newest_words_count_and_the_same_change_nothing(alice):
    assert words_of(alice) == ""
    first = give_instructions(alice, SHORT)
    assert give_instructions(alice, f"  {SHORT}\n").pk == first.pk
    give_instructions(alice, "In French, please.")
    assert words_of(alice) == "In French, please."
    assert Instructions.objects.filter(owner=alice).count() == 2


def test_taken_back_none_of_them_is_left(alice, bob):
    give_instructions(bob, SHORT)
    for words in (SHORT, "In French, please.", " "):
        give_instructions(alice, words)
    assert words_of(alice) == ""
    assert not Instructions.objects.filter(owner=alice).exists()
    assert words_of(bob) == SHORT


def test_more_than_two_thousand_characters_are_refused(alice):
    give_instructions(alice, "x" * MOST_CHARS)
    with pytest.raises(InstructionsTooLong):
        give_instructions(alice, "x" * (MOST_CHARS + 1))


def test_they_are_sealed_where_they_lie(alice):
    given = give_instructions(alice, SHORT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT words FROM ai_instructions WHERE id = %s", [given.pk])
        assert SHORT.encode() not in bytes(cursor.fetchone()[0])


def test_a_reply_is_told_them_before_the_conversation_and_lists_them(alice, bob):
    give_instructions(bob, "bob's own wish")
    give_instructions(alice, SHORT)
    node = entry(alice, "I could not sleep.", ai_usage="chat")
    done = compose(named(PROMPT), context_of(alice, node.pk), mark="text-mark")
    assert SHORT in done.system
    assert "bob" not in done.system
    assert not any(SHORT in turn.words for turn in done.turns)
    _reply, job = ask_for_reply(alice, node.pk)
    drain()
    given = instructions_of(alice)
    assert Read.objects.filter(call__job=job.pk, kind="ai.instructions", ref_id=given.pk).exists()
    assert Entry.objects.filter(action="read", object_id=given.pk, purpose="reply").exists()


def test_without_any_the_prompt_does_not_speak_of_them(alice):
    node = entry(alice, "I could not sleep.", ai_usage="chat")
    assert (
        "their own words"
        not in compose(named(PROMPT), context_of(alice, node.pk), mark="text-mark").system
    )


def test_nobody_elses_words_stand_where_only_ones_own_may(alice, bob):
    give_instructions(bob, SHORT)
    slots = context_of(alice, entry(alice, "Hello.", ai_usage="chat").pk)
    foreign = context_of(bob, entry(bob, "Hello.", ai_usage="chat").pk)["instructions"]
    with pytest.raises(ValueError, match="own words"):
        list(gateway.stream(PROMPT, slots | {"instructions": foreign}, spender=alice.pk))


@pytest.mark.parametrize(("kind", "allowed"), [("own", True), ("passage", False), ("typed", False)])
def test_the_system_turn_takes_words_of_nobody_else(kind, allowed):
    head = f"---\ntier: large\nmax_output: 1\npurpose: reply\nslots:\n  a: {{kind: {kind}, tokens: 5}}\n---\n"
    if allowed:
        assert parsed("journal/x", f"{head}Listen. {{a}}\n").slots
    else:
        with pytest.raises(BadPrompt):
            parsed("journal/x", f"{head}Listen. {{a}}\n")


def test_no_search_goes_through_them(alice):
    assert Instructions not in {known.model for known, _rows in visible_texts(alice)}


def test_they_are_given_and_taken_back_on_the_settings_page(alice, signed_in):
    client = signed_in(alice)
    sent = {"instructions": SHORT, "preferred_model": ""}
    assert client.post("/settings/ai/", sent).status_code == 302
    assert words_of(alice) == SHORT
    assert SHORT in client.get("/settings/ai/").content.decode()
    long = client.post("/settings/ai/", sent | {"instructions": "x" * (MOST_CHARS + 1)})
    assert (long.status_code, words_of(alice)) == (422, SHORT)
    client.post("/settings/ai/", sent | {"instructions": ""})
    assert words_of(alice) == ""
