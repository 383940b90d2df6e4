"""A person, their profile, and the sign-ins of the apps they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.models import Blob
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import new_id

if TYPE_CHECKING:
    from datetime import datetime


class People(BaseUserManager["User"]):
    """Accounts by e-mail, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        person = self.model(email=self.normalize_email(email), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person with an account. Staff rights give no sight of anybody's texts."""

    class State(models.TextChoices):
        UNVERIFIED = "unverified", _("e-mail not confirmed")
        WAITING = "waiting", _("waiting for admission")
        ACTIVE = "active", _("active")
        LEAVING = "leaving", _("leaving")
        DECLINED = "declined", _("declined")

    EDGES: ClassVar = {
        State.UNVERIFIED: {State.WAITING, State.ACTIVE},
        State.WAITING: {State.ACTIVE, State.DECLINED},
        State.ACTIVE: {State.LEAVING},
        State.LEAVING: {State.ACTIVE},
    }

    uid = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = None  # type: ignore[assignment]  # people sign in by e-mail
    first_name = None  # type: ignore[assignment]  # the profile holds the one name people chose
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"))
    state = models.CharField(max_length=12, choices=State, default=State.UNVERIFIED)
    version = models.PositiveIntegerField(default=1)
    admitted_at = models.DateTimeField(null=True, blank=True)
    leaving_at = models.DateTimeField(null=True, blank=True)
    last_seen_on = models.DateField(null=True, blank=True)

    objects: ClassVar[People] = People()  # type: ignore[assignment]  # no username manager

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email"),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["unverified", "waiting", "active", "leaving", "declined"]
                ),
                name="accounts_user_state",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    def __repr__(self) -> str:
        return f"<User {self.uid}>"

    def get_full_name(self) -> str:
        return self.get_short_name()

    def get_short_name(self) -> str:
        profile = Profile.objects.filter(person=self).only("handle", "name").first()
        return (profile.name or profile.handle) if profile else str(self.uid)

    @property
    def is_admitted(self) -> bool:
        return self.state in {self.State.ACTIVE, self.State.LEAVING}


class Profile(models.Model):
    """What a person set about themselves."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    class ReadingSize(models.TextChoices):
        SMALL = "s", _("Small")
        MEDIUM = "m", _("Medium")
        LARGE = "l", _("Large")
        HUGE = "xl", _("Extra large")

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="profile"
    )
    handle = models.CharField(
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9_]{3,30}\Z", _("Use 3 to 30 of a–z, 0–9 and _."))],
    )
    name = models.CharField(max_length=60, blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    language = models.CharField(max_length=10, default="en")
    theme = models.CharField(max_length=6, choices=Theme, default=Theme.SYSTEM)
    reading_size = models.CharField(max_length=2, choices=ReadingSize, default=ReadingSize.MEDIUM)
    default_privacy_level = models.CharField(
        max_length=8, choices=PrivacyLevel, default=PrivacyLevel.PRIVATE
    )
    default_ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(default_privacy_level__in=PrivacyLevel.values),
                name="accounts_profile_privacy_level",
            ),
            models.CheckConstraint(
                condition=models.Q(default_ai_usage__in=AIUsage.values),
                name="accounts_profile_ai_usage",
            ),
        ]

    def __str__(self) -> str:
        return self.handle

    @property
    def shown_name(self) -> str:
        return self.name or self.handle


class TokenFamily(models.Model):
    """One app signed in: all refresh tokens that grew from one sign-in. Revoking it ends them all."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="token_families"
    )
    label = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    proved_at = models.DateTimeField(null=True)
    last_used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes = [models.Index(fields=["person", "created_at"])]

    def __str__(self) -> str:
        return f"family {self.id}"

    def alive(self, now: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > now


class RefreshUse(models.Model):
    """One refresh token that was given out, by digest only, and when it was used."""

    family = models.ForeignKey(TokenFamily, models.CASCADE, related_name="uses")
    digest = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"refresh of {self.family_id}"


class Export(models.Model):
    """Everything somebody wrote, as one sealed zip, for seven days."""

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
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    version = models.PositiveIntegerField(default=1)
    blob = models.ForeignKey(Blob, models.SET_NULL, null=True, related_name="+")
    bytes = models.PositiveBigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["asked", "building", "ready", "failed", "expired"]),
                name="accounts_export_state",
            )
        ]
        indexes = [models.Index(fields=["person", "-created_at"])]

    def __str__(self) -> str:
        return f"export {self.pk}"


def handle_of(uid: UUID) -> str:
    """The handle a person starts with; they may change it."""
    return f"writer_{uid.hex[-8:]}"
