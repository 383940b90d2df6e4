"""The program that opens strangers' files: run as a process of its own, with limits, and killed when it dawdles.

It is handed no file. It asks its parent for stretches of it, so a sealed upload is never written
anywhere in clear: `{"read": [offset, length]}` out, that many bytes in; rows go out as lines too. Asked
for sounds by their places, it says `{"bytes": …}` in base64, and after each `{"whole": place}` or
`{"broken": [place, reason]}`.
"""

import errno
import io
import json
import resource
import sys
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from journal.formats import dayone, foreign, markdown, own
from journal.formats.found import ATTACHMENT, BRANCH, Found, Row, Sound, Unreadable, to_line
from writeorperish.ops.archives import Archive, Damaged, Member, Refusal

MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 600
NOTE_BYTES = 10_000_000
SOUND_BYTES = 200 * 1024 * 1024
READ_AHEAD_BYTES = 262_144
BLOCK_BYTES = 65_536
DETECT = ""
BESIDE = "beside"


def main() -> None:
    """Arguments: the file's size in bytes, its source or nothing, and the places of sounds or nothing.

    Rows, or the sounds asked for, and one last line to stdout.
    """
    size, source, beside = int(sys.argv[1]), sys.argv[2], sys.argv[3] == BESIDE
    places = [int(each) for each in sys.argv[4].split(",") if each]
    _limit()
    # ijson's parser does not survive a number that Python refuses to read for its length.
    sys.set_int_max_str_digits(0)
    take = {BRANCH, ATTACHMENT} if beside else set()
    rows = 0
    try:
        file = io.BufferedReader(Asked(size), READ_AHEAD_BYTES)
        if places:
            give_sounds(Archive(file, size=size), places)
            _say({"rows": 0})
            return
        for row in rows_of(file, size=size, source=source, take=take, now=datetime.now(UTC)):
            sys.stdout.buffer.write(to_line(row))
            rows += 1
        _say({"rows": rows})
    except Refusal as refusal:
        _say({"refused": refusal.code})
    except MemoryError:
        _say({"refused": "too_much_memory"})


def rows_of(
    file: BinaryIO, *, size: int, source: str, take: Collection[str] = (), now: datetime
) -> Iterator[Row]:
    """Every row of the file, one at a time. Refusal for a file that is none of ours or means harm.

    source: own, markdown or one of `foreign.FORMATS`, or nothing to find out. take: the optional kinds of rows
    that are wanted. Rows come parents first.
    """
    head = file.read(foreign.HEAD_BYTES)
    if foreign.is_json(head):
        yield from _bare_rows(file, head, source, take, now)
        return
    archive = Archive(file, size=size)
    members = list(archive.members())
    root = _root_of_own(archive, members) if source in {DETECT, own.SOURCE} else None
    if root is not None:
        yield from _own_rows(archive, [m for m in members if own.is_entry(m.path, root=root)], now)
        return
    exports = {} if source in {own.SOURCE, markdown.SOURCE} else _exports(archive, members)
    kind = _kind_asked_for(source, exports, members)
    if kind in foreign.FORMATS:
        sounds = _sounds(members) if kind == dayone.SOURCE else {}
        yield from _foreign_rows(archive, exports, kind, take, now, sounds)
    elif source in {DETECT, markdown.SOURCE}:
        yield from _markdown_rows(archive, members, source, now)
    else:
        raise Refusal(f"not_{source}")


def give_sounds(archive: Archive, places: Sequence[int]) -> None:
    """The sounds at these places, block by block, and after each whether that was all of it."""
    members = {member.ordinal: member for member in archive.members()}
    for place in places:
        reason = _give(archive, members[place]) if place in members else "sound_missing"
        _say({"broken": [place, reason]} if reason else {"whole": place})


