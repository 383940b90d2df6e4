import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from download.models.items import Item
from tests.download.test_imports import BOOKMARKS, COUNTS
from tests.events_drain import drain
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db

API = "/api/v1/download/imports/"


def sent(client, data=BOOKMARKS):
    return client.post(API, {"file": SimpleUploadedFile("links.html", data.encode())})


def test_a_file_is_sent_checked_run_read_and_taken_back(alice, charlie, signed_in, no_encoder):
    client, other = signed_in(alice), signed_in(charlie)
    taken = sent(client)
    assert (taken.status_code, taken.json()["state"]) == (202, "uploaded")
    place = taken["Location"]
    early = client.post(f"{place}undo/")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    drain()
    told = client.get(place).json()
    assert (told["state"], told["format"], told["counts"]) == ("checked", "netscape", COUNTS)
    assert told["problems"][0] | {"outcome": "skipped", "reason": "not_http"} == told["problems"][0]
    run = client.post(f"{place}run/", {"last_level": True}, content_type="application/json")
    assert (run.status_code, run.json()["state"]) == (202, "importing")
    drain()
    told = client.get(place).json()
    assert (told["state"], told["done"], told["total"], told["counts"]) == ("done", 6, 6, COUNTS)
    rows = client.get(f"{place}rows/?outcome=created").json()["results"]
    assert [(row["ordinal"], row["label"]) for row in rows] == [
        (1, "Quiet mornings"),
        (6, "Second"),
    ]
    assert {row["item"] for row in rows} == {
        str(pk) for pk in Item.objects.values_list("pk", flat=True)
    }
    for path, method in (
        ("", "get"),
        ("rows/", "get"),
        ("run/", "post"),
        ("undo/", "post"),
        ("cancellation/", "post"),
    ):
        told_json = {"content_type": "application/json"} if method == "post" else {}
        assert getattr(other, method)(f"{place}{path}", **told_json).status_code == 404
        unknown = f"{API}{new_id()}/{path}"
        assert getattr(client, method)(unknown, **told_json).status_code == 404
    assert other.get(API).json()["results"] == []
    assert [each["id"] for each in client.get(API).json()["results"]] == [told["id"]]
    assert client.post(f"{place}undo/").status_code == 202
    drain()
    assert client.get(place).json()["state"] == "undone"
    assert not Item.objects.exists()


def test_an_import_is_stopped_before_it_begins(alice, signed_in):
    client = signed_in(alice)
    place = sent(client)["Location"]
    stopped = client.post(f"{place}cancellation/")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    drain()
    assert client.get(place).json()["state"] == "cancelled"
    assert (
        client.post(f"{place}run/", {}, content_type="application/json").json()["code"]
        == "wrong_state"
    )


def test_what_is_no_file_of_links_is_refused_in_words(alice, signed_in):
    client = signed_in(alice)
    refused = sent(client, "just words")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_format")
    assert client.post(API, {}).status_code == 422
    listed = client.get(f"{sent(client)['Location']}rows/?outcome=nonsense")
    assert listed.status_code == 422
