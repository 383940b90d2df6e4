"""Notes on entries and digests of months: made step by step by a job that may spend so much and no more."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q, Sum
from django.utils import timezone

from journal.models.nodes import Node, NodeQuerySet
from journal.models.portraits import MonthDigest, Note, first_of
from journal.portraying import (
    CALL_ENTRIES,
    DIGEST,
    MOST_MONTHS,
    NOTE,
    Item,
    Line,
    Place,
    digest_by_rule,
    fair_cuts,
    first_call,
    items_in,
    lines_in,
    short_enough,
    together,
)
from writeorperish.ai import gateway, prompts, twins
from writeorperish.ai.jobs import Telling, spent_by
from writeorperish.ai.models import Call, Job
from writeorperish.ai.parts import Answer, BadAnswer, Cut, NotAllowed, Slots, TooLong
from writeorperish.ai.providers.wire import Stop
from writeorperish.crypto import blind, keys
from writeorperish.crypto.fields import JSON
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage, read_all, still_stands
from writeorperish.refs import Ref

# What one job may use: calls that leave this server, their price, and seconds. What is left over is the next job's.
MOST_CALLS: Final = 10
MOST_MICRODOLLARS: Final = 100_000
MOST_SECONDS: Final = 240.0
# One question may be put twice, when the first answer was of no use.
CALLS_A_QUESTION: Final = 2


class Stopped(Exception):
    """The job's person pressed Stop."""


@dataclass(slots=True)
class Run:
    """A job at work, and what it has done: `made` counts the notes and digests that stand because of it."""

    job: Job
    telling: Telling
    made: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def owner_id(self) -> UUID:
        return self.job.owner_id

    def goes_on(self) -> bool:
        """Whether there is room for one more question. Stopped, or Lost when another worker has the job."""
        self.telling.keep()
        if self.telling.asked_to_stop():
            raise Stopped
        used = Call.objects.filter(job=self.job.pk, sent=True).aggregate(
            calls=Count("pk"), cost=Sum("cost_microdollars", default=0)
        )
        return (
            used["calls"] + CALLS_A_QUESTION <= MOST_CALLS
            and used["cost"] < MOST_MICRODOLLARS
            and time.monotonic() - self.began < MOST_SECONDS
        )

    def ask(self, prompt: str, slots: Slots) -> Answer:
        """The answer of a model, or of the rule. Stopped; refusals as in `gateway.complete`."""
        answer = gateway.complete(
            prompt,
            slots,
            spender=self.owner_id,
            about=self.job.about,
            job=self.job.pk,
            stop=self.telling.stopped_meanwhile,
        )
        spent_by(self.job, answer.cost_microdollars)
        if answer.stop == Stop.STOPPED:
            raise Stopped
        return answer


def open_entries() -> NodeQuerySet:
    """Everybody's own entries that stand and are open to AI: what a portrait may be built from.

    Those an import opened to AI only once its person said that notes may read them: many at once cost something.
    """
    return Node.objects.filter(
        Q(import_run__isnull=True)
        | Q(import_run__ai_usage=AIUsage.NONE)
        | Q(import_run__notes_wanted=True),
        deleted_at__isnull=True,
        state=Node.State.WHOLE,
        author_kind=Node.Author.PERSON,
        body__isnull=False,
    ).exclude(ai_usage=AIUsage.NONE)


def noted(*, before: OuterRef | None = None) -> Exists:
    """Whether an entry has a note at its present revision, made no later than `before`."""
    notes = Note.objects.filter(
        source_kind=Node._meta.label_lower, source_id=OuterRef("pk"), rev=OuterRef("rev")
    )
    return Exists(notes if before is None else notes.filter(made_at__lte=before))


def pending(owner_id: UUID) -> NodeQuerySet:
    """The person's entries that have no note at their present revision."""
    return open_entries().filter(~Q(noted()), owner=owner_id)


