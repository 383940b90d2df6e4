"""What was spoken for entries of a Day One export comes with them, is heard like any recording, and goes with an undo."""

import json

import pytest

from journal.actions.imports import problems_of, retract_import
from journal.actions.recordings import SoundFull, begin_recording, sweep_recordings
from journal.models.imports import ImportItem
from journal.models.nodes import Node
from journal.models.recordings import Chunk, Recording
from tests.events_drain import drain
from tests.factories import zipped
from tests.journal.test_foreign_imports import IMPORTING, run_of
from tests.sounds import AAC, sound
from writeorperish.crypto.models import Blob

pytestmark = pytest.mark.django_db(transaction=True)


def spoken(identifier, name, **more):
    return {"identifier": identifier, "md5": name, "format": "aac", "duration": 1.5, **more}


def entry(uuid, text, *audios, **more):
    at = "2026-03-04T09:00:00Z"
    return {"uuid": uuid, "text": text, "creationDate": at, "audios": list(audios), **more}


MINE = entry("E1", "Rain\\.\n\n![](dayone-moment:/audio/AAA)", spoken("AAA", "0a" * 16))


def journal(*entries, files) -> bytes:
    named = {f"audios/{name}": data for name, data in files.items()}
    return zipped({"Journal.json": json.dumps({"metadata": {}, "entries": entries}), **named})


def test_a_recording_comes_with_its_entry_and_is_played_from_its_page(alice, charlie, client):
    data = journal(MINE, files={f"{'0a' * 16}.m4a": sound(1.5, *AAC)})
    run = run_of(alice, data)
    assert run.report["sounds"] == {"new": 1, "here": 0, "trashed": 0}
    assert not Recording.objects.exists()
    run = run_of(alice, data, ai_usage="chat")
    recording = Recording.objects.get(owner=alice)
    node = Node.objects.get(owner=alice)
    assert (node.body, node.rev) == ("Rain.\n\n[recording]", 1)
    assert (recording.node, recording.state, recording.media_type) == (node, "ready", "audio/mp4")
    assert (recording.transcript, recording.why) == ("off", "imported")
    assert abs(recording.duration_ms - 1_500) < 200
    assert not Chunk.objects.exists()
    client.force_login(alice)
    assert f"/media/{recording.blob_id}/" in client.get(f"/journal/{node.pk}/").content.decode()
    played = client.get(f"/journal/{node.pk}/audio/", headers={"range": "bytes=0-99"})
    assert (played.status_code, len(b"".join(played))) == (206, 100)
    client.force_login(charlie)
    assert client.get(f"/journal/{node.pk}/audio/").status_code == 404
    assert client.get(f"/media/{recording.blob_id}/").status_code == 404


def test_the_same_file_again_brings_no_second_recording_and_to_an_entry_without_its_own(alice):
    file = {f"{'0a' * 16}.m4a": sound(1.0, *AAC)}
    silent = journal(MINE | {"audios": []}, files={})
    run_of(alice, silent, zone="UTC")
    later = run_of(alice, journal(MINE, files=file), zone="UTC")
    assert (later.report["counts"]["here"], later.report["sounds"]["new"]) == (1, 1)
    recording = Recording.objects.get(owner=alice)
    again = run_of(alice, journal(MINE, files=file), zone="UTC")
    assert again.report["sounds"] == {"new": 0, "here": 1, "trashed": 0}
    assert Recording.objects.get(owner=alice) == recording
    retract_import(alice, later)
    drain(IMPORTING)
    recording.refresh_from_db()
    assert recording.discarded_at is not None
    assert Node.objects.get(owner=alice).deleted_at is None


def test_an_undo_takes_the_recordings_away_with_their_entries(alice, client):
    run = run_of(alice, journal(MINE, files={f"{'0a' * 16}.m4a": sound(1.0, *AAC)}), zone="UTC")
    retract_import(alice, run)
    drain(IMPORTING)
    node = Node.objects.get(owner=alice)
    assert node.deleted_at is not None
    client.force_login(alice)
    assert client.get(f"/journal/{node.pk}/audio/").status_code == 404
    assert client.get(f"/media/{Recording.objects.get().blob_id}/").status_code == 404


def test_a_missing_or_broken_recording_is_said_and_loses_nothing_else(alice, client):
    broken = journal(
        MINE,
        entry("E2", "Two", spoken("BBB", "0b" * 16), photos=[{"identifier": "P"}]),
        entry("E3", "Three", spoken("CCC", "0c" * 16)),
        entry("E4", "", spoken("DDD", "0d" * 16)),
        files={
            f"{'0a' * 16}.m4a": b"no sound at all",
            f"{'0c' * 16}.m4a": b"\0\0\0\x20ftypM4A " + b"\0" * 500,
            f"{'0d' * 16}.m4a": sound(1.0, *AAC),
        },
    )
    # Its bytes as stored are not what the zip says they are.
    damaged = broken.replace(sound(1.0, *AAC)[-40:], b"\1" * 40)
    run = run_of(alice, damaged)
    assert [each["reason"] for each in run.report["problems"]] == ["sound_missing"]
    assert run.report["notes"] == [{"label": "Journal #2", "reason": "media_left_out"}]
    run = run_of(alice, damaged, zone="UTC")
    assert run.state == "done"
    bodies = set(Node.objects.filter(owner=alice).values_list("pk", flat=True))
    assert len(bodies) == 4
    assert [(each["label"], each["reason"]) for each in problems_of(run)] == [
        ("Journal #1, 1", "sound_unknown"),
        ("Journal #2, 1", "sound_missing"),
        ("Journal #3, 1", "sound_unmade"),
        ("Journal #4, 1", "damaged"),
    ]
    client.force_login(alice)
    page = client.get(f"/journal/import/{run.pk}/").content.decode()
    assert "no sound that can be read here" in page
    assert "Pictures and other files were left out." in page
    # The file in order brings what was damaged; what is no sound stays none.
    run_of(alice, broken, zone="UTC")
    states = Recording.objects.filter(owner=alice).values_list("state", flat=True)
    assert sorted(states) == ["failed", "ready"]


def test_at_the_ceiling_an_import_leaves_sound_out_and_nothing_begins(alice, settings, client):
    data = sound(1.0, *AAC)
    recording, _new = begin_recording(alice)
    settings.SOUND_CEILING_BYTES = len(data)
    two = entry("E2", "Two", spoken("BBB", "0b" * 16))
    files = {f"{name * 16}.m4a": data for name in ("0a", "0b")}
    run = run_of(alice, journal(MINE, two, files=files), zone="UTC")
    assert [each["reason"] for each in problems_of(run)] == ["sound_no_room"]
    assert ImportItem.objects.filter(run=run, recording__isnull=False).count() == 1
    settings.SOUND_CEILING_BYTES = 10
    with pytest.raises(SoundFull):
        begin_recording(alice)
    assert begin_recording(alice, id=recording.pk) == (recording, False)
    client.force_login(alice)
    assert "hold as much as they may" in client.get("/voice/").content.decode()
    doomed = Blob.objects.filter(state="doomed").count()
    Recording.objects.filter(import_run=run).update(discarded_at="2026-01-01T00:00:00Z")
    assert sweep_recordings() == 1
    assert Blob.objects.filter(state="doomed").count() == doomed + 1
