import tracemalloc
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from writeorperish.crypto import keys, storage
from writeorperish.crypto.blocks import BLOCK_BYTES
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.models import Blob
from writeorperish.ops.refusals import Gone

pytestmark = pytest.mark.django_db
WORDS = b"ann's spoken words "
LONG = WORDS * 12_000  # 228,000 bytes: three whole blocks and a part


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path / "files"


def kept(owner, clear=LONG):
    blob = storage.keep(owner.pk, BytesIO(clear), media_type="audio/ogg")
    storage.settle(blob)
    return blob


def object_of(folder, blob):
    return folder / blob.storage_key[:2] / blob.storage_key


def paths(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_kept_file_opens_again_and_lies_sealed(own_folder, ann):
    blob = kept(ann)
    with storage.open_blob(Blob.objects.get(pk=blob.pk)) as file:
        assert file.read() == LONG
    assert (blob.bytes, blob.media_type, blob.owner_id) == (len(LONG), "audio/ogg", ann.pk)
    [path] = paths(own_folder)
    assert WORDS not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(blob.storage_key) == 32


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
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
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


def test_memory_does_not_grow_with_the_file(ann):
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


@pytest.mark.parametrize("damage", ["cut", "flip", "longer", "missing", "other"])
def test_a_damaged_object_does_not_open(own_folder, ann, damage):
    blob = kept(ann)
    path = object_of(own_folder, blob)
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: -len(LONG) % BLOCK_BYTES - 16])
    elif damage == "flip":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "longer":
        path.write_bytes(data + b"x")
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(object_of(own_folder, kept(ann)).read_bytes())
    with pytest.raises(CannotOpen):
        b"".join(storage.pieces(blob, 0, blob.bytes))


def test_a_cut_file_gives_not_even_its_beginning(own_folder, ann):
    blob = kept(ann)
    path = object_of(own_folder, blob)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CannotOpen):
        list(storage.pieces(blob, 0, 10))


def test_a_file_of_an_erased_person_does_not_open(ann):
    blob = kept(ann)
    keys.destroy(keys.person(ann.pk))
    with pytest.raises(CannotOpen):
        storage.open_blob(blob)


def test_a_source_that_breaks_leaves_neither_row_nor_object(own_folder, ann):
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
    assert not paths(own_folder)


def test_the_sweep_takes_what_nobody_settled_for_a_day_and_leaves_the_rest(own_folder, ann):
    settled, waiting, forgotten = (
        kept(ann),
        *(storage.keep(ann.pk, BytesIO(WORDS), media_type="audio/ogg") for _ in range(2)),
    )
    Blob.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert storage.sweep() == 1
    assert set(Blob.objects.values_list("pk", flat=True)) == {settled.pk, waiting.pk}
    assert paths(own_folder) == sorted(object_of(own_folder, each) for each in (settled, waiting))
    assert storage.sweep() == 0
    with pytest.raises(Gone):
        storage.settle(forgotten)


def test_doomed_files_and_those_of_nobody_go_with_the_sweep(own_folder, ann, ben):
    doomed, orphaned, stays = kept(ann), kept(ben), kept(ann)
    assert storage.doom(Blob.objects.filter(pk=doomed.pk)) == 1
    ben.delete()
    assert storage.sweep() == 2
    assert list(Blob.objects.values_list("pk", flat=True)) == [stays.pk]
    assert not object_of(own_folder, orphaned).exists()


def test_objects_without_a_row_go_once_they_are_a_day_old(own_folder, ann):
    blob = kept(ann)
    Blob.objects.filter(pk=blob.pk).delete()
    assert storage.sweep() == 0
    assert storage.sweep(timezone.now() + timedelta(hours=25)) == 1
    assert not paths(own_folder)


def test_a_file_moves_to_the_new_key_and_readers_follow(own_folder, ann):
    blob = kept(ann)
    before = Blob.objects.get(pk=blob.pk)
    new = keys.replace_seal_key(keys.person(ann.pk))
    assert storage.reseal(blob)
    after = Blob.objects.get(pk=blob.pk)
    assert (after.key, after.mac, after.bytes) == (new.id, before.mac, before.bytes)
    assert paths(own_folder) == [object_of(own_folder, after)]
    for row in (before, after):
        with storage.open_blob(row) as file:
            assert file.read() == LONG
    assert not storage.reseal(before), "somebody was faster"
    assert paths(own_folder) == [object_of(own_folder, after)]


def test_the_default_storage_reads_kept_files_and_refuses_clear_ones(own_folder, ann):
    blob = kept(ann)
    assert default_storage.exists(blob.storage_key)
    with default_storage.open(blob.storage_key) as file:
        assert file.read() == LONG
    with pytest.raises(TypeError):
        default_storage.save("diary.txt", ContentFile(WORDS))
    with pytest.raises(FileNotFoundError):
        default_storage.open("nothing")
    assert len(paths(own_folder)) == 1


def test_no_temporary_file_holds_the_words(own_folder, ann, tmp_path):
    kept(ann)
    assert not [path for path in paths(Path(tmp_path)) if WORDS in path.read_bytes()]
