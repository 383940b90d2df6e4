import random
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import fsrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from download.models.memory import Grade, Memory
from download.spacing import (
    as_card,
    day_of,
    graded,
    next_days,
    replayed,
    retrievability,
    urgency,
)

DAY = date(2026, 3, 1)
GRADES = st.sampled_from(Grade)
RETENTIONS = st.floats(0.70, 0.97)


def after(memory, grade, on=DAY, retention=0.85, seed="a card") -> Memory:
    return graded(memory, grade, on=on, retention=retention, seed=seed)


@pytest.mark.parametrize(
    ("grade", "measured"),
    [
        (Grade.SHOW_SOON, [1, 1, 1]),
        (Grade.MORE_OFTEN, [2, 9, 23, 47, 81]),
        (Grade.USEFUL, [4, 31, 173, 365]),
        (Grade.LESS_OFTEN, [16, 189, 365]),
    ],
)
def test_the_same_answer_again_and_again_waits_the_measured_days(grade, measured):
    """Measured without jitter, so each review here comes on the day py-fsrs itself named."""
    memory, card, on = None, fsrs.Card(card_id=0), DAY
    plain = fsrs.Scheduler(
        desired_retention=0.85,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=365,
        enable_fuzzing=False,
    )
    for days in measured:
        at = datetime(on.year, on.month, on.day, tzinfo=UTC)
        card, _log = plain.review_card(card, fsrs.Rating(list(Grade).index(grade) + 1), at)
        memory = after(memory, grade, on)
        assert (card.due - at).days == days
        assert abs((memory.due_on - on).days - days) <= (0.05 * days if days >= 7 else 0) + 0.5
        assert (memory.stability, memory.difficulty) == (card.stability, card.difficulty)
        on += timedelta(days=days)


@pytest.mark.parametrize("retention", [0.0, -1.0, 0.69, 0.98, 1.5, float("nan")])
def test_a_retention_that_pyfsrs_would_stumble_over_is_refused(retention):
    with pytest.raises(ValueError, match="retention"):
        after(None, Grade.USEFUL, retention=retention)
    with pytest.raises(ValueError, match="retention"):
        urgency(Memory(1.0, 5.0, DAY, DAY, 1), on=DAY, retention=retention)


def test_the_clock_of_pyfsrs_is_given_its_own_utc():
    with pytest.raises(ValueError, match="UTC"):
        fsrs.Scheduler().review_card(
            fsrs.Card(card_id=0), fsrs.Rating.Good, datetime(2026, 3, 1, tzinfo=ZoneInfo("UTC"))
        )
    assert after(None, Grade.USEFUL).due_on == DAY + timedelta(days=4)


def test_no_card_is_made_asleep(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("a card slept"))
    assert as_card(None).card_id == as_card(after(None, Grade.USEFUL)).card_id == 0


def test_a_day_before_the_last_review_moves_nothing_backwards():
    memory = after(after(None, Grade.USEFUL), Grade.USEFUL, DAY + timedelta(days=4))
    late = after(memory, Grade.USEFUL, DAY)
    assert late == after(memory, Grade.USEFUL, memory.reviewed_on)
    assert late.reviewed_on == memory.reviewed_on


def test_a_night_is_a_day_however_many_hours_it_has():
    """Shown in the evening and again the next morning: eleven hours, and another day."""
    memory = after(None, Grade.SHOW_SOON)
    again = after(memory, Grade.USEFUL, DAY + timedelta(days=1))
    at_once = after(memory, Grade.USEFUL, DAY)
    assert again.stability != at_once.stability
    assert retrievability(memory, DAY) == 1.0
    assert retrievability(memory, DAY - timedelta(days=3)) == 1.0
    assert retrievability(memory, DAY + timedelta(days=1)) < 1.0


