"""The library: what a person keeps to read, the copies of its pages, and the words they marked in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download.models.feeds import Feed
from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField, sealed_checks
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import new_id

if TYPE_CHECKING:
    from typing import Self

TITLE_CHARS: Final = 500
NOTE_CHARS: Final = 20_000
TAG_CHARS: Final = 64
MOST_TAGS: Final = 30
QUOTE_CHARS: Final = 10_000


class Library(models.Model):
    """What one person decided about all they keep; its row is the lock of whatever must happen once.

    `ai_usage` is what new links begin with, and `asked_at` when the person was asked about it.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    ai_usage = models.CharField(max_length=5, choices=AIUsage, default=AIUsage.NONE)
    asked_at = models.DateTimeField(null=True)
    fetching = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "libraries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(ai_usage__in=AIUsage.values), name="download_library_ai_usage"
            )
        ]

    def __str__(self) -> str:
        return f"library {self.pk}"


class Tag(models.Model):
    """One tag of a person's links. `name_key` is its keyed digest, that of the journal's tag of this name."""

    EXPORTED: ClassVar = True

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = EncryptedTextField()
    name_key = models.BigIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_tag", "name"),
            models.UniqueConstraint(fields=["owner", "name_key"], name="download_tag_once"),
        ]

    def __str__(self) -> str:
        return f"tag {self.pk}"


class ItemQuerySet(GuardedQuerySet["Item"]):
    def with_words(self) -> Self:
        """With the page and the tags, which belong to what an item says."""
        return self.select_related("page").prefetch_related("tags")

    def for_list(self) -> Self:
        """With all a list shows; the words of the pages stay in the database."""
        rows = self.select_related("page").defer("page__text").prefetch_related("tags")
        marked = Highlight.objects.filter(item=OuterRef("pk"), deleted_at__isnull=True)
        counted = marked.order_by().values("item").annotate(n=Count("pk")).values("n")
        return rows.annotate(marks=Coalesce(Subquery(counted), 0))

    def marked(self) -> Self:
        """Those with a highlight."""
        marks = Highlight.objects.filter(item=OuterRef("pk"), deleted_at__isnull=True)
        return self.filter(Exists(marks))


