"""How OpenAI and Anthropic write what they say: JSON bodies and events, down to names and numbers.

Everything follows from the request alone, so the same request brings the same bytes.
"""

import json
import math
from dataclasses import dataclass, replace
from hashlib import sha256

WORDS = ["still", "café", "river", "größer", "ещё", "light", "paper", "夜", "window", "señal"]
CREATED = 1_795_000_000


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """What a model answers. `usage` is False for a server that counts nothing."""

    id: str
    model: str
    text: str
    put: int
    call: Call | None = None
    stop: str = "end"
    usage: bool = True
    cached: int = 0
    written: int = 0

    @property
    def got(self):
        return tokens(self.text) + (tokens(self.call.arguments) if self.call else 0)

    @property
    def pieces(self):
        return [word + " " for word in self.text.split(" ")[:-1]] + self.text.split(" ")[-1:]

    def of(self, **changes):
        return replace(self, **changes)


def tokens(text):
    return math.ceil(len(text) / 4)


def digest(body):
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def reply_to(path, body):
    """An answer in JSON where there is a schema, the first tool where there are any, or words."""
    mark = digest({**body, "stream": None})
    put = sum(tokens(json.dumps(body.get(name) or "")) for name in ("instructions", "system"))
    put += sum(tokens(json.dumps(body.get(name) or "")) for name in ("input", "messages"))
    reply = Reply(mark[:24], body["model"], words_of(mark), put)
    if body.get("prompt_cache_key"):
        reply = reply.of(cached=put // 2)
    if "cache_control" in json.dumps(body.get("system", "")):
        reply = reply.of(written=tokens(json.dumps(body["system"])))
    schema = schema_in(body)
    if schema is not None:
        return reply.of(text=json.dumps(instance(schema, mark), ensure_ascii=False))
    tool = first_tool(path, body)
    if tool and not looked(body):
        name, parameters = tool
        return reply.of(
            text="", call=Call(f"call_{mark[:12]}", name, json.dumps(instance(parameters, mark)))
        )
    return reply


def wanting(reply, wanted):
    """The reply asking for this tool with these arguments, or for None in words."""
    if wanted is None:
        return reply.of(text=words_of(reply.id), call=None)
    return reply.of(text="", call=Call(f"call_{reply.id[:12]}", *wanted))


def words_of(mark):
    return " ".join(WORDS[int(each, 16) % len(WORDS)] for each in mark[:16]) + "."


def schema_in(body):
    for held in (
        body.get("text", {}).get("format", {}),
        (body.get("response_format") or {}).get("json_schema", {}),
        body.get("output_config", {}).get("format", {}),
    ):
        if "schema" in held:
            return held["schema"]
    return None


def first_tool(path, body):
    for tool in body.get("tools", ()):
        if body.get("tool_choice") == {"type": "none"}:
            return None
        function = tool.get("function", tool)
        return function["name"], function.get("parameters") or function.get("input_schema")
    return None


def looked(body):
    """Whether the last thing said is the answer of a tool."""
    last = (body.get("input") or body.get("messages"))[-1]
    content = last.get("content")
    return (
        last.get("type") == "function_call_output"
        or last.get("role") == "tool"
        or (isinstance(content, list) and content[0].get("type") == "tool_result")
    )


def instance(schema, mark):
    """A value of the schema, the same for the same mark."""
    if "enum" in schema:
        return schema["enum"][int(mark[:4], 16) % len(schema["enum"])]
    kind = schema.get("type", "object")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: instance(each, digest([mark, name])) for name, each in fields.items()}
    if kind == "array":
        return [instance(schema["items"], digest([mark, place])) for place in range(2)]
    return {
        "string": words_of(mark),
        "integer": int(mark[:2], 16),
        "number": int(mark[:2], 16) / 256,
        "boolean": int(mark[0], 16) % 2 == 0,
    }[kind]


def frame(event, data):
    named = f"event: {event}\n" if event else ""
    written = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{named}data: {written}\n\n".encode()


# OpenAI's Responses


def response_usage(reply):
    return {
        "input_tokens": reply.put,
        "input_tokens_details": {"cached_tokens": reply.cached, "cache_write_tokens": 0},
        "output_tokens": reply.got,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.put + reply.got,
    }


def response_item(reply, *, status="completed"):
    whole = status == "completed"
    if reply.call:
        return {
            "id": f"fc_{reply.id}",
            "type": "function_call",
            "status": status,
            "call_id": reply.call.id,
            "name": reply.call.name,
            "arguments": reply.call.arguments if whole else "",
        }
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [response_part(reply)] if whole else [],
    }


def response_part(reply, *, empty=False):
    text = "" if empty else reply.text
    if reply.stop == "refused":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def response(reply, *, done=True):
    length = done and reply.stop in {"length", "filtered"}
    reason = {"length": "max_output_tokens", "filtered": "content_filter"}.get(reply.stop)
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if length else "completed" if done else "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if length else None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": [response_item(reply)] if done else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": response_usage(reply) if done and reply.usage else None,
    }


