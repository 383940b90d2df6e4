"""Tags: which of a person's entries bear which, found without opening an entry."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.refs import Sourced, new_id


class Tag(models.Model):
    """One tag of a person. `token` is its keyed digest, equal for all spellings; the name is as first written."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    token = models.BigIntegerField()
    name = EncryptedTextField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_tag", "name"),
            models.UniqueConstraint(fields=["owner", "token"], name="journal_tag_once"),
        ]

    def __str__(self) -> str:
        return f"tag {self.pk}"


class Tagging(Sourced):
    """That an entry bears a tag."""

    tag = models.ForeignKey(Tag, models.CASCADE, related_name="taggings")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tag", "source_kind", "source_id"], name="journal_tagging_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["source_kind", "source_id"], name="journal_tagging_of"),
        ]

    def __str__(self) -> str:
        return f"tagging {self.pk}"
