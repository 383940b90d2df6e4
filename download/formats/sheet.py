"""Our own table: one link a line, for programs that know tables and nothing of links."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from download.formats.found import Bad, Found, Row
from download.formats.moments import moment
from download.formats.netscape import COMMA, STATES
from download.formats.tables import Cells, header, lines, table

NAME = "csv"
COLUMNS = ("id", "url", "title", "author", "tags", "note", "state", "created_at")
SIGN = {"url", "title", "tags", "state", "created_at"}


def sniff(head: bytes) -> bool:
    return header(head) >= SIGN


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every link. blocks: UTF-8."""
    for row in table(blocks):
        yield row if isinstance(row, Bad) else found(row, now)


def found(row: Cells, now: datetime) -> Found:
    state = row.line("state").lower()
    return Found(
        ordinal=row.ordinal,
        key=row.line("id"),
        url=row.line("url"),
        title=row.line("title"),
        author=row.line("author"),
        note=row["note"].strip(),
        tags=tuple(filter(None, (tag.strip() for tag in row["tags"].split(",")))),
        saved_at=moment(row.line("created_at"), now=now),
        reading=state if state in STATES else "",
        extra=row.rest(*COLUMNS),
    )


def written(links: Iterable[Found]) -> Iterator[bytes]:
    """The table, link by link; those with neither address nor title are left out. A BOM tells programs that it is UTF-8."""
    yield "\ufeff".encode()
    for line in lines(cells(links)):
        yield line.encode()


def cells(links: Iterable[Found]) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    for link in links:
        if link.url or link.title:
            yield (
                link.key,
                link.url,
                " ".join(link.title.split()),
                link.author,
                ", ".join(tag.replace(*COMMA) for tag in link.tags),
                link.note,
                link.reading,
                link.saved_at.astimezone(UTC).isoformat() if link.saved_at else "",
            )
