import base64
import hashlib
import io
import os
import zipfile
from datetime import timedelta

import pytest
import stamina
from django.db.models import F
from django.utils import timezone

from accounts.actions.departure import ask_for_export, parts_of
from journal import audio
from journal.actions import drafts
from journal.actions.drafts import save_draft
from journal.actions.exports import build_export
from journal.actions.nodes import Empty, write_node
from journal.actions.recordings import (
    ChunkDiffers,
    ChunksMissing,
    ChunkTooLarge,
    Closed,
    DigestMismatch,
    EmptyChunk,
    NotAudio,
    NothingRecorded,
    OtherKind,
    Segment,
    TooManyOpen,
    begin_recording,
    discard_recording,
    finish_recording,
    interrupted,
    put_chunk,
    recordings_of,
    restore_recording,
    sweep_recordings,
)
from journal.actions.transcripts import PART_LEASE, assemble, transcribe_again
from journal.actions.trash import purge, trash_node
from journal.models.drafts import Draft
from journal.models.nodes import Node
from journal.models.recordings import Chunk, Recording, TranscriptPart
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.sounds import AAC, MP3, OPUS, in_pieces, sound, tone
from writeorperish.ai import budget, gateway
from writeorperish.ai.models import Call, Job, Purse, Read, Scope
from writeorperish.ai.parts import BudgetSpent, CapabilityOff, NotAllowed
from writeorperish.audit.models import Entry
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.events.bus import MARGIN, listener_named
from writeorperish.events.models import Event
from writeorperish.ops.breaker import breaker
from writeorperish.ops.refusals import Missing
from writeorperish.privacy import consent
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db

# What was said is neither searched nor suggested here.
HEARING = (
    "journal.handlers.",
    *(f"writeorperish.ai.handlers.{act}_what" for act in ("run", "stop", "drop")),
)
WEBM = "audio/webm;codecs=opus"


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings):
    """A service that writes down speech, at a local server."""
    server.requests.clear()
    server.orders.clear()
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "a-key", server.base_url
    breaker("ai:openai:transcribe", counts=gateway.asking.is_away).close()
    stamina.set_testing(True, attempts=2)
    yield server
    stamina.set_testing(False)


def agree(person):
    version = consent.terms()["transcribe"].version
    consent.decide(person, "transcribe", granted=True, text_version=version)


def spoken(person, *segments, kind=WEBM, told=None, begun=None, **more):
    """A recording with these segments, each a list of chunks, all sent and finished."""
    recording = begun or begin_recording(person, ai_usage="chat")[0]
    for index, chunks in enumerate(segments):
        for n, data in enumerate(chunks):
            put_chunk(person, recording, index, n, data, media_type=kind)
    lengths = told or [0] * len(segments)
    finish_recording(
        person,
        recording,
        [Segment(i, len(c), ms) for i, (c, ms) in enumerate(zip(segments, lengths, strict=True))],
        **more,
    )
    return recording


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def clear(blob):
    return b"".join(storage.pieces(blob, 0, blob.bytes))


# --- arriving ----------------------------------------------------------------------------------


def test_chunks_come_in_any_order_and_twice_and_become_one_file_that_can_be_sought(alice, tmp_path):
    data = sound(7.0)
    recording, new = begin_recording(alice)
    assert new
    assert begin_recording(alice, id=recording.pk) == (recording, False)
    pieces = in_pieces(data, 4)
    for n in (2, 0, 3, 1, 2):
        put_chunk(alice, recording, 0, n, pieces[n], media_type=WEBM)
    assert not put_chunk(alice, recording, 0, 1, pieces[1], media_type=WEBM)
    told = [Segment(0, 4, 7_000)]
    assert finish_recording(alice, recording, told).state == "assembling"
    assert finish_recording(alice, recording, told).state == "assembling"
    drain(HEARING)
    ready = fresh(recording)
    assert (ready.state, ready.media_type, ready.holes) == ("ready", "audio/webm", 0)
    assert abs(ready.duration_ms - 7_000) < 200
    assert len(ready.peaks) == len(range(0, ready.duration_ms, 100))
    assert not ready.chunks.exists()
    assert Blob.objects.filter(state="doomed").count() == 4
    whole = clear(ready.blob)
    # The list of places to jump to stands before the sound: a player seeks without loading all of it.
    assert whole.index(b"\x1c\x53\xbb\x6b") < whole.index(b"\x1f\x43\xb6\x75")
    (tmp_path / "whole").write_bytes(whole)
    assert abs(audio.measured(tmp_path / "whole", "").duration_ms - 7_000) < 200


