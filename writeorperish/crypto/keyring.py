"""Unwrapped data keys in the memory of one process: a bounded number of them, each for ten minutes."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Kind = Literal["seal", "index"]
SubKey = Literal["text", "file", "cache", "blind", "dedupe", "digest"]

KEY_BYTES = 32
MOST_KEYS = 2_000
# A key destroyed elsewhere is gone here too after this long.
FORGOTTEN_AFTER_SECONDS = 600.0
SUB_KEYS: dict[str, frozenset[str]] = {
    "seal": frozenset({"text", "file", "cache"}),
    "index": frozenset({"blind", "dedupe", "digest"}),
}


class Key:
    """An unwrapped data key. It is never used itself: each use has a sub-key of its own."""

    __slots__ = ("ciphers", "holder", "id", "kind", "material", "subs")

    def __init__(self, key_id: int, holder: str, kind: str, material: bytes) -> None:
        self.id = key_id
        self.holder = holder
        self.kind = kind
        self.material = material
        self.subs: dict[str, bytes] = {}
        self.ciphers: dict[str, AESGCM] = {}

    def __repr__(self) -> str:
        return f"<Key {self.id}>"

    def sub(self, name: SubKey) -> bytes:
        """32 bytes: HKDF-SHA256 with info `wop/1/<name>` (RFC 5869). ValueError for the other kind's names."""
        if name not in self.subs:
            if name not in SUB_KEYS[self.kind]:
                raise ValueError(f"A key of kind {self.kind} has no sub-key {name}.")
            info = f"wop/1/{name}".encode()
            self.subs[name] = HKDF(hashes.SHA256(), KEY_BYTES, None, info).derive(self.material)
        return self.subs[name]

    def cipher(self, name: SubKey) -> AESGCM:
        if name not in self.ciphers:
            self.ciphers[name] = AESGCM(self.sub(name))
        return self.ciphers[name]


@dataclass
class Tally:
    """What this process asked of its cache and of the key service since it started."""

    hits: int = 0
    unwraps: int = 0
    wraps: int = 0


class KeyCache:
    """Unwrapped keys by id, and which one each holder seals under now; both bounded and short-lived."""

    def __init__(self, tally: Tally, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = tally
        self.clock = clock
        self.lock = RLock()
        self.keys: OrderedDict[int, tuple[float, Key]] = OrderedDict()
        self.active: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def get(self, key_id: int) -> Key | None:
        with self.lock:
            until, key = self.keys.get(key_id, (0.0, None))
            if key is None or until <= self.clock():
                self.keys.pop(key_id, None)
                return None
            self.keys.move_to_end(key_id)
            self.tally.hits += 1
            return key

    def put(self, key: Key) -> None:
        with self.lock:
            self.keys[key.id] = (self.clock() + FORGOTTEN_AFTER_SECONDS, key)
            self.keys.move_to_end(key.id)
            while len(self.keys) > MOST_KEYS:
                self.keys.popitem(last=False)

    def active_of(self, holder: str, kind: str) -> Key | None:
        with self.lock:
            until, key_id = self.active.get((holder, kind), (0.0, 0))
            return self.get(key_id) if until > self.clock() else None

    def point(self, key: Key) -> None:
        with self.lock:
            until = self.clock() + FORGOTTEN_AFTER_SECONDS
            self.active[key.holder, key.kind] = (until, key.id)
            self.active.move_to_end((key.holder, key.kind))
            while len(self.active) > MOST_KEYS:
                self.active.popitem(last=False)

    def drop(self, holder: str) -> None:
        with self.lock:
            for kind in SUB_KEYS:
                self.active.pop((holder, kind), None)
            for key_id in [
                each for each, (_until, key) in self.keys.items() if key.holder == holder
            ]:
                del self.keys[key_id]

    def clear(self) -> None:
        with self.lock:
            self.keys.clear()
            self.active.clear()
