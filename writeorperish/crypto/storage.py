"""Sealed files: sealed before they leave the process, opened block by block where they are read.

The object is written and flushed first, its row second, and a row counts only once the verb that wanted the
file has settled it: whatever dies in between is swept a day later.
"""

import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, Never, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.db.models import ProtectedError, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto import keys
from writeorperish.crypto.blocks import (
    BLOCK_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    Blocks,
    Header,
    block_count,
    block_offset,
    sealed_bytes,
    sealed_stream,
)
from writeorperish.crypto.buckets import FilesAway, bucket_files, takes_files
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.models import Blob
from writeorperish.ops.refusals import Gone
from writeorperish.refs import new_id

log = structlog.get_logger()

UNSETTLED_FOR = timedelta(hours=24)


class Readable(Protocol):
    """An open file, an upload, a response: anything that gives bytes piece by piece."""

    def read(self, size: int = ..., /) -> bytes: ...


class LocalFiles(FileSystemStorage):
    """Objects in a folder, on the disk before `save` returns."""

    def __init__(self, location: Path) -> None:
        super().__init__(
            location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700
        )

    def _save(self, name: str, content: File[bytes]) -> str:
        saved = str(super()._save(name, content))  # type: ignore[misc]  # missing in the stubs
        path = Path(self.path(saved))
        for each in (path, path.parent):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return saved


def objects() -> Storage:
    """Where the sealed objects lie: in the bucket of STORAGE_URL, or in the data folder without one."""
    return bucket_files(**settings.STORAGE) if settings.STORAGE else files_here()


def files_here() -> LocalFiles:
    return local_files(settings.DATA_DIR / "files")


@cache
def local_files(location: Path) -> LocalFiles:
    return LocalFiles(location)


def keep(owner_id: UUID, content: Readable, *, media_type: str) -> Blob:
    """The content as a pending Blob of this person, sealed and stored.

    Pending files are swept after a day: `settle` it in the transaction that saves the row it belongs to.
    Memory is constant; 13 MB take about a quarter of a second on the disk. Call it outside of transactions:
    a bucket is far away. FilesAway when it does not answer; then there is no row.
    """
    blob = Blob(id=new_id(), owner_id=owner_id, media_type=media_type)
    write_object(blob, content)
    blob.save(force_insert=True)
    return blob


def write_object(blob: Blob, content: Readable) -> None:
    """The blob, not yet saved, names a new object with this content: storage key, key, bytes and mac."""
    holder = keys.person(str(blob.owner_id))
    key = keys.data_key(holder, "seal")
    digest = hmac.new(keys.data_key(holder, "index").sub("digest"), digestmod="sha256")
    header = Header.fresh(key.id)
    blocks = Blocks(key.sub("file"), header, blob.id)
    size = 0

    def seen(block: bytes) -> None:
        nonlocal size
        size += len(block)
        digest.update(block)

    storage_key = secrets.token_hex(16)
    stream = Piecewise(sealed_stream(content.read, header, blocks, seen))
    try:
        objects().save(object_name(storage_key), File(BufferedReader(stream, BLOCK_BYTES)))
    except BaseException:
        let_go(storage_key)
        raise
    blob.storage_key, blob.key, blob.bytes, blob.mac = storage_key, key.id, size, digest.digest()


def object_name(storage_key: str) -> str:
    return f"{storage_key[:2]}/{storage_key}"


def let_go(storage_key: str) -> None:
    """The object is gone, or goes with a later sweep: no row names it."""
    try:
        objects().delete(object_name(storage_key))
    except FilesAway:
        log.warning("crypto.object_left_to_the_sweep")


