"""A file of links, recognised by what is in it and read row by row."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType
from typing import BinaryIO

from download.formats import (
    instapaper,
    memeos,
    netscape,
    pocket,
    raindrop,
    readwise,
    sheet,
    xarchive,
)
from download.formats.found import Bad, Row
from writeorperish.ops.archives import Archive, Damaged, Member, Refusal
from writeorperish.ops.decoding import Utf8

HEAD_BYTES = 65_536
BLOCK_BYTES = 65_536
MOST_ROWS = 200_000
ZIP = b"PK\x03\x04"
# The first whose signs are there is it; a page of Pocket looks like bookmarks, a table of highlights like many.
FORMATS: tuple[ModuleType, ...] = (
    *(pocket, netscape, xarchive, memeos),
    *(sheet, raindrop, instapaper, readwise),
)
ENDINGS = (".html", ".htm", ".csv", ".json", ".js")

Blocks = Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Opened:
    """What a file was found to be. `rows` are read once, while the file is open."""

    format: str
    rows: Iterator[Row]


def opened(file: BinaryIO, *, size: int, now: datetime) -> Opened:
    """The format of a seekable file of `size` bytes, and its rows, at most 200,000.

    Refusal, with a code of `reasons.REFUSALS`, for a file that is none of ours or means harm; while the rows
    are being read, too.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(ZIP):
        return _of_archive(Archive(file, size=size), now)
    found = recognised(_text(head))
    if found is None:
        raise Refusal("unknown_format")
    blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
    return Opened(found.NAME, _bounded(found.rows(Utf8(blocks), now=now)))


def may_be_ours(head: bytes) -> bool:
    """Whether a file that begins so can be one of ours: it has the signs of a format, or is an archive to look into."""
    return head.startswith(ZIP) or recognised(_text(head)) is not None


def recognised(head: bytes) -> ModuleType | None:
    """The format whose signs are in the first bytes of a file, in UTF-8."""
    return next((each for each in FORMATS if each.sniff(head)), None)


def _text(head: bytes) -> bytes:
    return b"".join(Utf8([head]))


def _of_archive(archive: Archive, now: datetime) -> Opened:
    """The files of the first format found in an archive, one after the other."""
    members = [m for m in archive.members() if m.path.lower().endswith(ENDINGS)]
    known = {m.path: recognised(_text(archive.begins_with(m, count=HEAD_BYTES))) for m in members}
    found = next((each for each in FORMATS if each in known.values()), None)
    if found is None:
        raise Refusal("unknown_format")
    ours = sorted((m for m in members if known[m.path] is found), key=_place)
    return Opened(found.NAME, _bounded(_all_rows(archive, ours, found, now)))


def _place(member: Member) -> tuple[int, str]:
    """`like.js` before `like-part1.js`, and part 2 before part 10."""
    return len(member.path), member.path


def _all_rows(
    archive: Archive, members: list[Member], found: ModuleType, now: datetime
) -> Iterator[Row]:
    for member in members:
        try:
            yield from found.rows(Utf8(archive.blocks(member)), now=now)
        except Damaged:
            yield Bad(ordinal=0, reason="damaged", label=member.path)


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows numbered through. Refusal beyond the most."""
    for ordinal, row in enumerate(rows, start=1):
        if ordinal > MOST_ROWS:
            raise Refusal("too_many_rows")
        yield replace(row, ordinal=ordinal)
