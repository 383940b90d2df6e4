"""Records of a large JSON file, one at a time, and their fields as the types they should have."""

import re
from collections.abc import Iterable, Iterator

import ijson  # type: ignore[import-untyped]  # ships no types

from writeorperish.ops.decoding import cleaned

Record = dict[str, object]


# No export is nested deeper. The parser keeps the path to each level, so that levels cost by their square.
MOST_LEVELS = 200
# Python refuses to read a whole number of more than 4,300 digits, and the parser's C does not survive that.
MOST_DIGITS = 1_000
STRUCTURE = re.compile(rb'[\[{\]}"]|\\.|(?<![0-9])[0-9]{%d,}' % MOST_DIGITS, re.DOTALL)
DIGITS_LAST = re.compile(rb"(?<![0-9])[0-9]{1,%d}\Z" % (MOST_DIGITS - 1))
BEGINS, ENDS, QUOTE = (b"[", b"{"), (b"]", b"}"), b'"'


class BrokenOff(ValueError):
    """The JSON goes wrong, ends too early or goes too deep here. What came before is whole."""


def records(blocks: Iterable[bytes], *, within: str) -> Iterator[object]:
    """What stands at `within`, as soon as it has been read: `item` for each element of a list.

    blocks: UTF-8. Kept meanwhile: one record and one block. BrokenOff after the last whole record.
    """
    found = ijson.sendable_list()
    parser = ijson.items_coro(found, within)
    try:
        for block in filter(None, shallow(blocks)):  # an empty one would be the end
            parser.send(block)
            yield from found
            found.clear()
        parser.close()
    except (ijson.JSONError, ArithmeticError):  # ArithmeticError: a number beyond any exponent
        yield from found
        raise BrokenOff from None
    yield from found


def shallow(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same JSON up to where it goes deeper than 200 levels or has an endless number; there BrokenOff."""
    depth, in_text, rest = 0, False, b""
    for block in blocks:
        told = rest + block
        # The end of a block may cut an escape or a number in two.
        cut = (len(told) - len(told.rstrip(b"\\"))) % 2
        if digits := DIGITS_LAST.search(told, max(0, len(told) - MOST_DIGITS)):
            cut = len(digits.group())
        told, rest = told[: len(told) - cut], told[len(told) - cut :]
        for found in STRUCTURE.finditer(told):
            sign = found.group()
            if sign == QUOTE:
                in_text = not in_text
            elif in_text:
                continue
            elif sign in BEGINS:
                depth += 1
            elif sign in ENDS:
                depth -= 1
            if depth > MOST_LEVELS or sign[:1].isdigit():
                yield told[: found.start()]
                raise BrokenOff
        yield told
    yield rest


def record_in(record: Record, name: str) -> Record:
    """The object at this name, empty when there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def list_in(record: Record, name: str) -> list[object]:
    value = record.get(name)
    return value if isinstance(value, list) else []


def records_in(record: Record, name: str) -> list[Record]:
    """The objects in the list at this name; anything else in it is passed over."""
    return [each for each in list_in(record, name) if isinstance(each, dict)]


def text_in(record: Record, name: str) -> str:
    """The text at this name as entries keep it, "" when there is none."""
    value = record.get(name)
    return cleaned(value) if isinstance(value, str) else ""


def line_in(record: Record, name: str) -> str:
    """The text at this name in one line."""
    return " ".join(text_in(record, name).split())
