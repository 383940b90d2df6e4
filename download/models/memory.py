"""What is remembered of one thing, as numbers and days. Pure: spacing reckons with it, cards keep it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

LEAST_RETENTION: Final = 0.70
MOST_RETENTION: Final = 0.97
USUAL_RETENTION: Final = 0.85


class Grade(StrEnum):
    """When somebody wants to see a thing again, in their words. No grade is better than another."""

    SHOW_SOON = "show_soon"
    MORE_OFTEN = "more_often"
    USEFUL = "useful"
    LESS_OFTEN = "less_often"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known about one thing after `reps` reviews. Without a review there is none.

    stability: days until recall falls to 90 %, > 0. difficulty: 1..10.
    """

    stability: float
    difficulty: float
    reviewed_on: date
    due_on: date
    reps: int
