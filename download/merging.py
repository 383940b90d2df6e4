"""What a row of a file adds to a link that is kept already: the same judgement for the check and the import."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from download.formats.found import Found, Mark
from download.models.items import MOST_TAGS, NOTE_CHARS, TITLE_CHARS
from writeorperish.ops.once import uuid_or_none

EXTRA_BYTES: Final = 16_000


@dataclass(slots=True, repr=False)
class Standing:
    """A link as far as a further row can change it.

    tags: keyed tokens. quotes: its marked words, folded, and how often. reviewed: it was answered in a review.
    """

    title: str = ""
    note: str = ""
    tags: set[int] = field(default_factory=set)
    saved_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    quotes: Counter[str] = field(default_factory=Counter)
    has_text: bool = False
    reviewed: bool = False


@dataclass(slots=True, repr=False)
class Change:
    """What a row changed of a link. before: the old values. left_out: the reason code of what found no room."""

    before: dict[str, Any] = field(default_factory=dict)
    tags: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    text: str = ""
    review: bool = False
    left_out: str = ""

    def __bool__(self) -> bool:
        return bool(self.before or self.tags or self.marks or self.text or self.review)


def take_in(
    standing: Standing, row: Found, tags: Sequence[int], *, remembers: bool = False
) -> Change:
    """What the row adds to the link, which has it from now on. tags: the tokens of the row's, in its order.

    A title only where there is none, a note after the one there is, tags united up to 30, the earliest date,
    unknown fields and marked words that were not there, a text where there is none; what it `remembers` of
    reviews where there was none. The same row a second time adds nothing.
    """
    change = Change()
    note = row.note.strip()
    if note and note not in standing.note and standing.note.strip() not in note:
        replace(change, standing, "note", f"{standing.note}\n\n{note}".strip()[:NOTE_CHARS])
    elif note and len(note) > len(standing.note):
        replace(change, standing, "note", note[:NOTE_CHARS])
    if not standing.title and row.title.strip():
        replace(change, standing, "title", row.title.strip()[:TITLE_CHARS])
    if row.saved_at and standing.saved_at and row.saved_at < standing.saved_at:
        replace(change, standing, "saved_at", row.saved_at)
    add_tags(change, standing, tags)
    add_extra(change, standing, extra_of(row))
    add_marks(change, standing, row.marks)
    if remembers and not standing.reviewed:
        change.review = standing.reviewed = True
    if row.text.strip() and not standing.has_text:
        change.text, standing.has_text = row.text.strip(), True
    return change


def replace(change: Change, standing: Standing, name: str, value: object) -> None:
    """The new value, and the old one remembered; the same one is no change."""
    old = getattr(standing, name)
    if old != value:
        change.before[name] = old
        setattr(standing, name, value)


def add_tags(change: Change, standing: Standing, tags: Iterable[int]) -> None:
    new = [tag for tag in dict.fromkeys(tags) if tag not in standing.tags]
    room = max(0, MOST_TAGS - len(standing.tags))
    if len(new) > room:
        change.left_out = "tags_left_out"
    change.tags = new[:room]
    standing.tags.update(change.tags)


def add_extra(change: Change, standing: Standing, extra: Mapping[str, Any]) -> None:
    both = {**extra, **standing.extra}
    if both == standing.extra:
        return
    if len(json.dumps(both).encode()) > EXTRA_BYTES:
        change.left_out = "fields_left_out"
    else:
        replace(change, standing, "extra", both)


def add_marks(change: Change, standing: Standing, marks: Iterable[Mark]) -> None:
    """The marks the link does not have; the same words are two marks where they were marked at two moments."""
    told: set[tuple[str, datetime | None]] = set()
    counted: Counter[str] = Counter()
    for mark in marks:
        words = folded(mark.quote)
        if not words or (words, mark.made_at) in told:
            continue
        told.add((words, mark.made_at))
        counted[words] += 1
        if counted[words] > standing.quotes[words]:
            standing.quotes[words] += 1
            change.marks.append(mark)


def extra_of(row: Found) -> dict[str, Any]:
    """What the row says that has no place of its own in a link yet."""
    key = "" if uuid_or_none(row.key) else row.key
    own: dict[str, Any] = {"author": row.author, "key": key}
    return {**row.extra, **{name: value for name, value in own.items() if value}}


def folded(words: str) -> str:
    return " ".join(words.casefold().split())
