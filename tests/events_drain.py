"""Delivering facts at once, so that a test says when time passes."""

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import F, Q
from django.utils import timezone

from writeorperish.events import receipts
from writeorperish.events.facts import Fact
from writeorperish.events.models import Event, Receipt
from writeorperish.events.tasks import put_off
from writeorperish.ops.refusals import Unavailable

# Who runs the jobs that are queued, for `only`.
JOBS = ("writeorperish.ai.handlers.run_what",)
MOST_ROUNDS = 100
LEASE = timedelta(hours=1)


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
        waiting = list(due.order_by("pk").select_related("event"))
        if not waiting:
            return heard
        heard += hear_all(waiting)
    raise AssertionError(f"Facts still cause facts after {MOST_ROUNDS} rounds")


def hear_all(waiting: list[Receipt]) -> list[Heard]:
    """Claimed and finished all together, which spares three queries for each; workers do that one by one."""
    known = []
    for receipt in waiting:
        if receipts.listener_of(receipt):
            known.append(receipt)
        else:
            receipts.pass_on(receipt, timezone.now())
    held = Receipt.objects.filter(pk__in=[receipt.pk for receipt in known])
    until = timezone.now() + LEASE
    held.update(state=Receipt.State.HELD, tries=F("tries") + 1, lease_until=until)
    heard = []
    for receipt in known:
        receipt.tries, receipt.lease_until = receipt.tries + 1, until
        heard += hear(receipt)
    finished = held.filter(state=Receipt.State.HELD)
    finished.update(state=Receipt.State.DONE, lease_until=None, error_class="")
    return heard


def hear(receipt: Receipt) -> list[Heard]:
    listener = receipts.listener_of(receipt)
    if listener is None:
        return []
    fact = receipt.event.fact
    try:
        listener.hear(fact)
    except Unavailable as refusal:
        put_off(receipt, refusal)
    return [Heard(listener.name, fact)]


def drain_twice(only: tuple[str, ...] = ()) -> list[Heard]:
    """As `drain`, with every fact heard a second time: verbs reached by listeners survive that."""
    heard = drain(only)
    Receipt.objects.filter(state=Receipt.State.DONE).update(
        state=Receipt.State.DUE, next_at=timezone.now()
    )
    drain(only)
    return heard
