"""What an answer may rest on: the passages of a person's own texts nearest to a question, if any is near enough."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from itertools import islice
from typing import Final

import regex
from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from download import legs, lexicon
from download.dates import Days
from download.legs import Passages, Place
from download.lexicon import Term
from download.query import ALWAYS, Query, parse
from download.ranking import Leg, diversified, fuse
from writeorperish.ai.embeddings import LOCAL, embed_query
from writeorperish.ai.lexical import sentences, tokens
from writeorperish.events.catalog import Genre
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage, own_texts, read_all
from writeorperish.refs import Ref

DEPTH: Final = 100
CANDIDATES: Final = 40
MOST_PASSAGES: Final = 12
MOST_OF_ONE: Final = 3
MOST_CHARS: Final = 12_000
NEAREST: Final = 3
EARLIER_WEIGHT: Final = 0.5
STANDS_ALONE: Final = 2  # content words of a question that needs none of the one before
# Nearer than this in meaning, or holding so much of the question's words: measured over tests/quality, so that
# few answerable questions are refused and few others answered.
BY_MEANING: Final = 0.25
BY_WORDS: Final = 0.40
# Japanese endings and particles, in characters of their own, tell texts apart as little as stop-words do.
ENDING_WEIGHT: Final = 0.25

# What makes a question of a few words and says nothing of what is looked for.
_COURTESIES = regex.compile(
    r"\b(?:please|thanks?|thank you|tell me|show me|can you|could you|do you know|bitte|kannst du|por favor|"
    r"prosím|s'il (?:te|vous) plaît|what|when|where|who|whom|whose|which|why|how|much|many|did|does|"
    r"wann|wo|wer|warum|wie|welche[rsn]?|cuándo|dónde|quién|qué|cuántas?|cuántos?|kdy|kde|kdo|kolik|jak[ýáé]?|proč)\b",
    regex.IGNORECASE,
)
_HIRAGANA = regex.compile(r"\p{Hiragana}")


@dataclass(frozen=True, slots=True)
class Wish:
    """Where to look: in which days, and in texts with all of these tags."""

    days: Days = ALWAYS
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of a passage that was read, how near it is to the question, and whether a stranger wrote it."""

    passage: Passage
    start: int
    end: int
    nearness: float
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found. `evidence` is in the order of time, and empty when nothing is near enough.

    `nearest` and `closed` are places only: of texts AI may read, and by words of texts it may not. `searched`
    counts the texts that were open, `left_out` those that were closed.
    """

    evidence: Sequence[Evidence] = ()
    nearest: Sequence[Place] = ()
    closed: Sequence[Place] = ()
    searched: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    place: Place
    nearness: float


def look(
    person: AbstractUser, words: str, *, earlier: str = "", wish: Wish | None = None, zone: tzinfo
) -> Looked:
    """The evidence for an answer, after what is closed to AI was left out.

    `earlier`: the question before, of which the words count half. One vector, one reading of at most twelve
    passages through the door.
    """
    wish = wish or Wish()
    searched, left_out = counted(person)
    found = found_for(person, words, earlier=earlier, wish=wish, zone=zone)
    candidates = _candidates(found)
    looked = Looked(
        nearest=_one_each([each.place for each in candidates])[:NEAREST],
        closed=_one_each([each for each in found.closed if each.score >= BY_WORDS])[:NEAREST],
        searched=searched,
        left_out=left_out,
    )
    if not enough(found):
        return looked
    return replace(looked, evidence=_evidence(person, words, candidates))


def counted(person: AbstractUser) -> tuple[int, int]:
    """How many of the person's own texts are open to AI, and how many are not. Two queries a kind."""
    searched = left_out = 0
    for _known, own in own_texts(person):
        closed = own.filter(ai_usage=AIUsage.NONE).count()
        searched += own.count() - closed
        left_out += closed
    return searched, left_out


def found_for(
    person: AbstractUser, words: str, *, earlier: str = "", wish: Wish, zone: tzinfo
) -> Passages:
    """The passages of both legs. What dates the question names narrow it, unless nothing is left then."""
    query = narrowed(parse_question(words, timezone.localdate(timezone=zone)), wish)
    asked, own = asked_for(query.words, earlier), set(asked_for(query.words))
    # "And how did it end?" is about what was asked before; a question with words of its own stands by itself.
    leans = len(own) < STANDS_ALONE and bool(earlier)
    whole = set(asked) if leans or not own else own
    meant = f"{earlier} {query.words}" if leans else query.words
    vector = embed_query(meant, by=person) if query.words else None
    scope = legs.Scope(person, person.pk, zone)
    if query.guessed and not asked:
        return _of_days(scope, query)
    found = legs.passages(scope, query, asked, whole=whole, vector=vector, depth=DEPTH)
    if not (found.words or found.meaning or found.closed) and query.guessed:
        undated = replace(query, days=wish.days)
        found = legs.passages(scope, undated, asked, whole=whole, vector=vector, depth=DEPTH)
    return found


def _of_days(scope: legs.Scope, query: Query) -> Passages:
    """The newest texts of the days a question names, when it names nothing else."""
    newest = [replace(place, score=1.0) for place in islice(legs.newest(scope, query), DEPTH)]
    open_, closed = legs.by_openness(scope, {place.ref for place in newest})
    return Passages(
        words=[place for place in newest if place.ref in open_],
        closed=[place for place in newest if place.ref in closed],
    )


def parse_question(words: str, today: date) -> Query:
    """The question as a search. Quotation marks ask for nothing more than their words here."""
    query = parse(words.translate({ord(mark): " " for mark in '"“”„‟:?¿？'}), today)
    return replace(query, exact=(), without=(), tags=(), sites=(), kinds=frozenset(), by="")


