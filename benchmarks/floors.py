"""What a search cannot do without: the same rows fetched and scored, and nothing else."""

import numpy as np
from numpy.typing import NDArray

from accounts.models import User
from benchmarks.measuring import Times
from download import lexicon
from download.models.words import Lengths, Posting
from download.ranking import Asked, score
from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.models import Embedding, Vector
from writeorperish.crypto import blind, keys
from writeorperish.privacy.walls import rows_of

K = 50


def bare_postings(person: User, typed: str) -> None:
    """The same rows, fetched and scored, and nothing else."""
    weights = lexicon.asked_for(typed)
    holder = keys.person(person.pk)
    tokens = {term: blind.token(holder, term.namespace, term.word) for term in weights}
    with rows_of(person.pk):
        blocks = Posting.objects.asked(person.pk, tokens.values())
        lengths = Lengths.objects.of(person.pk)
    score([Asked(blocks.get(tokens[t], {}), w) for t, w in weights.items()], lengths)


def near(person: User, vector: Vector, k: int = K) -> list[object]:
    with rows_of(person.pk):
        return list(Embedding.objects.near(vector, of=person.pk, space=LOCAL.id, k=k))


def scan(own: NDArray[np.float32], vector: Vector) -> NDArray[np.int64]:
    """The same by numpy, everything in memory already."""
    distances = own @ vector
    nearest = np.argpartition(-distances, K)[:K]
    return nearest[np.argsort(-distances[nearest])]


def ratio(times: Times, floor: Times) -> dict[str, float]:
    return {"over_floor": round(times.percentile(0.5) / floor.percentile(0.5), 2)}
