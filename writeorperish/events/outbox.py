"""The only way to make something happen later."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from writeorperish.events.facts import Fact, encode
from writeorperish.events.models import Event
from writeorperish.events.tasks import wake
from writeorperish.ops.logging import current_request_id


def emit(*facts: Fact, not_before: datetime | None = None) -> None:
    """Whoever listens will hear these facts if the transaction commits, and not at all if it does not.

    `not_before`: not earlier; until then `withdraw` takes them back. RuntimeError outside a transaction, since
    a fact must stand or fall with the rows it is about. One INSERT; the broker is asked after the commit.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        names = sorted({type(fact).__name__ for fact in facts})
        raise RuntimeError(f"emit({', '.join(names)}) outside a transaction")
    now, request_id = timezone.now(), current_request_id()
    Event.objects.bulk_create(
        Event(
            name=type(fact).__name__,
            facts=encode(fact),
            owner=fact.person_id,
            request_id=request_id,
            at=now,
            not_before=not_before or now,
        )
        for fact in facts
    )
    # A savepoint that rolls back takes its callbacks along, so the list itself says whether one is left.
    asked = any(callback is wake for _, callback, _ in connection.run_on_commit)
    if not asked and (not_before is None or not_before <= now):
        transaction.on_commit(wake, robust=True)


def withdraw(fact: Fact) -> int:
    """How many equal facts that nobody could hear yet were taken back."""
    waiting = Event.objects.filter(relayed_at=None, name=type(fact).__name__, facts=encode(fact))
    return waiting.delete()[0]
