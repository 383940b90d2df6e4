import io
import zipfile

import pytest

from accounts.models import Export
from tests.factories import entry
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)
EXPORTS = "/api/v1/me/exports/"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def ask(client, **more):
    return client.post(EXPORTS, more, headers={"Idempotency-Key": str(new_id())})


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_an_export_is_asked_for_built_and_fetched_in_pieces(api, alice, bob, drain):
    entry(alice, "alice's words")
    asked = ask(api(alice), scope="all")
    assert asked.status_code == 202
    assert set(asked.json()) == {"id", "state", "done", "total", "bytes", "expires_at"}
    address = asked.headers["Location"]
    assert code(api(alice).get(f"{address}file/")) == (404, "not_found")
    assert ask(api(alice)).json()["id"] == asked.json()["id"]
    drain()

    ready = api(alice).get(address).json()
    assert ready["state"] == "ready"
    whole = api(alice).get(f"{address}file/")
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "application/zip")
    data = body_of(whole)
    assert len(data) == ready["bytes"] == int(whole.headers["Content-Length"])
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert [name for name in names if name.startswith("entries/")]

    for asked_for, start, stop in (
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, len(data)),
        ("bytes=-5", len(data) - 5, len(data)),
        (f"bytes=10-{10**9}", 10, len(data)),
    ):
        part = api(alice).get(f"{address}file/", headers={"Range": asked_for})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(data)}"
        assert body_of(part) == data[start:stop]
    for unread in ("lines=1-2", "bytes=9-1", "bytes=-", "bytes=1-2,4-5"):
        part = api(alice).get(f"{address}file/", headers={"Range": unread})
        assert (part.status_code, body_of(part)) == (200, data)
    behind = api(alice).get(f"{address}file/", headers={"Range": f"bytes={len(data)}-"})
    assert code(behind) == (416, "range_unsatisfiable")

    for path in (address, f"{address}file/"):
        assert code(api(bob).get(path)) == (404, "not_found")


def test_asking_and_fetching_need_a_fresh_proof(api, alice, time_machine):
    time_machine.move_to("2026-12-01T12:00:00Z", tick=False)
    client = api(alice)
    export = Export.objects.create(person=alice)
    time_machine.move_to("2026-12-01T12:09:59Z", tick=False)
    assert ask(client).status_code == 202
    alice.token_families.update(proved_at="2026-12-01T11:50:00Z")
    assert code(ask(client)) == (403, "proof_needed")
    assert code(client.get(f"{EXPORTS}{export.pk}/file/")) == (403, "proof_needed")


def test_three_exports_a_day_are_the_most(api, alice):
    client = api(alice)
    for _ in range(3):
        Export.objects.create(person=alice, state="ready")
    spent = ask(client)
    assert code(spent) == (429, "rate_limited")
    assert int(spent.headers["Retry-After"]) > 0
    assert code(ask(client, scope="market")) == (422, "invalid")
