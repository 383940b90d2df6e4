"""Imported entries that AI may read are noted for the profile only after a yes to a question with their price."""

import re

import pytest

from journal.actions.notes import pending
from journal.actions.portraits import ask_for_portrait
from journal.models.nodes import Node
from journal.models.portraits import Note
from tests.events_drain import drain
from tests.factories import zipped
from tests.journal.test_foreign_imports import run_of
from tests.journal.test_portrait_providers import (  # noqa: F401  # fixtures
    double,
    sent,
    server,
)
from tests.journal.test_portraits import SUBJECTS, agree, words_about
from writeorperish.ai.models import Call

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_encoder"),
]


def vault(count=10) -> bytes:
    return zipped(
        {f"2026-01-{n + 1:02} note.md": words_about(SUBJECTS[n % 10]) for n in range(count)}
    )


def answered(client, run, answer):
    return client.post(f"/journal/import/{run.pk}/notes/", {"notes": answer})


def test_nothing_is_read_or_sent_before_a_yes_to_the_price(alice, bob, double, signed_in):  # noqa: F811
    agree(alice)
    run = run_of(alice, vault(), ai_usage="chat")
    assert Node.objects.filter(owner=alice).count() == 10
    assert not pending(alice.pk).exists()
    client = signed_in(alice)
    page = client.get(f"/journal/import/{run.pk}/").content.decode()
    assert "10 entries of this import" in page
    assert re.search(r"about \d,\d{3} words", page)
    assert "is estimated at" in page
    assert "Claude Haiku" in page
    assert "wait for your word" in client.get("/journal/profile/").content.decode()
    assert client.post("/journal/profile/regeneration/").status_code == 409
    drain()
    assert (double.requests, Call.objects.filter(sent=True).count()) == ([], 0)

    assert answered(signed_in(bob), run, "yes").status_code == 404
    client = signed_in(alice)
    assert answered(client, run, "maybe").status_code == 422
    assert answered(client, run, "no").status_code == 302
    assert not pending(alice.pk).exists()
    assert "You said no." in client.get(f"/journal/import/{run.pk}/").content.decode()
    assert answered(client, run, "yes").status_code == 302
    assert double.requests == []
    ask_for_portrait(alice)
    drain()
    assert Note.objects.filter(owner=alice).count() == 10
    assert sent(double)
    assert "wait for your word" not in client.get("/journal/profile/").content.decode()


def test_what_is_closed_to_ai_is_not_asked_about(alice, signed_in):
    agree(alice)
    run = run_of(alice, vault(1), zone="UTC")
    client = signed_in(alice)
    assert (
        "Should your profile read them"
        not in client.get(f"/journal/import/{run.pk}/").content.decode()
    )
    assert answered(client, run, "yes").status_code == 409
    assert "wait for your word" not in client.get("/journal/profile/").content.decode()
    # Opened one by one by its person's own hand, an entry needs no second word.
    node = Node.objects.get(owner=alice)
    Node.objects.filter(pk=node.pk).update(ai_usage="chat")
    assert pending(alice.pk).get() == node


def test_without_a_service_it_is_said_that_nothing_is_sent_and_it_costs_nothing(alice, signed_in):
    run = run_of(alice, vault(1), ai_usage="chat")
    page = signed_in(alice).get(f"/journal/import/{run.pk}/").content.decode()
    assert "is done on this server and costs nothing" in page
    assert "is off: until you switch it on there" in page
