from collections.abc import Iterator

import pytest

from writeorperish.celery import app
from writeorperish.events.bus import LISTENERS
from writeorperish.events.tasks import broker


@pytest.fixture
def only_ours() -> Iterator[None]:
    """Nobody listens but whom the test registers."""
    before = dict(LISTENERS)
    LISTENERS.clear()
    yield
    LISTENERS.clear()
    LISTENERS.update(before)


@pytest.fixture
def broker_asked_again() -> Iterator[None]:
    """This process has forgotten that the broker was down."""
    broker.silent_until = 0.0
    yield
    broker.silent_until = 0.0


class BrokerAddress:
    """Where this process publishes: the address of the settings, or another."""

    def __init__(self) -> None:
        self.before = app.conf.broker_write_url

    def go_to(self, url: str | None) -> None:
        app.conf.broker_write_url = url
        app._pool = None
        app.amqp._producer_pool = None
        broker.silent_until = 0.0

    def back(self) -> None:
        self.go_to(self.before)


@pytest.fixture
def broker_address() -> Iterator[BrokerAddress]:
    address = BrokerAddress()
    yield address
    address.back()


@pytest.fixture
def dead_broker(broker_address: BrokerAddress) -> BrokerAddress:
    """Nobody answers where this process looks for the broker, until it looks back."""
    broker_address.go_to("redis+socket:///nowhere/redis.sock")
    return broker_address
