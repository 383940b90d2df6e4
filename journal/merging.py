"""Two edits of one text become one, paragraph by paragraph; where both changed the same words, both stay."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

BETWEEN_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")
BLANK_LINE = "\n\n"

# difflib looks at every pair of equal items once per block it finds, which is cubic for a text that
# repeats itself. Above this many looks the lines that occur once on each side divide the work first.
LOOKS = 1_000_000

Run = tuple[int, int, int]


@dataclass(frozen=True, slots=True, repr=False)
class Overlap:
    """A place both sides changed: `text[start:middle]` is theirs, `text[middle:end]` is yours."""

    start: int
    middle: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class Merged:
    """One text out of two. Not clean: each overlap holds both versions, one after the other."""

    text: str
    clean: bool
    overlaps: tuple[Overlap, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """base[start:end] became side[side_start:side_end]."""

    start: int
    end: int
    side_start: int
    side_end: int


@dataclass(frozen=True, slots=True)
class Region:
    """The stretch of the base that one change, or several that touch the same items, are about."""

    start: int
    end: int
    theirs: tuple[Change, ...]
    yours: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A text as paragraphs: gaps[i] stands after paragraphs[i], the last gap is the tail."""

    lead: str
    paragraphs: list[str]
    gaps: list[str]

    @property
    def tail(self) -> str:
        return self.gaps[-1] if self.gaps else ""


def merge(base: str, theirs: str, yours: str) -> Merged:
    """The text with both edits in it; `clean` when no words had to be kept twice.

    Paragraphs are aligned to the base by longest matching blocks; a change only one side made is
    taken, one both made alike is taken once, others are tried again line by line, then kept both.
    White space between paragraphs never makes a conflict. merge(b, b, y) is y, merge(b, t, b) is t,
    and a clean result is the same whichever side is called yours. About 5 ms for 20,000 words.
    """
    if theirs in (base, yours):
        return Merged(yours, clean=True)
    if yours == base:
        return Merged(theirs, clean=True)
    pages = _page(base), _page(theirs), _page(yours)
    return _written_out(
        _merged_paragraphs(*pages),
        lead=_changed(*(page.lead for page in pages)),
        tail=_changed(*(page.tail for page in pages)),
    )


