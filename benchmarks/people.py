"""Somebody who writes, their many entries, and clients that speak for them."""

from datetime import timedelta

from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.actions.people import join
from accounts.actions.tokens import begin_family
from accounts.models import User
from benchmarks.words import Diary
from journal.actions.nodes import write_node
from journal.models.nodes import Node
from writeorperish.privacy.levels import AIUsage

HOST = "localhost"
AT_ONCE = 500


def somebody(handle: str) -> User:
    """An admitted person with a profile."""
    person = User.objects.create_user(f"{handle}@example.org", state=User.State.ACTIVE)
    join(person)
    return person


def browser_of(person: User) -> Client:
    client = Client(SERVER_NAME=HOST)
    client.force_login(person, backend="accounts.adapters.Backend")
    return client


def app_of(person: User) -> Client:
    """A client of the API with a token of this person's."""
    access = begin_family(person).access
    return Client(SERVER_NAME=HOST, headers={"Authorization": f"Bearer {access}"})


def write_many(person: User, count: int, *, seed: int) -> list[Node]:
    """So many entries through the verb, three a day back from now, all open to search by meaning."""
    diary, now, written = Diary(seed), timezone.now(), []
    for first in range(0, count, AT_ONCE):
        with transaction.atomic():
            written += [
                write_node(
                    person,
                    text=diary.text(),
                    ai_usage=AIUsage.CHAT,
                    written_at=now - timedelta(hours=8 * index),
                ).node
                for index in range(first, min(first + AT_ONCE, count))
            ]
    return written
