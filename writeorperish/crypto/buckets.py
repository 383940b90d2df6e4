"""Sealed objects in a bucket that speaks S3, instead of a folder on the disk.

The bucket is given ciphertext under random names and is trusted with nothing. Calls go to the configured
endpoint only: neither an address nor a proxy of the environment is followed. Each ends within seconds, and its
failure is never mistaken for a file that is gone.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import Any, Final

import boto3
import structlog
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.translation import gettext_lazy as _
from storages.backends.s3 import S3Storage

from writeorperish.crypto.blocks import BLOCK_BYTES
from writeorperish.crypto.kms import BUILDING
from writeorperish.ops.refusals import Unavailable

log = structlog.get_logger()
# It would name whole addresses, and what signs them.
logging.getLogger("botocore").setLevel(logging.WARNING)

# Somebody waits for most of these calls, with what they recorded still on their device.
PATIENCE: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    max_pool_connections=32,
    # {} is none at all, where None would be those of the environment.
    proxies={},
    ignore_configured_endpoint_urls=True,
    # Not every service that speaks S3 understands these; each body is signed with its SHA-256 instead.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# One part is in memory at a time. The largest piece of an upload, 8 MiB and its seals, goes in one call.
PART_BYTES: Final = 9 * 1024 * 1024
TRANSFER: Final = TransferConfig(
    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
)
# What is fetched at once: little after a jump, and twice as much each time the next stretch is wanted.
SMALLEST_STRETCH: Final = 2 * BLOCK_BYTES
LARGEST_STRETCH: Final = 1024 * 1024
ATTEMPTS: Final = 2


class FilesAway(Unavailable):
    """The bucket does not answer, is not there, or refuses our credentials."""

    code = "files_away"
    words = _(
        "Sound and files can't be reached right now. Nothing was lost; try again in a moment."
    )


@cache
def bucket_files(bucket: str, endpoint: str, region: str, prefix: str) -> "BucketFiles":
    return BucketFiles(
        bucket_name=bucket,
        endpoint_url=endpoint or None,
        region_name=region or None,
        location=prefix,
    )


class BucketFiles(S3Storage):  # type: ignore[misc]  # ships no types
    """Objects in a bucket, stored for good before `save` returns. Every method may raise FilesAway.

    One client for all threads; memory is at most one part while writing and one stretch while reading.
    """

    def __init__(self, **options: object) -> None:
        # An endpoint of one's own is called by its very name, not by one with the bucket's in front.
        style = "path" if options.get("endpoint_url") else "virtual"
        s3 = {"payload_signing_enabled": True, "addressing_style": style}
        config = PATIENCE.merge(Config(s3=s3))
        super().__init__(client_config=config, transfer_config=TRANSFER, **options)
        self.resource: Any = None

    def get_default_settings(self) -> dict[str, object]:
        # Its own look at the environment would mix credentials of two kinds; the SDK's chain finds them all.
        unset = ("access_key", "secret_key", "security_token", "session_profile")
        return {**super().get_default_settings(), **dict.fromkeys(unset)}

    @property
    def connection(self) -> Any:  # noqa: ANN401  # classes of boto3 are made as it runs
        with BUILDING:
            if self.resource is None:
                with asked("connect"):
                    self.resource = boto3.Session().resource(
                        "s3",
                        region_name=self.region_name,
                        endpoint_url=self.endpoint_url,
                        config=self.client_config,
                    )
        return self.resource

    @property
    def client(self) -> Any:  # noqa: ANN401
        return self.connection.meta.client

    def place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}

    def _save(self, name: str, content: File[bytes]) -> str:
        with asked("put"):
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> "BucketFile":
        """FileNotFoundError when it is not there, which is asked with its first stretch."""
        return BucketFile(Stretches(self, name), name)

    def stretch(self, name: str, start: int, stop: int) -> tuple[bytes, int]:
        """The bytes from `start` up to `stop`, fewer at the end, and how long the object is.

        Tried again when it breaks off: what has arrived by then is no answer.
        """
        wanted = f"bytes={start}-{stop - 1}"
        for attempt in range(1, ATTEMPTS + 1):
            with asked("get"):
                answer = self.client.get_object(**self.place(name), Range=wanted)
                try:
                    data: bytes = answer["Body"].read()
                except BotoCoreError:
                    if attempt == ATTEMPTS:
                        raise
                    continue
            return data, int(answer["ContentRange"].rpartition("/")[2])
        raise AssertionError("unreachable")

    def delete(self, name: str) -> None:
        """The object is not there afterwards, whether or not it was."""
        with suppress(FileNotFoundError), asked("delete"):
            self.client.delete_object(**self.place(name))

    def size(self, name: str) -> int:
        with self.open(name) as file:
            return int(file.size)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with asked("list"):
            folders, names = super().listdir(name)
        return folders, names

    def get_modified_time(self, name: str) -> datetime:
        with asked("head"):
            found: datetime = self.client.head_object(**self.place(name))["LastModified"]
        return found

    def drop_unfinished(self, before: datetime) -> int:
        """How many uploads in parts that were begun before this and never ended are let go of.

        A process that was killed leaves them: they are no objects, but they are kept and paid for.
        """
        number = 0
        # With its stroke: a prefix may be the beginning of another one.
        prefix = f"{self.location}/" if self.location else ""
        with asked("list"):
            pages = self.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=prefix):
                for each in page.get("Uploads", ()):
                    if each["Initiated"] < before:
                        place = {"Bucket": self.bucket_name, "Key": each["Key"]}
                        self.client.abort_multipart_upload(**place, UploadId=each["UploadId"])
                        number += 1
        return number


def takes_files(store: Storage) -> bool:
    """Whether an object can be written there, comes back as it was, and can be deleted."""
    key = secrets.token_hex(16)
    name, content = f"{key[:2]}/{key}", secrets.token_bytes(16)
    store.save(name, ContentFile(content))
    try:
        with store.open(name) as file:
            return bool(file.read() == content)
    finally:
        store.delete(name)


@contextmanager
def asked(verb: str) -> Iterator[None]:
    """Whatever the bucket answers but yes becomes FileNotFoundError or FilesAway; names stay out of the log."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if is_gone(verb, code):
            raise FileNotFoundError from None
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        raise away(verb, code, refused=status < 500) from None
    except BotoCoreError as error:
        refused = not isinstance(error, HTTPClientError | NoConnection)
        raise away(verb, type(error).__name__, refused=refused) from None


