"""Other libraries of bookmarks: one protocol, spoken to a file or over HTTP. Nothing they say is believed unchecked.

No interface of MemeOS is public; the one spoken here is documented in docs/memeos.md.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import quote, urlencode

from django.utils import timezone

from download.fetching import retry_after
from download.formats import memeos
from download.formats.found import Bad, Found, Row
from writeorperish.ops import egress
from writeorperish.ops.decoding import Utf8, cleaned
from writeorperish.ops.egress import AddressRefused, AnswerTooLarge, Limits, Rules, Unreachable
from writeorperish.ops.records import list_in

PAGE_ROWS: Final = 200
MOST_ROWS_A_PAGE: Final = 1_000
MOST_PAGES: Final = 1_000
MOST_SECONDS: Final = 600.0
MOST_CURSOR_CHARS: Final = 2_000
# Changes told twice change nothing; those between two clocks that disagree a little would be lost.
OVERLAP: Final = timedelta(minutes=5)
LIMITS: Final = Limits(total_seconds=20, body_bytes=10 * 1024 * 1024)
FILE_BLOCK_BYTES: Final = 65_536


class Trouble(Exception):
    """The other side cannot be read now. `code` is one of `REASONS` of the feeds; no words of its answer.

    `refused`: it does not want us, so asking again changes nothing. `retry_after_seconds`: as it asked, else 0.
    """

    def __init__(self, code: str, *, refused: bool = False, retry_after_seconds: int = 0) -> None:
        self.code = code
        self.refused = refused
        self.retry_after_seconds = retry_after_seconds
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Health:
    """It answers. can_write: it takes back when something was reviewed."""

    can_write: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A bookmark that was deleted there; `id` is its name there."""

    id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything before is told; `value`, given back, goes on from here. done: there is nothing more now."""

    value: str = field(repr=False)
    done: bool = False


Told = Row | Gone | Cursor


@dataclass(frozen=True, slots=True)
class Where:
    """Which bookmarks: with a tag, due on a day or before, in a state of review (new, active, suspended)."""

    tag: str = field(default="", repr=False)
    due_by: date | None = None
    review: str = ""

    def admits(self, link: Found) -> bool:
        told = link.review or {}
        if self.tag and self.tag.casefold() not in {tag.casefold() for tag in link.tags}:
            return False
        due = str(told.get("next_review_date") or "")
        if self.due_by and not (due and due[:10] <= self.due_by.isoformat()):
            return False
        return not self.review or self.review == state_of(told)


ALL: Final = Where()


def state_of(told: Mapping[str, object]) -> str:
    """The state of review of what a bookmark tells."""
    if told.get("done_with_at"):
        return "suspended"
    return "active" if told.get("review_count") else "new"


class Library(Protocol):
    """A library somewhere else. Every method raises Trouble where it cannot be read."""

    def check(self) -> Health: ...

    def changes(self, since: str | None, where: Where = ALL) -> Iterator[Told]:
        """What is new or gone there since a cursor; without one everything. Ends with a Cursor."""

    def search(self, words: str, where: Where = ALL) -> list[Found]:
        """At most 200 bookmarks with these words."""

    def reviewed(self, id: str, at: datetime, next_review: date) -> None:
        """Tells it when one was reviewed and is to be seen again. Only where Health.can_write, and the person said so."""


class FileLibrary:
    """Our JSON in a file, which is read from its beginning each time."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def check(self) -> Health:
        self.file.seek(0)
        if not memeos.sniff(b"".join(Utf8([self.file.read(FILE_BLOCK_BYTES)]))):
            raise Trouble("bad_answer")
        return Health()

    def changes(self, since: str | None, where: Where = ALL) -> Iterator[Told]:
        """Every row each time: a file does not say what changed in it."""
        self.check()
        for row in self.rows():
            if isinstance(row, Bad) or where.admits(row):
                yield row
            if row.ordinal % PAGE_ROWS == 0:
                yield Cursor(since or "")
        yield Cursor("", done=True)

    def search(self, words: str, where: Where = ALL) -> list[Found]:
        wanted = words.casefold().split()
        found: list[Found] = []
        for row in self.rows():
            if len(found) == PAGE_ROWS:
                break
            if isinstance(row, Found) and where.admits(row):
                said = f"{row.title} {row.note} {row.text} {' '.join(row.tags)}".casefold()
                found += [row] if all(word in said for word in wanted) else []
        return found

    def reviewed(self, id: str, at: datetime, next_review: date) -> None:
        raise Trouble("read_only", refused=True)

    def rows(self) -> Iterator[Row]:
        self.file.seek(0)
        blocks = iter(lambda: self.file.read(FILE_BLOCK_BYTES), b"")
        return memeos.rows(Utf8(blocks), now=timezone.now())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading over HTTP stands: changes since a moment, the page after a cursor, and when it began."""

    since: str = ""
    cursor: str = ""
    began: str = ""

    @classmethod
    def of(cls, value: str | None) -> "Place":
        """The place a cursor names; the beginning for one that names none."""
        try:
            given = json.loads(value or "{}")
            place = cls(
                **{name: str(given[name]) for name in ("since", "cursor", "began") if name in given}
            )
        except (ValueError, TypeError):
            return cls()
        return place

    def told(self) -> str:
        return json.dumps(asdict(self))


class HttpLibrary:
    """A library over HTTP, at an address its person gave: egress's rules for strangers, no redirects, bounded answers."""

    def __init__(self, base: str, token: str = "", *, rules: Rules = egress.PUBLIC) -> None:
        self.base = base.rstrip("/")
        self.token = token
        self.rules = rules

    def check(self) -> Health:
        told, _answer = self.asked("GET", "/api/bookmarks", query={"limit": "1"})
        rows_in(told)
        return Health(can_write=told.get("can_write") is True)

    def changes(self, since: str | None, where: Where = ALL) -> Iterator[Told]:
        """The changes page by page, at most 1,000 pages or ten minutes; what is left is for the next time.

        Trouble `endless` when a cursor comes twice.
        """
        place = Place.of(since)
        until = time.monotonic() + MOST_SECONDS
        cursors = {place.cursor}
        for _page in range(MOST_PAGES):
            told, answer = self.asked("GET", "/api/bookmarks", query=query_of(place, where))
            began = place.began or moment_of(answer.headers.get("date", ""))
            yield from self.told(told, where)
            cursor = cursor_in(told)
            if not cursor:
                yield Cursor(Place(since=began).told(), done=True)
                return
            if cursor in cursors:
                raise Trouble("endless")
            cursors.add(cursor)
            place = Place(place.since, cursor, began)
            yield Cursor(place.told())
            if time.monotonic() > until:
                return

    def told(self, told: Mapping[str, Any], where: Where) -> Iterator[Told]:
        now = timezone.now()
        for ordinal, record in enumerate(rows_in(told), start=1):
            row = memeos.found(record, ordinal, now)
            if isinstance(record, dict) and (
                record.get("gone") is True or record.get("deleted") is True
            ):
                if name := memeos.name_of(record):
                    yield Gone(name)
            elif isinstance(row, Bad) or where.admits(row):
                yield row
        for gone in list_in(dict(told), "gone")[:MOST_ROWS_A_PAGE]:
            if named := memeos.name_of({"id": gone}):
                yield Gone(named)

    def search(self, words: str, where: Where = ALL) -> list[Found]:
        wish: dict[str, object] = {"query": words, "limit": PAGE_ROWS, **wishes(where)}
        told, _answer = self.asked("POST", "/api/search", content=wish)
        rows = [
            memeos.found(each, n, timezone.now()) for n, each in enumerate(rows_in(told), start=1)
        ]
        found = [row for row in rows if isinstance(row, Found) and where.admits(row)]
        return found[:PAGE_ROWS]

    def reviewed(self, id: str, at: datetime, next_review: date) -> None:
        said = {"at": memeos.instant(at), "next_review_date": next_review.isoformat()}
        self.asked("POST", f"/api/bookmarks/{quote(id, safe='')}/reviews", content=said)

    def asked(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, object] | None = None,
    ) -> tuple[dict[str, Any], egress.Answer]:
        """What it answers, as an object, a bare list being its items. Trouble for anything that is no good answer."""
        url = f"{self.base}{path}{'?' if query else ''}{urlencode(query or {})}"
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = None
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content).encode()
        with named(), egress.client(self.rules, LIMITS) as line:
            answer = egress.ask(line, method, url, headers=headers, content=body, private=True)
        judged(answer)
        return parsed(answer.body), answer


