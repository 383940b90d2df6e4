"""Each test starts with no key in memory, as a new process would."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from accounts.models import User
from journal.models.nodes import Node
from writeorperish.crypto import keys
from writeorperish.refs import new_id


@pytest.fixture(autouse=True)
def no_keys_in_memory() -> Iterator[None]:
    keys.cache.clear()
    keys.uncommitted.clear()
    yield
    keys.cache.clear()


@pytest.fixture
def somebody(db: None) -> Callable[[str], User]:
    return lambda name: User.objects.create_user(email=f"{name}@example.org")


@pytest.fixture
def ann(somebody: Callable[[str], User]) -> User:
    return somebody("ann")


@pytest.fixture
def ben(somebody: Callable[[str], User]) -> User:
    return somebody("ben")


@pytest.fixture
def note() -> Callable[..., Node]:
    """A saved entry of this owner, by the model alone."""

    def saved(owner: User, title: str = "ann's title", body: str = "ann's words") -> Node:
        row = Node(id=new_id(), owner=owner, title=title, body=body, day=timezone.now().date())
        row.root = row
        row.save(force_insert=True)
        return row

    return saved