class Piecewise(RawIOBase):
    """A generator of bytes as a file that can be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # a writable buffer has no type in 3.11
        while not self.rest:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.rest = piece
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def settle(*blobs: Blob) -> None:
    """The files stay from now on. Gone when one waited longer than a day and was swept."""
    for blob in blobs:
        pending = Blob.objects.filter(id=blob.id, state=Blob.State.PENDING)
        if not pending.update(state=Blob.State.STORED):
            raise Gone
        blob.refresh_from_db(fields=["state"])


def doom(blobs: QuerySet[Blob]) -> int:
    """How many files go with the next sweep. Inside a transaction like any other change of rows."""
    return blobs.update(state=Blob.State.DOOMED)


def open_blob(blob: Blob) -> BufferedReader:
    """The file's clear content, to be read and sought like any binary file; each block opens when reached.

    CannotOpen when the object is gone, was cut or altered; FilesAway, also while reading. Close it.
    """
    return BufferedReader(OpenBlob(blob), BLOCK_BYTES)


def pieces(blob: Blob, start: int, stop: int) -> Iterator[bytes]:
    """The clear bytes from `start` up to `stop`, at most 64 KiB at a time. Reads only the blocks they lie in."""
    if not 0 <= start <= stop <= blob.bytes:
        raise ValueError("The range lies outside of the file.")
    return read_pieces(OpenBlob(blob), start, stop)


def read_pieces(file: "OpenBlob", start: int, stop: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while (left := stop - file.tell()) > 0:
            yield file.read(min(left, BLOCK_BYTES))


class FileGone(CannotOpen):
    """The row is here and its object is not, or not whole."""

    words = _("This file is damaged or gone from where it was kept, and can't be opened.")


class OpenBlob(RawIOBase):
    """A sealed file, open for reading anywhere."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.position = 0
        self.at = -1
        self.block = b""
        self.begin()

    def begin(self) -> None:
        self.object = self.opened()
        try:
            header = Header.parse(self.object.read(HEADER_BYTES))
            key = keys.key_by_id(header.key_id)
        except CannotOpen as refusal:
            self.object.close()
            raise refused(self.blob, refusal) from None
        self.blocks = Blocks(key.sub("file"), header, self.blob.id)

    def opened(self) -> File[bytes]:
        try:
            return self.object_at(self.blob.storage_key)
        except FileNotFoundError:
            # A change of keys may have moved it since the row was read.
            row = Blob.objects.filter(id=self.blob.id).exclude(storage_key=self.blob.storage_key)
            moved = row.values_list("storage_key", flat=True).first()
        try:
            if moved is not None:
                return self.object_at(moved)
        except FileNotFoundError:
            log.warning("crypto.file_moved_twice", blob=str(self.blob.id))
        raise refused(self.blob, FileGone(reason="file_gone"))

    def object_at(self, storage_key: str) -> File[bytes]:
        found = objects().open(object_name(storage_key))
        if found.size != sealed_bytes(self.blob.bytes):
            found.close()
            raise refused(self.blob, FileGone(reason="wrong_size"))
        return found

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self.position, SEEK_END: self.blob.bytes}[whence]
        if start + offset < 0:
            raise ValueError("There is nothing before the beginning of a file.")
        self.position = start + offset
        return self.position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # a writable buffer has no type in 3.11
        if self.position >= self.blob.bytes:
            return 0
        number, within = divmod(self.position, BLOCK_BYTES)
        found = self.load(number)[within : within + len(buffer)]
        buffer[: len(found)] = found
        self.position += len(found)
        return len(found)

    def load(self, number: int) -> bytes:
        if number != self.at:
            try:
                sealed = self.sealed_block(number)
            except FileNotFoundError:
                # A bucket holds no object open for a reader: a change of keys may have moved it since.
                self.object.close()
                self.begin()
                sealed = self.sealed_block(number)
            last = number == block_count(self.blob.bytes) - 1
            try:
                self.block = self.blocks.open(number, sealed, last=last)
            except CannotOpen as refusal:
                raise refused(self.blob, refusal) from None
            self.at = number
        return self.block

    def sealed_block(self, number: int) -> bytes:
        self.object.seek(block_offset(number))
        sealed: bytes = self.object.read(BLOCK_BYTES + TAG_BYTES)
        return sealed

    def close(self) -> None:
        # One that was refused never got as far as an object, and is closed all the same.
        if not self.closed and hasattr(self, "object"):
            self.object.close()
        super().close()


def refused(blob: Blob, refusal: CannotOpen) -> CannotOpen:
    log.error("crypto.cannot_open", blob=str(blob.id), **refusal.detail)
    return refusal


def reseal(blob: Blob) -> bool:
    """Whether the file now lies under its owner's active key; False when somebody was faster.

    The new object is complete before the row changes to it, so readers find one or the other.
    """
    fresh = Blob(id=blob.id, owner_id=blob.owner_id)
    with open_blob(blob) as clear:
        write_object(fresh, clear)
    same = Blob.objects.filter(id=blob.id, storage_key=blob.storage_key)
    won = same.update(storage_key=fresh.storage_key, key=fresh.key) == 1
    let_go(blob.storage_key if won else fresh.storage_key)
    return won


def sweep(now: datetime | None = None) -> int:
    """How many objects were deleted; running it again finds nothing.

    Those of doomed files, of files that nobody settled in a day or whose owner is gone, and of no row at all.
    FilesAway leaves the rest for the next one: a row goes after its object, never before it.
    """
    before = (now or timezone.now()) - UNSETTLED_FOR
    unwanted = Q(state=Blob.State.PENDING, created_at__lt=before) | Q(owner=None)
    doom(Blob.objects.filter(unwanted))
    doomed = Blob.objects.filter(state=Blob.State.DOOMED)
    number = sum(delete(blob) for blob in doomed.iterator(chunk_size=200))
    if settings.STORAGE:
        bucket_files(**settings.STORAGE).drop_unfinished(before)
    return number + sum(delete_orphan(name) for name in orphans(before))


def delete(blob: Blob) -> bool:
    """Whether the blob is gone with its object; False while a row still points to it."""
    objects().delete(object_name(blob.storage_key))
    try:
        blob.delete()
    except ProtectedError:
        log.warning("crypto.blob_still_wanted", blob=str(blob.id))
        return False
    return True


def orphans(before: datetime) -> Iterator[str]:
    """The names of objects older than this that no row knows, folder by folder."""
    store = objects()
    for folder in listed(store, "")[0]:
        names = listed(store, folder)[1]
        known = set(
            Blob.objects.filter(storage_key__in=names).values_list("storage_key", flat=True)
        )
        for name in set(names) - known:
            # One that is being replaced may go in this very moment.
            with suppress(FileNotFoundError):
                if store.get_modified_time(f"{folder}/{name}") < before:
                    yield f"{folder}/{name}"


def listed(store: Storage, folder: str) -> tuple[Iterable[str], list[str]]:
    try:
        folders, names = store.listdir(folder)
    except FileNotFoundError:
        return [], []
    return folders, list(names)


def delete_orphan(name: str) -> bool:
    objects().delete(name)
    return True


def healthy() -> bool:
    """Whether files can be written, read and deleted now: a probe of `/ready?deep`."""
    return takes_files(objects())


class EncryptedStorage(Storage):
    """Django's default storage: opens kept files by their storage key, and refuses to save.

    A file without an owner has no key to be sealed under.
    """

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("Kept files are read, never written again.")
        try:
            blob = Blob.objects.get(storage_key=name)
        except Blob.DoesNotExist:
            raise FileNotFoundError(name) from None
        return File(open_blob(blob), name)

    def _save(self, name: str, content: File[Any]) -> Never:
        raise TypeError("Files are kept with crypto.storage.keep(), under their owner's key.")

    def exists(self, name: str) -> bool:
        return Blob.objects.filter(storage_key=name).exists()
