"""What a worker tells whoever watches, as it happens: a Redis stream a day long, its words sealed for their owner.

Nothing rests on it. A reader who comes too late, or after Redis lost it, is told the whole by the row.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis
import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings

from writeorperish.crypto import envelope, keys
from writeorperish.crypto.envelope import CannotOpen

log = structlog.get_logger()

KEPT_SECONDS: Final = 24 * 60 * 60
MOST_EVENTS: Final = 20_000
BATCH: Final = 200


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a stream: the attempt, and the number within it."""

    attempt: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """The place written as `<attempt>.<seq>`; None for anything else."""
        attempt, dot, seq = text.partition(".")
        if not (dot and attempt.isdecimal() and seq.isdecimal() and len(text) <= 20):
            return None
        return cls(int(attempt), int(seq))

    def __str__(self) -> str:
        return f"{self.attempt}.{self.seq}"

    @property
    def redis_id(self) -> str:
        return f"{self.attempt}-{self.seq}"


BEGINNING: Final = Mark(0, 0)


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream."""

    mark: Mark
    kind: str
    data: Mapping[str, object] = field(default_factory=dict, repr=False)


def append(
    stream: UUID, owner_id: UUID, attempt: int, kind: str, data: Mapping[str, object]
) -> Mark | None:
    """Where the event stands on the stream now; None while Redis is away, which loses nothing."""
    sealed = seal(stream, owner_id, attempt, kind, data)
    try:
        with client() as line:
            ident = line.xadd(
                name_of(stream),
                {"v": sealed},
                id=f"{attempt}-*",
                maxlen=MOST_EVENTS,
                approximate=True,
            )
            line.expire(name_of(stream), KEPT_SECONDS)
    except redis.RedisError as error:
        log.warning("stream.silent", error_class=type(error).__name__)
        return None
    return mark_of(ident)


async def stands(stream: UUID) -> bool:
    """Whether anything of the stream is still there to go on with."""
    line = redis.asyncio.Redis.from_url(
        settings.REDIS.cache, socket_timeout=2, socket_connect_timeout=2
    )
    try:
        return bool(await line.exists(name_of(stream)))
    except redis.RedisError:
        return False
    finally:
        await line.aclose()


async def follow(
    stream: UUID, owner_id: UUID, *, after: Mark, wait_seconds: float
) -> AsyncIterator[list[Told]]:
    """What came after a mark, in batches; an empty one when nothing came for `wait_seconds`.

    Never ends by itself. Ends when Redis goes away: whoever watches connects again.
    """
    line = redis.asyncio.Redis.from_url(
        settings.REDIS.cache, socket_timeout=wait_seconds + 5, socket_connect_timeout=2
    )
    try:
        while True:
            found = await line.xread(
                {name_of(stream): after.redis_id}, count=BATCH, block=round(wait_seconds * 1000)
            )
            rows = found[0][1] if found else []
            told = await sync_to_async(opened)(stream, owner_id, rows) if rows else []
            if rows:
                after = mark_of(rows[-1][0])
            yield told
    except redis.RedisError as error:
        log.warning("stream.lost", error_class=type(error).__name__)
    finally:
        await line.aclose()


def opened(
    stream: UUID, owner_id: UUID, rows: list[tuple[bytes, dict[bytes, bytes]]]
) -> list[Told]:
    """The events as they were told. One sealed under a key that is gone is left out."""
    key = keys.data_key(keys.person(owner_id), "seal")
    told = []
    for ident, fields in rows:
        mark = mark_of(ident)
        try:
            clear = envelope.open_sealed(
                key.cipher("cache"), key.id, fields[b"v"], place(stream, mark.attempt)
            )
        except CannotOpen:
            continue
        kind, data = json.loads(clear)
        told.append(Told(mark, kind, data))
    return told


def seal(
    stream: UUID, owner_id: UUID, attempt: int, kind: str, data: Mapping[str, object]
) -> bytes:
    key = keys.data_key(keys.person(owner_id), "seal")
    clear = json.dumps([kind, data]).encode()
    return envelope.seal(key.cipher("cache"), key.id, clear, place(stream, attempt))


def place(stream: UUID, attempt: int) -> bytes:
    return f"wop1|stream|{stream}|{attempt}".encode()


def mark_of(ident: bytes) -> Mark:
    attempt, seq = map(int, ident.split(b"-"))
    return Mark(attempt, seq)


def name_of(stream: UUID) -> str:
    return f"v1:stream:{stream}"


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS.cache, socket_timeout=1, socket_connect_timeout=0.5)
