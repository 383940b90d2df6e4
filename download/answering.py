"""What is said in an answer: a model's lines read one by one, each kept only as far as the passages bear it out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

import regex

from download import citing
from download.ranking import K1, B, diversified
from writeorperish.ai.composing import label, number_of
from writeorperish.ai.lexical import sentences, tokens
from writeorperish.ai.parts import Excerpt, Fact, Slots, Typed
from writeorperish.ai.twins import Offline, offline

PROMPT: Final = "download/answer"
SAY_CHARS: Final = 1_500
MOST_CITED: Final = 6
MOST_SEGMENTS: Final = 12
LONGEST_LINE: Final = 8_000
QUOTED_WORDS: Final = 4  # a shorter run in quotation marks is a turn of phrase

_LISTED = regex.compile(r"(?:[-*+>#]+\s+)*+")
_FENCE = regex.compile(r"^\s*```\w*\s*$")
_IMAGE = regex.compile(r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?")
_LINK = regex.compile(r"\[(?P<words>[^\]]+)\]\([^)]*\)")
_ADDRESS = regex.compile(r"\b(?:https?://|www\.)\S+", regex.IGNORECASE)
_LABEL = regex.compile(r"\s*\[\[?(?:[A-Z]{1,2}(?:,\s*)?)+\]\]?")
_MARK = regex.compile(r"\{quote:[^}]*\}?")
_TAG = regex.compile(r"<[/!]?\w[^>]*>")
_QUOTED = regex.compile(r"[\"“”„«](?P<words>[^\"“”„«»]+)[\"“”»]")

# Of the offline twin.
SENTENCES: Final = 3
SHARE_OF_BEST: Final = 0.55  # of fewer, one common word would bring strangers in
SENTENCE_CHARS: Final = range(citing.SHORTEST, citing.LONGEST + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Words of one of the passages: its number on the list, and where in its text."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer, and the words it rests on; without any it is not from the archive."""

    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()


@dataclass(slots=True)
class Reader:
    """Reads an answer as it comes. `given` are the passages in the order of their letters.

    `unreadable` counts lines that were no answer; `none` and `done` say that the model said so.
    """

    given: Sequence[Excerpt]
    waiting: str = field(default="", repr=False)
    unreadable: int = 0
    said: int = 0
    none: bool = False
    done: bool = False
    _sources: dict[int, citing.Source] = field(default_factory=dict, repr=False)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read: it said so, it is long enough, or it cannot be read."""
        return self.done or self.none or self.unreadable > 1 or self.said >= MOST_SEGMENTS

    def feed(self, words: str) -> Iterator[Said]:
        """The sentences of the lines that are whole by now."""
        self.waiting += words
        while "\n" in self.waiting and not self.over:
            line, _, self.waiting = self.waiting.partition("\n")
            yield from self.read(line)
        if len(self.waiting) > LONGEST_LINE:
            self.waiting, self.unreadable = "", 2

    def close(self, *, whole: bool) -> Iterator[Said]:
        """The last line, which need not end; one that was cut off is no line."""
        line, self.waiting = self.waiting, ""
        if not self.over and (whole or is_whole(line)):
            yield from self.read(line)

    def read(self, line: str) -> Iterator[Said]:
        line = line.strip()
        if not line or _FENCE.match(line):
            return
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            yield from self.plain(line)
            return
        self.done = self.done or told.get("done") is True
        self.none = self.none or told.get("none") is True
        say, cited = told.get("say"), told.get("cite")
        if not (self.done or self.none or isinstance(say, str)):
            self.unreadable += 1
            return
        spans = tuple(self.spans(cited if isinstance(cited, list) else []))
        text = self.clean(say if isinstance(say, str) else "", spans)
        if text or spans:
            self.said += 1
            yield Said(text, spans)

    def plain(self, line: str) -> Iterator[Said]:
        """A line that is no object: words of the model's own, if they are words."""
        self.unreadable += 1
        text = self.clean(line, ())
        if self.unreadable == 1 and text and line[0] not in "{[":
            self.said += 1
            yield Said(text)

    def spans(self, cited: Sequence[object]) -> Iterator[Span]:
        """The places of what was copied, each once: of a passage of this question, and word for word in it."""
        found: dict[Span, None] = {}
        for each in cited[:MOST_CITED]:
            match each:
                case [str(letters), str(words)] if letters.isascii() and letters.isupper():
                    for span in self.places(number_of(letters), words):
                        found[span] = None
        yield from found

    def places(self, number: int, words: str) -> Iterator[Span]:
        """Where the words stand; what leaves words out is several places, or none when one is missing."""
        if not 0 <= number < len(self.given):
            return
        excerpt = self.given[number]
        found = [self.source(number).find(part, excerpt.start) for part in citing.parts(words)]
        for place in found:
            if place is None or None in found or not within(place, excerpt):
                return
            yield Span(number, *place)

    def source(self, number: int) -> citing.Source:
        if number not in self._sources:
            self._sources[number] = citing.source(self.given[number].text)
        return self._sources[number]

    def clean(self, say: str, spans: Sequence[Span]) -> str:
        """A model's words as they may be shown: no letters, signs, pictures or addresses; true quotations only."""
        text = _TAG.sub("", _MARK.sub("", _IMAGE.sub("", say.replace("\x00", ""))))
        text = _ADDRESS.sub("", _LABEL.sub("", _LINK.sub(r"\g<words>", text)))
        text = _QUOTED.sub(lambda match: self.quotation(match[0], match["words"], spans), text)
        return " ".join(text.split())[:SAY_CHARS]

    def quotation(self, marked: str, words: str, spans: Sequence[Span]) -> str:
        """A quotation as its source has it; without its marks where no cited passage has it."""
        if len(words.split()) < QUOTED_WORDS and citing.units(words) < citing.SHORTEST:
            return marked
        for number in dict.fromkeys(span.passage for span in spans):
            place = self.source(number).find(words, self.given[number].start)
            if place is not None:
                return marked[0] + self.given[number].text[slice(*place)] + marked[-1]
        return words