@pytest.mark.parametrize("seconds", [0.5, 5.0, 5.1, 299.0])
def test_a_short_recording_keeps_its_last_moment(alice, seconds):
    # Coded quickly: five minutes of it take a moment only.
    data = sound(seconds, *OPUS, "-compression_level", "0")
    recording = spoken(alice, in_pieces(data, 2), told=[round(seconds * 1000)])
    drain(HEARING)
    assert abs(fresh(recording).duration_ms - seconds * 1000) < 120


def test_many_chunks_with_a_header_inside_and_a_second_run_keep_their_last_second(
    alice, double, tmp_path
):
    agree(alice)
    data = bytearray(sound(6.0))
    # In the middle of a coded moment stand the bytes every file begins with, and a chunk begins with them.
    place = len(data) // 2
    data[place : place + 4] = data[:4]
    first = [bytes(data[:place][start : start + 800]) for start in range(0, place, 800)]
    chunks = [*first, *in_pieces(bytes(data[place:]), 21)]
    assert (chunks[len(first)][:4], len(chunks) > 40) == (data[:4], True)
    begun = begin_recording(alice, ai_usage="chat")[0]
    for n, piece in enumerate(chunks[:30]):
        put_chunk(alice, begun, 0, n, piece, media_type=WEBM)
    # The tab comes back, sends what is missing from its thirtieth piece on, and records a second run.
    recording = spoken(alice, chunks, in_pieces(sound(1.0), 2), told=[6_000, 1_000], begun=begun)
    drain(HEARING)
    ready = fresh(recording)
    assert abs(ready.duration_ms - 7_000) < 300
    assert ready.parts.get().end_ms == ready.duration_ms
    sent = tmp_path / "sent"
    sent.write_bytes(double.requests[0].files["file"][1])
    levels = audio.measured(sent, "").levels
    assert abs(len(levels) - 70) < 4
    # The second run, at the very end, is heard.
    assert levels[-10:-2].min() > 0.1


def test_segments_of_one_kind_are_joined_as_they_are_and_of_two_kinds_by_coding_anew(alice):
    alike = spoken(alice, in_pieces(sound(3.0), 2), in_pieces(sound(2.0), 1), told=[3_000, 2_000])
    phone = begin_recording(alice)[0]
    for n, data in enumerate(in_pieces(sound(2.0, *AAC), 2)):
        put_chunk(alice, phone, 1, n, data, media_type="audio/mp4")
    mixed = spoken(alice, in_pieces(sound(3.0), 2), begun=phone, accept_holes=True)
    # The second segment was announced late: it is finished with what was told.
    drain(HEARING)
    assert abs(fresh(alike).duration_ms - 5_000) < 300
    assert fresh(mixed).state == "ready"
    both = begin_recording(alice)[0]
    put_chunk(alice, both, 0, 0, sound(3.0), media_type=WEBM)
    put_chunk(alice, both, 1, 0, sound(2.0, *AAC), media_type="audio/mp4")
    finish_recording(alice, both, [Segment(0, 1, 3_000), Segment(1, 1, 2_000)])
    drain(HEARING)
    assert abs(fresh(both).duration_ms - 5_000) < 300
    assert fresh(both).media_type == "audio/webm"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (tone(1.0), "audio/wav"),
        (sound(1.0, *MP3), "audio/mpeg"),
        (sound(1.0, *MP3), "audio/webm"),
        (sound(1.0, *AAC), ""),
    ],
)
def test_a_file_is_known_by_its_content_whatever_it_is_called(alice, data, kind):
    recording = spoken(alice, [data], kind=kind)
    drain(HEARING)
    assert fresh(recording).state == "ready"
    assert abs(fresh(recording).duration_ms - 1_000) < 150


