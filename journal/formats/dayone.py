"""Entries of a Day One export, which are Markdown with escapes and links of its own."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from journal.formats.dates import instant_of, known_zones
from journal.formats.found import Found, Row, Sound, Unreadable
from journal.formats.markdown import tags_named, with_tags
from journal.quoting import without_code
from writeorperish.ops.records import Record, line_in, list_in, records_in, text_in

SOURCE = "dayone"

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
MOMENT = re.compile(r"!?\[[^\]\n]*\]\(dayone-moment:/*(?P<where>[^)\s]*)\)")
# What a moment is stands first in its address; a photo's has its id alone.
MOMENTS = {"audio": "[recording]", "video": "[video]", "pdfAttachment": "[file]"}
MEDIA = ("photos", "videos", "pdfAttachments")
# Where the sound lies in the archive, each file named for what the entry calls its digest. It is a name and no
# more: some exports give one that the bytes do not have.
SOUNDS = "audios"
LONGEST_SECONDS = 1_000_000


def rows(record: object, *, label: str, take: Collection[str], now: datetime) -> Iterator[Row]:
    """The entry and what was spoken for it, or why there is none: `not_entry`, `empty`.

    Tags the text does not have become its last line. A star is a pin from the day of writing. An
    entry of the years before ids is known by its date and text.
    """
    if not isinstance(record, dict):
        yield Unreadable(ordinal=0, label=label, reason="not_entry")
        return
    written = text_in(record, "text")
    spoken = records_in(record, SOUNDS)
    words = plain(written).strip("\n").rstrip() or (MOMENTS["audio"] if spoken else "")
    if not words:
        yield Unreadable(ordinal=0, label=label, reason="empty")
        return
    at = instant_of(record.get("creationDate"), now=now)
    zone = line_in(record, "timeZone")
    tags = tags_named(text_in({"tag": tag}, "tag") for tag in list_in(record, "tags"))
    starred = record.get("starred") is True or record.get("isPinned") is True
    undated = f"{line_in(record, 'creationDate')}\0{written}"
    key = line_in(record, "uuid") or sha256(undated.encode()).hexdigest()
    yield Found(
        ordinal=0,
        source=SOURCE,
        label=label,
        key=key,
        text=with_tags(words, tags),
        written_at=at,
        zone=zone if zone in known_zones() else "",
        tags=tags,
        pinned_at=(at or now) if starred else None,
        notes=tuple(_notes(record, at)),
    )
    for number, each in enumerate(spoken, 1):
        yield _sound(each, of=key, label=f"{label}, {number}")


def _sound(record: Record, *, of: str, label: str) -> Sound:
    name = (line_in(record, "md5") or line_in(record, "identifier")).lower()
    seconds = record.get("duration")
    known = isinstance(seconds, int | float | Decimal) and 0 < seconds < LONGEST_SECONDS
    return Sound(
        ordinal=0,
        source=SOURCE,
        label=label,
        key=f"{of}\0{line_in(record, 'identifier').lower() or name}",
        of=of,
        name=name,
        duration_ms=round(float(str(seconds)) * 1000) if known else 0,
    )


def plain(text: str) -> str:
    """The text as it was typed: escapes outside code undone, each moment a word in brackets."""
    shown = without_code(text)
    pieces, end = [], 0
    for match in ESCAPED.finditer(shown):
        pieces += [text[end : match.start()], match[1]]
        end = match.end()
    return MOMENT.sub(_moment, "".join([*pieces, text[end:]]))


def _moment(link: re.Match[str]) -> str:
    return MOMENTS.get(link["where"].split("/", 1)[0], "[photo]")


def _notes(record: Record, at: datetime | None) -> Iterator[str]:
    if any(list_in(record, name) for name in MEDIA):
        yield "media_left_out"
    if at is None:
        yield "no_date"
