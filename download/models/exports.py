"""Taking links along: a file of what somebody keeps, asked for, made by the worker, here for a week."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.items import Item
from writeorperish.crypto.models import Blob
from writeorperish.refs import new_id


class LibraryExport(models.Model):
    """One file of somebody's links, all of them or those chosen by tag, reading, day of review and state of review."""

    class Format(models.TextChoices):
        MEMEOS = "memeos", _("JSON, with everything")
        HTML = "html", _("Bookmarks for a browser (HTML)")
        CSV = "csv", _("A table (CSV)")
        MARKDOWN = "markdown", _("Highlights as Markdown")

    class Review(models.TextChoices):
        NEW = "new", _("never reviewed")
        ACTIVE = "active", _("in review")
        SUSPENDED = "suspended", _("done with")

    class State(models.TextChoices):
        ASKED = "asked", _("asked for")
        BUILDING = "building", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        EXPIRED = "expired", _("expired")

    EDGES: ClassVar = {
        State.ASKED: {State.BUILDING, State.FAILED},
        State.BUILDING: {State.READY, State.FAILED, State.BUILDING},
        State.READY: {State.EXPIRED},
        State.FAILED: {State.BUILDING},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    format = models.CharField(max_length=8, choices=Format)
    # Which links; empty and None for all. A tag that is gone meanwhile leaves none.
    tag = models.UUIDField(null=True)
    reading = models.CharField(max_length=8, choices=Item.Reading, blank=True, default="")
    due_by = models.DateField(null=True)
    review = models.CharField(max_length=9, choices=Review, blank=True, default="")
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    version = models.PositiveIntegerField(default=1)
    blob = models.ForeignKey(Blob, models.SET_NULL, null=True, related_name="+")
    bytes = models.PositiveBigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(state__in=["asked", "building", "ready", "failed", "expired"]),
                name="download_libraryexport_state",
            ),
            models.CheckConstraint(
                condition=models.Q(format__in=["memeos", "html", "csv", "markdown"]),
                name="download_libraryexport_format",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="download_libraryexport_newest")
        ]

    def __str__(self) -> str:
        return f"library export {self.pk}"
