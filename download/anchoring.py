"""Where marked words stand in a page's text, pure: as they are written, as they are shown, or alike."""

from collections.abc import Sequence
from typing import Final

import regex
from rapidfuzz.fuzz import partial_ratio_alignment

from download import citing

BESIDE_CHARS: Final = 32
ALIKE: Final = (
    90  # of 100: the share of a quote that must still be there for its new place to be its place
)

# What Markdown writes and nobody sees: marks of lines, of stress and code, of links around their words.
_UNSEEN = regex.compile(
    r"(?m)^(?:[ \t]*(?:>|\#{1,6}|[-*+]|\d{1,9}[.)])[ \t]+)+|^\|?[ \t]*:?-{3,}.*$|\\\p{P}|[*_`~|]+"
    r"|(?<!\\)\[(?=[^\]]*\]\([^()\s]*\))|\]\([^()\s]*\)"
)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The same place inside the text, without the white space at its ends."""
    start = max(0, start)
    words = text[start : max(start, end)]
    start += len(words) - len(words.lstrip())
    return start, start + len(words.strip())


def beside(text: str, start: int, end: int) -> dict[str, str]:
    """What stands before and after, which tells two places of the same words apart."""
    return {
        "before": text[max(0, start - BESIDE_CHARS) : start],
        "after": text[end : end + BESIDE_CHARS],
    }


def find(text: str, quote: str, *, longest: int) -> tuple[int, int] | None:
    """Where the words stand first, however short; also as a reader sees them, without the marks of Markdown."""
    place = citing.source(text).find(quote, shortest=1, longest=longest)
    if place is not None:
        return place
    seen, places = shown(text)
    place = citing.source(seen).find(quote, shortest=1, longest=longest)
    return (places[place[0]], places[place[1] - 1] + 1) if place is not None else None


def shown(text: str) -> tuple[str, Sequence[int]]:
    """The text without what nobody sees of it, and the place of each of its characters in the original."""
    kept: list[int] = []
    until = 0
    for match in _UNSEEN.finditer(text):
        kept += range(until, match.start())
        # What stands behind a backslash is meant, and seen.
        escaped = match[0].startswith("\\")
        until = match.start() + 1 if escaped else match.end()
    kept += range(until, len(text))
    return "".join(text[place] for place in kept), kept


def anew(
    text: str,
    folded: citing.Source,
    quote: str,
    *,
    before: str,
    after: str,
    near: int,
    longest: int,
) -> tuple[int, int] | None:
    """Where marked words stand in another copy: in their old company, nearest to their old place, or alike."""
    around = f"{before}{quote}{after}"
    company = folded.find(around, near, shortest=1, longest=longest + 2 * BESIDE_CHARS)
    near = company[0] + len(before) if company else near
    place = folded.find(quote, near, shortest=1, longest=longest)
    if place is not None or len(quote) < citing.SHORTEST:
        return place
    alike = partial_ratio_alignment(quote, text, score_cutoff=ALIKE)
    return (
        (alike.dest_start, alike.dest_end) if alike and alike.dest_start < alike.dest_end else None
    )