def test_the_days_are_drawn_by_the_card_and_not_by_the_process():
    dues = set()
    for seed in range(200):
        random.seed(seed)
        assert after(None, Grade.LESS_OFTEN) == after(None, Grade.LESS_OFTEN)
        dues.add((after(None, Grade.LESS_OFTEN, seed=str(seed)).due_on - DAY).days)
    assert dues == {15, 16, 17}


def test_what_stands_under_the_buttons_is_what_is_stored():
    memory = after(None, Grade.LESS_OFTEN)
    on = memory.due_on + timedelta(days=9)
    promised = next_days(memory, on=on, retention=0.9, seed="a card")
    assert promised == {grade: after(memory, grade, on, retention=0.9).due_on for grade in Grade}
    assert sorted(promised.values()) == list(promised.values())


def test_urgency_is_bounded_and_asks_for_nothing_early():
    memory = after(None, Grade.USEFUL)
    ask = {"retention": 0.85}
    assert urgency(None, on=DAY, **ask) == 0.15
    assert urgency(None, on=DAY, resting=True, **ask) == 0
    assert urgency(memory, on=memory.due_on - timedelta(days=1), **ask) == 0
    assert urgency(memory, on=memory.due_on, resting=True, **ask) == 0
    overdue = [
        urgency(memory, on=memory.due_on + timedelta(days=each), **ask)
        for each in (0, 3, 30, 300, 3000)
    ]
    assert overdue == sorted(overdue)
    assert overdue[0] < 0.1
    assert overdue[-1] == 1.0


@settings(deadline=None)
@given(
    st.floats(0.001, 36500),
    st.floats(1, 10),
    st.integers(0, 4000),
    st.integers(-400, 4000),
    RETENTIONS,
)
def test_urgency_stays_within_bounds_and_never_falls_with_time(s, d, waits, ahead, retention):
    memory = Memory(s, d, DAY, DAY + timedelta(days=waits), 3)
    on = DAY + timedelta(days=ahead)
    now, later = (
        urgency(memory, on=day, retention=retention) for day in (on, on + timedelta(days=30))
    )
    assert 0 <= now <= later <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(GRADES, st.integers(-5, 400), RETENTIONS), max_size=20))
def test_a_log_replays_to_the_same_state_and_stays_in_bounds(steps):
    memory, on, log = None, DAY, []
    for grade, days, retention in steps:
        on += timedelta(days=days)
        memory = graded(memory, grade, on=on, retention=retention, seed="x")
        log.append((grade, on, retention))
        assert 1 <= (memory.due_on - memory.reviewed_on).days <= 365
        assert memory.stability > 0
        assert 1 <= memory.difficulty <= 10
    assert replayed(log, seed="x") == memory
    assert memory is None or memory.reps == len(steps)


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2026-03-02T03:59:59+00:00", "UTC", "2026-03-01"),
        ("2026-03-02T04:00:00+00:00", "UTC", "2026-03-02"),
        ("2026-03-01T23:30:00+00:00", "Europe/Prague", "2026-03-01"),
        # The night clocks go forward: two o'clock becomes three, and the day still turns at four.
        ("2026-03-29T01:30:00+00:00", "Europe/Prague", "2026-03-28"),
        ("2026-03-29T02:00:00+00:00", "Europe/Prague", "2026-03-29"),
        # The night they go back: three o'clock comes twice.
        ("2026-10-25T02:30:00+00:00", "Europe/Prague", "2026-10-24"),
        ("2026-10-25T03:00:00+00:00", "Europe/Prague", "2026-10-25"),
        ("2026-03-01T12:00:00+00:00", "Pacific/Kiritimati", "2026-03-01"),
        ("2026-03-01T14:00:00+00:00", "Pacific/Kiritimati", "2026-03-02"),
    ],
)
def test_a_day_turns_at_four_by_the_clock_on_the_wall(at, zone, day):
    assert day_of(datetime.fromisoformat(at), ZoneInfo(zone)) == date.fromisoformat(day)
