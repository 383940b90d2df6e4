"""Services of AWS on this machine, over HTTP: keys, and buckets."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest

REGION = "eu-central-1"


@dataclass(frozen=True)
class Aws:
    """Where it answers, and how it stops to."""

    address: str
    stop: Callable[[], None]


@contextmanager
def local_aws() -> Iterator[Aws]:
    from moto.server import ThreadedMotoServer  # slow to import, and few ask

    # A line for each call, which nobody reads.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Aws(f"http://{host}:{port}", server.stop)
    server.stop()


@contextmanager
def credentials(endpoint: str = "") -> Iterator[None]:
    """What the SDK finds in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        if endpoint:
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


@dataclass(frozen=True)
class Bucket:
    """One bucket as somebody sees it who holds its account, and not our keys."""

    name: str
    endpoint: str
    prefix: str = "wop/files"

    @property
    def options(self) -> dict[str, str]:
        """As STORAGE_URL would say it."""
        return {
            "bucket": self.name,
            "endpoint": self.endpoint,
            "region": REGION,
            "prefix": self.prefix,
        }

    @property
    def client(self) -> Any:
        return client_of(self.endpoint)

    def names(self) -> list[str]:
        return [each["Key"] for each in self.listing()]

    def listing(self) -> list[dict[str, Any]]:
        return self.client.list_objects_v2(Bucket=self.name).get("Contents", [])

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def write(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def make(self) -> None:
        place = {"LocationConstraint": REGION}
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration=place)

    def vanish(self) -> None:
        """The bucket itself is gone, as after somebody's mistake."""
        for key in self.names():
            self.remove(key)
        self.client.delete_bucket(Bucket=self.name)


@cache
def client_of(endpoint: str) -> Any:
    """One for all buckets: the SDK reads a megabyte about its service for each client."""
    return boto3.client("s3", endpoint_url=endpoint, region_name=REGION)


@contextmanager
def new_bucket(endpoint: str) -> Iterator[Bucket]:
    """Empty, and gone afterwards. The name is always one, so that the project's client for it stays, too."""
    bucket = Bucket("files", endpoint)
    bucket.make()
    yield bucket
    with suppress(bucket.client.exceptions.NoSuchBucket):
        bucket.vanish()
