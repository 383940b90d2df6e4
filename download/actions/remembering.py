"""Reviews on their way out and in: what is remembered of a link or highlight, and the log that led there."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from download.actions.reviews import reckon
from download.formats.memeos import instant
from download.formats.moments import moment
from download.models.items import Highlight, Item
from download.models.memory import (
    LEAST_RETENTION,
    MOST_RETENTION,
    USUAL_RETENTION,
    Grade,
    Memory,
)
from download.models.reviews import Card, Review
from writeorperish.ops.once import uuid_or_none
from writeorperish.refs import new_id

# Grades travel as the numbers of their keys, what is no review as its name.
NUMBERS: Final = {str(grade): number for number, grade in enumerate(Grade, start=1)}
ANSWERS: Final = {number: answer for answer, number in NUMBERS.items()} | {
    name: name for name in ("not_now", "done_with")
}
MOST_ANSWERS: Final = 5_000
MOST_REPS: Final = 100_000
MOST_STABILITY_DAYS: Final = 36_500.0
# What is known of a bookmark of which another program only says when it is due.
SEEDED_DIFFICULTY: Final = 5.0
EARLIEST_DAY: Final = date(1990, 1, 1)
LATEST_DAY: Final = date(2199, 12, 31)


@dataclass(frozen=True, slots=True, repr=False)
class Answered:
    """One answer of a log."""

    at: datetime
    answer: str
    on: date
    retention: float


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """What a file says about the review of one thing, as far as it can be believed. card: its id there, or None."""

    memory: Memory | None
    log: tuple[Answered, ...] = ()
    card: UUID | None = None
    begun_on: date | None = None
    snoozed_until: date | None = None
    done_with_at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.memory or self.log or self.snoozed_until or self.done_with_at)


# --- out -------------------------------------------------------------------------------------


def review_of(card: Card | None) -> dict[str, object] | None:
    """All that is to be said about a card with its `reviews`; None for one nobody has answered yet."""
    if card is None:
        return None
    log = [said(each) for each in sorted(card.reviews.all(), key=lambda each: (each.at, each.pk))]
    if not (card.reps or log or card.snoozed_until or card.done_with_at):
        return None
    told: dict[str, object] = {
        "review_count": card.reps,
        "next_review_date": day(card.due_on),
        "card": str(card.pk),
        "stability": card.stability,
        "difficulty": card.difficulty,
        "last_review": day(card.reviewed_on),
        "begun_on": day(card.begun_on),
        "snoozed_until": day(card.snoozed_until),
        "done_with_at": instant(card.done_with_at),
        "log": log,
    }
    return {name: value for name, value in told.items() if value}


def said(review: Review) -> list[object]:
    """`[instant, answer, day, wanted retention]`."""
    number = NUMBERS.get(review.answer, review.answer)
    return [instant(review.at), number, day(review.on), review.retention]


def day(on: date | None) -> str | None:
    return on.isoformat() if on else None


# --- in --------------------------------------------------------------------------------------


def told_by(
    given: Mapping[str, object] | None, *, saved_at: datetime | None, today: date
) -> Told | None:
    """What the file says, or None where it says nothing that can be kept.

    With a stability and a difficulty that is the memory; with a log alone, what the log leads to; with nothing but
    the day of the next review a memory that is due on that day.
    """
    if not given:
        return None
    log = tuple(log_in(given.get("log")))
    told = Told(
        memory=memory_in(given) or (None if log else seeded(given, saved_at=saved_at, today=today)),
        log=log,
        card=uuid_or_none(str(given.get("card", ""))),
        begun_on=day_in(given.get("begun_on")),
        snoozed_until=day_in(given.get("snoozed_until")),
        done_with_at=at_in(given.get("done_with_at")),
    )
    return told or None


def memory_in(given: Mapping[str, object]) -> Memory | None:
    """The memory where all of it is there and possible."""
    stability, difficulty = number_in(given.get("stability")), number_in(given.get("difficulty"))
    reviewed_on = day_in(given.get("last_review"))
    due_on = day_in(given.get("next_review_date"))
    reps = count_in(given.get("review_count"))
    if reviewed_on is None or due_on is None or not reps:
        return None
    possible = 0 < stability <= MOST_STABILITY_DAYS and 1 <= difficulty <= 10
    if not possible or reviewed_on > utc_today() + timedelta(days=1):
        return None
    return Memory(stability, difficulty, reviewed_on, due_on, reps)


def seeded(given: Mapping[str, object], *, saved_at: datetime | None, today: date) -> Memory | None:
    """The memory of what comes back on a day: as stable as the time between its last review and that day is long."""
    due_on = day_in(given.get("next_review_date"))
    if due_on is None:
        return None
    saved_on = saved_at.date() if saved_at else today
    reviewed_on = min(day_in(given.get("last_review")) or saved_on, today, due_on)
    days = max(1, (due_on - reviewed_on).days)
    reps = count_in(given.get("review_count")) or 1
    return Memory(float(days), SEEDED_DIFFICULTY, reviewed_on, due_on, reps)


def log_in(given: object) -> Iterable[Answered]:
    """The answers of a log in their order; what cannot have been one is passed over."""
    found = []
    for entry in given[:MOST_ANSWERS] if isinstance(given, list) else ():
        at, answer, on, retention = (
            (*entry, None, None, None, None)[:4] if isinstance(entry, list) else (None,) * 4
        )
        moment_at = at_in(at)
        name = (
            ANSWERS.get(answer)
            if isinstance(answer, int | str) and not isinstance(answer, bool)
            else None
        )
        if moment_at is None or name is None:
            continue
        wanted = number_in(retention)
        within = LEAST_RETENTION <= wanted <= MOST_RETENTION
        found.append(
            Answered(
                moment_at,
                name,
                day_in(on) or moment_at.date(),
                wanted if within else USUAL_RETENTION,
            )
        )
    return sorted(found, key=lambda each: each.at)


def number_in(value: object) -> float:
    """The number, 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def count_in(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(0, value), MOST_REPS)


