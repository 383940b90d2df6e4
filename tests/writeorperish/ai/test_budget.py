from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from tests.factories import person
from writeorperish.ai import budget, ledger
from writeorperish.ai.ledger import Errand
from writeorperish.ai.models import Allowance, Call, Purse, Scope
from writeorperish.ai.parts import BudgetSpent
from writeorperish.ai.providers.wire import Usage
from writeorperish.privacy.levels import Purpose

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def charged(owner, amount, *, background=False, at=NOON):
    return budget.charges(owner.pk, amount=amount, feature="journal", background=background, at=at)


def purse(owner, scope, period):
    found = Purse.objects.get(owner=owner, scope=scope, period=period)
    return found.spent, found.held


@pytest.mark.django_db
def test_what_is_held_is_settled_at_its_real_price(alice):
    held = charged(alice, 300_000)
    budget.hold(held)
    assert purse(alice, Scope.MONTH, "2026-03") == (0, 300_000)
    budget.settle(held, 120_000)
    assert purse(alice, Scope.MONTH, "2026-03") == (120_000, 0)


@pytest.mark.django_db
def test_more_than_is_left_is_refused_with_the_date_it_fills_again(alice):
    budget.hold(charged(alice, 400_000))
    with pytest.raises(BudgetSpent) as refusal:
        budget.hold(charged(alice, 100_001))
    assert refusal.value.detail == {
        "scope": "month",
        "limit": 500_000,
        "used": 400_000,
        "resets_at": "2026-04-01T00:00:00+00:00",
    }
    budget.hold(charged(alice, 100_000))
    budget.hold(charged(alice, 500_000, at=NOON + timedelta(days=1)))


@pytest.mark.django_db
def test_a_limit_of_nothing_covers_not_even_what_is_free(alice):
    budget.allow(alice.pk, {Scope.MONTH: 0})
    with pytest.raises(BudgetSpent):
        budget.hold(charged(alice, 0))
    Allowance.objects.filter(owner=alice).delete()
    with pytest.raises(BudgetSpent):
        budget.hold(charged(alice, 0))


@pytest.mark.django_db
def test_work_nobody_waits_for_has_a_share_and_a_days_share_of_its_own(alice):
    budget.hold(charged(alice, 100_000, background=True))
    with pytest.raises(BudgetSpent) as refusal:
        budget.hold(charged(alice, 1, background=True))
    assert refusal.value.detail["scope"] == "feature_day"
    assert refusal.value.detail["resets_at"] == "2026-04-01T00:00:00+00:00"
    assert purse(alice, Scope.MONTH, "2026-03") == (0, 100_000)
    budget.hold(charged(alice, 400_000))


@pytest.mark.django_db
def test_everybody_together_may_have_a_limit_too(alice, charlie):
    budget.allow(None, {Scope.MONTH: 100})
    budget.hold(charged(alice, 60))
    with pytest.raises(BudgetSpent):
        budget.hold(charged(charlie, 60))
    assert not Purse.objects.filter(owner=charlie, held__gt=0).exists()


@pytest.mark.django_db
def test_what_staff_set_stands_above_a_plan(alice):
    budget.allow(alice.pk, {Scope.MONTH: 7}, by_hand=True)
    budget.allow(alice.pk, {Scope.MONTH: 900, Scope.REPLIES_DAY: 3})
    limits = dict(Allowance.objects.filter(owner=alice).values_list("scope", "limit"))
    assert (limits["month"], limits["replies_day"]) == (7, 3)


@pytest.mark.django_db
def test_replies_are_counted_by_the_day(alice):
    for _ in range(10):
        budget.count(alice.pk, Scope.REPLIES_DAY, at=NOON)
    with pytest.raises(BudgetSpent):
        budget.count(alice.pk, Scope.REPLIES_DAY, at=NOON)
    budget.count(alice.pk, Scope.REPLIES_DAY, at=NOON + timedelta(hours=12))


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_never_overspend():
    owner = person("dora")

    def hold() -> bool:
        try:
            with transaction.atomic():
                budget.hold(charged(owner, 50_000))
        except BudgetSpent:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda _: hold(), range(50)))
    assert held.count(True) == 10
    assert purse(owner, Scope.MONTH, "2026-03") == (0, 500_000)


def errand(owner):
    return Errand(owner.pk, "journal", "reply", Purpose.REPLY)


@pytest.mark.django_db
def test_a_call_is_settled_once(alice):
    call = ledger.open_call(
        errand(alice), provider="openai", model="m", key_class="chat", held_microdollars=1_000
    )
    for cost in (400, 900):
        ledger.settle_call(call, errand(alice), cost_microdollars=cost, usage=Usage(10, 0, 0, 5))
    period = call.started_at.strftime("%Y-%m")
    assert purse(alice, Scope.MONTH, period) == (400, 0)
    assert Call.objects.get().cost_microdollars == 400


@pytest.mark.django_db
def test_a_call_that_never_reported_back_is_booked_at_what_was_held(alice):
    call = ledger.open_call(
        errand(alice), provider="openai", model="m", key_class="chat", held_microdollars=1_000
    )
    assert ledger.settle_lost(call.started_at + timedelta(minutes=14)) == 0
    assert ledger.settle_lost(call.started_at + timedelta(minutes=16)) == 1
    assert ledger.settle_lost(call.started_at + timedelta(minutes=16)) == 0
    call.refresh_from_db()
    assert (call.outcome, call.cost_microdollars, call.estimated) == ("unknown", 1_000, True)
    assert purse(alice, Scope.MONTH, call.started_at.strftime("%Y-%m")) == (1_000, 0)


@pytest.mark.parametrize(
    ("period", "end"),
    [("2026-12", "2027-01-01"), ("2026-02", "2026-03-01"), ("2026-02-28", "2026-03-01")],
)
def test_a_period_ends_when_the_next_begins(period, end):
    assert budget.end_of(period).date().isoformat() == end
