"""One person with very many passages, and a thousand others with a thousand each in the same tables."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from accounts.models import User
from benchmarks.words import Diary
from download.lexicon import Term, terms_of
from download.models.words import Chunk, Numbered, Shelf, put_in
from journal.models.nodes import Node
from writeorperish.ai import gateway
from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.models import Embedding, Vector, halved
from writeorperish.ai.parts import Typed
from writeorperish.crypto import blind, keys
from writeorperish.ops import embedded
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import new_id

AT_ONCE = 1_000
ORIGINALS = 200
DISTINCT = 5_000
# How far each vector lies beside the line between two originals, so that no two are alike.
TURN = 0.02
OTHERS = 1_000


def originals(spender: User) -> NDArray[np.float32]:
    """(200, 384): vectors of texts as the diaries of the crowd are made of."""
    diary = Diary(11)
    return np.stack([embedded_words(spender, diary.text()) for _ in range(ORIGINALS)])


def embedded_words(spender: User, words: str) -> Vector:
    """What somebody typed, as a vector, made anew."""
    return gateway.embed(Typed(words), spender=spender.pk, feature="search")[0]


def between(made: NDArray[np.float32], count: int, *, seed: int) -> NDArray[np.float32]:
    """(count, 384), unit length: each between two of the originals, and a little beside."""
    random = np.random.default_rng(seed)
    one, other = (made[random.integers(0, len(made), count)] for _ in range(2))
    share = random.uniform(0.5, 1, (count, 1)).astype(np.float32)
    turned = random.normal(0, TURN, one.shape).astype(np.float32)
    found: NDArray[np.float32] = share * one + (1 - share) * other + turned
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def fill(person: User, count: int, made: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """So many entries of one passage each, indexed by words and by meaning; their vectors, in the order made."""
    diary, vectors = Diary(seed), between(made, count, seed=seed)
    # Taking texts apart is most of the work, and what is measured does not know that they come again.
    distinct = [diary.text() for _ in range(min(DISTINCT, count))]
    terms = blinded(person, distinct)
    for first in range(0, count, AT_ONCE):
        picked = [n % len(distinct) for n in range(first, min(first + AT_ONCE, count))]
        texts = [distinct[n] for n in picked]
        with transaction.atomic(), rows_of(person.pk):
            nodes = entries(person, texts, first)
            index(person, nodes, [terms[n] for n in picked], first)
            embed(person, nodes, vectors[first : first + len(nodes)])
    with rows_of(person.pk):
        Shelf.locked(person.pk)
        Shelf.objects.filter(owner=person.pk).update(next_no=count)
    return vectors


def entries(person: User, texts: Sequence[str], first: int) -> list[Node]:
    now = timezone.now()
    nodes = []
    for n, text in enumerate(texts, start=first):
        at = now - timedelta(minutes=n)
        node = Node(
            id=new_id(), owner=person, body=text, chars=len(text), ai_usage=AIUsage.CHAT,
            written_at=at, day=at.date(),
        )  # fmt: skip
        node.root = node
        nodes.append(node)
    return Node.objects.bulk_create(nodes)


def index(person: User, nodes: Sequence[Node], terms: Sequence[Numbered], first: int) -> None:
    numbered = dict(enumerate(terms, start=first))
    put_in(person.pk, numbered)
    Chunk.objects.bulk_create(
        Chunk(
            owner_id=person.pk, no=no, source_kind="journal.node", source_id=node.pk, rev=1,
            part=0, start=0, end=node.chars, words=found.words, genre="diary", at=node.written_at,
            digest=secrets.token_bytes(16), tokens=found.tokens,
        )
        for node, (no, found) in zip(nodes, numbered.items(), strict=True)
    )  # fmt: skip


def blinded(person: User, texts: Sequence[str]) -> list[Numbered]:
    """What each passage is found by. Their words are few, so each is blinded once."""
    known: dict[Term, int] = {}
    holder = keys.person(person.pk)
    found = []
    for text in texts:
        counted = terms_of(text)
        for term in counted.counts.keys() - known.keys():
            known[term] = blind.token(holder, term.namespace, term.word)
        counts = Counter({known[term]: n for term, n in counted.counts.items()})
        found.append(Numbered(counts, counted.words))
    return found


def embed(person: User, nodes: Sequence[Node], vectors: NDArray[np.float32]) -> None:
    Embedding.objects.bulk_create(
        Embedding(
            owner_id=person.pk, source_kind="journal.node", source_id=node.pk, space=LOCAL.id,
            rev=1, part=0, start=0, end=node.chars, digest=secrets.token_bytes(16), vector=vector,
        )
        for node, vector in zip(nodes, halved(list(vectors)), strict=True)
    )  # fmt: skip


def crowd(model: User) -> int:
    """A thousand people have what `model` has, under names of their own; how many passages that makes.

    As the server's superuser, past the walls; the tables are vacuumed, as they are on a site that runs.
    """
    people = [User(email=f"crowd{n}@example.org") for n in range(OTHERS)]
    User.objects.bulk_create(people)
    with psycopg.connect(embedded.admin_database_url(settings.DATA_DIR), autocommit=True) as server:
        server.execute("SET synchronous_commit = off")
        server.execute("CREATE TEMP TABLE others (owner_id uuid)")
        with server.cursor().copy("COPY others FROM STDIN") as copy:
            for person in people:
                copy.write_row((person.pk,))
        for table in (
            "download_shelf",
            "download_chunk",
            "download_posting",
            "download_lengths",
            "ai_embedding",
        ):
            server.execute(copy_of(server, table), [model.pk])
        for table in ("download_chunk", "download_posting", "download_lengths", "ai_embedding"):
            server.execute(f"VACUUM ANALYZE {table}")
        found = server.execute("SELECT count(*) FROM download_chunk").fetchone()
    return int(found[0]) if found else 0


def copy_of(server: psycopg.Connection, table: str) -> str:
    """The statement that gives every other person the rows of one; keys of rows and texts are new."""
    columns = server.execute(
        "SELECT column_name::text FROM information_schema.columns "
        "WHERE table_name = %s AND is_identity = 'NO' ORDER BY ordinal_position",
        [table],
    ).fetchall()
    names = [f'"{name}"' for (name,) in columns]
    given = {'"owner_id"': "o.owner_id", '"source_id"': "gen_random_uuid()"}
    values = [given.get(name, f"m.{name}") for name in names]
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "  # noqa: S608
        f"FROM others o CROSS JOIN {table} m WHERE m.owner_id = %s ORDER BY o.owner_id"
    )


def settle() -> None:
    """What autovacuum does within minutes on a site that runs."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ai_embedding, download_chunk, download_posting")
