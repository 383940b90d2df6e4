"""Review in the browser's words: one card at a time, with or without scripts."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from download.actions.reviews import answer_card, pace_of
from download.models.reviews import Card, Review
from tests.download.test_reviews import link
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
SESSION = "/review/session/"


def waiting(owner, numbers) -> None:
    """Cards answered a month ago, due now."""
    for number in numbers:
        item = link(owner, number)
        Card.objects.filter(item=item).update(made_at=timezone.now() - timedelta(days=99))
        at = timezone.now() - timedelta(days=60 + number)
        answer_card(
            owner,
            item.card.pk,
            "useful",
            key=new_id(),
            zone=timezone.get_current_timezone(),
            at=at,
        )


def shown(client) -> dict[str, str]:
    """The hidden values of the card on the page."""
    page = client.get(SESSION).content.decode()
    return dict(re.findall(r'name="(card|key|review)" value="([^"]+)"', page))


def test_a_session_goes_from_card_to_card_and_ends(alice, signed_in):
    waiting(alice, range(7))
    client = signed_in(alice)
    home = client.get("/review/").content.decode()
    assert "Start with 5 cards" in home
    assert "Spread the rest" in home
    assert "7" not in re.sub(r"<[^>]+>|&#x27;", "", home.partition("<main")[2])
    assert client.post(SESSION).status_code == 302
    seen = set()
    for number in range(5):
        page = client.get(SESSION)
        assert f"{number + 1} of 5" in page.content.decode()
        sent = shown(client)
        seen.add(sent["card"])
        answer = client.post(f"{SESSION}grades/", {**sent, "answer": "useful"})
        assert (answer.status_code, answer["Location"]) == (302, SESSION)
    ended = client.get(SESSION).content.decode()
    assert "Stop here or take some more." in ended
    assert len(seen) == 5
    assert Review.objects.filter(at__gt=timezone.now() - timedelta(hours=1)).count() == 5


def test_a_card_is_skipped_snoozed_or_taken_back(alice, signed_in):
    waiting(alice, range(3))
    client = signed_in(alice)
    client.post(SESSION)
    first = shown(client)
    client.post(f"{SESSION}skip/", first)
    second = shown(client)
    client.post(f"{SESSION}snooze/", second)
    third = shown(client)
    assert len({each["card"] for each in (first, second, third)}) == 3
    client.post(f"{SESSION}grades/", {**third, "answer": "done_with"})
    put_away = {str(card.pk): card for card in Card.objects.all()}
    assert put_away[first["card"]].snoozed_until is None
    assert put_away[second["card"]].snoozed_until is not None
    assert put_away[third["card"]].done_with_at is not None
    undone = shown(client)
    client.post(f"{SESSION}undo/", {"review": undone["review"]})
    assert Card.objects.get(pk=third["card"]).done_with_at is None
    assert shown(client)["card"] == third["card"]


def test_a_double_click_and_a_form_out_of_shape(alice, signed_in):
    waiting(alice, range(2))
    client = signed_in(alice)
    sent = {**shown(client), "answer": "useful"}
    for _ in range(2):
        assert client.post(f"{SESSION}grades/", sent).status_code == 302
    assert Review.objects.filter(key=sent["key"]).count() == 1
    for broken in ({**sent, "answer": "perfect"}, {**sent, "card": "x"}, {}):
        assert client.post(f"{SESSION}grades/", broken).status_code == 404
    again = client.post(f"{SESSION}grades/", {**sent, "key": str(new_id())})
    assert again.status_code == 409


def test_nothing_is_due_and_when_something_will_be(alice, charlie, signed_in):
    client = signed_in(alice)
    assert "Nothing is due." in client.get("/review/").content.decode()
    assert "Nothing is due." in client.get(SESSION).content.decode()
    waiting(alice, [1])
    client.post(f"{SESSION}grades/", {**shown(client), "answer": "show_soon"})
    assert "Nothing is due. Next:" in client.get("/review/").content.decode()
    assert "1.example" not in signed_in(charlie).get(SESSION).content.decode()


def test_the_rest_is_spread_and_the_next_session_stays(alice, signed_in):
    waiting(alice, range(8))
    client = signed_in(alice)
    client.post("/review/spread/")
    home = client.get("/review/").content.decode()
    assert "Start with 5 cards" in home
    assert "Spread the rest" not in home


def test_the_pace_is_set_on_its_page_and_shown_in_the_settings(alice, signed_in):
    client = signed_in(alice)
    sent = {"cards": 3, "retention": "0.92"}
    assert client.post("/review/settings/", sent).status_code == 302
    assert (pace_of(alice).cards, pace_of(alice).retention) == (3, 0.92)
    assert client.post("/review/settings/", {"cards": 99, "retention": "1"}).status_code == 422
    part = client.get(
        "/review/settings/",
        headers={"HX-Request": "true", "HX-Target": "section#slot-download-review-settings"},
    )
    assert "3 cards in a session" in part.content.decode()
    assert 'hx-get="/review/settings/"' in client.get("/settings/").content.decode()