def _give(archive: Archive, member: Member) -> str:
    """Why not all of the sound was given; empty when it was."""
    count = 0
    try:
        for block in archive.blocks(member):
            count += len(block)
            if count > SOUND_BYTES:
                return "sound_too_long"
            _say({"bytes": b64encode(block).decode()})
    except Damaged as damaged:
        return damaged.reason
    return ""


def _bare_rows(
    file: BinaryIO, head: bytes, source: str, take: Collection[str], now: datetime
) -> Iterator[Row]:
    """The rows of a JSON file that came without an archive."""
    kind = foreign.source_of(head)
    if not kind and source == DETECT:
        raise Refusal("unknown_kind")
    if source not in {DETECT, kind}:
        raise Refusal("not_zip" if source == markdown.SOURCE else f"not_{source}")
    file.seek(0)
    blocks = partial(iter, lambda: file.read(BLOCK_BYTES), b"")
    part = foreign.Part(kind, "", blocks)
    yield from (_placed(row, {}) for row in _any(foreign.rows_of([part], take=take, now=now)))


def _exports(archive: Archive, members: list[Member]) -> dict[str, list[Member]]:
    """The JSON files of other programs' exports in the archive, by program."""
    found: dict[str, list[Member]] = {}
    for member in members:
        if foreign.may_be_one(member.path):
            head = archive.begins_with(member, count=foreign.HEAD_BYTES)
            found.setdefault(foreign.source_of(head), []).append(member)
    found.pop("", None)
    return found


def _kind_asked_for(source: str, exports: dict[str, list[Member]], members: list[Member]) -> str:
    """The program to read: as asked, else the first whose export this is; "" when there is none.

    Notes among the files of a journal make it a folder of notes: a vault may hold any JSON.
    """
    if source != DETECT:
        return source if source in exports else ""
    notes = any(markdown.is_entry(member.path) for member in members)
    kinds = (kind for kind in exports if kind != dayone.SOURCE or not notes)
    return next(kinds, "")


def _foreign_rows(
    archive: Archive,
    exports: dict[str, list[Member]],
    kind: str,
    take: Collection[str],
    now: datetime,
    sounds: dict[str, Member],
) -> Iterator[Row]:
    parts = [
        foreign.Part(kind, member.path, partial(archive.blocks, member)) for member in exports[kind]
    ]
    given = 0
    for row in _any(foreign.rows_of(parts, take=take, now=now)):
        given += 1
        yield _placed(row, sounds)
    others = [member for other in exports if other != kind for member in exports[other]]
    for ordinal, member in enumerate(others, given):
        yield Unreadable(ordinal=ordinal, label=member.path, reason="other_export")


def _sounds(members: list[Member]) -> dict[str, Member]:
    """The files of sound of a journal, by their name without its ending."""
    found: dict[str, Member] = {}
    for member in members:
        *folders, name = member.path.lower().split("/")
        if folders and folders[-1] == dayone.SOUNDS and not name.startswith("."):
            found.setdefault(name.rpartition(".")[0] or name, member)
    return found


def _placed(row: Row, sounds: dict[str, Member]) -> Row:
    """The row; a sound with its place in the archive, or why it can't be had."""
    if not isinstance(row, Sound):
        return row
    member = sounds.get(row.name)
    if member is None:
        return Unreadable(ordinal=row.ordinal, label=row.label, reason="sound_missing")
    if member.info.file_size > SOUND_BYTES:
        return Unreadable(ordinal=row.ordinal, label=row.label, reason="sound_too_long")
    return replace(row, place=member.ordinal)


