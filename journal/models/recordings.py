"""Speech on its way to an entry: what arrives piece by piece, the one file made of it, and its words."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.models.drafts import Draft
from journal.models.nodes import Node
from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.crypto.models import Blob
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import new_id


class Recording(models.Model):
    """What somebody said. `segments` lists what the device says it made: number of chunks and milliseconds.

    Its words go to a draft or become an entry; the sound stays until the person deletes it.
    """

    class State(models.TextChoices):
        OPEN = "open", _("being recorded")
        FINISHING = "finishing", _("waiting for its last parts")
        ASSEMBLING = "assembling", _("being put together")
        TRANSCRIBING = "transcribing", _("being written down")
        READY = "ready", _("ready")
        FAILED = "failed", _("not put together")

    class Transcript(models.TextChoices):
        OFF = "off", _("not written down")
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("being written down")
        PARTIAL = "partial", _("written down in part")
        DONE = "done", _("written down")
        FAILED = "failed", _("not understood")

    class Into(models.TextChoices):
        DRAFT = "draft", _("a draft")
        ENTRY = "entry", _("an entry")

    EDGES: ClassVar = {
        State.OPEN: {State.FINISHING, State.ASSEMBLING},
        State.FINISHING: {State.OPEN, State.ASSEMBLING},
        State.ASSEMBLING: {State.TRANSCRIBING, State.READY, State.FAILED},
        State.TRANSCRIBING: {State.READY},
        State.READY: {State.TRANSCRIBING},
        State.FAILED: {State.ASSEMBLING},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recordings")
    parent = models.ForeignKey(Node, models.SET_NULL, null=True, related_name="+")
    draft = models.ForeignKey(Draft, models.SET_NULL, null=True, related_name="recordings")
    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="recordings")
    privacy_level = models.CharField(
        max_length=8, choices=PrivacyLevel, default=PrivacyLevel.PRIVATE
    )
    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)
    zone = models.CharField(max_length=60, default="UTC")
    language = models.CharField(max_length=12, blank=True, default="")
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    version = models.PositiveIntegerField(default=1)
    error = models.CharField(max_length=40, blank=True, default="")
    transcript = models.CharField(max_length=7, choices=Transcript, default=Transcript.OFF)
    # Why there are no words, or not all: the code of a refusal.
    why = models.CharField(max_length=40, blank=True, default="")
    into = models.CharField(max_length=5, choices=Into, default=Into.DRAFT)
    keep_audio = models.BooleanField(default=True)
    segments = models.JSONField(default=list)
    # How many of the announced chunks never came and were let go.
    holes = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    media_type = models.CharField(max_length=40, blank=True, default="")
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    peaks = EncryptedJSONField(null=True)
    # What it is known by when the file it came in comes again.
    source_key = models.BinaryField(max_length=32, null=True)
    import_run = models.ForeignKey(
        "journal.ImportRun", models.SET_NULL, null=True, blank=True, related_name="recordings"
    )
    created_at = models.DateTimeField(default=timezone.now)
    heard_at = models.DateTimeField(default=timezone.now)
    discarded_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_recording", "peaks"),
            models.UniqueConstraint(
                fields=["owner", "source_key"],
                condition=Q(source_key__isnull=False),
                name="journal_recording_source_key",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "open",
                        "finishing",
                        "assembling",
                        "transcribing",
                        "ready",
                        "failed",
                    ]
                ),
                name="journal_recording_state",
            ),
            models.CheckConstraint(
                condition=Q(
                    transcript__in=["off", "queued", "running", "partial", "done", "failed"]
                ),
                name="journal_recording_transcript",
            ),
            models.CheckConstraint(
                condition=Q(into__in=["draft", "entry"]), name="journal_recording_into"
            ),
            models.CheckConstraint(
                condition=Q(privacy_level__in=PrivacyLevel.values),
                name="journal_recording_privacy_level",
            ),
            models.CheckConstraint(
                condition=Q(ai_usage__in=AIUsage.values), name="journal_recording_ai_usage"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="journal_recording_newest"),
            models.Index(
                fields=["discarded_at"],
                condition=Q(discarded_at__isnull=False),
                name="journal_recording_discarded",
            ),
        ]

    def __str__(self) -> str:
        return f"recording {self.pk}"


class Chunk(models.Model):
    """A few seconds as the device sent them. Only the first of a segment has the header of its container."""

    recording = models.ForeignKey(Recording, models.CASCADE, related_name="chunks")
    segment = models.PositiveSmallIntegerField()
    n = models.PositiveIntegerField()
    media_type = models.CharField(max_length=20)
    bytes = models.PositiveIntegerField()
    mac = models.BinaryField(max_length=16)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["recording", "segment", "n"], name="journal_chunk_once")
        ]

    def __str__(self) -> str:
        return f"chunk {self.segment}/{self.n} of {self.recording_id}"


class TranscriptPart(models.Model):
    """The words of one stretch of a recording, at most some ten minutes of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        FAILED = "failed", _("not understood")

    EDGES: ClassVar = {
        State.WAITING: {State.DONE, State.FAILED},
        State.FAILED: {State.WAITING},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    recording = models.ForeignKey(Recording, models.CASCADE, related_name="parts")
    index = models.PositiveSmallIntegerField()
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    text = EncryptedTextField(blank=True, default="")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    version = models.PositiveIntegerField(default=1)
    error = models.CharField(max_length=40, blank=True, default="")
    # Whether its words, or the line that stands for them, are in the draft or entry already.
    delivered = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_transcriptpart", "text"),
            models.UniqueConstraint(
                fields=["recording", "index"], name="journal_transcriptpart_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "done", "failed"]),
                name="journal_transcriptpart_state",
            ),
        ]

    def __str__(self) -> str:
        return f"part {self.index} of {self.recording_id}"
