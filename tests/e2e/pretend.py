"""A page with our scripts, and a server that speaks the wire format of drafts and entries from memory."""

import json
import mimetypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, WebError

STATIC = Path(__file__).parents[2] / "writeorperish" / "ui" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DRAFTS = "/api/v1/journal/drafts/"
NODES = "/api/v1/journal/nodes/"
PATIENCE_SECONDS = 5.0

PAGE = """<!doctype html>
<html lang="en" data-person="{person}">
<head><meta charset="utf-8"><title>Page · Write or Perish</title>
<meta name="htmx-config" content='{{"prefix":"","history":"reload","noSwap":[204,304,401,"5xx"],"defaultSwap":"outerHTML","includeIndicatorCSS":false,"defaultTimeout":20000}}'>
<script defer src="/static/ui/vendor/htmx/htmx.min.js"></script>
<script type="module" src="/static/ui/js/app.js"></script></head>
<body>
<div id="announce" aria-live="polite"></div><p id="offline" hidden>You're offline.</p>
<form id="leave" method="post" action="/accounts/logout/"><button type="submit">Sign out</button></form>
<main id="main">{body}</main>
<wop-toasts id="toasts" data-msg-failed="That didn't work. Nothing was lost.">
  <template data-toast><div class="toast" role="status"><p><span data-words></span> <span data-reference></span></p>
    <button type="button" data-act hidden>Retry</button><button type="button" data-dismiss>Close</button></div></template>
</wop-toasts>
<wop-dialog><div id="dialogs"></div>
  <template data-dialog-frame><dialog><button type="button" data-close>Close</button><div data-body></div></dialog></template>
</wop-dialog>
<template id="ask-confirm"><dialog><form method="dialog"><p data-words></p>
  <button value="">Cancel</button><button value="yes">Yes</button></form></dialog></template>
<template id="ask-sign-in"><dialog data-sign-in><form method="dialog"><h2>Sign in again</h2>
  <a href="/accounts/login/" target="_blank">Sign in</a><button value="">Not now</button></form></dialog></template>
<template id="ask-unsent"><dialog><form method="dialog"><p><span data-count></span> not sent</p>
  <button value="send">Send now</button><button value="delete">Delete</button><button value="">Stay</button></form></dialog></template>
</body></html>"""

EDITOR = """<wop-editor data-draft="{draft}" data-seq="{seq}" data-base-rev="{rev}" data-node="{node}" data-parent=""
  data-saved-at="" data-msg-saving="Saving…" data-msg-saved="Saved · {{time}}" data-msg-device="Saved on this device"
  data-msg-failed="Can't save —">
<form id="editor-form" method="post" action="/write" {enhanced} novalidate>
  <input type="hidden" name="draft" value="{draft}"><input type="hidden" name="base_rev" value="{rev}">
  <input type="hidden" name="privacy_level" value="private"><input type="hidden" name="ai_usage" value="none">
  <input name="title" value="{title}" aria-label="Title"><textarea name="text" aria-label="Text" rows="12" cols="60">
{text}</textarea>
  <p data-note="restored" hidden>Restored from this device. <button type="button" data-use-saved>Use saved version</button></p>
  <p data-note="other" hidden>This device has other words. <button type="button" data-use-device>Show them</button></p>
  <p data-note="forked" hidden>Another tab went on with this draft. Both are kept.</p>
  <p data-refusal hidden></p>
  <span data-word-count data-msg-one="{{n}} word" data-msg-other="{{n}} words"></span>
  <div data-toolbar><button type="button" data-md="bold">Bold</button><button type="button" data-md="list">List</button></div>
  <output id="editor-status" role="status"></output><button type="button" data-retry hidden>Retry</button>
  <button type="submit">Save entry</button>
</form></wop-editor>"""


