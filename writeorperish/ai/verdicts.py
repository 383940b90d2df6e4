"""Learning what somebody wants suggested, from what they took and left.

It orders and moves thresholds; it never passes a consent, a limit, a block or a rule. Only blind tokens are
compared, and everything learned can be read in words and forgotten.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from writeorperish.ai.models import Taste, Verdict
from writeorperish.audit.log import record
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import VerdictGiven
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Missing, Words
from writeorperish.privacy import consent
from writeorperish.refs import Ref

PERSONALISE: Final = "personalise"
# What is assumed before anything is known weighs as much as four verdicts that meet the goal.
PRIOR_VERDICTS: Final = 4
HALF_LIFE: Final = timedelta(days=60)
# One suggestion in ten is judged without what was learned, so that a closed door can open again.
EXPLORED_ONE_IN: Final = 10
# So many refusals for good of one trait ask for a rule, which is no statistic.
FIRM_ENOUGH: Final = 3
FIRM_WEIGHT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way to treat a suggestion says: value 0..1, and how many verdicts it weighs."""

    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Learned:
    """One kind of suggestion. `goal`: the share of it that should be taken. `shares` of its features add up to 1.

    `words` say each feature with `%(label)s`; what is learned moves a factor within `least`..`most`.
    """

    kind: str
    goal: float
    shares: Mapping[str, float]
    outcomes: Mapping[str, Outcome]
    least: float
    most: float
    words: Mapping[str, Words]


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that is true of a suggestion: a feature and its blind token."""

    feature: str
    token: int


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was learned, in words, and the factor it has by itself."""

    id: UUID
    kind: str
    words: str
    factor: float


KINDS: dict[str, Learned] = {}


def learn(learned: Learned) -> None:
    """From now on this kind is learned. Said in an app's `sources.py`; ValueError for shares that are no whole."""
    if not math.isclose(sum(learned.shares.values()), 1) or learned.shares.keys() != set(
        learned.words
    ):
        raise ValueError(f"The features of {learned.kind} do not add up")
    KINDS[learned.kind] = learned


# --- verdicts --------------------------------------------------------------------------------


def verdict(
    person: AbstractUser,
    kind: str,
    outcome: str,
    *,
    about: Ref | bytes,
    traits: Mapping[Trait, str],
    explored: bool = False,
) -> Verdict | None:
    """The verdict as it stands; None where its person wants nothing learned, and then nothing is stored.

    `about`: what was suggested, kept as a keyed digest; the same outcome of the same thing counts once.
    `traits`: each with the label its person knows it by. KeyError for an unknown kind, outcome or feature.
    Seven queries, however many traits.
    """
    learned = KINDS[kind]
    said = learned.outcomes[outcome]
    for trait in traits:
        learned.shares[trait.feature]
    if not consent.allows(person.pk, PERSONALISE):
        return None
    with transaction.atomic():
        row = Verdict(
            owner_id=person.pk,
            kind=kind,
            key=key_of(person.pk, kind, about),
            outcome=outcome,
            explored=explored,
        )
        Verdict.objects.bulk_create([row], ignore_conflicts=True)
        standing = Verdict.objects.get(owner=person.pk, kind=kind, key=row.key, outcome=outcome)
        if standing.pk == row.pk:
            weigh_in(person.pk, kind, said, traits)
            emit(VerdictGiven(person.pk, kind, outcome))
        return standing


@transaction.atomic
def take_back(
    person: AbstractUser, kind: str, outcome: str, *, about: Ref | bytes, traits: Collection[Trait]
) -> None:
    """The verdict was never given: its evidence goes as far as it still weighs. Nothing where there is none.

    Up to four queries.
    """
    said = KINDS[kind].outcomes[outcome]
    key = key_of(person.pk, kind, about)
    given = Verdict.objects.filter(owner=person.pk, kind=kind, key=key, outcome=outcome)
    row = given.select_for_update().first()
    if row is None:
        return
    found = tastes(person.pk, kind, traits).select_for_update().order_by("pk")
    rows = [each for each in found if Trait(each.feature, each.token) in traits]
    for each in rows:
        take_off(each, said, row.at)
    Taste.objects.bulk_update(rows, ["total", "yes", "taken", "left", "firm"])
    row.delete()


