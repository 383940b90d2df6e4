"""What somebody is writing about just now: the words around the last ones, with their weights, and their meaning.

Words are counted on this server, whatever the text says of AI. Meaning is made only of parts that passed the reading
door; a text that is closed to AI has none, and nothing of it is embedded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import regex
from django.contrib.auth.models import AbstractUser

from download import addresses, legs, themes
from download.legs import Weighed
from download.lexicon import Namespace, Term
from writeorperish.ai import gateway
from writeorperish.ai.embeddings import mean_of, middle_of
from writeorperish.ai.lexical import paragraphs, tokens
from writeorperish.ai.models import Vector
from writeorperish.ai.parts import CapabilityOff, Cut, Typed
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import SOURCES, Passage, Unsaved, read, read_all, read_unsaved
from writeorperish.refs import Ref

FEWEST_WORDS: Final = 12
HEAVIEST: Final = 12
MOST_TERMS: Final = 400
PARAGRAPH: Final = 1.0
REST: Final = 0.5
ABOVE: Final = 0.3
# A hundred words and what stands around them: the encoder takes its time, and somebody is writing.
PARAGRAPH_CHARS: Final = 700
BEFORE_CHARS: Final = 300
AFTER_CHARS: Final = 150
ABOVE_CHARS: Final = 200
MOST_ABOVE: Final = 3

_ADDRESS = regex.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]+", regex.IGNORECASE)
_TRAILING = ".,;:!?*_"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of what is written, and how much it counts. `seen` is what the encoder may be given; None is nothing."""

    words: str = field(repr=False)
    weight: float
    seen: Cut | Typed | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What suggestions are made for. `source` is the text, None for words that are not kept.

    `terms`: up to 12, the heaviest first, with what each tells apart in `known`. `closed`: AI is off for this text,
    so that words are all there is. `addresses` stand in the text.
    """

    source: Ref | None
    terms: tuple[Term, ...] = field(default=(), repr=False)
    known: Weighed | None = field(default=None, repr=False)
    themes: tuple[str, ...] = field(default=(), repr=False)
    addresses: frozenset[str] = field(default=frozenset(), repr=False)
    closed: bool = False

    @property
    def says_enough(self) -> bool:
        """Whether there are words enough to suggest anything for."""
        return self.known is not None


@dataclass(frozen=True, slots=True)
class Words:
    """What is written, before anything was looked up. Costs nothing but reading."""

    source: Ref | None
    parts: Sequence[Part]
    text: str = field(repr=False)
    closed: bool
    # Of a saved text, whose vectors stand already.
    saved: Passage | None = field(default=None, repr=False)
    draft: UUID | None = None


def of_draft(person: AbstractUser, unsaved: Unsaved, *, at: int | None = None) -> Words:
    """The words of a text that is being written; `at` is the place of its caret. Reads through the door.

    Up to six queries, and one entry in the person's log for what may be given to the encoder.
    """
    passage = read_unsaved(unsaved, purpose=Purpose.RECOMMEND)
    stretches = around(unsaved.text, at)
    parts = [
        Part(
            unsaved.text[start:end],
            weight,
            Cut(passage, start, end) if passage is not None else None,
        )
        for start, end, weight in stretches
    ]
    closed = passage is None
    parts += [*_titled(unsaved.title), *_above(person, unsaved.above, closed=closed)]
    source = unsaved.changes or unsaved.ref
    return Words(source, parts, unsaved.text, closed, draft=unsaved.ref.id)


def of_typed(text: str, *, ai_usage: str, at: int | None = None) -> Words:
    """The words of a text that is used and not kept."""
    closed = ai_usage == AIUsage.NONE
    parts = [
        Part(text[start:end], weight, None if closed else Typed(text[start:end]))
        for start, end, weight in around(text, at)
    ]
    return Words(None, parts, text, closed)


def of_saved(person: AbstractUser, ref: Ref) -> Words | None:
    """The words of a text of the person's own that is saved, None when it is not there or not theirs."""
    known = SOURCES.get(ref.kind)
    if known is None or not known.searched:
        return None
    rows = known.model._default_manager.editable_by(person)  # type: ignore[attr-defined]  # guarded
    row = rows.filter(pk=ref.id).first()
    if row is None or not known.readable(row):
        return None
    opened = read(ref, purpose=Purpose.RECOMMEND, asker=person)
    passage = opened or read(ref, purpose=Purpose.INDEX, asker=person)
    if passage is None:
        return None
    parts = [Part(passage.text, PARAGRAPH)]
    parts += [
        *_titled(passage.title),
        *_above(person, known.above(row), closed=opened is None),
    ]
    return Words(ref, parts, passage.text, closed=opened is None, saved=passage)


def around(text: str, at: int | None) -> list[tuple[int, int, float]]:
    """The paragraph of the caret, else the last one, and what stands around it: start, end and weight of each."""
    spans = paragraphs(text)
    if not spans:
        return []
    place = len(text) if at is None else min(max(at, 0), len(text))
    reached = [span for span in spans if span[0] <= place]
    first, last = reached[-1] if reached else spans[0]
    start = (
        max(first, min(last, place) - PARAGRAPH_CHARS) if last - first > PARAGRAPH_CHARS else first
    )
    end = min(last, start + PARAGRAPH_CHARS)
    found = [
        (start, end, PARAGRAPH),
        (max(0, start - BEFORE_CHARS), start, REST),
        (end, min(len(text), end + AFTER_CHARS), REST),
    ]
    return [each for each in found if text[each[0] : each[1]].strip()]


