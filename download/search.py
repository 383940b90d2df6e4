"""Finding one's own texts again: sight first, then words and meaning, and what both say together."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from heapq import merge
from itertools import islice
from time import monotonic
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from download import legs, lexicon
from download.legs import Place, Scope
from download.query import ALWAYS, ChipKind, Query, parse
from download.ranking import Leg, fuse
from download.resting import Ranked, Ranking, covered, rest, rested
from download.snippets import Snippet, snippet
from writeorperish.ai import gateway
from writeorperish.ai.embeddings import LOCAL, Coverage, embed_query
from writeorperish.ai.lexical import tokens
from writeorperish.crypto import blind, keys
from writeorperish.crypto.fields import open_rows
from writeorperish.events.catalog import Genre
from writeorperish.ops.refusals import Unreadable
from writeorperish.privacy.models import Guarded
from writeorperish.privacy.reading import SOURCES, own_texts, seen, visible_texts
from writeorperish.refs import Ref

PAGE = 20
SCAN_SECONDS = 0.3  # how long texts are read one by one
READ_AT_ONCE = 50
MOST_BY_DATE = 200
NEWEST_SHARED = 2_000
MOST_OWNERS = 50
SALT = "wop.search"


class Mode(StrEnum):
    BOTH = "both"
    WORDS = "words"
    MEANING = "meaning"
    EXACT = "exact"


class Whose(StrEnum):
    MINE = "mine"
    SHARED = "shared"


class CursorInvalid(Unreadable):
    code = "cursor_invalid"
    words = _("This cursor belongs to another search, or was changed. Start again without it.")


@dataclass(frozen=True, slots=True)
class Hit:
    """One text found: where, how, and the words that show it. `closed`: it could not be opened."""

    row: Guarded
    title: str
    snippet: Snippet
    at: datetime
    legs: tuple[str, ...]
    score: float
    by_ai: bool = False
    closed: bool = False

    @property
    def ref(self) -> Ref:
        return self.row.ref

    @property
    def open(self) -> str:
        """The address of the text, at its passage."""
        place = f"?at={self.snippet.start}-{self.snippet.end}" if self.snippet.pieces else ""
        return self.row.get_absolute_url() + place


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search, and what is to be said beside it.

    `next` is the cursor of the next page. `dropped` are sentences on what was left out of the search.
    `meaning` is ok, paused or off, with its reason in words. `back_to`: texts were read one by one, and
    older ones not yet; the next page goes on there.
    """

    hits: Sequence[Hit]
    next: str | None
    query: Query
    dropped: Sequence[str | Promise]
    meaning: str
    why: str
    coverage: Coverage
    back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Field:
    """Where one search looks: whose texts, and narrowed by what."""

    person: AbstractUser
    scopes: Sequence[Scope]
    query: Query
    mode: Mode
    whose: Whose

    @property
    def by_date(self) -> bool:
        """Whether texts are read one by one, newest first: nothing in the query can be looked up."""
        looked_up = lexicon.asked_for(" ".join([self.query.words, *self.query.exact]))
        return self.mode is Mode.EXACT or not looked_up

    def verbatim(self) -> "_Field":
        """The same with its words as an exact phrase."""
        exact = tuple(each for each in (self.query.words, *self.query.exact) if each)
        return replace(self, query=replace(self.query, words="", exact=exact))

    def wordless(self) -> "_Field":
        return replace(self, query=replace(self.query, words=""))

    def undated(self) -> "_Field":
        return replace(self, query=replace(self.query, days=ALWAYS))


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a page begins: so many hits into what was found among texts older than `before`."""

    offset: int = 0
    before: datetime | None = None


def search(
    person: AbstractUser,
    typed: str,
    *,
    mode: Mode = Mode.BOTH,
    whose: Whose = Whose.MINE,
    zone: tzinfo,
    cursor: str = "",
) -> Found:
    """A page of 20 hits, best first. Reading what was typed never fails, and none of it is kept.

    Own texts, or with SHARED the newest 2,000 of others that the person may see. Days are those of
    `zone`. A following page neither repeats nor skips for ten minutes. CursorInvalid for a cursor of
    another search.
    """
    search_id = _id_of(person, typed, mode, whose)
    place = _read_cursor(cursor, search_id)
    query = parse(typed, timezone.localdate(timezone=zone))
    scopes, partly = _scopes(person, whose, zone)
    ranking = _ranking(_Field(person, scopes, query, mode, whose), place, search_id)
    end = place.offset + PAGE
    following = None
    if len(ranking.items) > end:
        following = _Cursor(end, place.before)
    elif ranking.back_to:
        following = _Cursor(0, ranking.back_to)
    capable = gateway.capable("embed")
    return Found(
        hits=_hits(person, query, ranking.items[place.offset : end], whose),
        next=_write_cursor(following, search_id) if following else None,
        query=query,
        dropped=list(_dropped(query, undated=ranking.undated, partly=partly)),
        meaning="ok" if capable.on else "paused" if capable.why == "paused" else "off",
        why=capable.words,
        coverage=covered(person),
        back_to=ranking.back_to,
    )


def places(person: AbstractUser, typed: str, *, mode: Mode, zone: tzinfo) -> list[Place]:
    """The passages found among one's own texts, best first, as `search` would show them."""
    scopes, _partly = _scopes(person, Whose.MINE, zone)
    query = parse(typed, timezone.localdate(timezone=zone))
    field = _Field(person, scopes, query, mode, Whose.MINE)
    ranking = _find(field, None)
    if not ranking.items and query.guessed:
        ranking = _find(field.undated(), None)
    return [item.place for item in ranking.items]


