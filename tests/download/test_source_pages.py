import pytest

from download.models.feeds import Feed
from tests.download.test_feeds import TOKEN, connected, synced
from tests.download.test_memeos import link, told
from tests.factories import kept
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db

PAGE = "/library/sources/"
API = "/api/v1/download/feeds/"
BASE = "https://memeos.example/"


def test_a_person_connects_a_library_and_reads_how_it_goes(alice, charlie, signed_in):
    client = signed_in(alice)
    assert "No source yet" in client.get(PAGE).content.decode()
    refused = client.post(PAGE, {"base": "http://192.168.0.1/", "token": ""})
    assert refused.status_code == 422
    assert "This address can&#x27;t be opened from here." in refused.content.decode()
    clear = client.post(PAGE, {"base": "http://memeos.example/", "token": TOKEN})
    assert "else anybody could read it" in clear.content.decode()
    assert TOKEN not in clear.content.decode()
    assert client.post(PAGE, {"base": BASE, "token": TOKEN})["Location"] == PAGE
    feed = Feed.objects.get()
    shown = client.get(PAGE).content.decode()
    assert "memeos.example" in shown and "Not read yet" in shown and TOKEN not in shown
    synced(feed, told({"items": [link(1)]}))
    shown = client.get(PAGE, headers={"HX-Request": "true", "HX-Target": "feeds"}).content.decode()
    assert "Up to date" in shown and "Last read" in shown and "<title>" not in shown
    place = f"{PAGE}{feed.pk}/"
    assert client.post(f"{place}sync/").status_code == 429
    client.post(f"{place}pausing/")
    assert "You paused it." in client.get(PAGE).content.decode()
    assert "See why" not in client.get("/library/").content.decode()
    client.post(f"{place}resuming/", {"token": ""})
    feed.refresh_from_db()
    assert (feed.state, feed.token) == ("connected", TOKEN)
    stranger = signed_in(charlie)
    for verb in ("sync", "pausing", "resuming", "removal"):
        assert stranger.post(f"{place}{verb}/").status_code == 404
        assert client.post(f"{PAGE}{new_id()}/{verb}/").status_code == 404
    assert "No source yet" in stranger.get(PAGE).content.decode()
    client.post(f"{place}removal/")
    assert "No source yet" in client.get(PAGE).content.decode()


def test_one_that_refuses_is_told_of_in_the_library(alice, signed_in):
    kept(alice, text="Some words.")
    synced(connected(alice), told({}, "403 Forbidden"))
    client = signed_in(alice)
    assert (
        "A source of your links can't be read any more" in client.get("/library/").content.decode()
    )
    shown = client.get(PAGE).content.decode()
    assert "It does not let us in." in shown and "New token" in shown


def test_an_app_connects_pauses_and_lets_go(alice, charlie, signed_in):
    client, other = signed_in(alice), signed_in(charlie)

    def sent(method, path, values):
        return getattr(client, method)(f"{API}{path}", values, content_type="application/json")

    assert sent("post", "", {"base": "https://10.0.0.1/"}).json()["code"] == "address_refused"
    made = sent("post", "", {"base": BASE, "token": TOKEN})
    assert made.status_code == 201
    feed = made.json()
    assert (feed["state"], feed["base"], feed["seen"]) == ("connected", BASE, 0)
    assert "token" not in feed and TOKEN not in made.content.decode()
    place = f"{feed['id']}/"
    assert sent("patch", place, {"paused": True}).json()["reason"] == "by_hand"
    assert sent("post", f"{place}sync/", {}).json()["code"] == "wrong_state"
    assert sent("patch", place, {"token": "another"}).json()["state"] == "connected"
    assert sent("post", f"{place}sync/", {}).status_code == 202
    assert [each["id"] for each in client.get(API).json()["results"]] == [feed["id"]]
    assert other.get(API).json()["results"] == []
    for path in (place, f"{new_id()}/"):
        who = other if path == place else client
        assert who.get(f"{API}{path}").status_code == 404
        assert who.delete(f"{API}{path}").status_code == 404
        assert who.post(f"{API}{path}sync/").status_code == 404
    assert client.delete(f"{API}{place}").status_code == 204
    assert not Feed.objects.exists()
