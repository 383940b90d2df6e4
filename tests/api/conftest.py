"""Callers of the API: people with a bearer token of their own."""

import random
from collections.abc import Callable
from functools import cache

import pytest
from rest_framework.test import APIClient

from accounts.actions.tokens import begin_family
from accounts.models import User


@pytest.fixture
def api(db: None) -> Callable[[User], APIClient]:
    """A client of an app this person signed in to: `api(alice).get(…)`."""

    @cache
    def caller(who: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {begin_family(who).access}")
        return client

    return caller


@pytest.fixture
def anybody(db: None) -> APIClient:
    """A signed-out client with an address of its own, whose turns nobody else has taken."""
    address = ".".join(str(random.randint(1, 254)) for _ in range(3))
    return APIClient(REMOTE_ADDR=f"10.{address}")
