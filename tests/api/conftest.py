"""Callers of the API: people with a bearer token of their own."""

from collections.abc import Callable
from functools import cache
from itertools import count

import pytest
from rest_framework.test import APIClient

from accounts.actions.tokens import begin_family
from accounts.models import User

ADDRESSES = count()


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
    # Counted, since Hypothesis winds every source of chance back to where it began.
    high, low = divmod(next(ADDRESSES), 250)
    return APIClient(REMOTE_ADDR=f"10.0.{high}.{low + 1}")