def narrowed(query: Query, wish: Wish) -> Query:
    days = wish.days if wish.days != ALWAYS else query.days
    return replace(query, days=days, tags=wish.tags, guessed=query.guessed and days is query.days)


def asked_for(words: str, earlier: str = "") -> dict[Term, float]:
    """The terms of a question with their weights, without what makes it one; those of the question before count half."""
    asked = {
        term: weight * ENDING_WEIGHT if _HIRAGANA.search(term.word) else weight
        for term, weight in lexicon.asked_for(bare(words)).items()
    }
    for term, weight in lexicon.asked_for(bare(earlier)).items():
        asked.setdefault(term, weight * EARLIER_WEIGHT)
    return asked


def bare(words: str) -> str:
    """The question without what makes it one."""
    return _COURTESIES.sub(" ", words)


def enough(found: Passages) -> bool:
    """Whether any passage is near enough to answer from."""
    return any(each.nearness >= 1.0 for each in _judged(found))


def _judged(found: Passages) -> list[_Candidate]:
    """Each passage with how far it is towards being enough: 1 is at the threshold of its leg."""
    nearness: dict[Place, float] = {}
    for place in found.words:
        nearness[place] = place.score / BY_WORDS
    judged = [_Candidate(place, value) for place, value in nearness.items()]
    judged += [_Candidate(place, place.score / BY_MEANING) for place in found.meaning]
    return judged


def _candidates(found: Passages) -> list[_Candidate]:
    """The passages of both legs in one order, at most three of a text."""
    keyed = {(each.place.ref, each.place.start): each for each in reversed(_judged(found))}
    best: dict[tuple[Ref, int], float] = defaultdict(float)
    for each in _judged(found):
        key = each.place.ref, each.place.start
        best[key] = max(best[key], each.nearness)
    fused = fuse(
        [
            Leg(list(dict.fromkeys((place.ref, place.start) for place in found.words))),
            Leg(
                list(dict.fromkeys((place.ref, place.start) for place in found.meaning)),
                LOCAL.weight,
            ),
        ],
        at=lambda key: keyed[key].place.at,
        name=lambda key: f"{key[0]} {key[1]}",
    )
    of_text: dict[Ref, int] = defaultdict(int)
    kept: list[_Candidate] = []
    for key, _score in fused:
        of_text[key[0]] += 1
        if of_text[key[0]] <= MOST_OF_ONE:
            kept.append(_Candidate(keyed[key].place, best[key]))
    return kept[:CANDIDATES]


def _one_each(places: Sequence[Place]) -> list[Place]:
    """The best place of each text."""
    best: dict[Ref, Place] = {}
    for place in places:
        best.setdefault(place.ref, place)
    return list(best.values())


def _evidence(person: AbstractUser, words: str, candidates: Sequence[_Candidate]) -> list[Evidence]:
    """The stretches a model is given, chosen for what each adds, widened to sentences, in the order of time."""
    opened = _read(person, candidates)
    standing = [
        each
        for each in candidates
        if each.place.ref in opened and opened[each.place.ref].rev == each.place.rev
    ]
    stems = [_stems(opened[each.place.ref], each.place) for each in standing]
    order = diversified(
        [1 - index / len(standing) for index in range(len(standing))],
        lambda one, other: _jaccard(stems[one], stems[other]),
        most=MOST_PASSAGES,
    )
    chosen = [_widened(opened[standing[index].place.ref], standing[index]) for index in order]
    merged = _merged(_fitting(chosen))
    return sorted(
        merged, key=lambda each: (str(each.passage.at), str(each.passage.ref), each.start)
    )


def _read(person: AbstractUser, candidates: Sequence[_Candidate]) -> Mapping[Ref, Passage]:
    refs = list(dict.fromkeys(each.place.ref for each in candidates[: 2 * MOST_PASSAGES]))
    return read_all(refs, purpose=Purpose.ASK, asker=person)


def _stems(passage: Passage, place: Place) -> frozenset[str]:
    return frozenset(word.text for word in tokens(passage.text[place.start : place.end]))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


def _widened(passage: Passage, candidate: _Candidate) -> Evidence:
    """The passage up to the ends of the sentences it touches."""
    start, end = candidate.place.start, min(candidate.place.end, len(passage.text))
    for first, last in sentences(passage.text):
        if first < start < last:
            start = first
        if first < end < last:
            end = last
    foreign = genre_of(passage.ref) == Genre.READING
    return Evidence(passage, start, end, candidate.nearness, foreign)


def genre_of(ref: Ref) -> str:
    """Whether the person wrote it or keeps what others wrote: told by its kind."""
    return Genre.DIARY if ref.kind == legs.KINDS["journal"] else Genre.READING


def _fitting(chosen: Sequence[Evidence]) -> list[Evidence]:
    left = MOST_CHARS
    kept: list[Evidence] = []
    for each in chosen:
        end = min(each.end, each.start + left)
        if end <= each.start:
            break
        kept.append(replace(each, end=end))
        left -= end - each.start
    return kept


def _merged(chosen: Sequence[Evidence]) -> list[Evidence]:
    """Stretches of one text that touch or overlap made one."""
    merged: list[Evidence] = []
    for each in sorted(chosen, key=lambda each: (str(each.passage.ref), each.start)):
        last = merged[-1] if merged else None
        if last and last.passage.ref == each.passage.ref and each.start <= last.end + 2:
            merged[-1] = replace(
                last, end=max(last.end, each.end), nearness=max(last.nearness, each.nearness)
            )
        else:
            merged.append(each)
    return merged
