"""When to show something again, pure: FSRS 6 by py-fsrs behind days, so that its traps stay in this file.

Days are the person's own and turn at four in the morning: what is read after midnight belongs to the evening.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final

from fsrs import Card, Rating, Scheduler, State

from download.models.memory import (
    LEAST_RETENTION,
    MOST_RETENTION,
    USUAL_RETENTION,
    Grade,
    Memory,
)

DAY_TURNS_AT: Final = time(4)
MOST_DAYS: Final = 365
# What comes back on one day should not stay together for ever; below a week a day more is too much.
JITTER: Final = 0.05
JITTERED_FROM_DAYS: Final = 7
UNSEEN_URGENCY: Final = 0.15
# A coin's toss: what is remembered no better than this is as urgent as can be.
FORGOTTEN: Final = 0.50


RATINGS: Final = {
    Grade.SHOW_SOON: Rating.Again,
    Grade.MORE_OFTEN: Rating.Hard,
    Grade.USEFUL: Rating.Good,
    Grade.LESS_OFTEN: Rating.Easy,
}


def graded(memory: Memory | None, grade: Grade, *, on: date, retention: float, seed: str) -> Memory:
    """The memory after this grade: due 1 to 365 days later. The same arguments give the same days.

    retention: 0.70..0.97, ValueError outside. A day before the last review counts as that day, since
    otherwise the thing would be due earlier than before. From a week on the days are moved by up to 5 %,
    by the seed and the number of reviews. About 10 µs.
    """
    day = on if memory is None else max(on, memory.reviewed_on)
    after, _log = scheduler(retention).review_card(as_card(memory), RATINGS[grade], as_instant(day))
    if after.stability is None or after.difficulty is None:
        raise ValueError("A reviewed card has a stability and a difficulty")
    reps = 1 if memory is None else memory.reps + 1
    days = jittered((after.due - as_instant(day)).days, seed, reps)
    return Memory(after.stability, after.difficulty, day, day + timedelta(days=days), reps)


def next_days(memory: Memory | None, *, on: date, retention: float, seed: str) -> dict[Grade, date]:
    """When each grade would bring the thing back: what stands under the buttons is what will be stored."""
    return {
        grade: graded(memory, grade, on=on, retention=retention, seed=seed).due_on
        for grade in Grade
    }


def replayed(grades: Iterable[tuple[Grade, date, float]], *, seed: str) -> Memory | None:
    """The memory a log of (grade, day, wanted retention) leads to, in its order; None for an empty one."""
    memory = None
    for grade, on, retention in grades:
        memory = graded(memory, grade, on=on, retention=retention, seed=seed)
    return memory


def retrievability(memory: Memory, on: date) -> float:
    """The chance in 0..1 that the thing is remembered on this day; 1 on the day of its review and before."""
    return float(
        scheduler(USUAL_RETENTION).get_card_retrievability(as_card(memory), as_instant(on))
    )


def urgency(memory: Memory | None, *, on: date, retention: float, resting: bool = False) -> float:
    """0..1: how much a thing asks to be seen today; it orders what fits and never admits anything.

    0 while it rests (snoozed, done with) or is not due; 0.15 when it was never reviewed: its recall
    would be 0, and would put every unread link on top. Else (R* - R) / (R* - 0.50) within 0..1, with R
    today's chance and R* the wanted one: days overdue would grow without end.
    """
    if resting:
        return 0.0
    if memory is None:
        return UNSEEN_URGENCY
    if memory.due_on > on:
        return 0.0
    wanted = checked(retention)
    return min(max((wanted - retrievability(memory, on)) / (wanted - FORGOTTEN), 0.0), 1.0)


def day_of(at: datetime, zone: tzinfo) -> date:
    """The person's day an aware instant falls into, which begins at four by their clock on the wall."""
    local = at.astimezone(zone)
    day = local.date()
    return day if local.time() >= DAY_TURNS_AT else day - timedelta(days=1)


def checked(retention: float) -> float:
    # py-fsrs divides by zero at 0, fails on a complex number below, and says nothing above 1.
    if not LEAST_RETENTION <= retention <= MOST_RETENTION:
        raise ValueError(f"The wanted retention is {LEAST_RETENTION} to {MOST_RETENTION}")
    return retention


@cache
def known_scheduler(retention: float) -> Scheduler:
    # No steps of minutes: nobody is examined. No fuzzing: it draws from the process's one random().
    return Scheduler(
        desired_retention=retention,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=MOST_DAYS,
        enable_fuzzing=False,
    )


def scheduler(retention: float) -> Scheduler:
    return known_scheduler(round(checked(retention), 2))


def as_card(memory: Memory | None) -> Card:
    # Without an id of its own a card sleeps a millisecond.
    if memory is None:
        return Card(card_id=0, due=as_instant(date.min))
    return Card(
        card_id=0,
        state=State.Review,
        stability=memory.stability,
        difficulty=memory.difficulty,
        due=as_instant(memory.due_on),
        last_review=as_instant(memory.reviewed_on),
    )


def as_instant(day: date) -> datetime:
    """The day as py-fsrs counts it: midnights of one clock, so that a night of 23 hours is a day too.

    UTC is datetime's own: a zone of the same name is refused.
    """
    return datetime.combine(day, time(), tzinfo=UTC)


def jittered(days: int, seed: str, reps: int) -> int:
    if days < JITTERED_FROM_DAYS:
        return days
    drawn = hashlib.blake2b(f"{seed}:{reps}".encode(), digest_size=4).digest()
    share = int.from_bytes(drawn, "big") / (2**32 - 1) * 2 - 1
    return min(MOST_DAYS, round(days * (1 + JITTER * share)))