def _ranking(field: _Field, place: _Cursor, search_id: bytes) -> Ranking:
    """Everything found; for a further page what the first one found, while it rests."""
    if field.query.is_empty:
        return Ranking([])
    before = place.before.isoformat() if place.before else ""
    rest_id = blind.digest(keys.person(field.person.pk), search_id, before.encode())
    ranking = rested(field.person, rest_id) if place.offset else None
    if ranking is not None:
        return ranking
    ranking = _find(field, place.before)
    if not ranking.items and not place.before and field.query.guessed:
        ranking = replace(_find(field.undated(), None), undated=True)
    if len(ranking.items) > PAGE:
        rest(field.person, rest_id, ranking)
    return ranking


def _find(field: _Field, before: datetime | None) -> Ranking:
    if not field.by_date:
        return _by_rank(field)
    ranking = _by_date(field.verbatim(), before)
    if ranking.items or ranking.back_to or field.mode is Mode.EXACT or field.query.exact:
        return ranking
    # "What did I do on 3 March?" says nothing to look for but the day.
    return _by_date(field.wordless(), before) if field.query.chips else ranking


def _scopes(person: AbstractUser, whose: Whose, zone: tzinfo) -> tuple[list[Scope], bool]:
    """Whose texts are searched, and whether some that could be are not."""
    if whose is Whose.MINE:
        return [Scope(person, person.pk, zone)], False
    found: list[tuple[UUID, UUID]] = []
    for _source, rows in visible_texts(person):
        others = rows.exclude(owner=person.pk).order_by("-pk").values_list("pk", "owner_id")
        found += others[: NEWEST_SHARED + 1]
    found.sort(reverse=True)
    by_owner: dict[UUID, set[UUID]] = defaultdict(set)
    for id, owner_id in found[:NEWEST_SHARED]:
        by_owner[owner_id].add(id)
    scopes = [Scope(person, owner, zone, frozenset(ids)) for owner, ids in by_owner.items()]
    return scopes[:MOST_OWNERS], len(found) > NEWEST_SHARED or len(scopes) > MOST_OWNERS


def _by_rank(field: _Field) -> Ranking:
    query = field.query
    vector = None
    if field.mode is not Mode.WORDS and query.words:
        vector = embed_query(query.words, by=field.person)
    words: list[Place] = []
    meaning: list[Place] = []
    for scope in field.scopes:
        both = legs.ranked(scope, query, words=field.mode is not Mode.MEANING, vector=vector)
        words += both[0]
        meaning += both[1]
    # Of several owners, each leg is one list again.
    by_name = {
        "words": sorted(words, key=lambda place: -place.score),
        "meaning": sorted(meaning, key=lambda place: -place.score),
    }
    places = {place.ref: place for place in [*by_name["meaning"], *by_name["words"]]}
    fused = fuse(
        [
            Leg([place.ref for place in by_name["words"]]),
            Leg([place.ref for place in by_name["meaning"]], LOCAL.weight),
        ],
        at=lambda ref: places[ref].at,
    )
    found_by: dict[Ref, tuple[str, ...]] = defaultdict(tuple)
    for name, leg in by_name.items():
        for place in leg:
            found_by[place.ref] += (name,)
    ranked = [Ranked(places[ref], found_by[ref], score) for ref, score in fused]
    return Ranking(_verified(field, ranked))


def _by_date(field: _Field, before: datetime | None) -> Ranking:
    """The newest 200 texts that hold the exact phrases, as far as time suffices."""
    leg = ("words",) if field.query.exact else ()
    streams = [legs.newest(scope, field.query, before) for scope in field.scopes]
    deadline = monotonic() + SCAN_SECONDS
    found: list[Ranked] = []
    last: Place | None = None
    for batch in _batched(merge(*streams, key=_latest_first), READ_AT_ONCE):
        enough = len(found) >= MOST_BY_DATE or monotonic() > deadline
        # Texts of one instant are not parted: the next page begins at an earlier one.
        if enough and last is not None and batch[0].at != last.at:
            return Ranking(found, back_to=last.at)
        found += _verified(field, [Ranked(place, leg) for place in batch])
        last = batch[-1]
    return Ranking(found)


