"""What a bucket does that a folder does not: it is far away, it refuses, it is gone as a whole."""

import socket
import threading
from datetime import UTC, datetime
from io import BytesIO

import pytest
from botocore.awsrequest import AWSResponse
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from writeorperish.crypto import buckets, moving, storage
from writeorperish.crypto.blocks import sealed_bytes
from writeorperish.crypto.buckets import PART_BYTES, FilesAway, bucket_files
from writeorperish.crypto.models import Blob
from writeorperish.crypto.moving import files_to_move, in_batches

pytestmark = pytest.mark.django_db
WORDS = b"ann's spoken words "
LONG = WORDS * 12_000


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path / "files"


@pytest.fixture
def listened_to(bucket):
    """The bucket, with a client that no other test has: this one is meddled with."""
    bucket_files.cache_clear()
    yield bucket
    bucket_files.cache_clear()


def kept(owner, clear=LONG):
    blob = storage.keep(owner.pk, BytesIO(clear), media_type="audio/ogg")
    storage.settle(blob)
    return blob


def clear(blob):
    return b"".join(storage.pieces(blob, 0, blob.bytes))


def length(request):
    return int(request.headers.get("Content-Length", 0))


# --- what fails --------------------------------------------------------------------------------


def test_a_bucket_that_is_gone_is_no_file_that_is_gone_and_loses_nothing(bucket, ann):
    blob = kept(ann)
    doomed = kept(ann)
    storage.doom(Blob.objects.filter(pk=doomed.pk))
    bucket.vanish()
    for asked in (
        lambda: clear(blob),
        lambda: storage.keep(ann.pk, BytesIO(WORDS), media_type="audio/ogg"),
        lambda: storage.reseal(blob),
        storage.sweep,
        storage.healthy,
    ):
        with pytest.raises(FilesAway) as refusal:
            asked()
        assert refusal.value.status == 503
        assert "Nothing was lost" in str(refusal.value.words)
    assert set(Blob.objects.values_list("pk", flat=True)) == {blob.pk, doomed.pk}


def test_refused_credentials_are_said_at_the_start_and_by_the_probe(listened_to, ann, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(FilesAway):
        storage.healthy()
    [error] = run_checks(tags=["storage"], include_deployment_checks=True)
    assert (error.id, "NoCredentialsError" in error.msg) == ("crypto.E005", True)
    assert not [each for each in run_checks() if each.id.startswith("crypto")]


def test_a_bucket_that_is_none_stops_the_start_and_one_that_is_away_does_not(bucket, settings):
    settings.STORAGE = bucket.options | {"bucket": "nobody-made-this"}
    [error] = run_checks(tags=["storage"], include_deployment_checks=True)
    assert (error.id, "NoSuchBucket" in error.msg) == ("crypto.E005", True)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.STORAGE = bucket.options | {"endpoint": f"http://127.0.0.1:{port}"}
    [warning] = run_checks(tags=["storage"], include_deployment_checks=True)
    assert warning.id == "crypto.W001"
    settings.STORAGE = bucket.options
    assert run_checks(tags=["storage"], include_deployment_checks=True) == []


def test_a_call_ends_and_is_tried_again_three_times_at_most(bucket, settings):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            while True:
                try:
                    line, _address = server.accept()
                except OSError:
                    return
                heard.append(line.recv(64))
                line.sendall(
                    b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                line.close()

        threading.Thread(target=refuse, daemon=True).start()
        settings.STORAGE = bucket.options | {
            "endpoint": f"http://127.0.0.1:{server.getsockname()[1]}"
        }
        with pytest.raises(FilesAway):
            storage.objects().delete("ab/abc")
        server.shutdown(socket.SHUT_RDWR)
    assert len(heard) == 3
    config = bucket_files(**settings.STORAGE).client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 10)


@pytest.mark.parametrize("breaks", [1, 2])
def test_what_breaks_off_is_fetched_once_more_and_half_of_it_is_no_answer(listened_to, ann, breaks):
    blob = kept(ann)
    broken = []

    def half(request, **_more):
        if len(broken) == breaks:
            return None
        broken.append(request.url)
        headers = {"Content-Length": "100", "Content-Range": "bytes 0-99/100"}
        return AWSResponse(request.url, 206, headers, BytesIO(bytes(50)))

    events = bucket_files(**listened_to.options).client.meta.events
    events.register("before-send.s3.GetObject", half)
    if breaks == 1:
        assert clear(blob) == LONG
    else:
        with pytest.raises(FilesAway):
            clear(blob)
    assert len(broken) == breaks


def test_only_the_endpoint_is_called_whatever_the_environment_says(listened_to, ann, monkeypatch):
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
    ):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    blob = kept(ann)
    assert clear(blob) == LONG
    called = []
    events = bucket_files(**listened_to.options).client.meta.events
    events.register("before-send.s3", lambda request, **_more: called.append(request.url))
    clear(blob)
    storage.sweep()
    assert called
    assert all(url.startswith(f"{listened_to.endpoint}/{listened_to.name}") for url in called)


# --- what is fetched and kept ------------------------------------------------------------------


def test_a_jump_fetches_little_and_reading_on_fetches_more(listened_to, ann):
    blob = kept(ann, bytes(2_000_000))
    ranges = []
    events = bucket_files(**listened_to.options).client.meta.events
    events.register(
        "before-send.s3.GetObject", lambda request, **_more: ranges.append(request.headers["Range"])
    )
    assert storage.pieces(blob, 1_500_000, 1_500_100).__next__() == bytes(100)
    fetched = [
        int(end) - int(start) + 1
        for start, end in (each.decode().removeprefix("bytes=").split("-") for each in ranges)
    ]
    assert (len(fetched), max(fetched)) == (2, buckets.SMALLEST_STRETCH)
    ranges.clear()
    clear(blob)
    assert len(ranges) < 6


