"""The worker is killed while it writes a reply: the words so far are there, another one writes it whole, once."""

import asyncio
import time
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.utils import timezone

from journal.actions.replies import ask_for_reply
from journal.models.nodes import Node
from tests.doubles.provider import provider
from tests.factories import entry, person
from tests.worker import Worker
from writeorperish.ai import jobs, ledger
from writeorperish.ai.models import Call, Job, Purse
from writeorperish.privacy import consent
from writeorperish.realtime.streams import BEGINNING, follow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("worker")]
PATIENCE_SECONDS = 60


def until(holds):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)
    return found


def told(job):
    """The kinds of everything that was told of the job."""

    async def all_of_it():
        kinds = []
        async for batch in follow(job.pk, job.owner_id, after=BEGINNING, wait_seconds=0.05):
            if not batch:
                return kinds
            kinds += [each.kind for each in batch]
        return kinds

    return asyncio.run(all_of_it())


@pytest.fixture
def double(settings, monkeypatch):
    with provider() as double:
        for name, value in (
            ("ANTHROPIC_API_KEY", "a-key"),
            ("ANTHROPIC_BASE_URL", double.root),
        ):
            monkeypatch.setenv(name, value)
            setattr(settings, name, value)
        yield double


def test_a_killed_worker_loses_no_reply_and_buys_none_twice_in_secret(double, tmp_path):
    dora = person("dora")
    consent.decide(dora, "reply", granted=True, text_version=consent.terms()["reply"].version)
    node = entry(dora, "I could not sleep.", ai_usage="chat")
    worker = Worker(site.REDIS.broker, log=tmp_path / "worker.log")
    double.next("trickle", seconds=0.005)
    worker.start()
    try:
        reply, job = ask_for_reply(dora, node.pk)
        until(lambda: Job.objects.get(pk=job.pk).partial)
        worker.kill()
        standing = Job.objects.get(pk=job.pk)
        assert (standing.state, standing.attempt) == ("running", 1)
        assert jobs.text_of(standing)

        # A minute later.
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        worker.start()
        assert jobs.reclaim() == 1
        until(lambda: told(job)[-1:] == ["done"])
    finally:
        worker.close()

    done, written = Job.objects.get(pk=job.pk), Node.objects.get(pk=reply.pk)
    assert (done.state, done.attempt, done.error) == ("done", 2, "")
    assert (written.state, Node.objects.filter(parent=node).count()) == ("whole", 1)
    assert len(double.requests) == 2
    assert "restart" in told(done)

    # The first call may have been made: a quarter of an hour later it is booked at what was held for it.
    assert ledger.settle_lost(timezone.now() + timedelta(minutes=16)) == 1
    outcomes = Call.objects.filter(task="reply").order_by("started_at")
    assert [call.outcome for call in outcomes] == ["unknown", "settled"]
    assert not Purse.objects.filter(held__gt=0).exists()
