"""Stretches of days said in English: last week, in March, spring 2025, on Sunday, 2026-03-01.

A closed grammar that looks back: a month without a year is the latest that has begun. Weeks begin
on Monday; seasons are those of the northern hemisphere, by whole months.
"""

from calendar import day_name, month_name, monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import regex

# The calendar module speaks English unless somebody sets the process's locale; nobody here does.
MONTHS = [name.lower() for name in month_name][1:]
WEEKDAYS = [name.lower() for name in day_name]
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # their first months
NUMBERS = (
    *("a", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

_MONTH = "|".join(["sept", *(f"{name[:3]}(?:{name[3:]})?+" for name in MONTHS)])
_NAME = "|".join([_MONTH, *SEASONS, *WEEKDAYS])
_NUMBER = rf"\d{{1,3}}|an|{'|'.join(NUMBERS)}"
_UNIT = "day|week|month|year"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?+"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PHRASE = regex.compile(
    rf"""(?<![\w-])
    (?:(?P<relation>in|on|during|since|after|before|until|till)\s+)?+
    (?: (?P<iso>\d{{4}}-\d{{2}}(?:-\d{{2}})?+)
      | (?P<near>today|yesterday)
      | (?:the\s+)?(?P<which>last|past|this)\s+(?:(?P<several>{_NUMBER})\s+)?(?P<unit>{_UNIT})s?
      | (?P<ago>{_NUMBER})\s+(?P<unit>{_UNIT})s?\s+ago
      | {_DAY}\s+(?:of\s+)?(?P<name>{_MONTH})(?:,?\s+{_YEAR})?
      | (?P<name>{_MONTH})\s+{_DAY}(?:,?\s+{_YEAR})?
      | (?:(?P<turn>last|this)\s+)?(?P<name>{_NAME})(?:\s+{_YEAR})?
      | {_YEAR}
    )(?![\w-])""",
    regex.VERBOSE | regex.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last, both included; None is open."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of days and where in the text it was said."""

    days: Days
    start: int
    end: int


def find(text: str, today: date) -> Said | None:
    """The first stretch of days said in a text; None if there is none.

    A month, season, weekday or year alone is a word like any other: `may`, `fall`, `2024`.
    """
    for match in _PHRASE.finditer(text):
        alone = not match["relation"] and not match["turn"] and not match["day"]
        if alone and bool(match["name"]) != bool(match["year"]):
            continue
        days = _days(match, today)
        if days is not None:
            return Said(days, *match.span())
    return None


def read(text: str, today: date) -> Days | None:
    """The stretch of days that a whole text says, a bare month or year included; None if none."""
    match = _PHRASE.fullmatch(text.strip())
    return _days(match, today) if match else None


def _days(match: regex.Match[str], today: date) -> Days | None:
    try:
        first, last = _stretch({k: (v or "").lower() for k, v in match.groupdict().items()}, today)
        match (match["relation"] or "").lower():
            case "since":
                return Days(first, None)
            case "after":
                return Days(last + timedelta(days=1), None)
            case "before":
                return Days(None, first - timedelta(days=1))
            case "until" | "till":
                return Days(None, last)
            case _:
                return Days(first, last)
    except (ValueError, OverflowError):  # the 31st of April, the day after the last one of all
        return None


def _stretch(said: dict[str, str], today: date) -> tuple[date, date]:
    """First and last day. ValueError for a day that no calendar has."""
    if said["iso"]:
        year, month, *day = map(int, said["iso"].split("-"))
        return (date(year, month, *day),) * 2 if day else _months(year, month, 1)
    if said["near"]:
        day_meant = today - timedelta(days=said["near"] == "yesterday")
        return day_meant, day_meant
    if said["ago"]:
        return _around(_back(today, _number(said["ago"]), said["unit"]), said["unit"])
    if said["which"] == "past" or said["several"]:
        return _back(today, _number(said["several"] or "one"), said["unit"]), today
    if said["which"]:
        return _around(_back(today, said["which"] == "last", said["unit"]), said["unit"])
    if said["day"]:
        return _day_of_month(said, today)
    if said["name"] in WEEKDAYS:
        return _weekday(said, today)
    if said["name"]:
        return _part_of_year(said, today)
    return _around(date(int(said["year"]), 1, 1), "year")


def _number(word: str) -> int:
    if word.isdigit():
        return int(word)
    return 1 if word == "an" else max(1, NUMBERS.index(word))


def _back(day: date, number: int, unit: str) -> date:
    """The day so many units earlier; the month's last day where there is no such one."""
    if unit in ("day", "week"):
        return day - timedelta(days=number * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 - number * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    if year < 1:
        raise ValueError("Before the calendar begins")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _around(day: date, unit: str) -> tuple[date, date]:
    """The whole day, week, month or year that a day is in."""
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    if unit == "month":
        return _months(day.year, day.month, 1)
    if unit == "year":
        return _months(day.year, 1, 12)
    return day, day


def _months(year: int, month: int, length: int) -> tuple[date, date]:
    """So many whole months from the given one on."""
    first = date(year, month, 1)
    years, last_month = divmod(month - 1 + length - 1, 12)
    last_year = year + years
    return first, date(last_year, last_month + 1, monthrange(last_year, last_month + 1)[1])


def _day_of_month(said: dict[str, str], today: date) -> tuple[date, date]:
    month, number = _month(said["name"]), int(said["day"])
    if said["year"]:
        day = date(int(said["year"]), month, number)
        return day, day
    for year in range(today.year, today.year - 9, -1):  # the 29th of February may be 8 years ago
        if number <= monthrange(year, month)[1] and date(year, month, number) <= today:
            day = date(year, month, number)
            return day, day
    raise ValueError("No such day")


def _month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _weekday(said: dict[str, str], today: date) -> tuple[date, date]:
    """The latest such day; with `last`, not today."""
    if said["year"]:
        raise ValueError("A year has many of them")
    since = (today.weekday() - WEEKDAYS.index(said["name"])) % 7
    day = today - timedelta(days=since or (7 if said["turn"] == "last" else 0))
    return day, day


def _part_of_year(said: dict[str, str], today: date) -> tuple[date, date]:
    """A month or season: of that year, of this one, or the latest begun; with `last`, over."""
    season = SEASONS.get(said["name"])
    month, length = (season, 3) if season else (_month(said["name"]), 1)
    if said["year"]:
        return _months(int(said["year"]), month, length)
    year = today.year
    while (stretch := _months(year, month, length))[0] > today or (
        said["turn"] == "last" and stretch[1] >= today
    ):
        if said["turn"] == "this" and stretch[0].year == today.year and month != 12:
            break
        year -= 1
    return stretch