class Item(Guarded):
    """One link, or one text without an address. `url_key` tells whether it is kept already.

    `rev` counts what it says: title, note, tags, the copy of its page; `version` every change but progress.
    """

    class Reading(models.TextChoices):
        UNREAD = "unread", _("Unread")
        READING = "reading", _("Reading")
        DONE = "done", _("Read")
        ARCHIVED = "archived", _("Archived")

    class Fetch(models.TextChoices):
        PENDING = "pending", _("waiting for its text")
        FETCHING = "fetching", _("getting its text")
        FETCHED = "fetched", _("text kept")
        SUSPICIOUS = "suspicious", _("may not be the article")
        FAILED = "failed", _("only the link could be saved")
        SKIPPED = "skipped", _("text not asked for")

    class Reason(models.TextChoices):
        """Why there is no text, in words a person can use."""

        UNREACHABLE = "unreachable", _("The site did not answer.")
        REFUSED_ADDRESS = "refused_address", _("This address can't be opened from here.")
        TOO_LARGE = "too_large", _("The page is larger than we can take.")
        TOO_SLOW = "too_slow", _("The site took too long.")
        WRONG_TYPE = "wrong_type", _("This is a file, not a page of text.")
        NEEDS_LOGIN = "needs_login", _("The page asks for a sign-in.")
        GONE = "gone", _("The page is no longer there.")
        UNREADABLE = "unreadable", _("No text could be found in the page.")

    class CapturedBy(models.TextChoices):
        PASTE = "paste", _("pasted")
        BOOKMARKLET = "bookmarklet", _("from the browser")
        SHARE = "share", _("shared from a device")
        API = "api", _("from an app")
        IMPORT = "import", _("imported")
        FEED = "feed", _("from a source")

    url = EncryptedTextField(null=True)
    url_key = models.BinaryField(max_length=16)
    site_key = models.BigIntegerField(null=True)
    title = EncryptedTextField(blank=True, default="")
    note = EncryptedTextField(blank=True, default="")
    extra = EncryptedJSONField(null=True)
    tags = models.ManyToManyField(Tag, related_name="items")
    reading = models.CharField(max_length=8, choices=Reading, default=Reading.UNREAD)
    progress = models.FloatField(default=0)
    fetch = models.CharField(max_length=10, choices=Fetch, default=Fetch.PENDING)
    fetch_reason = models.CharField(max_length=15, choices=Reason, blank=True, default="")
    fetch_tries = models.PositiveSmallIntegerField(default=0)
    # Until when a worker has it, and when somebody last asked for it by hand.
    fetch_until = models.DateTimeField(null=True)
    fetch_asked_at = models.DateTimeField(null=True)
    page = models.ForeignKey("download.Page", models.SET_NULL, null=True, related_name="+")
    captured_by = models.CharField(max_length=11, choices=CapturedBy, default=CapturedBy.PASTE)
    rev = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)
    # Where a link came from by itself, and a keyed digest of its name there.
    feed = models.ForeignKey(Feed, models.SET_NULL, null=True, related_name="+")
    external_key = models.BinaryField(max_length=16, null=True)
    saved_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    purge_after = models.DateTimeField(null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("download_item", "url", "title", "note", "extra"),
            models.UniqueConstraint(
                fields=["owner", "url_key"],
                condition=Q(deleted_at__isnull=True),
                name="download_item_once",
            ),
            models.UniqueConstraint(
                fields=["owner", "feed", "external_key"],
                condition=Q(external_key__isnull=False),
                name="download_item_external_once",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1), name="download_item_progress"
            ),
            models.CheckConstraint(
                condition=Q(reading__in=["unread", "reading", "done", "archived"]),
                name="download_item_reading",
            ),
            models.CheckConstraint(
                condition=Q(
                    fetch__in=[
                        *("pending", "fetching", "fetched", "suspicious", "failed", "skipped"),
                    ]
                ),
                name="download_item_fetch",
            ),
            models.CheckConstraint(
                condition=(Q(fetch="failed") & ~Q(fetch_reason=""))
                | (~Q(fetch="failed") & Q(fetch_reason="")),
                name="download_item_fetch_reason",
            ),
            models.CheckConstraint(
                condition=Q(
                    captured_by__in=["paste", "bookmarklet", "share", "api", "import", "feed"]
                ),
                name="download_item_captured_by",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True, purge_after__isnull=True)
                | Q(deleted_at__isnull=False, purge_after__isnull=False),
                name="download_item_purge_after",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["owner", "-saved_at", "-id"],
                condition=Q(deleted_at__isnull=True),
                name="download_item_saved",
            ),
            models.Index(fields=["owner", "updated_at", "id"], name="download_item_synced"),
            models.Index(fields=["owner", "site_key"], name="download_item_site"),
            models.Index(
                fields=["purge_after"],
                condition=Q(deleted_at__isnull=False),
                name="download_item_purge",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("download:item", args=[self.pk])


class Page(models.Model):
    """The text of an item's page as it was at one time, as Markdown of ours; its markup is never kept."""

    EXPORTED: ClassVar = True

    class Origin(models.TextChoices):
        FETCHED = "fetched", _("fetched from its address")
        PUSHED = "pushed", _("sent by an app")
        PASTED = "pasted", _("pasted by you")
        IMPORTED = "imported", _("imported")

    class Quality(models.TextChoices):
        GOOD = "good", _("complete")
        THIN = "thin", _("perhaps not all of it")
        SUSPICIOUS = "suspicious", _("may not be the article")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    item = models.ForeignKey(Item, models.CASCADE, related_name="pages")
    revision = models.PositiveIntegerField()
    text = EncryptedTextField()
    title = EncryptedTextField(blank=True, default="")
    byline = EncryptedTextField(blank=True, default="")
    site = EncryptedTextField(blank=True, default="")
    published_on = models.DateField(null=True)
    lang = models.CharField(max_length=12, blank=True, default="")
    words = models.PositiveIntegerField(default=0)
    digest = models.BinaryField(max_length=16)
    # Of its first characters: the same on two pages of a site means that neither is the article.
    head_digest = models.BinaryField(max_length=16)
    origin = models.CharField(max_length=8, choices=Origin)
    quality = models.CharField(max_length=10, choices=Quality, default=Quality.GOOD)
    fetched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("download_page", "text", "title", "byline", "site"),
            models.UniqueConstraint(fields=["item", "revision"], name="download_page_once"),
            models.CheckConstraint(
                condition=Q(origin__in=["fetched", "pushed", "pasted", "imported"]),
                name="download_page_origin",
            ),
            models.CheckConstraint(
                condition=Q(quality__in=["good", "thin", "suspicious"]),
                name="download_page_quality",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "head_digest"], name="download_page_head")
        ]

    def __str__(self) -> str:
        return f"page {self.revision} of {self.item_id}"


class HighlightQuerySet(GuardedQuerySet["Highlight"]):
    def with_item(self) -> Self:
        """With the item it is in, whose title names it."""
        return self.select_related("item", "item__page").defer("item__page__text")


class Highlight(Guarded):
    """Words a person marked in a page. `start` and `end` are places in the page's text, in code points.

    Not `anchored`: the page was fetched again and no longer says this. `rev` counts what it says.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="highlights")
    page = models.ForeignKey(Page, models.CASCADE, related_name="highlights")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = EncryptedTextField()
    before = EncryptedTextField(blank=True, default="")
    after = EncryptedTextField(blank=True, default="")
    note = EncryptedTextField(blank=True, default="")
    anchored = models.BooleanField(default=True)
    rev = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    purge_after = models.DateTimeField(null=True)

    objects = HighlightQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("download_highlight", "quote", "before", "after", "note"),
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="download_highlight_span"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-made_at", "-id"], name="download_highlight_made"),
            models.Index(fields=["item", "start"], name="download_highlight_place"),
            models.Index(
                fields=["purge_after"],
                condition=Q(deleted_at__isnull=False),
                name="download_highlight_purge",
            ),
        ]

    def __str__(self) -> str:
        return f"highlight {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("download:highlight", args=[self.pk])


def within(progress: float) -> float:
    """How far somebody read, between 0 and 1; 0 for what is no number."""
    return 0.0 if math.isnan(progress) else min(max(progress, 0.0), 1.0)
