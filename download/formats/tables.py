"""Tables of comma-separated values, row by row, whatever their columns are called."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping

from download.formats.found import Bad
from writeorperish.ops.decoding import cleaned

CELL_CHARS = 5_000_000
csv.field_size_limit(CELL_CHARS)

# A spreadsheet runs what begins with one of these, so exports write an apostrophe before it.
LINE = re.compile(r"\S[^\r\n]*")
RUNS = re.compile(r"'*[=+\-@\t\r]")


class Cells:
    """One row: its cells by the names of their columns, in lower case. A missing one is empty."""

    def __init__(self, ordinal: int, cells: Mapping[str, str]) -> None:
        self.ordinal = ordinal
        self._cells = cells

    def __getitem__(self, name: str) -> str:
        """The text of a cell as it was before a spreadsheet was to be kept from running it."""
        value = cleaned(self._cells.get(name, ""))
        return value[1:] if value[:1] == "'" and RUNS.match(value) else value

    def line(self, name: str) -> str:
        return " ".join(self[name].split())

    def rest(self, *known: str) -> dict[str, str]:
        """What the row says beside the known columns."""
        names = [name for name in self._cells if name and name not in known]
        return {name: self[name] for name in names if self[name]}


def header(head: bytes) -> frozenset[str]:
    """The names of the columns, in lower case, read from the beginning of a file."""
    line = LINE.search(head.decode("utf-8", errors="replace"))
    return frozenset(_names(next(csv.reader([line[0]]), []))) if line else frozenset()


def table(blocks: Iterable[bytes]) -> Iterator[Cells | Bad]:
    """Every row below the header. blocks: UTF-8. Short rows have empty cells; what stands beyond the header is lost.

    Bad where a cell has more than 5 million characters.
    """
    lines = csv.reader(io.TextIOWrapper(io.BufferedReader(Blocks(blocks)), "utf-8"))
    names = _names(next(lines, []))
    ordinal = 0
    while True:
        try:
            values = next(lines)
        except StopIteration:
            return
        except csv.Error:
            ordinal += 1
            yield Bad(ordinal=ordinal, reason="too_long")
            continue
        if any(value.strip() for value in values):
            ordinal += 1
            yield Cells(ordinal, dict(zip(names, values, strict=False)))


def _names(cells: list[str]) -> list[str]:
    return [" ".join(cleaned(cell).lower().split()) for cell in cells]


class Blocks(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # whatever is written to
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def guarded(cell: str) -> str:
    """A cell that no program for tables takes for a formula: what begins like one has an apostrophe before it.

    So has what begins like one that has it already, so that a reader who takes one away has what was there.
    """
    return f"'{cell}" if RUNS.match(cell) else cell


class Line:
    """What a writer of tables wants for a file: gives back what it is given."""

    def write(self, text: str) -> str:
        return text


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The rows as lines of a table, each cell guarded."""
    writer = csv.writer(Line())
    for row in rows:
        line: str = writer.writerow([guarded(str(cell)) for cell in row])
        yield line
