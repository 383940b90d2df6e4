"""Longer work of a model: queued once, run by one worker at a time, followed, stopped, taken up again.

A job's row is the truth. What watchers are told on the way is a courtesy of `realtime.streams`.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from writeorperish.ai import gateway
from writeorperish.ai.models import Job
from writeorperish.events.bus import Queue
from writeorperish.events.catalog import JobQueued
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ops.states import move
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import SOURCES, open_now, read
from writeorperish.realtime.streams import append
from writeorperish.refs import Ref

LEASE: Final = timedelta(seconds=60)
MOST_ATTEMPTS: Final = 3
# How often words are handed on, and how often they are kept in the row.
FLUSH_SECONDS: Final = 0.08
FLUSH_CHARS: Final = 200
KEEP_SECONDS: Final = 2.0
STOP_SECONDS: Final = 0.5


class Lost(Exception):
    """Another worker holds the job now, or it is over: what this one does no longer counts."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How jobs of a kind are done: `work` does one to its end, `end` ends one that could not be done.

    `end(job, state, error)` runs in one transaction and finishes the job with whatever it was writing. A job
    with a purpose goes on only while its person allows that, and the text it is about is open to it. `queue`:
    whether somebody waits for them.
    """

    work: Callable[[Job], None]
    end: Callable[[Job, str, str], None]
    queue: Queue = "urgent"
    purpose: Purpose | None = None


KINDS: dict[str, Kind] = {}


def runs(
    kind: str,
    *,
    end: Callable[[Job, str, str], None],
    queue: Queue = "urgent",
    purpose: Purpose | None = None,
) -> Callable[[Callable[[Job], None]], Callable[[Job], None]]:
    """Makes a function in an app's `handlers.py` do the jobs of a kind. TypeError for a second one."""

    def register(work: Callable[[Job], None]) -> Callable[[Job], None]:
        if kind in KINDS:
            raise TypeError(f"{kind} is done by another already")
        KINDS[kind] = Kind(work, end, queue, purpose)
        return work

    return register


def run(job_id: UUID) -> None:
    """Does a job if nobody else does. Whatever its work raises, the job ends: the error is kept by its code.

    What its person has closed since they asked stops it, before a word is read and before one leaves.
    """
    job = claim(job_id)
    if job is None:
        return
    if why := withheld(job):
        give_up(job, why, state=Job.State.STOPPED)
        return
    try:
        KINDS[job.kind].work(job)
    except Lost:
        return
    except Refused as refusal:
        why = withheld(job)
        give_up(job, why or refusal.code, state=Job.State.STOPPED if why else Job.State.FAILED)
    except Exception:
        give_up(job, "broken")
        raise


def queue_of(job_id: UUID) -> str:
    """Where this job is done; empty when there is no such job. One query."""
    kind = Job.objects.filter(pk=job_id).values_list("kind", flat=True).first()
    return KINDS[kind].queue if kind else ""


def give_up(job: Job, error: str, *, state: str = Job.State.FAILED) -> None:
    """The job ends without a result, unless it is no longer this worker's."""
    with suppress(Lost), transaction.atomic():
        KINDS[job.kind].end(job, state, error)


def withheld(job: Job) -> str:
    """Why this job may not go on, as a short code; empty when it may. Up to four queries.

    Its person paused AI, took their consent back, or closed or deleted the text it is about or writes.
    """
    purpose = KINDS[job.kind].purpose
    if purpose is None:
        return ""
    if why := gateway.withheld(purpose, job.owner_id):
        return why
    if job.about_kind in SOURCES and not open_now([job.about], purpose=purpose):
        return "ai_off_here"
    if job.result_id is None or job.result_kind not in SOURCES:
        return ""
    result = Ref(job.result_kind, job.result_id)
    return "" if open_now([result], purpose=Purpose.COMPOSE) else "gone"


