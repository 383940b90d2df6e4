"""Every provider of AI on one port of this machine: answers as they do, and misbehaves as it is told.

`with provider() as double:` in a test, `python -m tests.doubles.provider --port N` as a process. A fault is chosen
for the next requests by `double.next`, or POST /control/next, or for one request by a model's name `fault-<name>`.
"""

import argparse
import json
import math
import select
import socket
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.doubles import formats, senses
from tests.doubles.faults import HTML, REFUSALS, Fault, cut, named_like


@dataclass
class Recorded:
    """A request as it came. `gone` is set when its client was seen to have left."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict
    files: dict[str, tuple[str, bytes]]
    gone: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Order:
    fault: Fault
    seconds: float


class Double(ThreadingHTTPServer):
    """The server and its memory."""

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.requests = []
        self.orders = deque()
        self.stopping = threading.Event()
        self.dimensions = 16
        # From the body of a request that offers tools to the one it asks for and with what, or None for words;
        # without it the first tool is asked for once.
        self.wants = lambda body: None
        self.says = (
            None  # a function from the body of a request to the words of its answer, or None
        )

    @property
    def root(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def base_url(self):
        """As OpenAI's library takes it; Anthropic's adds the version itself and takes `root`."""
        return f"{self.root}/v1"

    def next(self, fault, *, times=1, seconds=1.0):
        """What goes wrong with the next requests. `seconds` lie between the bytes of a trickle."""
        self.orders.extend([Order(Fault(fault), seconds)] * times)

    def order_for(self, body):
        if self.orders:
            return self.orders.popleft()
        name = str(body.get("model", ""))
        return Order(Fault(name[6:]), 1.0) if name.startswith("fault-") else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        """Nothing."""

    def handle(self):
        with suppress(ConnectionError):  # a client may leave before the last byte
            super().handle()

    def do_GET(self):
        if self.path == "/control/requests":
            asked = [
                {"method": each.method, "path": each.path, "body": each.body}
                for each in self.server.requests
            ]
            return self.whole(200, {"requests": asked})
        self.recorded({}, {})
        return self.whole(200, senses.models()) if self.path == "/v1/models" else self.unknown()

    def do_DELETE(self):
        self.server.requests.clear()
        self.server.orders.clear()
        self.whole(200, {})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/control/next":
            self.server.next(**json.loads(raw))
            return self.whole(200, {})
        body, files = self.read(raw)
        self.recorded(body, files)
        order = self.server.order_for(body)
        self.fault, self.seconds = (order.fault, order.seconds) if order else (None, 1.0)
        if not (self.headers["Authorization"] or self.headers["X-Api-Key"]):
            return self.refuse(REFUSALS[Fault.KEY])
        if self.misbehaves():
            return None
        return self.answers().get(self.path, self.unknown)()

    def read(self, raw):
        """The fields and files of a request, whichever way they were sent."""
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/form-data"):
            return json.loads(raw), {}
        fields, files = {}, {}
        boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
        for part in raw.split(boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            named = dict(
                each.strip().partition("=")[::2]
                for each in head.decode().partition("\r\n")[2].split("\r\n")[0].split(";")
            )
            name, content = named["name"].strip('"'), content[:-2]
            if "filename" in named:
                files[name] = (named["filename"].strip('"'), content)
            else:
                fields[name] = content.decode()
        return fields, files

    def recorded(self, body, files):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Recorded(self.command, self.path, headers, body, files)
        self.server.requests.append(self.asked)

    def answers(self):
        return {
            "/v1/responses": self.response,
            "/v1/chat/completions": self.chat,
            "/v1/messages": self.messages,
            "/v1/messages/count_tokens": self.count_tokens,
            "/v1/embeddings": self.embeddings,
            "/v1/moderations": lambda: self.whole(200, senses.moderation(self.asked.body)),
            "/v1/audio/transcriptions": self.transcription,
            "/v1/audio/speech": self.speech,
        }

    # What goes wrong before anything is said

    def misbehaves(self):
        """Whether the fault took the place of the answer."""
        match self.fault:
            case Fault.HANG:
                self.wait_for_the_end()
            case Fault.VANISH:
                self.break_off()
            case Fault.REDIRECT:
                self.send_response(307)
                self.send_header("Location", f"{self.server.root}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case Fault.HTML:
                self.send(502, "text/html", HTML)
            case fault if fault in REFUSALS:
                self.refuse(REFUSALS[fault])
            case _:
                return False
        return True

    def refuse(self, refusal):
        self.whole(refusal.status, self.error(refusal), self.retry_after())

    def error(self, refusal):
        if self.path.startswith("/v1/messages"):
            error = {"type": refusal.anthropic, "message": refusal.anthropic_says or refusal.says}
            if self.fault == Fault.QUOTA:
                error["details"] = {"error_code": "enforced_spend_limit_reached"}
            return {"type": "error", "error": error, "request_id": self.request_id}
        kind, code = refusal.openai
        return {"error": {"message": refusal.says, "type": kind, "param": None, "code": code}}

    def retry_after(self):
        told = {
            Fault.RATE_SECONDS: "7",
            Fault.RATE_DATE: formatdate(time.time() + 60, usegmt=True),
            Fault.RATE_ABSURD: "99999999",
        }
        return {"Retry-After": told[self.fault]} if self.fault in told else {}

    def unknown(self):
        self.whole(404, {"error": {"message": "Unknown request URL", "type": "", "code": None}})

    # What is said

    def reply(self):
        reply = formats.reply_to(self.path, self.asked.body)
        if self.server.wants and formats.first_tool(self.path, self.asked.body):
            reply = formats.wanting(reply, self.server.wants(self.asked.body))
        if self.server.says and (said := self.server.says(self.asked.body)) is not None:
            reply = reply.of(text=said, call=None)
        changes = {
            Fault.REFUSED: {"stop": "refused"},
            Fault.FILTERED: {"stop": "filtered"},
            Fault.LENGTH: {"stop": "length"},
            Fault.EMPTY: {"text": "", "call": None},
            Fault.NOT_JSON: {"text": '{"answer": "half'},
            Fault.WRONG_JSON: {"text": '{"something": "else"}'},
            Fault.NO_USAGE: {"usage": False},
        }
        return reply.of(**changes.get(self.fault, {}))

    def response(self):
        reply = self.reply()
        self.tell(formats.response(reply), formats.response_frames(reply))

    def chat(self):
        reply = self.reply()
        wanted = (self.asked.body.get("stream_options") or {}).get("include_usage", False)
        self.tell(formats.chat(reply), formats.chat_frames(reply, include_usage=wanted))

    def messages(self):
        reply = self.reply()
        self.tell(formats.message(reply), formats.message_frames(reply))

    def count_tokens(self):
        reply = formats.reply_to(self.path, self.asked.body)
        self.whole(200, {"input_tokens": reply.put})

    def embeddings(self):
        size = self.server.dimensions
        vectors = [senses.vector(text, size) for text in self.asked.body["input"]]
        if self.fault == Fault.WRONG_VECTOR:
            vectors[-1].pop()
        if self.fault == Fault.NAN:
            vectors[-1][0] = math.nan
        self.whole(200, senses.embeddings(self.asked.body, vectors))

    def transcription(self):
        _name, sound = self.asked.files["file"]
        self.whole(200, senses.transcription(self.asked.body, sound))

    def speech(self):
        if self.fault in {Fault.GARBLED, Fault.MISSHAPEN}:
            return self.whole(200, {})
        kind, sound = senses.speech(self.asked.body)
        return self.send(200, kind, b"" if self.fault == Fault.EMPTY else sound)

    # How it is sent

    @property
    def request_id(self):
        return f"req_{formats.digest(self.asked.body)[:16]}"

    def whole(self, status, body, headers=None):
        garbled = status == 200 and self.path.startswith("/v1") and self.command == "POST"
        if garbled and self.fault == Fault.GARBLED:
            return self.send(200, "application/json", b'{"text": ')
        if garbled and self.fault == Fault.MISSHAPEN:
            body = {"something": "else"}
        return self.send(status, "application/json", json.dumps(body).encode(), headers)

    def send(self, status, kind, data, headers=None):
        self.head(status, kind, {"Content-Length": str(len(data)), **(headers or {})})
        self.wfile.write(data)

    def head(self, status, kind, headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if hasattr(self, "asked"):
            anthropic = self.path.startswith("/v1/messages")
            self.send_header("request-id" if anthropic else "x-request-id", self.request_id)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def tell(self, body, frames):
        if not self.asked.body.get("stream"):
            return self.whole(200, body)
        self.head(
            200,
            "text/event-stream; charset=utf-8",
            {"Cache-Control": "no-cache", "Transfer-Encoding": "chunked"},
        )
        try:
            self.stream(frames)
        except OSError:
            self.leave()
        return None

    def stream(self, frames):
        """The events in chunks, and whatever goes wrong on the way."""
        half = len(frames) // 2
        match self.fault:
            case Fault.HANG_MIDWAY:
                self.chunks(frames[:half])
                return self.wait_for_the_end()
            case Fault.TRICKLE:
                return self.trickle(b"".join(frames))
            case Fault.CUT:
                frames = frames[:half]
            case Fault.CUT_LETTER | Fault.CUT_EVENT:
                frames = cut(frames, within_letter=self.fault == Fault.CUT_LETTER)
            case Fault.DROPPED:
                self.chunks(frames[:half])
                return self.break_off()
            case Fault.ERROR_MIDWAY | Fault.FAILED_MIDWAY:
                frames = [*frames[:half], self.error_frame()]
            case Fault.GARBLED:
                frames = [*frames[:half], named_like(frames[half], "{not json")]
            case Fault.MISSHAPEN:
                frames = [*frames[:half], named_like(frames[half], '[{"choices": 1}]')]
            case Fault.DUPLICATES:
                frames = [copy for frame in frames for copy in self.twice(frame)]
            case Fault.UNKNOWN_EVENTS:
                unknown = formats.frame("response.something_new", self.unknown_event())
                frames = [*frames[:half], b": a comment\n\n", unknown, *frames[half:]]
        self.chunks(frames)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def chunks(self, pieces):
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def trickle(self, data):
        for place in range(len(data)):
            if self.server.stopping.wait(self.seconds):
                return
            self.chunks([data[place : place + 1]])

    def twice(self, frame):
        """Words that come again can be told from new ones only where events are numbered."""
        told = b"sequence_number" in frame or not (b"text_delta" in frame or b'"content"' in frame)
        return [frame, frame] if told and b"json_delta" not in frame else [frame]

    def error_frame(self):
        body = self.error(REFUSALS[Fault.OVERLOADED])
        if self.path == "/v1/responses" and self.fault == Fault.FAILED_MIDWAY:
            failed = formats.response(self.reply(), done=False)
            error = {"code": "server_error", "message": "The server had an error."}
            told = {"response": {**failed, "status": "failed", "error": error}}
            event = {"type": "response.failed", **told, "sequence_number": 99}
            return formats.frame("response.failed", event)
        if self.path == "/v1/responses":
            told = body["error"]
            event = {"type": "error", "code": told["code"], "message": told["message"]}
            return formats.frame("error", {**event, "param": None, "sequence_number": 99})
        return formats.frame("error" if self.path == "/v1/messages" else "", body)

    def unknown_event(self):
        if self.path == "/v1/chat/completions":
            return {"id": "chatcmpl-new", "object": "something.new", "choices": []}
        return {"type": "response.something_new", "sequence_number": -1}

    # How it ends

    def wait_for_the_end(self):
        """Stands still until the client leaves or the double stops."""
        while not self.server.stopping.is_set():
            if select.select([self.connection], [], [], 0.02)[0] and not self.peek():
                return self.leave()
        self.close_connection = True
        return None

    def peek(self):
        try:
            return self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return b""

    def leave(self):
        self.asked.gone.set()
        self.close_connection = True

    def break_off(self):
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


@contextmanager
def provider(port=0):
    """A double at work. Whatever hangs in it ends with it."""
    double = Double(port)
    thread = threading.Thread(target=double.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        double.stopping.set()
        double.shutdown()
        double.server_close()
        thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    double = Double(parser.parse_args().port)
    sys.stdout.write(f"{double.root}\n")
    sys.stdout.flush()
    double.serve_forever()


if __name__ == "__main__":
    main()
