from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from writeorperish.audit.models import Entry
from writeorperish.events import receipts, tasks
from writeorperish.events.bus import LISTENERS, on
from writeorperish.events.catalog import Genre, TextErased, TextWritten
from writeorperish.events.models import Event, Receipt
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Unavailable
from writeorperish.refs import Ref, new_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_ours", "broker_asked_again")]
ALICE = UUID(int=1)
State = Receipt.State


def erased() -> TextErased:
    return TextErased(Ref("journal.node", new_id()), ALICE)


def told(listener: Callable[[object], None], **how: object) -> Receipt:
    """The receipt of this listener for a fact told just now."""
    on(TextErased, **how)(listener)
    emit(erased())
    receipts.write_receipts(timezone.now())
    return Receipt.objects.get()


def heard(receipt: Receipt) -> Receipt:
    """The receipt after one worker had it."""
    taken = receipts.claim(receipt.pk, receipt.tries)
    assert taken is not None
    tasks.hear(taken)
    receipt.refresh_from_db()
    return receipt


def quiet(_fact: object) -> None:
    """Hears and does nothing."""


def unavailable(_fact: object) -> None:
    raise Unavailable


def broken(_fact: object) -> None:
    raise ValueError("alice's words")


def test_each_listener_that_wants_a_fact_gets_one_receipt_however_often_it_is_relayed():
    on(TextErased)(quiet)
    on(TextErased, queue="low")(broken)
    on(TextWritten)(unavailable)
    emit(erased())
    assert receipts.write_receipts(timezone.now()) == 1
    assert receipts.write_receipts(timezone.now()) == 0
    Event.objects.update(relayed_at=None)
    receipts.write_receipts(timezone.now())
    assert set(Receipt.objects.values_list("listener", "queue", "state")) == {
        (f"{__name__}.quiet", "normal", "due"),
        (f"{__name__}.broken", "low", "due"),
    }


def test_a_genre_nobody_asked_for_is_heard_by_nobody():
    on(TextWritten, genres={Genre.DIARY})(quiet)
    emit(TextWritten(Ref("journal.node", new_id()), ALICE, Genre.FICTION))
    assert receipts.write_receipts(timezone.now()) == 1
    assert not Receipt.objects.exists()


def test_a_fact_rests_until_it_is_due():
    on(TextErased)(quiet)
    now = timezone.now()
    emit(erased(), not_before=now + timedelta(hours=3))
    assert receipts.write_receipts(now + timedelta(hours=3) - timedelta(seconds=1)) == 0
    assert receipts.write_receipts(now + timedelta(hours=3)) == 1


def test_a_fact_of_the_next_release_waits_for_a_worker_that_knows_it():
    emit(erased())
    Event.objects.update(name="FactOfTheNextRelease")
    assert receipts.write_receipts(timezone.now()) == 0
    assert Event.objects.waiting(timezone.now()).exists()


@pytest.mark.parametrize(("queue", "minutes"), [("urgent", 1), ("normal", 10), ("low", 30)])
def test_a_receipt_nobody_takes_is_offered_again_only_after_a_while(queue, minutes):
    told(quiet, queue=queue)
    now = timezone.now()
    (offer,) = receipts.take_offers(queue, now)
    before_end = now + timedelta(minutes=minutes) - timedelta(seconds=1)
    assert receipts.take_offers(queue, before_end) == []
    assert receipts.take_offers(queue, now + timedelta(minutes=minutes)) == [offer]


@pytest.mark.parametrize(("queue", "seconds"), [("urgent", 50), ("normal", 290), ("low", 890)])
def test_a_task_is_stopped_before_its_lease_ends(queue, seconds):
    receipt = told(quiet, queue=queue)
    (offer,) = receipts.take_offers(queue, timezone.now())
    taken = receipts.claim(receipt.pk, 0)
    assert offer.limit == timedelta(seconds=seconds)
    assert taken.lease_until - timezone.now() > offer.limit + timedelta(seconds=9)


def test_a_listener_with_a_lease_of_its_own_keeps_it():
    told(quiet, queue="urgent", lease=timedelta(seconds=150))
    assert receipts.take_offers("urgent", timezone.now())[0].limit == timedelta(seconds=140)


def test_what_the_broker_did_not_take_is_due_at_once():
    told(quiet)
    now = timezone.now()
    offers = receipts.take_offers("normal", now)
    receipts.take_back(offers, now)
    assert receipts.take_offers("normal", now) == offers


def test_every_twentieth_low_receipt_is_lifted():
    on(TextErased, queue="low")(quiet)
    for _ in range(40):
        emit(erased())
    receipts.write_receipts(timezone.now())
    queues = [offer.queue for offer in receipts.take_offers("low", timezone.now())]
    assert (queues.count("normal"), queues.count("low")) == (2, 38)


def test_one_worker_gets_a_receipt_and_an_old_message_of_it_is_void():
    receipt = told(unavailable)
    assert receipts.claim(receipt.pk, 0) is not None
    assert receipts.claim(receipt.pk, 0) is None
    receipts.reclaim(timezone.now() + timedelta(minutes=6))
    assert receipts.claim(receipt.pk, 0) is None
    assert receipts.claim(receipt.pk, 1) is not None


def test_a_receipt_that_was_heard_is_done():
    receipt = heard(told(quiet))
    assert (receipt.state, receipt.tries, receipt.lease_until) == (State.DONE, 1, None)
    assert receipts.claim(receipt.pk, 1) is None


def test_what_was_unavailable_is_tried_again_after_growing_waits_and_then_given_up():
    receipt = told(unavailable)
    waits = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(6):
            heard(receipt)
            assert (receipt.state, receipt.error_class) == (State.DUE, "Unavailable")
            waits.append(receipt.next_at - timezone.now())
            clock.move_to(receipt.next_at)
        heard(receipt)
    assert waits == [
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=6),
    ]
    assert (receipt.state, receipt.tries) == (State.GIVEN_UP, 7)


def test_a_listener_is_not_asked_sooner_than_it_said():
    def busy(_fact: object) -> None:
        raise Unavailable(retry_after_seconds=90)

    with time_machine.travel(timezone.now(), tick=False):
        receipt = heard(told(busy))
        assert receipt.next_at == timezone.now() + timedelta(seconds=90)


def test_a_broken_listener_is_given_up_at_once_and_alone(caplog):
    on(TextErased)(quiet)
    receipt = told_to_both = None
    on(TextErased)(broken)
    emit(erased())
    receipts.write_receipts(timezone.now())
    for receipt in Receipt.objects.order_by("pk"):
        told_to_both = heard(receipt)
    assert told_to_both is not None
    states = dict(Receipt.objects.values_list("listener", "state"))
    assert states == {f"{__name__}.quiet": State.DONE, f"{__name__}.broken": State.GIVEN_UP}


def test_only_the_class_of_an_error_is_kept():
    receipt = heard(told(broken))
    assert receipt.error_class == "ValueError"


def test_a_database_that_went_away_is_a_reason_to_try_again():
    def deadlocked(_fact: object) -> None:
        raise OperationalError("alice's words")

    receipt = heard(told(deadlocked))
    assert (receipt.state, receipt.error_class) == (State.DUE, "OperationalError")


def test_a_receipt_of_a_dead_worker_is_due_again_when_its_lease_ends():
    receipt = told(quiet)
    taken = receipts.claim(receipt.pk, 0)
    assert receipts.reclaim(taken.lease_until) == 0
    assert receipts.reclaim(taken.lease_until + timedelta(seconds=1)) == 1
    receipt.refresh_from_db()
    assert (receipt.state, receipt.tries, receipt.lease_until) == (State.DUE, 1, None)


def test_a_receipt_that_kills_its_worker_every_time_is_given_up():
    receipt = told(quiet)
    for tries in range(receipts.MOST_TRIES):
        assert receipts.claim(receipt.pk, tries) is not None
        receipts.reclaim(timezone.now() + timedelta(hours=1))
    receipt.refresh_from_db()
    assert (receipt.state, receipt.error_class) == (State.GIVEN_UP, "LeaseLost")


def test_a_worker_that_lost_its_lease_changes_nothing_any_more():
    receipt = told(quiet)
    slow = receipts.claim(receipt.pk, 0)
    receipts.reclaim(timezone.now() + timedelta(hours=1))
    faster = receipts.claim(receipt.pk, 1)
    receipts.give_up(slow, "ValueError")
    receipts.put_off(slow, "Unavailable")
    receipts.finish(slow)
    receipt.refresh_from_db()
    assert receipt.state == State.HELD
    receipts.finish(faster)
    receipt.refresh_from_db()
    assert receipt.state == State.DONE


def test_a_receipt_for_a_listener_that_is_not_here_is_passed_on_for_a_day_and_then_dropped():
    receipt = told(quiet)
    LISTENERS.clear()
    assert receipts.claim(receipt.pk, 0) is None
    receipt.refresh_from_db()
    assert (receipt.state, receipt.tries) == (State.DUE, 0)
    assert receipt.next_at > timezone.now() + timedelta(seconds=50)
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert receipts.claim(receipt.pk, 0) is None
    receipt.refresh_from_db()
    assert receipt.state == State.DROPPED


def test_hearing_again_starts_over_and_is_written_down(django_user_model):
    receipt = heard(told(broken))
    operator = django_user_model(pk=new_id())
    assert receipts.hear_again(operator, Receipt.objects.all()) == 1
    assert receipts.hear_again(operator, Receipt.objects.all()) == 0
    receipt.refresh_from_db()
    assert (receipt.state, receipt.tries, receipt.error_class) == (State.DUE, 0, "")
    entry = Entry.objects.filter(chain="staff").order_by("seq").first()
    assert (entry.action, entry.actor_id) == ("receipts.hear_again", operator.pk)
    assert entry.detail["told"] == {"receipts": 1, "listeners": [f"{__name__}.broken"]}


def test_heard_facts_go_after_90_days_and_the_others_stay():
    done = heard(told(quiet))
    emit(erased())
    waiting = Event.objects.exclude(pk=done.event_id).get()
    given_up = Event.objects.create(
        name="TextErased",
        facts={},
        at=timezone.now(),
        not_before=timezone.now(),
        relayed_at=timezone.now(),
    )
    Receipt.objects.create(
        event=given_up, listener="x", queue="low", state=State.GIVEN_UP, next_at=timezone.now()
    )
    assert receipts.prune(timezone.now() + timedelta(days=89)) == 0
    assert receipts.prune(timezone.now() + timedelta(days=91)) == 1
    assert set(Event.objects.all()) == {waiting, given_up}


def test_given_up_receipts_show_when_nobody_looked_for_an_hour():
    heard(told(broken))
    assert receipts.healthy()
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert not receipts.healthy()
