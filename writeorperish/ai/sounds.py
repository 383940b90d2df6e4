"""Asking a model for sound or about it: one question, one answer, nothing streamed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import stamina
from django.utils import timezone

from writeorperish.ai import catalogue, ledger
from writeorperish.ai.asking import (
    ATTEMPTS,
    LONGEST_WAIT_SECONDS,
    UNSURE,
    breaker_of,
    provider_named,
    refusal_for,
    wait_before_another,
)
from writeorperish.ai.ledger import Errand
from writeorperish.ai.models import Call
from writeorperish.ai.parts import Aloud, ProviderDown, Spoken, Transcript, Voiced
from writeorperish.ai.providers.wire import Ears, Failed, Heard, Patience, Voice
from writeorperish.ai.routing import Choice
from writeorperish.ops.breaker import REST_SECONDS, CircuitBreakerError

HEARING: Final = Patience(connect=5, first_byte=300, between=300, total=300)
SAYING: Final = Patience(connect=5, first_byte=60, between=30, total=120)
CHARS_A_SECOND: Final = 15
# Nobody looks at a page meanwhile: a worker may wait longer than for a reply.
ALL_ATTEMPTS_SECONDS: Final = 300

T = TypeVar("T")


def hear(choice: Choice, spoken: Spoken, errand: Errand) -> Transcript:
    """The words of a stretch of speech, paid for by its length. ProviderDown, ProviderRefuses, BudgetSpent."""

    def ask() -> Heard:
        spoken.sound.seek(0)
        ears = cast("Ears", provider_named(choice.provider))
        return ears.transcribe(
            spoken.sound,
            name=spoken.name,
            model=choice.model.id,
            language=spoken.language,
            access=choice.access,
            patience=HEARING,
        )

    held = Held(choice, errand, "transcribe", spoken.seconds)
    heard, call = held.asked(ask)
    return Transcript(
        heard.words, choice.provider, choice.model.name, call.cost_microdollars, call.pk
    )


def say(choice: Choice, aloud: Aloud, errand: Errand, *, voice: str) -> Voiced:
    """The words as sound, paid for by how long reading them takes. ProviderDown, ProviderRefuses, BudgetSpent."""

    def ask() -> bytes:
        speaker = cast("Voice", provider_named(choice.provider))
        return speaker.speak(
            aloud.words,
            model=choice.model.id,
            voice=voice,
            access=choice.access,
            patience=SAYING,
        )

    seconds = len(aloud.words) / CHARS_A_SECOND
    sound, call = Held(choice, errand, "speak", seconds).asked(ask)
    return Voiced(sound, choice.provider, choice.model.name, call.cost_microdollars)


@dataclass(frozen=True, slots=True)
class Held:
    """A question to one model whose price follows from the seconds of sound in it."""

    choice: Choice
    errand: Errand
    capability: str
    seconds: float

    def asked(self, ask: Callable[[], T]) -> tuple[T, Call]:
        """The answer and its call, after up to three tries, each on an account of its own."""
        one = breaker_of(self.choice, self.capability)
        try:
            for attempt in stamina.retry_context(
                on=wait_before_another,
                attempts=ATTEMPTS,
                timeout=ALL_ATTEMPTS_SECONDS,
                wait_initial=0.5,
                wait_max=LONGEST_WAIT_SECONDS,
            ):
                with attempt:
                    return one.call(self.once, ask)
        except CircuitBreakerError:
            raise ProviderDown(retry_after_seconds=REST_SECONDS) from None
        except Failed as failure:
            raise refusal_for(failure, self.choice, self.capability) from None
        raise RuntimeError("A retry ends with a result or an error")

    def once(self, ask: Callable[[], T]) -> tuple[T, Call]:
        model = self.choice.model
        call = ledger.open_call(
            self.errand,
            provider=self.choice.provider,
            model=model.id,
            key_class=self.choice.key_class,
            held_microdollars=catalogue.sound_microdollars(
                model, self.seconds, on=timezone.now().date()
            ),
        )
        try:
            answer = ask()
        except Failed as failure:
            unsure = failure.trouble in UNSURE
            self.settle(
                call,
                cost=call.held_microdollars if unsure else 0,
                outcome=Call.Outcome.UNKNOWN if unsure else Call.Outcome.FAILED,
                error=failure.trouble,
                provider_request=failure.provider_request,
            )
            raise
        except BaseException:
            self.settle(call, cost=0, outcome=Call.Outcome.FAILED, error="ours")
            raise
        self.settle(call, cost=call.held_microdollars, outcome=Call.Outcome.SETTLED)
        return answer, call

    def settle(
        self,
        call: Call,
        *,
        cost: int,
        outcome: Call.Outcome,
        error: str = "",
        provider_request: str = "",
    ) -> None:
        ledger.settle_call(
            call,
            self.errand,
            cost_microdollars=cost,
            usage=None,
            outcome=outcome,
            error=error,
            audio_ms=round(self.seconds * 1000),
            estimated=outcome == Call.Outcome.UNKNOWN,
            provider_request=provider_request,
        )
