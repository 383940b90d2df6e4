"""What somebody never wants suggested again: rules of theirs, beside what is only learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.items import Item
from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.refs import new_id

if TYPE_CHECKING:
    from uuid import UUID

    from download.models.items import ItemQuerySet


class MuteQuerySet(models.QuerySet["Mute"]):
    def outside(self, rows: ItemQuerySet, owner_id: UUID) -> ItemQuerySet:
        """Those of these links that none of the owner's mutes is about. No query of its own."""
        own = self.filter(owner=owner_id)
        keys = own.filter(scope=Mute.Scope.TAG).values("key")
        tagged = Item.tags.through.objects.filter(item=OuterRef("pk"), tag__name_key__in=keys)
        return rows.exclude(
            Exists(own.filter(scope=Mute.Scope.ITEM, item=OuterRef("pk")))
            | Exists(own.filter(scope=Mute.Scope.SITE, key=OuterRef("site_key")))
            | Exists(tagged)
        )


class Mute(models.Model):
    """One link, site or tag that is not suggested any more. `key` is blind; `label` says it to its person."""

    EXPORTED: ClassVar = True

    class Scope(models.TextChoices):
        ITEM = "item", _("This link")
        SITE = "site", _("Everything from this site")
        TAG = "tag", _("Everything with this tag")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    scope = models.CharField(max_length=4, choices=Scope)
    item = models.ForeignKey(Item, models.CASCADE, null=True, related_name="+")
    key = models.BigIntegerField(null=True)
    label = EncryptedTextField()
    made_at = models.DateTimeField(default=timezone.now)

    objects = MuteQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_mute", "label"),
            models.CheckConstraint(
                condition=Q(scope="item", item__isnull=False, key__isnull=True)
                | Q(scope__in=["site", "tag"], item__isnull=True, key__isnull=False),
                name="download_mute_scope",
            ),
            models.UniqueConstraint(
                fields=["owner", "scope", "item", "key"],
                nulls_distinct=False,
                name="download_mute_once",
            ),
        ]

    def __str__(self) -> str:
        return f"mute {self.pk}"
