"""Getting the text of a page: over the network from its address, and out of markup by a child that can be killed."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from email.message import Message
from pathlib import Path
from typing import Final

from download.models.items import Item, Page
from writeorperish.ops import egress
from writeorperish.ops.egress import AddressRefused, AnswerTooLarge, Rules, Unreachable
from writeorperish.ops.refusals import WrongKind
from writeorperish.ui.fields import cleaned

KINDS: Final = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
PROGRAM: Final = Path(__file__).with_name("extractor.py")
WAIT_SECONDS: Final = 15.0
MOST_SAID_BYTES: Final = 8_000_000
PIPE_BYTES: Final = 65_536
LONGEST_RETRY_AFTER: Final = 24 * 3600
FEW_WORDS: Final = 200
HEAD_CHARS: Final = 300
# What stands in place of an article.
IN_THE_WAY: Final = re.compile(
    r"just a moment|access denied|are you (?:a )?(?:robot|human)|verify(?:ing)? (?:that )?you are (?:a )?human"
    r"|enable javascript|javascript is (?:disabled|required)|accept (?:all )?cookies|log ?in to continue"
    r"|sign ?in to continue|attention required",
    re.IGNORECASE,
)
REASONS: Final = {
    **dict.fromkeys((401, 402, 403), Item.Reason.NEEDS_LOGIN),
    **dict.fromkeys((404, 410), Item.Reason.GONE),
}


@dataclass(frozen=True, slots=True)
class Copy:
    """The text of a page as it came, before it is kept."""

    text: str = field(repr=False)
    origin: str
    quality: str = Page.Quality.GOOD
    title: str = field(default="", repr=False)
    byline: str = field(default="", repr=False)
    site: str = field(default="", repr=False)
    published_on: date | None = None
    lang: str = ""


class NoPage(Exception):
    """There is no text to keep. `passing`: there may be one later, not before so many seconds if it was said."""

    def __init__(
        self, reason: Item.Reason, *, passing: bool = False, retry_after_seconds: int = 0
    ) -> None:
        self.reason = reason
        self.passing = passing
        self.retry_after_seconds = retry_after_seconds
        super().__init__(str(reason.value))


def page_at(url: str, *, rules: Rules = egress.PUBLIC) -> Copy:
    """The text that stands at an address a person gave. NoPage says why there is none. One request, no cookies."""
    try:
        answer = egress.fetch(url, rules=rules, kinds=KINDS)
    except AddressRefused:
        raise NoPage(Item.Reason.REFUSED_ADDRESS) from None
    except AnswerTooLarge:
        raise NoPage(Item.Reason.TOO_LARGE) from None
    except WrongKind:
        raise NoPage(Item.Reason.WRONG_TYPE) from None
    except Unreachable as refusal:
        slow = refusal.code == "too_slow"
        reason = Item.Reason.TOO_SLOW if slow else Item.Reason.UNREACHABLE
        raise NoPage(reason, passing=refusal.code != "too_many_redirects") from None
    if not 200 <= answer.status < 300:
        passing = answer.status == 429 or answer.status >= 500
        reason = REASONS.get(answer.status, Item.Reason.UNREACHABLE)
        wait = retry_after(answer.headers.get("retry-after", ""))
        raise NoPage(reason, passing=passing, retry_after_seconds=wait)
    kind, charset = kind_of(answer.headers.get("content-type", ""))
    if kind == "text/plain":
        return plain(answer.body, charset, Page.Origin.FETCHED)
    return from_markup(answer.body, charset=charset, url=answer.url, origin=Page.Origin.FETCHED)


def kind_of(content_type: str) -> tuple[str, str]:
    """The media type and charset a header names, in lower case; empty where it does not."""
    message = Message()
    message["Content-Type"] = content_type or "application/octet-stream"
    return message.get_content_type(), str(message.get_param("charset") or "").lower()


def retry_after(header: str) -> int:
    """The seconds a header asks to wait, at most a day; 0 for a date or nonsense."""
    return min(int(header), LONGEST_RETRY_AFTER) if re.fullmatch(r"[0-9]{1,9}", header) else 0


def plain(body: bytes, charset: str, origin: str) -> Copy:
    try:
        text = body.decode(charset or "utf-8", errors="replace")
    except LookupError:
        text = body.decode(errors="replace")
    return judged(Copy(cleaned(text).strip(), origin))


def from_markup(page: bytes, *, charset: str, url: str, origin: str) -> Copy:
    """The text in a page's HTML. NoPage when there is none, or the child that looks for it ends otherwise.

    About half a second, nearly all of it the child's start; at most 15.
    """
    said = asked(json.dumps({"charset": charset, "url": url}).encode() + b"\n" + page)
    try:
        found = json.loads(said)
        published = found.get("published_on")
        copy = Copy(
            text=cleaned(found["text"]),
            origin=origin,
            quality=Page.Quality.THIN if found.get("thin") else Page.Quality.GOOD,
            title=line(found.get("title", "")),
            byline=line(found.get("byline", "")),
            site=line(found.get("site", "")),
            published_on=date.fromisoformat(published) if published else None,
            lang=line(found.get("lang", ""))[:12],
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NoPage(Item.Reason.UNREADABLE) from None
    return judged(copy)


def line(text: str) -> str:
    return " ".join(cleaned(text).split())


def judged(copy: Copy) -> Copy:
    """The copy, suspicious when it reads like what stands in an article's way. NoPage without a word."""
    if not copy.text.strip():
        raise NoPage(Item.Reason.UNREADABLE)
    beginning = f"{copy.title}\n{copy.text[:HEAD_CHARS]}"
    if IN_THE_WAY.search(beginning) and len(copy.text.split()) < FEW_WORDS:
        return replace(copy, quality=Page.Quality.SUSPICIOUS)
    return copy


def asked(document: bytes) -> bytes:
    """What the child says to a document: one line, or nothing when it ended otherwise or took too long."""
    with child() as process:
        if process.stdin is None or process.stdout is None:
            raise ValueError("A child without pipes")
        to, back = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(to, False)
        deadline = time.monotonic() + WAIT_SECONDS
        rest, said = memoryview(document), bytearray()
        while len(said) <= MOST_SAID_BYTES:
            poll = select.poll()
            poll.register(back, select.POLLIN)
            if rest:
                poll.register(to, select.POLLOUT)
            ready = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
            if not ready:
                break
            if to in ready and rest:
                try:
                    rest = rest[os.write(to, rest[:PIPE_BYTES]) :]
                except BrokenPipeError:
                    rest = memoryview(b"")
                if not rest:
                    process.stdin.close()
            if back in ready:
                piece = os.read(back, PIPE_BYTES)
                if not piece:
                    return bytes(said)
                said += piece
    return b""


@contextmanager
def child() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603  # our own program, no arguments of others
        [sys.executable, "-I", "-X", "utf8", str(PROGRAM)],
        env={},
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may hold words of the page
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
