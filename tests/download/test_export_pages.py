import json

import pytest

from download.models.exports import LibraryExport
from download.models.items import Item
from tests.events_drain import drain
from tests.factories import kept
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db

PAGE = "/library/export/"
API = "/api/v1/download/exports/"


def posted(client, values):
    return client.post(API, values, content_type="application/json")


def test_a_person_chooses_waits_and_fetches_the_file(alice, charlie, signed_in, no_encoder):
    kept(alice, "https://example.org/a", title="A heron", tags=("birds",), text="A heron stood.")
    kept(alice, "https://example.org/b", title="A kettle", text="It boils.")
    client = signed_in(alice)
    assert "No file yet" in client.get(PAGE).content.decode()
    refused = client.post(PAGE, {"format": "memeos", "tag": "fish"})
    assert refused.status_code == 422
    assert "No link of yours bears this tag." in refused.content.decode()
    assert client.post(PAGE, {"format": "pdf"}).status_code == 422
    assert not LibraryExport.objects.exists()
    assert client.post(PAGE, {"format": "memeos", "tag": "Birds"})["Location"] == PAGE
    assert "Being made" in client.get(PAGE).content.decode()
    export = LibraryExport.objects.get()
    assert client.get(f"{PAGE}{export.pk}/file/").status_code == 404
    drain()
    part = client.get(PAGE, headers={"HX-Request": "true", "HX-Target": "exports"})
    assert "1 link ·" in part.content.decode() and "<title>" not in part.content.decode()
    fetched = client.get(f"{PAGE}{export.pk}/file/")
    assert fetched["Content-Disposition"].startswith('attachment; filename="links-')
    assert fetched["Content-Disposition"].endswith('.json"')
    (item,) = json.loads(b"".join(fetched.streaming_content))["items"]
    assert (item["title"], item["content"]) == ("A heron", "A heron stood.")
    stranger = signed_in(charlie)
    assert stranger.get(f"{PAGE}{export.pk}/file/").status_code == 404
    assert "Download" not in stranger.get(PAGE).content.decode()


def test_an_app_asks_waits_and_fetches_the_file_in_parts(alice, charlie, signed_in, no_encoder):
    kept(alice, title="A heron", text="A heron stood.")
    client, other = signed_in(alice), signed_in(charlie)
    asked = posted(client, {"format": "html", "reading": "unread", "due": False})
    assert (asked.status_code, asked.json()["state"]) == (202, "asked")
    place = asked["Location"]
    assert client.get(f"{place}file/").status_code == 404
    drain()
    told = client.get(place).json()
    assert (told["state"], told["done"], told["total"]) == ("ready", 1, 1)
    whole = b"".join(client.get(f"{place}file/").streaming_content)
    assert len(whole) == told["bytes"] and b"A heron" in whole
    some = client.get(f"{place}file/", headers={"Range": "bytes=10-"})
    assert some["Content-Disposition"] == "attachment"
    assert (some.status_code, b"".join(some.streaming_content)) == (206, whole[10:])
    for path in ("", "file/"):
        assert other.get(f"{place}{path}").status_code == 404
        assert client.get(f"{API}{new_id()}/{path}").status_code == 404
    assert posted(client, {"format": "pdf"}).status_code == 422
    assert posted(client, {"format": "csv", "tag": "fish"}).status_code == 404
    assert posted(client, {}).status_code == 422


def test_a_file_of_due_links_holds_what_is_due_today(alice, signed_in, no_encoder):
    kept(alice, text="Some words.")
    client = signed_in(alice)
    place = posted(client, {"format": "memeos", "due": True, "review": "active"})["Location"]
    drain()
    assert client.get(place).json()["total"] == 0
    assert Item.objects.count() == 1
    assert json.loads(b"".join(client.get(f"{place}file/").streaming_content))["items"] == []
