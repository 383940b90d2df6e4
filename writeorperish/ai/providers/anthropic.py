"""Anthropic: the Messages API, through its own library."""

import json
import logging
from collections.abc import Iterator
from typing import Any, Final

from anthropic import Anthropic, AnthropicError, APIStatusError, Stream
from anthropic.types import (
    MessageParam,
    OutputConfigParam,
    RawMessageStreamEvent,
    TextBlockParam,
    ToolParam,
)
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from writeorperish.ai.providers import line, troubles
from writeorperish.ai.providers.line import text_of
from writeorperish.ai.providers.wire import (
    Access,
    Ended,
    Failed,
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

# It would write down what is sent.
logging.getLogger("anthropic").setLevel(logging.WARNING)

VENDOR: Final = "https://api.anthropic.com"
COUNTS: Final = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)
# Any other reason may mean that the answer is not whole.
STOPS: Final = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "tool_use": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "refusal": Stop.REFUSED,
}


def stream(
    request: Request, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    answer = _answer(_asked(request), access, patience)
    return line.heard(answer, errors=AnthropicError, failure_of=failure_of)


def client(access: Access, patience: Patience) -> Anthropic:
    """A client for one call. It tries once, and neither keeps traces nor takes its address from the environment."""
    return Anthropic(
        api_key=access.key,
        base_url=access.base_url or VENDOR,
        max_retries=0,
        timeout=None,
        open_telemetry=False,
        http_client=line.opened(patience),
    )


def failure_of(error: Exception) -> Failed | None:
    """What an answer of the provider says went wrong; None for an error that is not its answer."""
    if not isinstance(error, APIStatusError):
        return None
    return troubles.failed(
        error.status_code,
        (error.error_code, error.type),
        error.api_message or "",
        headers=error.response.headers,
        provider_request=error.request_id or "",
    )


def _asked(request: Request) -> MessageCreateParamsStreaming:
    asked: MessageCreateParamsStreaming = {
        "model": request.model,
        "messages": [message for turn in request.turns for message in _said(turn)],
        "max_tokens": request.max_output,
        "stream": True,
    }
    if request.system:
        system: TextBlockParam = {"type": "text", "text": request.system}
        if request.cache_key:  # others like it follow; for five minutes, the shortest time
            system["cache_control"] = {"type": "ephemeral"}
        asked["system"] = [system]
    if config := _config(request):
        asked["output_config"] = config
    if tools := _tools(request):
        asked["tools"] = tools
        if not request.tools:
            asked["tool_choice"] = {"type": "none"}
    if request.pseudonym:
        asked["metadata"] = {"user_id": request.pseudonym}
    return asked


def _config(request: Request) -> OutputConfigParam:
    config: OutputConfigParam = {}
    if request.effort:
        config["effort"] = request.effort  # type: ignore[typeddict-item]  # checked by the catalogue
    if request.schema is not None:
        config["format"] = {"type": "json_schema", "schema": dict(request.schema)}
    return config


def _tools(request: Request) -> list[ToolParam]:
    """The tools on offer. Those used before must stand in every request, also when none may be used any more."""
    if request.tools:
        return [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.parameters),
                "strict": True,
            }
            for tool in request.tools
        ]
    used = dict.fromkeys(turn.name for turn in request.turns if isinstance(turn, Looked))
    return [{"name": name, "input_schema": {"type": "object"}} for name in used]


def _said(turn: Turn | Looked) -> list[MessageParam]:
    if isinstance(turn, Turn):
        said: Any = {"role": turn.role, "content": turn.words}
        return [said]
    given = _object(turn.arguments)
    use: Any = {"type": "tool_use", "id": turn.id, "name": turn.name, "input": given}
    result: Any = {"type": "tool_result", "tool_use_id": turn.id, "content": turn.answer}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]


def _object(arguments: str) -> dict[str, Any]:
    """The arguments as the object the API insists on; empty for what a model wrote badly."""
    try:
        return dict(json.loads(arguments))
    except (ValueError, TypeError):
        return {}


def _answer(
    asked: MessageCreateParamsStreaming, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    with client(access, patience) as sdk, sdk.messages.create(**asked) as events:
        yield from _read(events)


def _read(events: Stream[RawMessageStreamEvent]) -> Iterator[Piece | Wanted | Ended]:
    reason = ""
    counts: dict[str, int] = {}
    wanted: dict[int, Wanted] = {}
    for event in events:
        if event.type == "message_start":
            counts |= _counts(event.message)
        elif event.type == "content_block_start" and event.content_block.type == "tool_use":
            wanted[event.index] = Wanted(event.content_block.id, event.content_block.name, "")
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield Piece(text_of(event.delta.text))
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            before = wanted[event.index]
            arguments = before.arguments + event.delta.partial_json
            wanted[event.index] = Wanted(before.id, before.name, arguments)
        elif event.type == "content_block_stop" and event.index in wanted:
            yield wanted.pop(event.index)
        elif event.type == "message_delta":
            reason = event.delta.stop_reason or reason
            counts |= _counts(event)
        elif event.type == "message_stop" and reason:
            name = events.response.headers.get("request-id", "")
            yield Ended(STOPS.get(reason, Stop.LENGTH), _usage(counts), name)
            return
    raise Failed(Trouble.CUT)


def _counts(event: object) -> dict[str, int]:
    """The tokens an event tells of; a later count replaces an earlier one."""
    told = ((name, getattr(getattr(event, "usage", None), name, None)) for name in COUNTS)
    return {name: count for name, count in told if count is not None}


def _usage(counts: dict[str, int]) -> Usage | None:
    """What the cache gave and took is not within the provider's count of the input, but is within ours."""
    if "output_tokens" not in counts:
        return None
    put, read, written, got = (counts.get(name, 0) for name in COUNTS)
    return Usage(put + read + written, read, written, got)