def within(place: tuple[int, int], excerpt: Excerpt) -> bool:
    """Whether the place is among what was given, not elsewhere in its text."""
    return excerpt.start <= place[0] and place[1] <= excerpt.end


def is_whole(line: str) -> bool:
    return line.rstrip().endswith("}")


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: int
    start: int
    end: int
    words: str = field(repr=False)
    stems: frozenset[str] = field(repr=False)


@offline(PROMPT)
def answer_by_rule(slots: Slots) -> Offline:
    """Up to three sentences of the passages that share words with the question, in the order of time, word for word.

    Where none shares any, the first sentence of the passage that is nearest in meaning. It never pretends to
    understand: nothing is said but what stands there.
    """
    given = given_in(slots)
    question = slots["question"]
    asked = {word.text for word in tokens(question.words)} if isinstance(question, Typed) else set()
    found = list(_sentences(given))
    chosen = _best(found, asked) or _first_of(found, slots.get("nearest"))
    lines = [
        json.dumps({"say": "", "cite": [[label(each.passage), each.words]]}, ensure_ascii=False)
        for each in sorted(chosen, key=lambda each: (each.passage, each.start))
    ]
    return Offline("\n".join([*lines, '{"done": true}' if lines else '{"none": true}']))


def given_in(slots: Slots) -> list[Excerpt]:
    """The passages in the order of their letters."""
    return [
        each
        for name in ("passages", "pages")
        for each in (slots.get(name) or ())  # type: ignore[union-attr]  # these hold sequences
        if isinstance(each, Excerpt)
    ]


def _sentences(given: Sequence[Excerpt]) -> Iterator[_Sentence]:
    for number, excerpt in enumerate(given):
        for first, last in sentences(excerpt.text[excerpt.start : excerpt.end]):
            start, end = excerpt.start + first, excerpt.start + last
            start += _LISTED.match(excerpt.text[start:end]).end()  # type: ignore[union-attr]  # matches nothing too
            words = excerpt.text[start:end]
            marked = any(quote.at < end and start < quote.until for quote in excerpt.quotes)
            if marked or not SENTENCE_CHARS.start <= citing.units(words) < SENTENCE_CHARS.stop:
                continue
            stems = frozenset(word.text for word in tokens(words))
            yield _Sentence(number, start, end, words, stems)


def _best(found: Sequence[_Sentence], asked: set[str]) -> list[_Sentence]:
    scores = [_score(each, asked, found) for each in found]
    best = max(scores, default=0.0)
    good = [n for n, value in enumerate(scores) if value > 0 and value >= SHARE_OF_BEST * best]
    order = diversified(
        [scores[n] / best for n in good],
        lambda one, other: _alike(found[good[one]].stems, found[good[other]].stems),
        most=SENTENCES,
    )
    return [found[good[n]] for n in order]


def _score(sentence: _Sentence, asked: set[str], among: Sequence[_Sentence]) -> float:
    """BM25 of a sentence among those at hand, each word counted once."""
    usual = sum(len(each.stems) for each in among) / len(among) or 1.0
    norm = K1 * (1 - B + B * len(sentence.stems) / usual)
    score = 0.0
    for stem in sentence.stems & asked:
        holding = sum(stem in each.stems for each in among)
        score += log(1 + (len(among) - holding + 0.5) / (holding + 0.5)) * (K1 + 1) / (1 + norm)
    return score


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


def _first_of(found: Sequence[_Sentence], nearest: object) -> list[_Sentence]:
    number = number_of(nearest.words) if isinstance(nearest, Fact) else -1
    return [each for each in found if each.passage == number][:1]
