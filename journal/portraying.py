"""AI's picture of its person: what models are asked for, what of their answers stands, and the picture made by rule.

An entry gives a note, a month's notes a digest, the digests a portrait. Nothing stands in one of them that does not
lead back to a passage of an entry.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import regex
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from journal.models.portraits import (
    BULLET,
    STRUCK,
    ItemJSON,
    LineJSON,
    is_heading,
)
from writeorperish.ai.composing import label, numbered
from writeorperish.ai.lexical import fold, sentences, tokens
from writeorperish.ai.parts import Cut, Slots
from writeorperish.ai.twins import Offline, offline
from writeorperish.crypto.fields import JSON
from writeorperish.privacy.reading import Passage

NOTE: Final = "journal/note"
DIGEST: Final = "journal/month_digest"
PORTRAIT: Final = "journal/portrait"

# What one call reads at most, and the stretch in which a longer entry is read (about 8,000 and 6,000 tokens).
CALL_ENTRIES: Final = 12
CALL_CHARS: Final = 24_000
WINDOW_CHARS: Final = 18_000
MOST_ITEMS: Final = 8
ITEM_CHARS: Final = 160
# A month that says no more than this is its own digest: about 400 tokens.
DIGEST_CHARS: Final = 1_200
MOST_LINES: Final = 12
NOTES_CHARS: Final = 34_000
MOST_MONTHS: Final = 24
MOST_SENTENCES: Final = 10
SENTENCE_CHARS: Final = 300
MOST_PLACES: Final = 5
# How many sentences the rule takes of an entry, and for a part of the portrait.
PICKED: Final = 6
PICKED_OF_A_KIND: Final = 2
SENTENCE_AT_LEAST: Final = 20
PICKED_FOR_A_PART: Final = 6

LABEL: Final = regex.compile(r"([A-Z]{1,3})\s?(\d{1,3})")
LINE: Final = regex.compile(r"(\d+)\. (\w+): (.*)")
MARKUP: Final = regex.compile(r"\s*(?:(?:#{1,6}|[>*+-]|\d{1,3}[.)])\s+)+")
LETTERS: Final = regex.compile(r"[\p{L}\p{M}]+")


class Kind(StrEnum):
    """What a note says something about."""

    THEME = "theme"
    VALUE = "value"
    PERSON = "person"
    PLAN = "plan"
    FEELING = "feeling"
    QUESTION = "question"


PARTS: Final[dict[str, Promise]] = {
    "busy": _("What you are busy with"),
    "matters": _("What matters to you"),
    "thinking": _("How you think and write"),
    "questions": _("Open questions"),
}
# Which notes the rule puts where.
KINDS_OF: Final = {
    "busy": {Kind.PLAN, Kind.THEME, Kind.PERSON},
    "matters": {Kind.VALUE},
    "thinking": {Kind.FEELING},
    "questions": {Kind.QUESTION},
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a note says, and the stretch of its entry that says it."""

    kind: str
    text: str = field(repr=False)
    start: int
    end: int

    def as_json(self) -> dict[str, JSON]:
        return {"kind": self.kind, "text": self.text, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Place:
    """A passage of an entry, in one revision of it."""

    node: UUID
    rev: int
    start: int
    end: int

    def as_json(self) -> dict[str, JSON]:
        return {"node": str(self.node), "rev": self.rev, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a digest, and what it rests on."""

    kind: str
    text: str = field(repr=False)
    places: tuple[Place, ...]

    def as_json(self) -> dict[str, JSON]:
        return {
            "kind": self.kind,
            "text": self.text,
            "places": [place.as_json() for place in self.places],
        }


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a portrait, in its part, and what it rests on."""

    part: str
    text: str = field(repr=False)
    places: tuple[Place, ...]


def lines_from(rows: Sequence[LineJSON]) -> list[Line]:
    return [
        Line(
            row["kind"],
            row["text"],
            tuple(
                Place(UUID(each["node"]), each["rev"], each["start"], each["end"])
                for each in row["places"]
            ),
        )
        for row in rows
    ]


def numbered_lines(rows: Sequence[ItemJSON] | Sequence[LineJSON]) -> str:
    """A note or a digest as it is read: one numbered line for each thing it says."""
    return "\n".join(f"{n}. {row['kind']}: {row['text']}" for n, row in enumerate(rows, 1))


# What is read in one call


def first_call(passages: Sequence[Passage]) -> list[Cut]:
    """What the next call reads: as many of these entries as fit, or all stretches of the first, if it is long."""
    if not passages:
        return []
    if len(passages[0].text) > WINDOW_CHARS:
        return [Cut(passages[0], *stretch) for stretch in windows(passages[0].text)]
    chosen: list[Cut] = []
    left = CALL_CHARS
    for passage in passages[:CALL_ENTRIES]:
        left -= len(passage.text)
        if left < 0 or len(passage.text) > WINDOW_CHARS:
            break
        chosen.append(Cut(passage, 0, len(passage.text)))
    return chosen


def windows(text: str, *, chars: int = WINDOW_CHARS) -> list[tuple[int, int]]:
    """The stretches a text is read in, one after the other, cut between words where there are any."""
    found = []
    start = 0
    while len(text) - start > chars:
        space = max(text.rfind("\n", start, start + chars), text.rfind(" ", start, start + chars))
        end = space + 1 if space > start + chars // 2 else start + chars
        found.append((start, end))
        start = end
    return [*found, (start, len(text))]


def fair_cuts(passages: Sequence[Passage], *, chars: int = NOTES_CHARS) -> list[Cut]:
    """Of each of these texts as many lines as its share holds, the first at least: none is left out for another."""
    share = chars // max(1, len(passages))
    cuts = []
    for passage in passages:
        end = len(passage.text)
        if end > share:
            at = passage.text.rfind("\n", 0, share)
            end = at if at > 0 else end if (at := passage.text.find("\n")) < 0 else at
        cuts.append(Cut(passage, 0, end))
    return cuts


# What of an answer stands


def items_in(data: object, cuts: Sequence[Cut]) -> dict[int, list[Item]]:
    """The items of a model's answer by the number of the stretch they are about; nothing that quotes what is not there.

    A stretch the model left out is not among them.
    """
    found: dict[int, list[Item]] = {}
    for entry in rows_in(data, "entries"):
        index = index_of(str(entry["label"]), len(cuts))
        if index is not None:
            found.setdefault(index, []).extend(quoted_items(entry["items"], cuts[index]))
    return {index: items[:MOST_ITEMS] for index, items in found.items()}


def rows_in(data: object, name: str) -> list[Mapping[str, Any]]:
    """The list of this name in data whose shape was checked."""
    return list(data[name]) if isinstance(data, Mapping) else []


def index_of(letters: str, count: int) -> int | None:
    try:
        index = numbered(letters.strip())
    except ValueError:
        return None
    return index if index < count else None


def quoted_items(rows: Iterable[Mapping[str, str]], cut: Cut) -> Iterator[Item]:
    for row in rows:
        quote, text = row["quote"].strip(), one_line(row["text"], ITEM_CHARS)
        at = cut.passage.text.find(quote, cut.start, cut.end) if quote else -1
        if at >= 0 and text:
            yield Item(row["kind"], text, at, at + len(quote))


def one_line(text: str, chars: int) -> str:
    """The words on one line, at most so many characters of them, without a beginning that Markdown would read."""
    words = " ".join(text.split())
    marks = MARKUP.match(words)
    words = words[marks.end() :] if marks else words
    return words if len(words) <= chars else words[:chars].rsplit(" ", 1)[0]


def together(parts: Sequence[Sequence[Item]]) -> list[Item]:
    """The items of one entry that was read in stretches: of each in turn, in the order of the text."""
    taken = [item for turn in zip_longest(*parts) for item in turn if item is not None][:MOST_ITEMS]
    return sorted(taken, key=lambda item: item.start)


def lines_in(data: object, notes: Sequence[Sequence[Line]]) -> list[Line]:
    """The lines of a model's digest that rest on a note; `notes` are the lines it was given, by letter and number."""
    found = []
    for row in rows_in(data, "lines")[:MOST_LINES]:
        places, text = places_of(row["from"], notes), one_line(row["text"], ITEM_CHARS)
        if places and text:
            found.append(Line(row["kind"], text, places))
    return found


def statements_in(data: object, months: Sequence[Sequence[Line]]) -> list[Statement]:
    """The sentences of a model's portrait that rest on a line, part by part."""
    found = []
    for part in PARTS:
        for row in rows_in(data, part)[:MOST_SENTENCES]:
            places, text = places_of(row["from"], months), one_line(row["text"], SENTENCE_CHARS)
            if places and text:
                found.append(Statement(part, text, places))
    return found


def places_of(named: Iterable[str], given: Sequence[Sequence[Line]]) -> tuple[Place, ...]:
    """Where the lines that are named by letter and number lead; a name that leads nowhere is no one."""
    found: dict[Place, None] = {}
    for each in named:
        match = LABEL.fullmatch(each.strip())
        index = index_of(match[1], len(given)) if match else None
        if match and index is not None and 0 < int(match[2]) <= len(given[index]):
            found.update(dict.fromkeys(given[index][int(match[2]) - 1].places))
    return tuple(found)[:MOST_PLACES]


def short_enough(notes: Sequence[Sequence[Line]]) -> bool:
    """Whether the notes of a month need no digest."""
    return sum(len(line.text) for note in notes for line in note) <= DIGEST_CHARS


# The body of a portrait


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a portrait's body. `number` counts from 0 over the whole body."""

    heading: str = field(repr=False)
    text: str = field(repr=False)
    number: int

    @property
    def struck(self) -> bool:
        return self.text == STRUCK


def body_of(statements: Sequence[tuple[str, str]]) -> str:
    """The body of these sentences, each with its heading; what has the same heading stands together."""
    lines: list[str] = []
    for heading in dict.fromkeys(heading for heading, _text in statements):
        lines += [f"## {heading}", ""] if heading else []
        lines += [f"{BULLET}{text}" for each, text in statements if each == heading]
        lines.append("")
    return "\n".join(lines).strip()


def sentences_of(body: str) -> list[Sentence]:
    """The sentences of a body in their order, one a line."""
    found: list[Sentence] = []
    heading = ""
    for line in body.splitlines():
        if is_heading(line):
            heading = line.lstrip("#").strip()
        elif line.strip():
            found.append(Sentence(heading, line.strip().removeprefix(BULLET), len(found)))
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence of two bodies: in both, only in the newer, or only in the older. `number` is that of its body."""

    kind: str
    sentence: Sentence


def changes(before: str, after: str) -> list[Change]:
    """The way from one body to the other, sentence by sentence: what stays and comes in the new order, then what goes."""
    old, new = sentences_of(before), sentences_of(after)
    standing, coming = {each.text for each in old}, {each.text for each in new}
    return [
        *(Change("same" if each.text in standing else "added", each) for each in new),
        *(Change("dropped", each) for each in old if each.text not in coming),
    ]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence taken into a new body, and whether it comes from the proposal."""

    sentence: Sentence
    proposed: bool


def choose(
    current: str, proposed: str, *, take: Iterable[int], drop: Iterable[int]
) -> list[Chosen]:
    """The current sentences without the dropped ones, and under their headings the proposed ones that are taken."""
    dropped, taken = set(drop), set(take)
    kept = [Chosen(each, False) for each in sentences_of(current) if each.number not in dropped]
    standing = {each.sentence.text for each in kept}
    new = [
        Chosen(each, True)
        for each in sentences_of(proposed)
        if each.number in taken and each.text not in standing
    ]
    headings = dict.fromkeys(each.sentence.heading for each in chain(kept, new))
    return [
        each for heading in headings for each in (*kept, *new) if each.sentence.heading == heading
    ]


# By rule


@offline(NOTE)
def note_by_rule(slots: Slots) -> Offline:
    """The most telling sentences of each entry, word for word."""
    entries = [
        {"label": label(index), "items": [picked_json(cut, span) for span in telling(cut)]}
        for index, cut in enumerate(cuts_in(slots, "entries"))
    ]
    return Offline(data={"entries": entries})


def cuts_in(slots: Slots, name: str) -> list[Cut]:
    given = slots.get(name)
    parts = given if isinstance(given, Sequence) else ()
    return [
        each if isinstance(each, Cut) else Cut(each, 0, len(each.text))
        for each in parts
        if isinstance(each, Cut | Passage)
    ]


def picked_json(cut: Cut, span: tuple[int, int]) -> dict[str, str]:
    words = cut.passage.text[span[0] : span[1]]
    return {"kind": kind_of(words), "text": words, "quote": words}


def telling(cut: Cut) -> list[tuple[int, int]]:
    """The sentences whose words come back most in the text, two of a kind at most, in their order; equals by place.

    What says more than that something happened counts half as much again, a few words half as much.
    """
    text = cut.passage.text
    found: dict[str, tuple[int, int]] = {}
    for start, end in own_sentences(text, cut.start, cut.end):
        found.setdefault(text[start:end], (start, end))
    stems = {words: {word.text for word in tokens(words)} for words in found}
    often = Counter(stem for each in stems.values() for stem in each)
    kind = {words: kind_of(words) for words in found}
    score = {
        words: sum(often[stem] for stem in each)
        / (3 + len(each))
        * (1 if kind[words] == Kind.THEME else 1.5)
        * (0.5 if len(words) < SENTENCE_AT_LEAST else 1)
        for words, each in stems.items()
    }
    best = sorted(found, key=lambda words: (-score[words], found[words]))
    taken: Counter[str] = Counter()
    chosen: list[tuple[int, int]] = []
    for words in best:
        if taken[kind[words]] < PICKED_OF_A_KIND and len(chosen) < PICKED:
            taken[kind[words]] += 1
            chosen.append(found[words])
    return sorted(chosen)


def own_sentences(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The sentences of a stretch without the marks before them, short enough for a note; no quotation of others."""
    for begin, stop in sentences(text[first:last]):
        start, end = bare(text, first + begin, first + stop), first + stop
        if start < end <= start + ITEM_CHARS and own_words(text, first + begin):
            yield start, end


def bare(text: str, start: int, end: int) -> int:
    """Where a sentence begins after the marks of a list or heading."""
    match = MARKUP.match(text, start, end)
    return match.end() if match else start


def own_words(text: str, start: int) -> bool:
    """False for what is no sentence of one's own: quotations, headings, tables, pictures, code."""
    others = text.startswith((">", "|", "`", "~", "<", "{quote", "![", "**"), start)
    return not others and not is_heading(text[start : start + 8])


def kind_of(words: str) -> str:
    """What a sentence is about, by the first of its words that tells; a theme where none does."""
    if words.rstrip().endswith(("?", "？", "؟")):
        return Kind.QUESTION
    known = kinds()
    for word in LETTERS.findall(fold(words).text):
        if word in known:
            return known[word]
    return Kind.THEME


@cache
def kinds() -> Mapping[str, str]:
    """The words of the shipped list, folded, and what they tell; the first that names a word has it."""
    found: dict[str, str] = {}
    path = Path(__file__).parent / "lexicons" / "kinds.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, colon, words = line.partition(":")
        if colon and not line.startswith("#"):
            for word in words.split():
                found.setdefault(word, kind)
    return found


@offline(DIGEST)
def digest_by_rule(slots: Slots) -> Offline:
    """Of each kind in turn the newest notes, word for word, up to twelve."""
    by_kind: dict[str, list[dict[str, object]]] = {kind: [] for kind in Kind}
    for index, kind, number, text in reversed(list(read_lines(slots, "notes"))):
        if kind in by_kind:
            place = f"{label(index)}{number}"
            by_kind[kind].append({"kind": kind, "text": text, "from": [place]})
    turns = zip_longest(*by_kind.values())
    return Offline(data={"lines": [row for turn in turns for row in turn if row][:MOST_LINES]})


def read_lines(slots: Slots, name: str) -> Iterator[tuple[int, str, int, str]]:
    """Each numbered line of these texts: which text, what kind, its number, its words."""
    for index, cut in enumerate(cuts_in(slots, name)):
        for match in map(LINE.fullmatch, cut.words.splitlines()):
            if match:
                yield index, match[2], int(match[1]), match[3]


@offline(PORTRAIT)
def portrait_by_rule(slots: Slots) -> Offline:
    """Each part filled with lines of its kinds, word for word, the newest months first."""
    lines = list(read_lines(slots, "months"))
    data = {}
    for part, its_kinds in KINDS_OF.items():
        chosen: dict[str, str] = {}
        for index, kind, number, text in lines:
            if kind in its_kinds:
                chosen.setdefault(text, f"{label(index)}{number}")
        rows = [{"text": text, "from": [place]} for text, place in chosen.items()]
        data[part] = rows[:PICKED_FOR_A_PART]
    return Offline(data=data)
