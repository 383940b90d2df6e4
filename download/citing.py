"""Where words stand in a text, word for word: quotations are verified here, and highlights anchored.

Everything here is pure, and offsets always point into the text as it was given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from unicodedata import normalize

import regex

from writeorperish.ai.lexical import CLUSTER

# Of a quotation after folding: fewer characters say too little to be one, more are a copy. A character of a
# script without spaces says as much as two.
SHORTEST: Final = 12
LONGEST: Final = 400

_DENSE = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
)
_INVISIBLE = regex.compile(r"[\u00ad\u200b\u2060\ufeff]")
_GAP = regex.compile(r"(?:\[?(?:…|\.\.\.)\]?)")
_ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u02bc`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        "\u2026": "...",
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """A text made comparable: composed, with plain quotes, dashes and dots and single spaces. Its case stays.

    `starts[i]` and `ends[i]` bound the characters of the original behind `folded[i]`.
    """

    folded: str = field(repr=False)
    starts: Sequence[int]
    ends: Sequence[int]

    def find(
        self, quote: str, near: int = 0, *, shortest: int = SHORTEST, longest: int = LONGEST
    ) -> tuple[int, int] | None:
        """Where the quotation stands in the original, the place nearest to `near`; None if it does not.

        Also None when it is shorter or longer than a quotation is, or would begin or end inside a word: "happy
        with it" is not what "unhappy with it" says.
        """
        wanted = source(quote).folded.strip()
        if not wanted or not shortest <= units(wanted) or len(wanted) > longest:
            return None
        places = [self._place(at, at + len(wanted)) for at in occurrences(self.folded, wanted)]
        whole = [place for place in places if place is not None]
        return min(whole, key=lambda place: abs(place[0] - near), default=None)

    def _place(self, first: int, after: int) -> tuple[int, int] | None:
        """The original behind `folded[first:after]`; None where that is not made of whole characters and words."""
        if self._inside(first) or self._inside(after):
            return None
        return self.starts[first], self.ends[after - 1]

    def _inside(self, at: int) -> bool:
        if at in {0, len(self.folded)}:
            return False
        before, here = self.folded[at - 1], self.folded[at]
        of_one = self.starts[at - 1] == self.starts[at]
        return of_one or (is_spelled(before) and is_spelled(here))


def source(text: str) -> Source:
    """The text made comparable. About 0.3 ms for a thousand characters; worth keeping for several quotations."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in CLUSTER.finditer(text):
        start, end = match.span()
        if match[0].isspace():
            if pieces and pieces[-1] == " ":
                ends[-1] = end
                continue
            piece = " "
        else:
            piece = _INVISIBLE.sub("", normalize("NFC", match[0])).translate(_ALIKE)
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return Source("".join(pieces), starts, ends)


def find(
    text: str, quote: str, near: int = 0, *, shortest: int = SHORTEST, longest: int = LONGEST
) -> tuple[int, int] | None:
    """Where these words stand in a text, as offsets into it: the place nearest to `near`, or None.

    Compared without regard to kinds of spaces, quotes, dashes and dots, and to how letters are composed; case
    counts. 12 to 400 characters, unless told otherwise.
    """
    return source(text).find(quote, near, shortest=shortest, longest=longest)


def parts(quote: str) -> list[str]:
    """A quotation that leaves words out, cut at its dots: each part is to be found by itself."""
    return [part.strip() for part in _GAP.split(quote) if part.strip()]


def occurrences(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def units(words: str) -> int:
    """How long words are; a character of a script without spaces counts twice."""
    return len(words) + len(_DENSE.findall(words))


def is_spelled(character: str) -> bool:
    """Whether a word may go on across this character: a letter or digit of a script with spaces."""
    return character.isalnum() and not _DENSE.match(character)
