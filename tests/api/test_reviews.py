"""Review as programs see it: a session, answers given offline, and taking one back."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from download.actions.items import change_item
from download.actions.reviews import make_cards
from download.models.reviews import Card
from tests.factories import kept
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
REVIEWS = "/api/v1/download/reviews/"


@pytest.fixture
def card(alice) -> Card:
    item = kept(alice, text="The kettle takes four minutes.", title="Mornings", note="for later")
    change_item(alice, item, reading="done")
    make_cards(alice.pk, [item.ref])
    return item.card


def answer(card, said="useful", **more):
    return {"card": str(card.pk), "answer": said, "key": str(new_id()), **more}


def test_a_session_tells_what_each_answer_would_do_and_does_it(api, alice, card):
    (shown,) = api(alice).get(f"{REVIEWS}session/").json()["cards"]
    assert (shown["front"], shown["back"], shown["due"]) == (
        "Mornings",
        "for later\n\nThe kettle takes four minutes.",
        None,
    )
    assert shown["ref"] == str(card.item.ref)
    sent = answer(card)
    first, again = (api(alice).post(REVIEWS, sent, format="json") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["due"] == shown["next"]["useful"]
    after = api(alice).get(f"{REVIEWS}session/").json()
    assert after == {"cards": [], "next_due": shown["next"]["useful"]}
    twice = api(alice).post(REVIEWS, answer(card), format="json")
    assert (twice.status_code, twice.json()["code"]) == (409, "answered_today")


def test_an_answer_given_offline_counts_from_when_it_was_given(api, alice, card):
    Card.objects.update(made_at=timezone.now() - timedelta(days=9))
    at = timezone.now() - timedelta(days=3)
    sent = answer(card, at=at.isoformat())
    assert api(alice).post(REVIEWS, sent, format="json").status_code == 201
    card.refresh_from_db()
    assert (timezone.now().date() - card.reviewed_on).days in {3, 4}
    unclear = api(alice).post(REVIEWS, answer(card, at="soon"), format="json")
    assert unclear.status_code == 422


def test_an_answer_is_undone_within_a_day_by_whoever_gave_it(api, alice, charlie, card):
    made = api(alice).post(REVIEWS, answer(card), format="json").json()
    assert api(charlie).delete(f"{REVIEWS}{made['id']}/").status_code == 404
    assert api(alice).delete(f"{REVIEWS}{made['id']}/").status_code == 204
    assert api(alice).delete(f"{REVIEWS}{made['id']}/").status_code == 404
    made = api(alice).post(REVIEWS, answer(card), format="json").json()
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        late = api(alice).delete(f"{REVIEWS}{made['id']}/")
    # The access token is older than ten minutes by then, too.
    assert late.status_code == 401


def test_nobody_sees_or_answers_the_cards_of_another(api, anybody, charlie, card):
    assert api(charlie).get(f"{REVIEWS}session/").json() == {"cards": [], "next_due": None}
    assert api(charlie).post(REVIEWS, answer(card), format="json").status_code == 404
    assert anybody.get(f"{REVIEWS}session/").status_code == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [({}, 200), ({"days": 1}, 200), ({"days": 0}, 422), ({"days": 91}, 422), ({"weeks": 2}, 400)],
)
def test_the_rest_is_spread_over_days_and_not_counted(api, alice, sent, status):
    told = api(alice).post(f"{REVIEWS}spread/", sent, format="json")
    assert told.status_code == status
    if status == 200:
        assert told.json() == {"days": sent.get("days", 14), "next_due": None}
