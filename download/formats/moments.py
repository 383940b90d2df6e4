"""Moments as programs write them into exports of links."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

# The web is not older, and a date before it means that a program wrote something else.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"\d{1,20}(\.\d{1,9})?")
# Seconds, milliseconds and microseconds since 1970 differ by their size alone.
MILLISECONDS_FROM = 10**11
MICROSECONDS_FROM = 10**14
X_FORM = "%a %b %d %H:%M:%S %z %Y"


def moment(value: object, *, now: datetime) -> datetime | None:
    """The moment a field names, aware and in UTC; None where it names none between 1990 and tomorrow.

    Numbers, and words of digits, count from 1970 in seconds, milliseconds or microseconds. Else ISO 8601, where
    no offset means UTC, and the form of X.
    """
    at = _read(value)
    return at if at is not None and EARLIEST <= at <= now + timedelta(days=1) else None


def _read(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float | Decimal):
            return _since_1970(float(value))
        words = str(value).strip() if isinstance(value, str) else ""
        if NUMBER.fullmatch(words):
            return _since_1970(float(words))
        return _written(words)
    except (ValueError, OverflowError, OSError):
        return None


def _since_1970(count: float) -> datetime:
    if count >= MICROSECONDS_FROM:
        count /= 1e6
    elif count >= MILLISECONDS_FROM:
        count /= 1e3
    return datetime.fromtimestamp(count, UTC)


def _written(words: str) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        return datetime.strptime(words, X_FORM).astimezone(UTC)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