def take_off(row: Taste, said: Outcome, given_at: datetime) -> None:
    """The row without one verdict given then, which weighs what is left of it; not saved."""
    weight = said.weight * fading(given_at, row.as_of)
    row.total = max(0.0, row.total - weight)
    row.yes = min(row.total, max(0.0, row.yes - weight * said.value))
    row.taken -= row.taken > 0 and said.value >= 0.5
    row.left -= row.left > 0 and said.value < 0.5
    row.firm -= row.firm > 0 and said.value == 0 and said.weight >= FIRM_WEIGHT


def weigh_in(owner_id: UUID, kind: str, said: Outcome, traits: Mapping[Trait, str]) -> None:
    """The evidence with one more verdict, each trait's faded to now first."""
    now = timezone.now()
    Taste.objects.bulk_create(
        [
            Taste(
                owner_id=owner_id,
                kind=kind,
                feature=trait.feature,
                token=trait.token,
                label=label,
                as_of=now,
            )
            # In one order, or two verdicts at once would wait for each other.
            for trait, label in sorted(traits.items(), key=lambda each: each[0].token)
        ],
        ignore_conflicts=True,
    )
    found = tastes(owner_id, kind, traits).select_for_update().order_by("pk")
    rows = [row for row in found if Trait(row.feature, row.token) in traits]
    for row in rows:
        add(row, said, now)
    Taste.objects.bulk_update(rows, ["total", "yes", "as_of", "taken", "left", "firm"])


def add(row: Taste, said: Outcome, at: datetime) -> None:
    """The row with one more verdict, what it knew faded first; not saved."""
    faded = fading(row.as_of, at)
    row.total = row.total * faded + said.weight
    row.yes = min(row.total, row.yes * faded + said.weight * said.value)
    row.as_of = max(row.as_of, at)
    row.taken += said.value >= 0.5
    row.left += said.value < 0.5
    row.firm += said.value == 0 and said.weight >= FIRM_WEIGHT


def tastes(owner_id: UUID, kind: str, traits: Iterable[Trait]) -> models.QuerySet[Taste]:
    """What is known about these traits, perhaps with namesakes of another feature."""
    tokens = {trait.token for trait in traits}
    return Taste.objects.filter(owner=owner_id, kind=kind, token__in=tokens)


def key_of(owner_id: UUID, kind: str, about: Ref | bytes) -> bytes:
    what = str(about).encode() if isinstance(about, Ref) else about
    return blind.digest(keys.person(owner_id), b"verdict", kind.encode(), what)


def given(
    owner_id: UUID, kind: str, abouts: Collection[Ref], outcomes: Collection[str]
) -> set[Ref]:
    """Those of these things that were already answered in one of these ways. One query."""
    by_key = {key_of(owner_id, kind, about): about for about in abouts}
    rows = Verdict.objects.filter(
        owner=owner_id, kind=kind, key__in=list(by_key), outcome__in=outcomes
    )
    return {by_key[bytes(key)] for key in rows.values_list("key", flat=True)}


# --- what was learned ------------------------------------------------------------------------


def factors(owner_id: UUID, kind: str, suggestions: Sequence[Collection[Trait]]) -> list[float]:
    """How much each suggestion counts for its person, in their order: 1 where nothing is known.

    m = Σ share · p over the features, each p the mean over its traits, (4 · goal + yes) / (4 + total) with
    evidence halved in 60 days; the factor is m / goal within the kind's bounds. Two queries for all.
    """
    learned = KINDS[kind]
    if not consent.allows(owner_id, PERSONALISE):
        return [1.0] * len(suggestions)
    wanted = {trait for traits in suggestions for trait in traits}
    now = timezone.now()
    known = {
        Trait(row.feature, row.token): chance(learned, row, now)
        for row in tastes(owner_id, kind, wanted)
    }
    return [factor_of(learned, traits, known) for traits in suggestions]


