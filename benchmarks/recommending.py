"""Suggestions beside the editor among 1,000 and 10,000 passages of links, and what is related to an entry."""

import secrets
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial
from itertools import count as counted

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from accounts.models import User
from benchmarks import crowd
from benchmarks.floors import bare_postings, near, ratio
from benchmarks.measuring import Times, side_by_side, timed
from benchmarks.people import somebody
from benchmarks.words import Diary
from download import reasons
from download.actions.recommendations import Suggestions, suggest_for_draft
from download.models.items import Item
from download.models.reviews import Card
from download.models.words import Chunk, Numbered, Shelf, put_in
from download.relating import related
from journal.actions.drafts import save_draft
from journal.actions.nodes import write_node
from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.models import Embedding, halved
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import new_id

SIZES = (1_000, 10_000)
CALLS = 30


def figures() -> dict[str, object]:
    """Milliseconds and ratios by number of passages. About two minutes."""
    made = crowd.originals(somebody("spender"))
    told: dict[str, object] = {}
    for size in SIZES:
        person = somebody(f"keeps{size}")
        library(person, size, made, seed=size)
        crowd.settle()
        told[f"suggestions_among_{size}"] = measured(person, made)
    return told


def measured(person: User, made: NDArray[np.float32]) -> dict[str, object]:
    """Each text is new, so that nothing of it is kept yet; then the same ones once more."""
    diary = Diary(9)
    texts = [f"{diary.text()}\n\n{diary.text()}" for _ in range(CALLS)]
    drafts = [written(person, text) for text in texts]
    vectors = list(crowd.between(made, CALLS, seed=5))
    fresh, floor = side_by_side(
        [partial(beside, person, draft, text) for draft, text in zip(drafts, texts, strict=True)],
        [partial(bare, person, text, vec) for text, vec in zip(texts, vectors, strict=True)],
    )
    # What is on screen is part of the question, and stands after the first answer.
    for draft, text in zip(drafts, texts, strict=True):
        beside(person, draft, text)
    again = timed([partial(beside, person, d, t) for d, t in zip(drafts, texts, strict=True)])
    entries = [write_node(person, text=text).node.ref for text in texts]
    other = timed([partial(related, person, ref) for ref in entries])
    return {
        "beside": fresh.told() | ratio(fresh, floor),
        "beside_again": again.told(),
        "by_words_only": closed(person, diary).told(),
        "related_by_words": other.told(),
    }


def closed(person: User, diary: Diary) -> Times:
    texts = [f"{diary.text()}\n\n{diary.text()}" for _ in range(CALLS)]
    drafts = [written(person, text, ai_usage=AIUsage.NONE) for text in texts]
    return timed([partial(beside, person, d, t) for d, t in zip(drafts, texts, strict=True)])


def written(person: User, text: str, *, ai_usage: str = AIUsage.CHAT) -> object:
    draft = save_draft(person, new_id(), seq=1, title="", text=text, ai_usage=ai_usage)
    return draft.draft.pk


def beside(person: User, draft: object, text: str) -> Suggestions:
    """What one pause in writing costs: looking, keeping what is shown, and the words for it."""
    found = suggest_for_draft(person, draft, zone=UTC)  # type: ignore[arg-type]  # the id of a row
    reasons.shown(person, found.rows, text)
    return found


def bare(person: User, text: str, vector: NDArray[np.float32]) -> None:
    """What it cannot do without: both legs' rows, and the two paragraphs made vectors."""
    bare_postings(person, text)
    near(person, vector)
    for part in text.split("\n\n"):
        crowd.embedded_words(person, part)


def library(person: User, count: int, made: NDArray[np.float32], *, seed: int) -> None:
    """So many links of one passage each, on a hundred sites, indexed by words and by meaning, with their cards."""
    diary, vectors = Diary(seed), crowd.between(made, count, seed=seed)
    distinct = [diary.text() for _ in range(min(crowd.DISTINCT, count))]
    terms = crowd.blinded(person, distinct)
    for first in range(0, count, crowd.AT_ONCE):
        picked = [n % len(distinct) for n in range(first, min(first + crowd.AT_ONCE, count))]
        with transaction.atomic(), rows_of(person.pk):
            items = links(person, [distinct[n] for n in picked], first)
            index(person, items, [terms[n] for n in picked], first)
            embed(person, items, vectors[first : first + len(items)])
    with rows_of(person.pk):
        Shelf.locked(person.pk)
        Shelf.objects.filter(owner=person.pk).update(next_no=count)


def links(person: User, texts: Sequence[str], first: int) -> list[Item]:
    now = timezone.now()
    items = Item.objects.bulk_create(
        Item(
            id=new_id(), owner=person, url_key=secrets.token_bytes(16), site_key=n % 100, title=f"Link {n}",
            note=text, ai_usage=AIUsage.CHAT, fetch=Item.Fetch.SKIPPED, saved_at=now - timedelta(minutes=n),
        )
        for n, text in enumerate(texts, start=first)
    )  # fmt: skip
    Card.objects.bulk_create(Card(owner=person, item=item) for item in items)
    return items


def index(person: User, items: Sequence[Item], terms: Sequence[Numbered], first: int) -> None:
    numbered = dict(zip(counted(first), terms, strict=False))
    put_in(person.pk, numbered)
    Chunk.objects.bulk_create(
        Chunk(
            owner_id=person.pk, no=no, source_kind="download.item", source_id=item.pk, rev=1, part=0,
            start=0, end=len(item.note), words=found.words, genre="reading", at=item.saved_at,
            digest=secrets.token_bytes(16), tokens=found.tokens,
        )
        for item, (no, found) in zip(items, numbered.items(), strict=True)
    )  # fmt: skip


def embed(person: User, items: Sequence[Item], vectors: NDArray[np.float32]) -> None:
    Embedding.objects.bulk_create(
        Embedding(
            owner_id=person.pk, source_kind="download.item", source_id=item.pk, space=LOCAL.id, rev=1,
            part=0, start=0, end=len(item.note), digest=secrets.token_bytes(16), vector=vector,
        )
        for item, vector in zip(items, halved(list(vectors)), strict=True)
    )  # fmt: skip
