"""HTML as it is heard: tag by tag, whatever its depth, its size and its faults."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from lxml import etree  # type: ignore[import-untyped]  # ships no types

from download.formats.found import Row
from writeorperish.ops.decoding import cleaned


class Listener(Protocol):
    """Hears a page and hands out the rows it has understood. Attributes come as a mapping, and are never set on it."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, words: str) -> None: ...
    def close(self) -> None: ...
    def taken(self) -> list[Row]: ...


def heard(blocks: Iterable[bytes], listener: Listener) -> Iterator[Row]:
    """The rows the listener makes of a page, as soon as it makes them. blocks: UTF-8."""
    # Told what the bytes are, since the page may name another encoding; and as deep as it likes.
    parser = etree.HTMLParser(target=listener, encoding="utf-8", huge_tree=True)
    empty = True
    for block in blocks:
        if told := block.replace(b"\0", b""):
            empty = False
            parser.feed(told)
            yield from listener.taken()
    if not empty:
        parser.close()
    yield from listener.taken()


def line(words: list[str]) -> str:
    """What was heard, in one line."""
    return " ".join(cleaned("".join(words)).split())
