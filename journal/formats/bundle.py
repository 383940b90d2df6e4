"""Everything a person has here as one zip that opens without us, written while it is being read."""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import chain
from typing import IO
from uuid import UUID

from django.utils.formats import date_format

from journal.formats import offline, own
from journal.formats.offline import DataFile, MonthPage, Render
from journal.formats.own import Entry

PAGE_BYTES = 400_000
PAGE_ENTRIES = 200

MODEL = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
SAFE_PATH = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)

Digest = bytes
JSON = str | int | float | bool | datetime | date | UUID | None | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """One file of the archive in its manifest; the digest is of the unpacked bytes."""

    bytes: int
    sha256: Digest


class Sink:
    """A member being written, and its digest."""

    def __init__(self, member: IO[bytes]) -> None:
        self._member = member
        self.digest = sha256()
        self.count = 0

    def write(self, data: bytes) -> None:
        self._member.write(data)
        self.digest.update(data)
        self.count += len(data)


class Bundle:
    """An export being written into a zip on any stream, seekable or not.

    Feed entries by `written_at`, so that months are whole pages; rows and files in any order; then
    `finish()`. Kept meanwhile: one page of at most 400 kB beside its last entry, and a path and a
    digest for each file. `render` turns an entry's Markdown into markup that is safe to show;
    without it the words are shown as written.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        *,
        title: str,
        made_at: datetime,
        render: Render | None = None,
    ) -> None:
        self._zip = archive
        self._title = title
        self._made_at = made_at
        self._render = render
        self._listed: dict[str, Listed] = {}
        self._entries = 0
        self._months: list[MonthPage] = []
        self._data: list[DataFile] = []
        self._pages: dict[UUID, str] = {}
        self._articles: list[str] = []
        self._article_bytes = 0
        self._page = ""
        self._heading = ""

    def entry(self, row: Entry) -> str:
        """Writes the entry's file and its part of a page; the path of the file."""
        path = own.path_of(row)
        if path in self._listed:
            path = path.replace(row.id.hex[-12:], row.id.hex)
        self._put(path, own.file_of(row).encode(), at=row.local())
        self._turn_to(row)
        self._pages[row.id] = self._page
        parent = self._pages.get(row.parent) if row.parent else None
        article = offline.entry(
            own.bare(row) if row.deleted_at else row,
            file=f"../{path}",
            parent=f"{parent.removeprefix('pages/')}#e-{row.parent}" if parent else "",
            render=self._render,
        )
        self._articles.append(article)
        self._article_bytes += len(article.encode())
        self._entries += 1
        return path

    def rows(self, model: str, rows: Iterable[Mapping[str, JSON]]) -> int:
        """Writes `data/<model>.jsonl`, one row a line; how many there were. No file where there are none."""
        if not MODEL.fullmatch(model):
            raise ValueError("A model is named app.model")
        coming = iter(rows)
        first = next(coming, None)
        if first is None:
            return 0
        count, names = 0, dict[str, None]()
        path = f"data/{model}.jsonl"
        with self._member(path) as sink:
            for row in chain([first], coming):
                sink.write(json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n")
                names |= dict.fromkeys(row)
                count += 1
        self._data.append(DataFile(path, count, tuple(names)))
        return count

    def file(self, path: str, blocks: Iterable[bytes]) -> int:
        """Writes a file as it is, such as `audio/<id>.webm`; its bytes. ValueError for an odd path."""
        if not SAFE_PATH.fullmatch(path):
            raise ValueError("A path of ASCII letters, digits, dots and hyphens")
        with self._member(path) as sink:
            for block in blocks:
                sink.write(block)
        return self._listed[path].bytes

    def finish(self) -> None:
        """Writes the last page, `index.html` and, last of all, `manifest.json`."""
        self._close_page()
        made = date_format(self._made_at, "DATETIME_FORMAT")
        index = offline.index(self._title, self._months, self._data, made=made)
        self._put("index.html", index.encode())
        files = list(self._listed.items())
        with self._member(own.MANIFEST) as sink:
            for part in self._manifest(files):
                sink.write(part.encode())

    def _manifest(self, files: list[tuple[str, Listed]]) -> Iterator[str]:
        """The manifest in parts: with a file for each entry it is too long to hold at once."""
        head = {
            "format": own.FORMAT,
            "version": own.FORMAT_VERSION,
            "made_at": self._made_at.isoformat(),
            "entries": self._entries,
            "rows": {each.path: each.rows for each in self._data},
        }
        yield json.dumps(head, ensure_ascii=False)[:-1] + ',\n"files": [\n'
        for i, (path, file) in enumerate(files):
            line = {"path": path, "bytes": file.bytes, "sha256": file.sha256.hex()}
            yield json.dumps(line, ensure_ascii=False) + (",\n" if i < len(files) - 1 else "\n")
        yield "]}\n"

    def _turn_to(self, row: Entry) -> None:
        """Begins another page where the month changes, or where this one is full."""
        month = f"{row.local():%Y-%m}"
        full = self._article_bytes > PAGE_BYTES or len(self._articles) >= PAGE_ENTRIES
        if self._page and not full and self._page.startswith(f"pages/{month}"):
            return
        self._close_page()
        number = sum(each.path.startswith(f"pages/{month}") for each in self._months) + 1
        self._page = f"pages/{month}.html" if number == 1 else f"pages/{month}-{number}.html"
        name = date_format(row.local(), "YEAR_MONTH_FORMAT")
        self._heading = name if number == 1 else f"{name} ({number})"

    def _close_page(self) -> None:
        if not self._articles:
            return
        page = offline.month(self._heading, self._articles, back="../index.html")
        self._put(self._page, page.encode())
        self._months.append(MonthPage(self._page, self._heading, len(self._articles)))
        self._articles = []
        self._article_bytes = 0

    def _put(self, path: str, data: bytes, *, at: datetime | None = None) -> None:
        with self._member(path, at=at) as sink:
            sink.write(data)

    @contextmanager
    def _member(self, path: str, *, at: datetime | None = None) -> Iterator[Sink]:
        if path in self._listed:
            raise ValueError("This path was written before")
        info = zipfile.ZipInfo(path, date_time=_zip_time(at or self._made_at))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(
            info, "w", force_zip64=path.startswith(("data/", "audio/", "library/"))
        ) as member:
            sink = Sink(member)
            yield sink
        self._listed[path] = Listed(sink.count, sink.digest.digest())


def _zip_time(at: datetime) -> tuple[int, int, int, int, int, int]:
    """The wall-clock time as a zip can hold it: even seconds, from 1980 to 2107."""
    year, month, day, hour, minute, second, *_ = at.timetuple()
    if year < 1980:
        return (1980, 1, 1, 0, 0, 0)
    return (min(year, 2107), month, day, hour, minute, second)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"A row holds a {type(value).__name__}")
