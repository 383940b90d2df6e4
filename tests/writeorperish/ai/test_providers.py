"""What every adapter promises, against a server that speaks as its provider does."""

import io
import json
import logging
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from types import ModuleType

import pytest
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from tests.doubles import formats, senses
from tests.doubles.faults import Fault
from tests.doubles.provider import provider
from writeorperish.ai.providers import anthropic, compat, openai
from writeorperish.ai.providers.troubles import failed, retry_after_seconds
from writeorperish.ai.providers.wire import (
    Access,
    Ended,
    Failed,
    Looked,
    Patience,
    Piece,
    Request,
    Stop,
    Tool,
    Trouble,
    Turn,
    Wanted,
)

LONG = Patience(connect=2, first_byte=5, between=5, total=10)
SHORT = Patience(connect=0.3, first_byte=0.3, between=0.3, total=0.9)
SCHEMA = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["calm", "glad"]}, "n": {"type": "integer"}},
    "required": ["mood", "n"],
    "additionalProperties": False,
}
LOOK = Tool("search_entries", "Finds entries.", {**SCHEMA, "properties": {"q": {"type": "string"}}})
SECRET = "the heron by the mill"
ASKED = Request(
    model="a-model",
    system="Answer briefly.",
    turns=[Turn("user", SECRET), Turn("assistant", "I see."), Turn("user", "And then?")],
    max_output=500,
    pseudonym="5f2d" * 8,
)


@dataclass(frozen=True)
class Vendor:
    adapter: ModuleType
    path: str
    versioned: bool
    pseudonym: str
    fields: frozenset[str]


VENDORS = {
    "openai": Vendor(
        openai,
        "/v1/responses",
        True,
        "safety_identifier",
        frozenset(
            [
                "model",
                "input",
                "instructions",
                "max_output_tokens",
                "safety_identifier",
                "store",
                "stream",
            ]
        ),
    ),
    "compat": Vendor(
        compat,
        "/v1/chat/completions",
        True,
        "user",
        frozenset(["model", "messages", "max_tokens", "stream", "stream_options", "user"]),
    ),
    "anthropic": Vendor(
        anthropic,
        "/v1/messages",
        False,
        "metadata",
        frozenset(["model", "messages", "system", "max_tokens", "metadata", "stream"]),
    ),
}


@pytest.fixture(params=VENDORS.values(), ids=VENDORS.keys())
def vendor(request):
    return request.param


@pytest.fixture(params=[openai, compat], ids=["openai", "compat"])
def sounding(request):
    return request.param


@pytest.fixture
def double():
    with provider() as started:
        started.wants = None
        yield started


def access(vendor, double, key="chat-key"):
    return Access(key, double.base_url if vendor.versioned else double.root)


def events_of(vendor, double, request=ASKED, patience=LONG):
    return list(vendor.adapter.stream(request, access(vendor, double), patience))


def text_of(events):
    return "".join(event.words for event in events if isinstance(event, Piece))


def trouble_of(vendor, double, request=ASKED, patience=LONG):
    """The failure of one call, which keeps nothing of the request or the answer."""
    with pytest.raises(Failed) as raised:
        events_of(vendor, double, request, patience)
    failure = raised.value
    assert (failure.__cause__, failure.__context__) == (None, None)
    assert str(failure) == failure.trouble
    return failure


# Good answers


def test_words_come_in_pieces_and_the_last_word_counts_the_tokens(vendor, double):
    *pieces, ended = events_of(vendor, double)
    [asked] = double.requests
    reply = formats.reply_to(asked.path, asked.body)
    assert [piece.words for piece in pieces] == reply.pieces
    assert ended.stop == Stop.END
    assert (ended.usage.put, ended.usage.got) == (reply.put, reply.got)
    assert ended.provider_request.startswith("req_")


def test_a_tool_is_asked_for_and_its_answer_goes_back(vendor, double):
    asked = replace(ASKED, tools=[LOOK])
    wanted, ended = events_of(vendor, double, asked)
    assert (wanted.name, list(json.loads(wanted.arguments))) == ("search_entries", ["q"])
    assert ended.stop == Stop.END
    found = Looked(wanted.id, wanted.name, wanted.arguments, "Entry A: by the river")
    *pieces, ended = events_of(vendor, double, replace(asked, turns=[*asked.turns, found]))
    assert text_of(pieces)
    second = json.dumps(double.requests[1].body)
    assert second.count(wanted.id) == 2
    assert "Entry A: by the river" in second


