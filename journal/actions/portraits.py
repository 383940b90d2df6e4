"""The portrait: built in the background, read, changed and thrown away by the person it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Count, Max, OuterRef, Q, Subquery, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy

from journal.actions.notes import (
    Run,
    Stopped,
    covered,
    digest_month,
    months_of,
    note_next,
    noted,
    open_entries,
    stale_months,
    standing_of,
)
from journal.models.nodes import Node
from journal.models.portraits import Evidence, MonthDigest, Note, Portrait, PortraitQuerySet
from journal.portraying import (
    PARTS,
    PORTRAIT,
    Chosen,
    Place,
    Sentence,
    Statement,
    body_of,
    choose,
    fair_cuts,
    lines_from,
    sentences_of,
    statements_in,
)
from writeorperish.ai import budget, gateway, jobs, prompts
from writeorperish.ai.jobs import Telling
from writeorperish.ai.models import Job, Preferences, Scope
from writeorperish.ai.parts import Answer, BadAnswer, CapabilityOff, NotAllowed, Slots
from writeorperish.audit.log import record
from writeorperish.crypto import blind, keys
from writeorperish.ops.refusals import Conflict, Invalid, Missing, TooLarge
from writeorperish.ops.states import move
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.portability import forget_for_ai
from writeorperish.privacy.reading import Passage, read, read_all
from writeorperish.refs import Ref

KIND: Final = "journal.portrait"
# What a first portrait needs, and what a later one: less says too little about anybody. A word is five letters.
CHARS_A_WORD: Final = 5
FIRST_ENTRIES: Final = 10
FIRST_WORDS: Final = 2_000
MORE_ENTRIES: Final = 10
MORE_WORDS: Final = 3_000
QUIET: Final = timedelta(minutes=30)
APART: Final = timedelta(days=7)
TRIED_AGAIN_AFTER: Final = timedelta(days=1)
MOST_AT_ONCE: Final = 200
BODY_CHARS: Final = 20_000
MONTHS_CHARS: Final = 40_000


class TooLittle(NotAllowed):
    words = gettext_lazy("There is too little to build a profile from yet. Nothing was sent.")


class EmptyPortrait(Invalid):
    code = "empty"
    words = gettext_lazy("There is no sentence left. To be without a profile, delete it.")


class PortraitTooLong(TooLarge):
    code = "too_long"
    words = gettext_lazy("This is longer than a profile may be.")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a first portrait still lacks; and how far the notes are."""

    entries: int
    words: int
    open_entries: int
    noted: int

    @property
    def met(self) -> bool:
        return not (self.entries or self.words)


