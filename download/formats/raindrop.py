"""The table Raindrop.io exports."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from download.formats.found import FAVOURITE, Bad, Found, Mark, Row
from download.formats.moments import moment
from download.formats.tables import Cells, header, table

NAME = "raindrop"
SIGN = {"url", "folder", "tags", "created", "excerpt"}
KNOWN = ("id", "title", "note", "url", "folder", "tags", "created", "highlights", "favorite")
# Where it puts what nobody has put anywhere.
NO_FOLDER = "unsorted"
QUOTE, NOTE = "highlight:", "note:"


def sniff(head: bytes) -> bool:
    return header(head) >= SIGN


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every link. blocks: UTF-8."""
    for row in table(blocks):
        yield row if isinstance(row, Bad) else found(row, now)


def found(row: Cells, now: datetime) -> Found:
    folder = "/".join(filter(None, (name.strip() for name in row.line("folder").split("/"))))
    tags = [tag.strip() for tag in row.line("tags").split(",")]
    return Found(
        ordinal=row.ordinal,
        key=row.line("id"),
        url=row.line("url"),
        title=row.line("title"),
        note=row["note"].strip(),
        tags=tuple(
            filter(
                None,
                [
                    "" if folder.lower() == NO_FOLDER else folder,
                    *tags,
                    FAVOURITE if row.line("favorite").lower() == "true" else "",
                ],
            )
        ),
        saved_at=moment(row.line("created"), now=now),
        marks=tuple(marks(row["highlights"])),
        extra=row.rest(*KNOWN),
    )


def marks(cell: str) -> Iterator[Mark]:
    """One mark a line, each perhaps followed by a line with its note."""
    quote, note = "", ""
    for written in [*cell.splitlines(), QUOTE]:
        words = written.strip()
        if words.lower().startswith(NOTE) and quote:
            note = words[len(NOTE) :].strip()
        elif words:
            if quote:
                yield Mark(quote=quote, note=note)
            sign = len(QUOTE) if words.lower().startswith(QUOTE) else 0
            quote, note = words[sign:].strip(), ""
