"""Highlights as Markdown: a file for each link, to be read by people and kept beside their notes. Nothing reads it back."""

import re
from collections.abc import Iterable, Iterator
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from download.formats.found import Found, Mark
from writeorperish.ops.archives import Sink

MARKUP = re.compile(r"([\\`*_\[\]<>#])")
NO_NAME = re.compile(r"[\W_]+")
NAME_CHARS = 60
BACKSLASHED = r"\\\1"


def page_of(link: Found) -> str:
    """The link's name, where and when it was kept, and its highlights, each with its note."""
    title = " ".join((link.title or link.url).split())
    day = f"{link.saved_at:%Y-%m-%d}" if link.saved_at else ""
    about = " · ".join(filter(None, [link.author, f"<{link.url}>" if link.url else "", day]))
    parts = [f"# {MARKUP.sub(BACKSLASHED, title)}", about, *map(quoted, link.marks)]
    return "\n\n".join(filter(None, parts)) + "\n"


def quoted(mark: Mark) -> str:
    quote = "\n".join(f"> {line}".rstrip() for line in mark.quote.splitlines())
    return f"{quote}\n\n{mark.note}" if mark.note else quote


def name_of(link: Found) -> str:
    """A file name no system refuses, and no other link's: the day, words of the title, the end of the id."""
    day = f"{link.saved_at:%Y-%m-%d}" if link.saved_at else "undated"
    words = NO_NAME.sub("-", link.title)[:NAME_CHARS].strip("-")
    return f"{'-'.join(filter(None, [day, words, link.key.replace('-', '')[-12:]]))}.md"


def written(links: Iterable[Found]) -> Iterator[bytes]:
    """A zip with a file for each link that has highlights."""
    sink = Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for link in links:
            if link.marks:
                info = ZipInfo(name_of(link), date_time=wall_clock(link))
                info.compress_type = ZIP_DEFLATED
                archive.writestr(info, page_of(link))
                yield sink.taken()
    yield sink.taken()


def written_alone(links: Iterable[Found]) -> Iterator[bytes]:
    """The one file, where there is one link only."""
    for link in links:
        if link.marks:
            yield page_of(link).encode()


def wall_clock(link: Found) -> tuple[int, int, int, int, int, int]:
    """When the link was kept, as a zip can hold it."""
    at = link.saved_at
    return (
        (at.year, at.month, at.day, at.hour, at.minute, at.second) if at else (1980, 1, 1, 0, 0, 0)
    )
