import random
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from writeorperish.ai import verdicts
from writeorperish.ai.models import Taste, Verdict
from writeorperish.ai.verdicts import (
    Learned,
    Outcome,
    Trait,
    add,
    asks_for_rule,
    chance,
    explores,
    factor_of,
    factors,
    forget_taste,
    forget_tastes,
    given,
    learn,
    learned_by,
    line,
    take_back,
    verdict,
)
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Missing
from writeorperish.privacy import consent
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KIND = "tested"
TESTED = Learned(
    kind=KIND,
    goal=0.40,
    shares={"type": 0.35, "tier": 0.25, "topic": 0.25, "form": 0.15},
    outcomes={"yes": Outcome(1, 1), "no": Outcome(0, 1), "never": Outcome(0, 2)},
    least=0.5,
    most=1.25,
    words={
        "type": "%(label)s shares",
        "tier": "%(label)s",
        "topic": "shares on %(label)s",
        "form": "%(label)s",
    },
)


@pytest.fixture(autouse=True)
def taught():
    learn(TESTED)
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock
    del verdicts.KINDS[KIND]


def trait(number=1, feature="type") -> Trait:
    return Trait(feature, number)


def say(owner, outcome, *traits, about=None, **values):
    labels = {each: f"label {each.token}" for each in traits or [trait()]}
    about = about or Ref("journal.node", new_id())
    return verdict(owner, KIND, outcome, about=about, traits=labels, **values)


def factor(owner, *traits) -> float:
    (found,) = factors(owner.pk, KIND, [traits or [trait()]])
    return found


def decide(owner, granted):
    asked = consent.terms()["personalise"]
    consent.decide(owner, "personalise", granted=granted, text_version=asked.version)


def test_nothing_known_changes_nothing_and_ten_verdicts_give_the_pinned_mean(alice, charlie):
    assert factor(alice) == 1.0
    for outcome in ["yes"] * 2 + ["no"] * 8:
        say(alice, outcome)
    assert factor(alice) == pytest.approx(0.35 / 0.40)
    assert factor(alice, trait(2)) == 1.0
    assert factor(alice, trait(1, "topic")) == 1.0
    assert factor(charlie) == 1.0


def test_several_tags_count_as_their_mean_and_the_factor_stays_within_its_bounds(alice):
    liked, left = trait(1, "topic"), trait(2, "topic")
    for _ in range(60):
        say(alice, "yes", liked, trait(9), trait(9, "tier"), trait(9, "form"))
        say(alice, "never", left, trait(8), trait(8, "tier"), trait(8, "form"))
    assert factor(alice, left) < factor(alice, liked, left) < factor(alice, liked)
    assert factor(alice, liked, trait(9), trait(9, "tier"), trait(9, "form")) == 1.25
    assert factor(alice, left, trait(8), trait(8, "tier"), trait(8, "form")) == 0.5


def test_a_token_of_one_feature_says_nothing_about_its_namesake_of_another(alice):
    say(alice, "no", trait(1), trait(2, "topic"))
    say(alice, "yes", trait(1, "topic"))
    assert {(row.feature, row.token): row.total for row in Taste.objects.all()} == {
        ("type", 1): 1,
        ("topic", 1): 1,
        ("topic", 2): 1,
    }


def test_evidence_weighs_half_after_sixty_days(alice, taught):
    for _ in range(4):
        say(alice, "no")
    fresh = Taste.objects.get()
    assert (fresh.yes, fresh.total) == (0, 4)
    before = factor(alice)
    taught.move_to(NOON + timedelta(days=60))
    assert factor(alice) == pytest.approx(1 - 0.35 + 0.35 * (1.6 / 6) / 0.4)
    assert before < factor(alice) < 1
    say(alice, "yes")
    stored = Taste.objects.get()
    assert (stored.yes, stored.total) == (pytest.approx(1), pytest.approx(3))
    assert (stored.taken, stored.left) == (1, 4)
    taught.move_to(NOON - timedelta(days=1))
    say(alice, "no")
    assert Taste.objects.get().total == pytest.approx(4)


def test_the_same_outcome_of_the_same_thing_counts_once(alice):
    about = Ref("journal.node", new_id())
    first, again = (say(alice, "no", about=about) for _ in range(2))
    assert first == again
    assert (Verdict.objects.count(), Taste.objects.get().total) == (1, 1)
    assert Event.objects.filter(name="VerdictGiven").count() == 1
    other = Ref("journal.node", new_id())
    assert given(alice.pk, KIND, [about, other], ["no", "never"]) == {about}
    assert given(alice.pk, KIND, [about], ["yes"]) == set()


def test_what_was_never_registered_cannot_be_learned(alice):
    for kind, outcome, traits in (
        ("unknown", "yes", {}),
        (KIND, "perhaps", {}),
        (KIND, "yes", {trait(1, "mood"): "low"}),
    ):
        with pytest.raises(KeyError):
            verdict(alice, kind, outcome, about=b"x", traits=traits)
    with pytest.raises(ValueError, match="add up"):
        learn(Learned("half", 0.3, {"site": 0.5}, {}, 0.6, 1.2, {"site": "x"}))
    assert not Taste.objects.exists()


def test_who_wants_nothing_learned_is_not_learned_about(alice, drain):
    say(alice, "no")
    decide(alice, granted=False)
    assert factor(alice) == 1.0
    assert say(alice, "no") is None
    drain()
    assert not Taste.objects.exists()
    decide(alice, granted=True)
    assert say(alice, "no") is not None
    drain()
    assert Taste.objects.count() == 1