def _any(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows. Refusal when there is none."""
    first = next(rows, None)
    if first is None:
        raise Refusal("no_entries")
    yield first
    yield from rows


def _root_of_own(archive: Archive, members: list[Member]) -> str | None:
    """The folder an own export stands in, "" at the top; None when this is none."""
    for member in members:
        folder, slash, name = member.path.rpartition("/")
        if name != own.MANIFEST or "/" in folder:
            continue
        if own.NAMES_FORMAT.search(archive.begins_with(member, count=4_096)):
            return folder + slash
    return None


def _markdown_rows(
    archive: Archive, members: list[Member], source: str, now: datetime
) -> Iterator[Found | Unreadable]:
    notes = [member for member in members if markdown.is_entry(member.path)]
    nested = [member for member in members if member.is_archive]
    if not notes:
        raise Refusal(_why_no_notes(members, source))
    for member in notes:
        file = _file(archive, member)
        yield markdown.parse(file, now=now) if isinstance(file, markdown.File) else file
    for member in nested:
        yield Unreadable(ordinal=member.ordinal, label=member.path, reason="nested")


def _why_no_notes(members: list[Member], source: str) -> str:
    if any(member.is_encrypted for member in members):
        return "encrypted"
    if any(member.is_archive for member in members):
        return "nested"
    return "no_markdown"


def _own_rows(
    archive: Archive, members: list[Member], now: datetime
) -> Iterator[Found | Unreadable]:
    if not members:
        raise Refusal("no_entries")
    seen: set[str] = set()
    # Replies to entries not yet seen. Members, not texts: they are read again when their turn comes.
    waiting: dict[str, list[Member]] = {}
    for member in members:
        row = _own_row(archive, member, now)
        if isinstance(row, Found) and row.parent_key and row.parent_key not in seen:
            waiting.setdefault(row.parent_key, []).append(member)
        elif row is not None:
            yield from _released(archive, row, seen, waiting, now)
    while waiting:
        # What is answered here is somebody else's entry, or stands in a circle: take it as it comes.
        parent = next(iter(waiting))
        for member in waiting.pop(parent):
            row = _own_row(archive, member, now)
            if row is not None:
                yield from _released(archive, row, seen, waiting, now)


def _released(
    archive: Archive,
    row: Found | Unreadable,
    seen: set[str],
    waiting: dict[str, list[Member]],
    now: datetime,
) -> Iterator[Found | Unreadable]:
    """The row, and then whatever waited for it, and for that in turn."""
    ready: list[Found | Unreadable | Member] = [row]
    while ready:
        following = ready.pop()
        if isinstance(following, Member):
            again = _own_row(archive, following, now)
            if again is None:
                continue
            following = again
        if isinstance(following, Found) and following.id is not None:
            if following.key in seen:
                following = Unreadable(
                    ordinal=following.ordinal, label=following.label, reason="same_id"
                )
            else:
                seen.add(following.key)
                ready.extend(reversed(waiting.pop(following.key, [])))
        yield following


def _own_row(archive: Archive, member: Member, now: datetime) -> Found | Unreadable | None:
    file = _file(archive, member)
    if isinstance(file, Unreadable):
        return file
    found = own.parse(file)
    if found is None:
        return None if own.is_place(file.data) else markdown.parse(file, now=now)
    if not found.text.strip():
        return Unreadable(ordinal=member.ordinal, label=member.path, reason="empty")
    return found


def _file(archive: Archive, member: Member) -> markdown.File | Unreadable:
    try:
        data = archive.read(member, keep=NOTE_BYTES)
    except Damaged as damaged:
        return Unreadable(ordinal=member.ordinal, label=member.path, reason=damaged.reason)
    return markdown.File(member.ordinal, member.path, data, member.modified)


class Asked(io.RawIOBase):
    """The file, as stretches the parent sends on request."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "Before the beginning")  # what zipfile expects of a file
        self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub says Buffer
        length = min(len(buffer), max(0, self._size - self._at))
        if length == 0:
            return 0
        _say({"read": [self._at, length]})
        data = sys.stdin.buffer.read(length)
        if len(data) != length:
            raise SystemExit(1)
        buffer[:length] = data
        self._at += length
        return length


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit() -> None:
    if sys.platform == "linux":  # elsewhere the kernel does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # The soft limit ends us with a signal that tells why, the hard one ends us.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
