"""How often one may ask. One generic cell rate algorithm (ITU-T I.371), in Redis, with all names in one table."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, wraps
from threading import Lock
from typing import Concatenate, Final, ParamSpec

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

from writeorperish.ops.middleware import client_ip
from writeorperish.ops.refusals import TooMuch

P = ParamSpec("P")
log = structlog.get_logger()

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` times per `per`, of which `burst` (all, unless said) may come at once."""

    limit: int
    per: timedelta
    burst: int = 0

    @property
    def interval_seconds(self) -> float:
        return self.per.total_seconds() / self.limit

    @property
    def tolerance_seconds(self) -> float:
        return self.interval_seconds * (self.burst or self.limit)


RATES: Final[dict[str, Rate]] = {
    "anonymous_page": Rate(60, MINUTE),
    "anonymous_api": Rate(30, MINUTE),
    "api": Rate(600, MINUTE, burst=100),
    "search": Rate(60, MINUTE),
    "palette": Rate(120, MINUTE),
    "recommendations": Rate(20, MINUTE),
    "save": Rate(120, MINUTE),
    "autosave": Rate(120, MINUTE),
    "chunk": Rate(600, MINUTE),
    "ai_start": Rate(20, MINUTE),
    "fetch": Rate(300, HOUR),
    # One in two seconds; who comes too early is told when, up to an hour ahead.
    "fetch_host": Rate(1800, HOUR),
    "import": Rate(10, DAY),
    "export": Rate(3, DAY),
    "library_export": Rate(20, DAY),
    "sign_up": Rate(5, HOUR),
    "code_request": Rate(3, 10 * MINUTE),
    "invitation": Rate(30, DAY),
    "token_change": Rate(30, HOUR),
    "csp_report": Rate(10, MINUTE),
}
# Alone, a process sees a part of the traffic only; half the rate keeps two of them at the whole.
ALONE: Final = 2
# A server that is away is asked again after this long, so that requests do not queue up before it.
REST_SECONDS: Final = 1.0
MOST_SUBJECTS: Final = 20_000

SCRIPT: Final = """
local now, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local next_due = due + interval
if next_due - now > tolerance + 0.000001 then
  return {0, tostring(due)}
end
redis.call('SET', KEYS[1], string.format('%.6f', next_due), 'PX', math.ceil((next_due - now) * 1000) + 1)
return {1, tostring(string.format('%.6f', next_due))}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the table says about one asking. `remaining` may follow at once; times are seconds from now.

    `starts_in_seconds`: when a turn that was taken early comes at the rate's own pace.
    """

    name: str
    allowed: bool
    remaining: int
    retry_after_seconds: int
    reset_seconds: int
    starts_in_seconds: float = 0.0


def take(name: str, subject: object) -> Allowance:
    """One of the subject's turns, if it has one left. One round trip to Redis, or none while that is away.

    `subject` is a person's id or an address; only a keyed digest of it leaves the process.
    """
    rate = RATES[name]
    digest = salted_hmac("wop.limits", f"{name}:{subject}", algorithm="sha256").hexdigest()[:32]
    now = time.time()
    allowed, due = _ask(f"v1:limit:{name}:{digest}", rate, now)
    wait = due + rate.interval_seconds - now - rate.tolerance_seconds
    return Allowance(
        name=name,
        allowed=allowed,
        remaining=max(
            0, math.floor((rate.tolerance_seconds - (due - now)) / rate.interval_seconds + 1e-3)
        ),
        retry_after_seconds=0 if allowed else max(1, math.ceil(wait - 1e-6)),
        reset_seconds=max(0, math.ceil(due - now)),
        starts_in_seconds=max(0.0, round(due - rate.interval_seconds - now, 3)),
    )


def require(name: str, subject: object) -> Allowance:
    """The turn taken. TooMuch, saying when to come back, when none is left."""
    allowance = take(name, subject)
    if not allowance.allowed:
        raise TooMuch(
            retry_after_seconds=allowance.retry_after_seconds,
            limit=name,
            resets_in_seconds=allowance.reset_seconds,
        )
    return allowance


def limited(
    name: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """A page whose every request takes a turn of its person, or of its address when nobody is signed in."""

    def decorate(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            person = request.user.pk if request.user.is_authenticated else None
            require(name, person or client_ip(request))
            return view(request, *args, **kwargs)

        return answer

    return decorate


class Alone:
    """The same algorithm in one process, at half the rate, for the time Redis is away."""

    def __init__(self) -> None:
        self.due: OrderedDict[str, float] = OrderedDict()
        self.lock = Lock()

    def ask(self, key: str, rate: Rate, now: float) -> tuple[bool, float]:
        with self.lock:
            due = max(self.due.pop(key, now), now)
            next_due = due + rate.interval_seconds * ALONE
            allowed = next_due - now <= rate.tolerance_seconds + 1e-6
            self.due[key] = next_due if allowed else due
            if len(self.due) > MOST_SUBJECTS:
                self.due.popitem(last=False)
            return allowed, self.due[key]


class Rest:
    """Until when the server is left alone."""

    def __init__(self) -> None:
        self.until = 0.0

    def begin(self) -> None:
        self.until = time.monotonic() + REST_SECONDS

    def over(self) -> bool:
        return time.monotonic() >= self.until


alone = Alone()
rest = Rest()


def _ask(key: str, rate: Rate, now: float) -> tuple[bool, float]:
    """Whether the turn is given, and the theoretical arrival time of the next one in seconds since 1970."""
    if not rest.over():
        return alone.ask(key, rate, now)
    script = _script(settings.REDIS.cache)
    try:
        allowed, due = script(
            keys=[key], args=[f"{now:.6f}", rate.interval_seconds, rate.tolerance_seconds]
        )
    except (Unreachable, TooSlow) as error:
        rest.begin()
        log.warning("limits.alone", error_class=type(error).__name__)
        return alone.ask(key, rate, now)
    return bool(allowed), float(due)


@cache
def _script(url: str) -> Callable[..., tuple[int, bytes]]:
    client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
    return client.register_script(SCRIPT)
