"""The program that reads strangers' pages: one document, run as a process of its own, with limits.

One line of JSON in, `{"charset", "url"}`, then the bytes of the page to the end; one line of JSON out. It
imports nothing of the house.
"""

import json
import re
import resource
import sys
from datetime import date
from typing import Final
from urllib.parse import urlsplit

import trafilatura

MEMORY_BYTES: Final = 768 * 1024 * 1024
CPU_SECONDS: Final = 10
THIN_CHARS: Final = 200
LONGEST_CHARS: Final = 1_000_000

_IMAGE = re.compile(r"!\[([^\]]*)\]\((?:<[^>]*>|[^()\s]*(?:\([^()]*\)[^()\s]*)*)[^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\((?:<([^>]*)>|([^()\s]*))\)")
_MANY_LINES = re.compile(r"\n{3,}")


def main() -> None:
    limit()
    told = json.loads(sys.stdin.buffer.readline())
    try:
        found = extracted(sys.stdin.buffer.read(), told["charset"], told["url"])
    except (MemoryError, RecursionError):
        found = {"text": ""}
    sys.stdout.buffer.write(json.dumps(found).encode() + b"\n")


def limit() -> None:
    if sys.platform == "linux":  # elsewhere the kernel does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def extracted(page: bytes, charset: str, url: str) -> dict[str, object]:
    """The text of a page as Markdown and what it says about itself; an empty text where there is none.

    `thin`: only by looking for anything at all, or cut at a million characters.
    """
    given = decoded(page, charset)
    text = text_of(given, url, all_of_it=False)
    thin = len(text) < THIN_CHARS
    if thin:
        text = max(text, text_of(given, url, all_of_it=True), key=len)
        thin = len(text) < THIN_CHARS
    about = trafilatura.extract_metadata(given, default_url=url)
    return {
        "text": text[:LONGEST_CHARS],
        "thin": thin or len(text) > LONGEST_CHARS,
        "title": about.title or "",
        "byline": about.author or "",
        "site": about.sitename or "",
        "published_on": day(about.date),
        "lang": about.language or "",
    }


def decoded(page: bytes, charset: str) -> str | bytes:
    """The page by the charset it was sent with; its bytes, for the library to guess, without one."""
    try:
        return page.decode(charset, errors="replace") if charset else page
    except LookupError:
        return page


def text_of(page: str | bytes, url: str, *, all_of_it: bool) -> str:
    found = trafilatura.extract(
        page,
        url=url,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        include_links=True,
        include_formatting=True,
        include_images=True,
        favor_recall=all_of_it,
    )
    return tidied(found or "")


def tidied(text: str) -> str:
    """The Markdown without pictures, which become their words, and without links to anything but the web."""
    text = _IMAGE.sub(
        lambda found: f"[image: {found[1].strip()}]" if found[1].strip() else "", text
    )
    text = _LINK.sub(lambda found: found[0] if opens(found[2] or found[3]) else found[1], text)
    return _MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()


def opens(target: str) -> bool:
    try:
        return urlsplit(target).scheme in {"http", "https"}
    except ValueError:
        return False


def day(said: str | None) -> str | None:
    try:
        return date.fromisoformat(said).isoformat() if said else None
    except ValueError:
        return None


if __name__ == "__main__":
    main()
