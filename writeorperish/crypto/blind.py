"""Comparing without opening: keyed tokens and digests under a holder's `index` key.

The same word of two people gives unrelated tokens, and without the key a token cannot be guessed from the word.
"""

import hmac
from collections.abc import Iterable

from writeorperish.crypto.keyring import SubKey
from writeorperish.crypto.keys import data_key

DIGEST_BYTES = 16


def token(holder: str, namespace: str, word: str) -> int:
    """The word's token in this namespace: the first 8 bytes of its HMAC-SHA256 as a signed 64-bit integer."""
    return tokens(holder, namespace, [word])[0]


def tokens(holder: str, namespace: str, words: Iterable[str]) -> list[int]:
    """The token of each word, in their order. One key for all: about 2 µs a word."""
    if "\0" in namespace:
        raise ValueError("A namespace holds no NUL: it ends where the word begins.")
    key = data_key(holder, "index").sub("blind")
    start = namespace.encode() + b"\0"
    return [
        int.from_bytes(hmac.digest(key, start + word.encode(), "sha256")[:8], "big", signed=True)
        for word in words
    ]


def digest(holder: str, *parts: bytes) -> bytes:
    """16 bytes that are equal exactly when all parts are, for this holder."""
    return keyed(holder, "digest", parts)


def dedupe(holder: str, *parts: bytes) -> bytes:
    """Like `digest`, unrelated to it: marks what was imported once, so that it is not imported twice."""
    return keyed(holder, "dedupe", parts)


def keyed(holder: str, sub_key: SubKey, parts: Iterable[bytes]) -> bytes:
    # The lengths make ("ab", "c") and ("a", "bc") different.
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(data_key(holder, "index").sub(sub_key), message, "sha256")[:DIGEST_BYTES]
