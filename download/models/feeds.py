"""Sources: libraries of bookmarks somewhere else that somebody wants to have here too."""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.refs import new_id

COUNTED: Final = ("created", "merged", "unchanged", "skipped", "failed", "archived")


class Feed(models.Model):
    """One library elsewhere, looked at every hour. `token` lets us in there and is never shown again.

    `cursor`: where the reading stands, as the other side and `memeos` understand it. `version` is that of the
    worker that reads it; `sync_until` is how long it may take. `seen` counts what was told, by what became of it.
    """

    EXPORTED: ClassVar = True
    # What taking in its rows asks of whatever brings rows.
    format: ClassVar = "feed"
    last_level: ClassVar = False
    ai_as_told: ClassVar = False

    class Kind(models.TextChoices):
        MEMEOS = "memeos", _("MemeOS")

    class State(models.TextChoices):
        CONNECTED = "connected", _("connected")
        SYNCING = "syncing", _("being read")
        OK = "ok", _("up to date")
        FAILING = "failing", _("can't be read now")
        PAUSED = "paused", _("paused")

    class Reason(models.TextChoices):
        """Why it is not read, in words a person can use."""

        NEEDS_LOGIN = "needs_login", _("It does not let us in. Give it a new token.")
        REFUSED_ADDRESS = "refused_address", _("This address can't be opened from here.")
        UNREACHABLE = "unreachable", _("It did not answer.")
        TOO_SLOW = "too_slow", _("It took too long to answer.")
        TOO_LARGE = "too_large", _("It answered with more than we can take at once.")
        BUSY = "busy", _("It is busy and asked us to come back later.")
        BROKEN = "broken", _("It has a trouble of its own.")
        BAD_ANSWER = "bad_answer", _("It did not answer as such a library does.")
        ENDLESS = "endless", _("Its pages lead in a circle.")
        UNREADABLE = "unreadable", _("Its address or token can't be opened here any more.")
        BY_HAND = "by_hand", _("You paused it.")

    EDGES: ClassVar = {
        State.CONNECTED: {State.SYNCING, State.PAUSED, State.CONNECTED},
        State.SYNCING: {State.SYNCING, State.OK, State.FAILING, State.PAUSED, State.CONNECTED},
        State.OK: {State.SYNCING, State.PAUSED, State.CONNECTED},
        State.FAILING: {State.SYNCING, State.PAUSED, State.CONNECTED},
        State.PAUSED: {State.CONNECTED},
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.MEMEOS)
    base = EncryptedTextField()
    token = EncryptedTextField(blank=True, default="")
    cursor = EncryptedTextField(blank=True, default="")
    state = models.CharField(max_length=9, choices=State, default=State.CONNECTED)
    version = models.PositiveIntegerField(default=1)
    failures = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=15, choices=Reason, blank=True, default="")
    last_ok = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    sync_until = models.DateTimeField(null=True)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    merged = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    archived = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_feed", "base", "token", "cursor"),
            models.CheckConstraint(
                condition=Q(state__in=["connected", "syncing", "ok", "failing", "paused"]),
                name="download_feed_state",
            ),
            models.CheckConstraint(
                condition=Q(
                    seen=F("created")
                    + F("merged")
                    + F("unchanged")
                    + F("skipped")
                    + F("failed")
                    + F("archived")
                ),
                name="download_feed_adds_up",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "created_at"], name="download_feed_of")
        ]

    def __str__(self) -> str:
        return f"feed {self.pk}"
