"""What an AI reply is made of: which turns a model is given, and the reply that needs no model."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import regex
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from journal.models.nodes import Node
from journal.quoting import MARKER
from writeorperish.ai.composing import number_of
from writeorperish.ai.lexical import tokens
from writeorperish.ai.parts import Cut, Excerpt, Said, Slots
from writeorperish.ai.twins import Offline, offline
from writeorperish.privacy.reading import Passage

PROMPT: Final = "journal/reply"
# Characters of a conversation that are read at most; the prompt cuts further where a model needs it.
CONVERSATION_CHARS: Final = 36_000
RELATED: Final = 4
SENTENCES: Final = 3
SENTENCE: Final = regex.compile(
    r"(?<=^|\n|[.!?…][\"”’)]?\s)(?![\s#>*-])[^.!?…\n]+[.!?…]+(?=[\"”’)]?(?:\s|$))"
)
CITED: Final = regex.compile(r"\[\[(?P<letters>[A-Za-z]{1,3})\]\]")
# What stands around each text that a model is given, with its letter and date.
STAMP: Final = regex.compile(r"</?text-[a-z0-9]{8}(?: [^<>\n]{0,80})?>\n?")
SENTENCE_CHARS: Final = range(20, 280)


def window(lengths: Sequence[int], *, chars: int = CONVERSATION_CHARS) -> list[int]:
    """Which of these turns a conversation holds, by their place: the first, and the newest that fit."""
    if not lengths:
        return []
    left = chars - min(lengths[0], chars // 2)
    newest: list[int] = []
    for index in range(len(lengths) - 1, 0, -1):
        left -= min(lengths[index], chars // 2)
        if left < 0 and newest:
            break
        newest.append(index)
    return [0, *reversed(newest)]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage, word for word, and where it stands in it."""

    passage: Passage
    start: int
    end: int
    shared: int = field(default=0)

    @property
    def words(self) -> str:
        return self.passage.text[self.start : self.end]


@offline(PROMPT)
def reply_by_rule(slots: Slots) -> Offline:
    """Up to three sentences of earlier entries that share words with this one, dated and linked; then a question.

    Without anything related the question alone: it does not pretend to understand.
    """
    thread, related = slots["thread"], slots.get("related") or ()
    last = newest_text(thread) if isinstance(thread, Sequence) else ""
    wanted = {word.text for word in tokens(last)}
    found = [
        sentence
        for passage in (related if isinstance(related, Sequence) else ())
        if (text := passage_in(passage)) and (sentence := best_sentence(text, wanted))
    ]
    best = sorted(found, key=lambda each: -each.shared)[:SENTENCES]
    by_date = sorted(best, key=lambda each: str(each.passage.at))
    lines = [quoted(each) for each in by_date]
    return Offline("\n\n".join([*lines, question_for(last)]))


def newest_text(thread: Sequence[object]) -> str:
    texts = [
        text.text
        for each in thread
        if isinstance(each, Said) and (text := passage_in(each.part)) is not None
    ]
    return texts[-1] if texts else ""


def passage_in(part: object) -> Passage | None:
    """The text a part holds words of; None for a fact."""
    whole = part.passage if isinstance(part, Excerpt) else part
    return whole if isinstance(whole, Passage) else None


def best_sentence(passage: Passage, wanted: set[str]) -> Sentence | None:
    """The sentence that shares most words, the first of equals; None when none shares any."""
    best = max(scored(passage, wanted), key=lambda each: each.shared, default=None)
    return best if best and best.shared else None


def scored(passage: Passage, wanted: set[str]) -> Iterator[Sentence]:
    for match in SENTENCE.finditer(passage.text):
        if len(match.group()) not in SENTENCE_CHARS:
            continue
        shared = len({word.text for word in tokens(match.group())} & wanted)
        yield Sentence(passage, match.start(), match.end(), shared)


def quoted(sentence: Sentence) -> str:
    return f"> {sentence.words}\n>\n> {link_to(sentence.passage, sentence.start, sentence.end)}"


def link_to(passage: Passage, start: int, end: int) -> str:
    """A link to a passage of an entry that says its day, in Markdown."""
    place = f"{reverse('journal:node', args=[passage.ref.id])}?at={start}-{end}"
    day = date_format(passage.at, "j F Y") if passage.at else _("earlier")
    return f"[{day}]({place})"


def cited(text: str, read: Sequence[Cut]) -> str:
    """A model's words with a link in place of each letter of an entry it was given.

    Other letters go, and so do quote markers: a model may point at nothing but what it read.
    """
    words = MARKER.sub("", unstamped(text))
    return CITED.sub(lambda match: citation(match["letters"], read), words)


def unstamped(text: str) -> str:
    """A model's words without the lines that were put around texts for it alone."""
    return STAMP.sub("", text)


def citation(letters: str, read: Sequence[Cut]) -> str:
    number = number_of(letters)
    if not 0 <= number < len(read) or read[number].passage.ref.kind != Node._meta.label_lower:
        return ""
    cut = read[number]
    return link_to(cut.passage, cut.start, cut.end)


def question_for(text: str) -> str:
    """One of the shipped questions: the same text gets the same one."""
    asked = questions()
    return asked[int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % len(asked)]


@cache
def questions() -> Sequence[str]:
    return (
        (Path(__file__).parent / "lexicons" / "questions.txt")
        .read_text(encoding="utf-8")
        .splitlines()
    )
