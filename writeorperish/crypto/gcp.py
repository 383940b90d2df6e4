"""Google Cloud KMS over its REST interface."""

import base64
import binascii
import ipaddress
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from google.auth import transport
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.kms import Context, Wrapped, down
from writeorperish.ops import egress

LIMITS = egress.Limits(connect_seconds=2, read_seconds=3, total_seconds=5, body_bytes=256 * 1024)
ENDPOINT = "https://cloudkms.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloudkms"
METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
# The metadata server speaks plain HTTP and lives at this address, reachable from its own machine only.
METADATA_ADDRESS = ipaddress.ip_address("169.254.169.254")
RULES = egress.Rules(
    admits=lambda scheme, address: (
        address == METADATA_ADDRESS or egress.SERVICE.admits(scheme, address)
    )
)


class GcpKeys:
    """Google Cloud KMS over its REST interface. Checksums travel both ways, so a damaged answer is seen."""

    remote = True

    def __init__(
        self,
        key: str,
        *,
        endpoint: str = "",
        token: Callable[[], str] | None = None,
    ) -> None:
        self.key = key
        self.endpoint = endpoint or ENDPOINT
        self.token = token or GcpToken().value

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        answer = self.call("encrypt", "plaintext", key, context)
        if not (
            answer.get("verifiedPlaintextCrc32c")
            and answer.get("verifiedAdditionalAuthenticatedDataCrc32c")
        ):
            raise down("gcp", "request_damaged")
        return Wrapped(f"gcp:{self.key}", checked(answer, "ciphertext"))

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        return checked(self.call("decrypt", "ciphertext", wrapped.sealed, context), "plaintext")

    def call(self, verb: str, field: str, value: bytes, context: Context) -> dict[str, Any]:
        request = {
            field: base64.b64encode(value).decode(),
            f"{field}Crc32c": str(crc32c(value)),
            "additionalAuthenticatedData": base64.b64encode(context.aad).decode(),
            "additionalAuthenticatedDataCrc32c": str(crc32c(context.aad)),
        }
        answer = call_out(
            "POST",
            f"{self.endpoint}/v1/{self.key}:{verb}",
            headers={"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
            content=json.dumps(request).encode(),
        )
        if verb == "decrypt" and answer.status == 400:
            raise CannotOpen(reason="altered_key", key=context.key_id)
        if answer.status != 200:
            raise down("gcp", f"http_{answer.status}")
        return parsed(answer.body)


class GcpToken:
    """The bearer token of the service account, kept until shortly before it expires.

    From the file GOOGLE_APPLICATION_CREDENTIALS names, else from the machine's metadata server.
    """

    def __init__(self, metadata: str = "") -> None:
        self.metadata = metadata or METADATA
        self.lock = Lock()
        self.kept = ""
        self.good_until = 0.0

    def value(self) -> str:
        with self.lock:
            if time.monotonic() >= self.good_until:
                path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
                self.kept, seconds = file_token(path) if path else self.machine_token()
                self.good_until = time.monotonic() + seconds - 60
            return self.kept

    def machine_token(self) -> tuple[str, float]:
        answer = call_out("GET", self.metadata, headers={"Metadata-Flavor": "Google"})
        if answer.status != 200:
            raise down("gcp", f"token_http_{answer.status}")
        found = parsed(answer.body)
        try:
            return str(found["access_token"]), float(found["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise down("gcp", "token_damaged") from None


def file_token(path: str) -> tuple[str, float]:
    """A fresh token of the service account in a file, and the seconds it is good for."""
    try:
        credentials = service_account.Credentials.from_service_account_file(path, scopes=[SCOPE])  # type: ignore[no-untyped-call]  # untyped
        credentials.refresh(GcpTransport())
    except (GoogleAuthError, OSError, ValueError) as error:
        raise down("gcp", type(error).__name__) from None
    good_for = credentials.expiry - datetime.now(UTC).replace(tzinfo=None)
    return str(credentials.token), good_for.total_seconds()


@dataclass(frozen=True)
class GcpResponse:
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class GcpTransport(transport.Request):
    """What google-auth calls out with: our one door."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: object,
    ) -> GcpResponse:
        answer = call_out(method, url, headers=headers or {}, content=body)
        return GcpResponse(answer.status, answer.headers, answer.body)


def call_out(
    method: str, url: str, *, headers: Mapping[str, str], content: bytes | None = None
) -> egress.Answer:
    try:
        with egress.client(RULES, LIMITS) as line:
            return egress.ask(line, method, url, headers=headers, content=content)
    except (egress.Unreachable, egress.AddressRefused, egress.AnswerTooLarge) as error:
        raise down("gcp", type(error).__name__) from None


def parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise down("gcp", "answer_damaged") from None
    if not isinstance(found, dict):
        raise down("gcp", "answer_damaged")
    return found


def checked(answer: dict[str, Any], field: str) -> bytes:
    """The bytes of a field of Google's answer, compared with their checksum."""
    try:
        value = base64.b64decode(answer[field], validate=True)
        expected = int(answer[f"{field}Crc32c"])
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise down("gcp", "answer_damaged") from None
    if crc32c(value) != expected:
        raise down("gcp", "answer_damaged")
    return value


def crc32c(value: bytes) -> int:
    """The Castagnoli checksum, 0..2**32-1 (RFC 3720, appendix B.4), bit by bit: keys are short."""
    register = 0xFFFFFFFF
    for byte in value:
        register ^= byte
        for _bit in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF
