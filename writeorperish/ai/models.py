"""Vectors of texts, and the ledger of what models were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import numpy as np
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.django import HalfVectorField

from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import Ref, Sourced, new_id

Vector = NDArray[np.float32]


class Scope(models.TextChoices):
    """What is counted. Money is in microdollars, replies in pieces, transcription in seconds."""

    MONTH = "month", _("Money a month")
    BACKGROUND = "background", _("Of it, for work nobody waits for")
    FEATURE_DAY = "feature_day", _("Of it, a day for one such kind of work")
    REPLIES_DAY = "replies_day", _("Replies and answers a day")
    TRANSCRIPTION = "transcription", _("Speech a month")


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
        exact: bool = False,
    ) -> list[Near]:
        """The k closest passages of one owner in one space, nearest first.

        vector: (384,), unit length. `within` is already by sight; its model names the kind. ValueError on
        another size. Two queries: whether the owner has a graph (`promotion.py`), which is not asked with `within`
        or `exact`, and a scan of the owner's part of the index. With a graph three, which find nearly the same.
        """
        if vector.shape != (DIMENSIONS,):
            raise ValueError(f"A vector has {DIMENSIONS} numbers, this one {vector.shape}")
        if within is None and not exact:
            found = self._by_graph(vector, of, space, k)
            if len(found) == k:
                return found
        return self._by_scan(vector, of, space, within, k)

    def _by_scan(
        self,
        vector: Vector,
        of: UUID,
        space: int,
        within: GuardedQuerySet[Guarded] | None,
        k: int,
    ) -> list[Near]:
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
            {PLACES}
        """  # noqa: S608  # the only text put in is the ORM's own, its values are parameters
        return _places(statement, [_written(vector), of, space, *values, k, of])

    def _by_graph(self, vector: Vector, of: UUID, space: int, k: int) -> list[Near]:
        """At most k, and fewer where the owner has no graph: then nothing was searched."""
        with connection.cursor() as cursor:
            cursor.execute(FOLLOW_GRAPH, [str(max(LEAST_SEARCHED, k)), graph_of(of, space)])
            if not cursor.fetchall():
                return []
        # The owner and the space are written out, or the planner would not know that the graph is theirs.
        statement = f"""
            WITH best AS MATERIALIZED (
                SELECT id, vector <#> %s::halfvec AS distance FROM ai_embedding
                WHERE owner_id = '{of}'::uuid AND space = {space:d} AND vector IS NOT NULL
                ORDER BY distance LIMIT %s)
            {PLACES}
        """  # noqa: S608  # a UUID and a number
        found = _places(statement, [_written(vector), k, of])
        with connection.cursor() as cursor:
            cursor.execute(SORT_AGAIN)
        return found

    def usual(self, vector: Vector, *, of: UUID, space: int, sample: int) -> tuple[float, int]:
        """The median cosine of a vector with up to so many of an owner's passages, and how many those were.

        Those with the lowest digests: digests are keyed, so that they are as good as drawn, and the same each time.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH drawn AS MATERIALIZED (
                    SELECT vector FROM ai_embedding
                    WHERE owner_id = %s AND space = %s AND vector IS NOT NULL ORDER BY digest LIMIT %s)
                SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY -(vector <#> %s::halfvec)), count(*) FROM drawn
                """,
                [of, space, sample, _written(vector)],
            )
            median, count = cursor.fetchone()
        return float(median or 0.0), count


PLACES = """
    SELECT source_kind, source_id, part, start, "end", -distance
    FROM best JOIN ai_embedding USING (id) WHERE owner_id = %s ORDER BY distance, id
"""
# So many neighbours of neighbours are looked at, at least; pgvector's own figure is 40. Measured among 100,000
# vectors: of the ten nearest 200 finds .987 to all of them, and 400 hardly more for one millisecond more.
LEAST_SEARCHED = 200
# Says how to follow the graph, if there is one whose building ended well. The planner cannot know how many rows the
# wall leaves, guesses too few, and would sort them all instead: so what sorts is put out of the question.
FOLLOW_GRAPH = """
    SELECT set_config('enable_sort', 'off', true), set_config('hnsw.ef_search', %s, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true)
    FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid
"""
SORT_AGAIN = "SET LOCAL enable_sort = on"


def graph_of(owner_id: UUID, space: int) -> str:
    """What the graph over one owner's vectors in one space is called."""
    return f"{GRAPHS}{space}_{owner_id.hex}"


