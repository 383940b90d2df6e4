"""A number to call above an answer, from words alone: in each language, and nothing of it kept."""

import pytest
from django.conf import settings as site

from journal.actions.replies import ask_for_reply
from journal.helping import contact_in, country_of, is_acute
from tests.events_drain import drain
from tests.factories import befriend, entry
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event

DARK = "I can't sleep. I don't want to live like this, I want to die."
BEGINNING = "you don't have to carry it alone"


@pytest.mark.parametrize(
    "text",
    [
        DARK,
        "Some days I WANT TO DIE",
        "I don\u2019t want to live",
        "thinking of *killing   myself*\nagain",
        "Ich will nicht mehr leben.",
        "Ich denke daran, mir das Leben zu nehmen.",
        "Ya no quiero vivir.",
        "Je ne veux plus vivre. J\u2019ai envie de mourir.",
    ],
)
def test_words_about_dying_are_seen(text):
    assert is_acute(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The film made me want to die laughing.",
        "Ich will sterben vor Lachen.",
        "Je veux mourir de honte.",
        "quiero morirme de risa",
        "We read about a suicide in the paper.",
        "The plants want to diet? no: want to diette.",
        "I killed the lights and slept.",
    ],
)
def test_a_turn_of_speech_is_none(text):
    assert not is_acute(text)


def test_one_turn_of_speech_hides_nothing_else():
    assert is_acute("It made me want to die laughing. But really, I want to die.")


@pytest.mark.parametrize(
    ("zone", "country"),
    [("Europe/Berlin", "DE"), ("America/New_York", "US"), ("UTC", ""), ("Mars/Olympus", "")],
)
def test_a_zone_lies_in_a_country(zone, country):
    assert country_of(zone) == country


def test_contacts_are_those_of_the_site(settings):
    settings.HELP_CONTACTS = {"DE": "Somebody 123", "*": "anybody.example"}
    assert contact_in("Europe/Berlin") == "Somebody 123"
    assert contact_in("Asia/Tokyo") == "anybody.example"


@pytest.mark.django_db
def test_it_stands_above_the_answer_for_its_person_alone(alice, bob, signed_in):
    node = entry(
        alice, DARK, ai_usage="chat", zone="Europe/Berlin", circles=(befriend(alice, bob),)
    )
    reply, _job = ask_for_reply(alice, node.pk)
    mine = signed_in(alice)
    while_writing = mine.get(f"/journal/{node.pk}/").content.decode()
    drain()
    reply.refresh_from_db()
    part = {"HX-Request": "true", "HX-Target": f"entry-{reply.pk}"}
    pages = [
        while_writing,
        mine.get(f"/journal/{node.pk}/").content.decode(),
        mine.get(f"/journal/{reply.pk}/").content.decode(),
        mine.get(f"/journal/{reply.pk}/reply/", headers=part).content.decode(),
    ]
    for page in pages:
        assert BEGINNING in page.replace("&#x27;", "'")
        assert site.HELP_CONTACTS["DE"] in page
    assert pages[1].index(site.HELP_CONTACTS["DE"]) < pages[1].index(reply.body[-20:])
    assert (
        site.HELP_CONTACTS["DE"] not in signed_in(bob).get(f"/journal/{node.pk}/").content.decode()
    )


@pytest.mark.django_db
def test_nothing_of_it_is_kept(alice, signed_in):
    pair = [entry(alice, words, ai_usage="chat") for words in (DARK, "I slept well.")]
    for node in pair:
        ask_for_reply(alice, node.pk)
    drain()
    client = signed_in(alice)
    client.get(f"/journal/{pair[1].pk}/")
    before = Entry.objects.count(), Event.objects.count()
    assert BEGINNING not in client.get(f"/journal/{pair[1].pk}/").content.decode()
    client.get(f"/journal/{pair[0].pk}/")
    assert (Entry.objects.count(), Event.objects.count()) == before