def test_what_is_no_sound_is_refused_at_the_door_or_said_after(alice):
    recording = begin_recording(alice)[0]
    for data in (b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n", b"hello", b"\0" * 400):
        with pytest.raises(NotAudio):
            put_chunk(alice, recording, 0, 0, data, media_type="audio/webm")
    broken = spoken(alice, [sound(2.0)[:40] + b"\0" * 4_000])
    drain(HEARING)
    assert (fresh(broken).state, fresh(broken).blob) == ("failed", None)
    assert fresh(broken).error in {"not_audio", "not_readable"}
    assert broken.chunks.count() == 1


def test_each_refusal_of_a_chunk_leaves_what_is_here(alice, bob):
    recording = begin_recording(alice)[0]
    first = in_pieces(sound(2.0), 2)
    put_chunk(alice, recording, 0, 0, first[0], media_type=WEBM)
    digest = base64.b64encode(hashlib.sha256(first[1]).digest()).decode()
    with pytest.raises(EmptyChunk):
        put_chunk(alice, recording, 0, 1, b"", media_type=WEBM)
    with pytest.raises(ChunkDiffers):
        put_chunk(alice, recording, 0, 0, first[0] + b"x", media_type=WEBM)
    with pytest.raises(DigestMismatch):
        put_chunk(alice, recording, 0, 1, first[1] + b"x", digest=f"sha-256=:{digest}:")
    with pytest.raises(DigestMismatch):
        put_chunk(alice, recording, 0, 1, first[1], digest="sha-256=:not base64:")
    with pytest.raises(OtherKind):
        put_chunk(alice, recording, 0, 1, first[1], media_type="audio/mp4")
    with pytest.raises(OtherKind):
        put_chunk(alice, recording, 0, 1, first[1], media_type="text/html")
    with pytest.raises(ChunkTooLarge):
        put_chunk(alice, recording, 0, 1, b"x" * (8 * 1024 * 1024 + 1), media_type=WEBM)
    for segment, n in ((200, 0), (0, 5_000)):
        with pytest.raises(Missing):
            put_chunk(alice, recording, segment, n, b"x")
    put_chunk(alice, recording, 0, 1, first[1], digest=f"md5=:x:, sha-256=:{digest}:")
    assert recording.chunks.count() == 2
    with pytest.raises(Missing):
        begin_recording(bob, id=recording.pk)
    finish_recording(alice, recording, [Segment(0, 2, 2_000)])
    with pytest.raises(Closed):
        put_chunk(alice, recording, 0, 2, b"more", media_type=WEBM)


def test_a_chunk_that_never_came_is_named_and_may_be_done_without(alice):
    pieces = in_pieces(sound(6.0), 6)
    recording = begin_recording(alice)[0]
    for n in (0, 1, 2, 4, 5):
        put_chunk(alice, recording, 0, n, pieces[n], media_type=WEBM)
    told = [Segment(0, 6, 6_000)]
    with pytest.raises(ChunksMissing) as refused:
        finish_recording(alice, recording, told)
    assert refused.value.detail["missing"] == [{"segment": 0, "chunks": [3]}]
    assert fresh(recording).state == "finishing"
    # It still comes, or does not.
    ready = finish_recording(alice, recording, told, accept_holes=True)
    assert (ready.state, ready.holes) == ("assembling", 1)
    drain(HEARING)
    assert fresh(recording).state == "ready"


def test_less_sound_than_was_recorded_is_no_recording_and_nothing_is_lost(alice):
    recording = spoken(alice, in_pieces(sound(4.0), 2), told=[9_000])
    drain(HEARING)
    assert (fresh(recording).state, fresh(recording).error) == ("failed", "duration")
    assert recording.chunks.count() == 2
    # Told rightly it is put together after all.
    finish_recording(alice, fresh(recording), [Segment(0, 2, 4_000)])
    drain(HEARING)
    assert fresh(recording).state == "ready"


def test_without_ffmpeg_the_sound_waits_and_says_why(alice, settings):
    pieces = in_pieces(sound(2.0), 2)
    settings.FFMPEG = "/nowhere/ffmpeg"
    recording = spoken(alice, pieces, told=[2_000])
    drain(HEARING)
    assert (fresh(recording).state, fresh(recording).error) == ("failed", "no_ffmpeg")
    assert recording.chunks.count() == 2
    settings.FFMPEG = ""
    finish_recording(alice, fresh(recording), [Segment(0, 2, 2_000)])
    drain(HEARING)
    assert fresh(recording).state == "ready"


def test_clear_sound_that_a_killed_worker_left_is_swept_and_that_of_a_living_one_stays(settings):
    place = settings.DATA_DIR / "tmp"
    left, living = place / "wop-sound-left", place / "wop-sound-living"
    for folder in (left, living):
        folder.mkdir(parents=True)
        (folder / "whole").write_bytes(b"clear sound")
    os.utime(left, (0, 0))
    with audio.workshop(0):
        assert not left.exists()
        assert living.exists()


def test_nothing_recorded_and_too_many_open(alice):
    recording = begin_recording(alice)[0]
    with pytest.raises(NothingRecorded):
        finish_recording(alice, recording, [])
    for _ in range(4):
        begin_recording(alice)
    with pytest.raises(TooManyOpen):
        begin_recording(alice)


def test_a_recording_begins_no_draft_above_the_limit(alice, monkeypatch):
    standing = save_draft(alice, new_id(), seq=1, title="", text="Words.").draft
    monkeypatch.setattr(drafts, "DRAFTS_AT_MOST", 2)
    begin_recording(alice, draft=new_id())
    with pytest.raises(drafts.TooManyDrafts):
        begin_recording(alice, draft=new_id())
    assert begin_recording(alice, draft=standing.pk)[1]
    assert drafts.drafts_of(alice).count() == 2


def test_what_hears_nothing_for_ten_minutes_was_interrupted(alice):
    recording = begin_recording(alice)[0]
    put_chunk(alice, recording, 0, 0, in_pieces(sound(2.0), 2)[0], media_type=WEBM)
    begin_recording(alice)
    assert not interrupted(alice).exists()
    Recording.objects.update(heard_at=timezone.now() - timedelta(minutes=11))
    assert list(interrupted(alice)) == [recording]


# --- words -------------------------------------------------------------------------------------


def test_with_no_service_the_sound_waits_beside_an_empty_draft(alice):
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000])
    drain(HEARING)
    ready = fresh(recording)
    assert (ready.transcript, ready.why, ready.draft.body) == ("off", "no_provider", "")
    with pytest.raises(CapabilityOff):
        transcribe_again(alice, ready)
    written = write_node(alice, id=ready.draft_id, text="", draft=ready.draft_id)
    assert fresh(recording).node == written.node
    with pytest.raises(Empty):
        write_node(alice, text=" ", id=new_id())