GRAPHS = "ai_graph_"


def _written(vector: Vector) -> str:
    return str(HalfVector(vector.tolist()).to_text())


def _places(statement: str, values: Sequence[Any]) -> list[Near]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Near(Ref(kind, id), *place) for kind, id, *place in cursor.fetchall()]


class Embedding(Sourced):
    """The vector of one passage in one space; or, with a reason, that there is none."""

    MADE_BY_AI: ClassVar = True
    WALLED: ClassVar = True

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

    class Outcome(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        FAILED = "failed"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    feature = models.CharField(max_length=20)
    task = models.CharField(max_length=40)
    prompt_version = models.CharField(max_length=12, blank=True, default="")
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=80)
    key_class = models.CharField(max_length=5)
    about_kind = models.CharField(max_length=60, blank=True, default="")
    about_id = models.UUIDField(null=True)
    job = models.UUIDField(null=True)
    parts = models.PositiveIntegerField()
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_read = models.PositiveIntegerField(default=0)
    tokens_written = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    audio_ms = models.PositiveIntegerField(default=0)
    held_microdollars = models.PositiveBigIntegerField(default=0)
    cost_microdollars = models.PositiveBigIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    background = models.BooleanField(default=False)
    sent = models.BooleanField()
    # Whether an earlier answer was used again: then nothing was sent, and `again` is the call that bought it.
    cached = models.BooleanField(default=False)
    again = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(max_length=7, choices=Outcome, default=Outcome.SETTLED)
    error = models.CharField(max_length=40, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now)
    first_byte_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(default=0)
    provider_request = models.CharField(max_length=80, blank=True, default="")
    request_mac = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(outcome__in=["held", "settled", "failed", "unknown"]),
                name="ai_call_outcome",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-started_at"], name="ai_call_of"),
            models.Index(fields=["started_at"], condition=Q(outcome="held"), name="ai_call_held"),
        ]

    def __str__(self) -> str:
        return f"call {self.pk}"


class KeptAnswer(models.Model):
    """What a model answered to one question, for a week. `mark` is a keyed digest of all that was asked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    mark = models.BinaryField(max_length=16)
    purpose = models.CharField(max_length=12)
    text = EncryptedTextField()
    model_name = models.CharField(max_length=80)
    call = models.ForeignKey(Call, models.CASCADE, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("ai_keptanswer", "text"),
            models.UniqueConstraint(fields=["owner", "mark"], name="ai_kept_answer_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["made_at"], name="ai_kept_answer_old")
        ]

    def __str__(self) -> str:
        return f"kept answer {self.pk}"


class AnswerSourceQuerySet(models.QuerySet["AnswerSource"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """An answer goes with any one of its texts."""
        answers = list(self.values_list("answer", flat=True).distinct())
        return KeptAnswer.objects.filter(pk__in=answers).delete()


class AnswerSource(Sourced):
    """That a kept answer was made of this text."""

    MADE_BY_AI: ClassVar = True

    answer = models.ForeignKey(KeptAnswer, models.CASCADE, related_name="sources")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")

    objects = AnswerSourceQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["source_kind", "source_id"], name="ai_answer_source_of")
        ]

    def __str__(self) -> str:
        return f"source {self.pk}"


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


class Allowance(models.Model):
    """What a person may use of one scope in one period; without a row nothing. `owner` null: everybody together."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )
    scope = models.CharField(max_length=20, choices=Scope)
    limit = models.PositiveBigIntegerField()
    set_by_hand = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["owner", "scope"], name="ai_allowance_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"allowance {self.pk}"


class Purse(models.Model):
    """What was spent of one scope in one period, and what is held for calls that are under way."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    scope = models.CharField(max_length=20)
    period = models.CharField(max_length=40)
    spent = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["owner", "scope", "period"], name="ai_purse_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(spent__gte=0, held__gte=0), name="ai_purse_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"purse {self.pk}"


class Preferences(models.Model):
    """What a person chose about AI. Without a row: not paused, no model preferred, any provider may answer.

    `providers`: the only ones that may; null is whichever is set up.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="ai_preferences"
    )
    paused = models.BooleanField(default=False)
    preferred_model = models.CharField(max_length=80, blank=True, default="")
    providers = ArrayField(models.CharField(max_length=20), null=True)

    def __str__(self) -> str:
        return f"preferences {self.pk}"


