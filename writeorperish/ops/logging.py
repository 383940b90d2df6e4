"""Logs as named fields, one JSON object a line, that can hold ids, numbers and names of things, never words."""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Final
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LONGEST_VALUE: Final = 200
MOST_FRAMES: Final = 5
# Under these names a string may stand, because what stands there is chosen by us. Under any other
# name only numbers and ids pass: a new log line cannot hold a diary before somebody has thought.
NAMES: Final = frozenset(
    {
        *("time", "level", "event", "logger", "message", "where", "error_class", "frames"),
        *("request_id", "person", "route", "method", "host", "queue", "listener", "task", "fact"),
        *("kind", "code", "state", "purpose", "provider", "model", "probe", "feature", "reason"),
        *(
            "verb",
            "table",
            "command",
            "setting",
            "directive",
            "blocked",
            "source",
            "space",
            "limit",
        ),
    }
)
Scalar = str | int | float | bool | None


def configure(config: Mapping[str, str]) -> None:
    """Everything that logs, ours and others', prints to stdout in one shape. `config`: level and format."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars, foreign],
            pass_foreign_args=True,
            use_get_message=False,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                allowed,
                _renderer(config["format"]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    for name in list(logging.root.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
    logging.getLogger("django.request").filters = [no_probe]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", key="time"),
            named_error,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def no_probe(record: logging.LogRecord) -> bool:
    """False for a probe that answered no, which is an answer and no error: a start asks twice a second."""
    return getattr(getattr(record, "request", None), "path", "") != "/ready"


def current_request_id() -> str:
    """The id of the request being answered, or of the one that caused this work; empty outside both."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event without anything that could be somebody's words; long values cut at 200 characters."""
    return {name: _plain(value) for name, value in event.items() if _may_stand(name, value)}


def foreign(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A record of another library, by its name and place. Its arguments are dropped: they may be words.

    A message with arguments is a constant and is kept; one without may have been put together before.
    """
    record: logging.LogRecord = event["_record"]
    if event.pop("positional_args"):
        event["message"] = str(record.msg)
    return named_error(
        logger,
        method,
        {
            **event,
            "event": "log",
            "level": method,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "where": f"{record.module}:{record.lineno}",
        },
    )


def named_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception as its class and the lines it passed. Its message may quote a value, so it is left out."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if info else None
    if error is not None:
        event["error_class"] = type(error).__name__
        event["frames"] = " < ".join(_frames(error.__traceback__))
    return event


def _frames(trace: TracebackType | None) -> list[str]:
    """`file:line` from the raising line outwards."""
    stack = traceback.extract_tb(trace)[-MOST_FRAMES:]
    return [
        f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}" for frame in reversed(stack)
    ]


def _may_stand(name: str, value: object) -> bool:
    return name in NAMES or value is None or isinstance(value, bool | int | float | UUID | Enum)


def _plain(value: object) -> Scalar:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        value = value.value
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _renderer(name: str) -> Processor:
    if name == "console":
        return structlog.dev.ConsoleRenderer(event_key="event", timestamp_key="time", colors=False)
    return structlog.processors.JSONRenderer()
