"""Server-sent events: one line of JSON an event, numbered so that a reader can go on where it was cut off."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from django.http import StreamingHttpResponse

RETRY: Final = b"retry: 2000\n\n"
KEEP_ALIVE: Final = b": keep-alive\n\n"
KEEP_ALIVE_SECONDS: Final = 15.0


def event(kind: str, data: Mapping[str, object], *, mark: str = "") -> bytes:
    """One event as it goes over the line; `mark` is what the reader names when it comes back."""
    named = f"id: {mark}\n" if mark else ""
    return f"{named}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def event_stream(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """The answer of an async view under /live/. No proxy keeps it back, no cache keeps it."""
    return StreamingHttpResponse(
        events,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
