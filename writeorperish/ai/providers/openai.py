"""OpenAI: the Responses API, embeddings and speech, through its own library.

Nothing is kept there for us: no conversation, no file, no work in the background.
"""

from collections.abc import Iterator
from typing import IO, Any

from openai import OpenAI, Stream, omit
from openai.types.responses import Response, ResponseStreamEvent, ResponseUsage
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from openai.types.responses.response_input_item_param import ResponseInputItemParam

from writeorperish.ai.providers import troubles
from writeorperish.ai.providers.line import text_of
from writeorperish.ai.providers.openai_server import answered, client, embed, heard, speak
from writeorperish.ai.providers.wire import (
    Access,
    Ended,
    Failed,
    Heard,
    Looked,
    Patience,
    Piece,
    Request,
    Stop,
    Trouble,
    Turn,
    Usage,
    Wanted,
)

__all__ = ["embed", "speak", "stream", "transcribe"]


def stream(
    request: Request, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    return heard(_answer(_asked(request), access, patience))


def transcribe(
    sound: IO[bytes], *, name: str, model: str, language: str, access: Access, patience: Patience
) -> Heard:
    """What was said. `seconds` is 0 where the provider counts in tokens. Failed."""

    def ask(sdk: OpenAI) -> Heard:
        found = sdk.audio.transcriptions.create(
            file=(name, sound), model=model, language=language or omit, response_format="json"
        )
        languages = [each.code for each in found.languages or ()]
        return Heard(
            words=text_of(found.text),
            seconds=float(getattr(found.usage, "seconds", 0)),
            language=languages[0] if languages else "",
        )

    return answered(ask, access, patience)


def _asked(request: Request) -> ResponseCreateParamsStreaming:
    asked: ResponseCreateParamsStreaming = {
        "model": request.model,
        "input": [item for turn in request.turns for item in _items(turn)],
        "max_output_tokens": request.max_output,
        "store": False,
        "stream": True,
    }
    if request.system:
        asked["instructions"] = request.system
    if request.effort:
        asked["reasoning"] = {"effort": request.effort}  # type: ignore[typeddict-item]  # checked by the catalogue
    if request.schema is not None:
        asked["text"] = {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "schema": dict(request.schema),
                "strict": True,
            }
        }
    if request.tools:
        asked["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                "strict": True,
            }
            for tool in request.tools
        ]
    if request.pseudonym:
        asked["safety_identifier"] = request.pseudonym
    if request.cache_key:
        asked["prompt_cache_key"] = request.cache_key
    return asked


def _items(turn: Turn | Looked) -> list[ResponseInputItemParam]:
    if isinstance(turn, Turn):
        return [{"role": turn.role, "content": turn.words}]
    return [
        {
            "type": "function_call",
            "call_id": turn.id,
            "name": turn.name,
            "arguments": turn.arguments,
        },
        {"type": "function_call_output", "call_id": turn.id, "output": turn.answer},
    ]


def _answer(
    asked: ResponseCreateParamsStreaming, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    with client(access, patience) as sdk, sdk.responses.create(**asked) as events:
        yield from _read(events)


def _read(events: Stream[ResponseStreamEvent]) -> Iterator[Piece | Wanted | Ended]:
    refused = False
    for event in _each_once(events):
        if event.type == "response.output_text.delta":
            yield Piece(text_of(event.delta))
        elif event.type == "response.refusal.delta":
            refused = True
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            yield Wanted(event.item.call_id, event.item.name, event.item.arguments)
        elif event.type in {"response.completed", "response.incomplete"}:
            name = events.response.headers.get("x-request-id", "")
            yield Ended(_stop(event.response, refused=refused), _usage(event.response.usage), name)
            return
        elif event.type == "response.failed":
            error = event.response.error
            raise troubles.failed(200, [error.code if error else ""])
        elif event.type == "error":
            raise troubles.failed(200, [event.code], event.message)
    raise Failed(Trouble.CUT)


def _each_once(events: Stream[ResponseStreamEvent]) -> Iterator[ResponseStreamEvent]:
    """The events without those that come again; each has a number, one more than the last."""
    last = -1
    for event in events:
        if event.sequence_number > last:
            last = event.sequence_number
            yield event


def _stop(response: Response, *, refused: bool) -> Stop:
    details = response.incomplete_details
    if refused or (details and details.reason == "content_filter"):
        return Stop.REFUSED
    return Stop.END if response.status == "completed" else Stop.LENGTH


def _usage(usage: ResponseUsage | None) -> Usage | None:
    if usage is None:
        return None
    details: Any = getattr(usage, "input_tokens_details", None)
    return Usage(
        put=usage.input_tokens,
        read=getattr(details, "cached_tokens", 0) or 0,
        written=getattr(details, "cache_write_tokens", 0) or 0,
        got=usage.output_tokens,
    )
