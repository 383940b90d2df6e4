import pytest

from journal.models.nodes import Node
from tests.factories import zipped
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)
JOURNAL = "/api/v1/journal/"
UPLOADS, IMPORTS = f"{JOURNAL}uploads/", f"{JOURNAL}imports/"
NOTES = {"2025-03-01 one.md": "It rained.", "2025-03-02 two.md": "It still rained."}


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def put(client, upload: str, number: object, data: bytes):
    return client.put(
        f"{UPLOADS}{upload}/parts/{number}/", data, content_type="application/octet-stream"
    )


def upload(client, data: bytes, *, pieces: int = 1) -> str:
    ident = str(client.post(UPLOADS, {"name": "notes.zip", "bytes": len(data)}).json()["id"])
    size = -(-len(data) // pieces)
    for number in range(pieces):
        answer = put(client, ident, number, data[number * size : (number + 1) * size])
        assert answer.status_code == 201
    return ident


def test_a_file_comes_in_parts_is_checked_imported_and_undone(api, alice, drain):
    client = api(alice)
    begun = client.post(IMPORTS, {"upload": upload(client, zipped(NOTES), pieces=3)})
    assert begun.status_code == 202
    address = begun.headers["Location"]
    assert begun.json()["state"] == "uploaded"
    assert code(client.post(f"{address}confirmation/", {})) == (409, "wrong_state")
    drain()

    report = client.get(address).json()
    assert set(report) == {
        *("id", "state", "source", "reason", "done", "total"),
        *("counts", "span", "words", "titles", "sounds", "problems", "notes"),
    }
    assert (report["state"], report["counts"]["new"], report["words"]) == ("checked", 2, 5)
    assert not Node.objects.exists()

    settings = {"privacy_level": "private", "ai_usage": "chat", "zone": "Europe/Lisbon"}
    confirmed = client.post(f"{address}confirmation/", {"settings": settings})
    assert (confirmed.status_code, confirmed.json()["state"]) == (202, "importing")
    drain()
    assert client.get(address).json()["state"] == "done"
    shown = client.get(f"{JOURNAL}nodes/?fields=text,ai_usage,zone").json()["results"]
    assert {each["text"] for each in shown} == set(NOTES.values())
    assert {(each["ai_usage"], each["zone"]) for each in shown} == {("chat", "Europe/Lisbon")}

    assert client.post(f"{address}retraction/").status_code == 202
    drain()
    assert client.get(address).json()["state"] == "undone"
    assert client.get(f"{JOURNAL}nodes/").json()["results"] == []
    assert [each["id"] for each in client.get(IMPORTS).json()["results"]] == [report["id"]]


def test_a_part_sent_again_is_the_same_part(api, alice):
    client = api(alice)
    ident = client.post(UPLOADS, {"bytes": 6}).json()["id"]
    first, again = put(client, ident, 0, b"abc"), put(client, ident, 0, b"abc")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {"id": ident, "have": [0]}
    assert code(put(client, ident, 0, b"xyz")) == (409, "part_differs")
    assert code(put(client, ident, 1, b"")) == (422, "empty_part")
    assert code(put(client, ident, 1, b"defg")) == (413, "too_large")
    assert put(client, ident, 1, b"def").json()["have"] == [0, 1]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "%2e%2e"])
def test_a_part_has_a_number(api, alice, number):
    ident = api(alice).post(UPLOADS, {"bytes": 6}).json()["id"]
    assert code(put(api(alice), ident, number, b"abc")) == (404, "not_found")


def test_a_file_is_checked_only_when_it_is_whole(api, alice):
    client = api(alice)
    ident = client.post(UPLOADS, {"bytes": 6}).json()["id"]
    put(client, ident, 0, b"abc")
    assert code(client.post(IMPORTS, {"upload": ident})) == (422, "parts_missing")


def test_one_import_a_key(api, alice):
    client = api(alice)
    sent, headers = (
        {"upload": upload(client, zipped(NOTES))},
        {"Idempotency-Key": str(new_id())},
    )
    first, again = (client.post(IMPORTS, sent, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert len(client.get(IMPORTS).json()["results"]) == 1


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({}, (422, "invalid")),
        ({"bytes": 0}, (422, "invalid")),
        ({"bytes": "many"}, (422, "invalid")),
        ({"bytes": 200 * 1024 * 1024 + 1}, (413, "too_large")),
        ({"bytes": 10**30}, (413, "too_large")),
        ({"bytes": 5, "name": "a\u0000"}, (400, "bad_text")),
        ({"bytes": 5, "path": "/etc"}, (400, "unknown_field")),
    ],
)
def test_a_refused_upload_is_not_begun(api, alice, sent, refusal):
    assert code(api(alice).post(UPLOADS, sent)) == refusal


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"privacy_level": "public"}, (422, "unknown_level")),
        ({"privacy_level": "all"}, (422, "unknown_level")),
        ({"privacy_level": "circles"}, (422, "audience_empty")),
        ({"privacy_level": "circles", "circles": [str(new_id())]}, (404, "not_found")),
        ({"ai_usage": "yes"}, (422, "unknown_ai_usage")),
        ({"zone": "Mars"}, (422, "invalid")),
        ({"trash": "empty"}, (422, "invalid")),
        ({"privacy": "private"}, (400, "unknown_field")),
    ],
)
def test_refused_settings_leave_the_import_where_it_was(api, alice, drain, settings, refusal):
    client = api(alice)
    address = client.post(IMPORTS, {"upload": upload(client, zipped(NOTES))}).headers["Location"]
    drain()
    assert code(client.post(f"{address}confirmation/", {"settings": settings})) == refusal
    assert client.get(address).json()["state"] == "checked"


def test_a_file_that_is_no_zip_fails_with_a_reason(api, alice, drain):
    client = api(alice)
    address = client.post(IMPORTS, {"upload": upload(client, b"\xff\xfe\x00 no zip")}).headers[
        "Location"
    ]
    drain()
    failed = client.get(address).json()
    assert failed["state"] == "failed"
    assert failed["reason"]


def test_uploads_and_imports_are_their_owners(api, alice, bob, drain):
    ident = upload(api(alice), zipped(NOTES))
    address = api(alice).post(IMPORTS, {"upload": ident}).headers["Location"]
    refused = [
        put(api(bob), ident, 0, b"abc"),
        api(bob).post(IMPORTS, {"upload": ident}),
        api(bob).get(address),
        api(bob).post(f"{address}confirmation/", {}),
        api(bob).post(f"{address}retraction/"),
        put(api(alice), "../../etc", 0, b"abc"),
    ]
    assert {code(each) for each in refused} == {(404, "not_found")}
    assert api(bob).get(IMPORTS).json()["results"] == []
