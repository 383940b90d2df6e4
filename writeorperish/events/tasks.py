"""Handing facts to their listeners: the only place that puts anything on a queue.

PostgreSQL remembers who has to hear what; the broker is only a faster way to be told.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache
from django.db import OperationalError, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown

from writeorperish.audit.anchoring import anchor
from writeorperish.audit.verifying import verify
from writeorperish.events import receipts
from writeorperish.events.models import Receipt
from writeorperish.events.receipts import Offer
from writeorperish.ops.refusals import Unavailable

log = structlog.get_logger()

# Beyond this many batches a relay makes room for the next, so that a backlog delays nobody.
BATCHES: Final = 4
SILENT_SECONDS: Final = 5
SOFT_SECONDS: Final = 5
MARK: Final = "events.beat"
MARK_SECONDS: Final = 60


@dataclass
class Broker:
    """What this process knows about the broker: a dead one is left alone for 5 s."""

    silent_until: float = 0.0
    failures: int = 0

    def speaks(self) -> bool:
        return time.monotonic() >= self.silent_until

    def failed(self) -> None:
        self.failures += 1
        self.silent_until = time.monotonic() + SILENT_SECONDS
        log.warning("broker.down", failures=self.failures)


broker = Broker()


def wake() -> None:
    """A relay is on its way if the broker is up. If not, beat asks for one within 10 s."""
    if broker.speaks():
        try:
            relay.apply_async(queue="urgent", retry=False)
        except (BrokerDown, OSError):
            broker.failed()


@shared_task(ignore_result=True)
def relay() -> None:
    """Waiting facts become receipts, and every due receipt is offered to its queue."""
    now = timezone.now()
    read = all(receipts.write_receipts(now) == receipts.BATCH for _ in range(BATCHES))
    receipts.reclaim(now)
    offered = [publish(queue) for queue in receipts.PATIENCE]
    if read or not all(offered):
        wake()


def publish(queue: str) -> bool:
    """Whether every due receipt of this queue is on its way; False when more are left or the broker is down."""
    for _ in range(BATCHES):
        offers = receipts.take_offers(queue, timezone.now())
        sent = send(offers)
        if sent < len(offers):
            receipts.take_back(offers[sent:], timezone.now())
            return False
        if len(offers) < receipts.BATCH:
            return True
    return False


def send(offers: Sequence[Offer]) -> int:
    """How many of these the broker took before it went down."""
    for sent, offer in enumerate(offers):
        try:
            handle.apply_async(
                args=[offer.receipt, offer.tries],
                queue=offer.queue,
                time_limit=offer.limit.total_seconds(),
                soft_time_limit=offer.limit.total_seconds() - SOFT_SECONDS,
                retry=False,
            )
        except (BrokerDown, OSError):
            broker.failed()
            return sent
    return len(offers)


@shared_task(ignore_result=True)
def handle(receipt_id: int, tries: int) -> None:
    """One listener hears one fact, unless another worker was faster."""
    receipt = receipts.claim(receipt_id, tries)
    if receipt is not None:
        with structlog.contextvars.bound_contextvars(
            request_id=receipt.event.request_id, listener=receipt.listener, fact=receipt.event.name
        ):
            hear(receipt)


def hear(receipt: Receipt) -> None:
    """The receipt is done, put off or given up: whatever a listener does, it fails alone."""
    listener = receipts.listener_of(receipt)
    if listener is None:
        raise LookupError(receipt.listener)
    started = time.perf_counter()
    try:
        listener.hear(receipt.event.fact)
    except Unavailable as refusal:
        later = timedelta(seconds=refusal.retry_after_seconds or 0)
        put_off(receipt, refusal, at_least=later)
    except OperationalError as error:
        # The database was restarted, or chose this transaction to break a deadlock.
        if not connection.is_usable():
            connection.close()
        put_off(receipt, error)
    except Exception as error:  # kept, and visible in the admin
        log.exception("receipt.given_up", receipt=receipt.pk)
        receipts.give_up(receipt, type(error).__name__)
    else:
        receipts.finish(receipt)
        log.info(
            "receipt.done", receipt=receipt.pk, ms=round((time.perf_counter() - started) * 1000)
        )


def put_off(receipt: Receipt, error: Exception, *, at_least: timedelta = timedelta()) -> None:
    log.warning(
        "receipt.put_off",
        receipt=receipt.pk,
        tries=receipt.tries,
        error_class=type(error).__name__,
    )
    receipts.put_off(receipt, type(error).__name__, at_least=at_least)


@shared_task(ignore_result=True)
def prune() -> None:
    """Facts that everybody heard long ago are gone."""
    log.info("events.pruned", count=receipts.prune(timezone.now()))


@shared_task(ignore_result=True)
def anchor_audit() -> None:
    """The ends of all audit chains are signed."""
    anchor()


@shared_task(ignore_result=True)
def verify_audit() -> None:
    """Every audit chain was verified, and the system chain says with which result."""
    found = verify()
    if found:
        log.error("audit.broken", chains=len(found))


@shared_task(ignore_result=True)
def mark() -> None:
    """Beat and a worker were alive just now."""
    cache.set(MARK, time.time(), timeout=MARK_SECONDS)


@worker_ready.connect
def mark_at_start(**_signal: object) -> None:
    # A new entry of beat waits a whole interval before its first tick.
    mark()


def beat_alive() -> bool:
    """Whether the mark of beat is younger than a minute."""
    marked_at = cache.get(MARK)
    return marked_at is not None and time.time() - marked_at < MARK_SECONDS