def test_what_was_looked_up_stays_when_tools_are_withdrawn(vendor, double):
    found = Looked("call_1", "search_entries", '{"q": "river"}', "Entry A")
    *_pieces, ended = events_of(vendor, double, replace(ASKED, turns=[*ASKED.turns, found]))
    assert ended.stop == Stop.END
    body = double.requests[0].body
    if vendor.adapter is anthropic:  # which refuses a conversation with tools it was not told of
        assert [tool["name"] for tool in body["tools"]] == ["search_entries"]
        assert body["tool_choice"] == {"type": "none"}
    else:
        assert "tools" not in body


def test_arguments_a_model_wrote_badly_are_sent_back_as_an_empty_object(double):
    found = Looked("call_1", "search_entries", '{"q": ', "That could not be read.")
    request = replace(ASKED, turns=[*ASKED.turns, found], tools=[LOOK])
    assert text_of(events_of(VENDORS["anthropic"], double, request))
    assert double.requests[0].body["messages"][-2]["content"][0]["input"] == {}


def test_with_a_schema_the_answer_is_json_of_that_shape(vendor, double):
    answer = json.loads(text_of(events_of(vendor, double, replace(ASKED, schema=SCHEMA))))
    assert set(answer) == {"mood", "n"}
    assert answer["mood"] in {"calm", "glad"}
    body = double.requests[0].body
    wrapped = {"type": "json_schema", "schema": SCHEMA}
    strict = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert {
        "openai": lambda: body["text"] == {"format": {"type": "json_schema", **strict}},
        "compat": lambda: body["response_format"] == {"type": "json_schema", "json_schema": strict},
        "anthropic": lambda: body["output_config"] == {"format": wrapped},
    }[name_of(vendor)]()


def test_effort_is_asked_for_in_the_words_of_the_vendor(vendor, double):
    events_of(vendor, double, replace(ASKED, effort="low"))
    body = double.requests[0].body
    found = {
        "openai": lambda: body["reasoning"]["effort"],
        "compat": lambda: body["reasoning_effort"],
        "anthropic": lambda: body["output_config"]["effort"],
    }[name_of(vendor)]()
    assert found == "low"


def test_what_the_cache_gave_and_took_is_within_what_was_put_in(double):
    cached = replace(ASKED, cache_key="thread-1")
    read = events_of(VENDORS["openai"], double, cached)[-1].usage
    written = events_of(VENDORS["anthropic"], double, cached)[-1].usage
    first, second = (formats.reply_to(each.path, each.body) for each in double.requests)
    assert (read.put, read.read, read.written) == (first.put, first.cached, 0)
    assert (written.put, written.read, written.written) == (second.put, 0, second.written)
    assert min(read.read, written.written) > 0
    assert double.requests[0].body["prompt_cache_key"] == "thread-1"
    assert "thread-1" not in json.dumps(double.requests[1].body)


@pytest.mark.parametrize(
    ("fault", "stop"),
    [
        (Fault.LENGTH, Stop.LENGTH),
        (Fault.REFUSED, Stop.REFUSED),
        (Fault.FILTERED, Stop.REFUSED),
        (Fault.EMPTY, Stop.END),
        (Fault.NOT_JSON, Stop.END),
        (Fault.WRONG_JSON, Stop.END),
        (Fault.DUPLICATES, Stop.END),
        (Fault.UNKNOWN_EVENTS, Stop.END),
    ],
)
def test_an_answer_ends_once_and_for_its_reason(vendor, double, fault, stop):
    double.next(fault)
    *pieces, ended = events_of(vendor, double, replace(ASKED, schema=SCHEMA))
    assert ended.stop == stop
    assert all(isinstance(piece, Piece) for piece in pieces)
    words = {Fault.EMPTY: "", Fault.NOT_JSON: '{"answer": "half'}
    words[Fault.WRONG_JSON] = '{"something": "else"}'
    [asked] = double.requests
    reply = formats.reply_to(asked.path, asked.body)
    expected = words.get(fault, reply.text)
    # The words of a refusal are no answer, and stand apart where OpenAI's kind writes them.
    apart = fault == Fault.REFUSED and vendor.adapter is not anthropic
    assert text_of(pieces) == ("" if apart else expected)


def test_a_tool_is_asked_for_once_though_its_events_come_twice(vendor, double):
    double.next(Fault.DUPLICATES)
    events = events_of(vendor, double, replace(ASKED, tools=[LOOK]))
    assert [type(event) for event in events] == [Wanted, Ended]


def test_usage_is_unknown_where_the_provider_did_not_count(vendor, double):
    double.next(Fault.NO_USAGE)
    assert events_of(vendor, double)[-1].usage is None


