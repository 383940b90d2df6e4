"""Search and suggestions at 1,000, 10,000 and 100,000 own passages, beside a million of others."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from accounts.models import User
from benchmarks import crowd, recommending
from benchmarks.floors import bare_postings, near, ratio, scan
from benchmarks.measuring import Times, side_by_side, timed
from benchmarks.people import app_of, somebody
from benchmarks.words import QUESTIONS, Diary
from download import legs
from download.legs import Scope
from download.query import parse
from download.search import Mode, search
from writeorperish.ai import promotion
from writeorperish.ai.models import Embedding, Vector
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import new_id

SIZES = (1_000, 10_000, 100_000)
MIDDLE = 10_000
CALLS = 60
TOP = 10


def figures() -> dict[str, object]:
    """Milliseconds, recall and ratios by number of own passages. About a quarter of an hour on two cores, 4 GB of disk."""
    made = crowd.originals(somebody("spender"))
    people = {size: somebody(f"own{size}") for size in SIZES}
    vectors = {size: crowd.fill(person, size, made, seed=size) for size, person in people.items()}
    keepers = {size: somebody(f"keeper{size}") for size in SIZES}
    for size, person in keepers.items():
        recommending.library(person, size, made, seed=size)
    crowd.settle()
    alone = measured(people[MIDDLE], vectors[MIDDLE], made)
    passages = crowd.crowd(people[SIZES[0]])
    tended = promotion.tend()
    told: dict[str, object] = {
        "passages_in_the_tables": passages,
        "graphs_built": tended.built,
        f"among_{MIDDLE}_alone": alone,
    }
    for size, person in people.items():
        told[f"among_{size}"] = measured(person, vectors[size], made)
        told[f"suggestions_among_{size}"] = recommending.measured(keepers[size], made)
    told["others_make_it_slower_by"] = slower(alone, told[f"among_{MIDDLE}"])
    return told


def measured(
    person: User, own: NDArray[np.float32], made: NDArray[np.float32]
) -> dict[str, object]:
    asked = list(crowd.between(made, CALLS, seed=77))
    typed = Diary(5).queries(CALLS)
    meant = [f"{QUESTIONS[n % len(QUESTIONS)]} {n}" for n in range(CALLS)]
    words, bare_words = side_by_side(
        [partial(by_words, person, each) for each in typed],
        [partial(bare_postings, person, each) for each in typed],
    )
    nearest, in_memory = side_by_side(
        [partial(near, person, each) for each in asked],
        [partial(scan, own, each) for each in asked],
    )
    client = app_of(person)
    whole, floor = side_by_side(
        [partial(client.get, "/api/v1/download/search/", {"q": each}) for each in typed],
        [partial(bare, person, each, vector) for each, vector in zip(typed, asked, strict=True)],
    )
    return {
        "words_leg": words.told() | ratio(words, bare_words),
        "meaning_sql": nearest.told()
        | {"recall_at_10": recall(person, own, asked)}
        | {"over_numpy_scan_in_memory": ratio(nearest, in_memory)["over_floor"]},
        "words": searched(person, typed, Mode.WORDS).told(),
        "meaning": searched(person, meant, Mode.MEANING).told(),
        "both": searched(person, typed, Mode.BOTH).told(),
        "api_call": whole.told() | ratio(whole, floor),
    }


def searched(person: User, queries: Sequence[str], mode: Mode) -> Times:
    calls: list[Callable[[], object]] = [
        partial(search, person, typed, mode=mode, zone=UTC) for typed in queries
    ]
    return timed(calls)


def by_words(person: User, typed: str) -> None:
    scope = Scope(person, person.pk, UTC)
    legs.ranked(scope, parse(typed, timezone.localdate()), words=True, vector=None)


def bare(person: User, typed: str, vector: Vector) -> None:
    """What a search cannot do without: both legs' rows, and the words made a vector."""
    bare_postings(person, typed)
    near(person, vector)
    crowd.embedded_words(person, f"{typed} {new_id()}")


def recall(person: User, own: NDArray[np.float32], asked: Sequence[Vector]) -> float:
    """The share of the ten nearest that are found, over all questions; nearest by the halves that the column keeps."""
    with rows_of(person.pk):
        rows = Embedding.objects.filter(owner_id=person.pk).order_by("pk")
        ids = list(rows.values_list("source_id", flat=True))
    hits, kept = 0, halves(own)
    for vector in asked:
        best = {ids[n] for n in scan(kept, halves(vector))[:TOP]}
        hits += len(best & {each.ref.id for each in near(person, vector)[:TOP]})  # type: ignore[attr-defined]
    return round(hits / (TOP * len(asked)), 4)


def halves(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors.astype(np.float16).astype(np.float32)


def slower(alone: object, beside: object) -> dict[str, float]:
    """How many times as long each takes, at the 95th percentile, when the others are there."""
    told = {}
    if isinstance(alone, dict) and isinstance(beside, dict):
        for name, times in alone.items():
            told[name] = round(beside[name]["p95_ms"] / times["p95_ms"], 2)
    return told
