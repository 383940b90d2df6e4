"""What suggestions learned, as programs and the settings show it."""

import pytest

from download.learning import KIND, LINK, traits_in_words
from tests.factories import kept
from writeorperish.ai.models import Taste
from writeorperish.ai.verdicts import verdict
from writeorperish.privacy import consent
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
LEARNED = "/api/v1/me/learned/"
PAGE = "/settings/learned/"


@pytest.fixture
def taught(alice):
    labels = traits_in_words(kept(alice, tags=("piano",)), LINK)
    verdict(alice, KIND, "opened", about=new_id().bytes, traits=labels)


def test_what_was_learned_is_listed_and_forgotten(api, alice, charlie, taught):
    lines = api(alice).get(LEARNED).json()["results"]
    assert {"Shown more: links from example.org. You took 1 of 1."} < {
        each["words"] for each in lines
    }
    assert len(lines) == 3
    assert {each["kind"] for each in lines} == {KIND}
    assert api(charlie).get(LEARNED).json()["results"] == []
    first = f"{LEARNED}{lines[0]['id']}/"
    assert [api(who).delete(first).status_code for who in (charlie, alice, alice)] == [
        404,
        204,
        404,
    ]
    assert len(api(alice).get(f"{LEARNED}?limit=1").json()["results"]) == 1
    assert api(alice).delete(LEARNED).status_code == 204
    assert api(alice).get(LEARNED).json()["results"] == []


def test_the_page_says_it_in_words_and_forgets(alice, charlie, signed_in, taught):
    client = signed_in(alice)
    page = client.get(PAGE).content.decode()
    assert "Shown more: links from example.org. You took 1 of 1." in page
    assert "example.org" not in signed_in(charlie).get(PAGE).content.decode()
    one = Taste.objects.first()
    address = f"{PAGE}{one.pk}/forgetting/"
    assert signed_in(charlie).post(address).status_code == 404
    assert client.post(address).status_code == 302
    assert Taste.objects.count() == 2
    client.post(f"{PAGE}forgetting/")
    assert "Nothing was learned yet." in client.get(PAGE).content.decode()


def test_the_switch_stops_learning_and_forgets(alice, signed_in, taught, drain):
    client = signed_in(alice)
    assert client.post(PAGE, {"learning": "on"}).status_code == 302
    assert Taste.objects.count() == 3
    client.post(PAGE, {})
    assert consent.allows(alice.pk, "personalise") is False
    drain()
    assert not Taste.objects.exists()