def stop_withheld(owner_id: UUID) -> int:
    """How many jobs of this person were stopped, because what they need was closed since they were asked for.

    One that nobody has begun ends at once; a worker that writes one looks up within a second.
    """
    waiting = Job.objects.filter(owner=owner_id, state__in=[Job.State.QUEUED, Job.State.RUNNING])
    stopped = 0
    for job_id in waiting.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            job = Job.objects.select_for_update().filter(pk=job_id).first()
            if job is not None and not job.over and (why := withheld(job)):
                stop(job, why)
                stopped += 1
    return stopped


def again(job: Job) -> bool:
    """Whether the job was queued once more, to start over; False after the last attempt."""
    if job.attempt >= MOST_ATTEMPTS:
        return False
    with transaction.atomic():
        require_mine(job)
        move(job, Job.State.QUEUED, lease_until=None)
        emit(JobQueued(job.pk, job.owner_id))
    return True


def start(
    person: AbstractUser, kind: str, *, about: Ref, result: Ref | None = None, model: str = ""
) -> tuple[Job, bool]:
    """The job, and whether it is new: what is under way on this text already is what a second click gets.

    In the caller's transaction, with the fact that wakes a worker.
    """
    try:
        with transaction.atomic():
            job = Job.objects.create(
                owner_id=person.pk,
                kind=kind,
                about_kind=about.kind,
                about_id=about.id,
                result_kind=result.kind if result else "",
                result_id=result.id if result else None,
                model=model,
            )
            emit(JobQueued(job.pk, person.pk))
    except IntegrityError:
        return under_way(kind, about), False
    return job, True


def find(kind: str, about: Ref) -> Job | None:
    """The job under way on this text, or None."""
    with suppress(Job.DoesNotExist):
        return under_way(kind, about)
    return None


def under_way(kind: str, about: Ref) -> Job:
    """The job that is queued or running on this text. Job.DoesNotExist without one."""
    return Job.objects.get(
        kind=kind,
        about_kind=about.kind,
        about_id=about.id,
        state__in=[Job.State.QUEUED, Job.State.RUNNING],
    )


def claim(job_id: UUID) -> Job | None:
    """The job, this worker's for a minute; None when another has it, it is over, or was tried too often.

    Leases are told by the database's clock.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None or job.over:
            return None
        if job.state == Job.State.RUNNING:
            if not lapsed(job):
                return None
            job = move(job, Job.State.QUEUED)
        if job.attempt >= MOST_ATTEMPTS:
            KINDS[job.kind].end(job, Job.State.FAILED, "lost")
            return None
        return move(
            job,
            Job.State.RUNNING,
            attempt=job.attempt + 1,
            lease_until=database_now() + LEASE,
            seq=0,
            partial=None,
        )


def lapsed(job: Job) -> bool:
    return job.lease_until is not None and job.lease_until < database_now()


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def finish(job: Job, state: str, *, error: str = "", offline: bool = False) -> Job:
    """The job at its end, and the last word on its stream. Lost when it is no longer this worker's."""
    require_mine(job)
    ended = move(
        job,
        state,
        error=error,
        lease_until=None,
        finished_at=timezone.now(),
        partial=None,
        offline=offline,
    )
    transaction.on_commit(lambda: tell_end(ended))
    return ended


def stay(job: Job, span: timedelta) -> None:
    """The job stays this worker's for so long from now, for one step that may take that. Lost."""
    mine = Job.objects.filter(pk=job.pk, attempt=job.attempt, state=Job.State.RUNNING)
    if not mine.update(lease_until=database_now() + span):
        raise Lost


def asked_to_stop(job: Job) -> bool:
    return Job.objects.filter(pk=job.pk, stop_asked_at__isnull=False).exists()


def require_mine(job: Job) -> None:
    """Lost unless the job still stands in the attempt this worker began."""
    standing = Job.objects.filter(pk=job.pk).values_list("attempt", "state").first()
    if standing is None or standing[0] != job.attempt or standing[1] not in Job.EDGES:
        raise Lost


def tell_end(job: Job) -> None:
    kind = "error" if job.state == Job.State.FAILED else "done"
    code = {"code": job.error} if job.error else {}
    append(job.pk, job.owner_id, max(job.attempt, 1), kind, {"state": str(job.state)} | code)


