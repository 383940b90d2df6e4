"""Circuit breakers around what may be down: after five failures in a row nobody waits for it for half a minute."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Final

import redis
from django.conf import settings
from pybreaker import (
    STATE_CLOSED,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitMemoryStorage,
    CircuitRedisStorage,
)

__all__ = ["REST_SECONDS", "CircuitBreaker", "CircuitBreakerError", "breaker"]

FAILURES: Final = 5
REST_SECONDS: Final = 30
# It would tell with a traceback each time that Redis is away, which the cache and the limits say already.
logging.getLogger("pybreaker").setLevel(logging.CRITICAL)

Counts = Callable[[BaseException], bool]


def breaker(name: str, *, counts: Counts) -> CircuitBreaker:
    """The breaker of this name, its state shared by all processes through Redis, or this one's own without it.

    `counts` says which exceptions are failures of the thing itself. While it rests, a call raises
    CircuitBreakerError at once; afterwards one is let through, and decides.
    """
    try:
        return _shared(settings.REDIS.cache, name, counts)
    except redis.RedisError:
        return _alone(name, counts)


@cache
def _shared(url: str, name: str, counts: Counts) -> CircuitBreaker:
    client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
    return _made(
        name, counts, CircuitRedisStorage(STATE_CLOSED, client, namespace=f"v1:breaker:{name}")
    )


@cache
def _alone(name: str, counts: Counts) -> CircuitBreaker:
    return _made(name, counts, CircuitMemoryStorage(STATE_CLOSED))


def _made(
    name: str, counts: Counts, storage: CircuitRedisStorage | CircuitMemoryStorage
) -> CircuitBreaker:
    return CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=REST_SECONDS,
        exclude=[lambda error: not counts(error)],
        state_storage=storage,
        name=name,
        throw_new_error_on_trip=False,
    )