def test_a_server_that_numbers_every_tool_0_still_asks_for_two():
    calls = []
    for id, arguments in [("a", '{"q":'), (None, "1}"), ("b", "{}")]:
        function = {"name": "look" if id else None, "arguments": arguments}
        part = {"index": 0, "id": id, "function": function}
        compat._gather(calls, ChoiceDeltaToolCall.model_validate(part))
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        ("a", "look", '{"q":1}'),
        ("b", "look", "{}"),
    ]


# What leaves


def test_nothing_of_the_person_leaves_but_a_pseudonym(vendor, double):
    events_of(vendor, double)
    [asked] = double.requests
    assert asked.path == vendor.path
    assert set(asked.body) == vendor.fields
    assert ASKED.pseudonym in json.dumps(asked.body[vendor.pseudonym])
    assert json.dumps(asked.body).count(ASKED.pseudonym) == 1
    assert ASKED.pseudonym not in json.dumps(asked.headers)


def test_openai_keeps_nothing(double):
    events_of(VENDORS["openai"], double)
    assert double.requests[0].body["store"] is False


@pytest.mark.parametrize(
    ("address", "declined"),
    [
        ("", True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://mine.openai.azure.com/openai/v1", True),
        ("https://notopenai.com/v1", False),
        ("http://127.0.0.1:11434/v1", False),
    ],
)
def test_a_vendor_that_keeps_chats_is_told_not_to(address, declined):
    asked = compat._asked(ASKED, Access("key", address))
    assert asked.get("store", "unsaid") == (False if declined else "unsaid")


def test_each_call_carries_the_key_it_was_given(vendor, double):
    for key in ("chat-key", "train-key"):
        list(vendor.adapter.stream(ASKED, access(vendor, double, key), LONG))
    assert [each.headers["authorization"] for each in double.requests] == [
        "Bearer chat-key",
        "Bearer train-key",
    ]


def test_the_environment_changes_neither_address_nor_account(vendor, double, monkeypatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert events_of(vendor, double)[-1].stop == Stop.END
    assert "from-the-environment" not in json.dumps(double.requests[0].headers)


def test_no_log_holds_what_was_sent_or_came(vendor, double, caplog):
    caplog.set_level(logging.DEBUG)
    words = text_of(events_of(vendor, double))
    double.next(Fault.BAD_REQUEST)
    trouble_of(vendor, double)
    assert SECRET not in caplog.text
    assert words not in caplog.text
    assert "chat-key" not in caplog.text


# Failures

FAULTS = [
    (Fault.CONTEXT_LENGTH, Trouble.TOO_LONG),
    (Fault.BAD_REQUEST, Trouble.REQUEST),
    (Fault.KEY, Trouble.KEY),
    (Fault.UNPAID, Trouble.QUOTA),
    (Fault.FORBIDDEN, Trouble.KEY),
    (Fault.MODEL, Trouble.MODEL),
    (Fault.CONFLICT, Trouble.SERVER),
    (Fault.TOO_LARGE, Trouble.TOO_LONG),
    (Fault.RATE, Trouble.RATE),
    (Fault.QUOTA, Trouble.QUOTA),
    (Fault.SERVER, Trouble.SERVER),
    (Fault.HTML, Trouble.SERVER),
    (Fault.OVERLOADED, Trouble.OVERLOADED),
    (Fault.REDIRECT, Trouble.REQUEST),
    (Fault.VANISH, Trouble.SERVER),
    (Fault.CUT, Trouble.CUT),
    (Fault.CUT_LETTER, Trouble.CUT),
    (Fault.CUT_EVENT, Trouble.CUT),
    (Fault.DROPPED, Trouble.CUT),
    (Fault.ERROR_MIDWAY, Trouble.OVERLOADED),
    (Fault.GARBLED, Trouble.SERVER),
    (Fault.MISSHAPEN, Trouble.SERVER),
]


@pytest.mark.parametrize(("fault", "trouble"), FAULTS)
def test_every_failure_has_its_name_and_is_not_tried_again(vendor, double, fault, trouble):
    double.next(fault)
    failure = trouble_of(vendor, double)
    assert (failure.trouble, failure.retry_after_seconds) == (trouble, None)
    assert len(double.requests) == 1


def test_a_response_that_failed_says_why(double):
    double.next(Fault.FAILED_MIDWAY)
    assert trouble_of(VENDORS["openai"], double).trouble == Trouble.SERVER


def test_a_status_has_the_number_of_the_request_with_it(vendor, double):
    double.next(Fault.SERVER)
    assert trouble_of(vendor, double).provider_request.startswith("req_")


def test_a_model_may_be_named_for_a_fault(vendor, double):
    asked = replace(ASKED, model="fault-overloaded")
    assert trouble_of(vendor, double, asked).trouble == Trouble.OVERLOADED


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        (Fault.RATE_SECONDS, 7, 7),
        (Fault.RATE_DATE, 50, 60),
        (Fault.RATE_ABSURD, 99_999_999, 99_999_999),
    ],
)
def test_how_long_to_wait_is_passed_on_as_it_was_said(vendor, double, fault, least, most):
    double.next(fault)
    failure = trouble_of(vendor, double)
    assert failure.trouble == Trouble.RATE
    assert least <= failure.retry_after_seconds <= most


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}, 0),
        ({"retry-after": "Wed, 21 Oct 99999 07:28:00 GMT"}, None),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
    ],
    ids=[
        "none",
        "part",
        "zero",
        "negative",
        "nan",
        "inf",
        "words",
        "past",
        "zoneless",
        "never",
        "exact",
    ],
)
def test_a_wait_that_makes_no_sense_is_none(headers, seconds):
    assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("status", "names", "message", "trouble"),
    [
        (400, ["BadRequestError"], "maximum context length is 4096 tokens", Trouble.TOO_LONG),
        (400, ["400", "exceed_context_size_error"], "", Trouble.TOO_LONG),
        (400, ["invalid_prompt"], "", Trouble.REQUEST),
        (422, ["extra_forbidden"], "", Trouble.REQUEST),
        (404, ["NotFoundError"], "", Trouble.MODEL),
        (503, ["unavailable_error"], "Loading model", Trouble.OVERLOADED),
        (408, [None], "", Trouble.SERVER),
        (504, [None], "", Trouble.SERVER),
        (200, ["overloaded_error"], "", Trouble.OVERLOADED),
        (200, ["something_new"], "", Trouble.SERVER),
        (429, ["", "rate_limit_error"], "", Trouble.RATE),
        (429, ["enforced_spend_limit_reached", "rate_limit_error"], "", Trouble.QUOTA),
    ],
)
def test_the_name_of_an_error_goes_before_its_status(status, names, message, trouble):
    assert failed(status, names, message).trouble == trouble


