"""Delivering facts at once, so that a test says when time passes."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils import timezone

from writeorperish.events import receipts
from writeorperish.events.facts import Fact
from writeorperish.events.models import Event, Receipt
from writeorperish.events.tasks import put_off
from writeorperish.ops.refusals import Unavailable

MOST_ROUNDS = 100


@dataclass(frozen=True)
class Heard:
    listener: str
    fact: Fact


def drain(only: tuple[str, ...] = ()) -> list[Heard]:
    """Who heard what, in order: every waiting fact and those it caused, the ones resting for later included.

    `only`: beginnings of listeners' names, when the test needs no others; those hear nothing, and never will.
    An exception of a listener is the test's. What a listener found unavailable is put off, and stays so.
    """
    heard: list[Heard] = []
    for _ in range(MOST_ROUNDS):
        now = timezone.now()
        Event.objects.filter(relayed_at=None, not_before__gt=now).update(not_before=now)
        while receipts.write_receipts(now):
            pass
        due = Receipt.objects.filter(state=Receipt.State.DUE, next_at__lte=timezone.now())
        if only:
            needed = [Q(listener__startswith=each) for each in only]
            due.exclude(reduce(or_, needed)).update(state=Receipt.State.DONE)
        waiting = list(due.order_by("pk").values_list("pk", "tries"))
        if not waiting:
            return heard
        for pk, tries in waiting:
            heard += hear(pk, tries)
    raise AssertionError(f"Facts still cause facts after {MOST_ROUNDS} rounds")


def hear(pk: int, tries: int) -> list[Heard]:
    receipt = receipts.claim(pk, tries)
    listener = receipt and receipts.listener_of(receipt)
    if not receipt or not listener:
        return []
    fact = receipt.event.fact
    try:
        listener.hear(fact)
    except Unavailable as refusal:
        put_off(receipt, refusal)
    else:
        receipts.finish(receipt)
    return [Heard(listener.name, fact)]


def drain_twice(only: tuple[str, ...] = ()) -> list[Heard]:
    """As `drain`, with every fact heard a second time: verbs reached by listeners survive that."""
    heard = drain(only)
    Receipt.objects.filter(state=Receipt.State.DONE).update(
        state=Receipt.State.DUE, next_at=timezone.now()
    )
    drain(only)
    return heard