def test_everything_learned_is_said_in_words_and_forgotten(alice, charlie):
    for outcome, number in (("no", 1), ("no", 1), ("yes", 2)):
        say(alice, outcome, trait(number))
    said = {each.words: each for each in map(line, learned_by(alice))}
    assert set(said) == {
        "Shown less: label 1 shares. You took 0 of 2.",
        "Shown more: label 2 shares. You took 1 of 1.",
    }
    less = said["Shown less: label 1 shares. You took 0 of 2."]
    assert less.factor == pytest.approx(factor(alice), abs=0.001)
    with pytest.raises(Missing):
        forget_taste(charlie, less.id)
    forget_taste(alice, less.id)
    assert factor(alice) == 1.0
    forget_tastes(charlie)
    assert learned_by(alice).count() == 1
    forget_tastes(alice)
    assert not learned_by(alice).exists()
    assert Verdict.objects.filter(owner=alice).count() == 3
    assert Entry.objects.filter(action="learned.forget", chain=str(alice.pk)).count() == 2


def test_no_word_of_what_was_learned_stands_in_the_database(alice):
    verdict(alice, KIND, "no", about=b"x", traits={trait(): "zeppelin enthusiasts"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM ai_taste t UNION ALL SELECT v::text FROM ai_verdict v")
        stored = " ".join(row for (row,) in cursor.fetchall())
    assert stored
    assert "zeppelin" not in stored
    assert b"zeppelin".hex() not in stored
    assert line(learned_by(alice).get()).words.startswith("Shown less: zeppelin")


def test_three_refusals_for_good_ask_for_a_rule(alice):
    for number in range(3):
        assert asks_for_rule(alice.pk, KIND, trait()) is False
        say(alice, "never", about=Ref("journal.node", new_id()))
        say(alice, "no", trait(5 + number))
    assert asks_for_rule(alice.pk, KIND, trait()) is True
    assert asks_for_rule(alice.pk, KIND, trait(1, "topic")) is False


def test_one_in_ten_is_explored_and_always_the_same(alice):
    things = [Ref("journal.node", new_id()) for _ in range(1000)]
    chosen = [explores(alice.pk, KIND, each) for each in things]
    assert 60 < sum(chosen) < 140
    assert chosen == [explores(alice.pk, KIND, each) for each in things]


def test_a_hundred_suggestions_cost_what_one_costs(alice):
    many = [[trait(each), trait(each, "topic")] for each in range(100)]
    say(alice, "no", *many[0])
    costs = []
    for suggestions in (many[:1], many):
        with CaptureQueriesContext(connection) as asked:
            factors(alice.pk, KIND, suggestions)
        costs.append(len(asked))
    assert costs == [2, 2]


class Somebody:
    """A simulated person with a hidden taste: three of ten topics, one suggestion a day."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.known: dict[Trait, Taste] = {}
        self.now = NOON

    def taken(self, liked: set[int], number: int, *, learning: bool = True) -> float:
        """The share they take of so many suggestions, each the best of four candidates."""
        return sum(self.takes(liked, learning) for _ in range(number)) / number

    def takes(self, liked: set[int], learning: bool) -> bool:
        self.now += timedelta(days=1)
        options = self.chance.sample(range(10), 4)
        best = options[0]
        if learning and self.chance.random() >= 0.1:
            best = max(options, key=self.factor)
        yes = self.chance.random() < (0.7 if best in liked else 0.2)
        for each in self.traits(best):
            row = self.known.setdefault(each, Taste(as_of=self.now))
            add(row, TESTED.outcomes["yes" if yes else "no"], self.now)
        return yes

    def traits(self, topic: int) -> list[Trait]:
        return [trait(topic, "topic"), trait(topic)]

    def factor(self, topic: int) -> float:
        chances = {each: chance(TESTED, row, self.now) for each, row in self.known.items()}
        return factor_of(TESTED, self.traits(topic), chances)


def test_hidden_tastes_are_found_within_sixty_verdicts_and_again_after_they_flip():
    """Measured: 0.35 taken without learning, 0.57 with it, 0.44 in the second forty after the flip."""
    blind, found, again = [], [], []
    for seed in range(30):
        blind.append(Somebody(seed).taken({0, 1, 2}, 100, learning=False))
        learner = Somebody(seed)
        learner.taken({0, 1, 2}, 60)
        found.append(learner.taken({0, 1, 2}, 40))
        learner.taken({7, 8, 9}, 40)
        again.append(learner.taken({7, 8, 9}, 40))
    assert sum(found) / 30 >= sum(blind) / 30 + 0.10
    assert sum(again) / 30 >= sum(blind) / 30 + 0.05


def test_a_verdict_that_is_taken_back_was_never_given(alice, charlie, taught):
    other, about = Ref("journal.node", new_id()), Ref("journal.node", new_id())
    say(alice, "yes", about=other)
    before = factor(alice)
    say(alice, "never", about=about)
    assert factor(alice) < before
    take_back(charlie, KIND, "never", about=about, traits=[trait()])
    assert Verdict.objects.count() == 2
    taught.shift(timedelta(days=60))
    say(alice, "no", about=about)
    kept = Taste.objects.get()
    take_back(alice, KIND, "never", about=about, traits=[trait()])
    row = Taste.objects.get()
    # Of two that were given 60 days ago, one is left to take away.
    assert row.total == pytest.approx(kept.total - 1)
    assert (row.taken, row.left, row.firm) == (1, 1, 0)
    for _ in range(2):
        take_back(alice, KIND, "no", about=about, traits=[trait()])
    row.refresh_from_db()
    assert (row.total, row.yes) == (pytest.approx(0.5), pytest.approx(0.5))
    assert [each.outcome for each in Verdict.objects.all()] == ["yes"]
