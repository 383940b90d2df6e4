"""The words we say to models: one file a prompt, `<app>/prompts/<name>.txt`, with what it needs at its head."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final, Literal

import yaml
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from writeorperish.ai import schemas
from writeorperish.ai.catalogue import TIERS
from writeorperish.privacy.levels import Purpose

# "own": what the person wrote for models themselves, and so the only words of anybody for the system turn.
Kind = Literal["passage", "passages", "turns", "typed", "fact", "own"]
KINDS: Final = frozenset({"passage", "passages", "turns", "typed", "fact", "own"})
IN_SYSTEM: Final = frozenset({"fact", "own"})
HEAD: Final = frozenset(
    {"tier", "effort", "max_output", "purpose", "background", "schema", "slots", "cache"}
)
# What may be answered from an earlier answer: a judgement on words, and nothing a person asked a model to say.
CACHEABLE: Final = frozenset({Purpose.NOTE, Purpose.RECOMMEND})


class BadPrompt(ValueError):
    """A prompt file that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for what a prompt is about. `tokens`: the most that stands there, cut at the end `keep` is not."""

    kind: Kind
    tokens: int
    keep: Literal["head", "tail"] = "head"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt. `system` and each block of `user` name their slots in braces; turns are a conversation of their own.

    A block of which nothing is filled is left out.
    """

    name: str
    version: str
    tier: str
    purpose: Purpose
    max_output: int
    system: str
    user: Sequence[str]
    slots: Mapping[str, Slot]
    effort: str = ""
    background: bool = False
    cache: bool = False
    schema: Mapping[str, Any] | None = None
    text: str = field(default="", repr=False)

    @property
    def feature(self) -> str:
        return self.name.partition("/")[0]

    @property
    def task(self) -> str:
        return self.name.partition("/")[2]


def named(name: str) -> Prompt:
    """The prompt `<app>/<name>`. LookupError when there is none, BadPrompt when its file is wrong."""
    app, slash, task = name.partition("/")
    path = settings.BASE_DIR / app / "prompts" / f"{task}.txt"
    if not slash or not path.is_file():
        raise LookupError(name)
    return _loaded(name, path)


@cache
def _loaded(name: str, path: Path) -> Prompt:
    return parsed(name, path.read_text(encoding="utf-8"))


def parsed(name: str, text: str) -> Prompt:
    """The prompt as its file says: YAML between two lines of dashes, then the words. BadPrompt."""
    try:
        _, head, words = text.split("---\n", 2)
        fields: dict[str, Any] = yaml.safe_load(head)
    except (ValueError, yaml.YAMLError) as error:
        raise BadPrompt(f"{name}: a head in YAML, then the words") from error
    if unknown := set(fields) - HEAD:
        raise BadPrompt(f"{name}: unknown in its head: {sorted(unknown)}")
    if fields["tier"] not in TIERS:
        raise BadPrompt(f"{name}: no tier {fields['tier']}")
    system, *user = words.split("\n[user]\n")
    slots = {each: Slot(**values) for each, values in fields.get("slots", {}).items()}
    check_slots(name, slots, system, user)
    if fields.get("schema") is not None:
        schemas.check(fields["schema"])
    if fields.get("cache", False) and fields["purpose"] not in CACHEABLE:
        raise BadPrompt(f"{name}: answers for {fields['purpose']} are never kept")
    return Prompt(
        name=name,
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        tier=fields["tier"],
        purpose=Purpose(fields["purpose"]),
        max_output=fields["max_output"],
        system=system.strip(),
        user=tuple(block.strip() for block in user),
        slots=slots,
        effort=fields.get("effort", ""),
        background=fields.get("background", False),
        cache=fields.get("cache", False),
        schema=fields.get("schema"),
        text=text,
    )


def check_slots(name: str, slots: Mapping[str, Slot], system: str, user: Sequence[str]) -> None:
    if wrong := [each for each, slot in slots.items() if slot.kind not in KINDS]:
        raise BadPrompt(f"{name}: unknown kinds of {wrong}")
    texts = [each for each in places(system) if each in slots and slots[each].kind not in IN_SYSTEM]
    if texts:
        raise BadPrompt(
            f"{name}: {texts} hold people's words, which have no place in the system turn"
        )
    used = set(places(system)) | set(places("\n".join(user)))
    expected = {each for each, slot in slots.items() if slot.kind != "turns"}
    if used != expected:
        raise BadPrompt(f"{name}: its slots are {sorted(expected)}, its words use {sorted(used)}")


def places(words: str) -> list[str]:
    """The slots these words name."""
    return [field for _, field, _, _ in Formatter().parse(words) if field is not None]


def shipped() -> Sequence[str]:
    """The names of all prompts there are."""
    return sorted(
        f"{path.parent.parent.name}/{path.stem}"
        for path in settings.BASE_DIR.glob("*/prompts/*.txt")
    )


@register
def check_prompts(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """An error for each prompt file that could not be used."""
    errors: list[CheckMessage] = []
    for name in shipped():
        try:
            named(name)
        except (BadPrompt, KeyError, TypeError, ValueError) as error:
            errors.append(Error(f"The prompt {name} cannot be used: {error}", id="wop.E020"))
    return errors