def note_next(run: Run) -> bool:
    """Whether there was anything to note: as many entries as one call reads then have their notes."""
    days = dict(pending(run.owner_id).order_by("pk").values_list("pk", "day")[:CALL_ENTRIES])
    refs = [Ref(Node._meta.label_lower, pk) for pk in days]
    opened = read_all(refs, purpose=Purpose.NOTE, asker=run.job.owner)
    cuts = first_call([opened[ref] for ref in refs if ref in opened])
    if not cuts:
        return False
    for passage, items, answer in read_closely(run, cuts):
        run.made += keep_note(passage, days[passage.ref.id], items, answer)
    return True


Read = tuple[Passage, list[Item], Answer | None]


def read_closely(run: Run, cuts: Sequence[Cut]) -> list[Read]:
    """What is noted on each of these entries. One whose notes can't be had has none; it is not tried for ever."""
    if len({cut.passage.ref for cut in cuts}) < len(cuts) or len(cuts) == 1:
        told = [items_of(run, [cut]) for cut in cuts]
        answer = next((answer for _items, answer in told if answer), None)
        parts = [items.get(0, []) for items, _answer in told]
        return [(cuts[0].passage, together(parts), answer)]
    items, answer = items_of(run, cuts)
    found: list[Read] = []
    for index, cut in enumerate(cuts):
        if index in items:
            found.append((cut.passage, items[index], answer))
        elif run.goes_on():  # left out: once more, alone
            alone, its_answer = items_of(run, [cut])
            found.append((cut.passage, alone.get(0, []), its_answer))
    return found


def items_of(run: Run, cuts: Sequence[Cut]) -> tuple[dict[int, list[Item]], Answer | None]:
    """What a model notes on these stretches, by their number; nothing where its answer is of no use."""
    try:
        answer = run.ask(NOTE, {"entries": cuts})
    except (BadAnswer, TooLong):
        return {}, None
    return items_in(answer.data, cuts), answer


@transaction.atomic
def keep_note(passage: Passage, day: date, items: Sequence[Item], answer: Answer | None) -> bool:
    """Whether the note stands: not if the entry changed, closed or went meanwhile. NotAllowed without consent."""
    if not consent.allows(passage.owner_id, Purpose.PORTRAIT):
        raise NotAllowed(why="no_consent")
    if not still_stands(passage, purpose=Purpose.NOTE):
        return False
    ref = passage.ref
    earlier = Note.objects.filter(source_kind=ref.kind, source_id=ref.id)
    if earlier.filter(rev=passage.rev).exists():
        return False
    since = earlier.aggregate(first=Min("since"))["first"] or timezone.now()
    earlier.replace()
    Note.objects.create(
        owner_id=passage.owner_id,
        source_kind=ref.kind,
        source_id=ref.id,
        rev=passage.rev,
        day=day,
        items=[item.as_json() for item in items],
        model=answer.model if answer else "",
        prompt_version=prompts.named(NOTE).version,
        since=since,
    )
    return True


# Months


@dataclass(frozen=True, slots=True)
class Month:
    """A month with notes: its first day, the notes, and what a digest of exactly these is marked with."""

    first: date
    notes: tuple[UUID, ...]
    mark: bytes


def months_of(owner_id: UUID) -> list[Month]:
    """The newest months that have notes, newest first. One query, no words."""
    rows = Note.objects.filter(owner=owner_id, deleted_at__isnull=True).order_by("-day", "-pk")
    by_month: dict[date, list[tuple[UUID, UUID, int]]] = {}
    for pk, day, source, rev in rows.values_list("pk", "day", "source_id", "rev"):
        if first_of(day) not in by_month and len(by_month) == MOST_MONTHS:
            break
        by_month.setdefault(first_of(day), []).append((pk, source, rev))
    holder = keys.person(owner_id)
    return [
        Month(
            first,
            tuple(pk for pk, _source, _rev in notes),
            blind.digest(holder, *sorted(f"{source} {rev}".encode() for _pk, source, rev in notes)),
        )
        for first, notes in by_month.items()
    ]