def test_what_was_said_goes_into_a_draft_with_its_price_and_its_reading_written_down(alice, double):
    agree(alice)
    recording = spoken(alice, in_pieces(sound(3.0), 2), told=[3_000])
    drain(HEARING)
    ready = fresh(recording)
    assert (ready.state, ready.transcript, ready.why) == ("ready", "done", "")
    (request,) = double.requests
    assert request.headers["authorization"] == "Bearer a-key"
    part = ready.parts.get()
    assert ready.draft.body == part.text != ""
    call = Call.objects.get()
    assert (call.task, call.provider, call.audio_ms, call.outcome) == (
        "transcribe", "openai", ready.duration_ms, "settled",
    )  # fmt: skip
    assert call.cost_microdollars == -(-ready.duration_ms * 75 // 1000)
    assert Read.objects.get().ref_id == recording.pk
    assert Purse.objects.get(owner=alice, scope=Scope.TRANSCRIPTION).spent == 3
    assert Entry.objects.filter(action="read", object_id=recording.pk).get().purpose == "transcribe"
    assert Job.objects.get().cost_microdollars == call.cost_microdollars


def test_an_entry_of_its_own_says_when_it_was_spoken(alice, double):
    agree(alice)
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000], into="entry")
    drain(HEARING)
    node = fresh(recording).node
    assert node.body == recording.parts.get().text
    assert node.title.startswith("Spoken on ")
    assert (node.ai_usage, node.privacy_level, node.rev) == ("chat", "private", 1)


