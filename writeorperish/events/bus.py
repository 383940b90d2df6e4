"""Who hears which fact."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

from writeorperish.events.catalog import Genre
from writeorperish.events.facts import Fact, kinds

Queue = Literal["urgent", "normal", "low"]
Told = TypeVar("Told", bound=Fact)

# How long a worker may hold a receipt before another may take it.
LEASES: dict[str, timedelta] = {
    "urgent": timedelta(minutes=1),
    "normal": timedelta(minutes=5),
    "low": timedelta(minutes=15),
}
# A worker is stopped this long before its lease ends, so that two never hold one receipt.
MARGIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Listener:
    """A function that hears one kind of fact. Its name is its place in the code and stands in the receipts."""

    name: str
    fact: type[Fact]
    genres: frozenset[Genre]
    queue: Queue
    lease: timedelta
    hear: Callable[[Fact], None]

    def wants(self, fact: Fact) -> bool:
        return type(fact) is self.fact and (
            not self.genres or getattr(fact, "genre", None) in self.genres
        )


LISTENERS: dict[tuple[str, str], Listener] = {}


def on(
    fact: type[Told],
    *,
    genres: Collection[Genre] | None = None,
    queue: Queue = "normal",
    lease: timedelta | None = None,
) -> Callable[[Callable[[Told], None]], Callable[[Told], None]]:
    """Makes a function in an app's `handlers.py` hear a fact, perhaps more than once and in any order.

    `genres` None: all. `lease`: how long it may take, when the queue's default is too short. The function
    runs outside any transaction. TypeError for genres of a fact that has none, a queue that does not exist,
    a lease too short to end in time, or a second listener of that name.
    """
    if genres is not None and kinds(fact).get("genre") is not Genre:
        raise TypeError(f"{fact.__name__} has no genre")
    if queue not in LEASES:
        raise TypeError(f"There is no queue {queue}")
    held = LEASES[queue] if lease is None else lease
    if held < 2 * MARGIN:
        raise TypeError(f"A lease has at least {2 * MARGIN.seconds} s")

    def register(hear: Callable[[Told], None]) -> Callable[[Told], None]:
        name = f"{hear.__module__}.{hear.__qualname__}"
        if (fact.__name__, name) in LISTENERS:
            raise TypeError(f"{name} hears {fact.__name__} already")
        LISTENERS[fact.__name__, name] = Listener(
            name,
            fact,
            frozenset(genres or ()),
            queue,
            held,
            hear,  # type: ignore[arg-type]  # wants() guards the type
        )
        return hear

    return register


def listeners_to(fact: Fact) -> Iterator[Listener]:
    """Those who want this fact, by its type and genre."""
    return (listener for listener in LISTENERS.values() if listener.wants(fact))


def listener_named(name: str, fact: str) -> Listener | None:
    """The listener a receipt was written for, None when this process does not know it."""
    return LISTENERS.get((fact, name))
