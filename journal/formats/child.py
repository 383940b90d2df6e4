"""The program that opens strangers' zips: run as a process of its own, with limits, and killed when it dawdles.

It is handed no file. It asks its parent for stretches of it, so a sealed upload is never written
anywhere in clear: `{"read": [offset, length]}` out, that many bytes in; rows go out as lines too.
"""

import errno
import io
import json
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from journal.formats import markdown, own
from journal.formats.archive import Archive, Damaged, Member, Refusal
from journal.formats.found import Found, Unreadable, to_line

MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 600
NOTE_BYTES = 10_000_000
READ_AHEAD_BYTES = 262_144
DETECT = ""


def main() -> None:
    """Arguments: the file's size in bytes, and its source or nothing. Rows and one last line to stdout."""
    size, source = int(sys.argv[1]), sys.argv[2]
    _limit()
    rows = 0
    try:
        file = io.BufferedReader(Asked(size), READ_AHEAD_BYTES)
        for row in rows_of(file, size=size, source=source, now=datetime.now(UTC)):
            sys.stdout.buffer.write(to_line(row))
            rows += 1
        _say({"rows": rows})
    except Refusal as refusal:
        _say({"refused": refusal.code})
    except MemoryError:
        _say({"refused": "too_much_memory"})


def rows_of(
    file: BinaryIO, *, size: int, source: str, now: datetime
) -> Iterator[Found | Unreadable]:
    """Every row of the file, one at a time. Refusal for a file that is none of ours or means harm.

    source: own, markdown, or nothing to find out. Rows of an own export come parents first.
    """
    archive = Archive(file, size=size)
    members = list(archive.members())
    root = _root_of_own(archive, members) if source in {DETECT, own.SOURCE} else None
    if root is not None:
        yield from _own_rows(archive, [m for m in members if own.is_entry(m.path, root=root)], now)
    elif source in {DETECT, markdown.SOURCE}:
        yield from _markdown_rows(archive, members, now)
    else:
        raise Refusal("not_own")


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
    archive: Archive, members: list[Member], now: datetime
) -> Iterator[Found | Unreadable]:
    notes = [member for member in members if markdown.is_entry(member.path)]
    nested = [member for member in members if member.is_archive]
    if not notes:
        raise Refusal("nested" if nested else "no_markdown")
    for member in notes:
        file = _file(archive, member)
        yield markdown.parse(file, now=now) if isinstance(file, markdown.File) else file
    for member in nested:
        yield Unreadable(ordinal=member.ordinal, label=member.path, reason="nested")


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
