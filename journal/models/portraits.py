"""What AI wrote down about its person: a note on each entry, a digest of each month, the portrait built from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.ops.states import move
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import Sourced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from typing import Self
    from uuid import UUID

# What stands in a portrait where a sentence was taken out.
STRUCK: Final = "[…]"
BULLET: Final = "- "


class ItemJSON(TypedDict):
    """One thing a note says, and where its entry says it."""

    kind: str
    text: str
    start: int
    end: int


class PlaceJSON(TypedDict):
    node: str
    rev: int
    start: int
    end: int


class LineJSON(TypedDict):
    """One line of a digest, and the passages it was drawn from."""

    kind: str
    text: str
    places: list[PlaceJSON]


class NoteQuerySet(GuardedQuerySet["Note"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """As usual, and what was built from these notes is no longer used: digests go, portraits are quarantined."""
        # Whoever makes a digest of these notes right now holds them; afterwards it is seen below.
        held = self.select_for_update().order_by("pk")
        leaving = list(held.values_list("owner_id", "day", "since"))
        for owner_id in {owner for owner, _day, _since in leaving}:
            own = [(day, since) for owner, day, since in leaving if owner == owner_id]
            # The digests before the portraits, for the same reason: whoever builds one of them holds them.
            MonthDigest.objects.filter(
                owner=owner_id, month__in={first_of(day) for day, _since in own}
            ).delete()
            built = Portrait.objects.filter(owner=owner_id).built_since(
                min(since for _day, since in own)
            )
            for portrait in built.order_by("rev"):
                move(portrait, Portrait.State.QUARANTINED)
        return super().delete()

    def replace(self) -> None:
        """Deletes these notes because newer ones of the same entries take their place. Nothing else changes."""
        super().delete()


def first_of(day: date) -> date:
    return day.replace(day=1)


class Note(Guarded, Sourced):
    """What AI noted on one revision of an entry. `since`: when the entry was first noted, in whatever revision."""

    MADE_BY_AI: ClassVar = True

    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.CHAT)
    rev = models.PositiveIntegerField()
    day = models.DateField()
    items = EncryptedJSONField()
    model = models.CharField(max_length=80)
    prompt_version = models.CharField(max_length=12)
    made_at = models.DateTimeField(default=timezone.now)
    since = models.DateTimeField(default=timezone.now)

    objects = NoteQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("journal_note", "items"),
            models.UniqueConstraint(
                fields=["source_kind", "source_id", "rev"], name="journal_note_rev"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "day"], name="journal_note_day")
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("journal:profile")


class MonthDigest(Guarded):
    """What a month's notes come to. `built_from` is a keyed digest of which notes these were."""

    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.CHAT)
    month = models.DateField()
    lines = EncryptedJSONField()
    built_from = models.BinaryField(max_length=16)
    model = models.CharField(max_length=80, blank=True, default="")
    prompt_version = models.CharField(max_length=12, blank=True, default="")
    made_at = models.DateTimeField(default=timezone.now)

    objects = GuardedQuerySet["MonthDigest"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("journal_monthdigest", "lines"),
            models.UniqueConstraint(fields=["owner", "month"], name="journal_monthdigest_once"),
        ]

    def __str__(self) -> str:
        return f"digest {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("journal:profile")


class PortraitQuerySet(GuardedQuerySet["Portrait"]):
    def built_since(self, moment: datetime) -> Self:
        """Those that may hold something of a text that was first noted then, and are not quarantined yet.

        What a person wrote themselves is theirs; its sentences that cite an entry go with the entry's evidence.
        """
        return self.filter(made_at__gte=moment).exclude(
            Q(made_by=Portrait.MadeBy.PERSON) | Q(state=Portrait.State.QUARANTINED)
        )


