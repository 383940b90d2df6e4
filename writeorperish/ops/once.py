"""The repeat of a request gets the first result: double clicks, lost answers, an outbox sent again."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.models import Once
from writeorperish.ops.refusals import Conflict, Invalid
from writeorperish.refs import Ref

P = ParamSpec("P")

NONE: Final = timedelta(0)
KEPT: Final = timedelta(hours=24)
# Requests are cut off long before; what still claims to run has died.
LONGEST_RUN: Final = timedelta(minutes=2)
# How long the second click of a double click waits for the first one's answer.
PATIENCE: Final = timedelta(seconds=5)
LOOK_EVERY_SECONDS: Final = 0.05
FIELD: Final = "once"
NOT_COMPARED: Final = frozenset({FIELD, "csrfmiddlewaretoken"})


class KeyReused(Invalid):
    code = "key_reused"
    words = _("This key was already used for something else.")


class InProgress(Conflict):
    code = "in_progress"
    words = _("This is already being done.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: its status, where it led, and the row it made or changed."""

    status: int
    location: str = ""
    result: Ref | None = None


class Attempt:
    """One try at a request. `earlier` is the outcome it already had; without one the caller does the work."""

    def __init__(self, earlier: Outcome | None) -> None:
        self.earlier = earlier
        self.outcome: Outcome | None = None

    def ended(self, outcome: Outcome) -> None:
        """The outcome is kept for repeats. Not called, or left by an exception, the key stays free."""
        self.outcome = outcome


@contextmanager
def attempt(
    person: AbstractBaseUser, route: str, key: UUID, body: bytes, *, patience: timedelta = NONE
) -> Iterator[Attempt]:
    """A try at the request this person made under this key.

    InProgress when another try still runs after `patience`, KeyReused when the key stood for another
    body. Not for use inside a transaction: others must see that the work has begun. Three queries.
    """
    row, mine = _claim_within(patience, person, route, key, fingerprint_of(body))
    if not mine:
        yield Attempt(_outcome_of(row))
        return
    trying = Attempt(None)
    try:
        yield trying
    finally:
        _close(row, trying.outcome)


def once(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A page view whose repeated POST, told by the form's hidden key, leads where the first one led.

    Refused forms keep nothing, so a corrected one may use the same key. A repeat that comes while
    the first runs waits for it up to 5 s. Without a key or a person the view runs as it is.
    """

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key = uuid_or_none(request.POST.get(FIELD, "")) if request.method == "POST" else None
        if key is None or not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        body = _form_of(request)
        with attempt(request.user, request.path[:200], key, body, patience=PATIENCE) as trying:
            if trying.earlier:
                return _back_to(request, trying.earlier)
            response = view(request, *args, **kwargs)
            if response.status_code < 400:
                trying.ended(
                    Outcome(response.status_code, response.headers.get("Location", "")[:500])
                )
            return response

    return answer


def prune(now: datetime) -> int:
    """How many outcomes were older than 24 h and are gone."""
    return Once.objects.filter(at__lt=now - KEPT).delete()[0]


def uuid_or_none(text: str) -> UUID | None:
    """The UUID written in its usual 36 characters, else None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def fingerprint_of(body: bytes) -> bytes:
    """32 bytes that differ for different bodies and tell nothing to whoever lacks the secret key."""
    return salted_hmac("wop.once", body, algorithm="sha256").digest()


def _claim_within(
    patience: timedelta, person: AbstractBaseUser, route: str, key: UUID, print_: bytes
) -> tuple[Once, bool]:
    until = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return _claim(person, route, key, print_)
        except InProgress:
            if time.monotonic() >= until:
                raise
        time.sleep(LOOK_EVERY_SECONDS)


def _claim(person: AbstractBaseUser, route: str, key: UUID, print_: bytes) -> tuple[Once, bool]:
    """The row of this key, and whether the work is now ours to do."""
    now = timezone.now()
    with transaction.atomic():
        row, made = Once.objects.get_or_create(
            person_id=person.pk, route=route, key=key, defaults={"fingerprint": print_, "at": now}
        )
        if made:
            return row, True
        locked = Once.objects.select_for_update().filter(pk=row.pk).first()
        if locked is None:  # the other try has just failed and freed the key
            raise InProgress(retry_after_seconds=1)
        row = locked
        if row.at < now - KEPT or (_running(row) and row.at < now - LONGEST_RUN):
            row.fingerprint, row.at, row.state = print_, now, Once.State.RUNNING
            row.save(update_fields=["fingerprint", "at", "state"])
            return row, True
    if bytes(row.fingerprint) != print_:
        raise KeyReused
    if _running(row):
        raise InProgress(retry_after_seconds=1)
    return row, False


def _running(row: Once) -> bool:
    return row.state == Once.State.RUNNING


def _close(row: Once, outcome: Outcome | None) -> None:
    if outcome is None:
        Once.objects.filter(pk=row.pk, at=row.at).delete()
        return
    Once.objects.filter(pk=row.pk, at=row.at).update(
        state=Once.State.DONE,
        status=outcome.status,
        location=outcome.location,
        result_kind=outcome.result.kind if outcome.result else "",
        result_id=outcome.result.id if outcome.result else None,
    )


def _outcome_of(row: Once) -> Outcome:
    result = Ref(row.result_kind, row.result_id) if row.result_id else None
    return Outcome(row.status or 0, row.location, result)


def _form_of(request: HttpRequest) -> bytes:
    """What the form says and which files it brings, without the tokens that change by themselves."""
    fields = sorted(
        (name, values) for name, values in request.POST.lists() if name not in NOT_COMPARED
    )
    files = sorted(
        (name, each.name, each.size) for name, sent in request.FILES.lists() for each in sent
    )
    return json.dumps([fields, files]).encode()


def _back_to(request: HttpRequest, earlier: Outcome) -> HttpResponseRedirect:
    """To where the first try led; if it was shown in place, to the page the form stood on."""
    page = urlsplit(request.headers.get("Referer", ""))
    here = page.path if page.netloc == request.get_host() else ""
    response = HttpResponseRedirect(earlier.location or here or settings.LOGIN_REDIRECT_URL)
    response.status_code = 303
    return response
