"""Our own JSON, documented in docs/memeos.md: every field of a link, so that nothing is lost on the way out and in."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain

from download.formats.found import Bad, Found, Mark, Row
from download.formats.moments import moment
from writeorperish.ops.decoding import cleaned
from writeorperish.ops.records import (
    BrokenOff,
    Record,
    line_in,
    list_in,
    record_in,
    records,
    records_in,
    text_in,
)

NAME = "memeos"
STATES = ("unread", "reading", "done", "archived")
AI_USAGES = ("none", "chat", "train")
KNOWN = {"id", "title", "url", "author", "content", "tags", "created_at", "note", "state"}
KNOWN |= {"ai_usage", "highlights", "review", "review_count", "next_review_date", "extra"}
HEAD = b'{"format": "memeos", "version": 1, "items": [\n'
TAIL = b"\n]}\n"
BETWEEN = ",\n"
REVIEW = ("review_count", "next_review_date")
SIGN = re.compile(rb'"format"\s*:\s*"memeos"')
OF_A_BOOKMARK = (b'"title"', b'"url"', b'"review_count"', b'"next_review_date"', b'"content"')


def sniff(head: bytes) -> bool:
    """Our export, or a bare list of bookmarks in its words."""
    bare = head.lstrip()[:1] == b"[" and sum(name in head for name in OF_A_BOOKMARK) > 1
    return bool(SIGN.search(head)) or bare


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every link. blocks: UTF-8."""
    blocks = iter(blocks)
    first = next(blocks, b"")
    within = "item" if first.lstrip()[:1] == b"[" else "items.item"
    ordinal = 0
    try:
        for record in records(chain([first], blocks), within=within):
            ordinal += 1
            yield found(record, ordinal, now)
    except BrokenOff:
        yield Bad(ordinal=ordinal + 1, reason="broken_off")


def found(given: object, ordinal: int, now: datetime) -> Row:
    if not isinstance(given, dict):
        return Bad(ordinal=ordinal, reason="not_a_link")
    url, content = line_in(given, "url"), text_in(given, "content")
    title = text_in(given, "title").strip()
    if not (url or title or content.strip()):
        return Bad(ordinal=ordinal, reason="empty")
    unknown = {name: value for name, value in given.items() if name not in KNOWN}
    return Found(
        ordinal=ordinal,
        key=name_of(given),
        url=url,
        title=title,
        author=line_in(given, "author"),
        note=text_in(given, "note"),
        text=content,
        tags=tuple(cleaned(tag).strip() for tag in list_in(given, "tags") if isinstance(tag, str)),
        saved_at=moment(given.get("created_at"), now=now),
        reading=one_of(given, "state", STATES),
        ai_usage=one_of(given, "ai_usage", AI_USAGES),
        marks=tuple(marks(given, now)),
        review=review(given),
        extra=fields(record_in(given, "extra")) | fields(unknown),
    )


def name_of(given: Record) -> str:
    value = given.get("id")
    named = isinstance(value, str | int) and not isinstance(value, bool)
    return cleaned(str(value)).strip() if named else ""


def one_of(given: Record, name: str, known: tuple[str, ...]) -> str:
    word = line_in(given, name)
    return word if word in known else ""


def marks(given: Record, now: datetime) -> Iterator[Mark]:
    for mark in records_in(given, "highlights"):
        if quote := text_in(mark, "quote").strip():
            made_at = moment(mark.get("made_at"), now=now)
            yield Mark(
                quote=quote, note=text_in(mark, "note"), made_at=made_at, review=review(mark)
            )


def review(given: Record) -> Mapping[str, object] | None:
    """The state of its review; a bookmark of another program says only when it is due. None for one never seen."""
    told = fields(record_in(given, "review"))
    for name in REVIEW:
        if given.get(name):
            told[name] = plain(given[name])
    return told or None


def fields(given: Record) -> dict[str, object]:
    return {cleaned(name): plain(value) for name, value in given.items()}


def plain(value: object) -> object:
    """The value as JSON and our columns can hold it: cleaned texts, and numbers of this machine."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, Decimal | float):
        return number if math.isfinite(number := float(value)) else str(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    return fields(value) if isinstance(value, dict) else value


def written(links: Iterable[Found]) -> Iterator[bytes]:
    """The file, link by link, with all they hold: read again, they are these. The same links are the same bytes."""
    yield HEAD
    for number, link in enumerate(links):
        record = json.dumps(record_of(link), ensure_ascii=False)
        yield f"{BETWEEN if number else ''}{record}".encode()
    yield TAIL


def record_of(link: Found) -> dict[str, object]:
    """First the fields every reader of bookmarks expects, then ours; of the latter none that says nothing."""
    told = dict(link.review or {})
    record: dict[str, object] = {
        "id": link.key,
        "title": link.title,
        "url": link.url or None,
        "content": link.text,
        "tags": list(link.tags),
        "created_at": instant(link.saved_at),
        "review_count": told.pop("review_count", 0),
        "next_review_date": told.pop("next_review_date", None),
        "note": link.note,
        "state": link.reading,
        "ai_usage": link.ai_usage,
    }
    more: dict[str, object] = {
        "author": link.author,
        "highlights": [mark_of(mark) for mark in link.marks],
        "review": told,
        "extra": dict(sorted(link.extra.items())),
    }
    return record | {name: value for name, value in more.items() if value}


def mark_of(mark: Mark) -> dict[str, object]:
    told = dict(mark.review or {})
    record: dict[str, object] = {
        "quote": mark.quote,
        "note": mark.note,
        "made_at": instant(mark.made_at),
    }
    seen = {name: told.pop(name) for name in REVIEW if name in told}
    return record | seen | ({"review": told} if told else {})


def instant(at: datetime | None) -> str | None:
    """In UTC, to the microsecond where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
