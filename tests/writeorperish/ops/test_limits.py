from datetime import timedelta

import pytest
import time_machine
from django.conf import settings

from writeorperish.ops import limits
from writeorperish.ops.embedded import split_redis_url
from writeorperish.ops.limits import Alone, Rate, take
from writeorperish.ops.refusals import TooMuch
from writeorperish.refs import new_id

NOON = "2026-05-01T12:00:00Z"
NOBODY_THERE = split_redis_url("unix:///nowhere/redis.sock?db=0")


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    monkeypatch.setitem(limits.RATES, "tests", Rate(3, timedelta(minutes=1)))


@pytest.fixture
def redis_away(monkeypatch):
    monkeypatch.setattr(settings, "REDIS", NOBODY_THERE)
    yield
    limits.rest.until = 0.0


def test_the_turns_of_a_minute_may_be_taken_at_once_and_no_more():
    subject = new_id()
    with time_machine.travel(NOON, tick=False):
        assert [take("tests", subject).allowed for _turn in range(5)] == [
            True,
            True,
            True,
            False,
            False,
        ]


def test_a_turn_comes_back_when_its_time_has_passed():
    subject = new_id()
    with time_machine.travel(NOON, tick=False) as clock:
        for _turn in range(3):
            take("tests", subject)
        refused = take("tests", subject)
        assert refused.retry_after_seconds == 20
        clock.shift(19)
        assert not take("tests", subject).allowed
        clock.shift(1)
        assert take("tests", subject).allowed
        assert not take("tests", subject).allowed


def test_what_remains_and_when_all_is_back_are_said():
    subject = new_id()
    with time_machine.travel(NOON, tick=False):
        first, second = take("tests", subject), take("tests", subject)
    assert (first.remaining, first.reset_seconds) == (2, 20)
    assert (second.remaining, second.reset_seconds) == (1, 40)


def test_one_persons_turns_are_not_anothers():
    with time_machine.travel(NOON, tick=False):
        one, other = new_id(), new_id()
        for _turn in range(3):
            take("tests", one)
        assert not take("tests", one).allowed
        assert take("tests", other).allowed


def test_a_refused_asking_costs_no_turn():
    subject = new_id()
    with time_machine.travel(NOON, tick=False) as clock:
        for _turn in range(50):
            take("tests", subject)
        clock.shift(60)
        assert [take("tests", subject).allowed for _turn in range(3)] == [True, True, True]


def test_a_refusal_says_when_to_come_back():
    subject = new_id()
    with time_machine.travel(NOON, tick=False):
        for _turn in range(3):
            limits.require("tests", subject)
        with pytest.raises(TooMuch) as refused:
            limits.require("tests", subject)
    assert refused.value.retry_after_seconds == 20


def test_without_redis_a_process_allows_half_the_rate(redis_away):
    subject = new_id()
    with time_machine.travel(NOON, tick=False) as clock:
        assert [take("tests", subject).allowed for _turn in range(3)] == [True, False, False]
        clock.shift(40)
        assert take("tests", subject).allowed


def test_a_process_alone_remembers_a_bounded_number_of_subjects(monkeypatch):
    monkeypatch.setattr(limits, "MOST_SUBJECTS", 10)
    alone = Alone()
    for subject in range(100):
        alone.ask(str(subject), limits.RATES["tests"], 0.0)
    assert len(alone.due) == 10


def test_redis_never_hears_the_subject():
    limits.take("tests", "203.0.113.9")
    client = limits._script(settings.REDIS.cache).registered_client
    assert list(client.scan_iter("*limit*"))
    assert not [key for key in client.scan_iter("*") if b"203.0.113.9" in key]
