"""What was suggested while somebody wrote, and what they never want suggested again: rules, beside what is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.items import Highlight, Item
from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.refs import Ref, Sourced, new_id

if TYPE_CHECKING:
    from collections.abc import Collection
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


class RecommendationQuerySet(models.QuerySet["Recommendation"]):
    def times_shown(self, owner_id: UUID, items: Collection[UUID]) -> dict[UUID, int]:
        """For how many texts each of these links was suggested. One query."""
        rows = self.filter(owner=owner_id, item__in=items).order_by()
        counted = rows.values("item").annotate(n=Count("source_id"))
        return dict(counted.values_list("item", "n"))


class Recommendation(Sourced):
    """One link, or one highlight in it, suggested for one text: how well it fitted, and what its person did with it.

    Numbers and days only; `start` and `end` are places in the text of what is suggested. A text that is written and the entry it becomes share an id, so what was suggested stays with it.
    """

    MADE_BY_AI: ClassVar = True

    class Verdict(models.TextChoices):
        NOT_NOW = "not_now", _("Not now")
        NEVER = "never", _("Never this")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    item = models.ForeignKey(Item, models.CASCADE, related_name="+")
    highlight = models.ForeignKey(Highlight, models.CASCADE, null=True, related_name="+")
    start = models.PositiveIntegerField(default=0)
    end = models.PositiveIntegerField(default=0)
    semantic = models.FloatField(null=True)
    lexical = models.FloatField()
    urgency = models.FloatField()
    preference = models.FloatField(default=1)
    score = models.FloatField()
    explored = models.BooleanField(default=False)
    # Its place among what is on screen; null once it is no longer there.
    place = models.PositiveSmallIntegerField(null=True)
    first_shown_at = models.DateTimeField(default=timezone.now)
    shown_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True)
    quoted_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=7, choices=Verdict, blank=True, default="")
    judged_at = models.DateTimeField(null=True)

    objects = RecommendationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source_id", "item"], name="download_recommendation_once"
            ),
            models.CheckConstraint(
                condition=Q(verdict="", judged_at__isnull=True)
                | Q(verdict__in=["not_now", "never"], judged_at__isnull=False),
                name="download_recommendation_judged",
            ),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1, lexical__gte=0, lexical__lte=1)
                & Q(urgency__gte=0, urgency__lte=1)
                & (Q(semantic__isnull=True) | Q(semantic__gte=0, semantic__lte=1)),
                name="download_recommendation_numbers",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["owner", "item", "-shown_at"], name="download_recommendation_shown"
            ),
            models.Index(fields=["shown_at"], name="download_recommendation_old"),
        ]

    def __str__(self) -> str:
        return f"recommendation {self.pk}"

    @classmethod
    def dying_with(cls, *refs: Ref) -> models.QuerySet[Any]:
        """Those for these texts, while they were written too, and those that suggest them."""
        ids = [ref.id for ref in refs]
        rows: models.QuerySet[Any] = cls._default_manager.all()
        return rows.filter(Q(source_id__in=ids) | Q(item__in=ids) | Q(highlight__in=ids))
