"""Texts being written: kept by the server within two seconds of the last key."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from journal.models.nodes import Node
from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import new_id

DRAFT_CHARS = 1_000_000


class Draft(models.Model):
    """One unsaved text. Keyed by its own id only, so that no other text ever shares its place."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts")
    edits = models.ForeignKey(Node, models.CASCADE, null=True, related_name="drafts")
    parent = models.ForeignKey(Node, models.SET_NULL, null=True, related_name="reply_drafts")
    base_rev = models.PositiveIntegerField(null=True)
    base_body = EncryptedTextField(null=True)
    seq = models.BigIntegerField(default=0)
    title = EncryptedTextField(blank=True, default="")
    body = EncryptedTextField(blank=True, default="")
    privacy_level = models.CharField(
        max_length=8, choices=PrivacyLevel, default=PrivacyLevel.PRIVATE
    )
    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    discarded_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_draft", "base_body", "title", "body"),
            models.CheckConstraint(
                condition=Q(privacy_level__in=PrivacyLevel.values),
                name="journal_draft_privacy_level",
            ),
            models.CheckConstraint(
                condition=Q(ai_usage__in=AIUsage.values), name="journal_draft_ai_usage"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-updated_at"], name="journal_draft_newest")
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"