def _page(text: str) -> Page:
    body = text.lstrip("\n")
    lead = text[: len(text) - len(body)]
    paragraphs, gaps = [], []
    words = body.rstrip(" \t\n")
    at = 0
    for gap in BETWEEN_PARAGRAPHS.finditer(words):
        paragraphs.append(words[at : gap.start()])
        gaps.append(gap.group())
        at = gap.end()
    if words:
        paragraphs.append(words[at:])
        gaps.append(body[len(words) :])
    return Page(lead, paragraphs, gaps)


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A paragraph of the result with the gap after it."""

    words: str
    gap: str


@dataclass(frozen=True, slots=True, repr=False)
class Conflict:
    """What both sides made of the same paragraphs."""

    theirs: list[Piece]
    yours: list[Piece]


def _merged_paragraphs(base: Page, theirs: Page, yours: Page) -> Iterator[Piece | Conflict]:
    their_changes = changes(base.paragraphs, theirs.paragraphs)
    your_changes = changes(base.paragraphs, yours.paragraphs)
    in_theirs = _places(len(base.paragraphs), their_changes)
    in_yours = _places(len(base.paragraphs), your_changes)
    at = 0
    end_of_text = Region(len(base.paragraphs), len(base.paragraphs), (), ())
    for region in [*_regions(their_changes, your_changes), end_of_text]:
        for i in range(at, region.start):
            gap = _changed(base.gaps[i], theirs.gaps[in_theirs[i]], yours.gaps[in_yours[i]])
            yield Piece(base.paragraphs[i], gap)
        yield from _resolved(region, base, theirs, yours)
        at = region.end


def _resolved(region: Region, base: Page, theirs: Page, yours: Page) -> Iterable[Piece | Conflict]:
    their_part = _cut(theirs, *_stretch(region, region.theirs))
    your_part = _cut(yours, *_stretch(region, region.yours))
    if not region.yours:
        return their_part
    if not region.theirs:
        return your_part
    if [piece.words for piece in their_part] == [piece.words for piece in your_part]:
        return max(their_part, your_part, key=lambda part: [piece.gap for piece in part])
    before = _cut(base, region.start, region.end)
    by_line = _merged_lines(_lines(before), _lines(their_part), _lines(your_part))
    if by_line is None:
        return [Conflict(their_part, your_part)]
    gap = _changed(before[-1].gap, their_part[-1].gap, your_part[-1].gap)
    return [Piece("\n".join(by_line), gap)]


def _cut(page: Page, start: int, end: int) -> list[Piece]:
    return [Piece(page.paragraphs[i], page.gaps[i]) for i in range(start, end)]


def _lines(part: list[Piece]) -> list[str]:
    last = len(part) - 1
    text = "".join(piece.words + (piece.gap if i < last else "") for i, piece in enumerate(part))
    return text.split("\n") if part else []


def _merged_lines(base: list[str], theirs: list[str], yours: list[str]) -> list[str] | None:
    """The lines with both edits in them, or None when both changed the same lines differently."""
    if not (base and theirs and yours):
        return None
    merged: list[str] = []
    at = 0
    for region in _regions(changes(base, theirs), changes(base, yours)):
        merged += base[at : region.start]
        their_part = theirs[slice(*_stretch(region, region.theirs))]
        your_part = yours[slice(*_stretch(region, region.yours))]
        if not region.yours:
            merged += their_part
        elif not region.theirs or their_part == your_part:
            merged += your_part
        else:
            return None
        at = region.end
    return merged + base[at:]


def _regions(theirs: list[Change], yours: list[Change]) -> list[Region]:
    """Where something changed, in order. Changes that merely touch stay apart: both can be taken.

    Two insertions at one point share a region, since nothing says which comes first.
    """
    alone = [Region(each.start, each.end, (each,), ()) for each in theirs]
    alone += [Region(each.start, each.end, (), (each,)) for each in yours]
    found: list[Region] = []
    for region in sorted(alone, key=lambda each: (each.start, each.end)):
        if found and _meet(found[-1], region):
            found[-1] = _joined(found[-1], region)
        else:
            found.append(region)
    return found


def _meet(first: Region, second: Region) -> bool:
    return second.start < first.end or second.start == second.end == first.start


def _joined(first: Region, second: Region) -> Region:
    return Region(
        first.start,
        max(first.end, second.end),
        first.theirs + second.theirs,
        first.yours + second.yours,
    )


def _stretch(region: Region, mine: tuple[Change, ...]) -> tuple[int, int]:
    """The slice of one side that stands for the whole region, unchanged items at its ends included."""
    if not mine:
        return 0, 0
    first, last = mine[0], mine[-1]
    return (
        first.side_start - (first.start - region.start),
        last.side_end + (region.end - last.end),
    )


def _places(length: int, changed: list[Change]) -> list[int]:
    """For each item of the base its index on the side; -1 where the side changed it."""
    places = [-1] * length
    base_at = side_at = 0
    for change in [*changed, Change(length, length, -1, -1)]:
        for i in range(base_at, change.start):
            places[i] = side_at + (i - base_at)
        base_at, side_at = change.end, change.side_end
    return places


def _changed(base: str, theirs: str, yours: str) -> str:
    """The white space that differs from the base; of two that do, the longer."""
    if theirs == base:
        return yours
    if yours == base:
        return theirs
    return max(theirs, yours, key=lambda gap: (len(gap), gap))


def _written_out(pieces: Iterable[Piece | Conflict], *, lead: str, tail: str) -> Merged:
    flat: list[Piece] = []
    conflicts: list[tuple[int, int, int]] = []
    for piece in pieces:
        if isinstance(piece, Conflict):
            start, middle = len(flat), len(flat) + len(piece.theirs)
            flat += [*piece.theirs, *piece.yours]
            conflicts.append((start, middle, len(flat)))
        else:
            flat.append(piece)
    parts = [piece.words + _gap_between(piece.gap) for piece in flat]
    if flat:
        parts[-1] = flat[-1].words + tail
    offsets = list(accumulate((len(part) for part in parts), initial=len(lead)))
    return Merged(
        lead + "".join(parts),
        clean=not conflicts,
        overlaps=tuple(Overlap(*(offsets[i] for i in conflict)) for conflict in conflicts),
    )


def _gap_between(gap: str) -> str:
    """The gap, or a blank line where it was the end of a text and divides nothing."""
    return gap if BETWEEN_PARAGRAPHS.fullmatch(gap) else BLANK_LINE


def changes(base: list[str], side: list[str]) -> list[Change]:
    """What turns base into side: the gaps between equal runs, in order, none touching the next."""
    found: list[Change] = []
    at = side_at = 0
    for start, side_start, size in [*_equal_runs(base, side), (len(base), len(side), 0)]:
        if start > at or side_start > side_at:
            found.append(Change(at, start, side_at, side_start))
        at, side_at = start + size, side_start + size
    return found


def _equal_runs(base: list[str], side: list[str]) -> list[Run]:
    """(index in base, index in side, length) of what stayed, rising."""
    head = _same_head(base, side)
    tail = _same_head(base[head:][::-1], side[head:][::-1])
    end, side_end = len(base) - tail, len(side) - tail
    return [
        (0, 0, head),
        *_shifted(_runs_between(base[head:end], side[head:side_end]), head, head),
        (end, side_end, tail),
    ]


def _runs_between(base: list[str], side: list[str]) -> Iterator[Run]:
    at = side_at = 0
    anchors = [] if _affordable(base, side) else _anchors(base, side)
    for anchor, side_anchor in [*anchors, (len(base), len(side))]:
        part, side_part = base[at:anchor], side[side_at:side_anchor]
        if _affordable(part, side_part):
            blocks = SequenceMatcher(None, part, side_part, autojunk=False).get_matching_blocks()
            yield from _shifted(blocks, at, side_at)
        if anchor < len(base):
            yield anchor, side_anchor, 1
        at, side_at = anchor + 1, side_anchor + 1


def _affordable(base: list[str], side: list[str]) -> bool:
    here, there = Counter(base), Counter(side)
    equal_pairs = sum(count * there[item] for item, count in here.items())
    return min(len(base), len(side)) * (len(base) + equal_pairs) <= LOOKS


def _anchors(base: list[str], side: list[str]) -> list[tuple[int, int]]:
    """Where items stand that occur once on each side, as many as keep their order (patience diff)."""
    here, there = Counter(base), Counter(side)
    place = {item: i for i, item in enumerate(side) if there[item] == 1}
    pairs = [(i, place[item]) for i, item in enumerate(base) if here[item] == 1 and item in place]
    return _longest_rising(pairs)


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second numbers rise; the first numbers rise already."""
    ends: list[int] = []
    at_end: list[int] = []
    before: list[int] = []
    for i, (_, value) in enumerate(pairs):
        length = bisect_left(ends, value)
        before.append(at_end[length - 1] if length else -1)
        ends[length : length + 1] = [value]
        at_end[length : length + 1] = [i]
    chain = []
    i = at_end[-1] if at_end else -1
    while i >= 0:
        chain.append(pairs[i])
        i = before[i]
    return chain[::-1]


def _same_head(first: list[str], second: list[str]) -> int:
    for i, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return i
    return min(len(first), len(second))


def _shifted(runs: Iterable[Run], by: int, side_by: int) -> Iterator[Run]:
    return ((start + by, side_start + side_by, size) for start, side_start, size in runs)
