"""An entry as it is read aloud: chapters at its headings, in stretches that a voice takes at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from journal.quoting import MARKER

# Short at first, so that there is soon something to hear; then longer, while that is heard.
LENGTHS: Final = (300, 1_000, 2_500)
LONGEST: Final = 4_000
CHAPTERS: Final = {"h1", "h2"}
UNSPOKEN: Final = {"fence", "code_block", "html_block"}
SENTENCE: Final = regex.compile(r".+?(?:[.!?…]+[\"'”’)\]]*\s+|$)", regex.DOTALL)
TASK: Final = regex.compile(r"^\[[ xX]\]\s+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading or list item as it is said, and where it stands in the text (code points)."""

    words: str = field(repr=False)
    start: int
    end: int
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is said at once: words of one chapter, and the part of the text they come from.

    `title` is the heading where a chapter begins; `section` counts chapters from 0.
    """

    words: str = field(repr=False)
    start: int
    end: int
    section: int
    title: str = field(default="", repr=False)


def stretches(text: str) -> list[Stretch]:
    """The text in the order it is read, without markup, quote markers, code and the targets of links.

    No stretch crosses a heading of the first two levels, which is said as the first sentence of its chapter.
    The first is at most 300 characters, later ones up to 4,000. Empty for a text with nothing to say.
    """
    said: list[Stretch] = []
    for section, blocks in enumerate(chapters(blocks_of(text))):
        said += chapter_in_stretches(blocks, section, len(said))
    return said


def chapter_in_stretches(blocks: Sequence[Block], section: int, before: int) -> list[Stretch]:
    made: list[Stretch] = []
    title = blocks[0].words if blocks[0].heading else ""
    pieces = [piece for block in blocks for piece in sentences(block, room(before))]
    words, start, end = "", pieces[0].start, pieces[0].end
    for piece in pieces:
        if words and len(words) + len(piece.words) + 1 > room(before + len(made)):
            made.append(Stretch(words, start, end, section, "" if made else title))
            words, start = "", piece.start
        words = f"{words} {piece.words}".strip()
        end = piece.end
    return [*made, Stretch(words, start, end, section, "" if made else title)]


def room(index: int) -> int:
    """How many characters the stretch of this number may have."""
    return LENGTHS[index] if index < len(LENGTHS) else LONGEST


def sentences(block: Block, longest: int) -> Iterator[Block]:
    """The block's sentences, those that are too long cut between words; each stands for the whole block's place."""
    ended = block.words if not block.heading or block.words[-1] in ".!?…:" else f"{block.words}."
    for match in SENTENCE.finditer(ended):
        rest = match[0].strip()
        while len(rest) > longest:
            space = rest.rfind(" ", 0, longest)
            at = space if space > 0 else longest
            yield Block(rest[:at], block.start, block.end)
            rest = rest[at:].strip()
        if rest:
            yield Block(rest, block.start, block.end)


def chapters(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks by chapter; what stands before the first heading is one of its own."""
    found: list[list[Block]] = []
    for block in blocks:
        if block.heading or not found:
            found.append([])
        found[-1].append(block)
    return found


def blocks_of(text: str) -> list[Block]:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    found = []
    heading = False
    place = (0, 0)
    for token in _markdown.parse(text):
        if token.type in UNSPOKEN:
            continue
        if token.map:
            place = (lines[token.map[0]], lines[min(token.map[1], len(lines) - 1)])
        if token.type == "heading_open":
            heading = token.tag in CHAPTERS
        elif token.type == "inline" and (words := words_of(token)):
            found.append(Block(words, *place, heading))
        elif token.type == "heading_close":
            heading = False
    return found


def words_of(token: Token) -> str:
    """An inline token as it is said: what links show, not where they lead; no image; no quote marker."""
    said = "".join(
        " " if child.type in {"softbreak", "hardbreak"} else child.content
        for child in token.children or ()
        if child.type in {"text", "code_inline", "softbreak", "hardbreak"}
    )
    return " ".join(TASK.sub("", MARKER.sub("", said)).split())


_markdown: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