def _titled(title: str) -> list[Part]:
    """The words of a title. Its meaning is left out: it draws short texts towards each other."""
    return [Part(title, PARAGRAPH)] if title.strip() else []


def _above(person: AbstractUser, above: Sequence[Ref], *, closed: bool) -> list[Part]:
    """The beginnings of the person's own texts that this one goes on from."""
    refs = list(above)[:MOST_ABOVE]
    # Another's entry is shown beside a reply to it. It is theirs, and nothing is made of it here.
    own = {
        ref: passage
        for ref, passage in read_all(refs, purpose=Purpose.INDEX, asker=person).items()
        if passage.owner_id == person.pk
    }
    opened = {} if closed else read_all(list(own), purpose=Purpose.RECOMMEND, asker=person)
    return [
        Part(passage.text[:ABOVE_CHARS], ABOVE, _beginning(opened.get(ref)))
        for ref, passage in own.items()
    ]


def _beginning(passage: Passage | None) -> Cut | None:
    return Cut(passage, 0, min(len(passage.text), ABOVE_CHARS)) if passage is not None else None


def looked_up(person: AbstractUser, words: Words) -> Context:
    """What is written, weighed with the person's own counts; of too few words nothing is made.

    Two or three queries.
    """
    told = Context(words.source, addresses=frozenset(addresses_in(words.text)), closed=words.closed)
    if content_words(words.text) < FEWEST_WORDS:
        return told
    weights = weighted_terms(words.parts)
    known = legs.weighed(person.pk, weights)
    rarity = {term.word: told for term, told in known.rarity.items()}
    named = themes.themes_in(words.text[-themes.SENT_CHARS :], rarity)
    for word in tokens(" ".join(named)):
        term = Term(Namespace.WORD, word.text)
        if term in weights:
            weights[term] = PARAGRAPH
    return Context(
        source=words.source,
        terms=heaviest(weights, known),
        known=known,
        themes=tuple(named),
        addresses=told.addresses,
        closed=words.closed,
    )


def content_words(text: str) -> int:
    """How many words say something, as far as it matters: enough is enough."""
    count = 0
    for word in tokens(text):
        count += word.whole
        if count >= FEWEST_WORDS:
            break
    return count


def weighted_terms(parts: Iterable[Part]) -> dict[Term, float]:
    """Each word with the weight of the heaviest part it stands in: at most 400, those of heavy parts first."""
    weights: dict[Term, float] = {}
    for part in sorted(parts, key=lambda part: -part.weight):
        for word in tokens(part.words):
            if len(weights) >= MOST_TERMS:
                return weights
            weights.setdefault(Term(Namespace.WORD, word.text), part.weight)
    return weights


def heaviest(
    weights: dict[Term, float], known: Weighed, *, most: int = HEAVIEST
) -> tuple[Term, ...]:
    """The terms of most weight · rarity. Words that stand nowhere yet come after all that do.

    They are the rarest, and would leave no room for any that can be found; they count towards what is not shared.
    """
    order = sorted(
        weights,
        key=lambda term: (not known.known(term), -weights[term] * known.rarity[term], term.word),
    )
    return tuple(order[:most])


def vector_of(person: AbstractUser, words: Words) -> Vector | None:
    """The weighted middle of the parts that may be given to the encoder; None without any, or without encoder.

    Up to six short texts to encode, together about as long as two passages: 20 to 100 ms.
    """
    if words.closed or not gateway.capable("embed").on:
        return None
    made: list[tuple[Vector, float]] = []
    if words.saved is not None:
        vector = middle_of(words.saved.ref, of=person.pk)
        made += [(vector, PARAGRAPH)] if vector is not None else []
    cuts = [(part.seen, part.weight) for part in words.parts if isinstance(part.seen, Cut)]
    typed = [(part.seen, part.weight) for part in words.parts if isinstance(part.seen, Typed)]
    try:
        if cuts:
            found = gateway.embed([cut for cut, _ in cuts], spender=person.pk, feature="download")
            made += list(zip(found, (weight for _, weight in cuts), strict=True))
        for part, weight in typed:
            (vector,) = gateway.embed(part, spender=person.pk, feature="download")
            made.append((vector, weight))
    except CapabilityOff:
        return None
    return mean_of(made)


def addresses_in(text: str) -> set[str]:
    """The canonical addresses of the links that stand in a text."""
    found = (_bare(match[0]) for match in _ADDRESS.finditer(text))
    return {canonical for each in found if (canonical := addresses.canonical(each))}


def _bare(address: str) -> str:
    """The address without what ends the sentence or the brackets it stands in."""
    bare = address.rstrip(_TRAILING)
    while bare.endswith(")") and bare.count(")") > bare.count("("):
        bare = bare[:-1].rstrip(_TRAILING)
    return bare
