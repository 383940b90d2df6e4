"""Search by words and by meaning among many entries."""

import secrets
import time
from collections.abc import Sequence
from datetime import UTC
from functools import partial

import numpy as np
from django.db import transaction

from accounts.models import User
from benchmarks.measuring import timed
from benchmarks.words import QUESTIONS, Diary
from download.actions.words import index_text
from download.search import Mode, search
from journal.models.nodes import Node
from writeorperish.ai import gateway
from writeorperish.ai.embeddings import LOCAL, embed_text
from writeorperish.ai.models import Embedding, halved
from writeorperish.events.catalog import Genre
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

SEARCHES = 60
EMBEDDED = 200
AT_ONCE = 500
# How far a copied vector is turned away from its original, so that no two are alike.
TURN = 0.02


def index_words(person: User, nodes: Sequence[Node]) -> dict[str, float]:
    """The word index of all these entries stands; how long one took."""
    began = time.perf_counter()
    for node in nodes:
        index_text(Ref.to(node), owner_id=person.pk, genre=Genre.DIARY)
    return per_entry(began, len(nodes))


def index_meaning(person: User, nodes: Sequence[Node]) -> dict[str, object]:
    """Vectors of all these entries stand: the first 200 are their own, the rest turned copies of those."""
    capable = gateway.capable("embed")
    if not capable.on:
        return {"off": capable.why}
    own, rest = nodes[:EMBEDDED], nodes[EMBEDDED:]
    began = time.perf_counter()
    for node in own:
        embed_text(Ref.to(node), owner_id=person.pk, genre=Genre.DIARY)
    told = per_entry(began, len(own))
    for first in range(0, len(rest), AT_ONCE):
        copy_vectors(person, rest[first : first + AT_ONCE])
    return {**told, "own_vectors": len(own), "copied_vectors": len(rest)}


def copy_vectors(person: User, nodes: Sequence[Node]) -> None:
    random = np.random.default_rng(len(nodes))
    with transaction.atomic(), rows_of(person.pk):
        originals = list(Embedding.objects.filter(owner_id=person.pk).order_by("pk")[:EMBEDDED])
        rows = []
        for index, node in enumerate(nodes):
            original = originals[index % len(originals)]
            vector = np.asarray(original.vector, np.float32)
            vector += random.normal(0, TURN, vector.shape).astype(np.float32)
            rows.append(
                Embedding(
                    owner_id=person.pk,
                    source_kind="journal.node",
                    source_id=node.pk,
                    space=LOCAL.id,
                    rev=1,
                    part=0,
                    start=0,
                    end=node.chars,
                    digest=secrets.token_bytes(16),
                    vector=halved([vector / np.linalg.norm(vector)])[0],
                )
            )
        Embedding.objects.bulk_create(rows)


def per_entry(began: float, count: int) -> dict[str, float]:
    return {"ms_per_entry": round((time.perf_counter() - began) * 1000 / count, 2)}


def searches(person: User) -> dict[str, object]:
    """Times of a search by words, by meaning, and by both."""
    words = Diary(5).queries(SEARCHES)
    meant = [f"{QUESTIONS[n % len(QUESTIONS)]} {n}" for n in range(SEARCHES)]
    asked = {Mode.WORDS: words, Mode.MEANING: meant, Mode.BOTH: words}
    return {
        str(mode): timed(
            [partial(search, person, typed, mode=mode, zone=UTC) for typed in queries]
        ).told()
        for mode, queries in asked.items()
    }
