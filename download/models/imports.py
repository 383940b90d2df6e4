"""Bringing links from elsewhere: the file, its run, and what became of each row in it."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.items import Item
from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.crypto.models import Blob
from writeorperish.refs import new_id


class Import(models.Model):
    """One file becoming links: checked first, imported on a second word, taken back as a whole for 30 days.

    `next_row` counts the rows whose outcome stands; `total` those of the file, once it was checked. `report`
    is what the check found: `{counts: {outcome: n}, problems: [{ordinal, label, outcome, reason}]}`.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("received")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        IMPORTING = "importing", _("being imported")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("stopped")
        UNDOING = "undoing", _("being taken back")
        UNDONE = "undone", _("taken back")

    EDGES: ClassVar = {
        State.UPLOADED: {State.CHECKING, State.CANCELLED},
        State.CHECKING: {State.CHECKED, State.FAILED, State.CANCELLED},
        State.CHECKED: {State.IMPORTING, State.CANCELLED},
        State.IMPORTING: {State.DONE, State.FAILED, State.CANCELLED},
        State.FAILED: {State.IMPORTING, State.UNDOING},
        State.CANCELLED: {State.UNDOING},
        State.DONE: {State.UNDOING},
        State.UNDOING: {State.UNDONE},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    format = models.CharField(max_length=16, blank=True, default="")
    state = models.CharField(max_length=9, choices=State, default=State.UPLOADED)
    version = models.PositiveIntegerField(default=1)
    reason = models.CharField(max_length=40, blank=True, default="")
    # What its person chose: of a folder in a folder only the inner name, and what AI may do as the file says.
    last_level = models.BooleanField(default=False)
    ai_as_told = models.BooleanField(default=False)
    report = EncryptedJSONField(null=True)
    total = models.PositiveIntegerField(default=0)
    next_row = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    merged = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_import", "report"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        *("uploaded", "checking", "checked", "importing", "done"),
                        *("failed", "cancelled", "undoing", "undone"),
                    ]
                ),
                name="download_import_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(total=F("created") + F("merged") + F("unchanged") + F("skipped") + F("failed")),
                name="download_import_adds_up",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="download_import_newest")
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"


class ImportRow(models.Model):
    """What became of one row of the file.

    `written` is a keyed digest of the link as this row left it, `before` what it changed of a link that was
    there; both are for taking the import back, and `undo` says what that came to.
    """

    class Outcome(models.TextChoices):
        CREATED = "created", _("new")
        MERGED = "merged", _("added to a link you had")
        UNCHANGED = "unchanged", _("already here")
        SKIPPED = "skipped", _("left out")
        FAILED = "failed", _("unreadable")

    class Undo(models.TextChoices):
        ERASED = "erased", _("taken back")
        RESTORED = "restored", _("as it was before")
        CHANGED = "changed", _("left: you changed it since")
        IN_TRASH = "in_trash", _("left: it is in your trash")
        GONE = "gone", _("gone already")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    run = models.ForeignKey(Import, models.CASCADE, related_name="rows")
    ordinal = models.PositiveIntegerField()
    outcome = models.CharField(max_length=9, choices=Outcome)
    reason = models.CharField(max_length=40, blank=True, default="")
    item = models.ForeignKey(Item, models.SET_NULL, null=True, related_name="+")
    # None once its link was erased: what a person let go of is not kept in a report.
    label = EncryptedTextField(null=True)
    before = EncryptedJSONField(null=True)
    written = models.BinaryField(max_length=16, null=True)
    undo = models.CharField(max_length=8, choices=Undo, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_importrow", "label", "before"),
            models.UniqueConstraint(fields=["run", "ordinal"], name="download_importrow_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["created", "merged", "unchanged", "skipped", "failed"]),
                name="download_importrow_outcome",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "outcome", "ordinal"], name="download_importrow_filtered")
        ]

    def __str__(self) -> str:
        return f"row {self.ordinal} of {self.run_id}"

    @classmethod
    def let_go_of(cls, items: Iterable[UUID]) -> None:
        """No row holds words of these links any more. Call in the transaction that erases them."""
        cls.objects.filter(item__in=items).update(label=None, before=None, written=None)
