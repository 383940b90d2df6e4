"""Graphs (HNSW) over the vectors of those few owners who have very many; everybody else's are scanned, which is exact.

A graph over all owners' vectors would be filtered after it was searched and find nothing for most of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Random

from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.models import GRAPHS, Embedding, graph_of
from writeorperish.privacy.walls import rows_of

# A scan of so many takes some 12 ms; below the second, a graph is not worth its size any more.
PROMOTED_ABOVE: Final = 20_000
DEMOTED_BELOW: Final = 15_000
MOST_GRAPHS: Final = 200

PROBES: Final = 20
PROBED_PLACES: Final = 20
LEAST_RECALL: Final = 0.97

NAMES = "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE starts_with(relname, %s)"
# With pgvector's own 64 a graph of 100,000 is built in 16 s instead of 24 and twice as many neighbours must be looked
# at to find as much of it.
BUILD = """CREATE INDEX CONCURRENTLY {name} ON ai_embedding
    USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 128)
    WHERE owner_id = '{owner}'::uuid AND space = {space:d}"""
MEMORY = "256MB"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tended:
    """How many graphs were built, dropped and left as they were."""

    built: int = 0
    dropped: int = 0
    kept: int = 0


def tend() -> Tended:
    """Every owner above 20,000 vectors has a graph, nobody below 15,000, and none that finds less than 97 %.

    One count an owner, inside their wall; a graph of 100,000 takes a minute or two to build, during which
    everything goes on. Runs outside of any transaction. Harmless twice; what a dead worker left half-built goes.
    """
    standing = graphs()
    for name in [name for name, valid in standing.items() if not valid]:
        drop(name)
        del standing[name]
    built, dropped, kept = 0, 0, 0
    for owner_id in owners():
        name = graph_of(owner_id, LOCAL.id)
        count = vectors_of(owner_id)
        if standing.pop(name, None) is None:
            if count > PROMOTED_ABOVE and len(standing) + built + kept < MOST_GRAPHS:
                build(owner_id)
                built += 1
        elif count < DEMOTED_BELOW or not finds_enough(owner_id):
            drop(name)
            dropped += 1
        else:
            kept += 1
    for name in standing:  # of people who have left
        drop(name)
    return Tended(built, dropped + len(standing), kept)


def graphs() -> dict[str, bool]:
    """The names of all graphs, and whether their building ended well."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [GRAPHS])
        return dict(cursor.fetchall())


def owners() -> Iterator[UUID]:
    return get_user_model().objects.order_by("pk").values_list("pk", flat=True).iterator()


def vectors_of(owner_id: UUID) -> int:
    with rows_of(owner_id):
        return Embedding.objects.filter(owner_id=owner_id, space=LOCAL.id).count()


def build(owner_id: UUID) -> None:
    name = graph_of(owner_id, LOCAL.id)
    statement = BUILD.format(name=name, owner=owner_id, space=LOCAL.id)
    with connection.cursor() as cursor:
        # Beyond this memory the building takes several times as long.
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [MEMORY])
        cursor.execute(statement)
        cursor.execute("RESET maintenance_work_mem")


def drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def finds_enough(owner_id: UUID) -> bool:
    """Whether the graph finds what a scan finds, for twenty of the owner's own vectors; said in the log if not."""
    found = recall(owner_id)
    if found < LEAST_RECALL:
        log.error("vectors.graph_misses", owner=str(owner_id), recall=round(found, 3))
    return found >= LEAST_RECALL


def recall(owner_id: UUID) -> float:
    """The share, 0..1, of the twenty nearest by a scan that are found by `near`, over twenty of the owner's vectors."""
    with rows_of(owner_id):
        rows = Embedding.objects.filter(owner_id=owner_id, space=LOCAL.id, vector__isnull=False)
        stored = list(rows.order_by(Random()).values_list("vector", flat=True)[:PROBES])
        hits, wanted = 0, 0
        for each in stored:
            vector = np.asarray(each, dtype=np.float32)
            vector /= np.linalg.norm(vector)
            scanned = Embedding.objects.near(
                vector, of=owner_id, space=LOCAL.id, k=PROBED_PLACES, exact=True
            )
            found = Embedding.objects.near(vector, of=owner_id, space=LOCAL.id, k=PROBED_PLACES)
            hits += len({(x.ref, x.part) for x in scanned} & {(x.ref, x.part) for x in found})
            wanted += len(scanned)
    return hits / wanted if wanted else 1.0
