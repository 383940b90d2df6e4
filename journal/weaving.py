"""Texts as a model is given them: quote markers replaced by what they quote, where that is open."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from journal.models.nodes import Node
from journal.quoting import MARKER, Quoted, quotes_in
from writeorperish.ai.parts import Excerpt, Fact, Quote
from writeorperish.privacy.reading import Passage
from writeorperish.refs import Ref

QUOTES: Final = 10
QUOTE_CHARS: Final = 4_000
QUOTE_NOT_OPEN: Final = "[A quoted entry here is not available to AI]"
# A quote inside a quote, or one too many. No marker stays: it holds an entry's id.
NO_MORE_THAN_THAT: Final = "[…]"


def first_quotes(texts: Sequence[Passage]) -> dict[Ref, list[Quoted]]:
    """The quotes a model is given words for, by the text they stand in: the first ten of all together."""
    found = [(text.ref, quoted) for text in texts for quoted in quotes_in(text.text)]
    chosen: dict[Ref, list[Quoted]] = {}
    for ref, quoted in found[:QUOTES]:
        chosen.setdefault(ref, []).append(quoted)
    return chosen


def quoted_refs(chosen: Mapping[Ref, Sequence[Quoted]]) -> list[Ref]:
    """The entries these quotes point at, each once."""
    return list(dict.fromkeys(target(each) for quotes in chosen.values() for each in quotes))


def target(quoted: Quoted) -> Ref:
    return Ref(Node._meta.label_lower, quoted.target)


def woven(
    text: Passage, chosen: Collection[Quoted], opened: Mapping[Ref, Passage]
) -> Passage | Excerpt:
    """The text with what it quotes: words of `opened` for the chosen quotes, a sentence for what is not open."""
    resolved = {quoted.at: part_for(quoted, opened) for quoted in chosen}
    quotes = tuple(
        Quote(match.start(), match.end(), resolved.get(match.start(), Fact(NO_MORE_THAN_THAT)))
        for match in MARKER.finditer(text.text)
    )
    return Excerpt(text, 0, len(text.text), quotes) if quotes else text


def part_for(quoted: Quoted, opened: Mapping[Ref, Passage]) -> Excerpt | Fact:
    """The quoted passage while it stands there, else the beginning of the entry; a fact where it is not open."""
    passage = opened.get(target(quoted))
    if passage is None:
        return Fact(QUOTE_NOT_OPEN)
    start, end = 0, len(passage.text)
    if quoted.rev == passage.rev and quoted.start is not None and quoted.end is not None:
        start, end = min(quoted.start, end), min(quoted.end, end)
    return without_quotes(passage, start, min(end, start + QUOTE_CHARS))


def without_quotes(passage: Passage, start: int, end: int) -> Excerpt:
    """A stretch of a text in which quotes are no more than gaps."""
    gaps = tuple(
        Quote(match.start(), match.end(), Fact(NO_MORE_THAN_THAT))
        for match in MARKER.finditer(passage.text)
    )
    return Excerpt(passage, start, end, gaps)
