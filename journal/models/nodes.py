"""Entries: a tree of texts, every revision kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto.fields import EncryptedTextField, sealed_checks
from writeorperish.privacy.grants import CircleGrant, UserGrant, granted
from writeorperish.privacy.models import Guarded, GuardedQuerySet
from writeorperish.refs import new_id

if TYPE_CHECKING:
    from typing import Self

    from django.contrib.auth.models import AbstractUser

    from writeorperish.privacy.models import Viewer

TITLE_CHARS = 200


class NodeQuerySet(GuardedQuerySet["Node"]):
    def roots(self) -> Self:
        return self.filter(parent__isnull=True)

    def with_tombstones_to(self, person: Viewer) -> Self:
        """Deleted rows this person would have been shown: their place may be told, never their text."""
        return self.filter(deleted_at__isnull=False).with_audience_of(person)

    def with_people(self) -> Self:
        """With the author's handle, so that a page of rows costs no further query."""
        return self.select_related("owner__profile")

    def counting_children_for(self, person: Viewer) -> Self:
        """With `children`: how many replies this person may see. One subquery for the whole page."""
        seen = Node.objects.visible_to(person).filter(parent=OuterRef("pk"))
        return self.annotate(children=counted(seen, "parent"))

    def counting_parts(self) -> Self:
        """With `further_parts`: how many parts a split text has beside its head."""
        parts = Node.objects.filter(part_of=Coalesce(OuterRef("part_of"), OuterRef("pk")))
        return self.annotate(further_parts=counted(parts, "part_of"))


def counted(rows: models.QuerySet[Any], by: str) -> Coalesce:
    number = rows.order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(number), 0)


class Node(Guarded):
    """One text in a thread. Its owner is the person responsible for it, also where AI wrote it."""

    class Author(models.TextChoices):
        PERSON = "person", _("person")
        AI = "ai", _("AI")

    class State(models.TextChoices):
        WHOLE = "whole", _("whole")
        WRITING = "writing", _("being written")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    EDGES: ClassVar = {
        State.WRITING: {State.WHOLE, State.STOPPED, State.FAILED},
        # Asked for once more, in its place.
        State.STOPPED: {State.WRITING},
        State.FAILED: {State.WRITING},
    }
    SHOWN_TO_OTHERS: ClassVar[Q] = Q(state="whole")

    root = models.ForeignKey("self", models.RESTRICT, related_name="thread")
    parent = models.ForeignKey(
        "self", models.RESTRICT, null=True, blank=True, related_name="replies"
    )
    depth = models.PositiveIntegerField(default=0)
    author_kind = models.CharField(max_length=6, choices=Author, default=Author.PERSON)
    author_model = models.CharField(max_length=80, blank=True)
    title = EncryptedTextField(blank=True, default="")
    body = EncryptedTextField(null=True)
    chars = models.PositiveIntegerField(default=0)
    rev = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=7, choices=State, default=State.WHOLE)
    version = models.PositiveIntegerField(default=1)
    written_at = models.DateTimeField(default=timezone.now)
    zone = models.CharField(max_length=60, default="UTC")
    day = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    part_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="parts"
    )
    part_index = models.PositiveSmallIntegerField(default=0)
    slug = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001  # null: not public
    pinned_at = models.DateTimeField(null=True, blank=True)
    source_key = models.BinaryField(max_length=32, null=True)
    import_run = models.ForeignKey(
        "journal.ImportRun", models.SET_NULL, null=True, blank=True, related_name="nodes"
    )
    purge_after = models.DateTimeField(null=True, blank=True)
    deletion = models.UUIDField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *Guarded.Meta.constraints,
            *sealed_checks("journal_node", "title", "body"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, root=F("id"))
                | (Q(parent__isnull=False) & ~Q(root=F("id"))),
                name="journal_node_root",
            ),
            models.CheckConstraint(
                condition=(Q(author_kind="ai") & ~Q(author_model=""))
                | Q(author_kind="person", author_model=""),
                name="journal_node_author",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["whole", "writing", "stopped", "failed"]),
                name="journal_node_state",
            ),
            models.CheckConstraint(
                condition=Q(state="whole") | Q(author_kind="ai"), name="journal_node_unfinished"
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | (Q(deleted_at__isnull=False) & Q(body__isnull=True)),
                name="journal_node_erased",
            ),
            models.CheckConstraint(
                condition=Q(slug__isnull=True) | Q(parent__isnull=True),
                name="journal_node_slug_root",
            ),
            models.UniqueConstraint(
                fields=["owner", "slug"], condition=Q(slug__isnull=False), name="journal_node_slug"
            ),
            models.UniqueConstraint(
                fields=["owner", "source_key"],
                condition=Q(source_key__isnull=False),
                name="journal_node_source_key",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["root", "written_at", "id"], name="journal_node_thread"),
            models.Index(fields=["owner", "day"], name="journal_node_day"),
            models.Index(fields=["owner", "updated_at", "id"], name="journal_node_synced"),
            models.Index(
                fields=["owner", "-written_at", "-id"],
                condition=Q(parent__isnull=True, deleted_at__isnull=True),
                name="journal_node_log",
            ),
            models.Index(
                fields=["-written_at"],
                condition=Q(privacy_level="public", deleted_at__isnull=True),
                name="journal_node_public",
            ),
            models.Index(
                fields=["purge_after"],
                condition=Q(deleted_at__isnull=False),
                name="journal_node_purge",
            ),
        ]

    def __str__(self) -> str:
        return f"node {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("journal:node", args=[self.pk])

    @classmethod
    def granted_to(cls, person: AbstractUser) -> Q:
        return granted(cls, person)

    @property
    def is_root(self) -> bool:
        return self.parent_id is None


class Version(models.Model):
    """One revision of an entry, the current one included; or an aside, the text that lost a conflict."""

    class Reason(models.TextChoices):
        SAVE = "save", _("Saved")
        MERGE = "merge", _("Merged from two tabs")
        RESTORE = "restore", _("Restored")
        SPLIT = "split", _("Split")
        IMPORT = "import", _("Imported")
        ASIDE = "aside", _("Set aside in a conflict")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    node = models.ForeignKey(Node, models.CASCADE, related_name="versions")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    rev = models.PositiveIntegerField(null=True)
    base_rev = models.PositiveIntegerField(null=True)
    title = EncryptedTextField(blank=True, default="")
    body = EncryptedTextField()
    reason = models.CharField(max_length=7, choices=Reason, default=Reason.SAVE)
    act = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *sealed_checks("journal_version", "title", "body"),
            models.UniqueConstraint(fields=["node", "rev"], name="journal_version_rev"),
            models.UniqueConstraint(fields=["node", "act"], name="journal_version_act"),
            models.CheckConstraint(
                condition=Q(reason__in=["save", "merge", "restore", "split", "import", "aside"]),
                name="journal_version_reason",
            ),
            models.CheckConstraint(
                condition=Q(reason="aside", rev__isnull=True)
                | (~Q(reason="aside") & Q(rev__isnull=False)),
                name="journal_version_aside",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.pk}"


class NodeUserGrant(UserGrant):
    """One person may read one entry."""

    content_object = models.ForeignKey(Node, models.CASCADE)

    class Meta(UserGrant.Meta):
        abstract = False


class NodeCircleGrant(CircleGrant):
    """One circle may read one entry."""

    content_object = models.ForeignKey(Node, models.CASCADE)

    class Meta(CircleGrant.Meta):
        abstract = False
