import json
from base64 import b64decode
from datetime import timedelta
from uuid import UUID

import pytest
import redis
import structlog
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from tests.factories import entry
from writeorperish.audit.models import Entry
from writeorperish.celery import app
from writeorperish.crypto import keys
from writeorperish.events import tasks
from writeorperish.events.bus import on
from writeorperish.events.catalog import TextErased, TextWritten
from writeorperish.events.models import Event, Receipt
from writeorperish.events.outbox import emit
from writeorperish.ops.logging import current_request_id
from writeorperish.refs import Ref, new_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_ours", "broker_asked_again")]
ALICE = UUID(int=1)


def erased() -> TextErased:
    return TextErased(Ref("journal.node", new_id()), ALICE)


def quiet(_fact: object) -> None:
    """Hears and does nothing."""


@pytest.fixture
def queues():
    """What lies in each queue of the broker."""
    client = redis.Redis.from_url(settings.REDIS.cache.replace("db=1", "db=0"))
    names = ("urgent", "normal", "low")
    client.delete(*names)
    yield lambda: {
        name: [
            json.loads(b64decode(json.loads(raw)["body"]))[0] for raw in client.lrange(name, 0, -1)
        ]
        for name in names
    }
    client.delete(*names)
    client.close()


def test_a_relay_offers_each_receipt_to_its_queue_by_ids_alone(queues):
    on(TextErased, queue="urgent")(quiet)
    emit(erased())
    tasks.relay()
    receipt = Receipt.objects.get()
    assert queues() == {"urgent": [[receipt.pk, 0]], "normal": [], "low": []}
    tasks.relay()
    assert len(queues()["urgent"]) == 1


def test_what_a_dead_broker_could_not_take_is_offered_when_it_is_back(queues, dead_broker):
    on(TextErased)(quiet)
    emit(erased())
    tasks.relay()
    dead_broker.back()
    tasks.relay()
    assert len(queues()["normal"]) == 1


def test_an_entry_saved_while_the_broker_is_down_is_saved_and_its_work_is_done_later(
    queues, dead_broker, alice, signed_in
):
    on(TextWritten)(quiet)
    sent = {"text": "I could not sleep.", "ai_usage": "chat"}
    answer = signed_in(alice).post("/api/v1/journal/nodes/", sent, content_type="application/json")
    assert answer.status_code == 201
    tasks.relay()
    dead_broker.back()
    tasks.relay()
    assert len(queues()["normal"]) == 1
    assert not Event.objects.waiting(timezone.now()).exists()
    due = Receipt.objects.get(event__name="TextWritten")
    tasks.handle(due.pk, due.tries)
    assert not Receipt.objects.unfinished().exists()


def test_a_message_that_comes_twice_is_heard_once():
    heard = []
    on(TextErased)(heard.append)
    emit(erased())
    tasks.receipts.write_receipts(timezone.now())
    receipt = Receipt.objects.get()
    tasks.handle(receipt.pk, 0)
    tasks.handle(receipt.pk, 0)
    assert len(heard) == 1


def test_a_listener_works_under_the_id_of_the_request_that_caused_it():
    structlog.contextvars.clear_contextvars()
    ids = []
    on(TextErased)(lambda _fact: ids.append(current_request_id()))
    with structlog.contextvars.bound_contextvars(request_id="a-request-id"):
        emit(erased())
    tasks.receipts.write_receipts(timezone.now())
    tasks.handle(Receipt.objects.get().pk, 0)
    assert ids == ["a-request-id"]
    assert current_request_id() == ""


def test_beat_lives_for_a_minute_after_its_last_mark():
    cache.delete(tasks.MARK)
    assert not tasks.beat_alive()
    tasks.mark()
    assert tasks.beat_alive()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert not tasks.beat_alive()


def test_a_worker_that_starts_leaves_a_mark_without_waiting_for_beat():
    cache.delete(tasks.MARK)
    tasks.worker_ready.send(sender=None)
    assert tasks.beat_alive()


def test_every_task_of_the_beat_table_exists():
    app.loader.import_default_modules()
    named = {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
    assert named <= app.tasks.keys()


def test_beat_over_a_journal_at_rest_opens_no_row_and_asks_for_no_key(alice):
    entry(alice, "alice's words #tagged", ai_usage="chat")
    Event.objects.update(relayed_at=timezone.now())
    app.loader.import_default_modules()
    asked = keys.tally.unwraps, keys.tally.hits
    # The verdict on the audit is sealed, under a key of the house.
    for name in settings.CELERY_BEAT_SCHEDULE.keys() - {"verify-audit"}:
        app.tasks[settings.CELERY_BEAT_SCHEDULE[name]["task"]]()
    assert (keys.tally.unwraps, keys.tally.hits) == asked


def test_a_night_signs_and_verifies_and_says_so(tmp_path, settings):
    settings.AUDIT_ANCHOR_TARGET = str(tmp_path)
    tasks.anchor_audit()
    tasks.verify_audit()
    entry = Entry.objects.get(chain="system")
    assert (entry.action, entry.detail["told"]) == ("audit.verified", {"broken": 0})
    assert len((tmp_path / "anchors.jsonl").read_text().splitlines()) == 1
