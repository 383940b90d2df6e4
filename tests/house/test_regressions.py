"""The page of what must not happen again: every number has a line, and every test it names is there."""

import re
from functools import cache

from tests.house.code import ROOT

PAGE = ROOT / "docs" / "regressions.md"
NUMBERS = 43
LINE = re.compile(r"\| (\d+) \| (.+) \| (.+) \|")
TEST = re.compile(r"^def (test_\w+)", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def lines() -> dict[int, str]:
    """The tests of each number as the page names them."""
    found = [LINE.fullmatch(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {int(line[1]): line[3] for line in found if line}


@cache
def functions_of(path: str) -> set[str]:
    return set(TEST.findall((ROOT / path).read_text(encoding="utf-8")))


def unknown(named: str) -> list[str]:
    """The tests named here that are nowhere, and what is no name of a test."""
    absent = [
        f"{path}::{name}"
        for path, name in NAMED.findall(named)
        if not (ROOT / path).is_file() or name not in functions_of(path)
    ]
    return absent + NAMED.sub("", named).split()


def test_every_number_has_its_line():
    assert list(lines()) == list(range(1, NUMBERS + 1))


def test_every_test_that_is_named_is_there():
    for number, named in lines().items():
        assert NAMED.search(named), number
        assert unknown(named) == [], number


def test_a_test_that_went_is_noticed():
    assert unknown("`tests/house/test_regressions.py::test_nothing`") == [
        "tests/house/test_regressions.py::test_nothing"
    ]
    assert unknown("`tests/house/test_nowhere.py::test_nothing`") == [
        "tests/house/test_nowhere.py::test_nothing"
    ]
    assert unknown("by hand") == ["by", "hand"]
