"""What somebody liked or bookmarked on X: the archive's scripts, or the JSON of an exporter."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from download.formats.found import Bad, Found, Row
from download.formats.moments import moment
from writeorperish.ops.records import (
    BrokenOff,
    Record,
    line_in,
    record_in,
    records,
    text_in,
)

NAME = "x"
SIGN = re.compile(rb"\s*window\.YTD\.like\.part\d+\s*=")
IDS = (b'"tweet_id"', b'"tweetId"', b'"full_text"', b'"fullText"', b'"screen_name"')
TITLE_CHARS = 80
KNOWN = {"id", "tweet_id", "tweetId", "url", "expandedUrl", "text", "full_text", "fullText"}
KNOWN |= {"author", "screen_name", "created_at", "createdAt"}


def sniff(head: bytes) -> bool:
    return bool(SIGN.match(head)) or (head.lstrip()[:1] == b"[" and any(i in head for i in IDS))


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every post. blocks: UTF-8, the JSON after the first `=` where it is a script."""
    ordinal = 0
    try:
        for record in records(unassigned(blocks), within="item"):
            ordinal += 1
            yield found(record, ordinal, now)
    except BrokenOff:
        yield Bad(ordinal=ordinal + 1, reason="broken_off")


def unassigned(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON that a script assigns to a name of its own."""
    blocks = iter(blocks)
    first = next(blocks, b"")
    assigned = SIGN.match(first)
    return chain([first[assigned.end() :] if assigned else first], blocks)


def found(given: object, ordinal: int, now: datetime) -> Row:
    record = given if isinstance(given, dict) else {}
    post = record_in(record, "like") or record
    name = first_of(post, "id", "tweet_id", "tweetId")
    text = text_in(post, "full_text") or text_in(post, "fullText") or text_in(post, "text")
    author = author_of(post)
    url = line_in(post, "url") or line_in(post, "expandedUrl") or address(name, author)
    if not url and not text:
        return Bad(ordinal=ordinal, reason="empty")
    return Found(
        ordinal=ordinal,
        key=name,
        url=url,
        title=" ".join(text.split())[:TITLE_CHARS],
        author=author,
        text=text,
        saved_at=moment(post.get("created_at") or post.get("createdAt"), now=now),
        extra={key: value for key, value in post.items() if key not in KNOWN},
    )


def first_of(post: Record, *names: str) -> str:
    """The id at the first of these names that has one; programs write it as a number or as text."""
    for name in names:
        value = post.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def author_of(post: Record) -> str:
    author = record_in(post, "author") or record_in(post, "user")
    name = line_in(author, "screen_name") or line_in(author, "username")
    return (name or line_in(post, "screen_name") or line_in(post, "author")).lstrip("@")


def address(name: str, author: str) -> str:
    """Where a post of this number stands, whoever wrote it."""
    return f"https://x.com/{author or 'i'}/status/{name}" if name.isdecimal() else ""