def day_in(value: object) -> date | None:
    """The day, also of an instant."""
    if not isinstance(value, str):
        return None
    try:
        on = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return on if EARLIEST_DAY <= on <= LATEST_DAY else None


def at_in(value: object) -> datetime | None:
    return moment(value, now=timezone.now()) if isinstance(value, str) else None


def take_over(owner_id: UUID, wanted: Sequence[tuple[Item | Highlight, Told]]) -> None:
    """These things are remembered as told. Those that have an answered card keep it. Five queries at most.

    A card keeps the id it had where that is free, since the days of its later reviews depend on it.
    """
    if not wanted:
        return
    items = [each.pk for each, _told in wanted if isinstance(each, Item)]
    marks = [each.pk for each, _told in wanted if isinstance(each, Highlight)]
    standing = {
        card.item_id or card.highlight_id: card
        for rows in (Card.objects.filter(item__in=items), Card.objects.filter(highlight__in=marks))
        for card in rows
    }
    ids = [told.card for _each, told in wanted if told.card]
    taken = set(Card.objects.filter(pk__in=ids).values_list("pk", flat=True))
    new, old, log = [], [], []
    for thing, told in wanted:
        card = standing.get(thing.pk)
        if card is not None and card.is_answered:
            continue
        if card is None:
            free = told.card if told.card and told.card not in taken else new_id()
            taken.add(free)
            card = card_of(owner_id, thing, free)
            new.append(card)
        else:
            old.append(card)
        log += reviews_of(card, told)
    Card.objects.bulk_create(new)
    Card.objects.bulk_update(old, CHANGED)
    Review.objects.bulk_create(log)


CHANGED: Final = (
    *("stability", "difficulty", "reviewed_on", "due_on", "reps"),
    *("begun_on", "snoozed_until", "done_with_at"),
)


def card_of(owner_id: UUID, thing: Item | Highlight, id: UUID) -> Card:
    if isinstance(thing, Item):
        return Card(id=id, owner_id=owner_id, item=thing, made_at=thing.saved_at)
    return Card(id=id, owner_id=owner_id, highlight=thing, made_at=thing.made_at)


def reviews_of(card: Card, told: Told) -> list[Review]:
    """The answers of the log; the card stands as told, or where nothing else is told as they lead to."""
    log = [
        Review(
            owner_id=card.owner_id,
            card=card,
            answer=each.answer,
            at=each.at,
            on=each.on,
            retention=each.retention,
            key=new_id(),
            made_at=each.at,
        )
        for each in told.log
    ]
    reckon(card, log)
    if told.memory is not None:
        memory = told.memory
        card.stability, card.difficulty, card.reps = (
            memory.stability,
            memory.difficulty,
            memory.reps,
        )
        card.reviewed_on, card.due_on = memory.reviewed_on, memory.due_on
        card.begun_on = told.begun_on or card.begun_on or memory.reviewed_on
    if told.memory is not None or not log:
        card.snoozed_until, card.done_with_at = told.snoozed_until, told.done_with_at
    return log


def reps_of(told: Told) -> int:
    """How many reviews the card has that is remembered as told."""
    if told.memory is not None:
        return told.memory.reps
    return sum(each.answer in NUMBERS for each in told.log)


def forget_again(owner_id: UUID, wanted: Mapping[UUID, int]) -> None:
    """The cards of these links are new once more, unless they were answered since. By link, how many reviews were told."""
    if not wanted:
        return
    cards = Card.objects.filter(owner=owner_id, item__in=wanted).only("pk", "item", "reps")
    gone = [card for card in cards if card.reps == wanted.get(card.item_id)]  # type: ignore[arg-type]  # of an item
    Card.objects.filter(pk__in=[card.pk for card in gone]).delete()
    Card.objects.bulk_create([Card(owner_id=owner_id, item_id=card.item_id) for card in gone])


def utc_today() -> date:
    return timezone.now().astimezone(UTC).date()
