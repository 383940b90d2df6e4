import tracemalloc
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.doubles.aws import Bucket
from tests.examples import examples
from writeorperish.crypto import keys, storage
from writeorperish.crypto.blocks import BLOCK_BYTES, sealed_bytes
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.models import Blob
from writeorperish.crypto.storage import FileGone
from writeorperish.ops.refusals import Gone

pytestmark = pytest.mark.django_db
WORDS = b"ann's spoken words "
LONG = WORDS * 12_000  # 228,000 bytes: three whole blocks and a part


@dataclass(frozen=True)
class Folder:
    """The folder of a test's own, as whoever holds the disk and not our keys sees it."""

    path: Path

    def names(self):
        return sorted(each.name for each in self.path.rglob("*") if each.is_file())

    def read(self, key):
        return (self.path / key[:2] / key).read_bytes()

    def write(self, key, data):
        (self.path / key[:2] / key).write_bytes(data)

    def remove(self, key):
        (self.path / key[:2] / key).unlink()


@dataclass(frozen=True)
class Prefix:
    """The same of a bucket, below the prefix of its address."""

    bucket: Bucket

    def name(self, key):
        return f"{self.bucket.prefix}/{key[:2]}/{key}"

    def names(self):
        found = sorted(each.rpartition("/")[2] for each in self.bucket.names())
        assert sorted(self.bucket.names()) == [self.name(key) for key in found]
        return found

    def read(self, key):
        return self.bucket.read(self.name(key))

    def write(self, key, data):
        self.bucket.write(self.name(key), data)

    def remove(self, key):
        self.bucket.remove(self.name(key))


@pytest.fixture(autouse=True, params=["disk", "bucket"])
def place(request, settings, tmp_path):
    """Where the files lie: every test is one of both."""
    settings.DATA_DIR = tmp_path
    if request.param == "bucket":
        return Prefix(request.getfixturevalue("bucket"))
    return Folder(tmp_path / "files")


def kept(owner, clear=LONG):
    blob = storage.keep(owner.pk, BytesIO(clear), media_type="audio/ogg")
    storage.settle(blob)
    return blob


def test_a_kept_file_opens_again_and_lies_sealed(place, ann):
    blob = kept(ann)
    with storage.open_blob(Blob.objects.get(pk=blob.pk)) as file:
        assert file.read() == LONG
    assert (blob.bytes, blob.media_type, blob.owner_id) == (len(LONG), "audio/ogg", ann.pk)
    [key] = place.names()
    assert WORDS not in place.read(key)
    assert len(place.read(key)) == sealed_bytes(len(LONG))
    assert (key, len(key)) == (blob.storage_key, 32)


def test_the_same_content_has_one_mac_for_one_owner(ann, ben):
    assert kept(ann).mac == kept(ann).mac != kept(ben).mac
    assert kept(ann).mac != kept(ann, LONG[:-1]).mac


def test_a_zip_is_read_in_place(ann):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for n in range(20):
            archive.writestr(f"{n}.md", WORDS * n * 500)
    blob = kept(ann, packed.getvalue())
    with storage.open_blob(blob) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("13.md") == WORDS * 13 * 500
        assert archive.testzip() is None


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(20),
    deadline=None,
)
@given(data=st.data())
def test_any_range_is_the_range_of_the_clear_file(ann, data):
    blob = Blob.objects.first() or kept(ann)
    start = data.draw(st.integers(0, len(LONG)))
    stop = data.draw(st.integers(start, len(LONG)))
    found = list(storage.pieces(blob, start, stop))
    assert b"".join(found) == LONG[start:stop]
    assert all(0 < len(piece) <= BLOCK_BYTES for piece in found)


def test_a_range_outside_of_the_file_is_refused(ann):
    blob = kept(ann)
    for start, stop in ((-1, 5), (5, 4), (0, len(LONG) + 1)):
        with pytest.raises(ValueError, match="range"):
            storage.pieces(blob, start, stop)


def test_seeking_works_like_in_any_file(ann):
    with storage.open_blob(kept(ann)) as file, BytesIO(LONG) as plain:
        for offset, whence in ((0, 2), (-5, 2), (-200, 1), (70_000, 0), (len(LONG) + 9, 0)):
            assert file.seek(offset, whence) == plain.seek(offset, whence)
            assert file.read(100) == plain.read(100)
        with pytest.raises(ValueError, match="before"):
            file.seek(-1)


def test_an_empty_file_is_a_file(ann):
    blob = kept(ann, b"")
    with storage.open_blob(blob) as file:
        assert file.read() == b""
    assert list(storage.pieces(blob, 0, 0)) == []


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_memory_does_not_grow_with_the_file(place, ann):
    class Endless:
        left = 24 * 1024 * 1024

        def read(self, size=-1, /):
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    keys.data_key(keys.person(ann.pk), "seal")
    tracemalloc.start()
    blob = storage.keep(ann.pk, Endless(), media_type="audio/ogg")
    size = sum(len(piece) for piece in storage.pieces(blob, 0, blob.bytes))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 24 * 1024 * 1024
    assert peak < 3 * 1024 * 1024


