"""A text cut into the passages that are indexed, embedded and cited."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import regex

from writeorperish.ai.lexical import CLUSTER, paragraphs, sentences

Row = TypeVar("Row")

TARGET = 900
LARGEST = 1_200
LONGEST_OVERLAP = 200
SHORT_BEGINNING = 300  # a heading and the like is joined to what follows, up to the largest size

_WORD = regex.compile(r"\S++\s*+")
# One of these says about as much as two letters.
_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]")


@dataclass(frozen=True, slots=True)
class Span:
    """One passage: the characters `text[start:end]`, and its number in the text from 0."""

    part: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Item:
    """What is not cut again; `tail` is where its last sentence begins, `end` if it has none."""

    start: int
    end: int
    tail: int


class _Measure:
    """The size of stretches of one text in units: a letter is one, a dense character two."""

    def __init__(self, text: str) -> None:
        self._dense = [match.start() for match in _DENSE.finditer(text)]

    def __call__(self, start: int, end: int) -> int:
        return end - start + bisect_left(self._dense, end) - bisect_left(self._dense, start)


def split(text: str) -> list[Span]:
    """The passages of a text in order, each at most 1,200 units, around 900.

    Together they cover every character that is no space. They end with paragraphs where those are
    small enough, else with sentences, words, at worst grapheme clusters; a passage begins with the
    last sentence of the one before when that is short.
    """
    size = _Measure(text)
    spans: list[Span] = []
    start = end = tail = -1
    for item in _items(text, size):
        if start < 0:
            start = item.start
        elif not _joins(size(start, end), size(start, item.end)):
            spans.append(Span(len(spans), start, end))
            repeats = 0 < size(tail, end) <= LONGEST_OVERLAP and size(tail, item.end) <= LARGEST
            start = tail if repeats else item.start
        end, tail = item.end, item.tail
    if start >= 0:
        spans.append(Span(len(spans), start, end))
    return spans


def matched(
    rows: Iterable[Row], digests: Sequence[bytes], digest_of: Callable[[Row], bytes]
) -> tuple[dict[int, Row], list[Row]]:
    """The rows that stand for one of the passages, by its index, and those that stand for none.

    One to one: a text may repeat itself, and equal passages are rows of their own.
    """
    waiting: dict[bytes, list[int]] = defaultdict(list)
    for index in reversed(range(len(digests))):
        waiting[digests[index]].append(index)
    standing: dict[int, Row] = {}
    gone: list[Row] = []
    for row in rows:
        indexes = waiting[digest_of(row)]
        if indexes:
            standing[indexes.pop()] = row
        else:
            gone.append(row)
    return standing, gone


def _joins(now: int, together: int) -> bool:
    return together <= (LARGEST if now < SHORT_BEGINNING else TARGET)


def _items(text: str, size: _Measure) -> Iterator[_Item]:
    """Paragraphs; the sentences of one that is too long; the words of such a sentence."""
    by_paragraph = _grouped(paragraphs(text), sentences(text))
    for (start, end), inner in by_paragraph:
        if size(start, end) <= LARGEST:
            yield _Item(start, end, inner[-1][0])
            continue
        for first, last in inner:
            if size(first, last) <= LARGEST:
                yield _Item(first, last, first)
            else:
                yield from (_Item(a, b, b) for a, b in _words(text, first, last, size))


def _grouped(
    outer: Sequence[tuple[int, int]], inner: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int]]]]:
    position = 0
    for stretch in outer:
        begin = position
        while position < len(inner) and inner[position][1] <= stretch[1]:
            position += 1
        yield stretch, list(inner[begin:position])


def _words(text: str, start: int, end: int, size: _Measure) -> Iterator[tuple[int, int]]:
    for match in _WORD.finditer(text, start, end):
        first = match.start()
        last = first + len(match[0].rstrip())
        if size(first, last) <= TARGET:
            yield first, last
        else:
            yield from _pieces(text, first, last, size)


def _pieces(text: str, start: int, end: int, size: _Measure) -> Iterator[tuple[int, int]]:
    """A run without spaces in pieces of the target size, cut between grapheme clusters."""
    first = start
    for match in CLUSTER.finditer(text, start, end):
        if size(first, match.end()) > TARGET and match.start() > first:
            yield first, match.start()
            first = match.start()
        while size(first, match.end()) > LARGEST:  # marks without end upon one letter
            yield first, first + TARGET // 2
            first += TARGET // 2
    if first < end:
        yield first, end
