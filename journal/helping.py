"""Whom to call: seen on this server, from words alone, while a page is made. Nothing of it is kept or told to anyone."""

import unicodedata
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import regex
from django.conf import settings

LEXICONS: Final = Path(__file__).parent / "lexicons"
ANYWHERE: Final = "*"


def is_acute(text: str) -> bool:
    """Whether somebody writes that they may be in danger from themselves, in any of the languages we have words for.

    It sees words and no meaning: it errs towards showing a number too often.
    """
    plain = plainly(text)
    said, turns_of_speech = phrases()
    return said.search(turns_of_speech.sub(" ", plain)) is not None


def plainly(text: str) -> str:
    """The text as the lexicons are written: small letters, straight apostrophes, one space between words."""
    words = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    return regex.sub(r"[\s*_]+", " ", words)


@cache
def phrases() -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """What is looked for, and the turns of speech that are taken out before."""
    lines = [
        line.strip()
        for path in sorted(LEXICONS.glob("distress.*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    said = [line for line in lines if not line.startswith("-")]
    turns_of_speech = [line.removeprefix("-").strip() for line in lines if line.startswith("-")]
    return any_of(said), any_of(turns_of_speech)


def any_of(lines: list[str]) -> regex.Pattern[str]:
    words = "|".join(regex.escape(plainly(line)) for line in sorted(lines, key=len, reverse=True))
    return regex.compile(rf"(?<![\p{{L}}\p{{N}}])(?:{words})(?![\p{{L}}\p{{N}}])")


def contact_in(zone: str) -> str:
    """Whom somebody who lives in this time zone can call: name and number, as the site has it for their country."""
    contacts: dict[str, str] = settings.HELP_CONTACTS
    return contacts.get(country_of(zone)) or contacts[ANYWHERE]


def country_of(zone: str) -> str:
    """The two letters of the country a time zone lies in; empty for one that lies in none."""
    return countries().get(zone, "")


@cache
def countries() -> dict[str, str]:
    """Country by time zone, as the time zone database has it."""
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows}
