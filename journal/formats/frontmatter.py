"""The block of fields some Markdown files begin with, read as plain strings and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import yaml

FIELD_BYTES = 64_000

OPENING = re.compile(r"---[ \t]*\n")
CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)

# Strings, lists and mappings only: no dates that may be impossible, no numbers, no objects.
LOADER = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
DUMPER = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper

Fields = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True, repr=False)
class Split:
    """The fields by lower-case name, and the text behind them. No fields: the whole text, and a note why."""

    fields: Fields
    body: str
    note: str = ""


def split(text: str) -> Split:
    """The text's front matter and the rest; never an error, and never a word less.

    What cannot be read as fields stays where it is, as text: a block above 64 kB, one with aliases
    (a few lines of those unfold into gigabytes), and one that is not a mapping.
    """
    opening = OPENING.match(text)
    closing = CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        return Split({}, text)
    block = text[opening.end() : closing.start()]
    if len(block.encode()) > FIELD_BYTES:
        return Split({}, text, "fields_too_long")
    try:
        if _has_aliases(block):
            return Split({}, text, "fields_with_aliases")
        # Base loaders make strings out of every scalar and know no tags: safer than the safe one.
        loaded = yaml.load(block, Loader=LOADER)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError):
        return Split({}, text, "fields_unreadable")
    if not isinstance(loaded, dict):
        return Split({}, text)
    return Split(_flat(loaded), text[closing.end() :])


def written(fields: Mapping[str, str | int | datetime | list[str]]) -> str:
    """The fields as a front matter block, in the order given."""
    block = yaml.dump(dict(fields), Dumper=DUMPER, allow_unicode=True, sort_keys=False, width=2**30)
    return f"---\n{block}---\n"


def _has_aliases(block: str) -> bool:
    if "*" not in block or "&" not in block:
        return False
    events = yaml.parse(block, Loader=LOADER)
    return any(isinstance(event, yaml.AliasEvent) for event in events)


def _flat(loaded: dict[object, object]) -> Fields:
    fields: Fields = {}
    for name, value in loaded.items():
        if isinstance(value, list):
            fields[str(name).strip().lower()] = [each for each in value if isinstance(each, str)]
        elif isinstance(value, str):
            fields[str(name).strip().lower()] = value
        else:
            fields[str(name).strip().lower()] = ""
    return fields
