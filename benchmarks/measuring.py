"""Times of single calls, and what is told of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest


@dataclass(frozen=True, slots=True)
class Times:
    """How long each call took, in milliseconds."""

    milliseconds: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The time that this share of the calls, 0..1, stayed within (nearest rank)."""
        ordered = sorted(self.milliseconds)
        return ordered[max(0, round(share * len(ordered)) - 1)]

    def told(self) -> dict[str, float]:
        return {
            "p50_ms": round(self.percentile(0.5), 2),
            "p95_ms": round(self.percentile(0.95), 2),
            "calls": len(self.milliseconds),
        }


def timed(calls: Sequence[Callable[[], object]], *, warm: int = 3) -> Times:
    """The time of each call in turn, after the first few ran once untimed."""
    for call in calls[:warm]:
        call()
    return Times(tuple(one(call) for call in calls))


def side_by_side(
    first: Sequence[Callable[[], object]], second: Sequence[Callable[[], object]]
) -> tuple[Times, Times]:
    """Two ways to do the same, call by call in turns, so that a change of the machine meets both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for place, call in turns(first, second):
        times[place].append(one(call))
    return Times(tuple(times[0])), Times(tuple(times[1]))


def turns(
    first: Sequence[Callable[[], object]], second: Sequence[Callable[[], object]]
) -> Iterator[tuple[int, Callable[[], object]]]:
    for pair in zip_longest(first, second):
        yield from ((place, call) for place, call in enumerate(pair) if call is not None)


def one(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000
