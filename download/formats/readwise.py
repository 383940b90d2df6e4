"""The two tables of Readwise: the documents of its Reader, and the highlights of everything."""

import ast
from collections.abc import Iterable, Iterator
from datetime import datetime

from download.formats.found import FAVOURITE, Bad, Found, Mark, Row
from download.formats.moments import moment
from download.formats.tables import Cells, header, table

NAME = "readwise"
DOCUMENTS = {"title", "url", "document tags", "saved date", "location"}
HIGHLIGHTS = {"highlight"}
KNOWN = (
    *("title", "url", "id", "document tags", "saved date"),
    *("reading progress", "location", "seen"),
)
# Of one document; more would be a file made to harm.
MOST_MARKS = 10_000


def sniff(head: bytes) -> bool:
    columns = header(head)
    return columns >= DOCUMENTS or columns >= HIGHLIGHTS


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every document; for a table of highlights those they stand in, by address, else by title and author.

    blocks: UTF-8. Highlights are all read before the first document is given.
    """
    documents: dict[tuple[str, str], list[Cells]] = {}
    ordinal = 0
    for row in table(blocks):
        if isinstance(row, Bad):
            ordinal += 1
            yield Bad(ordinal=ordinal, reason=row.reason)
        elif not row["highlight"].strip():
            ordinal += 1
            yield document(row, ordinal, now)
        else:
            of = row.line("url"), f"{title_of(row)}\n{author_of(row)}"
            marks = documents.setdefault((of[0], "") if of[0] else of, [])
            if len(marks) < MOST_MARKS:
                marks.append(row)
    for marked in documents.values():
        ordinal += 1
        yield highlighted(marked, ordinal, now)


def document(row: Cells, ordinal: int, now: datetime) -> Row:
    """A row of the Reader. Bad for a row of highlights that has none."""
    if not row.line("url") and not row.line("saved date"):
        return Bad(ordinal=ordinal, reason="empty", label=title_of(row))
    return Found(
        ordinal=ordinal,
        key=row.line("id"),
        url=row.line("url"),
        title=row.line("title"),
        tags=listed(row["document tags"]),
        saved_at=moment(row.line("saved date"), now=now),
        reading=reading(row),
        extra=row.rest(*KNOWN),
    )


def reading(row: Cells) -> str:
    if row.line("location").lower() == "archive":
        return "archived"
    try:
        progress = float(row.line("reading progress") or 0)
    except ValueError:
        return "unread"
    return "done" if progress >= 1 else "reading" if progress > 0 else "unread"


def listed(cell: str) -> tuple[str, ...]:
    """Tags as Python writes a list of strings."""
    try:
        found = ast.literal_eval(cell.strip() or "[]")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if not isinstance(found, list | tuple):
        return ()
    return tuple(tag.strip() for tag in found if isinstance(tag, str) and tag.strip())


def highlighted(marked: list[Cells], ordinal: int, now: datetime) -> Found:
    first = marked[0]
    marks = [
        Mark(
            quote=row["highlight"].strip(),
            note=row["note"].strip(),
            made_at=moment(row.line("highlighted at"), now=now),
        )
        for row in marked
    ]
    made = [mark.made_at for mark in marks if mark.made_at]
    tags = [tag.strip().lstrip(".") for tag in first.line("document tags").split(",")]
    return Found(
        ordinal=ordinal,
        url=first.line("url"),
        title=title_of(first),
        author=author_of(first),
        tags=tuple(FAVOURITE if tag == "favorite" else tag for tag in tags if tag),
        saved_at=min(made, default=None),
        marks=tuple(marks),
    )


def title_of(row: Cells) -> str:
    return row.line("book title") or row.line("title")


def author_of(row: Cells) -> str:
    return row.line("book author") or row.line("author")