def test_nobody_there_is_a_failure_to_connect(vendor):
    with closing(socket.socket()) as unheard:
        unheard.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{unheard.getsockname()[1]}/v1"
        with pytest.raises(Failed) as raised:
            list(vendor.adapter.stream(ASKED, Access("key", address), SHORT))
    assert (raised.value.trouble, raised.value.__context__) == (Trouble.CONNECT, None)


def test_a_handshake_that_nobody_answers_is_a_failure_to_connect(vendor):
    started = time.monotonic()
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the connection stands, and no word of TLS comes back
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(Failed) as raised:
            list(vendor.adapter.stream(ASKED, Access("key", address), replace(LONG, connect=0.2)))
    assert raised.value.trouble == Trouble.CONNECT
    assert time.monotonic() - started < 2


# Time


@pytest.mark.parametrize(
    ("fault", "patience", "trouble"),
    [
        (Fault.HANG, replace(LONG, first_byte=0.2), Trouble.TIMEOUT),
        (Fault.HANG, replace(LONG, total=0.2), Trouble.TIMEOUT),
        (Fault.HANG_MIDWAY, replace(LONG, between=0.2), Trouble.CUT),
        # Long enough for the first piece to have come, however busy the machine.
        (Fault.HANG_MIDWAY, replace(LONG, total=1.0), Trouble.CUT),
        # Bytes come all the time here, so no single read waits long.
        (Fault.TRICKLE, replace(LONG, between=0.2), Trouble.CUT),
        (Fault.TRICKLE, replace(LONG, total=1.0), Trouble.CUT),
    ],
    ids=["head", "head-total", "midway", "midway-total", "trickle", "trickle-total"],
)
def test_no_wait_is_longer_than_ours(vendor, double, fault, patience, trouble):
    double.next(fault, seconds=0.02)
    started = time.monotonic()
    assert trouble_of(vendor, double, patience=patience).trouble == trouble
    assert time.monotonic() - started < 2
    assert len(double.requests) == 1


def test_the_time_a_listener_takes_is_not_the_providers(vendor, double):
    double.next(Fault.TRICKLE, seconds=0)
    events = vendor.adapter.stream(ASKED, access(vendor, double), replace(LONG, between=0.3))
    heard = [next(events)]
    threading.Event().wait(0.4)  # what is tested is that time passes here
    assert isinstance([*heard, *events][-1], Ended)


