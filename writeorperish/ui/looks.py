"""How levels look and attributes are written: what the components share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Words
from writeorperish.privacy.levels import AIUsage, PrivacyLevel

Attribute = str | int | bool | None | Words


@dataclass(frozen=True, slots=True)
class Look:
    """How a level shows itself: never by colour alone."""

    icon: str
    tone: str
    label: Words
    hint: Words


AUDIENCES: Final = {
    PrivacyLevel.PRIVATE: Look(
        "lock", "neutral", PrivacyLevel.PRIVATE.label, _("Only you can read this.")
    ),
    PrivacyLevel.CIRCLES: Look(
        "users",
        "circle",
        PrivacyLevel.CIRCLES.label,
        _("Only the people in the circles you choose."),
    ),
    PrivacyLevel.PUBLIC: Look(
        "globe",
        "public",
        PrivacyLevel.PUBLIC.label,
        _("Anyone can read this, without signing in."),
    ),
}
AI_USES: Final = {
    AIUsage.NONE: Look("bot", "neutral", AIUsage.NONE.label, _("No model reads this entry.")),
    AIUsage.CHAT: Look(
        "bot",
        "ai",
        AIUsage.CHAT.label,
        _("AI may read it to find it by meaning and to reply to you."),
    ),
    AIUsage.TRAIN: Look(
        "bot",
        "ai",
        AIUsage.TRAIN.label,
        _("AI may also learn from it."),
    ),
}


def attributes(given: Mapping[str, Attribute]) -> SafeString:
    """The attributes as markup, escaped, each with a space before it; without those that are None or False."""
    written = SafeString()
    for name, value in given.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            written += format_html(" {}", name)
        elif value is not None and value is not False:
            written += format_html(' {}="{}"', name, value)
    return written
