"""Following a job as it runs. Nothing here holds a database connection while it waits."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.actions.tokens import family_of
from accounts.models import User
from accounts.tokens import NotAuthenticated
from writeorperish.ai.jobs import text_of
from writeorperish.ai.models import Job
from writeorperish.ops.refusals import Missing, TooMuch
from writeorperish.realtime.streams import Mark, follow, stands
from writeorperish.ui.streams import (
    KEEP_ALIVE,
    KEEP_ALIVE_SECONDS,
    RETRY,
    event,
    event_stream,
)

# Browsers allow six connections to one place over all tabs.
MOST_STREAMS: Final = 6
LIFE_SECONDS: Final = 600
ENDS: Final = frozenset({"done", "error"})

T = TypeVar("T")
following: Counter[UUID] = Counter()


@require_GET
async def job(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """A job's words as server-sent events, from `Last-Event-ID` or `?after=` on, or with a snapshot first."""
    person = await queried(lambda: whoever(request))
    return await followed(request, person, await queried(lambda: own_job(person, job_id)))


async def followed(request: HttpRequest, person: User, found: Job) -> StreamingHttpResponse:
    """The events of a job this person may follow. TooMuch with six streams open already."""
    if following[person.pk] >= MOST_STREAMS:
        raise TooMuch(retry_after_seconds=5)
    asked = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return event_stream(counted(person.pk, events_of(person, found, Mark.parse(asked))))


def whoever(request: HttpRequest) -> User:
    """Who asks, by bearer token or session. NotAuthenticated."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return family_of(token.strip()).person
    if scheme or not isinstance(request.user, User) or not request.user.is_active:
        raise NotAuthenticated
    return request.user


def own_job(person: User, job_id: UUID) -> Job:
    found = Job.objects.filter(owner=person.pk, pk=job_id).first()
    if found is None:
        raise Missing
    return found


async def queried(ask: Callable[[], T]) -> T:
    """What a query answers, its connection given back at once."""

    def asked() -> T:
        try:
            return ask()
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return await sync_to_async(asked)()


async def counted(person_id: UUID, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    following[person_id] += 1
    try:
        async for each in events:
            yield each
    finally:
        following[person_id] -= 1
        if not following[person_id]:
            del following[person_id]


async def events_of(person: User, found: Job, after: Mark | None) -> AsyncIterator[bytes]:
    """The job's events until it ends, its row is gone or ten minutes are over: the reader comes back then."""
    yield RETRY
    known = after is not None and after.attempt == found.attempt and await stands(found.pk)
    if after is None or not known:
        after = Mark(found.attempt, found.seq)
        yield event("snapshot", {"text": await queried(lambda: text_of(found))}, mark=str(after))
    if found.over and not known:
        yield end_of(found)
        return
    until = time.monotonic() + LIFE_SECONDS
    async for told in follow(
        found.pk, found.owner_id, after=after, wait_seconds=KEEP_ALIVE_SECONDS
    ):
        for each in told:
            yield event(each.kind, each.data, mark=str(each.mark))
            if each.kind in ENDS:
                return
        if not told:
            yield KEEP_ALIVE
            # The last word may have been told while Redis was away: the row is the truth.
            standing = await queried(
                lambda: Job.objects.filter(pk=found.pk, owner=person.pk).first()
            )
            if standing is None or standing.over:
                yield end_of(standing) if standing else event("done", {"state": "stopped"})
                return
        if time.monotonic() > until:
            return


def end_of(found: Job) -> bytes:
    kind = "error" if found.state == Job.State.FAILED else "done"
    code = {"code": found.error} if found.error else {}
    return event(kind, {"state": str(found.state)} | code)
