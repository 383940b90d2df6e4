"""Exports of other programs as JSON: which program's a file is, and its rows."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from journal.formats import chatgpt, claude, dayone
from journal.formats.found import Found, Row, Sound, Unreadable
from writeorperish.ops.archives import Damaged
from writeorperish.ops.decoding import Utf8
from writeorperish.ops.records import BrokenOff, records

HEAD_BYTES = 65_536
TURN_CHARS = 10_000_000


@dataclass(frozen=True, slots=True)
class Format:
    """How one program's export is built. within: where its records stand, in ijson's way of saying it."""

    within: str
    rows: Callable[..., Iterator[Row]]


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One JSON file of an export. source: a key of `FORMATS`. path: "" for a file without an archive."""

    source: str
    path: str
    blocks: Callable[[], Iterable[bytes]]


FORMATS = {
    chatgpt.SOURCE: Format("item", chatgpt.rows),
    claude.SOURCE: Format("item", claude.rows),
    dayone.SOURCE: Format("entries.item", dayone.rows),
}

CONVERSATIONS = re.compile(rb'\s*\[.*?"(?P<field>mapping|chat_messages)"\s*:', re.DOTALL)
FIELDS = {b"mapping": chatgpt.SOURCE, b"chat_messages": claude.SOURCE}
JOURNAL = re.compile(rb'\s*\{.*?"entries"\s*:\s*\[', re.DOTALL)
OF_A_JOURNAL = re.compile(rb'"(?:metadata|creationDate)"\s*:')


def is_json(head: bytes) -> bool:
    """Whether a file that begins like this can only be JSON."""
    return _read(head).lstrip()[:1] in {b"[", b"{"}


def source_of(head: bytes) -> str:
    """The program whose export begins like this, a key of `FORMATS`; "" for anything else."""
    text = _read(head)
    listed = CONVERSATIONS.match(text)
    if listed:
        return FIELDS[listed["field"]]
    return dayone.SOURCE if JOURNAL.match(text) and OF_A_JOURNAL.search(text) else ""


def may_be_one(path: str) -> bool:
    """Whether this member of an archive can be an export's JSON: at the top or one folder below."""
    *folders, name = path.lower().split("/")
    return (
        len(folders) <= 1
        and name.endswith(".json")
        and not any(part.startswith((".", "__macosx")) for part in (*folders, name))
    )


def rows_of(parts: Iterable[Part], *, take: Collection[str], now: datetime) -> Iterator[Row]:
    """Every row of these files, numbered from 0. What was given before, word for word, is not again.

    take: the optional kinds that are wanted.
    """
    given: dict[tuple[str, str, str], int] = {}
    ordinal = 0
    for part in parts:
        for row in _rows(part, take=take, now=now):
            fresh = _fresh(row, given)
            if fresh is not None:
                yield replace(fresh, ordinal=ordinal)
                ordinal += 1


def _rows(part: Part, *, take: Collection[str], now: datetime) -> Iterator[Row]:
    form = FORMATS[part.source]
    text = Utf8(part.blocks())
    name = part.path.rsplit("/", 1)[-1].removesuffix(".json")
    number = 0
    try:
        for number, record in enumerate(records(text, within=form.within), 1):
            for row in form.rows(record, label=f"{name} #{number}".lstrip(), take=take, now=now):
                yield _noted(row, text.notes) if text.notes else row
    except BrokenOff:
        yield Unreadable(ordinal=0, label=f"{name} #{number + 1}".lstrip(), reason="broken_off")
    except Damaged as damaged:
        yield Unreadable(ordinal=0, label=part.path, reason=damaged.reason)


def _noted(row: Row, notes: tuple[str, ...]) -> Row:
    return replace(row, notes=(*row.notes, *notes)) if isinstance(row, Found) else row


def _fresh(row: Row, given: dict[tuple[str, str, str], int]) -> Row | None:
    """The row; None when it came before; why not, when it is too long or its key had other words."""
    if isinstance(row, Unreadable):
        return row
    text = row.name if isinstance(row, Sound) else row.text
    if len(text) > TURN_CHARS:
        return Unreadable(ordinal=0, label=row.label, reason="too_long")
    words = hash(text)
    before = given.get((type(row).__name__, row.source, row.key))
    given.setdefault((type(row).__name__, row.source, row.key), words)
    if before is None:
        return row
    return None if before == words else Unreadable(ordinal=0, label=row.label, reason="same_id")


def _read(head: bytes) -> bytes:
    return b"".join(Utf8([head]))