@pytest.mark.parametrize("usage", ["none", "chat"])
def test_what_is_closed_to_ai_or_not_agreed_to_is_never_sent(alice, double, usage):
    if usage == "none":
        agree(alice)
    begun = begin_recording(alice, ai_usage=usage)[0]
    recording = spoken(alice, in_pieces(sound(2.0), 2), begun=begun)
    drain(HEARING)
    assert fresh(recording).why == {"none": "ai_off_here", "chat": "no_consent"}[usage]
    with pytest.raises(NotAllowed):
        transcribe_again(alice, fresh(recording))
    assert double.requests == []
    agree(alice)
    transcribe_again(alice, fresh(recording), open_to_ai=True)
    drain(HEARING)
    assert fresh(recording).transcript == "done"
    assert fresh(recording).draft.body


def test_an_empty_purse_sends_nothing_and_keeps_the_sound(alice, double):
    agree(alice)
    budget.allow(alice.pk, {Scope.TRANSCRIPTION: 1}, by_hand=True)
    recording = spoken(alice, in_pieces(sound(3.0), 2), told=[3_000])
    drain(HEARING)
    ready = fresh(recording)
    assert (ready.state, ready.transcript, ready.why) == ("ready", "off", "budget_spent")
    assert ready.blob
    assert double.requests == []
    budget.allow(alice.pk, {Scope.MONTH: 0}, by_hand=True)
    with pytest.raises(BudgetSpent):
        transcribe_again(alice, ready)


def test_a_service_that_fails_leaves_a_line_that_a_second_try_replaces(alice, double):
    agree(alice)
    double.next("server", times=2)
    recording = spoken(alice, in_pieces(sound(3.0), 2), told=[3_000], into="entry")
    drain(HEARING)
    failed = fresh(recording)
    assert (failed.state, failed.transcript) == ("ready", "failed")
    assert failed.blob
    assert failed.node.body == ""
    assert Purse.objects.get(owner=alice, scope=Scope.TRANSCRIPTION).spent == 0
    double.orders.clear()
    breaker("ai:openai:transcribe", counts=gateway.asking.is_away).close()
    transcribe_again(alice, failed)
    drain(HEARING)
    again = fresh(recording)
    assert again.transcript == "done"
    assert again.node.body == again.parts.get().text
    # Once more changes nothing that stands.
    transcribe_again(alice, again)
    drain(HEARING)
    assert fresh(recording).node.body == again.node.body
    assert fresh(recording).node.rev == again.node.rev


def test_long_speech_is_cut_in_its_pauses_heard_in_parts_and_joined_in_order(
    alice, double, monkeypatch
):
    agree(alice)
    monkeypatch.setattr(audio, "PART_MS", 10_000)
    monkeypatch.setattr(audio, "PAUSE_WITHIN_MS", 4_000)
    data = sound(25.0, pauses=((8.0, 8.8), (16.4, 17.4), (3.0, 4.5)))
    recording = spoken(alice, in_pieces(data, 5), told=[25_000])
    drain(HEARING)
    parts = list(fresh(recording).parts.order_by("index"))
    edges = [(part.start_ms, part.end_ms) for part in parts]
    assert edges[0][0] == 0
    assert 8_000 <= edges[0][1] == edges[1][0] <= 8_800
    assert 16_400 <= edges[1][1] == edges[2][0] <= 17_400
    assert edges[2][1] == fresh(recording).duration_ms
    assert len(double.requests) == 3
    assert fresh(recording).draft.body == "\n\n".join(part.text for part in parts)


