"""An entry through the API, and what sealing costs of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

from django.test import Client

from accounts.models import User
from benchmarks.measuring import side_by_side, timed
from benchmarks.people import app_of, somebody
from benchmarks.words import Diary
from writeorperish.crypto.keyring import Key, SubKey

WRITES = 300
WARM = 5
TAG = bytes(16)
Write = Callable[[], None]


class Identity:
    """A cipher that changes nothing: what is left of a write when sealing is free."""

    def encrypt(self, nonce: bytes, clear: bytes, aad: bytes) -> bytes:
        return clear + TAG

    def decrypt(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        return sealed[: -len(TAG)]


IDENTITY = Identity()


def cost_of_sealing() -> dict[str, object]:
    """Times of a write with sealing and without, call by call in turns, and the ratio of their medians."""
    sealed = writes(somebody("sealed"), seed=2)
    plain = [in_clear(write) for write in writes(somebody("plain"), seed=2)]
    for write in (*sealed[:WARM], *plain[:WARM]):
        write()
    with_sealing, without = side_by_side(sealed[WARM:], plain[WARM:])
    return {
        "sealed": with_sealing.told(),
        "cipher_replaced_by_identity": without.told(),
        "ratio_of_p50": round(with_sealing.percentile(0.5) / without.percentile(0.5), 3),
    }


def among_many(person: User) -> dict[str, float]:
    """Times of a write by somebody who has written a lot."""
    return timed(writes(person, seed=4)).told()


def writes(person: User, *, seed: int) -> list[Write]:
    client, diary = app_of(person), Diary(seed)
    return [partial(write, client, diary.text()) for _ in range(WRITES + WARM)]


def write(client: Client, text: str) -> None:
    answer = client.post("/api/v1/journal/nodes/", {"text": text}, content_type="application/json")
    if answer.status_code != 201:
        raise RuntimeError(f"The entry was not saved: {answer.status_code}")


def in_clear(write: Write) -> Write:
    def call() -> None:
        with nothing_sealed():
            write()

    return call


@contextmanager
def nothing_sealed() -> Iterator[None]:
    """Until the block ends every cipher of this process is the identity."""
    with mock.patch.object(Key, "cipher", new=unchanging):
        yield


def unchanging(_key: Key, _name: SubKey) -> Identity:
    return IDENTITY
