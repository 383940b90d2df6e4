"""Sound, imports and exports where files lie in a bucket: as on the disk, and no call within a transaction."""

import io
import json
import zipfile

import pytest
import stamina
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.actions.departure import ask_for_export
from accounts.actions.tokens import begin_family
from journal.actions.imports import (
    Settings,
    begin_import,
    begin_upload,
    confirm_import,
    put_part,
)
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.trash import purge, trash_node
from journal.models.nodes import Node
from journal.models.recordings import Recording
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import entry, zipped
from tests.sounds import in_pieces, sound
from writeorperish.ai import gateway
from writeorperish.crypto import storage
from writeorperish.crypto.buckets import bucket_files
from writeorperish.crypto.models import Blob
from writeorperish.events.models import Receipt
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent

pytestmark = pytest.mark.django_db(transaction=True)
RECORDINGS = "/api/v1/journal/recordings/"
WEBM = "audio/webm;codecs=opus"


@pytest.fixture
def calls(bucket):
    """Each call to the bucket: what was asked, and whether a transaction was open meanwhile."""
    made = []
    bucket_files.cache_clear()
    events = bucket_files(**bucket.options).client.meta.events
    events.register(
        "before-send.s3",
        lambda request, **_more: made.append((request.method, connection.in_atomic_block)),
    )
    yield made
    # Nobody else is to have a client that is listened to.
    bucket_files.cache_clear()


@pytest.fixture
def service(settings):
    with provider() as double:
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "a-key", double.base_url
        breaker("ai:openai:transcribe", counts=gateway.asking.is_away).close()
        stamina.set_testing(True, attempts=2)
        yield double
        stamina.set_testing(False)


@pytest.fixture
def api(alice):
    return Client(headers={"Authorization": f"Bearer {begin_family(alice).access}"})


def spoken(person, **more):
    recording = begin_recording(person, **more)[0]
    for n, data in enumerate(in_pieces(sound(2.0), 2)):
        put_chunk(person, recording, 0, n, data, media_type=WEBM)
    finish_recording(person, recording, [Segment(0, 2, 2_000)], into="entry")
    return recording


def body(answer):
    return b"".join(answer.streaming_content)


def test_from_the_first_piece_to_the_last_trace(alice, api, service, bucket, calls):
    version = consent.terms()["transcribe"].version
    consent.decide(alice, "transcribe", granted=True, text_version=version)
    begun = api.post(RECORDINGS, {"ai_usage": "chat"}, content_type="application/json").json()
    place = f"{RECORDINGS}{begun['id']}/"
    for n, data in enumerate(in_pieces(sound(3.0), 3)):
        for status in (201, 200):
            address = f"{place}segments/0/chunks/{n}/"
            assert api.put(address, data, content_type="audio/webm").status_code == status
    assert len(bucket.names()) == 3
    told = {"segments": [{"index": 0, "chunks": 3, "duration_ms": 3_000}], "into": "entry"}
    assert api.post(f"{place}finish/", told, content_type="application/json").status_code == 202
    drain()
    recording = Recording.objects.select_related("blob", "node").get()
    assert (recording.state, recording.transcript) == ("ready", "done")
    assert recording.node.body == recording.parts.get().text != ""

    address = f"/journal/{recording.node_id}/audio/"
    whole = body(api.get(address))
    assert (len(whole), whole[:4]) == (recording.blob.bytes, b"\x1a\x45\xdf\xa3")
    answer = api.get(address, headers={"Range": "bytes=1000-1999"})
    assert (answer.status_code, body(answer)) == (206, whole[1000:2000])
    storage.sweep()
    assert [bucket.read(name).find(whole[500:600]) for name in bucket.names()] == [-1]

    export = ask_for_export(alice)
    drain()
    export.refresh_from_db()
    packed = b"".join(storage.pieces(export.blob, 0, export.blob.bytes))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.read(f"audio/{recording.pk}.webm") == whole

    trash_node(alice, recording.node)
    Node.objects.update(purge_after=timezone.now())
    purge()
    storage.sweep()
    assert [blob.pk for blob in Blob.objects.all()] == [export.blob_id]
    assert len(bucket.names()) == 1
    assert {method for method, _within in calls} == {"PUT", "GET", "DELETE"}
    assert not [method for method, within in calls if within]


def test_a_file_comes_in_parts_and_its_entries_out_of_the_bucket(alice, bucket, calls):
    data = zipped(
        {"2025-03-01 first day.md": "# First day\n\nIt rained.", "second.md": "It rains."}
    )
    upload = begin_upload(alice, size=len(data))
    for n, start in enumerate(range(0, len(data), 100)):
        put_part(alice, upload, n, data[start : start + 100])
    run = begin_import(alice, upload)
    drain()
    run.refresh_from_db()
    assert run.state == "checked", run.reason
    confirm_import(alice, run, settings=Settings())
    drain()
    assert {node.body for node in Node.objects.all()} == {"It rained.", "It rains."}
    assert calls
    assert not [method for method, within in calls if within]


def test_while_the_bucket_is_away_pages_say_so_and_no_sound_is_lost(
    alice, api, signed_in, bucket, settings
):
    heard = spoken(alice)
    drain()
    heard.refresh_from_db()
    waiting = spoken(alice)
    settings.STORAGE = bucket.options | {"bucket": "nobody-made-this"}
    drain()
    waiting.refresh_from_db()
    # Not a broken recording: its chunks stand, and it is put together when the bucket is back.
    assert (waiting.state, waiting.chunks.count()) == ("assembling", 2)
    assert Receipt.objects.filter(
        state=Receipt.State.DUE, listener__contains="put_together"
    ).exists()

    client = signed_in(alice)
    for page in ("/journal/", "/voice/", f"/journal/{heard.node_id}/", f"/voice/{waiting.pk}/"):
        assert client.get(page).status_code == 200
    answer = client.get(f"/media/{heard.blob_id}/")
    assert answer.status_code == 503
    assert "Sound and files can&#x27;t be reached" in answer.text
    problem = api.get(f"/media/{heard.blob_id}/", headers={"Accept": "application/json"})
    assert problem.status_code == 503
    assert api.get(RECORDINGS).status_code == 200
    begun = api.post(RECORDINGS, {}, content_type="application/json").json()["id"]
    piece = in_pieces(sound(2.0), 2)[0]
    address = f"{RECORDINGS}{begun}/segments/0/chunks/0/"
    refused = api.put(address, piece, content_type="audio/webm")
    assert (refused.status_code, json.loads(refused.content)["code"]) == (503, "files_away")

    settings.STORAGE = bucket.options
    assert api.put(address, piece, content_type="audio/webm").status_code == 201
    Receipt.objects.update(next_at=timezone.now())
    drain()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("ready", "")


def test_the_voice_page_and_the_entry_stand_when_an_object_is_gone(alice, signed_in, bucket):
    heard = spoken(alice)
    entry(alice, "beside it")
    drain()
    heard.refresh_from_db()
    storage.sweep()
    for name in bucket.names():
        bucket.remove(name)
    client = signed_in(alice)
    assert client.get("/journal/").status_code == 200
    assert client.get(f"/journal/{heard.node_id}/").status_code == 200
    answer = client.get(f"/media/{heard.blob_id}/")
    assert answer.status_code == 422
    assert "damaged or gone from where it was kept" in answer.text
