"""What happened, and who has heard it. The rows remember; the broker only wakes."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from writeorperish.events.facts import Fact, decode
from writeorperish.refs import new_id


class EventQuerySet(models.QuerySet["Event"]):
    def waiting(self, until: datetime) -> Self:
        """Told, due by then and not yet turned into receipts."""
        return self.filter(relayed_at=None, not_before__lte=until)


class Event(models.Model):
    """A fact that was told in a transaction that committed."""

    uid = models.UUIDField(default=new_id, unique=True, editable=False)
    name = models.CharField(max_length=40)
    facts = models.JSONField()
    owner = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    not_before = models.DateTimeField()
    relayed_at = models.DateTimeField(null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["not_before", "id"],
                name="events_event_waiting",
                condition=Q(relayed_at=None),
            ),
            models.Index(fields=["at"], name="events_event_at"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.uid}"

    @property
    def fact(self) -> Fact:
        return decode(self.name, self.facts)


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def unfinished(self) -> Self:
        """Still to be heard or being heard."""
        return self.filter(state__in=[Receipt.State.DUE, Receipt.State.HELD])

    def given_up(self) -> Self:
        return self.filter(state=Receipt.State.GIVEN_UP)


class Receipt(models.Model):
    """One listener's copy of one fact, kept until it was heard."""

    class State(models.TextChoices):
        DUE = "due", _("due")
        HELD = "held", _("held by a worker")
        DONE = "done", _("done")
        GIVEN_UP = "given_up", _("given up")
        DROPPED = "dropped", _("nobody listens any more")

    EDGES = {
        State.DUE: {State.HELD, State.DROPPED},
        State.HELD: {State.DONE, State.DUE, State.GIVEN_UP},
        State.GIVEN_UP: {State.DUE},
    }

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="receipts")
    listener = models.CharField(max_length=120)
    queue = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    tries = models.PositiveSmallIntegerField(default=0)
    # When it is offered next; when it was given up.
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    # The class only: a message may hold somebody's words.
    error_class = models.CharField(max_length=80, blank=True)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "listener"], name="events_receipt_once"),
            models.CheckConstraint(
                condition=Q(state__in=["due", "held", "done", "given_up", "dropped"]),
                name="events_receipt_state",
            ),
            models.CheckConstraint(
                condition=Q(state="held", lease_until__isnull=False)
                | (~Q(state="held") & Q(lease_until=None)),
                name="events_receipt_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "next_at"], name="events_receipt_due", condition=Q(state="due")
            ),
            models.Index(
                fields=["lease_until"], name="events_receipt_held", condition=Q(state="held")
            ),
            models.Index(
                fields=["next_at"], name="events_receipt_given_up", condition=Q(state="given_up")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listener} {self.event_id}"
