"""What a person typed into the search field, read. Reading never fails."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import regex

from download.dates import Days, find, read
from download.lexicon import site, tag
from writeorperish.privacy.levels import PrivacyLevel

LONGEST = 512
MOST_TERMS = 32

KINDS = frozenset({"journal", "library", "highlights", "studio"})
STATES = frozenset({"unread", "reading", "done", "archived"})
AUTHORS = frozenset({"me", "ai"})
AUDIENCES = frozenset(PrivacyLevel.values)
ALWAYS = Days(None, None)

_GONE = regex.compile(r"[\x00\p{Cs}]+")
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f", '"'))
_CONTROL = regex.compile(r"\p{Cc}")
_ITEM = regex.compile(
    r"(?<!\S)(?P<minus>-(?=[\"\p{L}\p{N}#@]))?"
    r"(?:(?P<key>tag|site|in|from|to|on|is|by|audience):(?=[^\s:]))?"
    r"(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s\"]+))"
    r"|\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s\"]+)",
    regex.IGNORECASE,
)


class ChipKind(StrEnum):
    """What a part of a query does, beside being looked for."""

    EXACT = "exact"
    WITHOUT = "without"
    TAG = "tag"
    SITE = "site"
    IN = "in"
    FROM = "from"
    TO = "to"
    ON = "on"
    IS = "is"
    BY = "by"
    AUDIENCE = "audience"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the query as it was typed, and the query without it."""

    kind: ChipKind
    text: str
    rest: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search in its parts.

    `words` are looked for, best first; `exact` must stand word for word, `without` must not occur;
    the others narrow. `guessed` says that the days were said in words, and may be dropped when they
    hide everything. `cut` and `dropped` say what was over the limits: characters, terms.
    """

    text: str
    words: str
    exact: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    by: str = ""
    audiences: frozenset[str] = frozenset()
    days: Days = ALWAYS
    guessed: bool = False
    chips: tuple[Chip, ...] = ()
    cut: bool = False
    dropped: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.chips)


@dataclass(frozen=True, slots=True)
class _Item:
    """A part of the text; without a kind it is a word."""

    kind: ChipKind | None
    value: str
    start: int
    end: int
    days: Days = ALWAYS


def narrowed(typed: str, filters: Iterable[tuple[str, str]], today: date) -> str:
    """What somebody would type to have this narrowed by these keys and values. ValueError for one that says nothing."""
    said = []
    for key, value in filters:
        bare = " ".join(value.replace('"', " ").split())
        if not bare or _read(key, bare, today) is None:
            raise ValueError(key)
        said.append(f'{key}:"{bare}"')
    return " ".join([*said, typed])


def parse(typed: str, today: date) -> Query:
    """The query in its parts; `today` is the person's. Unknown or malformed parts are words.

    NUL and lone surrogates are removed; at most 512 characters and 32 parts are read.
    """
    clean = " ".join(_CONTROL.sub(" ", _GONE.sub("", typed)).split()).translate(_QUOTES)
    text = clean[:LONGEST].rstrip()
    items = _with_days(text, list(_items(text, today)), today)
    kept = items[:MOST_TERMS]
    return Query(
        text=text,
        words=" ".join(item.value for item in kept if item.kind is None),
        exact=_values(kept, ChipKind.EXACT),
        without=_values(kept, ChipKind.WITHOUT),
        tags=_values(kept, ChipKind.TAG),
        sites=_values(kept, ChipKind.SITE),
        kinds=frozenset(_values(kept, ChipKind.IN)),
        states=frozenset(_values(kept, ChipKind.IS)),
        by="".join(_values(kept, ChipKind.BY)[-1:]),
        audiences=frozenset(_values(kept, ChipKind.AUDIENCE)),
        days=_days(kept),
        guessed=any(item.kind is ChipKind.DAYS for item in kept),
        chips=tuple(
            Chip(item.kind, text[item.start : item.end], _rest(text, item))
            for item in kept
            if item.kind is not None
        ),
        cut=len(clean) > LONGEST,
        dropped=len(items) - len(kept),
    )


def _items(text: str, today: date) -> Iterator[_Item]:
    for match in _ITEM.finditer(text):
        key = (match["key"] or "").lower()
        value = " ".join((match["bare"] if match["quoted"] is None else match["quoted"]).split())
        found = _read(key, value, today) if key else None
        if found is not None and not match["minus"]:
            yield _Item(ChipKind(key), found[0], *match.span(), found[1])
        elif key or not value:
            yield _Item(None, match[0].replace('"', " ").strip(), *match.span())
        elif match["minus"]:
            yield _Item(ChipKind.WITHOUT, value, *match.span())
        elif match["quoted"] is not None:
            yield _Item(ChipKind.EXACT, value, *match.span())
        else:
            yield _Item(None, value, *match.span())


def _read(key: str, value: str, today: date) -> tuple[str, Days] | None:
    """The value a filter takes; None if it takes no such value."""
    lower = value.lower()
    closed = {
        ChipKind.IN: KINDS,
        ChipKind.IS: STATES,
        ChipKind.BY: AUTHORS,
        ChipKind.AUDIENCE: AUDIENCES,
    }
    match ChipKind(key):
        case ChipKind.IN | ChipKind.IS | ChipKind.BY | ChipKind.AUDIENCE as kind:
            return (lower, ALWAYS) if lower in closed[kind] else None
        case ChipKind.FROM | ChipKind.TO | ChipKind.ON:
            days = read(lower, today)
            return (value, days) if days and days.first and days.last else None
        case ChipKind.TAG:
            return (value, ALWAYS) if tag(value).word else None
        case _:
            host = value.rpartition("://")[2].partition("/")[0]
            return (host, ALWAYS) if site(host).word else None


def _with_days(text: str, items: list[_Item], today: date) -> list[_Item]:
    """The items with the words that say a date as one; those stay words beside a date filter."""
    if any(item.kind in (ChipKind.FROM, ChipKind.TO, ChipKind.ON) for item in items):
        return items
    words = list(text)
    for item in items:
        if item.kind is not None:
            words[item.start : item.end] = "\x00" * (item.end - item.start)
    said = find("".join(words), today)
    if said is None:
        return items
    phrase = text[said.start : said.end]
    together = _Item(ChipKind.DAYS, phrase, said.start, said.end, said.days)
    others = [item for item in items if item.end <= said.start or item.start >= said.end]
    return sorted([*others, together], key=lambda item: item.start)


def _values(items: Sequence[_Item], kind: ChipKind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.value for item in items if item.kind is kind))


def _days(items: Sequence[_Item]) -> Days:
    """The days of all date filters together; of two that say the same, the later typed holds."""
    first = last = None
    for item in items:
        if item.kind in (ChipKind.FROM, ChipKind.ON, ChipKind.DAYS):
            first = item.days.first
        if item.kind in (ChipKind.TO, ChipKind.ON, ChipKind.DAYS):
            last = item.days.last
    return Days(first, last)


def _rest(text: str, item: _Item) -> str:
    return " ".join((text[: item.start] + " " + text[item.end :]).split())