@pytest.mark.parametrize("options", [(), MP3])
def test_each_stretch_that_is_heard_is_as_long_as_it_says(alice, tmp_path, options):
    whole = tmp_path / "whole"
    whole.write_bytes(sound(12.0, *options))
    as_is = audio.is_opus(whole)
    assert as_is == (not options)
    for start, end in ((0, 5_000), (5_000, 9_130), (9_130, 12_000)):
        into = tmp_path / f"{start}.webm"
        audio.cut(whole, start, end, into, as_is=as_is)
        assert abs(audio.measured(into, "").duration_ms - (end - start)) < 120


def test_no_worker_is_stopped_while_a_slow_service_listens():
    listener = listener_named("writeorperish.ai.handlers.run_what_was_queued", "JobQueued")
    assert listener.lease - MARGIN > PART_LEASE * 3


def test_one_stretch_that_fails_fails_alone(alice, double, monkeypatch):
    agree(alice)
    monkeypatch.setattr(audio, "PART_MS", 10_000)
    monkeypatch.setattr(audio, "PAUSE_WITHIN_MS", 4_000)
    recording = spoken(alice, in_pieces(sound(25.0), 5), told=[25_000])
    double.next("bad_request")
    drain(HEARING)
    ready = fresh(recording)
    states = [part.state for part in ready.parts.order_by("index")]
    assert states == ["failed", "done", "done"]
    assert ready.transcript == "partial"
    first, second, third = ready.draft.body.split("\n\n")
    assert first.startswith("[0:00–")
    assert "not written down" in first
    save_draft(
        alice, ready.draft_id, seq=ready.draft.seq + 1, title="", text=f"{ready.draft.body}\n\nPS"
    )
    transcribe_again(alice, ready)
    drain(HEARING)
    whole = fresh(recording).draft.body.split("\n\n")
    assert whole == [ready.parts.get(index=0).text, second, third, "PS"]


def test_typed_and_twice_spoken_words_of_one_draft_are_all_kept(alice, double):
    agree(alice)
    draft = save_draft(alice, new_id(), seq=3, title="", text="Typed first.").draft
    for seconds in (2.0, 3.0):
        begun = begin_recording(alice, draft=draft.pk, ai_usage="chat")[0]
        spoken(alice, in_pieces(sound(seconds), 2), begun=begun)
        drain(HEARING)
    body = fresh(draft).body
    texts = [part.text for part in TranscriptPart.objects.order_by("recording__created_at")]
    assert body == "\n\n".join(["Typed first.", *texts])
    # An editor that was open meanwhile is told that it is behind; nothing of the above is overwritten.
    assert save_draft(alice, draft.pk, seq=4, title="", text="Typed first, and").stale
    node = write_node(alice, id=draft.pk, text=body).node
    assert set(node.recordings.all()) == set(recordings_of(alice))
    assert not Draft.objects.exists()


def test_a_worker_that_lost_its_job_leaves_neither_words_nor_a_ready_recording(
    alice, double, monkeypatch
):
    agree(alice)
    cut = audio.cut

    def cut_slowly(*args, **more):
        Job.objects.update(attempt=F("attempt") + 1)
        return cut(*args, **more)

    monkeypatch.setattr(audio, "cut", cut_slowly)
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000], into="entry")
    drain(HEARING)
    # That it is ready, its words, its entry and the end of its job stand together or not at all.
    assert (fresh(recording).state, fresh(recording).node) == ("transcribing", None)
    assert not Node.objects.exists()
    assert Job.objects.get().state == "running"
    assert not Event.objects.filter(name="RecordingFinished").exists()


