from datetime import timedelta
from threading import Timer
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from tests.events_drain import drain
from writeorperish.events import receipts
from writeorperish.events.bus import LISTENERS, on
from writeorperish.events.catalog import TextErased
from writeorperish.events.models import Receipt
from writeorperish.events.outbox import emit
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_listener():
    before = dict(LISTENERS)
    LISTENERS.clear()
    on(TextErased)(lambda _fact: None)
    yield
    LISTENERS.clear()
    LISTENERS.update(before)


def tell(*, in_seconds: float = 0) -> None:
    later = timezone.now() + timedelta(seconds=in_seconds) if in_seconds else None
    with transaction.atomic():
        emit(TextErased(Ref("journal.node", new_id()), UUID(int=1)), not_before=later)


def refused(*options: str) -> str:
    with pytest.raises(CommandError) as failed:
        call_command("wait_idle", "--timeout", "0.1", *options)
    assert failed.value.returncode == 1
    return str(failed.value)


def test_it_returns_at_once_when_nothing_is_left_to_do():
    tell()
    drain()
    call_command("wait_idle", "--timeout", "0")


def test_it_names_a_fact_that_waits():
    tell()
    assert refused() == "Still waiting after 0.1 s: 1 events."


def test_it_names_a_receipt_that_waits_or_is_being_heard():
    tell()
    receipts.write_receipts(timezone.now())
    assert refused() == "Still waiting after 0.1 s: 1 receipts."
    receipts.claim(Receipt.objects.get().pk, 0)
    assert refused() == "Still waiting after 0.1 s: 1 receipts."


def test_a_fact_for_later_counts_only_when_it_falls_within_the_span_asked_for():
    tell(in_seconds=60)
    call_command("wait_idle", "--timeout", "0")
    call_command("wait_idle", "--timeout", "0", "--due-within", "50")
    assert "1 events" in refused("--due-within", "70")


def test_what_was_given_up_is_not_waited_for():
    tell()
    receipts.write_receipts(timezone.now())
    receipts.give_up(receipts.claim(Receipt.objects.get().pk, 0), "ValueError")
    call_command("wait_idle", "--timeout", "0")


def test_it_returns_as_soon_as_the_work_is_done():
    tell()

    def work() -> None:
        drain()
        connection.close()

    timer = Timer(0.3, work)
    timer.start()
    call_command("wait_idle", "--timeout", "20")
    timer.join()
    assert not Receipt.objects.unfinished().exists()