def cancel(person: AbstractUser, job_id: UUID) -> Job:
    """The person's job, told to stop: at once if nobody has begun, else within a second. Missing.

    A job that is over stays as it is.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id, owner=person.pk).first()
        if job is None:
            raise Missing
        stop(job, "")
        return job


def stop(job: Job, error: str) -> None:
    """The job, locked by the caller, ends at once if nobody has begun it; else its worker is told."""
    if job.state == Job.State.QUEUED:
        KINDS[job.kind].end(job, Job.State.STOPPED, error)
        job.refresh_from_db()
    elif job.state == Job.State.RUNNING and job.stop_asked_at is None:
        job.stop_asked_at = timezone.now()
        job.save(update_fields=["stop_asked_at"])


def reclaim() -> int:
    """How many jobs whose worker died were announced again."""
    lost = Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=database_now())
    told = 0
    for job in lost.order_by("lease_until")[:100]:
        with transaction.atomic():
            emit(JobQueued(job.pk, job.owner_id))
        told += 1
    return told


@dataclass(slots=True)
class Telling:
    """A running job's words on their way: gathered a moment, handed to watchers, kept in the row.

    Raises Lost from `say` when another worker has the job.
    """

    job: Job
    text: str = field(default="", repr=False)
    waiting: str = field(default="", repr=False)
    flushed_at: float = field(default_factory=time.monotonic)
    kept_at: float = field(default_factory=time.monotonic)
    looked_at: float = field(default_factory=time.monotonic)
    seq: int = 0
    stop_asked: bool = False

    def begin(self) -> None:
        """Tells watchers of an earlier attempt that this one starts over."""
        if self.job.attempt > 1:
            self.tell("restart")
        self.tell("status", status="waiting")

    def say(self, words: str) -> None:
        self.text += words
        self.waiting += words
        now = time.monotonic()
        if len(self.waiting) >= FLUSH_CHARS or now - self.flushed_at >= FLUSH_SECONDS:
            self.flush()
        if now - self.kept_at >= KEEP_SECONDS:
            self.keep()

    def flush(self) -> None:
        self.flushed_at = time.monotonic()
        if self.waiting:
            self.tell("delta", text=self.waiting)
            self.waiting = ""

    def tell(self, kind: str, **data: object) -> None:
        mark = append(self.job.pk, self.job.owner_id, self.job.attempt, kind, data)
        if mark is not None:
            self.seq = mark.seq

    def keep(self) -> None:
        """The text so far stands in the row and the lease goes on. Lost."""
        self.flush()
        self.kept_at = time.monotonic()
        with transaction.atomic():
            standing = (
                Job.objects.select_for_update()
                .filter(pk=self.job.pk, attempt=self.job.attempt, state=Job.State.RUNNING)
                .first()
            )
            if standing is None:
                raise Lost
            standing.partial, standing.seq = self.text, self.seq
            standing.lease_until = database_now() + LEASE
            standing.save(update_fields=["partial", "seq", "lease_until"])

    def stopped_meanwhile(self) -> bool:
        """For work whose words are not shown: the lease goes on, and whether its person pressed Stop. Lost."""
        if time.monotonic() - self.kept_at >= KEEP_SECONDS:
            self.keep()
        return self.asked_to_stop()

    def asked_to_stop(self) -> bool:
        """Whether its person pressed Stop; looked up at most twice a second."""
        now = time.monotonic()
        if not self.stop_asked and now - self.looked_at >= STOP_SECONDS:
            self.looked_at = now
            self.stop_asked = Job.objects.filter(
                pk=self.job.pk, stop_asked_at__isnull=False
            ).exists()
        return self.stop_asked


def text_of(job: Job) -> str:
    """The text so far, or of what it became, for the job's own person; empty where there is none."""
    if not job.over:
        return job.partial or ""
    if job.result_id is None:
        return ""
    passage = read(Ref(job.result_kind, job.result_id), purpose=Purpose.COMPOSE, asker=job.owner)
    return passage.text if passage else ""


def spent_by(job: Job, amount: int) -> None:
    Job.objects.filter(pk=job.pk).update(cost_microdollars=F("cost_microdollars") + amount)
