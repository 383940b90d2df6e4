"""Records of a large JSON file, one at a time, and their fields as the types they should have."""

from collections.abc import Iterable, Iterator

import ijson  # type: ignore[import-untyped]  # ships no types

from journal.formats.decoding import cleaned

Record = dict[str, object]


class BrokenOff(ValueError):
    """The JSON goes wrong or ends too early here. What came before is whole."""


def records(blocks: Iterable[bytes], *, within: str) -> Iterator[object]:
    """What stands at `within`, as soon as it has been read: `item` for each element of a list.

    blocks: UTF-8. Kept meanwhile: one record and one block. BrokenOff after the last whole record.
    """
    found = ijson.sendable_list()
    parser = ijson.items_coro(found, within)
    try:
        for block in filter(None, blocks):  # an empty one would be the end
            parser.send(block)
            yield from found
            found.clear()
        parser.close()
    except (ijson.JSONError, ArithmeticError):  # ArithmeticError: a number beyond any exponent
        yield from found
        raise BrokenOff from None
    yield from found


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
