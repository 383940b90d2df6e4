"""Entries read aloud: one row for each revision and voice, its sound in the order it is heard."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.models.nodes import Node
from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.crypto.models import Blob
from writeorperish.refs import new_id


class Speech(models.Model):
    """One revision of an entry in one voice. An edit leaves it as it is: it says from which revision it was made."""

    class State(models.TextChoices):
        SPEAKING = "speaking", _("being read")
        READY = "ready", _("ready")
        FAILED = "failed", _("broken off")

    EDGES: ClassVar = {
        State.SPEAKING: {State.READY, State.FAILED},
        State.FAILED: {State.SPEAKING},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    node = models.ForeignKey(Node, models.CASCADE, related_name="speeches")
    rev = models.PositiveIntegerField()
    voice = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State, default=State.SPEAKING)
    version = models.PositiveIntegerField(default=1)
    error = models.CharField(max_length=40, blank=True, default="")
    model = models.CharField(max_length=80, blank=True, default="")
    chunks_wanted = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["node", "rev", "voice"], name="journal_speech_once"),
            models.CheckConstraint(
                condition=Q(state__in=["speaking", "ready", "failed"]), name="journal_speech_state"
            ),
        ]

    def __str__(self) -> str:
        return f"speech {self.pk}"


class SpeechChunk(models.Model):
    """A stretch of it as one MP3. `section` counts chapters; `title` is that of a chapter's first chunk."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    speech = models.ForeignKey(Speech, models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    section = models.PositiveIntegerField()
    title = EncryptedTextField(blank=True, default="")
    duration_ms = models.PositiveIntegerField(default=0)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_speechchunk", "title"),
            models.UniqueConstraint(fields=["speech", "index"], name="journal_speechchunk_once"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.index} of {self.speech_id}"
