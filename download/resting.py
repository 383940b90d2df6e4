"""What a search found, resting until its next page is asked for, and how far vectors are: ids and numbers, no words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.cache import cache

from download.legs import Place
from writeorperish.ai.embeddings import Coverage, coverage
from writeorperish.crypto import blind, envelope, keys
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.refs import Ref

RESTS_SECONDS = 600
COVERED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    place: Place
    legs: tuple[str, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found, in its order.

    `undated`: only without the days that were said in words. `back_to`: how far texts were read.
    """

    items: Sequence[Ranked]
    undated: bool = False
    back_to: datetime | None = None


def rest(person: AbstractUser, rest_id: bytes, ranking: Ranking) -> None:
    """The ranking waits for the next page: ids and numbers, sealed."""
    items = [
        [
            *(str(item.place.ref), item.place.rev, item.place.start, item.place.end),
            *(item.place.at.isoformat(), item.place.score, item.legs, item.score),
        ]
        for item in ranking.items
    ]
    back_to = ranking.back_to and ranking.back_to.isoformat()
    sealed = seal_numbers(person, "search", rest_id, [items, ranking.undated, back_to])
    cache.set(f"search:{rest_id.hex()}", sealed, RESTS_SECONDS)


def rested(person: AbstractUser, rest_id: bytes) -> Ranking | None:
    """The ranking as it was a page ago; None when it is no longer there, or its key is another now."""
    found = open_numbers(person, "search", rest_id, cache.get(f"search:{rest_id.hex()}"))
    if found is None:
        return None
    items, undated, back_to = found
    return Ranking(
        [
            Ranked(
                Place(Ref.parse(ref), rev, start, end, datetime.fromisoformat(at), raw),
                tuple(names),
                value,
            )
            for ref, rev, start, end, at, raw, names, value in items
        ],
        undated,
        back_to and datetime.fromisoformat(back_to),
    )


def covered(person: AbstractUser) -> Coverage:
    """How far the person's vectors are; when nothing is missing, it is not counted again for a minute.

    Counting reads a row for each text, more than a search does. What is missing is counted each time.
    """
    key = f"covered:{blind.digest(keys.person(person.pk), b'covered').hex()}"
    resting = cache.get(key)
    if resting is not None:
        return Coverage(*resting)
    counted = coverage(person)
    if counted.done + counted.refused >= counted.wanted:
        cache.set(key, (counted.wanted, counted.done, counted.refused), COVERED_SECONDS)
    return counted


def seal_numbers(person: AbstractUser, name: str, id: bytes, told: object) -> bytes:
    """What is told, which is JSON, as it may lie in the cache under this name and id."""
    key = keys.data_key(keys.person(person.pk), "seal")
    return envelope.seal(key.cipher("cache"), key.id, json.dumps(told).encode(), aad(name, id))


def open_numbers(person: AbstractUser, name: str, id: bytes, sealed: bytes | None) -> Any:  # noqa: ANN401  # as it was told
    """What was told; None when it is no longer there, or its key is another now."""
    if sealed is None:
        return None
    key = keys.data_key(keys.person(person.pk), "seal")
    try:
        return json.loads(envelope.open_sealed(key.cipher("cache"), key.id, sealed, aad(name, id)))
    except CannotOpen:
        return None


def aad(name: str, id: bytes) -> bytes:
    return b"wop1|" + name.encode() + b"|" + id
