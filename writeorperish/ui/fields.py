"""What people may type, as form fields that clean and API fields that refuse. Shape only; meaning is in the verbs."""

import re
import unicodedata
from functools import cache
from typing import Any, Final, NoReturn
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from rest_framework import serializers

from writeorperish.ops.once import uuid_or_none
from writeorperish.ops.refusals import Invalid, Unreadable
from writeorperish.privacy.levels import AIUsage

BOM: Final = "\ufeff"
# Control characters but newline and tab, and halves of surrogate pairs, which no encoding can carry.
UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
TOO_LONG: Final = ngettext_lazy(
    "This is %(chars)d characters long; at most %(limit)d character fits here.",
    "This is %(chars)d characters long; at most %(limit)d characters fit here.",
    "limit",
)
TOO_MANY_BYTES: Final = ngettext_lazy(
    "This takes %(size)d bytes; at most %(limit)d byte fits here.",
    "This takes %(size)d bytes; at most %(limit)d bytes fit here.",
    "limit",
)
UNKNOWN_ZONE: Final = _("This is not a time zone we know, such as Europe/Berlin.")
NOT_AN_ID: Final = _("This is not an id.")


class BadText(Unreadable):
    code = "bad_text"
    words = _(
        "The text holds characters that cannot be stored: control characters or broken pairs."
    )


def normalised(text: str) -> str:
    """The text as it is stored: NFC, LF for every line end, no byte order mark. Idempotent."""
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


def cleaned(text: str) -> str:
    """The text normalised and without unreadable characters. What a form, an import or a transcript passes through."""
    return normalised(UNREADABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def readable(text: str) -> str:
    """The text normalised. BadText when it holds an unreadable character: an API client can mend its text itself."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if UNREADABLE.search(text):
        raise BadText
    return normalised(text)


def sized(text: str, *, max_chars: int | None, max_bytes: int | None) -> str:
    """The same text. ValidationError, naming the limit and the size, when it is longer in code points or UTF-8."""
    if max_chars is not None and len(text) > max_chars:
        raise ValidationError(TOO_LONG, "too_long", {"chars": len(text), "limit": max_chars})
    size = len(text.encode())
    if max_bytes is not None and size > max_bytes:
        raise ValidationError(TOO_MANY_BYTES, "too_long", {"size": size, "limit": max_bytes})
    return text


def known_zone(name: str) -> str:
    """The same name. ValidationError when it is no IANA time zone."""
    if name not in _zones():
        raise ValidationError(UNKNOWN_ZONE, "unknown_zone")
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class FormText(forms.CharField):
    """Text a person typed, cleaned; white space around it is theirs and stays."""

    def __init__(
        self,
        *,
        max_chars: int | None = None,
        max_bytes: int | None = None,
        **kwargs: Any,  # the base's own
    ) -> None:
        self.max_chars, self.max_bytes = max_chars, max_bytes
        super().__init__(**{"strip": False, **kwargs})

    def to_python(self, value: object) -> str:
        text = "" if value in self.empty_values else cleaned(str(value))
        if self.strip:
            text = text.strip()
        return sized(text, max_chars=self.max_chars, max_bytes=self.max_bytes)


class FormZone(forms.CharField):
    """The name of a time zone."""

    def to_python(self, value: object) -> str:
        text = super().to_python(value) or ""
        return known_zone(text) if text else text


class FormId(forms.UUIDField):
    """An id in its usual 36 characters, made by the form; None when absent."""

    default_error_messages = {"invalid": NOT_AN_ID}

    def to_python(self, value: object) -> UUID | None:  # type: ignore[override]  # as Django's field does
        if isinstance(value, UUID):
            return value
        if value in self.empty_values:
            return None
        parsed = uuid_or_none(str(value))
        if parsed is None:
            raise ValidationError(NOT_AN_ID, "invalid")
        return parsed


class ApiText(serializers.CharField):
    """Text as the API takes it: normalised, and refused with 400 `bad_text` when it cannot be stored."""

    def __init__(
        self,
        *,
        max_chars: int | None = None,
        max_bytes: int | None = None,
        **kwargs: Any,  # the base's own
    ) -> None:
        self.max_chars, self.max_bytes = max_chars, max_bytes
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def run_validation(self, data: object = serializers.empty) -> object:
        # CharField's own validators would call unreadable characters a wrong value; they are bad text.
        return super().run_validation(readable(data) if isinstance(data, str) else data)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        try:
            return sized(text, max_chars=self.max_chars, max_bytes=self.max_bytes)
        except ValidationError as error:
            refuse(error)


class ApiZone(serializers.CharField):
    """The name of a time zone."""

    def to_internal_value(self, data: object) -> str:
        try:
            return known_zone(super().to_internal_value(str(data)))
        except ValidationError as error:
            refuse(error)


class ApiId(serializers.UUIDField):
    """An id in its usual 36 characters; numbers and other spellings are refused, so that one id has one form."""

    default_error_messages = {"invalid": NOT_AN_ID}

    def to_internal_value(self, data: object) -> UUID:
        parsed = uuid_or_none(data) if isinstance(data, str) else None
        if parsed is None:
            self.fail("invalid")
        return parsed


def refuse(error: ValidationError) -> NoReturn:
    """The same refusal in the words of the API's library."""
    raise serializers.ValidationError(error.messages, code=error.code) from error


class UnknownAIUsage(Invalid):
    code = "unknown_ai_usage"


class ApiUsage(serializers.ChoiceField):
    """What AI may do, exact and lower-case; anything else, null included, is UnknownAIUsage."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=AIUsage.values, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # as the base types it
        if data is not serializers.empty and data not in AIUsage.values:
            raise UnknownAIUsage
        return super().run_validation(data)
