"""The library as JSON."""

from datetime import timedelta

import pytest
from django.utils import timezone

from download.actions.highlights import mark_quote
from download.actions.items import trash_item
from download.models.items import Highlight, Item, Tag
from tests.factories import kept
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
ITEMS = "/api/v1/download/items/"
MARKS = "/api/v1/download/highlights/"
TAGS = "/api/v1/download/tags/"
HTML = (
    f"<html><title>Rest</title><article><p>{'Rest is a kind of work. ' * 30}</p></article></html>"
)


def send(client, method, url, data=None, **headers):
    headers = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return getattr(client, method)(url, data, format="json", **headers)


def titles(answer) -> list[str]:
    return [each["title"] for each in answer.json()["results"]]


def test_a_link_is_kept_once_and_says_so(api, alice):
    body = {"url": "https://example.org/rest", "tags": ["Piano"], "note": "why", "html": HTML}
    first = send(api(alice), "post", ITEMS, {**body, "selection": "a kind of work"})
    assert (first.status_code, first.json()["tags"], first.json()["title"]) == (
        201,
        ["Piano"],
        "Rest",
    )
    assert first.json()["page"]["words"] > 100
    assert (first.json()["fetch"], first.json()["highlights"]) == ("fetched", 1)
    assert first["Location"] == f"{ITEMS}{first.json()['id']}/"
    again = send(api(alice), "post", ITEMS, {"url": "http://example.org/rest/"})
    assert (again.status_code, again.json()["already"], again.json()["id"]) == (
        200,
        True,
        first.json()["id"],
    )
    page = api(alice).get(f"{ITEMS}{first.json()['id']}/page/").json()
    assert (page["origin"], page["revision"], page["title"]) == ("pushed", 1, "Rest")
    unread = send(api(alice), "post", ITEMS, {"url": "https://example.org/b", "selection": "words"})
    assert (unread.json()["note"], unread.json()["page"]) == ("words", None)
    assert api(alice).get(f"{ITEMS}{unread.json()['id']}/page/").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "file:///etc/passwd"}, "address_refused"),
        ({}, "empty"),
        ({"url": "https://example.org", "tags": [f"t{n}" for n in range(31)]}, "too_many_tags"),
        ({"url": "https://example.org", "ai_usage": "all"}, "unknown_ai_usage"),
        ({"url": "https://example.org", "title": "x" * 501}, "invalid"),
    ],
)
def test_what_is_refused_is_refused_in_words(api, alice, body, code):
    answer = send(api(alice), "post", ITEMS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_lists_are_narrowed_and_paged(api, alice, charlie):
    old = timezone.now() - timedelta(days=9)
    kept(alice, "https://a.example/1", "Words", title="One", tags=("piano",), saved_at=old)
    item = kept(alice, "https://b.example/2", "Words", title="Two", reading="done")
    kept(charlie, "https://b.example/3", title="Three")
    mark_quote(alice, item, quote="Words")
    ask = api(alice).get
    assert titles(ask(ITEMS)) == ["Two", "One"]
    assert titles(ask(f"{ITEMS}?tag=PIANO")) == titles(ask(f"{ITEMS}?site=a.example")) == ["One"]
    assert titles(ask(f"{ITEMS}?state=done")) == titles(ask(f"{ITEMS}?has=highlights")) == ["Two"]
    assert titles(ask(ITEMS, {"saved_before": (old + timedelta(days=1)).isoformat()})) == ["One"]
    assert titles(ask(f"{ITEMS}?fetch=pending")) == titles(ask(f"{ITEMS}?order=opened")) == []
    page = ask(f"{ITEMS}?limit=1").json()
    assert titles(ask(ITEMS, {"limit": 1, "cursor": page["next"]})) == ["One"]
    assert set(ask(f"{ITEMS}?fields=title").json()["results"][0]) == {"title"}
    for bad in ("?order=due", "?state=lost", "?nonsense=1", "?cursor=x"):
        assert ask(f"{ITEMS}{bad}").status_code in {400, 422}


def test_changes_name_the_version_they_are_made_to(api, alice):
    item = kept(alice, text="Words")
    url = f"{ITEMS}{item.pk}/"
    assert send(api(alice), "patch", url, {"title": "New"}).status_code == 428
    fresh = send(
        api(alice),
        "patch",
        url,
        {"title": "New", "reading": "done", "progress": 2, "tags": ["a"], "ai_usage": "chat"},
        if_match=f'"{Item.objects.get().version}"',
    )
    said = fresh.json()
    assert (said["title"], said["reading"], said["progress"], said["ai_usage"]) == (
        "New",
        "done",
        1,
        "chat",
    )
    late = send(api(alice), "patch", url, {"title": "Late"}, if_match='"1"')
    assert (late.status_code, late.json()["code"]) == (409, "version_changed")
    assert fresh["ETag"] == f'"{Item.objects.get().version}"'


def test_the_trash_gives_back_and_a_feed_tells_of_it(api, alice):
    item = kept(alice)
    assert send(api(alice), "delete", f"{ITEMS}{item.pk}/").status_code == 204
    assert api(alice).get(f"{ITEMS}{item.pk}/").status_code == 404
    Item.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    feed = api(alice).get(f"{ITEMS}?updated_since=").json()["results"]
    assert [each["gone"] for each in feed] == [True]
    back = send(api(alice), "post", f"{ITEMS}{item.pk}/restoration/")
    assert (back.status_code, back.json()["id"]) == (200, str(item.pk))


def test_many_are_changed_at_once_and_each_has_its_answer(api, alice, charlie):
    one, two = (
        kept(alice, "https://example.org/1"),
        kept(alice, "https://example.org/2", tags=("old",)),
    )
    full = kept(alice, "https://example.org/3", tags=tuple(f"t{n}" for n in range(30)))
    foreign = kept(charlie)
    ids = [str(each.pk) for each in (one, two, full, foreign)]
    body = {"ids": ids, "reading": "done", "add_tags": ["new"], "remove_tags": ["old"]}
    answer = send(api(alice), "post", f"{ITEMS}bulk/", body)
    assert [each["status"] for each in answer.json()["results"]] == [200, 200, 422, 404]
    one.refresh_from_db()
    assert (one.reading, one.rev, two.tags.get().name) == ("done", 2, "new")
    send(api(alice), "post", f"{ITEMS}bulk/", {"ids": ids, "trash": True})
    assert set(Item.objects.filter(deleted_at__isnull=True)) == {foreign}


def test_highlights_are_made_by_place_or_by_words(api, alice, charlie):
    item = kept(alice, text="A quiet morning is worth two evenings.")
    by_place = send(api(alice), "post", MARKS, {"item": str(item.pk), "start": 2, "end": 15})
    assert (by_place.status_code, by_place.json()["quote"]) == (201, "quiet morning")
    by_words = send(
        api(alice),
        "post",
        MARKS,
        {"item": str(item.pk), "page": 1, "quote": "two evenings", "note": "!"},
    )
    assert by_words.json()["start"] == 25
    named = {"id": str(new_id()), "item": str(item.pk), "quote": "is worth"}
    assert [send(api(alice), "post", MARKS, named).status_code for _ in range(2)] == [201, 200]
    assert send(api(alice), "post", MARKS, {**named, "quote": "quiet"}).status_code == 409
    bad = send(api(alice), "post", MARKS, {"item": str(item.pk), "quote": "three evenings"})
    assert (bad.status_code, bad.json()["code"]) == (422, "quote_not_found")
    assert send(api(alice), "post", MARKS, {"item": str(item.pk), "start": 2}).status_code == 422
    assert (
        send(api(charlie), "post", MARKS, {"item": str(item.pk), "quote": "two"}).status_code == 404
    )
    url = f"{MARKS}{by_words.json()['id']}/"
    noted = send(api(alice), "patch", url, {"note": "ask Bia"}, if_match='"1"')
    assert (noted.json()["note"], noted.json()["rev"]) == ("ask Bia", 2)
    assert send(api(alice), "patch", url, {"note": "late"}, if_match='"1"').status_code == 409
    assert len(api(alice).get(f"{MARKS}?item={item.pk}").json()["results"]) == 3
    assert send(api(alice), "delete", url).status_code == 204
    assert Highlight.objects.visible_to(alice).count() == 2


def test_tags_are_renamed_united_and_removed(api, alice):
    kept(alice, "https://example.org/1", tags=("piano", "rest"))
    kept(alice, "https://example.org/2", tags=("Klavier",))
    listed = {each["name"]: each for each in api(alice).get(TAGS).json()["results"]}
    assert {name: each["items"] for name, each in listed.items()} == {
        "piano": 1,
        "rest": 1,
        "Klavier": 1,
    }
    url = f"{TAGS}{listed['Klavier']['id']}/"
    united = send(api(alice), "patch", url, {"name": "PIANO"}, if_match='"1"')
    assert (united.json()["name"], united.json()["items"]) == ("piano", 2)
    rest = f"{TAGS}{listed['rest']['id']}/"
    assert (
        send(api(alice), "patch", rest, {"name": "sleep"}, if_match='"1"').json()["name"] == "sleep"
    )
    assert send(api(alice), "delete", rest).status_code == 204
    assert Tag.objects.get().name == "piano"


def test_a_page_is_asked_for_once_in_ten_minutes(api, alice):
    item = kept(alice, text="Words")
    asked = send(api(alice), "post", f"{ITEMS}{item.pk}/fetch/")
    assert (asked.status_code, asked.json()["fetch"]) == (202, "pending")
    again = send(api(alice), "post", f"{ITEMS}{item.pk}/fetch/")
    assert (again.status_code, again.json()["code"]) == (429, "asked_just_now")
    assert int(again["Retry-After"]) > 500


def test_nothing_is_anybody_elses(api, anybody, alice, cast):
    item = kept(alice, text="Words", tags=("piano",))
    mark = mark_quote(alice, item, quote="Words")
    trashed = kept(alice, "https://example.org/gone")
    trash_item(alice, trashed)
    tag = Tag.objects.get()
    calls = [
        ("get", f"{ITEMS}{item.pk}/"),
        ("get", f"{ITEMS}{item.pk}/page/"),
        ("patch", f"{ITEMS}{item.pk}/"),
        ("delete", f"{ITEMS}{item.pk}/"),
        ("post", f"{ITEMS}{item.pk}/fetch/"),
        ("post", f"{ITEMS}{trashed.pk}/restoration/"),
        ("get", f"{MARKS}{mark.pk}/"),
        ("delete", f"{MARKS}{mark.pk}/"),
        ("patch", f"{TAGS}{tag.pk}/"),
        ("delete", f"{TAGS}{tag.pk}/"),
    ]
    for who in (cast.bob, cast.charlie, cast.mallory, cast.moderator):
        for method, url in calls:
            body = {"name": "x"} if url.startswith(TAGS) else {}
            got = send(api(who), method, url, body, if_match='"1"')
            missing = send(
                api(who),
                method,
                url.replace(url.split("/")[5], str(new_id())),
                body,
                if_match='"1"',
            )
            assert got.status_code == missing.status_code == 404, (who, method, url)
            assert got.json().keys() == missing.json().keys()
        for url in (ITEMS, MARKS, TAGS):
            assert api(who).get(url).json()["results"] == []
    assert anybody.get(ITEMS).status_code == 401
