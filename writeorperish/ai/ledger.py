"""What a model was given, for whom and at what price: held before the call, settled with what was read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from writeorperish.ai import budget, requests
from writeorperish.ai.models import Call, Read
from writeorperish.ai.parts import Cut, Spoken
from writeorperish.ai.providers.wire import Request, Usage
from writeorperish.ai.recipes import Plan
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.levels import Purpose
from writeorperish.refs import Ref

# A call that is held longer than this has lost its worker.
LOST_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Errand:
    """For whom and what for a model is asked. `about` is the text it is about, `job` the work it is part of."""

    spender: UUID
    feature: str
    task: str
    purpose: Purpose
    prompt_version: str = ""
    about: Ref | None = None
    job: UUID | None = None
    background: bool = False
    cuts: Sequence[Cut] = field(default=(), repr=False)
    spoken: Spoken | None = field(default=None, repr=False)
    plan: Plan | None = field(default=None, repr=False)


def open_call(
    errand: Errand,
    *,
    provider: str,
    model: str,
    key_class: str,
    held_microdollars: int,
    request: Request | None = None,
) -> Call:
    """The call as it stands before it is made, its price set aside, and what it sends; committed. BudgetSpent."""
    with transaction.atomic():
        call = _call(errand, provider=provider, model=model, key_class=key_class, sent=True)
        call.outcome = Call.Outcome.HELD
        call.held_microdollars = held_microdollars
        if request is not None:
            call.request_mac = requests.mac_of(request, owner_id=errand.spender)
        budget.hold(_charges(call))
        call.save(force_insert=True)
        if request is not None and errand.plan is not None:
            requests.file_request(call, errand.plan, errand.cuts, request)
    return call


@transaction.atomic
def settle_call(
    call: Call,
    errand: Errand,
    *,
    cost_microdollars: int,
    usage: Usage | None,
    outcome: Call.Outcome = Call.Outcome.SETTLED,
    error: str = "",
    first_byte_ms: int | None = None,
    provider_request: str = "",
    audio_ms: int = 0,
    estimated: bool = False,
) -> None:
    """The call with its real price, and what was read. Only once: a call that is settled stays as it is."""
    if not Call.objects.select_for_update().filter(pk=call.pk, outcome=Call.Outcome.HELD).exists():
        return
    budget.settle(_charges(call), cost_microdollars)
    call.outcome, call.error = outcome, error
    call.cost_microdollars, call.estimated = cost_microdollars, estimated
    if usage is not None:
        call.tokens_in, call.tokens_out = usage.put, usage.got
        call.tokens_read, call.tokens_written = usage.read, usage.written
    call.audio_ms = audio_ms
    call.first_byte_ms = first_byte_ms
    call.total_ms = _since(call.started_at)
    call.provider_request = provider_request[:80]
    call.save()
    _write_reads(call, errand)


@transaction.atomic
def record_here(
    errand: Errand, *, provider: str, model: str, key_class: str, parts: int, started_at: datetime
) -> Call:
    """A call that was answered on this machine: free, and nothing left it."""
    call = _call(errand, provider=provider, model=model, key_class=key_class, sent=False)
    call.parts = parts
    call.started_at = started_at
    call.total_ms = _since(started_at)
    call.save(force_insert=True)
    _write_reads(call, errand)
    return call


@transaction.atomic
def record_again(errand: Errand, bought: Call) -> Call:
    """A call that was answered with what an earlier one bought: free, and nothing left this server."""
    call = _call(
        errand,
        provider=bought.provider,
        model=bought.model,
        key_class=bought.key_class,
        sent=False,
    )
    call.cached, call.again = True, bought
    call.save(force_insert=True)
    _write_reads(call, errand)
    return call


def settle_lost(now: datetime) -> int:
    """How many calls whose worker died were booked at what was held for them: they may have been made."""
    lost = Call.objects.filter(outcome=Call.Outcome.HELD, started_at__lt=now - LOST_AFTER)
    settled = 0
    for call in lost.order_by("started_at")[:500]:
        with transaction.atomic():
            taken = Call.objects.filter(pk=call.pk, outcome=Call.Outcome.HELD).update(
                outcome=Call.Outcome.UNKNOWN,
                cost_microdollars=call.held_microdollars,
                estimated=True,
            )
            if taken:
                budget.settle(_charges(call), call.held_microdollars)
                settled += 1
    return settled


def _call(errand: Errand, *, provider: str, model: str, key_class: str, sent: bool) -> Call:
    return Call(
        owner_id=errand.spender,
        feature=errand.feature,
        task=errand.task,
        prompt_version=errand.prompt_version,
        provider=provider,
        model=model,
        key_class=key_class,
        about_kind=errand.about.kind if errand.about else "",
        about_id=errand.about.id if errand.about else None,
        job=errand.job,
        parts=len(errand.cuts) + (errand.spoken is not None),
        background=errand.background,
        sent=sent,
    )


def _charges(call: Call) -> list[budget.Charge]:
    return budget.charges(
        call.owner_id,
        amount=call.held_microdollars,
        feature=call.feature,
        background=call.background,
        at=call.started_at,
    )


def _write_reads(call: Call, errand: Errand) -> None:
    Read.objects.bulk_create(
        Read(
            call=call,
            owner_id=cut.passage.owner_id,
            kind=cut.passage.ref.kind,
            ref_id=cut.passage.ref.id,
            rev=cut.passage.rev,
            start=cut.start,
            end=cut.end,
            purpose=errand.purpose,
        )
        for cut in errand.cuts
    )
    if errand.spoken is not None:
        Read.objects.create(
            call=call,
            owner_id=errand.spoken.owner_id,
            kind=errand.spoken.ref.kind,
            ref_id=errand.spoken.ref.id,
            rev=0,
            start=errand.spoken.start,
            end=errand.spoken.end,
            purpose=errand.purpose,
        )


def _since(started_at: datetime) -> int:
    return round((timezone.now() - started_at).total_seconds() * 1000)


def calls_of(person: AbstractUser) -> QuerySet[Call]:
    """The person's own calls, newest first."""
    return Call.objects.filter(owner=person.pk).order_by("-started_at", "-id")


