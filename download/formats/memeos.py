"""Our own JSON, documented in docs/memeos.md: every field of a link, so that nothing is lost on the way out and in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain

from download.formats.found import Bad, Found, Mark, Row
from download.formats.moments import moment
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
    url, title, content = line_in(given, "url"), line_in(given, "title"), text_in(given, "content")
    if not url and not title:
        return Bad(ordinal=ordinal, reason="empty")
    return Found(
        ordinal=ordinal,
        key=name_of(given),
        url=url,
        title=title,
        author=line_in(given, "author"),
        note=text_in(given, "note"),
        text=content,
        tags=tuple(tag.strip() for tag in list_in(given, "tags") if isinstance(tag, str)),
        saved_at=moment(given.get("created_at"), now=now),
        reading=one_of(given, "state", STATES),
        ai_usage=one_of(given, "ai_usage", AI_USAGES),
        marks=tuple(marks(given, now)),
        review=review(given),
        extra=record_in(given, "extra") | {k: v for k, v in given.items() if k not in KNOWN},
    )


def name_of(given: Record) -> str:
    value = given.get("id")
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def one_of(given: Record, name: str, known: tuple[str, ...]) -> str:
    word = line_in(given, name)
    return word if word in known else ""


def marks(given: Record, now: datetime) -> Iterator[Mark]:
    for mark in records_in(given, "highlights"):
        if quote := text_in(mark, "quote").strip():
            made_at = moment(mark.get("made_at"), now=now)
            yield Mark(quote=quote, note=text_in(mark, "note"), made_at=made_at)


def review(given: Record) -> Mapping[str, object] | None:
    """The state of its review; a bookmark of another program says only when it is due."""
    told = dict(record_in(given, "review"))
    for name in ("review_count", "next_review_date"):
        if given.get(name) is not None:
            told[name] = given[name]
    return told or None