def response_frames(reply):
    item = {"output_index": 0, "item_id": response_item(reply)["id"]}
    part = {**item, "content_index": 0}
    if reply.call:
        middle = [
            *[
                ("response.function_call_arguments.delta", {**item, "delta": piece})
                for piece in halves(reply.call.arguments)
            ],
            (
                "response.function_call_arguments.done",
                {**item, "name": reply.call.name, "arguments": reply.call.arguments},
            ),
        ]
    else:
        kind, key = ("refusal", "refusal") if reply.stop == "refused" else ("output_text", "text")
        middle = [
            ("response.content_part.added", {**part, "part": response_part(reply, empty=True)}),
            *[
                (f"response.{kind}.delta", {**part, "delta": piece, "logprobs": []})
                for piece in reply.pieces
                if piece
            ],
            (f"response.{kind}.done", {**part, key: reply.text, "logprobs": []}),
            ("response.content_part.done", {**part, "part": response_part(reply)}),
        ]
    last = response(reply)
    events = [
        ("response.created", {"response": response(reply, done=False)}),
        ("response.in_progress", {"response": response(reply, done=False)}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": response_item(reply, status="in_progress")},
        ),
        *middle,
        ("response.output_item.done", {"output_index": 0, "item": response_item(reply)}),
        (f"response.{last['status']}", {"response": last}),
    ]
    return [
        frame(name, {"type": name, **data, "sequence_number": number})
        for number, (name, data) in enumerate(events)
    ]


# Chat Completions


def chat_usage(reply):
    return {
        "prompt_tokens": reply.put,
        "completion_tokens": reply.got,
        "total_tokens": reply.put + reply.got,
        "prompt_tokens_details": {"cached_tokens": reply.cached, "audio_tokens": 0},
    }


def chat_reason(reply):
    reasons = {"length": "length", "filtered": "content_filter"}
    return "tool_calls" if reply.call else reasons.get(reply.stop, "stop")


def chat_call(reply):
    function = {"name": reply.call.name, "arguments": reply.call.arguments}
    return {"id": reply.call.id, "type": "function", "function": function}


def chat(reply):
    said = "refusal" if reply.stop == "refused" else "content"
    message = {"role": "assistant", "content": None, "refusal": None, said: reply.text or None}
    if reply.call:
        message["tool_calls"] = [chat_call(reply)]
    choice = {"index": 0, "message": message, "finish_reason": chat_reason(reply)}
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": CREATED,
        "model": reply.model,
        "choices": [choice],
        **({"usage": chat_usage(reply)} if reply.usage else {}),
    }


def chat_frames(reply, *, include_usage):
    said = "refusal" if reply.stop == "refused" else "content"
    deltas = [{"role": "assistant", "content": None if reply.call else "", "refusal": None}]
    if reply.call:
        first, *rest = halves(reply.call.arguments)
        begun = {"index": 0, **chat_call(reply)}
        begun["function"] = {"name": reply.call.name, "arguments": first}
        deltas.append({"tool_calls": [begun]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": each}}]} for each in rest]
    else:
        deltas += [{said: piece} for piece in reply.pieces if piece]
    head = {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": reply.model,
        "system_fingerprint": "fp_double",
    }
    counting = {"usage": None} if include_usage and reply.usage else {}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": chat_reason(reply)})
    frames = [frame("", {**head, "choices": [choice], **counting}) for choice in choices]
    if counting:
        frames.append(frame("", {**head, "choices": [], "usage": chat_usage(reply)}))
    return [*frames, frame("", "[DONE]")]


# Anthropic's Messages


def message_usage(reply, got):
    return {
        "input_tokens": reply.put - reply.written,
        "cache_creation_input_tokens": reply.written,
        "cache_read_input_tokens": 0,
        "output_tokens": got,
        "service_tier": "standard",
    }


def message_reason(reply):
    reasons = {"length": "max_tokens", "refused": "refusal", "filtered": "refusal"}
    return "tool_use" if reply.call else reasons.get(reply.stop, "end_turn")


def message_block(reply):
    if reply.call:
        given = json.loads(reply.call.arguments)
        return {"type": "tool_use", "id": reply.call.id, "name": reply.call.name, "input": given}
    return {"type": "text", "text": reply.text}


def message(reply, *, done=True):
    usage = message_usage(reply, reply.got if done else 1)
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [message_block(reply)] if done else [],
        "stop_reason": message_reason(reply) if done else None,
        "stop_sequence": None,
        **({"usage": usage} if reply.usage else {}),
    }


def message_frames(reply):
    if reply.call:
        block = {**message_block(reply), "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ["", *halves(reply.call.arguments)]
        ]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces if piece]
    ending = {"stop_reason": message_reason(reply), "stop_sequence": None}
    usage = {"usage": {"output_tokens": reply.got}} if reply.usage else {}
    events = [
        ("message_start", {"message": message(reply, done=False)}),
        ("content_block_start", {"index": 0, "content_block": block}),
        ("ping", {}),
        *[("content_block_delta", {"index": 0, "delta": delta}) for delta in deltas],
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": ending, **usage}),
        ("message_stop", {}),
    ]
    return [frame(name, {"type": name, **data}) for name, data in events]


def halves(text):
    return [text[: len(text) // 2], text[len(text) // 2 :]]
