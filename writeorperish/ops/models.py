from django.conf import settings
from django.db import models
from django.db.models import Q

from writeorperish.refs import new_id


class Once(models.Model):
    """One request a person may repeat without doing it twice: what it was, and what came of it. Kept 24 h."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    route = models.CharField(max_length=200)
    key = models.UUIDField()
    # Keyed: a plain digest of a request would confirm a guess at what was written.
    fingerprint = models.BinaryField(max_length=32)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    location = models.CharField(max_length=500, blank=True)
    result_kind = models.CharField(max_length=60, blank=True)
    result_id = models.UUIDField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["person", "route", "key"], name="once_key"),
            models.CheckConstraint(condition=Q(state__in=["running", "done"]), name="once_state"),
            models.CheckConstraint(
                condition=Q(state="running") | Q(status__isnull=False), name="once_done_says_how"
            ),
        )
        indexes = (models.Index(fields=["at"], name="once_at"),)

    def __str__(self) -> str:
        return f"once {self.pk}"


class Installation(models.Model):
    """The one row that describes where this runs, made when first asked for."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.UUIDField(default=new_id)
    signup_mode = models.CharField(max_length=8, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="installation_one"),)

    def __str__(self) -> str:
        return "installation"
