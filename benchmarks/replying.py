"""How long a reply's first words take beyond the provider's own time: one that answers at once is asked."""

from collections.abc import Callable
from uuid import UUID

from django.test import override_settings

from accounts.models import User
from benchmarks.measuring import timed
from benchmarks.words import Diary
from journal.actions.nodes import write_node
from journal.actions.replies import context_of
from journal.replying import PROMPT
from tests.doubles.provider import provider
from writeorperish.ai import gateway
from writeorperish.ai.parts import Delta
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage

REPLIES = 30


def first_words(person: User) -> dict[str, float]:
    """From a worker's beginning to the first piece: reading, neighbours, consent, budget, request, answer."""
    diary = Diary(11)
    entries = [
        write_node(person, text=diary.text(), ai_usage=AIUsage.CHAT).node for _ in range(REPLIES)
    ]
    with provider() as double:
        given = {"ANTHROPIC_API_KEY": "a-key", "ANTHROPIC_BASE_URL": double.root}
        with override_settings(**given):
            version = consent.terms()["reply"].version
            consent.decide(person, "reply", granted=True, text_version=version)
            return timed([asking(person, node.pk) for node in entries]).told()


def asking(person: User, node_id: UUID) -> Callable[[], object]:
    def ask() -> object:
        events = gateway.stream(PROMPT, context_of(person, node_id), spender=person.pk)
        try:
            return next(event for event in events if isinstance(event, Delta))
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator

    return ask
