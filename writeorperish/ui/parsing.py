"""What the API reads: strict JSON of bounded size and depth; and that it always finds a way to answer."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final, NoReturn

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from writeorperish.ops.refusals import TooLarge, Unreadable
from writeorperish.ui.fields import UNREADABLE, BadText

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_DEPTH: Final = 50
# Possessive, so that a string of a million escapes is passed over in one go.
BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}])', re.DOTALL)


class BadJson(Unreadable):
    code = "bad_json"
    words = _("The body is not JSON, or is nested deeper than 50 levels.")


class BodyTooLarge(TooLarge):
    words = _("The body is larger than 5 MB.")


class UnknownField(Unreadable):
    code = "unknown_field"
    words = _("There is no such field.")


class Sent(Serializer[Any]):
    # No docstring: the schema would show it for every body. A member nobody reads is refused with
    # UnknownField, because what is ignored looks like done.

    def to_internal_value(self, data: Any) -> Any:  # noqa: ANN401  # as the base types it
        unknown = [name for name in data if name not in self.fields] if is_object(data) else []
        if unknown:
            raise UnknownField(
                errors={str(name)[:60]: [UnknownField.words] for name in unknown[:10]}
            )
        return super().to_internal_value(data)


def is_object(value: object) -> bool:
    return isinstance(value, Mapping)


class StrictJSONParser(BaseParser):
    """JSON in UTF-8, at most 5 MB and 50 levels deep, without NaN, NUL, control characters and lone surrogates."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # JSON may be any value; serializers want a mapping and say so
        return parsed(stream.read(MOST_BYTES + 1))


def parsed(body: bytes) -> object:
    """The value the body spells. BadJson, BadText or BodyTooLarge otherwise; about 6 ms for a megabyte."""
    if len(body) > MOST_BYTES:
        raise BodyTooLarge(limit=MOST_BYTES)
    if deeper_than(MOST_DEPTH, body):
        raise BadJson
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        raise BadText from error
    except (ValueError, RecursionError) as error:
        raise BadJson from error
    if any(UNREADABLE.search(text) for text in strings_in(value)):
        raise BadText
    return value


def deeper_than(limit: int, body: bytes) -> bool:
    """Whether arrays and objects stand inside each other more than `limit` times, without building any."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in BRACKETS.finditer(body):
        depth += (token.lastindex == 1) - (token.lastindex == 2)
        if depth > limit:
            return True
    return False


def strings_in(value: object) -> Iterator[str]:
    """Every string in a parsed value, names of members included."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            # A carriage return is a line end somebody's editor wrote; it becomes one when stored.
            yield each.replace("\r", "\n")
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


def refuse_constant(_name: str) -> NoReturn:
    raise BadJson


class AlwaysAnswered(DefaultContentNegotiation):
    """The renderer the client prefers, or our first one: an error in a form it can't ask for beats none."""

    def select_renderer(
        self,
        request: Request,
        renderers: Sequence[BaseRenderer],  # type: ignore[override]  # the stubs say Iterable
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, renderers, format_suffix
            )
        except NotAcceptable:
            return renderers[0], renderers[0].media_type or ""
        return chosen
