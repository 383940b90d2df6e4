"""What a person may spend: held before a call leaves, settled after it; refused before anything is spent.

One UPDATE per scope compares and holds in one step, so any number of calls at once never overspend.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from writeorperish.ai.models import Allowance, Purse, Scope
from writeorperish.ai.parts import BudgetSpent

# What everybody may use until a plan or a member of staff says otherwise.
FREE: Mapping[Scope, int] = {
    Scope.MONTH: 500_000,
    Scope.BACKGROUND: 200_000,
    Scope.FEATURE_DAY: 100_000,
    Scope.REPLIES_DAY: 10,
    Scope.TRANSCRIPTION: 60 * 60,
}


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount against one scope: whose, of which period, in the scope's unit."""

    owner_id: UUID | None
    scope: Scope
    period: str
    amount: int


def charges(
    owner_id: UUID, *, amount: int, feature: str, background: bool, at: datetime
) -> list[Charge]:
    """What one call of this price is charged to, in the order everybody locks them."""
    month, day = at.astimezone(UTC).strftime("%Y-%m"), at.astimezone(UTC).strftime("%Y-%m-%d")
    made = [Charge(owner_id, Scope.MONTH, month, amount)]
    if background:
        made.append(Charge(owner_id, Scope.BACKGROUND, month, amount))
        made.append(Charge(owner_id, Scope.FEATURE_DAY, f"{day} {feature}", amount))
    if Allowance.objects.filter(owner=None, scope=Scope.MONTH).exists():
        made.append(Charge(None, Scope.MONTH, month, amount))
    return made


@transaction.atomic
def hold(wanted: list[Charge]) -> None:
    """Sets the amounts aside. BudgetSpent, and nothing is held, when one of the purses does not cover it."""
    for charge in wanted:
        if not take(charge, "held"):
            raise spent(charge)


@transaction.atomic
def count(owner_id: UUID, scope: Scope, *, amount: int = 1, at: datetime) -> None:
    """Spends of a counted scope at once. BudgetSpent when it does not cover it."""
    period = at.astimezone(UTC).strftime("%Y-%m-%d" if scope == Scope.REPLIES_DAY else "%Y-%m")
    charge = Charge(owner_id, scope, period, amount)
    if not take(charge, "spent"):
        raise spent(charge)


@transaction.atomic
def give_back(owner_id: UUID, scope: Scope, *, amount: int, at: datetime) -> None:
    """What was counted and not used after all."""
    period = at.astimezone(UTC).strftime("%Y-%m-%d" if scope == Scope.REPLIES_DAY else "%Y-%m")
    settle([Charge(owner_id, scope, period, 0)], -amount)


def require_any(owner_id: UUID, *, at: datetime) -> None:
    """BudgetSpent when nothing is left of this month's money, so that a refusal does not wait for a worker."""
    period = at.astimezone(UTC).strftime("%Y-%m")
    with transaction.atomic():
        if not take(Charge(owner_id, Scope.MONTH, period, 0), "held"):
            raise spent(Charge(owner_id, Scope.MONTH, period, 0))


def used_up(scope: Scope, *, at: datetime) -> QuerySet[Purse]:
    """The purses of this month of which nothing is left: for a query over everybody, by `owner`."""
    limit = Allowance.objects.filter(owner=OuterRef("owner"), scope=scope).values("limit")
    rows = Purse.objects.filter(
        scope=scope, period=at.astimezone(UTC).strftime("%Y-%m"), owner__isnull=False
    )
    return rows.annotate(may=Coalesce(Subquery(limit[:1]), 0)).filter(
        may__lte=F("spent") + F("held")
    )


def settle(held: list[Charge], actual: int) -> None:
    """Gives back what was held and books what it really cost. In the caller's transaction."""
    for charge in held:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ai_purse SET held = GREATEST(0, held - %s), spent = spent + %s"
                " WHERE owner_id IS NOT DISTINCT FROM %s AND scope = %s AND period = %s",
                [charge.amount, actual, charge.owner_id, charge.scope, charge.period],
            )