def _batched(places: Iterator[Place], size: int) -> Iterator[list[Place]]:
    while batch := list(islice(places, size)):
        yield batch


def _latest_first(place: Place) -> float:
    return -place.at.timestamp()


def _verified(field: _Field, items: Sequence[Ranked]) -> list[Ranked]:
    """Those whose text holds every exact phrase, and none that is unwanted and cannot be looked up."""
    query = field.query
    unwanted = [phrase for phrase in query.without if not lexicon.required(phrase)]
    if not query.exact and not unwanted:
        return list(items)
    rows = rows_of_texts(field.person, [item.place.ref for item in items], whose=field.whose)
    closed = open_rows(rows.values())

    def holds(item: Ranked) -> bool:
        row = rows.get(item.place.ref)
        if row is None or row.pk in closed:
            return False
        known = SOURCES[item.place.ref.kind]
        texts = (known.text(row), known.title(row))
        return all(_stands(phrase, texts) for phrase in query.exact) and not any(
            _stands(phrase, texts) for phrase in unwanted
        )

    return [item for item in items if holds(item)]


def _stands(phrase: str, texts: Iterable[str]) -> bool:
    return any(lexicon.occurrences(text, phrase) for text in texts)


def rows_of_texts(
    person: AbstractUser, refs: Iterable[Ref], *, whose: Whose = Whose.SHARED
) -> dict[Ref, Guarded]:
    """The texts that the person may see now, or with MINE their own, by ref. One query for each kind."""
    by_kind: dict[str, list[UUID]] = defaultdict(list)
    for ref in refs:
        by_kind[ref.kind].append(ref.id)
    rows: dict[Ref, Guarded] = {}
    texts = own_texts(person) if whose is Whose.MINE else visible_texts(person)
    for known, visible in texts:
        ids = by_kind.get(known.model._meta.label_lower)
        if ids:
            rows.update({row.ref: row for row in visible.filter(pk__in=ids)})
    return rows


def _hits(person: AbstractUser, query: Query, items: Sequence[Ranked], whose: Whose) -> list[Hit]:
    rows = rows_of_texts(person, [item.place.ref for item in items], whose=whose)
    if whose is Whose.SHARED:
        seen(person, rows.values())
    closed = open_rows(rows.values())
    wanted = {word.text for word in tokens(query.words)}
    shown = [(item, rows[item.place.ref]) for item in items if item.place.ref in rows]
    return [_hit(item, row, query, wanted, closed=row.pk in closed) for item, row in shown]


def _hit(item: Ranked, row: Guarded, query: Query, wanted: Collection[str], *, closed: bool) -> Hit:
    place, known = item.place, SOURCES[item.place.ref.kind]
    hit = Hit(row, "", Snippet((), 0, 0), place.at, item.legs, item.score, closed=closed)
    if closed:
        return hit
    # An exact phrase may stand in any passage, and the passages of a text that was edited since it was
    # indexed are not known.
    stands = item.score and not query.exact and getattr(row, "rev", 0) == place.rev
    within = (place.start, place.end) if stands else None
    phrases = [*query.exact, *([] if item.score else [query.words])]
    return replace(
        hit,
        title=known.title(row),
        snippet=snippet(known.text(row), wanted, phrases=phrases, within=within),
        by_ai=known.genre(row) == Genre.ANSWER,
    )


def _dropped(query: Query, *, undated: bool, partly: bool) -> Iterator[str | Promise]:
    if query.cut:
        yield _("Only the first 512 characters were searched for.")
    if query.dropped:
        yield ngettext_lazy(
            "%(count)d further word was left out.",
            "%(count)d further words were left out.",
            query.dropped,
        ) % {"count": query.dropped}
    if undated:
        said = next(chip.text for chip in query.chips if chip.kind is ChipKind.DAYS)
        yield _("Nothing from “%(days)s”; showing all times.") % {"days": said}
    if partly:
        yield _("Only the newest texts shared with you were searched.")


def _id_of(person: AbstractUser, typed: str, mode: Mode, whose: Whose) -> bytes:
    """What makes this search this one; says nothing without the person's key."""
    words = typed.encode(errors="replace")
    return blind.digest(keys.person(person.pk), b"search", words, mode.encode(), whose.encode())


def _read_cursor(cursor: str, search_id: bytes) -> _Cursor:
    if not cursor:
        return _Cursor()
    try:
        said = signing.loads(cursor, salt=SALT)
    except signing.BadSignature as forged:
        raise CursorInvalid from forged
    if said["of"] != search_id.hex():
        raise CursorInvalid
    return _Cursor(said["offset"], said["before"] and datetime.fromisoformat(said["before"]))


def _write_cursor(place: _Cursor, search_id: bytes) -> str:
    before = place.before and place.before.isoformat()
    said = {"of": search_id.hex(), "offset": place.offset, "before": before}
    return signing.dumps(said, salt=SALT)
