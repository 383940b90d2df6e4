"""Whatever grows from an entry goes with it: every model made for that is planted here and none is left out."""

import pytest

from download.actions.answers import Where, begin
from download.actions.recommendations import show
from download.recommending import Pick
from journal.actions.nodes import change_settings
from journal.actions.portraits import ask_for_portrait
from journal.actions.trash import erase_node, restore_node, trash_node
from journal.models.nodes import Node
from journal.portraying import NOTE
from tests.events_drain import JOBS, drain
from tests.factories import entry, kept
from writeorperish.ai import cache, prompts
from writeorperish.ai.models import Call
from writeorperish.ai.parts import Answer, Cut
from writeorperish.ai.providers.wire import Stop
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref, Sourced, models_of

pytestmark = pytest.mark.django_db


def grown_from(node) -> dict[str, int]:
    """How many rows of each model were made from this entry."""
    with rows_of(node.owner_id):
        return {
            model._meta.label: model.made_from(Ref.to(node)).count() for model in models_of(Sourced)
        }


def plant(person) -> None:
    """Everything AI makes of entries only when its person agreed and there is enough of them."""
    asked = consent.terms()[Purpose.PORTRAIT]
    consent.decide(person, Purpose.PORTRAIT, granted=True, text_version=asked.version)
    drain()
    here = Node.objects.filter(owner=person, deleted_at=None)
    for _ in range(10 - here.count()):
        entry(person, "More words. " * 120, ai_usage="chat")
    # These are only there to be many.
    drain(JOBS)
    ask_for_portrait(person)
    begin(person, "Which words are #tagged?", where=Where())
    drain()
    for node in here.all():
        keep_answer(person, node)
        suggest_a_link(person, node)


def suggest_a_link(person, node) -> None:
    """One link that fits this entry, as if it did."""
    link = kept(person, title="words to come back to")
    numbers = {"semantic": 0.5, "lexical": 0.5, "urgency": 0.0, "preference": 1.0, "score": 0.35}
    show(person, node.ref, [Pick(ref=link.ref, item=link.pk, start=0, end=1, **numbers)])


def keep_answer(person, node) -> None:
    """A model's answer about this entry, as it is kept when one was asked."""
    passage = read(Ref.to(node), purpose=Purpose.NOTE, asker=person)
    call = Call.objects.create(owner=person, parts=1, sent=True)
    answer = Answer(
        text="words",
        stop=Stop.END,
        provider="openai",
        model="A model",
        call=call.pk,
        read=(Cut(passage, 0, 1),),
    )
    cache.keep(answer, node.pk.bytes, prompts.named(NOTE), spender=person.pk)


def test_an_entry_in_the_trash_has_left_nothing_behind(alice):
    node, other = (
        entry(alice, f"{each} words #tagged", ai_usage="chat") for each in ("One's", "Another's")
    )
    plant(alice)
    assert grown_from(node)
    assert 0 not in grown_from(node).values(), "plant a row of the new model"
    before = grown_from(other)

    trash_node(alice, node)
    assert set(grown_from(node).values()) == {0}
    drain()
    assert set(grown_from(node).values()) == {0}
    assert grown_from(other) == before

    restore_node(alice, node)
    plant(alice)
    assert 0 not in grown_from(node).values()
    trash_node(alice, node)
    erase_node(alice, node)
    assert set(grown_from(node).values()) == {0}


def test_an_entry_closed_to_ai_keeps_only_the_index_of_its_owner(alice):
    node = entry(alice, "words #tagged", ai_usage="chat")
    plant(alice)
    assert 0 not in grown_from(node).values()
    change_settings(alice, node, ai_usage="none")
    kept = {label for label, count in grown_from(node).items() if count}
    made_by_ai = {
        model._meta.label for model in models_of(Sourced) if getattr(model, "MADE_BY_AI", False)
    }
    assert made_by_ai
    assert kept.isdisjoint(made_by_ai)
    assert kept == set(grown_from(node)) - made_by_ai
