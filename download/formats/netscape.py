"""The bookmarks of a browser, as all of them write them: HTML of 1996, whose folders are lists in lists."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from html import escape

from download.formats.found import Bad, Found, Row
from download.formats.markup import heard, line
from download.formats.moments import moment
from writeorperish.ops.decoding import cleaned

NAME = "netscape"
SIGN = b"netscape-bookmark-file"
# A browser's own places, which say nothing about what is in them.
STATES = ("unread", "reading", "done", "archived")
HEAD = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
"""
TAIL = "</DL><p>\n"
# Tags are parted by commas. A tag's own is written as the wide one, which our tags take for the same.
COMMA = ("\N{COMMA}", "\N{FULLWIDTH COMMA}")
OWN_FOLDERS = ("personal_toolbar_folder", "unfiled_bookmarks_folder")


def sniff(head: bytes) -> bool:
    lowered = head.lower()
    return SIGN in lowered or (b"<dt>" in lowered and b"<a " in lowered)


def rows(blocks: Iterable[bytes], *, now: datetime) -> Iterator[Row]:
    """Every bookmark, in order. blocks: UTF-8. Folders become one tag, their names joined with `/`."""
    return heard(blocks, Listener(now))


class Listener:
    """What the parser says, as bookmarks. Attributes are looked up by name and never set on anything."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._ready: list[Row] = []
        self._ordinal = 0
        # One name per open list; None for a list that has no name of its own.
        self._folders: list[str | None] = []
        self._next_folder: str | None = None
        self._link: Mapping[str, str] | None = None
        self._title: list[str] = []
        self._note: list[str] = []
        self._words: list[str] | None = None

    def taken(self) -> list[Row]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "a":
            self.finish()
            self._link, self._words = dict(attributes), self._title
        elif tag == "dd":
            self._words = self._note if self._link is not None else None
        elif tag == "h3":
            self.finish()
            self._words = self._title
            own = any(name in attributes for name in OWN_FOLDERS)
            self._next_folder = None if own else ""
        elif tag == "dl":
            self.finish()
            self._folders.append(self._next_folder)
            self._next_folder = None
        elif tag == "dt":
            self.finish()

    def end(self, tag: str) -> None:
        if tag == "a":
            self._words = None
        elif tag == "h3":
            if self._next_folder is not None:
                self._next_folder = line(self._title)
            self._title, self._words = [], None
        elif tag == "dl":
            self.finish()
            if self._folders:
                self._folders.pop()

    def data(self, words: str) -> None:
        if self._words is not None:
            self._words.append(words)

    def close(self) -> None:
        self.finish()

    def finish(self) -> None:
        """The bookmark that was being read is whole."""
        if self._link is not None:
            self._ordinal += 1
            self._ready.append(self._row(self._link))
        self._link, self._words = None, None
        self._title, self._note = [], []

    def _row(self, link: Mapping[str, str]) -> Row:
        title = line(self._title)
        if not link.get("href", "").strip():
            return Bad(ordinal=self._ordinal, reason="no_address", label=title)
        folders = [name for name in self._folders if name]
        tags = [name.strip() for name in link.get("tags", "").split(",")]
        return Found(
            ordinal=self._ordinal,
            url=cleaned(link["href"]).strip(),
            title=title,
            note=cleaned("".join(self._note)).strip(),
            tags=tuple(filter(None, ["/".join(folders), *map(cleaned, tags)])),
            saved_at=moment(link.get("add_date"), now=self._now),
            reading=reading_of(link),
            extra={"private": True} if link.get("private") == "1" else {},
        )


def reading_of(link: Mapping[str, str]) -> str:
    """Our own exports name the state; others only say what is still to be read."""
    state = link.get("state", "").lower()
    if state in STATES:
        return state
    return "unread" if link.get("toread") == "1" else ""


def written(links: Iterable[Found]) -> Iterator[bytes]:
    """The page, link by link, as far as such a page can hold them: those without an address are left out."""
    yield HEAD.encode()
    for link in links:
        if link.url:
            yield line_of(link).encode()
    yield TAIL.encode()


def line_of(link: Found) -> str:
    given = {
        "HREF": link.url,
        "ADD_DATE": str(int(link.saved_at.timestamp())) if link.saved_at else "",
        "TAGS": ",".join(tag.replace(*COMMA) for tag in link.tags),
        "TOREAD": "1" if link.reading == "unread" else "",
        "STATE": link.reading,
        "PRIVATE": "1" if link.extra.get("private") is True else "",
    }
    attributes = " ".join(f'{name}="{escape(value)}"' for name, value in given.items() if value)
    note = f"<DD>{escape(link.note)}\n" if link.note else ""
    return f"<DT><A {attributes}>{escape(' '.join(link.title.split()))}</A>\n{note}"
