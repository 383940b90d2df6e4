"""All figures, one after the other: nothing else of ours runs meanwhile."""

from collections.abc import Callable

from django.db import connection

from benchmarks import (
    keeping,
    reading,
    recommending,
    replying,
    retrieval,
    searching,
    speaking,
    writing,
)
from benchmarks.people import somebody, write_many
from writeorperish.ops import limits

FEW, MANY = 100, 10_000


def figures(*names: str) -> dict[str, object]:
    """Milliseconds, numbers of queries and ratios, by what was measured; all parts unless some are named.

    All take about half an hour on two cores. KeyError for a name of no part.
    """
    lift_limits()
    told: dict[str, object] = {}
    for name in names or PARTS:
        told |= PARTS[name]()
    return told


def diary() -> dict[str, object]:
    """Writing, reading, searching and replying. About five minutes."""
    few, many = somebody("few"), somebody("many")
    write_many(few, FEW, seed=3)
    entries = write_many(many, MANY, seed=3)
    words = searching.index_words(many, entries)
    meaning = searching.index_meaning(many, entries)
    # What autovacuum does within a minute on a site that runs.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {
        "write_by_api": writing.cost_of_sealing(),
        f"write_by_api_among_{MANY}": writing.among_many(many),
        f"log_page_among_{FEW}": reading.log_page(few),
        f"log_page_among_{MANY}": reading.log_page(many),
        "index_by_words": words,
        "index_by_meaning": meaning,
        f"search_among_{MANY}": searching.searches(many),
        "first_words_of_a_reply": replying.first_words(few),
    }


PARTS: dict[str, Callable[[], dict[str, object]]] = {
    "diary": diary,
    "keeping": keeping.figures,
    "speaking": speaking.figures,
    "recommending": recommending.figures,
    "retrieval": retrieval.figures,
}


def lift_limits() -> None:
    """Nobody waits for a turn: what is measured is the work."""
    for name in limits.RATES:
        limits.RATES[name] = limits.Rate(1_000_000, limits.SECOND)