def factor_of(learned: Learned, traits: Collection[Trait], known: Mapping[Trait, float]) -> float:
    # From the goal on, so that where nothing is known the factor is exactly 1.
    m = learned.goal
    for feature, share in learned.shares.items():
        chances = [known.get(trait, learned.goal) for trait in traits if trait.feature == feature]
        if chances:
            m += share * (sum(chances) / len(chances) - learned.goal)
    return min(max(m / learned.goal, learned.least), learned.most)


def chance(learned: Learned, row: Taste, at: datetime) -> float:
    """The mean of the trait's Beta posterior: how likely a suggestion with it is taken."""
    faded = fading(row.as_of, at)
    return (PRIOR_VERDICTS * learned.goal + row.yes * faded) / (PRIOR_VERDICTS + row.total * faded)


def fading(since: datetime, until: datetime) -> float:
    """What evidence still weighs: 1 now, half after 60 days."""
    # A clock set back makes nothing heavier.
    return float(0.5 ** (max(until - since, timedelta(0)) / HALF_LIFE))


def explores(owner_id: UUID, kind: str, about: Ref | bytes) -> bool:
    """Whether this suggestion is one of the tenth that what was learned is not asked about; always the same."""
    return int.from_bytes(key_of(owner_id, kind, about)[:4], "big") % EXPLORED_ONE_IN == 0


def asks_for_rule(owner_id: UUID, kind: str, trait: Trait) -> bool:
    """Whether this trait was refused for good so often that its person should be asked about a rule."""
    rows = tastes(owner_id, kind, [trait]).filter(feature=trait.feature, firm__gte=FIRM_ENOUGH)
    return rows.exists()


def learned_by(person: AbstractUser) -> models.QuerySet[Taste]:
    """Everything learned about this person that is still in use, newest first."""
    return Taste.objects.filter(owner=person.pk, kind__in=list(KINDS)).order_by("-as_of", "-id")


def line(row: Taste) -> Line:
    """What was learned in words. Opens the label."""
    learned = KINDS[row.kind]
    trait = Trait(row.feature, row.token)
    factor = factor_of(learned, [trait], {trait: chance(learned, row, timezone.now())})
    what = str(learned.words[row.feature]) % {"label": row.label}
    told = {"what": what, "taken": row.taken, "all": row.taken + row.left}
    if factor > 1:
        words = _("Shown more: %(what)s. You took %(taken)d of %(all)d.") % told
    else:
        words = _("Shown less: %(what)s. You took %(taken)d of %(all)d.") % told
    return Line(row.pk, row.kind, words, round(factor, 3))


@transaction.atomic
def forget_taste(person: AbstractUser, taste_id: UUID) -> None:
    """One thing is no longer known. Missing when it was not, or is another's."""
    gone, _rows = Taste.objects.filter(owner=person.pk, pk=taste_id).delete()
    if not gone:
        raise Missing
    record(person, "learned.forget", None, of=person.pk)


@transaction.atomic
def forget_tastes(person: AbstractUser) -> None:
    """Nothing that was learned about this person is known any more.

    That they refused a thing stays, as a digest: it would come back otherwise.
    """
    Taste.objects.filter(owner=person.pk).delete()
    record(person, "learned.forget", None, of=person.pk)


def forget_what_is_unwanted(owner_id: UUID) -> None:
    """What was learned goes where its person wants nothing learned any more."""
    if not consent.allows(owner_id, PERSONALISE):
        Taste.objects.filter(owner=owner_id).delete()
