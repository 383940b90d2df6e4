"""Files in stretches, as RFC 9110 has them: a player seeks, a download goes on where it broke off."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from django.http import StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Refused

ONE_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


class RangeUnsatisfiable(Refused):
    status = 416
    code = "range_unsatisfiable"
    words = _("The file ends before this range begins.")


def asked_bytes(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a Range of one stretch; None, the whole, for any other header.

    RangeUnsatisfiable when it begins behind the end.
    """
    match = ONE_RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    if start >= size:
        raise RangeUnsatisfiable
    return (start, min(stop, size)) if start < stop else None


def stretch(
    header: str, size: int, pieces: Callable[[int, int], Iterable[bytes]], *, media_type: str
) -> StreamingHttpResponse:
    """The stretch this Range header asks for, or the whole; `pieces` gives the bytes from one place to another."""
    asked = asked_bytes(header, size)
    start, stop = asked or (0, size)
    headers = {"Content-Length": str(stop - start), "Accept-Ranges": "bytes"}
    if asked:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return StreamingHttpResponse(
        pieces(start, stop),
        status=206 if asked else 200,
        content_type=media_type,
        headers=headers,
    )