@dataclass
class Pretend:
    """What the server holds and heard. `answer` is the status of every save while it is set."""

    drafts: dict[str, dict[str, object]] = field(default_factory=dict)
    nodes: dict[str, dict[str, object]] = field(default_factory=dict)
    heard: list[tuple[str, str]] = field(default_factory=list)
    arrived: dict[str, float] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    answer: int | None = None
    deaf: bool = False
    delay_seconds: float = 0.0
    person: str = "0190a000-0000-7000-8000-00000000000a"
    origin: str = ""

    def texts(self) -> list[object]:
        return [draft["text"] for draft in self.drafts.values()]

    def count(self, method: str, path: str) -> int:
        return self.heard.count((method, path))

    def save_draft(self, name: str, body: dict[str, object]) -> dict[str, object]:
        current = self.drafts.get(name)
        entry = self.nodes.get(name)
        if entry or (current and int(str(body["seq"])) <= int(str(current["seq"]))):
            return {"stale": True, "seq": current["seq"] if current else body["seq"]}
        self.drafts[name] = {"title": "", **body, "id": name}
        self.arrived[name] = time.monotonic()
        return self.drafts[name]

    def editor(self, draft: str, enhanced: str = "", node: str = "", rev: str = "") -> str:
        kept = self.drafts.get(draft) or self.nodes.get(node) or {"title": "", "text": "", "seq": 0}
        return EDITOR.format(
            draft=draft,
            seq=self.drafts.get(draft, {}).get("seq", 0),
            title=kept["title"],
            text=kept["text"],
            enhanced=enhanced,
            node=node,
            rev=rev,
        )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Pretend

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.site.heard.append(("GET", url.path))
        if url.path.startswith("/static/"):
            return self.static(STATIC / url.path.removeprefix("/static/"))
        if url.path == "/write":
            return self.page(self.site.editor(**query))
        if url.path in self.site.pages:
            body = self.site.pages[url.path]
            return self.html(body) if "HX-Request" in self.headers else self.page(body)
        if url.path.startswith(DRAFTS) and url.path[len(DRAFTS) : -1] in self.site.drafts:
            return self.json(200, self.site.drafts[url.path[len(DRAFTS) : -1]])
        if url.path.startswith(NODES) and url.path[len(NODES) : -1] in self.site.nodes:
            return self.json(200, self.site.nodes[url.path[len(NODES) : -1]])
        return self.json(404, {"code": "not_found"})

    def do_PUT(self) -> None:
        self.change("PUT")

    def do_PATCH(self) -> None:
        self.change("PATCH")

    def do_POST(self) -> None:
        self.change("POST")

    def change(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.site.heard.append((method, url.path))
        time.sleep(self.site.delay_seconds)
        if self.site.answer:
            detail = {"code": "x", "detail": "The server's sentence."}
            return self.json(self.site.answer, detail, {"X-Request-ID": "req-1"})
        if url.path.startswith("/api/"):
            answer = self.api(method, url.path, json.loads(body))
            # The words are taken, and the answer never leaves.
            return self.json(503, {}) if self.site.deaf else self.json(*answer)
        if url.path == "/accounts/logout/":
            return self.redirect("/")
        if url.path == "/write":
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.site.nodes[form["draft"]] = {"title": form.get("title", ""), "text": form["text"]}
            self.site.drafts.pop(form["draft"], None)
            return self.redirect("/")
        return self.html(self.site.pages[url.path])

    def api(self, method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
        if self.headers.get("X-CSRFToken") != "token-of-now":
            return 403, {"code": "csrf"}
        if path.startswith(DRAFTS):
            return 200, self.site.save_draft(path[len(DRAFTS) : -1], body)
        if method == "POST":
            name = str(body["id"])
            self.site.nodes[name] = body
            self.site.drafts.pop(name, None)
            return 201, body
        self.site.nodes[path[len(NODES) : -1]] = body | {"if_match": self.headers["If-Match"]}
        return 200, body

    def static(self, path: Path) -> None:
        if not path.is_file():
            return self.json(404, {})
        return self.send(200, path.read_bytes(), mimetypes.guess_type(path.name)[0] or "text/plain")

    def page(self, body: str) -> None:
        self.send(200, PAGE.format(person=self.site.person, body=body).encode(), "text/html")

    def html(self, body: str) -> None:
        self.send(200, body.encode(), "text/html")

    def json(self, status: int, body: object, more: dict[str, str] | None = None) -> None:
        kind = "application/json" if status < 400 else "application/problem+json"
        self.send(status, json.dumps(body).encode(), kind, more)

    def redirect(self, to: str) -> None:
        self.send(HTTPStatus.SEE_OTHER, b"", "text/html", {"Location": to})

    def send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "Set-Cookie": "csrftoken=token-of-now; Path=/; SameSite=Lax",
        }
        for name, value in (headers | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class QuietServer(ThreadingHTTPServer):
    """A tab that is killed drops its connections; that is the point and no error."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(site: Pretend) -> Iterator[Pretend]:
    """The site on a free port of the loopback until the block ends."""
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = QuietServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    site.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listened_to(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; fails at its end for what broke the policy or was not caught.

    A module that was still on its way when the page was left is no fault.
    """
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_SECONDS * 1_000)
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Uncaught" in message.text:
            complaints.append(message.text)

    context.on("console", hear)

    def caught(error: WebError) -> None:
        if "Failed to fetch dynamically imported module" not in str(error.error):
            complaints.append(str(error.error))

    context.on("weberror", caught)
    yield context
    context.close()
    assert not complaints, complaints


def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Returns once it holds; fails when it does not within the time."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
