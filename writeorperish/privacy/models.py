"""Who may see a row, stated once, and the tables that rule reads."""

from __future__ import annotations

from typing import ClassVar, Self, TypeAlias, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, AnonymousUser, Group
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import Ref, new_id

Viewer: TypeAlias = AbstractUser | AnonymousUser
Row = TypeVar("Row", bound="Guarded", covariant=True)


class GuardedQuerySet(models.QuerySet[Row]):
    """Every reading of guarded rows starts with one of these three. One query each, none of them by rank."""

    def visible_to(self, person: Viewer) -> Self:
        """The living rows this person may read: own, public, and those granted to them.

        Never rows of somebody blocked in either direction, of somebody who is leaving, or withheld by
        moderation; never by being staff. An anonymous viewer sees public rows only.
        """
        return (
            self.filter(deleted_at__isnull=True)
            .with_audience_of(person)
            .filter(Q(owner=person.pk) | self.shown_to_others())
        )

    def with_audience_of(self, person: Viewer) -> Self:
        """Rows whose audience holds this person, deleted ones included: what tombstones are judged by."""
        model = self.model
        public = Q(privacy_level=PrivacyLevel.PUBLIC)
        if not isinstance(person, AbstractUser):
            return self.filter(public & ~shut_out(person))
        level = Q(privacy_level=PrivacyLevel.CIRCLES)
        others = public | (level & model.granted_to(person))
        return self.filter(Q(owner=person.pk) | (others & ~shut_out(person)))

    def shown_to_others(self) -> Q:
        """What others need beside the audience: not withheld, and finished where the model says so."""
        withheld = Withholding.objects.filter(
            source_kind=self.model._meta.label_lower,
            source_id=OuterRef("pk"),
            lifted_at__isnull=True,
        )
        return self.model.SHOWN_TO_OTHERS & ~Q(Exists(withheld))

    def editable_by(self, person: Viewer) -> Self:
        """The living rows this person may change: their own."""
        return self.filter(deleted_at__isnull=True, owner=person.pk)

    def deleted_by(self, person: Viewer) -> Self:
        """The person's own rows in the trash. The only way there."""
        return self.filter(deleted_at__isnull=False, owner=person.pk)


def shut_out(person: Viewer) -> Q:
    """Owners whom this person does not meet: leaving, or blocked in either direction. One EXISTS."""
    leaving = Q(pk=OuterRef("owner_id"), leaving_at__isnull=False)
    if isinstance(person, AbstractUser):
        blocked = Q(pk=OuterRef("owner_id")) & (
            Q(blocks_made__blocked=person.pk) | Q(blocks_met__blocker=person.pk)
        )
        leaving |= blocked
    return Q(Exists(get_user_model()._default_manager.filter(leaving)))


class Guarded(models.Model):
    """A row with an owner and an audience. Private and closed to AI unless its owner said otherwise."""

    SHOWN_TO_OTHERS: ClassVar[Q] = Q()

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    privacy_level = models.CharField(
        max_length=8, choices=PrivacyLevel, default=PrivacyLevel.PRIVATE
    )
    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(privacy_level__in=PrivacyLevel.values),
                name="%(app_label)s_%(class)s_privacy_level",
            ),
            models.CheckConstraint(
                condition=Q(ai_usage__in=AIUsage.values), name="%(app_label)s_%(class)s_ai_usage"
            ),
        ]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pk}>"

    def get_absolute_url(self) -> str:
        raise NotImplementedError

    @property
    def ref(self) -> Ref:
        return Ref.to(self)

    @classmethod
    def granted_to(cls, person: AbstractUser) -> Q:
        """Rows granted to this person; none unless the model keeps grants."""
        return Q(pk__in=[])


class Circle(models.Model):
    """A few people somebody chose. Only its owner sees the name and the list."""

    class Kind(models.TextChoices):
        FAMILY = "family", _("Family")
        FRIENDS = "friends", _("Friends")
        WORK = "work", _("Work")
        ACCOUNTABILITY = "accountability", _("Accountability")
        OTHER = "other", _("Other")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="circles")
    name = EncryptedTextField()
    kind = models.CharField(max_length=14, choices=Kind, default=Kind.OTHER)
    group = models.OneToOneField(Group, models.CASCADE, related_name="circle")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["owner", "created_at"])]
        constraints = [
            *sealed_checks("privacy_circle", "name"),
            models.CheckConstraint(
                condition=Q(kind__in=["family", "friends", "work", "accountability", "other"]),
                name="privacy_circle_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"circle {self.id}"


class Membership(models.Model):
    """One person in one circle, from the invitation on. Sight begins at `sees_from` and ends with the row's life."""

    class State(models.TextChoices):
        INVITED = "invited", _("invited")
        ACTIVE = "active", _("active")
        DECLINED = "declined", _("declined")
        LEFT = "left", _("left")
        REMOVED = "removed", _("removed")

    EDGES: ClassVar = {
        State.INVITED: {State.ACTIVE, State.DECLINED, State.REMOVED},
        State.ACTIVE: {State.LEFT, State.REMOVED},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    circle = models.ForeignKey(Circle, models.CASCADE, related_name="memberships")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    state = models.CharField(max_length=8, choices=State, default=State.INVITED)
    version = models.PositiveIntegerField(default=1)
    sees_earlier = models.BooleanField(default=False)
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    since = models.DateTimeField(null=True)
    sees_from = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["circle", "member"],
                condition=Q(state__in=["invited", "active"]),
                name="privacy_membership_one_active",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["invited", "active", "declined", "left", "removed"]),
                name="privacy_membership_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(sees_from__isnull=False),
                name="privacy_membership_active_sees_from",
            ),
        ]
        indexes = [models.Index(fields=["member", "state"])]

    def __str__(self) -> str:
        return f"membership {self.id}"


class Block(models.Model):
    """One person does not want to meet another. It cuts both ways, silently."""

    blocker = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="blocks_made"
    )
    blocked = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="blocks_met")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="privacy_block_once"),
            models.CheckConstraint(
                condition=~Q(blocker=F("blocked")), name="privacy_block_not_oneself"
            ),
        ]

    def __str__(self) -> str:
        return f"block {self.pk}"


class Consent(models.Model):
    """What a person allowed or withdrew, one line per decision; the newest of a purpose counts."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=40)
    granted = models.BooleanField()
    text_version = models.CharField(max_length=12)
    source = models.CharField(max_length=20, default="settings")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["owner", "purpose", "-at"])]

    def __str__(self) -> str:
        return f"consent {self.pk}"


class Withholding(models.Model):
    """Moderation keeps one row from everybody but its owner."""

    source_kind = models.CharField(max_length=60)
    source_id = models.UUIDField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["source_kind", "source_id"])]

    def __str__(self) -> str:
        return f"withholding {self.pk}"
