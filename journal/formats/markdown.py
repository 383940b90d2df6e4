"""Markdown and Obsidian vaults: one .md file is one entry."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from journal.formats.dates import date_in_name, date_written, known_zones
from journal.formats.found import Found, Unreadable
from journal.formats.frontmatter import Fields, split
from journal.quoting import TAG_CHARS, TAGS, tag_key, tags_in
from writeorperish.ops.decoding import NotText, decoded

SOURCE = "markdown"
SUFFIXES = (".md", ".markdown")
SKIPPED_FOLDERS = frozenset({"__macosx", "templates", "_templates", "template"})

TITLE_CHARS = 200
HEADING = re.compile(r"#[ \t]+(?P<title>\S.*?)(?:[ \t]+#+)?[ \t]*(?:\n|\Z)")
NULLS = frozenset({"~", "null"})
NO_NAME = re.compile(r"(?:untitled|note|entry|journal|diary|readme|index)?[ \d]*", re.IGNORECASE)
NOTION_ID = re.compile(r"[ _-][0-9a-f]{32}$")

DATES = ("created", "date", "created_at", "date created")
ZONES = ("zone", "timezone", "time zone", "tz")
TAG_FIELDS = ("tags", "tag")
TAKEN_OVER = frozenset({"title", *DATES, *ZONES, *TAG_FIELDS})


@dataclass(frozen=True, slots=True, repr=False)
class File:
    """One member of an archive. modified: as the archive says, naive, or None."""

    ordinal: int
    path: str
    data: bytes
    modified: datetime | None


def is_entry(path: str) -> bool:
    """Whether this member is a note: Markdown by its ending, not hidden, not a template."""
    *folders, name = path.lower().split("/")
    return (
        name.endswith(SUFFIXES)
        and not any(part.startswith(".") for part in (*folders, name) if part not in {".", ".."})
        and not SKIPPED_FOLDERS.intersection(folders)
    )


def parse(file: File, *, now: datetime) -> Found | Unreadable:
    """The entry in this file, or the reason why there is none: `not_text`, `empty`.

    Title: front matter, else a first heading of level 1 (which then leaves the text), else the
    file's name without its date. Date: front matter, else the name, else the archive's time. Tags of
    the front matter that the text does not have become its last line: entries are tagged in words.
    """
    try:
        text, notes = decoded(file.data)
    except NotText:
        return Unreadable(ordinal=file.ordinal, label=file.path, reason="not_text")
    if not text.strip():
        return Unreadable(ordinal=file.ordinal, label=file.path, reason="empty")
    fields, body, note = _fields_and_body(text)
    title, words = _title_and_words(fields, body)
    named = date_in_name(file.path, now=now)
    if not title:
        title = _title_in_name(
            named[1] if named else file.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        )
    if not words:
        title, words = "", title if fields.get("title") else ""
    if not words:
        return Unreadable(ordinal=file.ordinal, label=file.path, reason="empty")
    tags = _tags(fields)
    return Found(
        ordinal=file.ordinal,
        source=SOURCE,
        label=file.path,
        key=sha256(f"{file.path}\0{text}".encode()).hexdigest(),
        text=with_tags(words, tags),
        title=title,
        written_at=_date(fields, now) or (named[0] if named else None) or file.modified,
        zone=_zone(fields),
        tags=tags,
        notes=(*notes, *([note] if note else [])),
        left_out=tuple(name for name in fields if name not in TAKEN_OVER),
    )


def _fields_and_body(text: str) -> tuple[Fields, str, str]:
    parted = split(text)
    if TAKEN_OVER.intersection(parted.fields):
        return parted.fields, parted.body, parted.note
    # Two rules with prose between them look just like fields; nothing in them is for us.
    return {}, text, parted.note


def _title_and_words(fields: Fields, body: str) -> tuple[str, str]:
    words = body.strip("\n").rstrip()
    heading = HEADING.match(words)
    behind = words[heading.end() :].strip("\n") if heading else ""
    given = " ".join(_one(fields, ("title",)).split())
    if len(given) > TITLE_CHARS:
        return "", f"# {given}\n\n{words}".rstrip()
    if not heading or not behind.strip() or len(heading["title"]) > TITLE_CHARS:
        return given, words
    if given and given != heading["title"]:
        return given, words
    return heading["title"], behind


def with_tags(words: str, tags: Iterable[str]) -> str:
    """The words, and as their last line those of the tags they do not have."""
    here = {tag_key(tag) for tag in tags_in(words)}
    missing = [f"#{tag}" for tag in tags if tag_key(tag) not in here]
    return f"{words}\n\n{' '.join(missing)}" if missing else words


def _title_in_name(name: str) -> str:
    """The words of a file's name, which in Obsidian are the note's title; a number is none."""
    words = " ".join(NOTION_ID.sub("", name).strip(" -_.,").split())
    return "" if NO_NAME.fullmatch(words) else words[:TITLE_CHARS]


def _one(fields: Fields, names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name, "")
        if isinstance(value, str) and value.strip() and value.strip().lower() not in NULLS:
            return value.strip()
    return ""


def _date(fields: Fields, now: datetime) -> datetime | None:
    for name in DATES:
        at = date_written(_one(fields, (name,)), now=now)
        if at is not None:
            return at
    return None


def _zone(fields: Fields) -> str:
    name = _one(fields, ZONES)
    return name if name in known_zones() else ""


def _tags(fields: Fields) -> tuple[str, ...]:
    names: list[str] = []
    for field in TAG_FIELDS:
        value = fields.get(field, "")
        names += value if isinstance(value, list) else re.split(r"[,\s]+", value)
    return tags_named(names)


def tags_named(names: Iterable[str]) -> tuple[str, ...]:
    """These names as they could stand in a text; a space inside one becomes a hyphen. At most 30."""
    found: dict[str, str] = {}
    for name in names:
        hyphened = "-".join(name.strip().removeprefix("#").split())
        if len(hyphened) <= TAG_CHARS and tags_in(f"#{hyphened}") == [hyphened]:
            found.setdefault(tag_key(hyphened), hyphened)
    return tuple(found.values())[:TAGS]