@pytest.mark.parametrize("damage", ["cut", "flip", "longer", "missing", "empty", "other"])
def test_a_damaged_object_does_not_open(place, ann, damage):
    blob = kept(ann)
    data = place.read(blob.storage_key)
    if damage == "missing":
        place.remove(blob.storage_key)
    else:
        damaged = {
            "cut": data[: -len(LONG) % BLOCK_BYTES - 16],
            "flip": data[:-1] + bytes([data[-1] ^ 1]),
            "longer": data + b"x",
            "empty": b"",
            "other": place.read(kept(ann).storage_key),
        }
        place.write(blob.storage_key, damaged[damage])
    with pytest.raises(CannotOpen):
        b"".join(storage.pieces(blob, 0, blob.bytes))


def test_a_cut_file_gives_not_even_its_beginning(place, ann):
    blob = kept(ann)
    place.write(blob.storage_key, place.read(blob.storage_key)[:-1])
    with pytest.raises(FileGone):
        list(storage.pieces(blob, 0, 10))


def test_a_file_of_an_erased_person_does_not_open(ann):
    blob = kept(ann)
    keys.destroy(keys.person(ann.pk))
    with pytest.raises(CannotOpen):
        storage.open_blob(blob)


def test_a_source_that_breaks_leaves_neither_row_nor_object(place, ann):
    class Breaking:
        def __init__(self):
            self.pieces = [LONG[:BLOCK_BYTES], LONG[:BLOCK_BYTES]]

        def read(self, _size=-1, /):
            if not self.pieces:
                raise ConnectionResetError
            return self.pieces.pop()

    with pytest.raises(ConnectionResetError):
        storage.keep(ann.pk, Breaking(), media_type="audio/ogg")
    assert not Blob.objects.exists()
    assert not place.names()


def test_the_sweep_takes_what_nobody_settled_for_a_day_and_leaves_the_rest(place, ann):
    settled, waiting, forgotten = (
        kept(ann),
        *(storage.keep(ann.pk, BytesIO(WORDS), media_type="audio/ogg") for _ in range(2)),
    )
    Blob.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert storage.sweep() == 1
    assert set(Blob.objects.values_list("pk", flat=True)) == {settled.pk, waiting.pk}
    assert place.names() == sorted(each.storage_key for each in (settled, waiting))
    assert storage.sweep() == 0
    with pytest.raises(Gone):
        storage.settle(forgotten)


def test_what_is_rolled_back_is_as_it_was(place, ann):
    stays, waits = kept(ann), storage.keep(ann.pk, BytesIO(WORDS), media_type="audio/ogg")
    with transaction.atomic():
        storage.doom(Blob.objects.filter(pk=stays.pk))
        storage.settle(waits)
        transaction.set_rollback(True)
    assert storage.sweep() == 0
    for blob, words in ((stays, LONG), (waits, WORDS)):
        assert b"".join(storage.pieces(blob, 0, blob.bytes)) == words
    storage.settle(Blob.objects.get(pk=waits.pk))


def test_doomed_files_and_those_of_nobody_go_with_the_sweep(place, ann, ben):
    doomed, orphaned, stays = kept(ann), kept(ben), kept(ann)
    assert storage.doom(Blob.objects.filter(pk=doomed.pk)) == 1
    ben.delete()
    assert storage.sweep() == 2
    assert list(Blob.objects.values_list("pk", flat=True)) == [stays.pk]
    assert place.names() == [stays.storage_key]
    assert orphaned.storage_key != stays.storage_key


def test_objects_without_a_row_go_once_they_are_a_day_old(place, ann):
    blob = kept(ann)
    Blob.objects.filter(pk=blob.pk).delete()
    assert storage.sweep() == 0
    assert storage.sweep(timezone.now() + timedelta(hours=25)) == 1
    assert not place.names()


def test_a_file_moves_to_the_new_key_and_readers_follow(place, ann):
    blob = kept(ann)
    before = Blob.objects.get(pk=blob.pk)
    new = keys.replace_seal_key(keys.person(ann.pk))
    assert storage.reseal(blob)
    after = Blob.objects.get(pk=blob.pk)
    assert (after.key, after.mac, after.bytes) == (new.id, before.mac, before.bytes)
    assert place.names() == [after.storage_key]
    for row in (before, after):
        with storage.open_blob(row) as file:
            assert file.read() == LONG
    assert not storage.reseal(before), "somebody was faster"
    assert place.names() == [after.storage_key]


def test_who_is_reading_when_the_key_changes_reads_on(ann):
    blob = kept(ann)
    with storage.open_blob(blob) as file:
        beginning = file.read(10)
        keys.replace_seal_key(keys.person(ann.pk))
        assert storage.reseal(Blob.objects.get(pk=blob.pk))
        assert beginning + file.read() == LONG


def test_the_default_storage_reads_kept_files_and_refuses_clear_ones(place, ann):
    blob = kept(ann)
    assert default_storage.exists(blob.storage_key)
    with default_storage.open(blob.storage_key) as file:
        assert file.read() == LONG
    with pytest.raises(TypeError):
        default_storage.save("diary.txt", ContentFile(WORDS))
    with pytest.raises(FileNotFoundError):
        default_storage.open("nothing")
    assert len(place.names()) == 1


def test_no_file_beside_holds_the_words_and_a_kept_one_is_ours_alone(place, ann, tmp_path):
    kept(ann)
    beside = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in beside if WORDS in path.read_bytes()]
    files = [path for path in beside if path.is_relative_to(tmp_path / "files")]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * isinstance(place, Folder)


def test_where_files_lie_is_asked_by_writing_and_leaves_nothing(place):
    assert storage.healthy()
    assert not place.names()
