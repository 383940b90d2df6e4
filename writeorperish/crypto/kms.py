"""What a key service is, and the two that need no call of ours over HTTP: local master keys, and AWS."""

import os
import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.refusals import Unavailable

log = structlog.get_logger()

SHORTEST_MASTER_KEY = 32  # characters: 24 random bytes in base64
NONCE_BYTES = 12

# A page waits for these calls, so they end soon: the answer then is "locked for a moment".
AWS_CONFIG = Config(
    connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}
)
AWS_ALTERED = {"InvalidCiphertextException", "IncorrectKeyException"}
BUILDING = Lock()


class KeyServiceDown(Unavailable):
    """No data key can be had now. Nothing is ever written in clear instead."""

    code = "keys_locked"
    words = _("Your entries are locked for a moment. What you type is kept on this device.")


class MasterKeyMissing(KeyServiceDown):
    """Data keys exist and the master key that wrapped them does not. Only its return helps."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a wrapped key is bound to: it unwraps for this holder and key id only."""

    holder: str
    key_id: int

    @property
    def aad(self) -> bytes:
        return f"wop1|datakey|{self.holder}|{self.key_id}".encode()

    @property
    def pairs(self) -> dict[str, str]:
        return {"holder": self.holder, "key": str(self.key_id)}


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under a master key, and the master key's name. Safe to store."""

    kek: str
    sealed: bytes


class KeyService(Protocol):
    """Whoever holds a master key: wraps and unwraps 32-byte data keys with it, and never shows it.

    KeyServiceDown when it does not answer, CannotOpen when a wrapped key was altered or belongs to
    another context. `remote`: each call travels.
    """

    remote: bool

    def wrap(self, key: bytes, context: Context) -> Wrapped: ...

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes: ...


class LocalKeys:
    """Master keys given in MASTER_KEY, or kept in a 0600 file of the data folder.

    The first one wraps, all unwrap, so that an old one can stay while data keys move to the new.
    """

    remote = False

    def __init__(self, given: str, path: Path) -> None:
        self.given = given
        self.path = path
        self.known: dict[str, AESGCM] = {}

    def master_keys(self) -> dict[str, AESGCM]:
        """The master keys by name, the wrapping one first; empty before the first one is made."""
        text = self.given or self.read()
        return dict(local_master_key(secret) for secret in re.split(r"[\s,]+", text) if secret)

    def read(self) -> str:
        try:
            return self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            log.warning("kms.master_key_unreadable", error=type(error).__name__)
            raise KeyServiceDown from None

    def make_first(self) -> None:
        """There is a master key afterwards: a new one, or the one another process made meanwhile."""
        if not self.given:
            self.write("", exclusive=True)

    def make_next(self) -> str:
        """The name of a new master key that wraps from now on; those before it still unwrap.

        ValueError when the keys are given by the environment: then the operator adds one there.
        """
        if self.given:
            raise ValueError(
                "MASTER_KEY is set, so its owner puts the new key in front of the old."
            )
        self.write(self.read(), exclusive=False)
        return next(iter(self.master_keys()))

    def write(self, older: str, *, exclusive: bool) -> None:
        # Written beside and then named, so that nobody ever reads half a key.
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, f"{secrets.token_urlsafe(48)}\n{older}".encode())
            os.fsync(file)
        finally:
            os.close(file)
        try:
            if exclusive:
                os.link(beside, self.path)
            else:
                beside.replace(self.path)
        except FileExistsError:
            log.info("kms.master_key_made_elsewhere")
        finally:
            beside.unlink(missing_ok=True)

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        self.known = self.master_keys()
        if not self.known:
            raise MasterKeyMissing
        kek, cipher = next(iter(self.known.items()))
        nonce = os.urandom(NONCE_BYTES)
        return Wrapped(kek, nonce + cipher.encrypt(nonce, key, context.aad))

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        if wrapped.kek not in self.known:
            self.known = self.master_keys()
        if wrapped.kek not in self.known:
            log.error("kms.master_key_missing", kek=wrapped.kek)
            raise MasterKeyMissing
        nonce, sealed = wrapped.sealed[:NONCE_BYTES], wrapped.sealed[NONCE_BYTES:]
        try:
            return self.known[wrapped.kek].decrypt(nonce, sealed, context.aad)
        except (InvalidTag, ValueError):
            raise CannotOpen(reason="altered_key", key=context.key_id) from None


@cache
def local_master_key(secret: str) -> tuple[str, AESGCM]:
    """The name and cipher of one master secret. The name tells nothing about it."""
    if len(secret) < SHORTEST_MASTER_KEY:
        log.error("kms.master_key_short", characters=len(secret), needed=SHORTEST_MASTER_KEY)
        raise KeyServiceDown
    material = secret.encode()
    key = HKDF(hashes.SHA256(), 32, None, b"wop/1/master").derive(material)
    name = HKDF(hashes.SHA256(), 8, None, b"wop/1/master-name").derive(material)
    return f"local:{name.hex()}", AESGCM(key)


class AwsKeys:
    """AWS KMS. The context is its encryption context, so it stands in the account's own log too."""

    remote = True

    def __init__(self, key: str) -> None:
        self.key = key
        region = key.split(":")[3] if key.startswith("arn:") else None
        try:
            # boto3's default session is not safe to build clients from in several threads.
            with BUILDING:
                self.client = boto3.client("kms", region_name=region, config=AWS_CONFIG)
        except BotoCoreError as error:
            raise down("aws", type(error).__name__) from None

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        try:
            answer = self.client.encrypt(
                KeyId=self.key, Plaintext=key, EncryptionContext=context.pairs
            )
        except (BotoCoreError, ClientError) as error:
            raise down("aws", type(error).__name__) from None
        return Wrapped(f"aws:{self.key}", bytes(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        try:
            answer = self.client.decrypt(
                KeyId=self.key, CiphertextBlob=wrapped.sealed, EncryptionContext=context.pairs
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in AWS_ALTERED:
                raise CannotOpen(reason="altered_key", key=context.key_id) from None
            raise down("aws", code) from None
        except BotoCoreError as error:
            raise down("aws", type(error).__name__) from None
        return bytes(answer["Plaintext"])


def down(service: str, reason: str) -> KeyServiceDown:
    """The refusal to raise; why it is down goes to the log and not to the person."""
    log.warning("kms.down", service=service, reason=reason)
    return KeyServiceDown()