@contextmanager
def named() -> Iterator[None]:
    """What kept an answer from coming, as a code."""
    try:
        yield
    except AddressRefused:
        raise Trouble("refused_address", refused=True) from None
    except AnswerTooLarge:
        raise Trouble("too_large") from None
    except Unreachable as refusal:
        raise Trouble("too_slow" if refusal.code == "too_slow" else "unreachable") from None


def judged(answer: egress.Answer) -> None:
    """Nothing for a good answer. A redirect is none: the token is for this address."""
    if 200 <= answer.status < 300:
        return
    if answer.status in {401, 403}:
        raise Trouble("needs_login", refused=True)
    if answer.status == 429 or answer.status >= 500:
        wait = retry_after(answer.headers.get("retry-after", ""))
        code = "busy" if answer.status == 429 else "broken"
        raise Trouble(code, retry_after_seconds=wait)
    raise Trouble("bad_answer")


def parsed(body: bytes) -> dict[str, Any]:
    """The object in an answer. Trouble for what is no JSON, is nested without end, or is no object."""
    if not body.strip():
        return {}
    try:
        told = json.loads(body, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Trouble("bad_answer") from None
    if isinstance(told, list):
        return {"items": told}
    if not isinstance(told, dict):
        raise Trouble("bad_answer")
    return told


def no_number(_name: str) -> None:
    raise ValueError("JSON has no such number")


def rows_in(told: Mapping[str, Any]) -> list[Any]:
    """The bookmarks of a page. Trouble where there is no list of them, or one far longer than was asked for."""
    rows = told.get("items", told.get("bookmarks"))
    if not isinstance(rows, list):
        raise Trouble("bad_answer")
    if len(rows) > MOST_ROWS_A_PAGE:
        raise Trouble("too_large")
    return rows


def cursor_in(told: Mapping[str, Any]) -> str:
    """The cursor of the next page; "" where there is none. Trouble for one that is no text, or too long."""
    cursor = told.get("cursor", told.get("next"))
    if cursor is None or cursor == "":
        return ""
    if not isinstance(cursor, str) or len(cursor) > MOST_CURSOR_CHARS:
        raise Trouble("bad_answer")
    return cleaned(cursor)


def query_of(place: Place, where: Where) -> dict[str, str]:
    given = {"updated_since": place.since, "cursor": place.cursor, "limit": str(PAGE_ROWS)}
    return {name: value for name, value in (given | wishes(where)).items() if value}


def wishes(where: Where) -> dict[str, str]:
    """A wish as the other side may read it; whether it did is looked at here."""
    due = where.due_by.isoformat() if where.due_by else ""
    given = {"tag": where.tag, "due_before": due, "review": where.review}
    return {name: value for name, value in given.items() if value}


def moment_of(header: str) -> str:
    """The moment by their clock, or without one by ours, a little earlier."""
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        at = timezone.now()
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware.astimezone(UTC) - OVERLAP).isoformat(timespec="seconds").replace("+00:00", "Z")


def pages(told: Iterable[Told]) -> Iterator[tuple[list[Row | Gone], Cursor | None]]:
    """What is told up to each cursor, with it; last what came after the last one, with None, if anything did."""
    gathered: list[Row | Gone] = []
    for each in told:
        if isinstance(each, Cursor):
            yield gathered, each
            gathered = []
        else:
            gathered.append(each)
    if gathered:
        yield gathered, None
