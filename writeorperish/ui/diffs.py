"""What changed between two texts, word by word."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Final, Literal

import regex

FULL_TEXT_ABOVE: Final = 0.5
# Comparing words costs about their product; beyond this a block is shown as taken out and put in.
MOST_COMPARISONS: Final = 4_000_000
# Scripts written without spaces are compared by character.
WORDS: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]\s*|\w+\s*|[^\w\s]\s*|\s+")

Kind = Literal["equal", "insert", "delete"]


@dataclass(frozen=True, slots=True)
class Op:
    """A run of text that both sides have, or only the newer (`insert`), or only the older (`delete`)."""

    op: Kind
    text: str


def word_diff(before: str, after: str) -> list[Op]:
    """The way from one text to the other: `equal` and `delete` spell before, `equal` and `insert` after.

    Two ops, all out and all in, when more than half changed. 20,000 words with 50 edits: about 10 ms.
    """
    ops = _joined(_by_line(before, after))
    kept = sum(len(op.text) for op in ops if op.op == "equal")
    if 2 * kept < (1 - FULL_TEXT_ABOVE) * (len(before) + len(after)):
        return _joined(_replaced(before, after))
    return ops


def _by_line(before: str, after: str) -> Iterator[Op]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Op("equal", "".join(old[a:b]))
        else:
            yield from _by_word("".join(old[a:b]), "".join(new[c:d]))


def _by_word(before: str, after: str) -> Iterator[Op]:
    old, new = WORDS.findall(before), WORDS.findall(after)
    if len(old) * len(new) > MOST_COMPARISONS:
        yield from _replaced(before, after)
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Op("equal", "".join(old[a:b]))
        else:
            yield from _replaced("".join(old[a:b]), "".join(new[c:d]))


def _replaced(before: str, after: str) -> Iterator[Op]:
    yield Op("delete", before)
    yield Op("insert", after)


def _joined(ops: Iterator[Op]) -> list[Op]:
    """Neighbours of one kind as one op, what was taken out before what was put in, nothing empty."""
    result: list[Op] = []
    for same, run in groupby(ops, key=lambda op: op.op == "equal"):
        together = list(run)
        kinds: tuple[Kind, ...] = ("equal",) if same else ("delete", "insert")
        for kind in kinds:
            text = "".join(op.text for op in together if op.op == kind)
            if text:
                result.append(Op(kind, text))
    return result
