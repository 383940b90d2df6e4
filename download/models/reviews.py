"""Seeing again what one kept: a card for each link and highlight, and the log of what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.items import Highlight, Item, Page
from download.models.memory import (
    LEAST_RETENTION,
    MOST_RETENTION,
    USUAL_RETENTION,
    Grade,
    Memory,
)
from writeorperish.refs import Ref, new_id

if TYPE_CHECKING:
    from datetime import date
    from typing import Self
    from uuid import UUID

LEAST_CARDS: Final = 1
MOST_CARDS: Final = 20
USUAL_CARDS: Final = 5


class Pace(models.Model):
    """How one person wants to review: cards a session, and the chance of recall at which a card is due.

    Its row is the lock of whatever changes this person's cards. Without one the usual holds.
    """

    EXPORTED: ClassVar = True

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    cards = models.PositiveSmallIntegerField(default=USUAL_CARDS)
    retention = models.FloatField(default=USUAL_RETENTION)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(cards__gte=LEAST_CARDS, cards__lte=MOST_CARDS),
                name="download_pace_cards",
            ),
            models.CheckConstraint(
                condition=Q(retention__gte=LEAST_RETENTION, retention__lte=MOST_RETENTION),
                name="download_pace_retention",
            ),
        ]

    def __str__(self) -> str:
        return f"pace of {self.pk}"


class CardQuerySet(models.QuerySet["Card"]):
    def standing(self, owner_id: UUID) -> Self:
        """Cards of the owner's that may be shown at all: their text is there and can be trusted.

        The cards of what is in the trash stay with it, unseen, and return with it.
        """
        link = Q(item__deleted_at__isnull=True) & ~Q(item__reading=Item.Reading.ARCHIVED)
        link &= ~Q(item__page__quality=Page.Quality.SUSPICIOUS)
        mark = Q(highlight__deleted_at__isnull=True, highlight__item__deleted_at__isnull=True)
        there = (Q(item__isnull=False) & link) | (Q(highlight__isnull=False) & mark)
        return self.filter(there, owner=owner_id)

    def awake(self, owner_id: UUID, on: date) -> Self:
        """Those of them that are neither done with nor snoozed on this day."""
        rested = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=on)
        return self.standing(owner_id).filter(rested, done_with_at__isnull=True)

    def due(self, owner_id: UUID, on: date) -> Self:
        """Those awake whose day has come, the least remembered first.

        Recall falls with days over stability, so no chance needs to be worked out to put them in order.
        """
        return self.awake(owner_id, on).filter(due_on__lte=on).least_remembered(on)

    def least_remembered(self, on: date) -> Self:
        days = models.Func(
            models.Value(on, models.DateField()),
            F("reviewed_on"),
            template="(%(expressions)s)",
            arg_joiner=" - ",
            output_field=models.IntegerField(),
        )
        faded = Cast(days, models.FloatField()) / F("stability")
        return self.annotate(faded=faded).order_by("-faded", "pk")

    def answered(self) -> Self:
        """Those that were answered at least once, be it with *Not now*."""
        rested = Q(snoozed_until__isnull=False) | Q(done_with_at__isnull=False)
        return self.filter(Q(reps__gt=0) | rested)

    def with_words(self) -> Self:
        """With what a card says, and nothing of it in a query of its own."""
        return self.select_related("item__page", "highlight__item__page").defer(
            "highlight__item__page__text"
        )


class Card(models.Model):
    """One link or one highlight to be seen again. Without a review it is new, and has no memory.

    Days are the person's own, turning at four in the morning.
    """

    EXPORTED: ClassVar = True

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    item = models.OneToOneField(Item, models.CASCADE, null=True, related_name="card")
    highlight = models.OneToOneField(Highlight, models.CASCADE, null=True, related_name="card")
    stability = models.FloatField(null=True)
    difficulty = models.FloatField(null=True)
    reviewed_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    reps = models.PositiveIntegerField(default=0)
    begun_on = models.DateField(null=True)
    snoozed_until = models.DateField(null=True)
    done_with_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=timezone.now)

    objects = CardQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(item__isnull=False) ^ Q(highlight__isnull=False),
                name="download_card_of_one",
            ),
            models.CheckConstraint(
                condition=Q(
                    reps=0,
                    stability__isnull=True,
                    difficulty__isnull=True,
                    reviewed_on__isnull=True,
                    due_on__isnull=True,
                    begun_on__isnull=True,
                )
                | Q(
                    reps__gt=0,
                    stability__gt=0,
                    difficulty__gte=1,
                    difficulty__lte=10,
                    reviewed_on__isnull=False,
                    due_on__isnull=False,
                    begun_on__isnull=False,
                ),
                name="download_card_memory",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["owner", "due_on"],
                condition=Q(due_on__isnull=False, done_with_at__isnull=True),
                name="download_card_due",
            ),
            models.Index(
                fields=["owner", "made_at"],
                condition=Q(due_on__isnull=True, done_with_at__isnull=True),
                name="download_card_new",
            ),
            models.Index(fields=["owner", "begun_on"], name="download_card_begun"),
        ]

    def __str__(self) -> str:
        return f"card {self.pk}"

    @property
    def is_answered(self) -> bool:
        """Whether anybody ever answered it, be it with *Not now*."""
        return bool(self.reps or self.snoozed_until or self.done_with_at)

    @property
    def memory(self) -> Memory | None:
        """What is remembered of it; None for a new card."""
        if self.stability is None or self.difficulty is None:
            return None
        if self.reviewed_on is None or self.due_on is None:
            return None
        return Memory(self.stability, self.difficulty, self.reviewed_on, self.due_on, self.reps)

    @property
    def source(self) -> Ref:
        """What it is about."""
        if self.highlight_id is not None:
            return Ref(Highlight._meta.label_lower, self.highlight_id)
        return Ref(Item._meta.label_lower, self.item_id)  # type: ignore[arg-type]  # one of the two (CHECK)

    @property
    def link(self) -> Item:
        """The link it is about, or the one its highlight is in."""
        held = self.highlight.item if self.highlight is not None else self.item
        assert held is not None  # the CHECK says so
        return held

    def is_resting(self, on: date) -> bool:
        """Whether its person does not want to see it on this day."""
        snoozed = self.snoozed_until is not None and self.snoozed_until > on
        return snoozed or self.done_with_at is not None


class Review(models.Model):
    """One answer to a card. Every card's log, in the order of `at`, leads to the state the card is in.

    `on`: the person's day. `retention`: what they wanted then. `before`: the card as the answer found it.
    `key`: made by whoever asked, so that the same answer sent twice is one.
    """

    EXPORTED: ClassVar = True

    class Answer(models.TextChoices):
        SHOW_SOON = Grade.SHOW_SOON.value, _("Show soon")
        MORE_OFTEN = Grade.MORE_OFTEN.value, _("More often")
        USEFUL = Grade.USEFUL.value, _("Useful")
        LESS_OFTEN = Grade.LESS_OFTEN.value, _("Less often")
        # These two say nothing about how well it is remembered.
        NOT_NOW = "not_now", _("Not now")
        DONE_WITH = "done_with", _("Done with this")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    card = models.ForeignKey(Card, models.CASCADE, related_name="reviews")
    answer = models.CharField(max_length=10, choices=Answer)
    at = models.DateTimeField()
    on = models.DateField()
    retention = models.FloatField()
    before = models.JSONField()
    key = models.UUIDField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "key"], name="download_review_once"),
            models.CheckConstraint(
                condition=Q(
                    answer__in=[
                        *("show_soon", "more_often", "useful", "less_often", "not_now", "done_with")
                    ]
                ),
                name="download_review_answer",
            ),
            models.CheckConstraint(
                condition=Q(retention__gte=LEAST_RETENTION, retention__lte=MOST_RETENTION),
                name="download_review_retention",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["card", "at", "id"], name="download_review_order")
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"

    @property
    def grade(self) -> Grade | None:
        """How it counts; None for an answer that is no review."""
        return Grade(self.answer) if self.answer in set(Grade) else None