def test_closed_to_ai_between_two_stretches_the_second_stays_here(alice, double, monkeypatch):
    agree(alice)
    monkeypatch.setattr(audio, "PART_MS", 10_000)
    monkeypatch.setattr(audio, "PAUSE_WITHIN_MS", 4_000)
    heard = audio.cut

    def cut(*args, **more):
        if double.requests:
            Recording.objects.update(ai_usage="none")
        return heard(*args, **more)

    monkeypatch.setattr(audio, "cut", cut)
    recording = spoken(alice, in_pieces(sound(25.0), 5), told=[25_000])
    drain(HEARING)
    assert len(double.requests) == 1
    assert (fresh(recording).transcript, fresh(recording).why) == ("partial", "ai_off_here")


# --- keeping and letting go ----------------------------------------------------------------------


def test_discarded_it_comes_back_for_a_day_and_then_every_piece_is_gone(alice):
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000])
    drain(HEARING)
    discard_recording(alice, fresh(recording))
    assert not recordings_of(alice).exists()
    restore_recording(alice, fresh(recording))
    discard_recording(alice, fresh(recording))
    assert sweep_recordings() == 0
    Recording.objects.update(discarded_at=timezone.now() - timedelta(hours=25))
    assert sweep_recordings() == 1
    assert not Recording.objects.exists()
    storage.sweep()
    assert not Blob.objects.exists()


def test_nothing_is_sent_of_a_recording_that_went_while_it_waited(alice, double):
    agree(alice)
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000])
    assemble(recording.pk)
    assert fresh(recording).transcript == "queued"
    discard_recording(alice, fresh(recording))
    Recording.objects.update(discarded_at=timezone.now() - timedelta(hours=25))
    assert sweep_recordings() == 1
    drain(HEARING)
    assert double.requests == []
    assert (Job.objects.get().state, Job.objects.get().error) == ("failed", "not_found")


def test_the_sound_goes_with_its_entry_when_that_is_let_go(alice):
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000], into="entry")
    drain(HEARING)
    trash_node(alice, fresh(recording).node)
    assert not recordings_of(alice).exists()
    Node.objects.update(purge_after=timezone.now())
    purge()
    assert not Node.objects.exists()
    assert not Recording.objects.exists()
    storage.sweep()
    assert not Blob.objects.exists()


def test_sound_nobody_wanted_kept_goes_once_its_words_are_an_entry(alice, double):
    agree(alice)
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000], keep_audio=False)
    drain(HEARING)
    draft = fresh(recording).draft
    write_node(alice, id=draft.pk, text=draft.body)
    assert not Recording.objects.exists()
    assert not Blob.objects.exclude(state="doomed").exists()


def test_a_chunk_is_sealed_and_bound_to_its_place(alice):
    recording = begin_recording(alice)[0]
    data = sound(2.0)
    put_chunk(alice, recording, 0, 0, data, media_type=WEBM)
    blob = Chunk.objects.get().blob
    stored = storage.objects().open(storage.object_name(blob.storage_key)).read()
    assert data[100:200] not in stored
    assert clear(blob) == data


def test_the_export_has_the_sound_beside_its_entry_and_plays_it_offline(alice):
    recording = spoken(alice, in_pieces(sound(2.0), 2), told=[2_000], into="entry")
    loose = spoken(alice, in_pieces(sound(1.0), 2), told=[1_000])
    discarded = spoken(alice, in_pieces(sound(1.0), 2), told=[1_000])
    drain(HEARING)
    discard_recording(alice, fresh(discarded))
    export = ask_for_export(alice)
    build_export(export.pk)
    export.refresh_from_db()
    with zipfile.ZipFile(io.BytesIO(b"".join(parts_of(alice, export)))) as archive:
        place = f"audio/{recording.pk}.webm"
        assert archive.read(place) == clear(fresh(recording).blob)
        assert f"audio/{loose.pk}.webm" in archive.namelist()
        assert not [name for name in archive.namelist() if str(discarded.pk) in name]
        (entry,) = [name for name in archive.namelist() if name.startswith("entries/")]
        assert place in archive.read(entry).decode()
        (page,) = [name for name in archive.namelist() if name.startswith("pages/")]
        assert f'<audio controls preload="none" src="../{place}">' in archive.read(page).decode()
        assert str(recording.pk) in archive.read("data/journal.recording.jsonl").decode()
