"""Which service holds the master key of a name, and which one wraps new data keys."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from writeorperish.crypto.gcp import GcpKeys
from writeorperish.crypto.kms import AwsKeys, KeyService, LocalKeys

MASTER_KEY_FILE = "master-key"


def wrapping_service() -> KeyService:
    """The service that wraps new data keys, as KEY_SERVICE says."""
    return service(
        {
            "local": "local:",
            "aws": f"aws:{settings.AWS_KMS_KEY}",
            "gcp": f"gcp:{settings.GCP_KMS_KEY}",
        }[settings.KEY_SERVICE]
    )


def service(kek: str) -> KeyService:
    """The service that holds the master key of this name: `local:…`, `aws:<key>`, `gcp:<key>`.

    ValueError for a name of no service.
    """
    kind, colon, key = kek.partition(":")
    if not colon or kind not in {"local", "aws", "gcp"} or (kind != "local" and not key):
        raise ValueError(f"A master key is named local:…, aws:<key> or gcp:<key>, not {kek!r}.")
    if kind == "local":
        return local_keys()
    return remote_keys(kind, key)


def local_keys() -> LocalKeys:
    return local_keys_of(settings.MASTER_KEY, settings.DATA_DIR / MASTER_KEY_FILE)


@lru_cache(maxsize=4)
def local_keys_of(given: str, path: Path) -> LocalKeys:
    return LocalKeys(given, path)


@lru_cache(maxsize=8)
def remote_keys(kind: str, key: str) -> KeyService:
    return AwsKeys(key) if kind == "aws" else GcpKeys(key)
