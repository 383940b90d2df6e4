"""What a file of somebody's past holds, row by row. No Django here: the parsing child uses it too."""

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from typing import TypeVar
from uuid import UUID

PERSON = "person"
AI = "ai"

# What a file can be an export of; markdown is a zip of notes, own one of ours.
SOURCES = ("own", "markdown", "chatgpt", "claude", "dayone")

# Rows that are taken only when the person asks for their kind.
BRANCH = "branch"
ATTACHMENT = "attachment"

T = TypeVar("T")
Plain = str | int | None | list[str]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Found:
    """One text to become an entry.

    label: where it stands in the file, for the report. key: what it is known by when the same file
    comes again; in words of its source, to be sealed into `source_key`. written_at is naive when the
    file names no zone. privacy_level and ai_usage are what the file says, "" when it says nothing.
    notes: codes of `reasons.NOTES`. left_out: names of front matter fields that were not taken over.
    optional: "", BRANCH for a turn beside the branch last seen, ATTACHMENT for a file's text.
    """

    ordinal: int
    source: str
    label: str
    key: str
    text: str
    kind: str = "entry"
    parent_key: str = ""
    author: str = PERSON
    model: str = ""
    title: str = ""
    written_at: datetime | None = None
    zone: str = ""
    tags: tuple[str, ...] = ()
    id: UUID | None = None
    thread: UUID | None = None
    privacy_level: str = ""
    ai_usage: str = ""
    pinned_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    part_of: UUID | None = None
    part_index: int = 0
    optional: str = ""
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Found({self.source} {self.ordinal})"

    def moment(self, zone: tzinfo, *, now: datetime) -> datetime:
        """When it was written, aware, in UTC, never after `now`; `now` where the file does not say.

        A naive time is taken in `zone`; one that a change of clocks skipped moves forward.
        """
        at = self.written_at
        if at is None:
            return now
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
        return min(at.astimezone(UTC), now)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Sound:
    """A file of sound that belongs to a text of the same export, which stands before it.

    of: the key of that text. name: the file's name without its ending. place: which member of the
    archive it is, to be asked for in `opening.sounds_in`; -1 while that is not known. duration_ms: as
    the file says, 0 when it says nothing.
    """

    ordinal: int
    source: str
    label: str
    key: str
    of: str
    name: str
    place: int = -1
    duration_ms: int = 0

    def __repr__(self) -> str:
        return f"Sound({self.source} {self.ordinal})"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Unreadable:
    """One row that cannot become an entry; `reason` is a code of `reasons.UNREADABLE`."""

    ordinal: int
    label: str
    reason: str

    def __repr__(self) -> str:
        return f"Unreadable({self.ordinal} {self.reason})"


INSTANTS = frozenset({"written_at", "pinned_at", "created_at", "updated_at"})
IDS = frozenset({"id", "thread", "part_of"})
LISTS = frozenset({"tags", "notes", "left_out"})
NUMBERS = frozenset({"ordinal", "part_index", "place", "duration_ms"})

Row = Found | Sound | Unreadable
KINDS: dict[str, type[Row]] = {"found": Found, "sound": Sound, "unreadable": Unreadable}


def to_line(row: Row) -> bytes:
    """The row as one line of JSON."""
    kind = type(row).__name__.lower()
    values = {each.name: _plain(getattr(row, each.name)) for each in fields(row)}
    return json.dumps({kind: values}, ensure_ascii=False).encode() + b"\n"


def from_values(kind: str, values: dict[str, object]) -> Row:
    """The row again. ValueError for anything `to_line` does not write: the child is not trusted."""
    row = KINDS.get(kind)
    if row is None or set(values) != {each.name for each in fields(row)}:
        raise ValueError("Not a row")
    return row(**{name: _typed(name, value) for name, value in values.items()})  # type: ignore[arg-type]  # checked one by one


def _plain(value: object) -> Plain:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, int) or value is None else str(value)


def _typed(name: str, value: object) -> object:
    if name in NUMBERS:
        return _checked(value, int)
    if name in LISTS:
        return tuple(_checked(each, str) for each in _checked(value, list))
    if name in INSTANTS:
        return None if value is None else datetime.fromisoformat(_checked(value, str))
    if name in IDS:
        return None if value is None else UUID(_checked(value, str))
    return _checked(value, str)


def _checked(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ValueError("Not a row")  # noqa: TRY004  # one refusal for every malformed line
    return value
