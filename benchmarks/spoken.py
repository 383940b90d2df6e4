"""The work that `benchmarks.speaking` measures, one piece a process."""

import os
import resource
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.people import app_of, somebody
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.transcripts import assemble
from journal.audio import ffmpeg
from journal.models.recordings import Recording
from tests.events_drain import drain
from writeorperish.ai import budget
from writeorperish.ai.models import Scope
from writeorperish.privacy import consent

HOUR_SECONDS = 3_600
PIECES = 720
FILE_BYTES = 100 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
# A tone that rests for a second every ten, as speech does.
TONE = f"aevalsrc='0.3*sin(440*PI*t)*gt(mod(t,10),1)':s=16000:d={HOUR_SECONDS}"


def hour_of_speech() -> dict[str, object]:
    person = somebody(f"speaker{os.getpid()}")
    version = consent.terms()["transcribe"].version
    consent.decide(person, "transcribe", granted=True, text_version=version)
    budget.allow(person.pk, {Scope.TRANSCRIPTION: 2 * HOUR_SECONDS}, by_hand=True)
    before = megabytes()
    with tempfile.TemporaryDirectory() as folder:
        file = synthesised(Path(folder))
        size = -(-file.stat().st_size // PIECES)
        recording, _new = begin_recording(person, ai_usage="chat")
        began = perf_counter()
        with file.open("rb") as sound:
            for n, piece in enumerate(iter(lambda: sound.read(size), b"")):
                put_chunk(person, recording, 0, n, piece, media_type="audio/webm")
        sent = perf_counter()
        told = [Segment(0, n + 1, HOUR_SECONDS * 1000)]
        finish_recording(person, recording, told, into="entry")
        assemble(recording.pk)
        playable = perf_counter()
        drain()
        written = perf_counter()
    done = Recording.objects.select_related("node").get(pk=recording.pk)
    assert (done.state, done.transcript) == ("ready", "done"), (done.error, done.why)
    assert done.node is not None
    return {
        "chunk_ms": round((sent - began) * 1000 / (n + 1), 1),
        "playable_after_s": round(playable - sent, 1),
        "written_down_after_s": round(written - playable, 1),
        "parts": done.parts.count(),
        "chars": done.node.chars,
        "mb_before": before,
        "mb_peak": megabytes(),
        "ffmpeg_mb_peak": megabytes(resource.RUSAGE_CHILDREN),
    }


def synthesised(folder: Path) -> Path:
    """The hour, as a browser records it: Opus in live WebM."""
    file = folder / "hour.webm"
    source = ["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", TONE]
    coded = ["-c:a", "libopus", "-b:a", "32k", "-f", "webm", "-live", "1", str(file)]
    subprocess.run([ffmpeg(), *source, *coded], check=True)  # noqa: S603  # a list, never a line
    return file


def file_of_100_mb() -> dict[str, object]:
    client = app_of(somebody(f"sender{os.getpid()}"))
    place = "/api/v1/journal/recordings/"
    recording = client.post(place, {}, content_type="application/json").json()["id"]
    part = b"RIFF\xff\xff\xff\xffWAVE" + os.urandom(PART_BYTES - 12)
    before = megabytes()
    began = perf_counter()
    sent = 0
    while sent < FILE_BYTES:
        n = sent // PART_BYTES
        address = f"{place}{recording}/segments/0/chunks/{n}/"
        answer = client.put(address, part, content_type="audio/wav")
        assert answer.status_code == 201, answer.content
        sent += len(part)
    return {
        "seconds": round(perf_counter() - began, 1),
        "mb_sent": round(sent / 1024 / 1024),
        "mb_before": before,
        "mb_peak": megabytes(),
    }


def megabytes(who: int = resource.RUSAGE_SELF) -> float:
    return round(resource.getrusage(who).ru_maxrss / 1024, 1)
