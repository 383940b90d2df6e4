"""The few words of a passage that show why it was found."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from download.lexicon import occurrences
from writeorperish.ai.lexical import CLUSTER, sentences, tokens

WIDEST = 240
ENOUGH = 100  # a shorter excerpt takes in what stands before it
LEAD = 60  # characters shown before the first hit of a sentence too long to show


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the text as it stands there; `mark` if it is what was asked for."""

    text: str
    mark: bool


@dataclass(frozen=True, slots=True)
class Snippet:
    """The pieces of `text[start:end]`, in order and without a gap."""

    pieces: tuple[Piece, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    word: str


def snippet(
    text: str,
    wanted: Collection[str],
    *,
    phrases: Sequence[str] = (),
    within: tuple[int, int] | None = None,
) -> Snippet:
    """At most 240 characters of a text, those with most of the different wanted words.

    `wanted` are stems as `tokens` makes them, `phrases` are found word for word, `within` is the
    passage to look in. Whole sentences where they fit; where nothing is wanted, the first ones.
    """
    first, last = within or (0, len(text))
    passage = text[first:last]
    hits = sorted(_hits(passage, wanted, phrases), key=lambda hit: (hit.start, hit.end))
    start, end = max(
        _windows(passage, hits),
        key=lambda window: (*_merit(hits, window), -window[0]),
        default=(0, 0),
    )
    return Snippet(tuple(_pieces(passage, start, end, hits)), first + start, first + end)


def _hits(passage: str, wanted: Collection[str], phrases: Sequence[str]) -> Iterator[_Hit]:
    # Taken apart all at once, a line each, which is quicker than one by one.
    spans = _likely(passage, wanted)
    lines = [passage[start:end] for start, end in spans]
    begins = list(accumulate((len(line) + 1 for line in lines), initial=0))
    for word in tokens("\n".join(lines)):
        if word.text in wanted:
            n = bisect_right(begins, word.start) - 1
            moved = spans[n][0] - begins[n]
            yield _Hit(word.start + moved, word.end + moved, word.text)
    for phrase in phrases:
        for start, end in occurrences(passage, phrase):
            yield _Hit(start, end, phrase)


def _likely(passage: str, wanted: Collection[str]) -> Sequence[tuple[int, int]]:
    """Where a wanted word may stand, from space to space: taking a text apart is what an excerpt costs.

    A word begins as its stem does, but for the stem's last letter; in other scripts that says little.
    """
    if not passage.isascii() or not all(each.isascii() and len(each) > 1 for each in wanted):
        return [(0, len(passage))]
    if not wanted:
        return []
    beginnings = "|".join(sorted({_beginning(stem) for stem in wanted}))
    likely = re.compile(rf"(?<!\S)\S*?(?<![a-z0-9])(?:{beginnings})\S*")
    return [match.span() for match in likely.finditer(passage.lower())]


def _beginning(stem: str) -> str:
    """A pattern of what a word of this stem begins with; the parts of a compound may be joined in it."""
    return "['-]?".join(re.escape(letter) for letter in stem[: max(2, len(stem) - 1)])


def _windows(passage: str, hits: Sequence[_Hit]) -> Iterator[tuple[int, int]]:
    """What could be shown: sentences with those after them, or a stretch around a hit."""
    stretches = sentences(passage)
    edges = _edges(passage)
    for index, (start, end) in enumerate(stretches):
        if end - start > WIDEST:
            yield _clipped(edges, start, end)
            for hit in hits:
                if start + LEAD < hit.start < end:
                    yield _clipped(edges, _word_start(passage, start, hit.start - LEAD), end)
            continue
        for _, following in stretches[index + 1 :]:
            if following - start > WIDEST:
                break
            end = following
        # A line of tags at the end says little by itself.
        for before, _ in reversed(stretches[:index]):
            if end - start >= ENOUGH or end - before > WIDEST:
                break
            start = before
        yield _clipped(edges, start, end)


def _edges(passage: str) -> Sequence[int]:
    """Where the passage may be cut: between what a reader takes for single characters."""
    if passage.isascii() and "\r\n" not in passage:
        return range(len(passage) + 1)
    return [match.start() for match in CLUSTER.finditer(passage)] + [len(passage)]


def _word_start(passage: str, earliest: int, near: int) -> int:
    """The first beginning of a word at or after `near`; `near` itself where none is close."""
    space = next((i for i in range(near, near + LEAD) if passage[i].isspace()), near - 1)
    return max(earliest, space + 1)


def _clipped(edges: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The window on grapheme boundaries, and no wider than allowed."""
    start = edges[bisect_right(edges, start) - 1]
    end = edges[bisect_left(edges, end)]
    if end - start > WIDEST:
        end = edges[bisect_right(edges, start + WIDEST) - 1]
    return start, end if end > start else start + WIDEST  # one cluster, wider than the window


def _merit(hits: Sequence[_Hit], window: tuple[int, int]) -> tuple[int, int]:
    """How many different words the window shows, then how soon the first of them comes."""
    shown = [hit for hit in hits if window[0] <= hit.start and hit.end <= window[1]]
    soon = window[0] - shown[0].start if shown else 0
    return len({hit.word for hit in shown}), soon


def _pieces(passage: str, start: int, end: int, hits: Sequence[_Hit]) -> Iterator[Piece]:
    """The window in pieces, hits that touch or overlap made one."""
    position = start
    for mark_start, mark_end in _merged(hits, start, end):
        if position < mark_start:
            yield Piece(passage[position:mark_start], mark=False)
        yield Piece(passage[mark_start:mark_end], mark=True)
        position = mark_end
    if position < end:
        yield Piece(passage[position:end], mark=False)


def _merged(hits: Sequence[_Hit], start: int, end: int) -> list[tuple[int, int]]:
    marks: list[tuple[int, int]] = []
    for hit in hits:
        if hit.start < start or hit.end > end:
            continue
        if marks and hit.start <= marks[-1][1]:
            marks[-1] = (marks[-1][0], max(marks[-1][1], hit.end))
        else:
            marks.append((hit.start, hit.end))
    return marks
