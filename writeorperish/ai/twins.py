"""The provider that needs no network: for each prompt a twin that answers by rule from the same texts.

The same input gives the same words. It never pretends to be a model; whoever shows its answers says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from writeorperish.ai.parts import Slots

NAME: Final = "offline"


@dataclass(frozen=True, slots=True)
class Offline:
    """What a twin answers: words, or for a prompt with a schema its data."""

    text: str = field(default="", repr=False)
    data: object = field(default=None, repr=False)


Twin = Callable[[Slots], Offline]
TWINS: dict[str, Twin] = {}


def offline(prompt: str) -> Callable[[Twin], Twin]:
    """Makes a function the offline twin of a prompt. TypeError for a second one."""

    def register(twin: Twin) -> Twin:
        if prompt in TWINS:
            raise TypeError(f"{prompt} has a twin already")
        TWINS[prompt] = twin
        return twin

    return register


def answer(prompt: str, slots: Slots) -> Offline:
    """The twin's answer. LookupError for a prompt without one."""
    return TWINS[prompt](slots)
