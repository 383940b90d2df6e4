"""The table Instapaper exports."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from download.formats.found import FAVOURITE, Bad, Found, Mark, Row
from download.formats.moments import moment
from download.formats.tables import Cells, header, table

NAME = "instapaper"
COLUMNS = {"url", "title", "selection", "folder", "timestamp"}
READING = {"unread": "unread", "archive": "archived"}
STARRED = "starred"


def sniff(head: bytes) -> bool:
    return header(head) >= COLUMNS


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every link. blocks: UTF-8."""
    for row in table(blocks):
        yield row if isinstance(row, Bad) else found(row, now)


def found(row: Cells, now: datetime) -> Found:
    folder = row.line("folder")
    own = folder.lower()
    if own == STARRED:
        folder = FAVOURITE
    selection = row["selection"].strip()
    return Found(
        ordinal=row.ordinal,
        url=row.line("url"),
        title=row.line("title"),
        tags=(*(() if own in READING or not folder else (folder,)), *tags(row["tags"])),
        saved_at=moment(row.line("timestamp"), now=now),
        reading=READING.get(own, "unread"),
        marks=(Mark(quote=selection),) if selection else (),
    )


def tags(cell: str) -> tuple[str, ...]:
    """A list in JSON, or nothing."""
    try:
        listed = json.loads(cell) if cell.strip() else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(listed, list):
        return ()
    return tuple(tag.strip() for tag in listed if isinstance(tag, str) and tag.strip())
