"""What a person asked their own texts, and the answers with the passages they rest on."""

from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import Sourced, new_id


def private(label: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(privacy_level="private"), name=f"download_{label}_is_private"
    )


class Conversation(Guarded):
    """Questions asked one after the other, and where they look: `{from, to, tags}`, days as ISO dates."""

    title = EncryptedTextField()
    scope = EncryptedJSONField()
    made_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(default=timezone.now)

    objects = GuardedQuerySet["Conversation"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("download_conversation", "title", "scope"),
            private("conversation"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-asked_at"], name="download_conversation_of")
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("download:conversation", args=[self.pk])


class Question(Guarded):
    """One question and what came of it. `instead_of`: the one it was asked anew for.

    `searched` and `left_out` count texts, `used` passages; `removed` the sentences that went with their source.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ANSWERED = "answered", _("answered")
        REFUSED = "refused", _("not in your archive")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="questions")
    instead_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    words = EncryptedTextField()
    job = models.UUIDField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    code = models.CharField(max_length=40, blank=True, default="")
    searched = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    used = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    offline = models.BooleanField(default=False)
    by_rule = models.BooleanField(default=False)
    model = models.CharField(max_length=80, blank=True, default="")
    cost_microdollars = models.PositiveBigIntegerField(default=0)
    useful = models.BooleanField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)

    objects = GuardedQuerySet["Question"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("download_question", "words"),
            private("question"),
            models.CheckConstraint(
                condition=Q(outcome__in=["waiting", "answered", "refused", "stopped", "failed"]),
                name="download_question_outcome",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["conversation", "asked_at"], name="download_question_of"),
            models.Index(
                fields=["owner"], condition=Q(outcome="waiting"), name="download_question_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"question {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{reverse('download:conversation', args=[self.conversation_id])}#question-{self.pk}"

    @property
    def over(self) -> bool:
        return self.outcome != self.Outcome.WAITING


class Segment(models.Model):
    """One sentence or two of an answer. `supported`: passages of the archive were found that it rests on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    question = models.ForeignKey(Question, models.CASCADE, related_name="segments")
    ordinal = models.PositiveSmallIntegerField()
    text = EncryptedTextField()
    supported = models.BooleanField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_segment", "text"),
            models.UniqueConstraint(
                fields=["question", "ordinal"], name="download_segment_ordinal"
            ),
        ]

    def __str__(self) -> str:
        return f"segment {self.pk}"


class CitationQuerySet(models.QuerySet["Citation"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """As usual, and the sentences they support go with them; their questions say how many."""
        gone: dict[UUID, set[UUID]] = {}
        rows = self.filter(segment__isnull=False)
        for question_id, segment_id in rows.values_list("question_id", "segment_id"):
            gone.setdefault(question_id, set()).add(segment_id)
        deleted = super().delete()
        for question_id, segments in gone.items():
            Question.objects.filter(pk=question_id).update(removed=F("removed") + len(segments))
            Segment.objects.filter(pk__in=segments).delete()
        return deleted


class Citation(Sourced):
    """A passage an answer points at, in the revision it was read in: `text[start:end]`, never its words.

    It supports a segment, or is shown below the question: the nearest ones where nothing was near enough, and what
    was found by words in texts that AI may not read.
    """

    MADE_BY_AI: ClassVar = True

    class Role(models.TextChoices):
        SUPPORT = "support", _("supports a sentence")
        NEAR = "near", _("nearest")
        CLOSED = "closed", _("found by words")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    question = models.ForeignKey(Question, models.CASCADE, related_name="citations")
    segment = models.ForeignKey(Segment, models.CASCADE, null=True, related_name="citations")
    role = models.CharField(max_length=7, choices=Role)
    number = models.PositiveSmallIntegerField()
    rev = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    objects = CitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="download_citation_span"),
            models.CheckConstraint(
                condition=Q(role__in=["near", "closed"], segment__isnull=True)
                | Q(role="support", segment__isnull=False),
                name="download_citation_role",
            ),
            models.UniqueConstraint(fields=["question", "number"], name="download_citation_number"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["source_kind", "source_id"], name="download_citation_source")
        ]

    def __str__(self) -> str:
        return f"citation {self.pk}"
