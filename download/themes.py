"""What a text is about, in three to five phrases of its own: by rule, weighed with its owner's own counts, or by a model.

The rule is pure. A model is asked about saved texts only, once for the same words, where their person agreed to it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import regex

from writeorperish.ai import gateway
from writeorperish.ai.lexical import Word, sentences, tokens
from writeorperish.ai.parts import Cut, Slots
from writeorperish.ai.twins import Offline, offline
from writeorperish.ops.refusals import Refused
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage

PROMPT: Final = "download/themes"
MOST: Final = 5
LONGEST_PHRASE: Final = 3
THEME_CHARS: Final = 60
SENT_CHARS: Final = 4_000
MOST_WORDS: Final = 4_000
# A name counts as if it stood there once more: it tells what a text is about where it stands once.
NAMED: Final = 1.0

_BETWEEN = regex.compile(r"[ \t\u00a0]+")
# Particles and endings are written in Hiragana, and belong to no phrase.
_DENSE = regex.compile(r"[\p{Han}\p{Katakana}ー]{2,}|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{2,}")
_WRITTEN = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class Themes:
    """Up to five phrases, the most telling first; `offline` when they were found by rule and nothing was sent."""

    phrases: tuple[str, ...]
    offline: bool = True


@dataclass(frozen=True, slots=True)
class _Phrase:
    """One occurrence of a phrase: its stems, the words as they stand there, whether it is written like a name."""

    stems: tuple[str, ...]
    words: str
    is_name: bool


def themes_in(text: str, rarity: Mapping[str, float] | None = None) -> list[str]:
    """Up to five phrases of a text: such as occur twice, or are written like names. Pure.

    rarity: how much each stem tells apart (idf, > 0) in the texts of its owner; 1 for one that is not named.
    A phrase is up to three words side by side with no stop-word between; its score is the sum of its words'
    rarity by its count. Of phrases with a stem in common the best stays.
    """
    found: dict[tuple[str, ...], list[_Phrase]] = defaultdict(list)
    for phrase in _phrases(text):
        found[phrase.stems].append(phrase)
    scores = {
        stems: _score(stems, phrases, rarity or {})
        for stems, phrases in found.items()
        if len(phrases) > 1 or phrases[0].is_name
    }
    chosen: list[str] = []
    told: set[str] = set()
    # Equally telling ones in the order they stand in.
    for stems in sorted(scores, key=lambda each: -scores[each]):
        if told.isdisjoint(stems):
            told.update(stems)
            chosen.append(_shown(found[stems]))
        if len(chosen) == MOST:
            break
    return chosen


def themes_of(passage: Passage, rarity: Mapping[str, float], *, asks: bool) -> Themes:
    """The themes of a saved text: of a model where its person agrees, else by rule. Not inside a transaction.

    One call at most, none for words that were asked about within a week. A refusal leads back to the rule.
    """
    if asks and passage.ai_usage != AIUsage.NONE and passage.text.strip():
        cut = Cut(passage, 0, min(len(passage.text), SENT_CHARS))
        try:
            answer = gateway.complete(
                PROMPT, {"text": cut}, spender=passage.owner_id, about=passage.ref
            )
        except Refused:
            return Themes(tuple(themes_in(passage.text, rarity)))
        if not answer.offline and isinstance(answer.data, dict):
            named = borne_out(answer.data.get("themes", []), passage.text)
            if named:
                return Themes(tuple(named), offline=False)
    return Themes(tuple(themes_in(passage.text, rarity)))


def may_ask(passage: Passage) -> bool:
    """Whether a model may be asked, and there is one. Up to four queries."""
    able = gateway.capable("small", passage.owner_id)
    return (
        able.on and not able.offline and not gateway.withheld(Purpose.RECOMMEND, passage.owner_id)
    )


def borne_out(named: Sequence[object], text: str) -> list[str]:
    """Those of a model's themes that share a stem with the text, tidied, each once, five at most."""
    stems = {word.text for word in tokens(text)}
    kept: dict[str, str] = {}
    for each in named:
        words = " ".join(str(each).split())[:THEME_CHARS]
        if stems & {word.text for word in tokens(words)}:
            kept.setdefault(words.casefold(), words)
    return list(kept.values())[:MOST]


@offline(PROMPT)
def themes_by_rule(slots: Slots) -> Offline:
    cut = slots["text"]
    words = cut.words if isinstance(cut, Cut) else ""
    return Offline(data={"themes": themes_in(words)})


def _phrases(text: str) -> Iterator[_Phrase]:
    """Every phrase of one to three words, in reading order."""
    for first, last in sentences(text):
        sentence = text[first:last]
        words = [word for word in tokens(sentence) if word.whole][:MOST_WORDS]
        for run in _runs(sentence, words):
            for start in range(len(run)):
                for end in range(start + 1, min(start + LONGEST_PHRASE, len(run)) + 1):
                    yield _phrase(sentence, run[start:end])
        for match in _DENSE.finditer(sentence):
            yield _Phrase((match[0],), match[0], is_name=False)


def _runs(sentence: str, words: Sequence[Word]) -> Iterator[list[Word]]:
    """The words that stand side by side, with nothing but spaces between them; of spaced scripts."""
    spaced = [word for word in words if len(word.text) > 1]
    place = 0
    numbers = []
    for before, word in zip([None, *spaced], spaced, strict=False):
        apart = before is None or not _BETWEEN.fullmatch(sentence[before.end : word.start])
        place += apart
        numbers.append(place)
    for _number, run in groupby(zip(numbers, spaced, strict=True), key=lambda each: each[0]):
        yield [word for _place, word in run]


def _phrase(sentence: str, run: Sequence[Word]) -> _Phrase:
    words = sentence[run[0].start : run[-1].end]
    # The first word of a sentence is written large, whatever it is.
    begins = not _WRITTEN.search(sentence, 0, run[0].start)
    named = not begins and all(sentence[word.start].isupper() for word in run)
    return _Phrase(tuple(word.text for word in run), words, named)


def _score(stems: Sequence[str], phrases: Sequence[_Phrase], rarity: Mapping[str, float]) -> float:
    count = len(phrases) + NAMED * any(phrase.is_name for phrase in phrases)
    return count * sum(rarity.get(stem, 1.0) for stem in dict.fromkeys(stems))


def _shown(phrases: Sequence[_Phrase]) -> str:
    """The way it is written most often; with a small letter unless it is always written large."""
    often = Counter(phrase.words for phrase in phrases)
    words = next((each for each, _count in often.most_common() if each[0].islower()), "")
    return " ".join((words or often.most_common(1)[0][0]).split())[:THEME_CHARS]
