"""One worker takes speech all the way and is killed in each state: nothing hangs, nothing is billed twice."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db.models import F, Sum
from django.utils import timezone

from journal import audio
from journal.actions.recordings import (
    ChunksMissing,
    Segment,
    begin_recording,
    finish_recording,
    put_chunk,
)
from journal.models.recordings import Recording, TranscriptPart
from tests.doubles.provider import provider
from tests.factories import person
from tests.sounds import in_pieces, sound
from tests.worker import Worker
from writeorperish.ai import jobs, ledger
from writeorperish.ai.models import Call, Job, Purse
from writeorperish.crypto.models import Blob
from writeorperish.events.models import Receipt
from writeorperish.events.tasks import wake
from writeorperish.privacy import consent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("worker")]
PATIENCE_SECONDS = 60
# Stands still the first time it is called, as ffmpeg may on a slow disk; then it is ffmpeg.
SLOW = """#!/bin/sh
[ -e {mark} ] && exec {ffmpeg} "$@"
touch {mark}
exec sleep 600
"""


def until(holds):
    """What it came to; a relay is asked for all the while, as beat would."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        wake()
        time.sleep(0.2)
    return found


@pytest.fixture
def double(settings, monkeypatch):
    with provider() as double:
        for name, value in (("OPENAI_API_KEY", "a-key"), ("OPENAI_BASE_URL", double.base_url)):
            monkeypatch.setenv(name, value)
            setattr(settings, name, value)
        yield double


@pytest.fixture
def slow_ffmpeg(monkeypatch, tmp_path) -> Path:
    """The file that appears once ffmpeg was called in the worker and does not come back."""
    mark, script = tmp_path / "called", tmp_path / "ffmpeg"
    script.write_text(SLOW.format(mark=mark, ffmpeg=audio.ffmpeg()))
    script.chmod(0o755)
    monkeypatch.setenv("FFMPEG", str(script))
    return mark


@pytest.fixture
def worker(double, slow_ffmpeg, tmp_path):
    """One child: a step that waited for another would wait for ever."""
    log = tmp_path / "worker.log"
    worker = Worker(site.REDIS.broker, include=["tests.short_parts"], log=log, children=1)
    yield worker
    worker.close()


def leases_end() -> None:
    """As an hour later: what the dead worker held or was offered is anybody's."""
    hour = timedelta(hours=1)
    Receipt.objects.update(next_at=F("next_at") - hour)
    held = Receipt.objects.filter(state=Receipt.State.HELD)
    held.update(lease_until=F("lease_until") - hour)
    Job.objects.filter(state=Job.State.RUNNING).update(lease_until=F("lease_until") - hour)
    jobs.reclaim()


def lengths_sent(double) -> list[int]:
    """Of the sound of each request, in bytes: a stretch cut out twice differs only in its random marks."""
    return [len(request.files["file"][1]) for request in double.requests]


def test_speech_survives_a_worker_killed_in_each_state(double, slow_ffmpeg, worker):
    dora = person("dora")
    terms = consent.terms()["transcribe"]
    consent.decide(dora, "transcribe", granted=True, text_version=terms.version)

    # No worker lives while it is recorded and while its last piece is waited for.
    recording, _new = begin_recording(dora, ai_usage="chat")
    pieces = in_pieces(sound(4.0, pauses=((1.8, 2.2),)), 3)
    told = [Segment(0, 3, 4_000)]
    for n in (0, 2):
        put_chunk(dora, recording, 0, n, pieces[n])
    with pytest.raises(ChunksMissing):
        finish_recording(dora, recording, told)
    put_chunk(dora, recording, 0, 1, pieces[1])
    assert finish_recording(dora, recording, told).state == "assembling"

    worker.start()
    until(slow_ffmpeg.exists)
    worker.kill()
    recording.refresh_from_db()
    assert (recording.state, recording.chunks.count(), recording.blob) == ("assembling", 3, None)

    # The first of two stretches is heard (speech comes with no usage anyway), the second on its way.
    double.next("no_usage")
    double.next("hang")
    leases_end()
    worker.start()
    until(lambda: len(double.requests) == 2)
    worker.kill()
    recording.refresh_from_db()
    states = recording.parts.order_by("index").values_list("state", flat=True)
    assert (recording.state, recording.transcript) == ("transcribing", "running")
    assert list(states) == [TranscriptPart.State.DONE, TranscriptPart.State.WAITING]

    leases_end()
    worker.start()
    until(lambda: Recording.objects.filter(pk=recording.pk, state="ready").exists())
    until(lambda: not Receipt.objects.unfinished().exists())
    worker.kill()

    recording.refresh_from_db()
    texts = [part.text for part in recording.parts.order_by("index")]
    assert (recording.transcript, recording.draft.body) == ("done", "\n\n".join(texts))
    assert Blob.objects.filter(owner=dora, state="stored").get() == recording.blob
    first, lost, again = lengths_sent(double)
    assert first != lost == again

    # What may have been heard when the worker died is booked once, at what was held for it.
    assert ledger.settle_lost(timezone.now() + timedelta(minutes=16)) == 1
    calls = Call.objects.filter(task="transcribe").order_by("started_at")
    assert [call.outcome for call in calls] == ["settled", "unknown", "settled"]
    job = Job.objects.get()
    assert (job.state, job.attempt) == ("done", 2)
    assert job.cost_microdollars == calls[0].cost_microdollars + calls[2].cost_microdollars
    assert not Purse.objects.filter(held__gt=0).exists()
    spent = calls.aggregate(all=Sum("cost_microdollars"))["all"]
    assert Purse.objects.get(owner=dora, scope="month").spent == spent
