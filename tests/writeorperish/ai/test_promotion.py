"""Graphs for owners with many vectors: they find what a scan finds, come and go, and show nobody else's rows."""

import numpy as np
import pytest
from django.db import IntegrityError, connection

from tests.factories import person
from writeorperish.ai import promotion
from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.models import DIMENSIONS, Embedding, graph_of, halved
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)
MANY, FEW = 300, 30


def vectors(count: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def give_vectors(owner, count: int, seed: int) -> np.ndarray:
    given = vectors(count, seed)
    with rows_of(owner.pk):
        Embedding.objects.bulk_create(
            Embedding(
                owner_id=owner.pk, source_kind="journal.node", source_id=new_id(), space=LOCAL.id,
                rev=1, part=0, start=0, end=5, digest=new_id().bytes, vector=vector,
            )
            for vector in halved(list(given))
        )  # fmt: skip
    return given


@pytest.fixture
def lowered(monkeypatch):
    monkeypatch.setattr(promotion, "PROMOTED_ABOVE", MANY - 1)
    monkeypatch.setattr(promotion, "DEMOTED_BELOW", MANY - 100)


@pytest.fixture
def alice(lowered):
    alice = person("alice")
    yield alice
    for name in promotion.graphs():
        promotion.drop(name)


def near(owner, vector, **options):
    with rows_of(owner.pk):
        return Embedding.objects.near(vector, of=owner.pk, space=LOCAL.id, **options)


def test_who_has_many_gets_a_graph_that_finds_the_same_and_loses_it_again(alice):
    bob = person("bob")
    given = give_vectors(alice, MANY, 1)
    give_vectors(bob, FEW, 2)
    assert promotion.tend() == promotion.Tended(built=1)
    assert promotion.graphs() == {graph_of(alice.pk, LOCAL.id): True}
    assert promotion.tend() == promotion.Tended(kept=1)
    assert promotion.recall(alice.pk) == 1.0

    for vector in given[:5]:
        by_graph, by_scan = near(alice, vector, k=20), near(alice, vector, k=20, exact=True)
        assert [each.ref for each in by_graph] == [each.ref for each in by_scan]
    assert len(near(alice, given[0], k=MANY + 5)) == MANY

    with rows_of(alice.pk):
        kept = Embedding.objects.filter(owner_id=alice.pk).values_list("pk", flat=True)[:FEW]
        Embedding.objects.filter(owner_id=alice.pk).exclude(pk__in=list(kept)).delete()
    assert promotion.tend() == promotion.Tended(dropped=1)
    assert promotion.graphs() == {}


def noting(asked: list[tuple[str, object]]):
    """Puts each statement into the list, with its values."""

    def execute(execute, sql, params, many, context):
        asked.append((sql, params))
        return execute(sql, params, many, context)

    return execute


def test_the_graph_is_followed_for_its_owner_and_nobody_else(alice):
    bob = person("bob")
    given = give_vectors(alice, MANY, 1)
    give_vectors(bob, FEW, 2)
    promotion.tend()
    for owner, followed in ((alice, True), (bob, False)):
        asked = []
        with connection.execute_wrapper(noting(asked)):
            near(owner, given[0], k=10)
        ((statement, values),) = [each for each in asked if "WITH best" in each[0]]
        with rows_of(owner.pk), connection.cursor() as cursor:
            # So few rows are sorted faster than a graph is followed.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {statement}", values)
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert (graph_of(alice.pk, LOCAL.id) in plan) is followed, plan


def test_a_graph_that_misses_is_dropped_and_said(alice, monkeypatch):
    give_vectors(alice, MANY, 1)
    promotion.tend()
    monkeypatch.setattr(promotion, "LEAST_RECALL", 1.1)
    assert promotion.tend() == promotion.Tended(dropped=1)


def test_graphs_of_the_gone_and_half_built_ones_go(alice):
    give_vectors(alice, FEW, 1)
    promotion.build(alice.pk)
    promotion.build(new_id())
    half = "CREATE UNIQUE INDEX CONCURRENTLY ai_graph_1_half ON ai_embedding (owner_id)"
    with connection.cursor() as cursor, pytest.raises(IntegrityError):
        cursor.execute(half)
    assert promotion.graphs()["ai_graph_1_half"] is False
    assert promotion.tend() == promotion.Tended(dropped=2)
    assert promotion.graphs() == {}