def bought_by(call: Call) -> Call:
    """The call whose request this one's answer came from: itself, or for a kept answer the one that bought it."""
    return call.again if call.cached and call.again is not None else call


def call_of(person: AbstractUser, call_id: UUID) -> Call:
    """One of the person's own calls. Missing."""
    found = calls_of(person).filter(pk=call_id).first()
    if found is None:
        raise Missing
    return found


def spent_by_feature(owner_id: UUID, month: str) -> dict[str, int]:
    """What each feature cost this person in one month (`2026-11`), in microdollars. One query."""
    begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    rows = Call.objects.filter(
        owner=owner_id, started_at__gte=begins, started_at__lt=budget.end_of(month)
    )
    summed = rows.values("feature").annotate(cost=Sum("cost_microdollars")).order_by("feature")
    return {row["feature"]: row["cost"] for row in summed}


def calls_for(job_ids: Sequence[UUID], *, limit: int = 50) -> list[Call]:
    """The calls of these jobs, newest first, with what each read. Two queries."""
    rows = Call.objects.filter(job__in=job_ids).order_by("-started_at")
    return list(rows.prefetch_related("reads")[:limit])


def calls_about(ref: Ref, *, limit: int = 50) -> list[Call]:
    """The calls in which a model was given this text, newest first, with that reading alone. Two queries."""
    own = Prefetch("reads", Read.objects.filter(kind=ref.kind, ref_id=ref.id))
    rows = Call.objects.filter(reads__kind=ref.kind, reads__ref_id=ref.id).distinct()
    return list(rows.order_by("-started_at").prefetch_related(own)[:limit])


def reads_of(ref: Ref) -> QuerySet[Read]:
    """Each time a model was given words of this text, with its call."""
    return Read.objects.filter(kind=ref.kind, ref_id=ref.id).select_related("call")


def reads_of_texts_of(person: AbstractUser) -> QuerySet[Read]:
    """Each time a model was given words of this person's texts, by whomever, with its call."""
    return Read.objects.filter(owner=person.pk).select_related("call")


@dataclass(frozen=True, slots=True)
class Used:
    """What one model was used for on one day: how often, and at what price in all."""

    day: date
    task: str
    model: str
    sent: bool
    cached: bool
    failed: int
    times: int
    cost_microdollars: int


def used_by_day(owner_id: UUID, *, limit: int) -> list[Used]:
    """The newest days on which a model was used for this person, task by task. One query."""
    rows = (
        Call.objects.filter(owner=owner_id)
        .values("task", "model", "sent", "cached", day=TruncDate("started_at"))
        .annotate(
            times=Count("pk"),
            failed=Count("pk", filter=Q(outcome=Call.Outcome.FAILED)),
            cost_microdollars=Sum("cost_microdollars"),
        )
        .order_by("-day", "task", "model")
    )
    return [Used(**row) for row in rows[:limit]]


@dataclass(frozen=True, slots=True)
class Spent:
    """What one feature cost at one provider on one day, over all people. `guessed`: the estimated part of it."""

    day: date
    feature: str
    provider: str
    times: int
    failed: int
    cost: int
    guessed: int


def spent_by_day(*, since: datetime) -> list[Spent]:
    """Newest day first. One query."""
    rows = (
        Call.objects.filter(started_at__gte=since)
        .values("feature", "provider", day=TruncDate("started_at"))
        .annotate(
            times=Count("pk"),
            failed=Count("pk", filter=Q(outcome=Call.Outcome.FAILED)),
            cost=Sum("cost_microdollars", default=0),
            guessed=Sum("cost_microdollars", filter=Q(estimated=True), default=0),
        )
        .order_by("-day", "feature", "provider")
    )
    return [Spent(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Spender:
    """What one person cost, by id alone."""

    owner: UUID
    times: int
    cost: int


def most_spent(month: str, *, limit: int) -> list[Spender]:
    """Who cost most in one month (`2026-11`), most first; nobody who cost nothing. One query."""
    begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    rows = (
        Call.objects.filter(started_at__gte=begins, started_at__lt=budget.end_of(month))
        .values("owner")
        .annotate(times=Count("pk"), cost=Sum("cost_microdollars", default=0))
        .filter(cost__gt=0)
        .order_by("-cost", "owner")
    )
    return [Spender(**row) for row in rows[:limit]]
