"""The layout of a sealed file. Pure: keys come in, bytes go through, nothing is looked up.

A header, then blocks of 64 KiB under a key made for this file alone. Each block is bound to its number and to
whether it is the last one, so any range opens alone, and a file that was cut, reordered or swapped does not
(the construction STREAM of Hoang, Reyhanitabar, Rogaway, Vizár 2015, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance").
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from writeorperish.crypto.envelope import CannotOpen

MAGIC = b"WOPF"
VERSION = 1
BLOCK_BYTES = 64 * 1024
TAG_BYTES = 16
SALT_BYTES = 16
PREFIX_BYTES = 7
HEADER_BYTES = len(MAGIC) + 1 + 8 + SALT_BYTES + PREFIX_BYTES + 4


@dataclass(frozen=True, slots=True)
class Header:
    """Which key opens the file, and what its own key and nonces are made with."""

    key_id: int
    salt: bytes
    prefix: bytes

    @classmethod
    def fresh(cls, key_id: int) -> Self:
        return cls(key_id, os.urandom(SALT_BYTES), os.urandom(PREFIX_BYTES))

    @classmethod
    def parse(cls, head: bytes) -> Self:
        """CannotOpen when these are not the first HEADER_BYTES of a sealed file of this version."""
        shape = len(head) == HEADER_BYTES and head[:5] == MAGIC + bytes([VERSION])
        if not shape or int.from_bytes(head[-4:], "big") != BLOCK_BYTES:
            raise CannotOpen(reason="malformed_file")
        salt_end = 13 + SALT_BYTES
        return cls(int.from_bytes(head[5:13], "big"), head[13:salt_end], head[salt_end:-4])

    def __bytes__(self) -> bytes:
        ends = self.key_id.to_bytes(8, "big"), BLOCK_BYTES.to_bytes(4, "big")
        return MAGIC + bytes([VERSION]) + ends[0] + self.salt + self.prefix + ends[1]


class Blocks:
    """Seals and opens the blocks of one file: `file_key` is its holder's, the rest comes from its header."""

    def __init__(self, file_key: bytes, header: Header, blob_id: UUID) -> None:
        own = HKDF(hashes.SHA256(), 32, header.salt, b"wop/1/file/blocks").derive(file_key)
        self.cipher = AESGCM(own)
        self.prefix = header.prefix
        self.aad = blob_id.bytes + bytes(header)

    def seal(self, number: int, clear: bytes, *, last: bool) -> bytes:
        return self.cipher.encrypt(self.nonce(number, last=last), clear, self.aad)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self.cipher.decrypt(self.nonce(number, last=last), sealed, self.aad)
        except InvalidTag:
            raise CannotOpen(reason="altered_file") from None

    def nonce(self, number: int, *, last: bool) -> bytes:
        return self.prefix + number.to_bytes(4, "big") + bytes([last])


def sealed_stream(
    read: Callable[[int], bytes], header: Header, blocks: Blocks, seen: Callable[[bytes], object]
) -> Iterator[bytes]:
    """The sealed file, piece by piece, from whatever `read` gives; `seen` is told each clear block.

    Two blocks in memory at once, whatever the size. An empty file is one empty last block.
    """
    yield bytes(header)
    number, block = 0, full_block(read)
    while True:
        following = full_block(read) if len(block) == BLOCK_BYTES else b""
        seen(block)
        yield blocks.seal(number, block, last=not following)
        if not following:
            return
        number, block = number + 1, following


def full_block(read: Callable[[int], bytes]) -> bytes:
    """A whole block, shorter only at the end: sockets and pipes give less than was asked for."""
    pieces = bytearray()
    while len(pieces) < BLOCK_BYTES and (piece := read(BLOCK_BYTES - len(pieces))):
        pieces += piece
    return bytes(pieces)


def block_count(clear_bytes: int) -> int:
    return max(1, -(-clear_bytes // BLOCK_BYTES))


def sealed_bytes(clear_bytes: int) -> int:
    """How long a sealed file of so many clear bytes is."""
    return HEADER_BYTES + clear_bytes + block_count(clear_bytes) * TAG_BYTES


def block_offset(number: int) -> int:
    """Where a block begins in the sealed file."""
    return HEADER_BYTES + number * (BLOCK_BYTES + TAG_BYTES)
