"""The one port: streams under /live/ through Django's ASGI application, everything else through WSGI.

Sync pages under a pure ASGI server reach a quarter of their WSGI throughput, hence the dispatch.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "writeorperish.settings")

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application

from writeorperish import wsgi

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

live = get_asgi_application()
pages = WSGIMiddleware(
    wsgi.application,  # type: ignore[arg-type]  # a response of Django is iterable
    workers=settings.WEB_THREADS,
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
    elif scope["type"] == "http" and not scope["path"].startswith("/live/"):
        await pages(scope, receive, send)  # type: ignore[arg-type]  # a2wsgi types its own scope
    elif scope["type"] == "http":
        await live(scope, receive, send)  # type: ignore[arg-type]  # asgiref types its own scope
    else:
        await send({"type": "websocket.close", "code": 4404})


async def answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
