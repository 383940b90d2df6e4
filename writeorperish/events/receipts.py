"""The life of a receipt: written, offered, held by one worker, then done, put off or given up.

Each step is one compare-and-set, so two workers with the same message agree on who runs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from writeorperish.audit.log import STAFF, record
from writeorperish.events.bus import LEASES, MARGIN, Listener, listener_named, listeners_to
from writeorperish.events.facts import FACTS
from writeorperish.events.models import Event, EventQuerySet, Receipt, ReceiptQuerySet

BATCH = 500
# An offer nobody took is repeated after this long, so that a backlog does not multiply.
PATIENCE = {
    "urgent": timedelta(minutes=1),
    "normal": timedelta(minutes=10),
    "low": timedelta(minutes=30),
}
# The wait after each try that found something unavailable; after the last of them comes one more try.
LADDER = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
MOST_TRIES = len(LADDER) + 1
# A worker of the last release may meet a listener of the next one: it passes the receipt on.
PASS_ON = timedelta(minutes=1)
LONGEST_RELEASE = timedelta(days=1)
KEPT = timedelta(days=90)
# Queues are served strictly in order: every 20th receipt of the lowest is lifted, lest it starve.
LIFTED = 20


@dataclass(frozen=True)
class Offer:
    """A receipt on its way to a queue. `tries` is the claim ticket: an older message of it is void."""

    receipt: int
    tries: int
    queue: str
    limit: timedelta


def write_receipts(now: datetime, *, limit: int = BATCH) -> int:
    """How many due facts were turned into one receipt per listener, at most `limit`, in one transaction."""
    # A fact this release does not know yet waits for the release that does.
    known = Event.objects.waiting(now).filter(name__in=FACTS)
    if not known.exists():
        return 0
    with transaction.atomic():
        events = list(
            known.order_by("not_before", "id").select_for_update(skip_locked=True)[:limit]
        )
        Receipt.objects.bulk_create(
            [
                Receipt(event=event, listener=each.name, queue=each.queue, next_at=now)
                for event in events
                for each in listeners_to(event.fact)
            ],
            ignore_conflicts=True,
        )
        Event.objects.filter(pk__in=[event.pk for event in events]).update(relayed_at=now)
    return len(events)


def reclaim(now: datetime) -> int:
    """How many receipts came back from workers that died, due again, or given up after the last try."""
    lost = Receipt.objects.filter(state=Receipt.State.HELD, lease_until__lt=now)
    if not lost.exists():
        return 0
    spent = lost.filter(tries__gte=MOST_TRIES).update(
        state=Receipt.State.GIVEN_UP, lease_until=None, next_at=now, error_class="LeaseLost"
    )
    return spent + lost.update(state=Receipt.State.DUE, lease_until=None, next_at=now)


def take_offers(queue: str, now: datetime, *, limit: int = BATCH) -> list[Offer]:
    """The receipts of one queue to publish now; each is not taken again before the queue's patience ends."""
    due = Receipt.objects.filter(state=Receipt.State.DUE, queue=queue, next_at__lte=now)
    if not due.exists():
        return []
    with transaction.atomic():
        receipts = list(
            due.order_by("next_at")
            .select_related("event")
            .select_for_update(skip_locked=True, of=("self",))[:limit]
        )
        ids = [receipt.pk for receipt in receipts]
        Receipt.objects.filter(pk__in=ids).update(next_at=now + PATIENCE[queue])
    return [offer(receipt) for receipt in receipts]


def offer(receipt: Receipt) -> Offer:
    lifted = receipt.queue == "low" and receipt.pk % LIFTED == 0
    return Offer(
        receipt=receipt.pk,
        tries=receipt.tries,
        queue="normal" if lifted else receipt.queue,
        limit=lease_of(receipt) - MARGIN,
    )


def take_back(offers: Sequence[Offer], now: datetime) -> None:
    """Offers that could not be published are due as before."""
    ids = [each.receipt for each in offers]
    Receipt.objects.filter(pk__in=ids, state=Receipt.State.DUE).update(next_at=now)


