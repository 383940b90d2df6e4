"""Google's key service, spoken to over HTTP: the server below checks each request as the real one documents it."""

import base64
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from writeorperish.crypto import gcp, keys, services
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.gcp import GcpKeys, GcpToken, crc32c
from writeorperish.crypto.kms import Context, KeyServiceDown, Wrapped
from writeorperish.crypto.models import DataKey

NAME = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
KEY = bytes(range(32))
HERE = Context("person:ann", 7)


class Google(BaseHTTPRequestHandler):
    """One key; `faults` says what goes wrong with the next answer."""

    cipher = AESGCM(bytes(32))
    faults: list[str] = []
    asked: list[str] = []

    def log_message(self, *_args):
        """Nothing."""

    def do_GET(self):
        self.asked.append(self.path)
        if self.headers["Metadata-Flavor"] != "Google":
            return self.answer(403, {})
        return self.answer(
            200, {"access_token": "a token", "expires_in": 3600, "token_type": "Bearer"}
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdecimal():
            return self.answer(int(fault), {"error": {"code": int(fault)}})
        if self.path == "/token":
            assert b"grant_type=urn" in body
            return self.answer(200, {"access_token": "a token", "expires_in": 3600})
        if self.headers["Authorization"] != "Bearer a token":
            return self.answer(401, {"error": {"code": 401}})
        request = json.loads(body)
        aad = base64.b64decode(request["additionalAuthenticatedData"], validate=True)
        assert request["additionalAuthenticatedDataCrc32c"] == str(crc32c(aad))
        verb = {f"/v1/{NAME}:encrypt": self.encrypt, f"/v1/{NAME}:decrypt": self.decrypt}[self.path]
        return verb(request, aad, fault)

    def encrypt(self, request, aad, fault):
        clear = base64.b64decode(request["plaintext"], validate=True)
        assert request["plaintextCrc32c"] == str(crc32c(clear))
        nonce = os.urandom(12)
        sealed = nonce + self.cipher.encrypt(nonce, clear, aad)
        self.answer(
            200,
            {
                "name": f"{NAME}/cryptoKeyVersions/1",
                "ciphertext": base64.b64encode(sealed).decode(),
                "ciphertextCrc32c": str(crc32c(sealed) ^ (fault == "damaged")),
                "verifiedPlaintextCrc32c": fault != "unverified",
                "verifiedAdditionalAuthenticatedDataCrc32c": True,
                "protectionLevel": "SOFTWARE",
            },
        )

    def decrypt(self, request, aad, fault):
        sealed = base64.b64decode(request["ciphertext"], validate=True)
        assert request["ciphertextCrc32c"] == str(crc32c(sealed))
        try:
            clear = self.cipher.decrypt(sealed[:12], sealed[12:], aad)
        except InvalidTag:
            return self.answer(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}})
        return self.answer(
            200,
            {
                "plaintext": base64.b64encode(clear).decode(),
                "plaintextCrc32c": str(crc32c(clear) ^ (fault == "damaged")),
                "usedPrimary": True,
            },
        )

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def local_google():
    handler = type("Google", (Google,), {"faults": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def google():
    with local_google() as found:
        yield found


@pytest.fixture
def service(google):
    return GcpKeys(NAME, endpoint=google[1], token=lambda: "a token")


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"") == 0


def test_a_key_comes_back_in_its_context_only(service):
    wrapped = service.wrap(KEY, HERE)
    assert wrapped.kek == f"gcp:{NAME}"
    assert KEY not in wrapped.sealed
    assert service.unwrap(wrapped, HERE) == KEY
    for context in (Context("person:ben", 7), Context("person:ann", 8)):
        with pytest.raises(CannotOpen):
            service.unwrap(wrapped, context)
    altered = wrapped.sealed[:-1] + bytes([wrapped.sealed[-1] ^ 1])
    with pytest.raises(CannotOpen):
        service.unwrap(Wrapped(wrapped.kek, altered), HERE)


@pytest.mark.parametrize("fault", ["damaged", "401", "403", "429", "500", "503"])
def test_a_fault_of_the_service_is_an_outage_and_not_a_loss(service, google, fault):
    wrapped = service.wrap(KEY, HERE)
    google[0].faults.append(fault)
    with pytest.raises(KeyServiceDown):
        service.unwrap(wrapped, HERE)
    google[0].faults.append(fault)
    with pytest.raises(KeyServiceDown):
        service.wrap(KEY, HERE)
    assert service.unwrap(wrapped, HERE) == KEY


def test_a_request_that_was_damaged_on_the_way_is_not_believed(service, google):
    google[0].faults.append("unverified")
    with pytest.raises(KeyServiceDown):
        service.wrap(KEY, HERE)


def test_a_silent_service_is_an_outage():
    with local_google() as (_handler, url):
        pass
    with pytest.raises(KeyServiceDown):
        GcpKeys(NAME, endpoint=url, token=lambda: "a token").wrap(KEY, HERE)


def test_the_machines_token_is_asked_for_once(google, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    handler, url = google
    service = GcpKeys(NAME, endpoint=url, token=GcpToken(f"{url}/metadata").value)
    assert service.unwrap(service.wrap(KEY, HERE), HERE) == KEY
    assert handler.asked.count("/metadata") == 1


def test_a_service_account_signs_in_with_its_file(google, monkeypatch, tmp_path):
    handler, url = google
    account = tmp_path / "account.json"
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "keys@p.iam.gserviceaccount.com",
                "private_key": secret.decode(),
                "token_uri": f"{url}/token",
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    service = GcpKeys(NAME, endpoint=url)
    assert service.unwrap(service.wrap(KEY, HERE), HERE) == KEY
    assert handler.asked.count("/token") == 1


@pytest.mark.parametrize("content", ["", "{}", '{"type": "service_account"}'])
def test_a_broken_credentials_file_is_an_outage(google, monkeypatch, tmp_path, content):
    account = tmp_path / "account.json"
    account.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    with pytest.raises(KeyServiceDown):
        GcpKeys(NAME, endpoint=google[1]).wrap(KEY, HERE)


def test_plain_http_to_another_machine_is_refused():
    with pytest.raises(KeyServiceDown):
        gcp.call_out("GET", "http://192.0.2.1/", headers={})


@pytest.mark.django_db
def test_entries_live_under_google(settings, google, ann, note, monkeypatch):
    settings.KEY_SERVICE, settings.GCP_KMS_KEY = "gcp", NAME
    services.remote_keys.cache_clear()
    monkeypatch.setattr(gcp, "ENDPOINT", google[1])
    monkeypatch.setattr(gcp, "METADATA", f"{google[1]}/metadata")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    row = note(ann, body="ann's words")
    keks = DataKey.objects.filter(holder=keys.person(ann.pk)).values_list("kek", flat=True)
    assert set(keks) == {f"gcp:{NAME}"}
    keys.cache.clear()
    assert type(row).objects.get(pk=row.pk).body == "ann's words"
    services.remote_keys.cache_clear()
