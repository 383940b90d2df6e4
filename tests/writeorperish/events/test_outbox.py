from datetime import timedelta
from uuid import UUID

import pytest
import structlog
from django.db import transaction
from django.utils import timezone

from tests.events_drain import drain
from writeorperish.events.bus import on
from writeorperish.events.catalog import Genre, TextErased, TextWritten
from writeorperish.events.models import Event
from writeorperish.events.outbox import emit, withdraw
from writeorperish.events.tasks import SILENT_SECONDS, broker, wake
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.usefixtures("only_ours", "broker_asked_again")
ALICE = UUID(int=1)


def written() -> TextWritten:
    return TextWritten(Ref("journal.node", new_id()), ALICE, Genre.DIARY)


@pytest.mark.django_db(transaction=True)
def test_emitting_outside_a_transaction_fails():
    with pytest.raises(RuntimeError, match="TextWritten"):
        emit(written())
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_fact_falls_with_the_transaction_it_was_told_in():
    def tell_and_fail() -> None:
        with transaction.atomic():
            emit(written())
            raise KeyError

    with pytest.raises(KeyError):
        tell_and_fail()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_fact_is_kept_as_ids_with_its_person_and_request():
    fact = written()
    with structlog.contextvars.bound_contextvars(request_id="a-request-id"):
        emit(fact)
    event = Event.objects.get()
    assert event.fact == fact
    assert (event.owner, event.request_id, event.relayed_at) == (ALICE, "a-request-id", None)


@pytest.mark.django_db
def test_a_transaction_asks_for_one_relay_however_much_it_tells(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        for _ in range(3):
            emit(written())
        with transaction.atomic():
            emit(written())
    assert callbacks == [wake]


@pytest.mark.django_db
def test_a_relay_is_asked_for_although_the_savepoint_that_asked_first_rolled_back(
    django_capture_on_commit_callbacks,
):
    with django_capture_on_commit_callbacks() as callbacks:
        savepoint = transaction.savepoint()
        emit(written())
        transaction.savepoint_rollback(savepoint)
        emit(written())
    assert callbacks == [wake]
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_a_fact_for_later_wakes_nobody_now(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        emit(written(), not_before=timezone.now() + timedelta(hours=3))
    assert callbacks == []


@pytest.mark.django_db
def test_a_fact_nobody_could_hear_yet_is_taken_back_and_no_other():
    heard = []
    on(TextErased)(heard.append)
    later = timezone.now() + timedelta(hours=3)
    regretted, kept = (TextErased(Ref("journal.node", new_id()), ALICE) for _ in range(2))
    emit(regretted, not_before=later)
    emit(kept, not_before=later)
    assert withdraw(regretted) == 1
    assert withdraw(regretted) == 0
    drain()
    assert heard == [kept]
    assert withdraw(kept) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("dead_broker")
def test_a_dead_broker_delays_nobody_and_is_left_alone_for_a_while():
    failures = broker.failures
    for _ in range(3):
        with transaction.atomic():
            emit(written())
    assert Event.objects.count() == 3
    assert broker.failures == failures + 1
    broker.silent_until -= SILENT_SECONDS
    with transaction.atomic():
        emit(written())
    assert broker.failures == failures + 2
    assert len(drain()) == 0


@pytest.mark.django_db
def test_nothing_is_kept_of_a_fact_that_is_refused():
    with pytest.raises(TypeError) as refused:
        emit(TextWritten("alice's words", ALICE, Genre.DIARY))
    assert "alice" not in str(refused.value)
    assert not Event.objects.exists()
