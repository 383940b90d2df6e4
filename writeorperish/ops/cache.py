"""Redis as a cache that may be away: then nothing is remembered, and nothing fails."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

P = ParamSpec("P")
Value = TypeVar("Value")
log = structlog.get_logger()


def forgiving(method: Callable[P, Value], fallback: Callable[..., Any]) -> Callable[P, Value]:
    """The method, answering `fallback` while the server cannot be reached."""

    @wraps(method)
    def ask(*args: P.args, **kwargs: P.kwargs) -> Value:
        try:
            return method(*args, **kwargs)
        except (Unreachable, TooSlow) as error:
            log.warning("cache.away", error_class=type(error).__name__)
            return fallback(*args, **kwargs)  # type: ignore[no-any-return]

    return ask


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache whose reads miss and whose writes pass while Redis is away."""

    get = forgiving(RedisCache.get, lambda _cache, _key, default=None, version=None: default)
    get_many = forgiving(RedisCache.get_many, lambda *_a, **_k: {})
    set = forgiving(RedisCache.set, lambda *_a, **_k: None)
    set_many = forgiving(RedisCache.set_many, lambda *_a, **_k: [])
    add = forgiving(RedisCache.add, lambda *_a, **_k: True)
    touch = forgiving(RedisCache.touch, lambda *_a, **_k: False)
    delete = forgiving(RedisCache.delete, lambda *_a, **_k: False)
    delete_many = forgiving(RedisCache.delete_many, lambda *_a, **_k: None)
    has_key = forgiving(RedisCache.has_key, lambda *_a, **_k: False)
