"""Words of any script: folded, cut, stemmed; sentences. One pipeline for texts and for questions.

Everything here is pure, and offsets always point into the text as it was given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from unicodedata import category, normalize

import regex

LONGEST_TOKEN = 40
SHORTEST_STEMMED = 4

# Characters of scripts written without spaces, whose clusters are indexed one by one and in pairs.
_DENSE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_DENSE}]]"
_LETTERS = rf"(?:{_LETTER}[[\p{{L}}\p{{N}}\p{{M}}]--[{_DENSE}]]*+)"
_PART = rf"(?:\p{{Nd}}++[.,:](?=\p{{Nd}}))*+{_LETTERS}"
_WORD = regex.compile(
    rf"(?P<dense>(?:[{_DENSE}]\p{{M}}*+)++)"
    rf"|(?P<mark>(?<![\p{{L}}\p{{N}}_&/#@])[\#@])?(?P<word>{_PART}(?:['-]{_PART})*+)",
    regex.V1,
)
_HOST = regex.compile(
    r"(?:https?://|\bwww\.)(?:[^\s/?#@]*+@)?+(?:www\.)?(?P<host>[\p{L}\p{N}.-]++)"
)
# A flag is two regional indicators. Said here, because \X counts them back to the first of a run.
_FLAG = r"[\U0001f1e6-\U0001f1ff]{1,2}+[\p{Grapheme_Extend}\u200d]*+"
CLUSTER = regex.compile(rf"{_FLAG}|\X")
_HYPHEN = regex.compile("['-]")
_HANGUL = regex.compile(r"\p{Hangul}{2,}")
_LATIN = regex.compile(r"\p{Latin}+")
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
# Elsewhere a mark makes another letter: か is not が, and Thai and Devanagari words break.
_MARKS_FALL = regex.compile(r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}]")
_UNDECOMPOSED = str.maketrans(
    {
        **dict(zip("\u0131øđðłħŧŋĸ", "ioddlhtnq", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u0640": "",  # the Arabic stretcher
        "\u2044": "/",
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made comparable, and where each of its characters came from.

    `starts[i]` and `ends[i]` bound the grapheme cluster of the original behind `text[i]`.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind `text[start:end]`, which must not be empty."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """The text without case, accents, ligatures and typographic quotes, with its offset map.

    Each grapheme cluster is folded alone, so `fold(text[starts[a]:ends[b - 1]]).text` contains
    `folded.text[a:b]`. The length may change either way: ½ becomes three, decomposed Hangul one.
    """
    if text.isascii() and "\r\n" not in text:
        return Folded(text.lower(), range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in CLUSTER.finditer(text):
        start, end = match.span()
        piece = _folded_cluster(match[0]) if end - start <= 8 else _fold_cluster(match[0])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return Folded("".join(pieces), starts, ends)


def _fold_cluster(cluster: str) -> str:
    kept: list[str] = []
    marks_fall = False
    for character in normalize("NFKD", cluster):
        if not category(character).startswith("M"):
            marks_fall = _MARKS_FALL.match(character) is not None
        elif marks_fall:
            continue
        kept.append(character)
    folded = normalize("NFKC", "".join(kept)).casefold().translate(_UNDECOMPOSED)
    return _INVISIBLE.sub("", folded)


_folded_cluster = lru_cache(maxsize=8192)(_fold_cluster)


def _load_stop_words() -> frozenset[str]:
    lines = Path(__file__).with_name("stop_words.txt").read_text("utf-8").splitlines()
    words = " ".join(line for line in lines if not line.startswith("#")).split()
    return frozenset(fold(word).text for word in words)


STOP_WORDS = _load_stop_words()


class Word(NamedTuple):
    """A token and the characters of the original it stands for.

    `whole` is False for what stands beside the words as read: joined compounds, tags, hosts, pairs
    of characters.
    """

    text: str
    start: int
    end: int
    whole: bool = True


def tokens(text: str) -> Iterator[Word]:
    """What is indexed and searched, in reading order: stems without stop-words, ≤ 40 characters."""
    folded = fold(text)
    for match in _WORD.finditer(folded.text):
        if match["dense"]:
            yield from _pairs(folded, *match.span("dense"), singles=True)
        elif match["word"] not in STOP_WORDS:
            yield from _words(folded, *match.span("word"))
            if match["mark"]:
                yield _word(folded, *match.span(), match[0], whole=False)
    for match in _HOST.finditer(folded.text):
        yield _word(folded, *match.span("host"), match["host"].rstrip(".-"), whole=False)


def _word(folded: Folded, start: int, end: int, token: str, *, whole: bool) -> Word:
    return Word(token[:LONGEST_TOKEN], *folded.span(start, end), whole)


def _words(folded: Folded, start: int, end: int) -> Iterator[Word]:
    """A word, or the parts of a compound and the compound written as one."""
    compound = folded.text[start:end]
    if compound.isalnum():
        yield _word(folded, start, end, stem(compound), whole=True)
        yield from _syllables_of(folded, start, end)
        return
    seen: set[str] = set()
    position = start
    for part in _HYPHEN.split(compound):
        after = position + len(part)
        token = stem(part)
        if part not in STOP_WORDS:
            seen.add(token)
            yield _word(folded, position, after, token, whole=True)
        yield from _syllables_of(folded, position, after)
        position = after + 1
    joined = compound.replace("-", "").replace("'", "")
    token = stem(joined)
    if token not in seen and joined not in STOP_WORDS:
        yield _word(folded, start, end, token, whole=False)


def _syllables_of(folded: Folded, start: int, end: int) -> Iterator[Word]:
    """The pairs of syllables of Korean words, which are written with their endings."""
    if not folded.text[start:end].isascii():
        for match in _HANGUL.finditer(folded.text, start, end):
            yield from _pairs(folded, *match.span(), singles=False)


def _pairs(folded: Folded, start: int, end: int, *, singles: bool) -> Iterator[Word]:
    """The overlapping pairs of clusters of a run, and each cluster alone if asked."""
    clusters = [match.span() for match in CLUSTER.finditer(folded.text, start, end)]
    for index, (first, last) in enumerate(clusters):
        if singles:
            yield _word(folded, first, last, folded.text[first:last], whole=True)
        if index + 1 < len(clusters):
            after = clusters[index + 1][1]
            yield _word(folded, first, after, folded.text[first:after], whole=False)


_VOWEL = regex.compile("[aeiouy]")
_SYLLABLE = regex.compile("[aeiouy]+[^aeiouy]+")
_SHORT = regex.compile("[^aeiouy][aeiouy][^aeiouywx]$")
_DOUBLED = regex.compile("([^aeiouylsz])\\1$")


def stem(word: str) -> str:
    """A folded word without its English endings: plural, -ed, -ing, -ly, silent e.

    Every Latin word of four letters or more, whatever its language: a question is too short to
    detect one, and question and text must agree. Rules after Porter 1980, steps 1 and 5.
    """
    if not SHORTEST_STEMMED <= len(word) <= LONGEST_TOKEN or not _LATIN.fullmatch(word):
        return word
    word = _without_participle(_without_plural(word))
    if word.endswith("y") and _VOWEL.search(word[:-2]) and not _VOWEL.match(word[-2]):
        word = word[:-1] + "i"
    if word.endswith("li") and len(word) > 5:
        word = word[:-2]
    return _without_silence(word)


def _without_plural(word: str) -> str:
    if not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + ("i" if _VOWEL.search(word[:-3]) else "y")
    return word[:-1]


def _without_participle(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _syllables(word[:-3]) else word
    rest = word.removesuffix("ing") if word.endswith("ing") else word.removesuffix("ed")
    if rest == word or len(rest) < 2 or not _VOWEL.search(rest):
        return word
    if len(rest) == 3 and rest.endswith("i") and not _VOWEL.search(rest[:2]):
        return rest[:2] + "y"
    if len(rest) > 3 and _DOUBLED.search(rest):
        return rest[:-1]
    silent = _syllables(rest) == 1 and (len(rest) == 2 or _SHORT.search(rest))
    return rest + "e" if silent else rest


def _without_silence(word: str) -> str:
    if word.endswith("e"):
        syllables = _syllables(word[:-1])
        if syllables > 1 or (syllables == 1 and len(word) > 3 and not _SHORT.search(word[:-1])):
            return word[:-1]
    if word.endswith("ll") and _syllables(word) > 1:
        return word[:-1]
    return word


def _syllables(word: str) -> int:
    return len(_SYLLABLE.findall(word))


_LINE_END = r"(?:\r\n?|[\n\u2028\u2029])"
_PARAGRAPH_END = regex.compile(rf"{_LINE_END}[^\S\r\n\u2028\u2029]*+{_LINE_END}\s*+(?!\p{{M}})")
_CLOSERS = r"""["'\u201d\u2019\u00bb)\]*_]"""
_SENTENCE_END = regex.compile(
    rf"^\#[^\r\n\u2028\u2029]*+{_LINE_END}"
    rf"|{_LINE_END}(?=[^\S\r\n]*+(?:[-*+>|\#]|\d{{1,3}}[.)]\s))"
    r"|[\u3002\uff01\uff1f\uff61\u061f\u0964\u0965]++[\u300d\u300f\uff09]*+\s*+"
    rf"|(?P<mark>(?<![.!?…])[.!?…]++){_CLOSERS}*+\s++",
    regex.MULTILINE,
)
_LAST_WORD = regex.compile(r"(?r)[\p{L}\p{N}]++$")
_TITLES = frozenset({"dr", "mr", "mrs", "ms", "prof", "st", "jr", "sr", "hr", "fr"})


def paragraphs(text: str) -> list[tuple[int, int]]:
    """The stretches between blank lines, trimmed; every character that is no space is in one."""
    return _trimmed(text, 0, len(text), [match.end() for match in _PARAGRAPH_END.finditer(text)])


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, in order; every character that is no space is in one.

    Lists and headings end with their line. An abbreviation does not end a sentence.
    """
    found: list[tuple[int, int]] = []
    for start, end in paragraphs(text):
        cuts = [
            match.end()
            for match in _SENTENCE_END.finditer(text, start, end)
            if match.end() < end and not _goes_on(text, match)
        ]
        found += _trimmed(text, start, end, cuts)
    return found


def _goes_on(text: str, match: regex.Match[str]) -> bool:
    """Whether the sentence continues after this mark."""
    following = text[match.end()]
    if category(following).startswith("M"):
        return True
    if match["mark"] is None:
        return False
    if match["mark"] != ".":
        return "…" in match["mark"] and following.islower()
    before = _LAST_WORD.search(text, max(0, match.start() - 12), match.start())
    word = before[0].lower() if before else ""
    if following.islower() or following.isdigit():
        return 0 < len(word) <= 3
    return (
        word in _TITLES or (len(word) == 1 and word.isalpha()) or (len(word) < 3 and word.isdigit())
    )


def _trimmed(text: str, start: int, end: int, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """The stretches between the cuts without the spaces around them, empty ones left out."""
    stretches: list[tuple[int, int]] = []
    for first, last in zip([start, *cuts], [*cuts, end], strict=True):
        part = text[first:last]
        left = len(part) - len(part.lstrip())
        kept = part.strip()
        if kept:
            stretches.append((first + left, first + left + len(kept)))
    return stretches