def take(charge: Charge, column: str) -> bool:
    """Whether the allowance covers the charge beside what is spent and held; if so it is in the column now.

    A limit of 0 covers nothing, not even what is free.
    """
    place = [charge.owner_id, charge.scope, charge.period]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ai_purse (owner_id, scope, period, spent, held) VALUES (%s, %s, %s, 0, 0)"
            " ON CONFLICT DO NOTHING",
            place,
        )
        cursor.execute(
            f"UPDATE ai_purse AS purse SET {column} = purse.{column} + %s FROM ai_allowance AS may"  # noqa: S608  # one of two names of ours
            " WHERE purse.owner_id IS NOT DISTINCT FROM %s AND purse.scope = %s AND purse.period = %s"
            " AND may.owner_id IS NOT DISTINCT FROM purse.owner_id AND may.scope = purse.scope"
            ' AND may."limit" > 0 AND purse.spent + purse.held + %s <= may."limit"',
            [charge.amount, *place, charge.amount],
        )
        return bool(cursor.rowcount)


def spent(charge: Charge) -> BudgetSpent:
    """The refusal that tells which purse is empty and when it fills again."""
    limit = (
        Allowance.objects.filter(owner=charge.owner_id, scope=charge.scope)
        .values_list("limit", flat=True)
        .first()
    )
    purse = Purse.objects.filter(
        owner=charge.owner_id, scope=charge.scope, period=charge.period
    ).first()
    return BudgetSpent(
        scope=str(charge.scope),
        limit=limit or 0,
        used=purse.spent + purse.held if purse else 0,
        resets_at=end_of(charge.period).isoformat(),
    )


def end_of(period: str) -> datetime:
    """When a period is over: the first moment of the next day or month, UTC."""
    first = date.fromisoformat(period[:10] if len(period) > 7 else f"{period}-01")
    if len(period) > 7:
        following = first + timedelta(days=1)
    else:
        following = (first + timedelta(days=32)).replace(day=1)
    return datetime(following.year, following.month, following.day, tzinfo=UTC)


def begin(owner_id: UUID) -> None:
    """Somebody new may use what everybody may. One query; what stands already stays."""
    Allowance.objects.bulk_create(
        [Allowance(owner_id=owner_id, scope=scope, limit=limit) for scope, limit in FREE.items()],
        ignore_conflicts=True,
    )


@transaction.atomic
def allow(owner_id: UUID | None, limits: Mapping[Scope, int], *, by_hand: bool = False) -> None:
    """Sets what somebody may use; what staff set by hand stands above what a plan says."""
    for scope, limit in limits.items():
        kept = Allowance.objects.filter(owner=owner_id, scope=scope, set_by_hand=True)
        if by_hand or not kept.exists():
            Allowance.objects.update_or_create(
                owner_id=owner_id,
                scope=scope,
                defaults={"limit": limit, "set_by_hand": by_hand},
            )


@dataclass(frozen=True, slots=True)
class Standing:
    """How one scope of a person stands now, in its unit."""

    scope: Scope
    limit: int
    used: int
    resets_at: datetime


def standings(owner_id: UUID, *, at: datetime) -> list[Standing]:
    """Each scope of the person, as it stands; two queries."""
    return list(_standings(owner_id, at))


def month_of(owner_id: UUID | None, month: str) -> Standing:
    """How the money of one month (`2026-11`) stands, or stood; two queries. ValueError for no month.

    `owner_id` None: of everybody together, which is counted only while it has a limit.
    """
    resets_at = end_of(month)
    limit = Allowance.objects.filter(owner=owner_id, scope=Scope.MONTH).first()
    purse = Purse.objects.filter(owner=owner_id, scope=Scope.MONTH, period=month).first()
    return Standing(
        Scope.MONTH,
        limit.limit if limit else 0,
        purse.spent + purse.held if purse else 0,
        resets_at,
    )


def _standings(owner_id: UUID, at: datetime) -> Iterator[Standing]:
    month, day = at.astimezone(UTC).strftime("%Y-%m"), at.astimezone(UTC).strftime("%Y-%m-%d")
    purses = Purse.objects.filter(owner=owner_id, period__in=[month, day])
    used = {(purse.scope, purse.period): purse.spent + purse.held for purse in purses}
    for may in Allowance.objects.filter(owner=owner_id).exclude(scope=Scope.FEATURE_DAY):
        period = day if may.scope == Scope.REPLIES_DAY else month
        yield Standing(
            Scope(may.scope), may.limit, used.get((may.scope, period), 0), end_of(period)
        )