def stale_months(owner_id: UUID) -> list[Month]:
    """The months whose digest is missing or was made of other notes. Two queries."""
    standing = {
        month: bytes(mark)
        for month, mark in MonthDigest.objects.filter(owner=owner_id).values_list(
            "month", "built_from"
        )
    }
    return [month for month in months_of(owner_id) if standing.get(month.first) != month.mark]


def digest_month(run: Run, month: Month) -> None:
    """The month has a digest of these notes; where a model's is of no use, one by rule."""
    notes = [
        note for note in Note.objects.filter(pk__in=month.notes).order_by("day", "pk") if note.items
    ]
    lines = [lines_of(note) for note in notes]
    if short_enough(lines):
        run.made += keep_digest(run.owner_id, month, [line for each in lines for line in each])
        return
    refs = [note.ref for note in notes]
    opened = read_all(refs, purpose=Purpose.PORTRAIT, asker=run.job.owner)
    given = [
        (opened[ref], of_note) for ref, of_note in zip(refs, lines, strict=True) if ref in opened
    ]
    cuts = fair_cuts([passage for passage, _lines in given])
    slots: Slots = {"notes": cuts}
    of_notes = [of_note for _passage, of_note in given]
    try:
        answer = run.ask(DIGEST, slots)
        found, model = lines_in(answer.data, of_notes), answer.model
    except (BadAnswer, TooLong):
        found, model = [], ""
    if not found:
        found, model = lines_in(digest_by_rule(slots).data, of_notes), twins.NAME
    run.made += keep_digest(run.owner_id, month, found, model=model)


def lines_of(note: Note) -> list[Line]:
    """The note's items as lines that lead to its entry."""
    return [
        Line(
            item["kind"],
            item["text"],
            (Place(note.source_id, note.rev, item["start"], item["end"]),),
        )
        for item in note.items
    ]


@transaction.atomic
def keep_digest(owner_id: UUID, month: Month, lines: Sequence[Line], *, model: str = "") -> bool:
    """Whether the digest stands: not if one of its notes went meanwhile. Its notes are held until the end."""
    if not consent.allows(owner_id, Purpose.PORTRAIT):
        raise NotAllowed(why="no_consent")
    held = Note.objects.select_for_update(no_key=True).filter(pk__in=month.notes).order_by("pk")
    if len(held.values_list("pk", flat=True)) < len(month.notes):
        return False
    rows: JSON = [line.as_json() for line in lines]
    MonthDigest.objects.update_or_create(
        owner_id=owner_id,
        month=month.first,
        defaults={
            "lines": rows,
            "built_from": month.mark,
            "model": model,
            "prompt_version": prompts.named(DIGEST).version if model else "",
            "made_at": timezone.now(),
        },
    )
    return True


@dataclass(frozen=True, slots=True)
class Covered:
    """How many entries the notes are about, and from when to when these were written."""

    entries: int
    first: date | None
    last: date | None


def covered(owner_id: UUID) -> Covered:
    days = list(Note.objects.filter(owner=owner_id).values_list("day", flat=True))
    return Covered(len(days), min(days, default=None), max(days, default=None))


@dataclass(frozen=True, slots=True)
class Standing:
    """How many open entries a person has and how long they are together, and how many of them have their notes."""

    entries: int
    chars: int
    noted: int


def standing_of(owner_id: UUID) -> Standing:
    """Counted in one query, no words."""
    found = (
        open_entries()
        .filter(owner=owner_id)
        .annotate(has_note=noted())
        .aggregate(
            entries=Count("pk"),
            all_chars=Sum("chars", default=0),
            with_note=Count("pk", filter=Q(has_note=True)),
        )
    )
    return Standing(found["entries"], found["all_chars"], found["with_note"])
