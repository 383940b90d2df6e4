"""One view, page or part: what htmx asks for decides which."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

PART: Final = re.compile(r"([a-z]+(?:-[a-z]+)*?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")


class UnknownTarget(ValueError):
    """An htmx request aims at an element its view does not answer with."""


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object],
    *,
    parts: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The page; for htmx the part it aims at, if listed: target `part` or `part-<uuid>`.

    An htmx request for anything else is a mistake in a template: UnknownTarget where
    settings.UI_STRICT, otherwise the browser is told to load the page anew.
    """
    if not is_htmx(request):
        response = render(request, template, context, status=status)
    elif (part := part_of(target_id(request))) in parts:
        response = render(request, f"{template}#{part}", context, status=status)
    elif settings.UI_STRICT:
        raise UnknownTarget(f"{template} answers with {sorted(parts)}, not with {part!r}.")
    else:
        response = HttpResponseClientRedirect(request.get_full_path())
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def target_id(request: HttpRequest) -> str:
    """The id of the element the answer will replace; empty without htmx, or if it has no id.

    htmx 4 writes `tag#id`, percent-encoded.
    """
    return unquote(request.headers.get("HX-Target", "")).rpartition("#")[2]


def part_of(element_id: str) -> str:
    """The part an id belongs to: `entry` for `entry-<uuid>`; empty when it is no such id."""
    match = PART.fullmatch(element_id)
    return match[1] if match else ""
