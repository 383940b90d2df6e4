"""What a file of somebody's saved links holds, row by row, when it comes and when it goes.

No Django here: what a row means is decided by the import, and what an export writes by the export.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

FAVOURITE = "favourite"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Mark:
    """Words somebody highlighted in a page. review: as that of the link."""

    quote: str
    note: str = ""
    made_at: datetime | None = None
    review: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Found:
    """One link, or one text without an address, to be kept.

    ordinal: from 1, in the order of the file. url: as it stands there, perhaps no address at all.
    key: what the other program calls it. saved_at: aware, None when the file does not say. reading and
    ai_usage: words of ours, "" when the file does not say. review: as our own export writes it.
    extra: fields without a place here, kept so that an export loses nothing.
    """

    ordinal: int
    url: str = ""
    title: str = ""
    author: str = ""
    note: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    saved_at: datetime | None = None
    reading: str = ""
    ai_usage: str = ""
    key: str = ""
    marks: tuple[Mark, ...] = ()
    review: Mapping[str, object] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Found({self.ordinal})"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Bad:
    """One row that cannot be read; `reason` is a code of `reasons.FAILED`. label: for the report."""

    ordinal: int
    reason: str
    label: str = ""

    def __repr__(self) -> str:
        return f"Bad({self.ordinal} {self.reason})"


Row = Found | Bad
