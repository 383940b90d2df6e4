"""Zip files from strangers: counted by the bytes that really come out, names never used as paths. And a way out for ours."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO, RawIOBase
from typing import Any, BinaryIO

from writeorperish.ops.decoding import cleaned

TOTAL_BYTES = 2_000_000_000
MEMBER_BYTES = 256_000_000
MEMBERS = 50_000
RATIO = 200

# Deflate cannot do better than 1,032 to 1, and small files of one repeated letter come near it
# without harm; from here on the ratio counts.
RATIO_FROM_BYTES = 1_000_000
BLOCK_BYTES = 65_536
NAMED_UTF8 = 0x800
ENCRYPTED = 0x1
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")


class Refusal(Exception):
    """The whole file is refused. code: one of `reasons.REFUSALS`; no words of the file."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Damaged(ValueError):
    """One member cannot be read. reason: a code of `reasons.UNREADABLE`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """One file of the archive. path: for people and for keys, never for a disk. modified: naive."""

    ordinal: int
    path: str
    modified: datetime | None
    info: zipfile.ZipInfo

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.info.external_attr >> 16)

    @property
    def is_encrypted(self) -> bool:
        return bool(self.info.flag_bits & ENCRYPTED)

    @property
    def is_archive(self) -> bool:
        return self.path.lower().endswith(ARCHIVES)


class Archive:
    """An opened zip that stops at the limits. Refusal for what is no zip and for too many members."""

    def __init__(self, stream: BinaryIO, *, size: int) -> None:
        self._size = size
        self._read_bytes = 0
        self._counted: set[int] = set()
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise Refusal("not_zip") from None
        if len(self._zip.infolist()) > MEMBERS:
            raise Refusal("too_many_members")

    def members(self) -> Iterator[Member]:
        """The files, without folders, as the archive lists them."""
        for ordinal, info in enumerate(self._zip.infolist()):
            if not info.filename.endswith("/"):
                yield Member(ordinal, _path(info), _modified(info), info)

    def read(self, member: Member, *, keep: int = MEMBER_BYTES) -> bytes:
        """What the member holds. Damaged when it cannot be read or is longer than `keep`.

        Refusal when the archive is encrypted or goes beyond a limit: then it was made to harm.
        """
        kept = BytesIO()
        count = 0
        for block in self.blocks(member):
            count += len(block)
            if count <= keep:
                kept.write(block)
        if count > keep:
            raise Damaged("too_long")
        return kept.getvalue()

    def blocks(self, member: Member) -> Iterator[bytes]:
        """What the member holds, block by block, with the errors of `read` where they show."""
        if member.is_encrypted:
            raise Refusal("encrypted")
        if member.is_link:
            raise Damaged("link")
        count = 0
        for block in self._blocks(member.info):
            count += len(block)
            self._weigh(member, count)
            yield block
        if member.ordinal not in self._counted:
            self._counted.add(member.ordinal)
            self._read_bytes += count

    def begins_with(self, member: Member, *, count: int) -> bytes:
        """The first bytes of a member, empty when it cannot be read."""
        if member.is_encrypted or member.is_link:
            return b""
        try:
            return next(self._blocks(member.info), b"")[:count]
        except Damaged:
            return b""

    def _blocks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Damaged("compression")
        try:
            with self._zip.open(info) as stream:
                while block := stream.read(BLOCK_BYTES):
                    yield block
        except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError, ValueError):
            raise Damaged("damaged") from None

    def _weigh(self, member: Member, count: int) -> None:
        total = self._read_bytes + (0 if member.ordinal in self._counted else count)
        if count > MEMBER_BYTES:
            raise Refusal("member_too_large")
        if total > TOTAL_BYTES:
            raise Refusal("too_large")
        packed = min(member.info.compress_size, self._size)
        if count > RATIO_FROM_BYTES and count > RATIO * packed:
            raise Refusal("bomb")
        if total > RATIO_FROM_BYTES and total > RATIO * self._size:
            raise Refusal("bomb")


def _path(info: zipfile.ZipInfo) -> str:
    """The name with / between folders. Old tools wrote UTF-8 without saying so, read as cp437."""
    name = info.filename
    if not info.flag_bits & NAMED_UTF8:
        try:
            name = name.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            name = info.filename
    return " ".join(cleaned(name.replace("\\", "/")).split())


def _modified(info: zipfile.ZipInfo) -> datetime | None:
    try:
        # A zip holds wall-clock time and no zone.
        at = datetime(*info.date_time)  # noqa: DTZ001
    except ValueError:
        return None
    return at if at.year > 1980 else None


class Sink(RawIOBase):
    """Takes what a zip writes and gives it away again; nothing stays."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401  # a buffer has no type in 3.11
        self.written += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self.written)
        self.written.clear()
        return data
