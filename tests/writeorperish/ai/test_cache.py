"""An answer that is kept is used again for the very same question of the same person, and for nothing else."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from download.themes import PROMPT as THEMES
from journal.actions.nodes import change_settings, edit_node
from journal.actions.trash import restore_node, trash_node
from journal.portraying import NOTE
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import entry
from tests.journal.test_portrait_providers import says
from writeorperish.ai import cache, gateway, prompts
from writeorperish.ai.gateway import accept_providers
from writeorperish.ai.models import AnswerSource, Call, KeptAnswer, Purse, Read
from writeorperish.ai.parts import NotAllowed
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 4, 9, tzinfo=UTC)
WORDS = "I play the piano again. It is out of tune."


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings):
    """The local provider as Anthropic; it notes the first sentence of every entry."""
    server.requests.clear()
    server.orders.clear()
    server.says = says
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    breaker("ai:anthropic:chat", counts=gateway.asking.is_away).close()
    yield server
    server.says = None


def agree(person, *, granted=True):
    version = consent.terms()[Purpose.PORTRAIT].version
    consent.decide(person, Purpose.PORTRAIT, granted=granted, text_version=version)


def noted(person, node):
    """What is noted on this entry, asked through the gateway."""
    passage = read(Ref.to(node), purpose=Purpose.NOTE, asker=person)
    return gateway.complete(NOTE, {"entries": [passage]}, spender=person.pk)


def written(person, words=WORDS):
    return entry(person, words, ai_usage="chat", written_at=AT)


@pytest.fixture
def node(alice, double):
    agree(alice)
    return written(alice)


def test_the_same_question_again_sends_nothing_and_says_so(alice, node, double, signed_in):
    first, second = noted(alice, node), noted(alice, node)
    assert len(double.requests) == 1
    assert (second.data, second.text, second.model) == (first.data, first.text, first.model)
    assert (first.cost_microdollars > 0, second.cost_microdollars) == (True, 0)
    call = Call.objects.get(pk=second.call)
    assert (call.cached, call.sent, call.cost_microdollars) == (True, False, 0)
    assert call.again_id == first.call
    assert Read.objects.filter(call=call, ref_id=node.pk).count() == 1
    assert {purse.held for purse in Purse.objects.filter(owner=alice)} == {0}
    kept = KeptAnswer.objects.get()
    assert "piano" in kept.text
    assert b"piano" not in bytes(KeptAnswer.objects.filter(pk=kept.pk).values_list("mark")[0][0])

    client = signed_in(alice)
    page = client.get(f"/settings/ai/calls/{call.pk}/").content.decode()
    assert "Nothing was sent this time and nothing was paid" in page
    assert "I play the piano again." in page
    assert "from cache" in client.get("/settings/ai/").content.decode()
    told = client.get(f"/api/v1/me/ai/calls/{call.pk}/request/").json()
    assert told["matches"] and "piano" in json.dumps(told["turns"])
    mine = client.get("/api/v1/me/ai/calls/").json()["results"]
    assert [(each["cached"], each["offline"]) for each in mine] == [(True, False), (False, False)]


def change_text(alice, node):
    edit_node(alice, node, text=WORDS + " Still.", base_rev=1)
    node.refresh_from_db()


def say_no_and_yes(alice, node):
    agree(alice, granted=False)
    with pytest.raises(NotAllowed):
        noted(alice, node)
    agree(alice)


def close_and_open(alice, node):
    change_settings(alice, node, ai_usage="none")
    assert not AnswerSource.objects.exists()
    change_settings(alice, node, ai_usage="chat")


def delete_and_restore(alice, node):
    trash_node(alice, node)
    assert not KeptAnswer.objects.exists()
    restore_node(alice, node)


@pytest.mark.parametrize(
    "change", [change_text, say_no_and_yes, close_and_open, delete_and_restore]
)
def test_after_a_change_it_is_asked_anew(alice, node, double, change):
    noted(alice, node)
    change(alice, node)
    noted(alice, node)
    assert len(double.requests) == 2
    assert not Call.objects.filter(cached=True).exists()


def test_another_model_is_asked_anew(alice, node, double, settings):
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "a-key", double.base_url
    agree(alice)
    first = noted(alice, node)
    accept_providers(alice.pk, ["openai"])
    second = noted(alice, node)
    assert (first.provider, second.provider) == ("anthropic", "openai")
    assert len(double.requests) == 2
    accept_providers(alice.pk, ["anthropic"])
    noted(alice, node)
    assert len(double.requests) == 2


def test_equal_words_of_another_person_are_another_question(alice, bob, node, double):
    noted(alice, node)
    agree(bob)
    noted(bob, written(bob))
    assert len(double.requests) == 2
    marks = KeptAnswer.objects.values_list("mark", flat=True)
    assert len({bytes(mark) for mark in marks}) == 2


def test_a_withdrawn_consent_and_a_week_leave_nothing(alice, node, double):
    noted(alice, node)
    agree(alice, granted=False)
    drain()
    assert not KeptAnswer.objects.exists()
    agree(alice)
    noted(alice, node)
    later = timezone.now() + timedelta(days=8)
    with time_machine.travel(later, tick=False):
        assert cache.kept(alice.pk, bytes(KeptAnswer.objects.get().mark), now=later) is None
    assert (cache.drop_old(timezone.now()), cache.drop_old(later)) == (0, 1)
    assert not AnswerSource.objects.exists()


def test_a_text_closed_after_the_answer_came_leaves_none_behind(alice, node, double):
    answer = noted(alice, node)
    KeptAnswer.objects.all().delete()
    change_settings(alice, node, ai_usage="none")
    cache.keep(answer, b"\0" * 16, prompts.named(NOTE), spender=alice.pk)
    assert not KeptAnswer.objects.exists()


def test_only_judgements_on_words_are_kept():
    assert [name for name in prompts.shipped() if prompts.named(name).cache] == [THEMES, NOTE]
    text = prompts.named("journal/reply").text.replace("purpose:", "cache: true\npurpose:", 1)
    with pytest.raises(prompts.BadPrompt, match=re.escape("never kept")):
        prompts.parsed("journal/reply", text)
