"""Dates as people and programs write them into notes and file names."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from zoneinfo import available_timezones

NOON = time(12)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

DAY = r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
CLOCK = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
OFFSET = r"(?P<offset>z|utc|gmt|[+-]\d{2}:?\d{2})"
WRITTEN = re.compile(
    rf"(?:\[\[)?{DAY}(?:\]\])?(?:(?:t|[ ,]+){CLOCK}[ ]*(?P<half>[ap]m)?[ ]*{OFFSET}?)?",
    re.IGNORECASE,
)
EPOCH = re.compile(r"\d{10}(?:\d{3})?")
NAMED_MONTHS = ["%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%A, %d %B %Y", "%A, %B %d, %Y"]

IN_NAME = re.compile(
    r"(?<!\d)(?P<year>\d{4})([-_. /]?)(?P<month>\d{2})\2(?P<day>\d{2})"
    r"(?:[T _.-]*(?P<hour>\d{2})[-:.h_]?(?P<minute>\d{2})(?:[-:._]?(?P<second>\d{2}))?)?(?!\d)"
)


def date_written(words: str, *, now: datetime) -> datetime | None:
    """The moment these words name, or None. Aware with an offset, else naive; a bare day is its noon.

    Years from 1900, nothing later than a day after `now`. Reads ISO 8601 and its looser cousins
    (2024/1/5 9:30 pm), English month names and Unix seconds or milliseconds.
    """
    words = words.strip()
    match = WRITTEN.fullmatch(words)
    if match:
        return _sensible(_built(match), now)
    if EPOCH.fullmatch(words):
        seconds = int(words[:10])
        return _sensible(datetime.fromtimestamp(seconds, UTC), now)
    for form in NAMED_MONTHS:
        try:
            # No zone is known here; the import asks for one.
            return _sensible(datetime.combine(datetime.strptime(words, form), NOON), now)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def instant_of(value: object, *, now: datetime) -> datetime | None:
    """The moment a field of a JSON export names, aware, or None: seconds since 1970, or a date as text.

    A date without an offset is UTC there. The same bounds as `date_written`.
    """
    if isinstance(value, str):
        at = date_written(value, now=now)
        return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        return _sensible(datetime.fromtimestamp(float(value), UTC), now)
    except (ValueError, OverflowError, OSError):
        return None


def date_in_name(path: str, *, now: datetime) -> tuple[datetime, str] | None:
    """The moment a file's path names, with the name that is left without it; None where it names none.

    Reads 2024-05-01, 20240501, 2024-05-01 1430, 202405011430, and folders such as 2024/05/01.md.
    """
    stem = path.rsplit(".", 1)[0]
    folder = len(stem) - len(stem.rsplit("/", 1)[-1])
    for match in reversed(list(IN_NAME.finditer(stem))):
        at = _sensible(_built(match), now)
        if at is not None and match.end() > folder:
            return at, stem[folder : max(folder, match.start())] + stem[match.end() :]
    return None


@cache
def known_zones() -> frozenset[str]:
    """The names of all time zones. The first call looks through a folder."""
    return frozenset(available_timezones())


def _built(match: re.Match[str]) -> datetime | None:
    part = match.groupdict()
    try:
        day = date(int(part["year"]), int(part["month"]), int(part["day"]))
        if not part["hour"]:
            return datetime.combine(day, NOON)
        hour = _hour(int(part["hour"]), (part.get("half") or "").lower())
        micros = int((part.get("fraction") or "0").ljust(6, "0")[:6])
        clock = time(hour, int(part["minute"]), int(part["second"] or 0), micros)
        return datetime.combine(day, clock, _offset(part.get("offset") or ""))
    except ValueError:
        return None


def _hour(hour: int, half: str) -> int:
    if not half:
        return hour
    return hour % 12 + (12 if half == "pm" else 0)


def _offset(words: str) -> timezone | None:
    if not words:
        return None
    if words[0] not in "+-":
        return UTC
    digits = words[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if words[0] == "-" else away)


def _sensible(at: datetime | None, now: datetime) -> datetime | None:
    """The moment, or None outside of what an entry can have. A naive one may be a day ahead somewhere."""
    if at is None or not 1900 <= at.year <= 9998:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if EARLIEST <= aware <= now + timedelta(days=1) else None
