"""A server of OpenAI's kind: its client, its errors, and what every such server does in the same way."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from openai import APIError, APIStatusError, OpenAI, OpenAIError

from writeorperish.ai.providers import line, troubles
from writeorperish.ai.providers.wire import Access, Embedded, Failed, Patience, Trouble

T = TypeVar("T")

VENDOR: Final = "https://api.openai.com/v1"
NO_SOUND: Final = ("application/json", "text/")


def embed(
    texts: Sequence[str], *, model: str, dimensions: int, access: Access, patience: Patience
) -> Embedded:
    """Vectors of `dimensions` finite numbers, in the order of the texts. Failed."""

    def ask(sdk: OpenAI) -> Embedded:
        found = sdk.embeddings.create(input=list(texts), model=model)
        in_order = sorted(found.data, key=lambda each: each.index)
        vectors = [each.embedding for each in in_order]
        if len(vectors) != len(texts) or not all(_sound(each, dimensions) for each in vectors):
            raise Failed(Trouble.SERVER)
        usage = getattr(found, "usage", None)
        return Embedded(vectors, usage.prompt_tokens if usage else None)

    return answered(ask, access, patience)


def speak(words: str, *, model: str, voice: str, access: Access, patience: Patience) -> bytes:
    """An MP3. Failed."""

    def ask(sdk: OpenAI) -> bytes:
        found = sdk.audio.speech.create(
            input=words, model=model, voice=voice, response_format="mp3"
        ).response
        kind = found.headers.get("content-type", "")
        if kind.startswith(NO_SOUND) or not found.content:
            raise Failed(Trouble.SERVER)
        return found.content

    return answered(ask, access, patience)


def client(access: Access, patience: Patience) -> OpenAI:
    """A client for one call. It tries once, and takes neither address nor account from the environment."""
    sdk = OpenAI(
        api_key=access.key,
        base_url=access.base_url or VENDOR,
        max_retries=0,
        timeout=None,
        http_client=line.opened(patience),
    )
    sdk.organization = sdk.project = None
    return sdk


def answered(ask: Callable[[OpenAI], T], access: Access, patience: Patience) -> T:
    """What one question brings, whole. Failed."""

    def answers() -> Iterator[T]:
        with client(access, patience) as sdk:
            yield ask(sdk)

    [answer] = heard(answers())
    return answer


def heard(events: Iterator[T]) -> Iterator[T]:
    """The same events, with Failed for whatever goes wrong on the way."""
    return line.heard(events, errors=OpenAIError, failure_of=failure_of)


def failure_of(error: Exception) -> Failed | None:
    """What an answer of the provider says went wrong; None for an error that is not its answer."""
    if isinstance(error, APIStatusError):
        return troubles.failed(
            error.status_code,
            (error.code, error.type),
            error.message,
            headers=error.response.headers,
            provider_request=error.request_id or "",
        )
    if isinstance(error, APIError) and error.body is not None:  # within a stream
        return troubles.failed(200, (error.code, error.type), error.message)
    return None


def _sound(vector: Sequence[float], dimensions: int) -> bool:
    return len(vector) == dimensions and all(map(math.isfinite, vector))