class Instructions(Guarded):
    """How a person wants AI to talk with them, in their own words. The newest row counts.

    Earlier ones stay, so that what was sent with them can be shown, until the person takes them all back.
    """

    words = EncryptedTextField()
    made_at = models.DateTimeField(default=timezone.now)

    objects = GuardedQuerySet["Instructions"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("ai_instructions", "words"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-made_at"], name="ai_instructions_of")
        ]

    def __str__(self) -> str:
        return f"instructions {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("accounts:ai")


class PromptText(models.Model):
    """A version of one of our prompts that was used: our words, nobody else's."""

    name = models.CharField(max_length=60)
    version = models.CharField(max_length=12)
    text = models.TextField()
    filed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "version"], name="ai_prompt_text_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Sent(models.Model):
    """How the request of one call was put together. Places in texts, never their words; what was typed is sealed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    call = models.OneToOneField(Call, models.CASCADE, related_name="request")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    recipe = EncryptedJSONField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [*sealed_checks("ai_sent", "recipe")]

    def __str__(self) -> str:
        return f"request {self.pk}"


class Job(models.Model):
    """A longer piece of AI work: queued by a person, run by a worker, followed by whoever may see it.

    `about` is what it works on, `result` where its text ends. `partial` is the text so far, gone with the end.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("stopped")

    EDGES: ClassVar = {
        State.QUEUED: {State.RUNNING, State.STOPPED, State.FAILED},
        State.RUNNING: {State.QUEUED, State.DONE, State.FAILED, State.STOPPED},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=40)
    about_kind = models.CharField(max_length=60)
    about_id = models.UUIDField()
    result_kind = models.CharField(max_length=60, blank=True, default="")
    result_id = models.UUIDField(null=True)
    model = models.CharField(max_length=80, blank=True, default="")
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    version = models.PositiveIntegerField(default=1)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    stop_asked_at = models.DateTimeField(null=True)
    partial = EncryptedTextField(null=True)
    seq = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=40, blank=True, default="")
    cost_microdollars = models.PositiveBigIntegerField(default=0)
    offline = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("ai_job", "partial"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed", "stopped"]),
                name="ai_job_state",
            ),
            models.UniqueConstraint(
                fields=["kind", "about_kind", "about_id"],
                condition=Q(state__in=["queued", "running"]),
                name="ai_job_one_at_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="ai_job_of"),
            models.Index(fields=["result_kind", "result_id"], name="ai_job_result"),
            models.Index(
                fields=["lease_until"], condition=Q(state="running"), name="ai_job_running"
            ),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def about(self) -> Ref:
        return Ref(self.about_kind, self.about_id)

    @property
    def over(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED, self.State.STOPPED}


class Verdict(models.Model):
    """What somebody did with one suggestion. `key` is a keyed digest of what was suggested: no word and no id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    key = models.BinaryField(max_length=16)
    outcome = models.CharField(max_length=20)
    explored = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["owner", "kind", "key", "outcome"], name="ai_verdict_once"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "outcome"], name="ai_verdict_counted")
        ]

    def __str__(self) -> str:
        return f"verdict {self.pk}"


class Taste(models.Model):
    """What one person's verdicts say about one trait of one kind of suggestion.

    `token` is blind: whether it is known of another suggestion is asked without opening a word; `label`
    says it to its person. `yes` of `total` is the evidence as it weighed at `as_of`; it fades from there.
    `taken`, `left` and `firm` (refusals for good) count verdicts.
    """

    EXPORTED: ClassVar = True

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    feature = models.CharField(max_length=20)
    token = models.BigIntegerField()
    label = EncryptedTextField()
    yes = models.FloatField(default=0)
    total = models.FloatField(default=0)
    taken = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    firm = models.PositiveIntegerField(default=0)
    as_of = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("ai_taste", "label"),
            models.UniqueConstraint(
                fields=["owner", "kind", "feature", "token"], name="ai_taste_once"
            ),
            models.CheckConstraint(
                condition=Q(yes__gte=0, yes__lte=F("total")), name="ai_taste_evidence"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-as_of", "-id"], name="ai_taste_newest")
        ]

    def __str__(self) -> str:
        return f"taste {self.pk}"


def halved(vectors: Sequence[Vector]) -> list[Any]:
    """Vectors as the column takes them. ValueError for one that is not unit length and finite."""
    for vector in vectors:
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or abs(length - 1) > 1e-3:
            raise ValueError("A vector is unit length")
    return [HalfVector(vector.tolist()) for vector in vectors]
