"""One entry of our own export as a Markdown file, and back again, exactly."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from journal.formats.dates import known_zones
from journal.formats.found import AI, PERSON, Found
from journal.formats.frontmatter import Fields, split, written
from journal.formats.markdown import File
from writeorperish.ops.decoding import NotText, decoded

SOURCE = "own"
FORMAT = "write-or-perish"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
ENTRIES = "entries/"
NAMES_FORMAT = re.compile(rb'"format"\s*:\s*"' + FORMAT.encode() + rb'"')

NAME_WORDS = 6
NAME_BYTES = 80
ANSWERS_NAMED = 200
MODEL_CHARS = 80

MARKUP = re.compile(r"\{quote:[^}]*\}|!?\[\[|\]\]|\]\([^)]*\)|https?://\S+")
NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """Somebody else answered; their words stay with them."""

    handle: str
    at: datetime


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Entry:
    """One entry as the export holds it. Instants are aware. deleted_at: only its place is left."""

    id: UUID
    thread: UUID
    parent: UUID | None
    title: str
    text: str
    written_at: datetime
    zone: str
    privacy_level: str
    ai_usage: str
    author: str = PERSON
    model: str = ""
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    pinned_at: datetime | None = None
    deleted_at: datetime | None = None
    part_of: UUID | None = None
    part_index: int = 0
    answers: tuple[Answer, ...] = ()
    # Paths within the export of what was spoken for it.
    sounds: tuple[str, ...] = ()

    def local(self) -> datetime:
        """When it was written, on the clock of its zone."""
        zone = ZoneInfo(self.zone) if self.zone in known_zones() else UTC
        return self.written_at.astimezone(zone)


def file_of(entry: Entry) -> str:
    """The entry as a file: front matter, an empty line, the text, a newline. `parse` undoes it."""
    shown = bare(entry) if entry.deleted_at else entry
    return f"{written(_fields(shown))}\n{shown.text}\n"


def bare(entry: Entry) -> Entry:
    """The place of the entry, without a word of it."""
    return replace(entry, title="", text="", tags=(), sounds=())


def path_of(entry: Entry) -> str:
    """`entries/2024/05/2024-05-01-0930-<up to 6 plain words>-<end of the id>.md`, by the entry's own clock.

    The id's last twelve characters are random, so two entries of one minute differ.
    """
    at = entry.local()
    stem = "-".join([f"{at:%Y-%m-%d-%H%M}", *_plain_words(entry), entry.id.hex[-12:]])
    return f"{ENTRIES}{at:%Y/%m}/{stem}.md"


def is_entry(path: str, *, root: str) -> bool:
    """Whether this member is an entry of the export that stands in the folder `root`."""
    return path.startswith(f"{root}{ENTRIES}") and path.endswith(".md")


def parse(file: File) -> Found | None:
    """The entry in this file. None when it is none of ours, was changed beyond that, or is a bare place.

    Files are edited by hand and forged: an unknown zone, an impossible instant, AI words without a
    model's name come back as not given.
    """
    try:
        text, notes = decoded(file.data)
    except NotText:
        return None
    parted = split(text)
    fields = parted.fields
    id = _id(fields, "id")
    at = _instant(fields, "date")
    if id is None or at is None or "deleted" in fields:
        return None
    parent = _id(fields, "parent")
    model = _word(fields, "model")[:MODEL_CHARS] if _word(fields, "author") == AI else ""
    zone = _word(fields, "zone")
    return Found(
        ordinal=file.ordinal,
        source=SOURCE,
        label=file.path,
        key=str(id),
        parent_key=str(parent or ""),
        text=parted.body.removeprefix("\n").removesuffix("\n"),
        author=AI if model else PERSON,
        model=model,
        title=_word(fields, "title"),
        written_at=at,
        zone=zone if zone in known_zones() else "",
        tags=_list(fields, "tags"),
        id=id,
        thread=_id(fields, "thread"),
        privacy_level=_word(fields, "privacy_level"),
        ai_usage=_word(fields, "ai_usage"),
        pinned_at=_instant(fields, "pinned"),
        created_at=_instant(fields, "created"),
        updated_at=_instant(fields, "updated"),
        part_of=_id(fields, "part_of"),
        part_index=_number(fields, "part_index"),
        notes=notes,
    )


def is_place(data: bytes) -> bool:
    """Whether this file only keeps the place of a deleted entry."""
    try:
        fields = split(decoded(data)[0]).fields
    except NotText:
        return False
    return "deleted" in fields and _id(fields, "id") is not None


def _fields(entry: Entry) -> dict[str, str | int | datetime | list[str]]:
    given: dict[str, str | int | datetime | list[str] | None] = {
        "title": entry.title,
        "date": entry.local(),
        "zone": entry.zone,
        "tags": list(entry.tags),
        "id": str(entry.id),
        "thread": str(entry.thread),
        "parent": str(entry.parent or ""),
        "author": entry.author,
        "model": entry.model,
        "privacy_level": entry.privacy_level,
        "ai_usage": entry.ai_usage,
        "created": entry.created_at,
        "updated": entry.updated_at,
        "pinned": entry.pinned_at,
        "deleted": entry.deleted_at,
        "part_of": str(entry.part_of or ""),
        "part_index": entry.part_index,
        "audio": list(entry.sounds),
        "answered": [f"{each.at:%Y-%m-%d %H:%M} {each.handle}" for each in entry.answers][
            :ANSWERS_NAMED
        ],
    }
    return {name: value for name, value in given.items() if value}


def _plain_words(entry: Entry) -> list[str]:
    """Up to six words of the title or the first line that has any, fit for any disk."""
    if entry.deleted_at:
        return []
    for line in [entry.title, *entry.text[:2_000].split("\n")]:
        plain = unicodedata.normalize("NFC", MARKUP.sub(" ", line)).lower()
        words = [word for word in NOT_WORDS.split(plain) if word]
        if words:
            return _fitting(words[:NAME_WORDS])
    return []


def _fitting(words: list[str]) -> list[str]:
    kept: list[str] = []
    room = NAME_BYTES
    for word in words:
        short = word.encode()[:room].decode(errors="ignore")
        if short:
            kept.append(short)
        room -= len(word.encode()) + 1
        if room <= 0:
            break
    return kept


def _word(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def _list(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    return tuple(value) if isinstance(value, list) else ()


def _id(fields: Fields, name: str) -> UUID | None:
    try:
        return UUID(_word(fields, name))
    except ValueError:
        return None


def _instant(fields: Fields, name: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(_word(fields, name))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _number(fields: Fields, name: str) -> int:
    word = _word(fields, name)
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 4 else 0