def test_closing_early_closes_the_connection(vendor, double):
    double.next(Fault.HANG_MIDWAY)
    events = vendor.adapter.stream(ASKED, access(vendor, double), LONG)
    assert isinstance(next(events), Piece)
    assert not double.requests[0].gone.is_set()
    events.close()
    assert double.requests[0].gone.wait(2)


# Vectors and sound


def embedded(adapter, double, texts):
    return adapter.embed(
        texts,
        model="text-embedding",
        dimensions=double.dimensions,
        access=Access("chat-key", double.base_url),
        patience=LONG,
    )


def test_each_text_gets_its_vector(sounding, double):
    texts = ["a quiet river", "ещё одно утро", "夜"]
    found = embedded(sounding, double, texts)
    for text, vector in zip(texts, found.vectors, strict=True):
        assert vector == pytest.approx(senses.vector(text, double.dimensions), abs=1e-6)
    assert found.put == sum(formats.tokens(text) for text in texts)


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault.WRONG_VECTOR, Trouble.SERVER),
        (Fault.NAN, Trouble.SERVER),
        (Fault.GARBLED, Trouble.SERVER),
        (Fault.MISSHAPEN, Trouble.SERVER),
        (Fault.HTML, Trouble.SERVER),
        (Fault.RATE, Trouble.RATE),
        (Fault.QUOTA, Trouble.QUOTA),
        (Fault.VANISH, Trouble.SERVER),
    ],
)
def test_a_vector_that_is_none_is_a_failure(sounding, double, fault, trouble):
    double.next(fault)
    with pytest.raises(Failed) as raised:
        embedded(sounding, double, [SECRET, "another"])
    assert (raised.value.trouble, raised.value.__context__) == (trouble, None)
    assert len(double.requests) == 1


def transcribed(adapter, double, sound, language=""):
    return adapter.transcribe(
        io.BytesIO(sound),
        name="note.wav",
        model="a-listener",
        language=language,
        access=Access("chat-key", double.base_url),
        patience=LONG,
    )


def test_a_sound_becomes_words(sounding, double):
    sound = senses.wav(2.5)
    heard = transcribed(sounding, double, sound)
    assert heard.words == senses.transcription({}, sound)["text"]
    assert (heard.seconds, heard.language) == (2.5, "en")
    [asked] = double.requests
    assert asked.files == {"file": ("note.wav", sound)}
    assert "language" not in asked.body


def test_the_language_of_a_sound_may_be_told(sounding, double):
    assert transcribed(sounding, double, senses.wav(0.1), language="de").language == "de"
    assert double.requests[0].body["language"] == "de"


def spoken(adapter, double, patience=LONG):
    access = Access("chat-key", double.base_url)
    return adapter.speak(
        "Good morning.", model="a-voice", voice="alto", access=access, patience=patience
    )


def test_words_become_a_sound(sounding, double):
    assert spoken(sounding, double) == senses.MP3_FRAME * len("Good morning.")
    assert double.requests[0].body == {
        "model": "a-voice",
        "input": "Good morning.",
        "voice": "alto",
        "response_format": "mp3",
    }


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault.GARBLED, Trouble.SERVER),
        (Fault.MISSHAPEN, Trouble.SERVER),
        (Fault.KEY, Trouble.KEY),
        (Fault.TOO_LARGE, Trouble.TOO_LONG),
        (Fault.OVERLOADED, Trouble.OVERLOADED),
        (Fault.VANISH, Trouble.SERVER),
    ],
)
@pytest.mark.parametrize("said", [True, False], ids=["speak", "transcribe"])
def test_a_sound_that_is_none_is_a_failure(sounding, double, said, fault, trouble):
    double.next(fault)
    with pytest.raises(Failed) as raised:
        spoken(sounding, double) if said else transcribed(sounding, double, senses.wav(0.1))
    assert (raised.value.trouble, raised.value.__context__) == (trouble, None)
    assert len(double.requests) == 1


def test_a_silent_file_of_no_length_is_a_failure(sounding, double):
    double.next(Fault.EMPTY)
    with pytest.raises(Failed, match="server"):
        spoken(sounding, double)


def test_a_single_answer_is_not_waited_for_longer_either(sounding, double):
    double.next(Fault.HANG)
    with pytest.raises(Failed, match="timeout"):
        spoken(sounding, double, SHORT)
    assert double.requests[0].gone.wait(2)


def name_of(vendor):
    return next(name for name, each in VENDORS.items() if each is vendor)
