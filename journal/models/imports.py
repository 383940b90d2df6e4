"""Bringing one's past: the uploaded file, the run, and the outcome of each row in it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.models.nodes import Node
from journal.models.recordings import Recording
from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.crypto.models import Blob
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import new_id


class Upload(models.Model):
    """A file on its way in, part by part, sealed as it arrives."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads")
    bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"upload {self.pk}"


class UploadPart(models.Model):
    upload = models.ForeignKey(Upload, models.CASCADE, related_name="parts")
    n = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    mac = models.BinaryField(max_length=16)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["upload", "n"], name="journal_uploadpart_n")
        ]

    def __str__(self) -> str:
        return f"part {self.n} of {self.upload_id}"


class ImportRun(models.Model):
    """One file becoming entries: checked first, imported on a second word, undone as a whole for 30 days."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("received")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        IMPORTING = "importing", _("being imported")
        DONE = "done", _("done")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")
        FAILED = "failed", _("failed")

    EDGES: ClassVar = {
        State.UPLOADED: {State.CHECKING, State.FAILED},
        State.CHECKING: {State.CHECKED, State.FAILED},
        State.CHECKED: {State.IMPORTING, State.CHECKING, State.FAILED},
        State.IMPORTING: {State.DONE, State.FAILED},
        State.FAILED: {State.CHECKING, State.IMPORTING},
        State.DONE: {State.UNDOING},
        State.UNDOING: {State.UNDONE},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="imports")
    upload = models.ForeignKey(Upload, models.SET_NULL, null=True, related_name="runs")
    state = models.CharField(max_length=9, choices=State, default=State.UPLOADED)
    version = models.PositiveIntegerField(default=1)
    source = models.CharField(max_length=12, blank=True)
    beside = models.BooleanField(default=False)
    reason = models.CharField(max_length=40, blank=True)
    privacy_level = models.CharField(
        max_length=8, choices=PrivacyLevel, default=PrivacyLevel.PRIVATE
    )
    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)
    zone = models.CharField(max_length=60, default="UTC")
    trash = models.CharField(max_length=7, default="skip")
    circles = models.JSONField(default=list)
    # Whether the notes for the profile may read its entries; null until the person said so.
    notes_wanted = models.BooleanField(null=True)
    report = EncryptedJSONField(null=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_importrun", "report"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "uploaded",
                        "checking",
                        "checked",
                        "importing",
                        "done",
                        "undoing",
                        "undone",
                        "failed",
                    ]
                ),
                name="journal_importrun_state",
            ),
            models.CheckConstraint(
                condition=Q(privacy_level__in=["private", "circles"]),
                name="journal_importrun_privacy_level",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="journal_importrun_newest")
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"


class ImportItem(models.Model):
    """What became of one row of the file."""

    class Outcome(models.TextChoices):
        NEW = "new", _("new")
        HERE = "here", _("already here")
        CHANGED = "changed", _("changed since")
        TRASHED = "trashed", _("in the trash")
        UNREADABLE = "unreadable", _("unreadable")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="items")
    ordinal = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.CharField(max_length=40, blank=True)
    label = EncryptedTextField(blank=True, default="")
    node = models.ForeignKey(Node, models.SET_NULL, null=True, related_name="+")
    recording = models.ForeignKey(Recording, models.SET_NULL, null=True, related_name="+")
    rev = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_importitem", "label"),
            models.UniqueConstraint(fields=["run", "ordinal"], name="journal_importitem_ordinal"),
            models.CheckConstraint(
                condition=Q(outcome__in=["new", "here", "changed", "trashed", "unreadable"]),
                name="journal_importitem_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.ordinal} of {self.run_id}"
