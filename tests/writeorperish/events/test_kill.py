"""The worker is killed at random points, Redis is wiped and stopped: nothing is lost, nothing is doubled."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import redis
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from download.models.words import Chunk
from tests.examples import THOROUGH
from tests.factories import entry, person
from tests.struck import GONE, TABLES, Struck
from tests.worker import Worker
from writeorperish.ai.gateway import capable
from writeorperish.ai.models import Embedding
from writeorperish.events.bus import LISTENERS
from writeorperish.events.models import Event, Receipt
from writeorperish.events.outbox import emit
from writeorperish.events.tasks import broker, wake
from writeorperish.ops import embedded
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import new_id

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("worker")]

FACTS, ENTRIES = (80, 16) if THOROUGH else (48, 8)
PATIENCE_SECONDS = 60


class Redis:
    """A server of this test's own, so that it may be ill-treated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.urls = embedded.redis_urls(folder)
        self.start()

    def start(self) -> None:
        self.servers = embedded.ensure(self.folder, only=["redis"])

    def stop(self) -> None:
        embedded.stop(self.servers)

    def wipe(self) -> None:
        with redis.Redis.from_url(self.urls.cache) as client:
            client.flushall()


@pytest.fixture
def own_redis(tmp_path: Path, broker_address) -> Iterator[Redis]:
    """The broker of this process and of the worker, instead of the one other tests use."""
    server = Redis(tmp_path)
    broker_address.go_to(server.urls.broker)
    yield server
    server.stop()


@pytest.fixture
def worker(own_redis: Redis, tmp_path: Path) -> Iterator[Worker]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    worker = Worker(own_redis.urls.broker, include=["tests.struck"], log=tmp_path / "worker.log")
    yield worker
    worker.close()
    with connection.cursor() as cursor:
        cursor.execute(GONE)


@pytest.fixture(autouse=True)
def heard_in_the_worker_only():
    before = dict(LISTENERS)
    yield
    assert before == LISTENERS


def strike(count: int) -> None:
    for _ in range(count):
        with transaction.atomic():
            emit(Struck(new_id()))


def write(person: User, count: int) -> None:
    """Entries of one passage each, which AI may read."""
    for number in range(count):
        entry(person, f"alice's words, number {number}", ai_usage="chat")


def places_in(index: type[Chunk] | type[Embedding], person: User) -> int:
    """How many of the person's passages stand in an index."""
    with rows_of(person.pk):
        return index.objects.filter(owner=person.pk).count()


def heard() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM struck")
        return int(cursor.fetchone()[0])


def tally() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT listener, count FROM struck_tally")
        return dict(cursor.fetchall())


def until(question: Callable[[], bool], worker: Worker) -> None:
    """Waits for a yes, asking for a relay all the while, as beat would every ten seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not question():
        assert worker.runs, f"The worker ended by itself, see {worker.log}"
        assert time.monotonic() < deadline, f"{heard()} heard, {left()} left"
        wake()
        time.sleep(0.2)


def unfinished() -> int:
    waiting = Event.objects.waiting(timezone.now()).count()
    return waiting + Receipt.objects.unfinished().count()


def left() -> dict[str, int]:
    rows = Receipt.objects.unfinished().values_list("queue", "state", "next_at", "tries")
    return Counter(
        f"{q} {s} {(at - timezone.now()).total_seconds():.0f} s {t}" for q, s, at, t in rows
    )


def an_hour_passes() -> None:
    """For offers nobody took and leases of the dead; no worker runs."""
    hour = timedelta(hours=1)
    Receipt.objects.update(next_at=F("next_at") - hour)
    Receipt.objects.filter(state=Receipt.State.HELD).update(lease_until=F("lease_until") - hour)


def test_killed_workers_and_a_wiped_and_stopped_redis_lose_and_double_nothing(worker, own_redis):
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    alice = person("alice")
    worker.start()
    strike(FACTS // 2)
    write(alice, ENTRIES // 2)
    for blow in (own_redis.wipe, own_redis.stop):
        some = heard() + chance.randrange(5, FACTS // 2)
        until(lambda some=some: heard() >= some, worker)
        time.sleep(chance.random() / 20)
        worker.kill()
        blow()
        strike(FACTS // 4)
        write(alice, ENTRIES // 4)
        if blow == own_redis.stop:
            own_redis.start()
            broker.silent_until = 0.0
        an_hour_passes()
        worker.start()
    until(lambda: unfinished() == 0, worker)
    assert tally() == dict.fromkeys(("urgent", "normal", "low", "echo"), FACTS), f"seed {seed}"
    assert set(Receipt.objects.values_list("state", flat=True)) == {Receipt.State.DONE}
    assert places_in(Chunk, alice) == ENTRIES
    call_command("verify_words", "--person", str(alice.pk), stdout=StringIO())
    assert places_in(Embedding, alice) == (ENTRIES if capable("embed").on else 0)

    # Asked to stop, the last of them finishes what it holds.
    strike(20)
    until(lambda: heard() >= 4 * FACTS + 5, worker)
    worker.stop()
    assert not Receipt.objects.filter(state=Receipt.State.HELD).exists()
    assert not Receipt.objects.given_up().exists()
