"""Vectors of texts, and the ledger of what models were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import numpy as np
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.django import HalfVectorField

from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import Ref, Sourced, new_id

Vector = NDArray[np.float32]

DIMENSIONS = 384


@dataclass(frozen=True, slots=True)
class Near:
    """A passage close in meaning, and how close: cosine in -1..1."""

    ref: Ref
    part: int
    start: int
    end: int
    cosine: float


class EmbeddingQuerySet(models.QuerySet["Embedding"]):
    def near(
        self,
        vector: Vector,
        *,
        of: UUID,
        space: int,
        within: GuardedQuerySet[Guarded] | None = None,
        k: int = 50,
    ) -> list[Near]:
        """The k closest passages of one owner in one space, nearest first.

        vector: (384,), unit length. `within` is already by sight; its model names the kind. ValueError on
        another size. One query, an exact scan of the owner's part of the index.
        """
        if vector.shape != (DIMENSIONS,):
            raise ValueError(f"A vector has {DIMENSIONS} numbers, this one {vector.shape}")
        narrowed, values = "", []
        if within is not None:
            try:
                sql, params = within.order_by().values("pk").query.sql_with_params()
            except EmptyResultSet:  # the ORM knows already that these are no rows
                return []
            narrowed = f"AND source_kind = %s AND source_id IN ({sql})"
            values = [within.model._meta.label_lower, *params]
        # The order is made in a step of its own, so that the index alone answers it.
        statement = f"""
            WITH best AS MATERIALIZED (
                SELECT id, vector <#> %s::halfvec AS distance FROM ai_embedding
                WHERE owner_id = %s AND space = %s AND vector IS NOT NULL {narrowed}
                ORDER BY distance, id LIMIT %s)
            SELECT source_kind, source_id, part, start, "end", -distance
            FROM best JOIN ai_embedding USING (id) WHERE owner_id = %s ORDER BY distance, id
        """  # noqa: S608  # the only text put in is the ORM's own, its values are parameters
        with connection.cursor() as cursor:
            cursor.execute(
                statement, [HalfVector(vector.tolist()).to_text(), of, space, *values, k, of]
            )
            return [Near(Ref(kind, id), *place) for kind, id, *place in cursor.fetchall()]


class Embedding(Sourced):
    """The vector of one passage in one space; or, with a reason, that there is none."""

    MADE_BY_AI: ClassVar = True

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_index=False
    )
    rev = models.PositiveIntegerField()
    part = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    space = models.PositiveSmallIntegerField()
    digest = models.BinaryField(max_length=16)
    listed = models.BooleanField(default=False)
    reason = models.CharField(max_length=20, blank=True, default="")
    vector = HalfVectorField(dimensions=DIMENSIONS, null=True)
    made_at = models.DateTimeField(default=timezone.now)

    objects = EmbeddingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source_kind", "source_id", "space", "part"],
                name="ai_embedding_part",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(vector__isnull=True) ^ Q(reason=""),
                name="ai_embedding_vector_or_reason",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["owner", "space"],
                include=["id", "source_kind", "source_id", "listed", "vector"],
                name="ai_embedding_near",
            )
        ]

    def __str__(self) -> str:
        return f"embedding {self.pk}"


class Call(models.Model):
    """One use of a model: who it is for, what for, what it cost. No word of anybody's."""

    class State(models.TextChoices):
        SETTLED = "settled"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    feature = models.CharField(max_length=20)
    task = models.CharField(max_length=20)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=80)
    key_class = models.CharField(max_length=5)
    parts = models.PositiveIntegerField()
    tokens_in = models.PositiveIntegerField(default=0)
    cost_microdollars = models.PositiveBigIntegerField(default=0)
    sent = models.BooleanField()
    outcome = models.CharField(max_length=7, choices=State, default=State.SETTLED)
    error = models.CharField(max_length=40, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now)
    total_ms = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-started_at"], name="ai_call_of")
        ]

    def __str__(self) -> str:
        return f"call {self.pk}"


class Read(models.Model):
    """That a model was given a stretch of one text."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="reads")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=60)
    ref_id = models.UUIDField()
    rev = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    purpose = models.CharField(max_length=12)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "ref_id"], name="ai_read_of_text")
        ]

    def __str__(self) -> str:
        return f"read {self.pk}"


def halved(vectors: Sequence[Vector]) -> list[Any]:
    """Vectors as the column takes them. ValueError for one that is not unit length and finite."""
    for vector in vectors:
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or abs(length - 1) > 1e-3:
            raise ValueError("A vector is unit length")
    return [HalfVector(vector.tolist()) for vector in vectors]