class Portrait(Guarded):
    """AI's picture of its owner, one row per version. The body is Markdown, one sentence a line under headings."""

    class MadeBy(models.TextChoices):
        AI = "ai", _("AI")
        OFFLINE = "offline", _("by rule, on this server")
        PERSON = "person", _("you")
        RESTORE = "restore", _("you, from an earlier version")

    class State(models.TextChoices):
        CURRENT = "current", _("current")
        SUPERSEDED = "superseded", _("earlier")
        PROPOSED = "proposed", _("proposed")
        QUARANTINED = "quarantined", _("set aside")

    EDGES: ClassVar = {
        State.CURRENT: {State.SUPERSEDED, State.QUARANTINED},
        State.PROPOSED: {State.SUPERSEDED, State.QUARANTINED},
        State.SUPERSEDED: {State.QUARANTINED},
        State.QUARANTINED: {State.QUARANTINED},
    }
    # An AI's version does not take the place of these; it is proposed.
    BY_HAND: ClassVar = {MadeBy.PERSON, MadeBy.RESTORE}

    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.CHAT)
    rev = models.PositiveIntegerField()
    body = EncryptedTextField()
    made_by = models.CharField(max_length=7, choices=MadeBy)
    state = models.CharField(max_length=11, choices=State)
    version = models.PositiveIntegerField(default=1)
    built_from = models.BinaryField(max_length=16, null=True)
    covers_from = models.DateField(null=True)
    covers_until = models.DateField(null=True)
    entries = models.PositiveIntegerField(default=0)
    model = models.CharField(max_length=80, blank=True, default="")
    prompt_version = models.CharField(max_length=12, blank=True, default="")
    made_at = models.DateTimeField(default=timezone.now)

    objects = PortraitQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("journal_portrait", "body"),
            models.UniqueConstraint(fields=["owner", "rev"], name="journal_portrait_rev"),
            models.UniqueConstraint(
                fields=["owner"], condition=Q(state="current"), name="journal_portrait_one_current"
            ),
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(state="proposed"),
                name="journal_portrait_one_proposed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["current", "superseded", "proposed", "quarantined"]),
                name="journal_portrait_state",
            ),
            models.CheckConstraint(
                condition=Q(made_by__in=["ai", "offline", "person", "restore"]),
                name="journal_portrait_made_by",
            ),
            models.CheckConstraint(
                condition=Q(privacy_level="private"), name="journal_portrait_is_private"
            ),
        ]

    def __str__(self) -> str:
        return f"portrait {self.pk}"

    def get_absolute_url(self) -> str:
        # Known by its id alone where somebody's doings are listed; the version's own page needs its number.
        return reverse("journal:profile")

    @property
    def set_aside(self) -> bool:
        return self.state == self.State.QUARANTINED

    @property
    def usable(self) -> bool:
        """Whether a model may be given it: the version that stands, or for a conversation an earlier one.

        Never one that was set aside, and none that waits to be accepted.
        """
        stands = self.state in {self.State.CURRENT, self.State.SUPERSEDED}
        return stands and self.deleted_at is None and self.ai_usage != AIUsage.NONE

    @property
    def by_hand(self) -> bool:
        return self.made_by in self.BY_HAND


def sentence_lines(body: str) -> list[int]:
    """Which lines of a body are sentences: neither empty nor a heading."""
    lines = body.splitlines()
    return [place for place, line in enumerate(lines) if line.strip() and not is_heading(line)]


def is_heading(line: str) -> bool:
    """Whether a line is a heading. A line that begins with a tag is none."""
    return line.startswith("#") and line.lstrip("#").startswith(" ")


def struck(body: str, sentences: Iterable[int]) -> str:
    """The body without these sentences; their places stay, so that the others keep their numbers."""
    lines = body.splitlines()
    places = sentence_lines(body)
    for number in sentences:
        if number < len(places):
            lines[places[number]] = f"{BULLET}{STRUCK}"
    return "\n".join(lines)


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """As usual, and the sentences they stood for are taken out of every version, which is quarantined."""
        sentences: dict[UUID, set[int]] = {}
        for portrait_id, sentence in self.values_list("portrait_id", "sentence"):
            sentences.setdefault(portrait_id, set()).add(sentence)
        for portrait in Portrait.objects.filter(pk__in=sentences).order_by("rev"):
            body = struck(portrait.body, sentences[portrait.pk])
            move(portrait, Portrait.State.QUARANTINED, body=body)
        return super().delete()


class Evidence(Sourced):
    """The passage of an entry that one sentence of a portrait rests on."""

    MADE_BY_AI: ClassVar = True

    portrait = models.ForeignKey(Portrait, models.CASCADE, related_name="evidence")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    sentence = models.PositiveSmallIntegerField()
    rev = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(start__lt=models.F("end")), name="journal_evidence_span"
            ),
            models.UniqueConstraint(
                fields=["portrait", "sentence", "source_kind", "source_id", "start"],
                name="journal_evidence_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["source_kind", "source_id"], name="journal_evidence_of"),
        ]

    def __str__(self) -> str:
        return f"evidence {self.pk}"