def claim(receipt_id: int, tries: int) -> Receipt | None:
    """The receipt, held until its lease ends; None when another worker was faster or nobody here can hear it.

    Two queries; the second is the compare-and-set on `tries`.
    """
    due = Receipt.objects.filter(pk=receipt_id, state=Receipt.State.DUE, tries=tries)
    receipt = due.select_related("event").first()
    if receipt is None:
        return None
    now = timezone.now()
    if listener_of(receipt) is None:
        pass_on(receipt, now)
        return None
    lease_until = now + lease_of(receipt)
    taken = due.update(state=Receipt.State.HELD, tries=F("tries") + 1, lease_until=lease_until)
    if not taken:
        return None
    receipt.tries, receipt.lease_until = tries + 1, lease_until
    return receipt


def listener_of(receipt: Receipt) -> Listener | None:
    return listener_named(receipt.listener, receipt.event.name)


def lease_of(receipt: Receipt) -> timedelta:
    listener = listener_of(receipt)
    return listener.lease if listener else LEASES[receipt.queue]


def pass_on(receipt: Receipt, now: datetime) -> None:
    """A receipt for a listener this process does not have waits for a newer worker, a day at most."""
    due = Receipt.objects.filter(pk=receipt.pk, state=Receipt.State.DUE)
    if receipt.event.at < now - LONGEST_RELEASE:
        due.update(state=Receipt.State.DROPPED)
    else:
        due.update(next_at=now + PASS_ON)


def finish(receipt: Receipt) -> None:
    """Heard. Nothing happens when the lease was lost meanwhile: then somebody else decides."""
    held(receipt).update(state=Receipt.State.DONE, lease_until=None, error_class="")


def put_off(receipt: Receipt, error_class: str, *, at_least: timedelta = timedelta()) -> None:
    """Something was unavailable: due again after the next step of the ladder, given up after the last."""
    if receipt.tries >= MOST_TRIES:
        give_up(receipt, error_class)
        return
    wait = max(LADDER[receipt.tries - 1], at_least)
    held(receipt).update(
        state=Receipt.State.DUE,
        lease_until=None,
        next_at=timezone.now() + wait,
        error_class=error_class,
    )


def give_up(receipt: Receipt, error_class: str) -> None:
    """Kept for an operator to look at, with the class of the error."""
    held(receipt).update(
        state=Receipt.State.GIVEN_UP,
        lease_until=None,
        next_at=timezone.now(),
        error_class=error_class[:80],
    )


def held(receipt: Receipt) -> ReceiptQuerySet:
    """The receipt, as long as it is still this worker's."""
    return Receipt.objects.filter(pk=receipt.pk, state=Receipt.State.HELD, tries=receipt.tries)


@transaction.atomic
def hear_again(staff: AbstractUser, receipts: ReceiptQuerySet) -> int:
    """How many of these given-up receipts are due again."""
    again = receipts.given_up()
    listeners = sorted(set(again.values_list("listener", flat=True)))
    count = again.update(state=Receipt.State.DUE, tries=0, next_at=timezone.now(), error_class="")
    record(
        staff,
        "receipts.hear_again",
        None,
        of=STAFF,
        detail={"receipts": count, "listeners": listeners},
    )
    return count


def prune(now: datetime) -> int:
    """How many facts went because everybody heard them more than 90 days ago; in batches."""
    count = 0
    while ids := list(prunable(now).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            Receipt.objects.filter(event__in=ids).delete()
            Event.objects.filter(pk__in=ids).delete()
        count += len(ids)
    return count


def prunable(now: datetime) -> EventQuerySet:
    open_states = [Receipt.State.DUE, Receipt.State.HELD, Receipt.State.GIVEN_UP]
    unheard = Receipt.objects.filter(event=OuterRef("pk"), state__in=open_states)
    old = Event.objects.filter(at__lt=now - KEPT, relayed_at__isnull=False)
    return old.filter(~Exists(unheard)).order_by("at")


def healthy() -> bool:
    """False when a receipt was given up more than an hour ago and nobody has looked."""
    hour_ago = timezone.now() - timedelta(hours=1)
    return not Receipt.objects.given_up().filter(next_at__lt=hour_ago).exists()