def is_gone(verb: str, code: str) -> bool:
    """Whether this says that one object is missing or empty, and not the bucket.

    An answer to HEAD has no words and means either: nothing is decided by it.
    """
    return code in {"NoSuchKey", "InvalidRange"} or (verb == "head" and code == "404")


def away(verb: str, reason: str, *, refused: bool) -> FilesAway:
    """The refusal to raise; `refused` when time alone will not mend it. Why goes to the log, not to the person."""
    log.warning("storage.away", verb=verb, reason=reason)
    return FilesAway(reason=reason, refused=refused)


class BucketFile(File[bytes]):
    """An object, open for reading anywhere."""

    def __init__(self, stretches: "Stretches", name: str) -> None:
        super().__init__(stretches, name)  # type: ignore[arg-type]  # a raw file is a file
        self.size = stretches.length


class Stretches(RawIOBase):
    """An object that is fetched in stretches as they are reached, each whole; one is in memory at a time."""

    def __init__(self, store: BucketFiles, name: str) -> None:
        self.store = store
        self.name = name
        self.position = 0
        self.begins = 0
        self.width = SMALLEST_STRETCH
        self.data, self.length = store.stretch(name, 0, SMALLEST_STRETCH)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self.position, SEEK_END: self.length}[whence]
        self.position = max(0, start + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # a writable buffer has no type in 3.11
        """As much as was asked for, as from a file on the disk: less only at the end."""
        filled = 0
        while filled < len(buffer) and self.position < self.length:
            if not self.begins <= self.position < self.begins + len(self.data):
                self.fetch()
            within = self.position - self.begins
            found = self.data[within : within + len(buffer) - filled]
            buffer[filled : filled + len(found)] = found
            self.position += len(found)
            filled += len(found)
        return filled

    def fetch(self) -> None:
        goes_on = self.position == self.begins + len(self.data)
        self.width = min(2 * self.width, LARGEST_STRETCH) if goes_on else SMALLEST_STRETCH
        # The one before is let go of first: two of them would be in memory else.
        self.data = b""
        stop = min(self.position + self.width, self.length)
        self.data, length = self.store.stretch(self.name, self.position, stop)
        if length != self.length:
            raise FileNotFoundError
        self.begins = self.position
