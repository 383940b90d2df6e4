"""Any server that speaks OpenAI's Chat Completions, speech and embeddings: Ollama, vLLM, llama.cpp, other vendors.

Such servers know fewer parameters and some refuse what they do not know, so only the common ones are sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final
from urllib.parse import urlsplit

from openai import OpenAI, Stream, omit
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from writeorperish.ai.providers.line import text_of
from writeorperish.ai.providers.openai_server import VENDOR, answered, client, embed, heard, speak
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

# Where answers of this API are kept unless that is declined; others do not know the parameter.
KEEPERS: Final = ("openai.com", "openai.azure.com")
# Any other reason may mean that the answer is not whole.
STOPS: Final = {
    "stop": Stop.END,
    "tool_calls": Stop.END,
    "length": Stop.LENGTH,
    "content_filter": Stop.REFUSED,
}


@dataclass(slots=True)
class Call:
    """The use of a tool that the model asks for, as far as it has come."""

    place: int
    id: str
    name: str = ""
    arguments: str = ""


def stream(
    request: Request, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    return heard(_answer(_asked(request, access), access, patience))


def transcribe(
    sound: IO[bytes], *, name: str, model: str, language: str, access: Access, patience: Patience
) -> Heard:
    """What was said. `seconds` is 0 where the server does not tell. Failed."""

    def ask(sdk: OpenAI) -> Heard:
        found = sdk.audio.transcriptions.create(
            file=(name, sound),
            model=model,
            language=language or omit,
            response_format="verbose_json",
        )
        return Heard(
            words=text_of(found.text),
            seconds=float(getattr(found, "duration", 0) or 0),
            language=getattr(found, "language", "") or "",
        )

    return answered(ask, access, patience)


def _asked(request: Request, access: Access) -> CompletionCreateParamsStreaming:
    asked: CompletionCreateParamsStreaming = {
        "model": request.model,
        "messages": _messages(request),
        "max_tokens": request.max_output,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.effort:
        asked["reasoning_effort"] = request.effort  # type: ignore[typeddict-item]  # checked by the catalogue
    if request.schema is not None:
        asked["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(request.schema), "strict": True},
        }
    if request.tools:
        asked["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                    "strict": True,
                },
            }
            for tool in request.tools
        ]
    if request.pseudonym:
        asked["user"] = request.pseudonym
    if _keeps(access):
        asked["store"] = False
    return asked


def _messages(request: Request) -> list[ChatCompletionMessageParam]:
    system: list[ChatCompletionMessageParam] = [{"role": "system", "content": request.system}]
    said = [message for turn in request.turns for message in _said(turn)]
    return [*(system if request.system else []), *said]


def _said(turn: Turn | Looked) -> list[ChatCompletionMessageParam]:
    if isinstance(turn, Looked):
        function = {"name": turn.name, "arguments": turn.arguments}
        call: Any = {"type": "function", "id": turn.id, "function": function}
        return [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": turn.id, "content": turn.answer},
        ]
    if turn.role == "user":
        return [{"role": "user", "content": turn.words}]
    return [{"role": "assistant", "content": turn.words}]


def _keeps(access: Access) -> bool:
    host = str(urlsplit(access.base_url or VENDOR).hostname)
    return any(host == keeper or host.endswith(f".{keeper}") for keeper in KEEPERS)


def _answer(
    asked: CompletionCreateParamsStreaming, access: Access, patience: Patience
) -> Iterator[Piece | Wanted | Ended]:
    with client(access, patience) as sdk, sdk.chat.completions.create(**asked) as chunks:
        yield from _read(chunks)


def _read(chunks: Stream[ChatCompletionChunk]) -> Iterator[Piece | Wanted | Ended]:
    """Waits for the last chunk, since the usage comes after the reason to stop, or never."""
    reason, refused = "", False
    usage: CompletionUsage | None = None
    calls: list[Call] = []
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        for choice in chunk.choices[:1]:
            delta = choice.delta
            if delta.content:
                yield Piece(text_of(delta.content))
            refused = refused or bool(delta.refusal)
            for part in delta.tool_calls or ():
                _gather(calls, part)
            reason = choice.finish_reason or reason
    if not reason:
        raise Failed(Trouble.CUT)
    for call in calls:
        yield Wanted(call.id, call.name, call.arguments)
    stop = Stop.REFUSED if refused else STOPS.get(reason, Stop.LENGTH)
    yield Ended(stop, _usage(usage), chunks.response.headers.get("x-request-id", ""))


def _gather(calls: list[Call], part: ChoiceDeltaToolCall) -> None:
    """Adds a part to its call. Some servers number every call 0, so an id of its own begins another."""
    same = [call for call in calls if call.place == part.index and part.id in {None, "", call.id}]
    if not same:
        same = [Call(part.index, part.id or f"call_{len(calls)}")]
        calls += same
    if part.function:
        same[-1].name = same[-1].name or part.function.name or ""
        same[-1].arguments += part.function.arguments or ""


def _usage(usage: CompletionUsage | None) -> Usage | None:
    if usage is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        put=usage.prompt_tokens,
        read=getattr(details, "cached_tokens", 0) or 0,
        written=getattr(details, "cache_write_tokens", 0) or 0,
        got=usage.completion_tokens,
    )
