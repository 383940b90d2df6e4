"""Sealing one value so that it opens in its own place only. Pure: keys come in, nothing is looked up.

A sealed value is `0x01 | key id 8 B | nonce 12 B | AES-256-GCM ciphertext and tag`.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Refused

VERSION = 1
NONCE_BYTES = 12
HEADER_BYTES = 1 + 8
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + 16


class CannotOpen(Refused):
    """Altered, moved from another place, or sealed under a key that is gone. Carries ids, never bytes."""

    status = 422
    code = "cannot_open"
    words = _("This entry can't be opened.")


def place(table: str, column: str, row_id: UUID) -> bytes:
    """The associated data that ties a sealed value to one table, column and row."""
    return f"wop1|{table}|{column}|{row_id}".encode()


def seal(cipher: AESGCM, key_id: int, clear: bytes, aad: bytes) -> bytes:
    """The clear bytes sealed under a fresh random nonce, OVERHEAD_BYTES longer than they were."""
    nonce = os.urandom(NONCE_BYTES)
    header = bytes([VERSION]) + key_id.to_bytes(8, "big")
    return header + nonce + cipher.encrypt(nonce, clear, aad)


def is_sealed(value: bytes) -> bool:
    """Whether the bytes have the shape of a sealed value; it may still not open."""
    return len(value) >= OVERHEAD_BYTES and value[0] == VERSION


def key_id_of(sealed: bytes) -> int:
    """The id of the key that opens this value. CannotOpen when it is no sealed value at all."""
    if not is_sealed(sealed):
        raise CannotOpen(reason="malformed")
    return int.from_bytes(sealed[1:HEADER_BYTES], "big")


def open_sealed(cipher: AESGCM, key_id: int, sealed: bytes, aad: bytes) -> bytes:
    """The clear bytes. CannotOpen when a bit was changed, or the place or key is another."""
    if key_id_of(sealed) != key_id:
        raise CannotOpen(reason="wrong_key", key=key_id)
    body = HEADER_BYTES + NONCE_BYTES
    try:
        return cipher.decrypt(sealed[HEADER_BYTES:body], sealed[body:], aad)
    except InvalidTag:
        raise CannotOpen(reason="altered", key=key_id) from None