def needs_of(person: AbstractUser) -> Needs:
    """One query."""
    standing = standing_of(person.pk)
    return Needs(
        entries=max(0, FIRST_ENTRIES - standing.entries),
        words=max(0, FIRST_WORDS - standing.chars // CHARS_A_WORD),
        open_entries=standing.entries,
        noted=standing.noted,
    )


def about(person_id: UUID) -> Ref:
    """What the jobs of a person's portrait are about: the person."""
    return Ref(get_user_model()._meta.label_lower, person_id)


# Asked for


def ask_for_portrait(person: AbstractUser) -> Job:
    """The job that builds it; asked again meanwhile, the same. NotAllowed, CapabilityOff or BudgetSpent at once."""
    able = gateway.capable("large", person.pk)
    if not able.on:
        raise CapabilityOff(why=able.why)
    if not consent.allows(person.pk, Purpose.PORTRAIT):
        raise NotAllowed(why="no_consent")
    if not needs_of(person).met and not Portrait.objects.filter(owner=person.pk).exists():
        raise TooLittle(why="too_little")
    if not able.offline:
        budget.require_any(person.pk, at=timezone.now())
    with transaction.atomic():
        job, new = jobs.start(person, KIND, about=about(person.pk))
        if new:
            # Somebody who asks wants it built, also of the same notes as before.
            Portrait.objects.filter(owner=person.pk).update(built_from=None)
            record(person, "ask_ai", about(person.pk), of=person.pk, purpose=Purpose.PORTRAIT)
    return job


def start_due(now: datetime) -> int:
    """How many people's portraits were begun because the clock said so."""
    people = get_user_model()._default_manager.in_bulk(people_due(now))
    for person in people.values():
        with transaction.atomic():
            jobs.start(person, KIND, about=about(person.pk))
    return len(people)


def people_due(now: datetime) -> list[UUID]:
    """Who agreed, has rested, and wrote enough that is new since their last one; one query over everybody.

    Or whose last one was set aside. Nobody while AI is paused here; nobody who is leaving, paused AI, has no money left for it, or had a job of
    this within a day.
    """
    able = gateway.capable("large")
    if not able.on:
        return []
    versions = Portrait.objects.filter(
        owner=OuterRef("owner"), made_by__in=[Portrait.MadeBy.AI, Portrait.MadeBy.OFFLINE]
    ).order_by("-rev")
    tried = Job.objects.filter(kind=KIND, created_at__gt=now - TRIED_AGAIN_AFTER)
    rows = (
        open_entries()
        .filter(
            owner__in=consent.agreed(Purpose.PORTRAIT).values("owner"),
            owner__leaving_at__isnull=True,
        )
        .exclude(owner__in=tried.values("owner"))
        .exclude(owner__in=Preferences.objects.filter(paused=True).values("owner"))
    )
    if not able.offline:
        rows = rows.exclude(owner__in=budget.used_up(Scope.BACKGROUND, at=now).values("owner"))
    new = Q(has_note=False)
    by_owner = (
        rows.annotate(
            last=Subquery(versions.values("made_at")[:1]),
            state_of_last=Subquery(versions.values("state")[:1]),
        )
        .annotate(has_note=noted(before=OuterRef("last")))
        .order_by()
        .values("owner", "last", "state_of_last")
        .annotate(
            entries=Count("pk"),
            letters=Sum("chars"),
            new_entries=Count("pk", filter=new),
            new_letters=Sum("chars", filter=new, default=0),
            newest=Max("updated_at"),
        )
    )
    first = Q(last=None, entries__gte=FIRST_ENTRIES, letters__gte=FIRST_WORDS * CHARS_A_WORD)
    enough = Q(new_entries__gte=MORE_ENTRIES) | Q(new_letters__gte=MORE_WORDS * CHARS_A_WORD)
    later = Q(last__lt=now - APART) & enough
    set_aside = Q(state_of_last=Portrait.State.QUARANTINED)
    due = by_owner.filter(first | later | set_aside, newest__lt=now - QUIET)
    return list(due.order_by("owner").values_list("owner", flat=True)[:MOST_AT_ONCE])


# Built


def build_portrait(job: Job) -> None:
    """Does one job as far as it may spend: notes, then digests, then the portrait. What is left is the next job's."""
    run = Run(job, Telling(job))
    run.telling.begin()
    try:
        if not prepared(run):
            hand_on(run)
            return
        made = portrait_of(run)
    except Stopped:
        with transaction.atomic():
            jobs.finish(job, Job.State.STOPPED)
        return
    if made is None:
        with transaction.atomic():
            jobs.finish(job, Job.State.DONE)
    elif not keep_portrait(job, made):
        start_over(job)


def prepared(run: Run) -> bool:
    """Whether every open entry has its note and every month its digest; False when the job may spend no more."""
    while run.goes_on():
        if not note_next(run):
            break
    else:
        return False
    for month in stale_months(run.owner_id):
        if not run.goes_on():
            return False
        digest_month(run, month)
    return run.goes_on()


@transaction.atomic
def hand_on(run: Run) -> None:
    """The job is done, and the next one goes on; unless this one did nothing, so that nothing goes on for ever."""
    jobs.finish(run.job, Job.State.DONE)
    if run.made:
        jobs.start(run.job.owner, KIND, about=run.job.about)


@transaction.atomic
def start_over(job: Job) -> None:
    """What the portrait was built from changed meanwhile: once more, or not at all."""
    if not jobs.again(job):
        jobs.finish(job, Job.State.FAILED, error="changed_meanwhile")


@transaction.atomic
def end_portrait(job: Job, state: str, error: str) -> None:
    """The job ends without a portrait; the earlier one stays, and so do the notes that were made."""
    jobs.finish(job, state, error=error)


@dataclass(frozen=True, slots=True)
class Made:
    """A portrait that is not kept yet, and the digests it was built from: their ids and marks."""

    statements: list[Statement]
    digests: dict[UUID, bytes]
    mark: bytes
    answer: Answer


def portrait_of(run: Run) -> Made | None:
    """The portrait of what the digests say now; None when there is nothing to say or nothing new. BadAnswer."""
    owner_id = run.owner_id
    months = [month.first for month in months_of(owner_id)]
    rows = MonthDigest.objects.filter(owner=owner_id, month__in=months).order_by("-month")
    digests = [row for row in rows if row.lines]
    own = own_words(run.job.owner)
    mark = blind.digest(
        keys.person(owner_id),
        prompts.named(PORTRAIT).version.encode(),
        str(own.rev if own else 0).encode(),
        *(bytes(row.built_from) for row in digests),
    )
    if not digests or stands_already(owner_id, mark):
        return None
    opened = read_all([row.ref for row in digests], purpose=Purpose.PORTRAIT, asker=run.job.owner)
    given = [row for row in digests if row.ref in opened]
    cuts = fair_cuts([opened[row.ref] for row in given], chars=MONTHS_CHARS)
    slots: Slots = {"months": cuts, "own": own}
    answer = run.ask(PORTRAIT, slots)
    statements = statements_in(answer.data, [lines_from(row.lines) for row in given])
    if not statements:
        raise BadAnswer
    return Made(statements, {row.pk: bytes(row.built_from) for row in given}, mark, answer)


def own_words(person: AbstractUser) -> Passage | None:
    """The portrait as its person wrote it, where they did."""
    current = current_of(person)
    if current is None or not current.by_hand:
        return None
    return read(current.ref, purpose=Purpose.PORTRAIT, asker=person)


def stands_already(owner_id: UUID, mark: bytes) -> bool:
    standing = Portrait.objects.filter(owner=owner_id, built_from=mark)
    return standing.exclude(state=Portrait.State.QUARANTINED).exists()


@transaction.atomic
def keep_portrait(job: Job, made: Made) -> bool:
    """Whether it stands: not if one of its digests went meanwhile, which are held until the end. NotAllowed, Lost.

    Where the person wrote the one that stands, it is proposed.
    """
    if not consent.allows(job.owner_id, Purpose.PORTRAIT):
        raise NotAllowed(why="no_consent")
    held = MonthDigest.objects.select_for_update().filter(pk__in=made.digests).order_by("pk")
    if {row.pk: bytes(row.built_from) for row in held} != made.digests:
        return False
    answer, extent = made.answer, covered(job.owner_id)
    body = body_of([(str(PARTS[each.part]), each.text) for each in made.statements])
    if same_again(job.owner_id, body, made.mark):
        jobs.finish(job, Job.State.DONE, offline=answer.offline)
        return True
    portrait = add_version(
        job.owner_id,
        body=body,
        made_by=Portrait.MadeBy.OFFLINE if answer.offline else Portrait.MadeBy.AI,
        model=answer.model,
        prompt_version=prompts.named(PORTRAIT).version,
        built_from=made.mark,
        entries=extent.entries,
        covers_from=extent.first,
        covers_until=extent.last,
    )
    cite(portrait, [each.places for each in made.statements])
    jobs.finish(job, Job.State.DONE, offline=answer.offline)
    return True


def same_again(owner_id: UUID, body: str, mark: bytes) -> bool:
    """Whether the version that stands says this already, word for word: then it is as new as one built now."""
    current = Portrait.objects.filter(owner=owner_id, state=Portrait.State.CURRENT).first()
    if current is None or current.by_hand or current.body != body:
        return False
    Portrait.objects.filter(pk=current.pk).update(built_from=mark, made_at=timezone.now())
    return True


def add_version(owner_id: UUID, *, body: str, made_by: str, **more: object) -> Portrait:
    """A new version in its place: current, or proposed where an AI's would displace the person's own.

    In the caller's transaction; one at a time for each person.
    """
    get_user_model()._default_manager.select_for_update(no_key=True).get(pk=owner_id)
    own = Portrait.objects.filter(owner=owner_id)
    current = own.filter(state=Portrait.State.CURRENT).first()
    proposed = current is not None and current.by_hand and made_by not in Portrait.BY_HAND
    state = Portrait.State.PROPOSED if proposed else Portrait.State.CURRENT
    for displaced in own.filter(state=state):
        move(displaced, Portrait.State.SUPERSEDED)
    newest = own.order_by("-rev").first()
    return Portrait.objects.create(
        owner_id=owner_id,
        rev=newest.rev + 1 if newest else 1,
        body=body,
        made_by=made_by,
        state=state,
        ai_usage=newest.ai_usage if newest else AIUsage.CHAT,
        **more,
    )


def cite(portrait: Portrait, places: Sequence[Iterable[Place]]) -> None:
    """Writes down what each sentence rests on."""
    Evidence.objects.bulk_create(
        [
            Evidence(
                portrait=portrait,
                owner_id=portrait.owner_id,
                sentence=number,
                source_kind=Node._meta.label_lower,
                source_id=place.node,
                rev=place.rev,
                start=place.start,
                end=place.end,
            )
            for number, of_sentence in enumerate(places)
            for place in of_sentence
        ],
        ignore_conflicts=True,
    )


# Read and changed by its person


def versions_of(person: AbstractUser) -> PortraitQuerySet:
    """All versions, newest first, those set aside included."""
    return Portrait.objects.visible_to(person).order_by("-rev")


def current_of(person: AbstractUser) -> Portrait | None:
    """The version that stands; None where there is none or it was set aside."""
    return versions_of(person).filter(state=Portrait.State.CURRENT).first()


def proposal_of(person: AbstractUser) -> Portrait | None:
    return versions_of(person).filter(state=Portrait.State.PROPOSED).first()


def shown_to(person: AbstractUser) -> Portrait | None:
    """What its person is shown: the version that stands, or else the newest that was set aside. Two queries at most."""
    set_aside = versions_of(person).filter(state=Portrait.State.QUARANTINED)
    return current_of(person) or set_aside.first()


def version_at(person: AbstractUser, rev: int) -> Portrait:
    """Missing for a number that is none of theirs."""
    found = versions_of(person).filter(rev=rev).first()
    if found is None:
        raise Missing
    return found


def edit_portrait(person: AbstractUser, *, base_rev: int, body: str) -> Portrait:
    """The version with these words, which from now on outrank what AI finds. Conflict where another was changed.

    Sentences that stay as they were keep what they rest on. `base_rev` 0: written without any before.
    """
    text = body.strip()
    if len(text) > BODY_CHARS:
        raise PortraitTooLong(chars=len(text), cap=BODY_CHARS)
    if not sentences_of(text):
        raise EmptyPortrait
    with transaction.atomic():
        base = shown_to(person)
        require_base(base, base_rev)
        if base is not None and base.body == text and not base.set_aside:
            return base
        portrait = add_version(person.pk, body=text, made_by=Portrait.MadeBy.PERSON)
        rests = {each.text: places for each, places in cited(base)} if base else {}
        cite(portrait, [rests.get(each.text, ()) for each in sentences_of(text)])
        record(person, "edit", Ref.to(portrait), of=person.pk)
        return portrait


def require_base(base: Portrait | None, rev: int) -> None:
    if (base.rev if base else 0) != rev:
        raise Conflict(rev=base.rev if base else 0)


def cited(portrait: Portrait) -> list[tuple[Sentence, tuple[Place, ...]]]:
    """The sentences of a version, and the passages each rests on. One query."""
    places: dict[int, list[Place]] = {}
    for each in portrait.evidence.order_by("pk"):
        place = Place(each.source_id, each.rev, each.start, each.end)
        places.setdefault(each.sentence, []).append(place)
    return [(each, tuple(places.get(each.number, ()))) for each in sentences_of(portrait.body)]


@transaction.atomic
def restore_portrait(person: AbstractUser, portrait: Portrait) -> Portrait:
    """An earlier version as the newest. Conflict for one that was set aside."""
    if portrait.state != Portrait.State.SUPERSEDED:
        raise Conflict("wrong_state", state=portrait.state)
    restored = add_version(
        person.pk,
        body=portrait.body,
        made_by=Portrait.MadeBy.RESTORE,
        model=portrait.model,
        entries=portrait.entries,
        covers_from=portrait.covers_from,
        covers_until=portrait.covers_until,
    )
    cite(restored, [places for _sentence, places in cited(portrait)])
    record(person, "restore", Ref.to(restored), of=person.pk)
    return restored


@transaction.atomic
def accept_proposal(
    person: AbstractUser, *, rev: int, base_rev: int, take: Iterable[int], drop: Iterable[int]
) -> Portrait:
    """The person's version with these sentences of the proposal, and without those of its own; the proposal is over.

    Numbers count the sentences of each from 0. With none of either nothing changes but that. Where the person's own
    was set aside meanwhile, the proposal stands as a whole. Missing, Conflict.
    """
    proposal, base = proposal_of(person), current_of(person)
    if proposal is None or proposal.rev != rev:
        raise Missing
    require_base(base, base_rev)
    if base is None:
        return restore_portrait(person, move(proposal, Portrait.State.SUPERSEDED))
    move(proposal, Portrait.State.SUPERSEDED)
    record(person, "portrait.decide", Ref.to(proposal), of=person.pk)
    chosen = choose(base.body, proposal.body, take=take, drop=drop)
    if not chosen:
        raise EmptyPortrait
    if chosen == [Chosen(each, False) for each in sentences_of(base.body)]:
        return base
    rests = {
        (proposed, sentence.number): places
        for proposed, version in ((False, base), (True, proposal))
        for sentence, places in cited(version)
    }
    accepted = add_version(
        person.pk,
        body=body_of([(each.sentence.heading, each.sentence.text) for each in chosen]),
        made_by=Portrait.MadeBy.PERSON,
        entries=proposal.entries,
        covers_from=proposal.covers_from,
        covers_until=proposal.covers_until,
    )
    cite(accepted, [rests[each.proposed, each.sentence.number] for each in chosen])
    return accepted


@transaction.atomic
def set_use(person: AbstractUser, *, ai_usage: str) -> Portrait:
    """Whether replies are given the portrait: the choice holds for every version, earlier and later. Missing without one.

    Earlier ones too, since conversations keep the version they began with.
    """
    portrait = shown_to(person)
    if portrait is None:
        raise Missing
    if portrait.ai_usage != ai_usage:
        portrait.ai_usage = ai_usage
        Portrait.objects.filter(owner=person.pk).update(ai_usage=ai_usage)
        if ai_usage == AIUsage.NONE:
            forget_for_ai(portrait.ref, owner_id=person.pk)
        detail = {"to": str(ai_usage)}
        record(person, "ai_usage", portrait.ref, of=person.pk, detail=detail)
    return portrait


@transaction.atomic
def erase_portrait(person: AbstractUser) -> None:
    """All versions, digests and notes are gone, and so is the consent to make new ones."""
    asked = consent.terms()[Purpose.PORTRAIT]
    if consent.allows(person.pk, Purpose.PORTRAIT):
        consent.decide(
            person,
            Purpose.PORTRAIT,
            granted=False,
            text_version=asked.version,
            source="profile",
        )
    Portrait.objects.filter(owner=person.pk).delete()
    MonthDigest.objects.filter(owner=person.pk).delete()
    Note.objects.filter(owner=person.pk).delete()
    record(person, "erase", about(person.pk), of=person.pk, purpose=Purpose.PORTRAIT)


def stop_portrait(person: AbstractUser) -> None:
    """What is being built stops at its next step; its notes stay. Missing when nothing is."""
    job = newest_job_of(person)
    if job is None or job.over:
        raise Missing
    jobs.cancel(person, job.pk)


def newest_job_of(person: AbstractUser) -> Job | None:
    """The job that builds the portrait now, or did last."""
    return Job.objects.filter(owner=person.pk, kind=KIND).order_by("-created_at").first()
