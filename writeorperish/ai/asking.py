"""Asking one model: tried again while nothing has come, broken off where it must, paid for as it was."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from itertools import chain
from typing import Final, cast

import stamina
import structlog
from django.conf import settings
from django.utils import timezone

from writeorperish.ai import catalogue, ledger
from writeorperish.ai.ledger import Errand
from writeorperish.ai.models import Call
from writeorperish.ai.parts import Answer, BadAnswer, Delta, ProviderDown, ProviderRefuses, TooLong
from writeorperish.ai.providers.wire import (
    Chat,
    Ended,
    Failed,
    Patience,
    Piece,
    Request,
    Stop,
    Trouble,
    Usage,
    Wanted,
)
from writeorperish.ai.routing import Choice
from writeorperish.ops.breaker import REST_SECONDS, CircuitBreaker, CircuitBreakerError, breaker

log = structlog.get_logger()

PATIENCE: Final = Patience(connect=5, first_byte=30, between=20, total=120)
ATTEMPTS: Final = 3
LONGEST_WAIT_SECONDS: Final = 20
ALL_ATTEMPTS_SECONDS: Final = 45
QUOTA_REST: Final = timedelta(minutes=10)

ADAPTERS: Final = {
    "openai": "writeorperish.ai.providers.openai",
    "anthropic": "writeorperish.ai.providers.anthropic",
    "compat": "writeorperish.ai.providers.compat",
}

# Tried again as long as no word has come.
AGAIN: Final = frozenset(
    {
        *(Trouble.CONNECT, Trouble.TIMEOUT, Trouble.RATE),
        *(Trouble.OVERLOADED, Trouble.SERVER, Trouble.CUT),
    }
)
# Of these the breaker takes note: the provider itself is away.
AWAY: Final = AGAIN - {Trouble.RATE}
OURS: Final = frozenset({Trouble.QUOTA, Trouble.KEY, Trouble.MODEL, Trouble.REQUEST})
# The provider may have worked, and asks to be paid for it.
UNSURE: Final = frozenset({Trouble.TIMEOUT, Trouble.CUT})


@dataclass(slots=True)
class Opened:
    """A call whose first event has come."""

    call: Call
    first: Piece | Wanted | Ended
    events: Iterator[Piece | Wanted | Ended]
    started: float
    first_byte_ms: int
    words: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        return "".join(self.words)


def ask(
    choice: Choice, request: Request, errand: Errand, *, stop: Callable[[], bool]
) -> Iterator[Delta | Answer]:
    """The answer of one model, piece by piece, its whole last.

    ProviderDown before any word has come: another model may be asked. Afterwards Broken, and what came is paid.
    """
    opened = _opened(choice, request, errand)
    settled = False
    try:
        for event in chain([opened.first], opened.events):
            if isinstance(event, Ended):
                settled = True
                yield _whole(opened, event, choice, errand, request)
                return
            if isinstance(event, Piece):
                opened.words.append(event.words)
                yield Delta(event.words)
            if stop():
                break
        settled = True
        yield _stopped(opened, choice, errand, request)
    except Failed as failure:
        settled = True
        _settle_unsure(opened, choice, errand, request, failure.trouble)
        _note(choice, failure)
        raise Broken from None
    finally:
        _close(opened.events)
        if not settled:  # whoever listened has gone
            _settle_unsure(opened, choice, errand, request, Trouble.CUT)


class Broken(ProviderDown):
    """A provider broke off after it had begun to answer."""

    code = "answer_broken_off"


def provider_named(name: str) -> Chat:
    """The adapter of a provider, imported when it is first asked. KeyError for a name nobody has.

    The vendors' libraries take seconds and 70 MB to load, and most processes never ask anybody.
    """
    chosen = "compat" if name == "openai" and settings.OPENAI_API == "chat" else name
    return cast("Chat", import_module(ADAPTERS[chosen]))


def breaker_of(choice: Choice) -> CircuitBreaker:
    return breaker(f"ai:{choice.provider}:chat", counts=is_away)


def is_away(error: BaseException) -> bool:
    return isinstance(error, Failed) and error.trouble in AWAY


def _opened(choice: Choice, request: Request, errand: Errand) -> Opened:
    """The call once its first event is here, after up to three tries, each on an account of its own."""
    one = breaker_of(choice)
    try:
        for attempt in stamina.retry_context(
            on=_wait_before_another,
            attempts=ATTEMPTS,
            timeout=ALL_ATTEMPTS_SECONDS,
            wait_initial=0.5,
            wait_max=LONGEST_WAIT_SECONDS,
        ):
            with attempt:
                return one.call(_begun, choice, request, errand)
    except CircuitBreakerError:
        raise ProviderDown(retry_after_seconds=REST_SECONDS) from None
    except Failed as failure:
        raise refusal_for(failure, choice) from None
    raise RuntimeError("A retry ends with a result or an error")


def _wait_before_another(error: Exception) -> bool | float:
    """Whether to try again, and if the provider said when, after how many seconds."""
    if not isinstance(error, Failed) or error.trouble not in AGAIN:
        return False
    asked = error.retry_after_seconds
    if asked is None:
        return True
    return asked if asked <= LONGEST_WAIT_SECONDS else False


def refusal_for(failure: Failed, choice: Choice) -> Exception:
    """What the person is told; whoever runs the server reads the kind in the log."""
    log.warning(
        "ai.failed", provider=choice.provider, model=choice.model.id, trouble=failure.trouble
    )
    if failure.trouble == Trouble.TOO_LONG:
        return TooLong(max=choice.model.context)
    if failure.trouble in OURS:
        if failure.trouble == Trouble.QUOTA:
            breaker_of(choice).open()
        return ProviderRefuses()
    seconds = failure.retry_after_seconds
    return ProviderDown(retry_after_seconds=min(round(seconds), 3600) if seconds else None)


def _begun(choice: Choice, request: Request, errand: Errand) -> Opened:
    """One try up to the first event: its price is held before, and given back if nothing came."""
    on = timezone.now().date()
    call = ledger.open_call(
        errand,
        provider=choice.provider,
        model=choice.model.id,
        key_class=choice.key_class,
        held_microdollars=catalogue.cost_microdollars(choice.model, _most(choice, request), on=on),
    )
    started = time.monotonic()
    events = provider_named(choice.provider).stream(request, choice.access, PATIENCE)
    try:
        first = next(events)
    except Failed as failure:
        unsure = failure.trouble in UNSURE
        usage = Usage(_put(choice, request), 0, 0, 0) if unsure else None
        ledger.settle_call(
            call,
            errand,
            cost_microdollars=catalogue.cost_microdollars(choice.model, usage, on=on)
            if usage
            else 0,
            usage=usage,
            outcome=Call.Outcome.UNKNOWN if unsure else Call.Outcome.FAILED,
            error=failure.trouble,
            estimated=unsure,
            provider_request=failure.provider_request,
        )
        raise
    except BaseException:
        ledger.settle_call(
            call, errand, cost_microdollars=0, usage=None, outcome=Call.Outcome.FAILED, error="ours"
        )
        raise
    return Opened(call, first, events, started, round((time.monotonic() - started) * 1000))


def _whole(
    opened: Opened, ended: Ended, choice: Choice, errand: Errand, request: Request
) -> Answer:
    usage = ended.usage or _guessed(opened, choice, request)
    return _answer(
        opened,
        choice,
        errand,
        usage,
        stop=ended.stop,
        estimated=ended.usage is None,
        provider_request=ended.provider_request,
    )


def _stopped(opened: Opened, choice: Choice, errand: Errand, request: Request) -> Answer:
    _close(opened.events)
    usage = _guessed(opened, choice, request)
    return _answer(opened, choice, errand, usage, stop=Stop.STOPPED, estimated=True)


def _answer(
    opened: Opened,
    choice: Choice,
    errand: Errand,
    usage: Usage,
    *,
    stop: Stop,
    estimated: bool,
    provider_request: str = "",
) -> Answer:
    """The answer, paid for and written down. BadAnswer when a model ended without a word."""
    cost = catalogue.cost_microdollars(choice.model, usage, on=opened.call.started_at.date())
    ledger.settle_call(
        opened.call,
        errand,
        cost_microdollars=cost,
        usage=usage,
        first_byte_ms=opened.first_byte_ms,
        provider_request=provider_request,
        estimated=estimated,
    )
    if stop == Stop.END and not opened.text.strip():
        raise BadAnswer
    return Answer(
        text=opened.text,
        stop=stop,
        provider=choice.provider,
        model=choice.model.name,
        model_id=choice.model.id,
        cost_microdollars=cost,
        call=opened.call.pk,
        read=tuple(errand.cuts),
    )


def _settle_unsure(
    opened: Opened, choice: Choice, errand: Errand, request: Request, trouble: Trouble
) -> None:
    """A call that broke off is paid as what was sent and what came."""
    usage = _guessed(opened, choice, request)
    ledger.settle_call(
        opened.call,
        errand,
        cost_microdollars=catalogue.cost_microdollars(
            choice.model, usage, on=opened.call.started_at.date()
        ),
        usage=usage,
        outcome=Call.Outcome.UNKNOWN,
        error=trouble,
        first_byte_ms=opened.first_byte_ms,
        estimated=True,
    )


def _note(choice: Choice, failure: Failed) -> None:
    """Lets the breaker know of a failure that came after the first word."""

    def fail() -> None:
        raise failure

    try:
        breaker_of(choice).call(fail)
    except (Failed, CircuitBreakerError):
        return


def _put(choice: Choice, request: Request) -> int:
    texts = [request.system, *(getattr(turn, "words", "") for turn in request.turns)]
    return catalogue.tokens_of(choice.model, texts)


def _most(choice: Choice, request: Request) -> Usage:
    """The most this request can use: all of it new to the provider, and the longest answer."""
    return Usage(put=_put(choice, request), read=0, written=0, got=request.max_output)


def _guessed(opened: Opened, choice: Choice, request: Request) -> Usage:
    got = catalogue.tokens_of(choice.model, [opened.text]) if opened.words else 0
    return Usage(put=_put(choice, request), read=0, written=0, got=got)


def _close(events: Iterator[object]) -> None:
    close = getattr(events, "close", None)
    if close is not None:
        close()
