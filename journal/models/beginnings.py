"""What AI's replies to somebody in one conversation began with, and keep."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from journal.models.nodes import Node
from journal.models.portraits import Portrait
from writeorperish.refs import new_id


class Beginning(models.Model):
    """With which portrait and which words of ours the first reply to a person in one thread was asked for.

    `portrait_rev` without a portrait: that version is gone. Neither: the conversation began without one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    root = models.ForeignKey(Node, models.CASCADE, related_name="+")
    portrait = models.ForeignKey(Portrait, models.SET_NULL, null=True, related_name="+")
    portrait_rev = models.PositiveIntegerField(null=True)
    prompt_version = models.CharField(max_length=12)
    begun_at = models.DateTimeField(default=timezone.now)
    # When the words it began with could no longer be used, and today's took their place.
    reworded_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["owner", "root"], name="journal_beginning_once")
        ]

    def __str__(self) -> str:
        return f"beginning {self.pk}"

    @property
    def usable_portrait(self) -> Portrait | None:
        """The version it began with; None where there was none, or it is gone, set aside or not to be used."""
        portrait = self.portrait
        return portrait if portrait is not None and portrait.usable else None
