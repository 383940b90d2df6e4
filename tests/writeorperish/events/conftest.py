import pytest

from writeorperish.events.bus import LISTENERS
from writeorperish.events.tasks import broker


@pytest.fixture
def only_ours():
    """Nobody listens but whom the test registers."""
    before = dict(LISTENERS)
    LISTENERS.clear()
    yield
    LISTENERS.clear()
    LISTENERS.update(before)


@pytest.fixture
def broker_asked_again():
    """This process has forgotten that the broker was down."""
    broker.silent_until = 0.0
    yield
    broker.silent_until = 0.0
