"""What can go wrong with a provider, and how each vendor words it."""

from dataclasses import dataclass
from enum import StrEnum

from tests.doubles import formats


class Fault(StrEnum):
    # instead of an answer
    CONTEXT_LENGTH = "context_length"
    BAD_REQUEST = "bad_request"
    KEY = "key"
    UNPAID = "unpaid"
    FORBIDDEN = "forbidden"
    MODEL = "model"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE = "rate"
    RATE_SECONDS = "rate_seconds"
    RATE_DATE = "rate_date"
    RATE_ABSURD = "rate_absurd"
    QUOTA = "quota"
    SERVER = "server"
    HTML = "html"
    OVERLOADED = "overloaded"
    REDIRECT = "redirect"
    HANG = "hang"
    VANISH = "vanish"
    # within an answer
    HANG_MIDWAY = "hang_midway"
    TRICKLE = "trickle"
    CUT = "cut"
    CUT_LETTER = "cut_letter"
    CUT_EVENT = "cut_event"
    DROPPED = "dropped"
    ERROR_MIDWAY = "error_midway"
    FAILED_MIDWAY = "failed_midway"
    GARBLED = "garbled"
    MISSHAPEN = "misshapen"
    DUPLICATES = "duplicates"
    UNKNOWN_EVENTS = "unknown_events"
    # another answer than one would like
    REFUSED = "refused"
    FILTERED = "filtered"
    LENGTH = "length"
    EMPTY = "empty"
    NOT_JSON = "not_json"
    WRONG_JSON = "wrong_json"
    NO_USAGE = "no_usage"
    WRONG_VECTOR = "wrong_vector"
    NAN = "nan"


@dataclass(frozen=True)
class Refusal:
    """A status with the words of both vendors: OpenAI's type and code, Anthropic's type."""

    status: int
    openai: tuple[str, str | None]
    anthropic: str
    says: str = "Something about your request."
    anthropic_says: str = ""


RATE = Refusal(429, ("requests", "rate_limit_exceeded"), "rate_limit_error")
REFUSALS = {
    Fault.CONTEXT_LENGTH: Refusal(
        400,
        ("invalid_request_error", "context_length_exceeded"),
        "invalid_request_error",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "prompt is too long: 212345 tokens > 200000 maximum",
    ),
    Fault.BAD_REQUEST: Refusal(400, ("invalid_request_error", None), "invalid_request_error"),
    Fault.KEY: Refusal(401, ("invalid_request_error", "invalid_api_key"), "authentication_error"),
    Fault.UNPAID: Refusal(402, ("insufficient_quota", "insufficient_quota"), "billing_error"),
    Fault.FORBIDDEN: Refusal(403, ("invalid_request_error", None), "permission_error"),
    Fault.MODEL: Refusal(404, ("invalid_request_error", "model_not_found"), "not_found_error"),
    Fault.CONFLICT: Refusal(409, ("invalid_request_error", None), "conflict_error"),
    Fault.TOO_LARGE: Refusal(413, ("invalid_request_error", None), "request_too_large"),
    Fault.RATE: RATE,
    Fault.RATE_SECONDS: RATE,
    Fault.RATE_DATE: RATE,
    Fault.RATE_ABSURD: RATE,
    Fault.QUOTA: Refusal(429, ("insufficient_quota", "insufficient_quota"), "rate_limit_error"),
    Fault.SERVER: Refusal(500, ("server_error", None), "api_error"),
    Fault.OVERLOADED: Refusal(529, ("server_error", "server_is_overloaded"), "overloaded_error"),
}
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def cut(frames, *, within_letter):
    """The events up to the middle of one, inside of a letter of several bytes or after a whole one."""
    place, data = next(
        (place, data)
        for place, data in enumerate(frames)
        if place >= 3 and not data.isascii() and b"delta" in data
    )
    letter = next(at for at, byte in enumerate(data) if byte >= 0xC0)
    return [*frames[:place], data[: letter + 1] if within_letter else data[:letter]]


def named_like(frame, data):
    """An event of the same name with other data."""
    first = frame.split(b"\n")[0]
    name = first.removeprefix(b"event: ").decode() if first.startswith(b"event:") else ""
    return formats.frame(name, data)
