"""What Pocket gave its people when it closed: a page of links, or tables in an archive."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain

from download.formats.found import Bad, Found, Row
from download.formats.markup import heard, line
from download.formats.moments import moment
from download.formats.tables import header, table
from writeorperish.ops.decoding import cleaned

NAME = "pocket"
COLUMNS = {"title", "url", "time_added", "tags", "status"}
READING = {"unread": "unread", "archive": "archived"}
ARCHIVE = "read archive"


def sniff(head: bytes) -> bool:
    return is_page(head) or header(head) >= COLUMNS


def is_page(head: bytes) -> bool:
    lowered = head.lower()
    return b"pocket export" in lowered or (b"<li><a " in lowered and b"time_added=" in lowered)


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every link. blocks: UTF-8."""
    blocks = iter(blocks)
    first = next(blocks, b"")
    whole = chain([first], blocks)
    return heard(whole, Listener(now)) if is_page(first) else table_rows(whole, now=now)


def table_rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    for row in table(blocks):
        if isinstance(row, Bad):
            yield row
            continue
        url, title = row.line("url"), row.line("title")
        yield Found(
            ordinal=row.ordinal,
            url=url,
            # Where it knew no title, Pocket wrote the address.
            title="" if title == url else title,
            tags=tuple(filter(None, (tag.strip() for tag in row["tags"].split("|")))),
            saved_at=moment(row["time_added"], now=now),
            reading=READING.get(row.line("status").lower(), ""),
        )


class Listener:
    """Links below a heading that says whether they were read."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._ready: list[Row] = []
        self._ordinal = 0
        self._reading = "unread"
        self._words: list[str] = []
        self._link: Mapping[str, str] = {}

    def taken(self) -> list[Row]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in {"a", "h1"}:
            self._words, self._link = [], dict(attributes)

    def end(self, tag: str) -> None:
        words = line(self._words)
        if tag == "h1":
            self._reading = "archived" if words.lower() == ARCHIVE else "unread"
        elif tag == "a":
            self._ordinal += 1
            self._ready.append(self._row(words))

    def data(self, words: str) -> None:
        self._words.append(words)

    def close(self) -> None:
        """The parser asks for it; everything was said before."""

    def _row(self, title: str) -> Row:
        url = cleaned(self._link.get("href", "")).strip()
        if not url:
            return Bad(ordinal=self._ordinal, reason="no_address", label=title)
        tags = cleaned(self._link.get("tags", "")).split(",")
        return Found(
            ordinal=self._ordinal,
            url=url,
            title="" if title == url else title,
            tags=tuple(filter(None, (tag.strip() for tag in tags))),
            saved_at=moment(self._link.get("time_added"), now=self._now),
            reading=self._reading,
        )
