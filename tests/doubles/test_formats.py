"""The double writes what the vendors' own types take, and runs as a process."""

import json
import socket
import subprocess
import sys
from contextlib import closing
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import CreateEmbeddingResponse, Model, ModerationCreateResponse
from openai.types.audio import Transcription, TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.doubles import formats, senses
from tests.doubles.provider import provider

TOOL = {"name": "look", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}
BODY = {"model": "m", "input": [{"role": "user", "content": "Hello"}]}
JSON = {"Content-Type": "application/json"}
WITH_TOOL = {**BODY, "tools": [TOOL]}
REPLIES = {
    "words": formats.reply_to("/v1/responses", BODY),
    "refused": formats.reply_to("/v1/responses", BODY).of(stop="refused"),
    "length": formats.reply_to("/v1/responses", BODY).of(stop="length"),
    "filtered": formats.reply_to("/v1/responses", BODY).of(stop="filtered"),
    "tool": formats.reply_to("/v1/responses", WITH_TOOL),
}
RESPONSE_EVENT = TypeAdapter(ResponseStreamEvent, config={"defer_build": True})
MESSAGE_EVENT = TypeAdapter(RawMessageStreamEvent, config={"defer_build": True})
EVERY_REPLY = pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())


def data_of(frames):
    texts = [frame.decode().partition("data: ")[2].strip() for frame in frames]
    return [json.loads(text) for text in texts if text != "[DONE]"]


@EVERY_REPLY
def test_responses_are_as_openai_types_them(reply):
    events = data_of(formats.response_frames(reply))
    for event in events:
        RESPONSE_EVENT.validate_python(event)
    assert Response.model_validate(formats.response(reply)).output_text == (
        "" if reply.call or reply.stop == "refused" else reply.text
    )
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@EVERY_REPLY
def test_chat_completions_are_as_openai_types_them(reply):
    frames = formats.chat_frames(reply, include_usage=True)
    chunks = [ChatCompletionChunk.model_validate(data) for data in data_of(frames)]
    whole = ChatCompletion.model_validate(formats.chat(reply))
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens == reply.put + reply.got
    assert frames[-1] == b"data: [DONE]\n\n"


@EVERY_REPLY
def test_messages_are_as_anthropic_types_them(reply):
    events = data_of(formats.message_frames(reply))
    for event in events:
        if event["type"] != "ping":  # which its library drops unseen
            MESSAGE_EVENT.validate_python(event)
    assert Message.model_validate(formats.message(reply)).usage.output_tokens == reply.got
    assert events[-1] == {"type": "message_stop"}


def test_the_other_answers_are_as_openai_types_them():
    asked = {"model": "m", "input": ["a quiet day", "forbidden"]}
    vectors = [senses.vector(text, 8) for text in asked["input"]]
    sound = senses.wav(1.5)
    CreateEmbeddingResponse.model_validate(senses.embeddings(asked, vectors))
    judged = ModerationCreateResponse.model_validate(senses.moderation(asked))
    Transcription.model_validate(senses.transcription({}, sound))
    verbose = senses.transcription({"response_format": "verbose_json"}, sound)
    assert TranscriptionVerbose.model_validate(verbose).duration == 1.5
    assert [each.flagged for each in judged.results] == [False, True]
    days = [Model.model_validate(each).shutdown_date for each in senses.models()["data"]]
    assert days == [None, None, "2027-01-06"]
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-9 for vector in vectors)


def test_the_same_request_brings_the_same_bytes():
    assert formats.reply_to("/v1/responses", BODY) == formats.reply_to("/v1/responses", BODY)
    other = {**BODY, "input": [{"role": "user", "content": "Good night"}]}
    assert formats.reply_to("/v1/responses", other).text != REPLIES["words"].text


def test_a_request_without_a_key_is_refused():
    with provider() as double:
        bare = Request(f"{double.base_url}/responses", data=b"{}", headers=JSON)
        with pytest.raises(HTTPError) as refused:
            urlopen(bare, timeout=5)
        assert refused.value.code == 401
        refused.value.close()


def test_it_runs_as_a_process_with_a_door_for_control():
    port = free_port()
    command = [sys.executable, "-m", "tests.doubles.provider", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
            root = f"http://127.0.0.1:{port}"
            body = json.dumps(BODY).encode()
            keyed = {**JSON, "Authorization": "Bearer key"}
            post(f"{root}/control/next", b'{"fault": "rate_seconds"}', JSON)
            with pytest.raises(HTTPError) as limited:
                post(f"{root}/v1/responses", body, keyed)
            assert limited.value.headers["Retry-After"] == "7"
            limited.value.close()
            assert post(f"{root}/v1/responses", body, keyed)["status"] == "completed"
            with urlopen(f"{root}/control/requests", timeout=5) as seen:
                assert [each["body"] for each in json.load(seen)["requests"]] == [BODY, BODY]
        finally:
            process.terminate()


def post(address, data, headers):
    with urlopen(Request(address, data=data, headers=headers), timeout=5) as answer:
        return json.load(answer)


def free_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