def test_a_large_file_goes_in_parts_and_a_piece_of_an_upload_in_one(listened_to, ann):
    sent = []
    events = bucket_files(**listened_to.options).client.meta.events
    events.register(
        "before-send.s3", lambda request, **_more: sent.append((request.method, length(request)))
    )
    piece = kept(ann, bytes(8 * 1024 * 1024))
    assert sent == [("PUT", sealed_bytes(piece.bytes))]
    sent.clear()
    blob = kept(ann, bytes(2 * PART_BYTES))
    assert [method for method, _size in sent] == ["POST", "PUT", "PUT", "PUT", "POST"]
    assert max(size for _method, size in sent) == PART_BYTES
    assert sum(len(piece) for piece in storage.pieces(blob, 0, blob.bytes)) == 2 * PART_BYTES


def test_one_that_breaks_leaves_no_parts(bucket, ann):
    class Breaking:
        left = 2 * PART_BYTES

        def read(self, size=-1, /):
            if self.left < PART_BYTES // 2:
                raise ConnectionResetError
            self.left -= size
            return bytes(size)

    with pytest.raises(ConnectionResetError):
        storage.keep(ann.pk, Breaking(), media_type="audio/ogg")
    assert not bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")
    assert not bucket.names()


def test_the_sweep_lets_go_of_parts_that_a_killed_process_left(bucket, ann):
    key = f"{bucket.prefix}/ab/abc"
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=f"{bucket.prefix}2/ab/abc")
    # The local server says of each that it was begun in 2010.
    storage.sweep(datetime(2009, 1, 1, tzinfo=UTC))
    assert len(bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]) == 2
    storage.sweep(datetime(2012, 1, 1, tzinfo=UTC))
    [left] = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert left["Key"] == f"{bucket.prefix}2/ab/abc"


def test_the_bucket_learns_nothing_from_names_kinds_or_marks(bucket, ann):
    blob = kept(ann)
    [key] = bucket.names()
    assert key == f"{bucket.prefix}/{blob.storage_key[:2]}/{blob.storage_key}"
    head = bucket.client.head_object(Bucket=bucket.name, Key=key)
    assert (head["ContentType"], head["Metadata"]) == ("application/octet-stream", {})


# --- moving ------------------------------------------------------------------------------------


def move(to, *options):
    call_command("move_files", "--to", to, *options)


def test_files_move_to_the_bucket_and_back_and_again_changes_nothing(
    bucket, settings, own_folder, ann, capsys
):
    settings.STORAGE = {}
    blobs = [kept(ann, WORDS * n) for n in (1, 12_000)]
    settings.STORAGE = bucket.options
    move("bucket", "--keep")
    assert "2 files copied, 0 were there" in capsys.readouterr().out
    assert [clear(blob) for blob in blobs] == [WORDS, LONG]
    assert len([path for path in own_folder.rglob("*") if path.is_file()]) == 2
    late = kept(ann)
    move("bucket")
    assert "0 files copied, 3 were there" in capsys.readouterr().out
    assert not [path for path in own_folder.rglob("*") if path.is_file()]
    move("bucket")
    assert "0 files copied, 3 were there" in capsys.readouterr().out
    move("disk")
    assert not bucket.names()
    settings.STORAGE = {}
    assert [clear(blob) for blob in (*blobs, late)] == [WORDS, LONG, LONG]


def test_what_differs_or_is_missing_is_named_and_left(bucket, settings, own_folder, ann, capsys):
    settings.STORAGE = {}
    differs, missing, doomed = kept(ann), kept(ann), kept(ann)
    storage.objects().delete(storage.object_name(missing.storage_key))
    storage.doom(Blob.objects.filter(pk=doomed.pk))
    settings.STORAGE = bucket.options
    bucket.write(f"{bucket.prefix}/{storage.object_name(differs.storage_key)}", b"something else")
    with pytest.raises(CommandError, match="2 are missing or differ"):
        move("bucket")
    said = capsys.readouterr().out
    assert (str(differs.pk) in said, str(missing.pk) in said) == (True, True)
    assert (own_folder / storage.object_name(differs.storage_key)).exists()


def test_moving_breaks_off_with_one_sentence_and_goes_on_where_it_was(
    bucket, settings, own_folder, ann
):
    settings.STORAGE = {}
    with pytest.raises(CommandError, match="STORAGE_URL is not set") as refusal:
        move("bucket")
    assert refusal.value.returncode == 2
    kept(ann)
    settings.STORAGE = bucket.options | {"bucket": "nobody-made-this"}
    with pytest.raises(CommandError, match="The bucket does not answer") as refusal:
        move("bucket")
    assert refusal.value.returncode == 1
    assert len([path for path in own_folder.rglob("*") if path.is_file()]) == 1


def test_every_file_is_looked_at_once_however_many_there_are(bucket, ann, monkeypatch):
    monkeypatch.setattr(moving, "BATCH", 2)
    blobs = {kept(ann, WORDS).pk for _ in range(5)}
    found = [blob.pk for blob in in_batches(files_to_move())]
    assert (len(found), set(found)) == (5, blobs)
