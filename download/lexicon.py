"""From a passage to the terms it is indexed under, and from a question to those it asks for.

Terms are words in clear: they are blinded before they are stored or looked up.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise

import regex

from writeorperish.ai.lexical import Word, fold, tokens

MOST_TOKENS = 4_000  # of one passage
HEAD_COUNT = 2  # what a word of the title counts beside those of the text
PAIR_WEIGHT = 0.5  # two words side by side, beside the words alone
LONGEST_NAME = 64
SHORTEST_SHORTENED = 4
SHORTENED_WEIGHT = (
    0.6  # a word that is found without its ending only, beside one that stands as asked
)


class Namespace(StrEnum):
    """What a term is; one letter, part of what is blinded."""

    WORD = "w"
    PAIR = "g"
    TAG = "t"
    SITE = "s"


@dataclass(frozen=True, slots=True)
class Term:
    """One thing a passage is found by."""

    namespace: Namespace
    word: str


@dataclass(frozen=True, slots=True)
class Head:
    """What a text is found by beside its words; belongs to its first passage."""

    title: str = ""
    byline: str = ""
    tags: Sequence[str] = ()
    hosts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """The terms of a passage with their counts, and its length in words, at least 1."""

    counts: Mapping[Term, int]
    words: int


def terms_of(passage: str, head: Head | None = None) -> Counted:
    """What a passage is indexed under; `head` is given for the first passage of a text only."""
    found = list(islice(tokens(passage), MOST_TOKENS))
    counts = Counter(_terms(found))
    words = max(1, len(found))
    if head is not None:
        for term in set(_terms_of_head(head)):
            counts[term] += HEAD_COUNT
    return Counted(counts, words)


def asked_for(words: str) -> dict[Term, float]:
    """The terms a question in words asks for, with their weights, in its order."""
    return {
        term: PAIR_WEIGHT if term.namespace is Namespace.PAIR else 1.0
        for term in _terms(islice(tokens(words), MOST_TOKENS))
    }


def required(phrase: str) -> list[Term]:
    """The terms of every passage that holds all of the phrase; empty if it has stop-words only."""
    return list(
        dict.fromkeys(Term(Namespace.WORD, word.text) for word in tokens(phrase) if word.whole)
    )


def shortened(term: Term) -> list[Term]:
    """What a word may be without its ending, where it is found nowhere as it stands: one letter less, then two.

    Languages that bend their nouns do so at the end, and names are bent like other words.
    """
    if term.namespace is not Namespace.WORD or not term.word.isalpha():
        return []
    return [
        Term(Namespace.WORD, term.word[:-cut])
        for cut in (1, 2)
        if len(term.word) - cut >= SHORTEST_SHORTENED and _is_spaced(term.word[-1])
    ]


def tag(name: str) -> Term:
    """The term of a tag, the same however it is cased and accented, with `#` or without."""
    folded = " ".join(fold(name).text.split()).removeprefix("#")
    return Term(Namespace.TAG, folded[:LONGEST_NAME])


def site(host: str) -> Term:
    """The term of a site: its host in lower case without `www.`."""
    return Term(Namespace.SITE, fold(host).text.strip(". ").removeprefix("www."))


def occurrences(text: str, phrase: str) -> list[tuple[int, int]]:
    """Where a phrase stands in a text, word for word, as offsets into the text.

    Compared without case, accents and the kind and number of spaces.
    """
    wanted = fold(phrase).text.split()
    if not wanted:
        return []
    pattern = r"\s+".join(regex.escape(word) for word in wanted)
    before = r"(?<![\p{L}\p{N}])" if _is_spaced(wanted[0][0]) else ""
    after = r"(?![\p{L}\p{N}])" if _is_spaced(wanted[-1][-1]) else ""
    folded = fold(text)
    found = regex.finditer(before + pattern + after, folded.text)
    return [folded.span(*match.span()) for match in found]


_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def _is_spaced(character: str) -> bool:
    """Whether a word can be told to begin or end at this character."""
    return character.isalnum() and not _SPACELESS.match(character)


def _terms(words: Iterator[Word] | Sequence[Word]) -> Iterator[Term]:
    """Each word, and each two whole words that stand side by side."""
    words = list(words)
    for word in words:
        yield Term(Namespace.WORD, word.text)
    for one, other in pairwise(word for word in words if word.whole):
        if one.end < other.start:
            yield Term(Namespace.PAIR, f"{one.text} {other.text}")


def _terms_of_head(head: Head) -> Iterator[Term]:
    for text in (head.title, head.byline, *head.tags, *head.hosts):
        yield from _terms(tokens(text))
    for name in head.tags:
        yield tag(name)
    for host in head.hosts:
        yield from _sites(host)


def _sites(host: str) -> Iterator[Term]:
    """The host and the sites it is part of: blog.example.org is found under example.org too."""
    name = site(host).word
    while name.count("."):
        yield Term(Namespace.SITE, name)
        name = name.split(".", 1)[1]
