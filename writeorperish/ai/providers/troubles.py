"""What a provider's refusal means: its own name for it first, then the status.

The name leads because an error inside a stream comes with the status 200.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from writeorperish.ai.providers.wire import Failed, Trouble

# By the error codes and types of OpenAI, Anthropic, vLLM and llama.cpp. A name that says no more than its status,
# such as invalid_request_error, is not here.
NAMED: Final[Mapping[str, Trouble]] = {
    "context_length_exceeded": Trouble.TOO_LONG,
    "exceed_context_size_error": Trouble.TOO_LONG,
    "string_above_max_length": Trouble.TOO_LONG,
    "request_too_large": Trouble.TOO_LONG,
    "insufficient_quota": Trouble.QUOTA,
    "billing_hard_limit_reached": Trouble.QUOTA,
    "billing_error": Trouble.QUOTA,
    "enforced_spend_limit_reached": Trouble.QUOTA,
    "contract_spend_limit_reached": Trouble.QUOTA,
    "linked_organization_spend_limit_reached": Trouble.QUOTA,
    "organization_on_hold": Trouble.QUOTA,
    "rate_limit_exceeded": Trouble.RATE,
    "rate_limit_error": Trouble.RATE,
    "overloaded_error": Trouble.OVERLOADED,
    "server_is_overloaded": Trouble.OVERLOADED,
    "slow_down": Trouble.OVERLOADED,
    "invalid_api_key": Trouble.KEY,
    "authentication_error": Trouble.KEY,
    "permission_error": Trouble.KEY,
    "model_not_found": Trouble.MODEL,
    "not_found_error": Trouble.MODEL,
    "invalid_prompt": Trouble.REQUEST,
    "server_error": Trouble.SERVER,
    "api_error": Trouble.SERVER,
    "timeout_error": Trouble.SERVER,
}
NUMBERED: Final[Mapping[int, Trouble]] = {
    401: Trouble.KEY,
    402: Trouble.QUOTA,
    403: Trouble.KEY,
    404: Trouble.MODEL,
    # Of these two the provider says that trying again helps.
    408: Trouble.SERVER,
    409: Trouble.SERVER,
    413: Trouble.TOO_LONG,
    429: Trouble.RATE,
    503: Trouble.OVERLOADED,
    529: Trouble.OVERLOADED,
}
# Anthropic and vLLM tell it in words only.
TOO_LONG: Final = re.compile(
    r"prompt is too long|context (?:length|window|size)|too many tokens", re.IGNORECASE
)


def failed(
    status: int,
    names: Iterable[object],
    message: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    provider_request: str = "",
) -> Failed:
    """The failure that an answer tells of. `names`: its error codes and types, the most exact first.

    The message serves to tell a text that is too long from other bad requests, and is not kept.
    """
    return Failed(
        _trouble(status, names, message),
        retry_after_seconds=retry_after_seconds(headers or {}),
        provider_request=provider_request,
    )


def _trouble(status: int, names: Iterable[object], message: str) -> Trouble:
    for name in names:
        if isinstance(name, str) and name in NAMED:
            return NAMED[name]
    if status in NUMBERED:
        return NUMBERED[status]
    if TOO_LONG.search(message):
        return Trouble.TOO_LONG
    return Trouble.REQUEST if 300 <= status < 500 else Trouble.SERVER


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait, however long that is; None when it does not say or makes no sense.

    Reads OpenAI's milliseconds, seconds, and dates of HTTP; a date that has passed is 0.
    """
    exact = _number(headers.get("retry-after-ms", ""))
    if exact is not None:
        return exact / 1000
    told = headers.get("retry-after", "")
    seconds = _number(told)
    return seconds if seconds is not None else _until(told)


def _number(told: str) -> float | None:
    try:
        number = float(told)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(told: str) -> float | None:
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
