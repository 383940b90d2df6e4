"""Which model answers, and with which key: the route of a tier, cut to what is set up and allowed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from django.conf import settings

from writeorperish.ai import catalogue
from writeorperish.ai.catalogue import Model
from writeorperish.ai.providers.wire import Access

KeyClass = Literal["chat", "train"]

NAMES: Final = {"openai": "OpenAI", "anthropic": "Anthropic", "compat": "this server's own model"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may be asked now, and how its provider is reached."""

    model: Model
    access: Access
    key_class: KeyClass

    @property
    def provider(self) -> str:
        return self.model.provider


def choices(
    tier: str,
    *,
    key_class: KeyClass,
    on: date,
    prefer: str = "",
    among: Collection[str] | None = None,
) -> list[Choice]:
    """Who may answer, first choice first; empty without any key.

    `among` are the providers a person accepts, None all. `prefer` is a model's id and comes first where the tier has it. A request that may not be used for
    training never gets the key that allows it; without a key for training, the other one is used.
    """
    found = []
    for model in catalogue.route(tier):
        if among is not None and model.provider not in among:
            continue
        access, used = access_of(model.provider, key_class)
        if access is not None and not model.retired(on):
            found.append(Choice(model, access, used))
    return sorted(found, key=lambda each: each.model.id != prefer)


def access_of(provider: str, key_class: KeyClass) -> tuple[Access | None, KeyClass]:
    """The provider's address and key of this class, and which class it is; None when it is not set up."""
    match provider:
        case "openai":
            keys, url = (
                (settings.OPENAI_API_KEY, settings.OPENAI_TRAIN_API_KEY),
                settings.OPENAI_BASE_URL,
            )
        case "anthropic":
            keys, url = (
                (settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_TRAIN_API_KEY),
                settings.ANTHROPIC_BASE_URL,
            )
        case "compat":
            if not settings.COMPAT_BASE_URL:
                return None, "chat"
            return Access(settings.COMPAT_API_KEY or "none", settings.COMPAT_BASE_URL), "chat"
        case _:
            raise LookupError(provider)
    chat, train = keys
    if key_class == "train" and train:
        return Access(train, url), "train"
    return (Access(chat, url) if chat else None), "chat"


def providers(on: date) -> list[str]:
    """The names of the providers that may be asked here, in the order of the route."""
    return list(dict.fromkeys(each.provider for each in selectable(on)))


def selectable(on: date) -> list[Choice]:
    """The models a person may choose for replies."""
    return choices("large", key_class="chat", on=on)
