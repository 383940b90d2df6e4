"""Keeping words while they are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.models.drafts import DRAFT_CHARS, Draft
from journal.models.nodes import Node
from writeorperish.ops.refusals import Invalid, Missing, TooLarge
from writeorperish.privacy.levels import AIUsage, PrivacyLevel

EMPTY_LIFE = timedelta(hours=24)
DISCARDED_LIFE = timedelta(days=30)
DRAFTS_AT_MOST = 500


class DraftTooLong(TooLarge):
    code = "too_large"
    words = _("A draft holds up to one million characters. What was saved before is still here.")


class TooManyDrafts(Invalid):
    code = "limit_reached"
    words = _("There are 500 open drafts. Save or discard some first.")


@dataclass(frozen=True, slots=True)
class Saved:
    """A draft after an autosave; `stale` when a newer one had already arrived and nothing was written."""

    draft: Draft
    stale: bool = False


def drafts_of(person: AbstractUser) -> models.QuerySet[Draft]:
    """The person's open drafts, newest first."""
    return Draft.objects.filter(owner=person.pk, discarded_at__isnull=True).order_by(
        "-updated_at", "-id"
    )


@transaction.atomic
def save_draft(
    person: AbstractUser,
    id: UUID,
    *,
    seq: int,
    title: str,
    text: str,
    edits: UUID | None = None,
    parent: UUID | None = None,
    base_rev: int | None = None,
    privacy_level: str | None = None,
    ai_usage: str | None = None,
) -> Saved:
    """The draft with these words, or as it stood when `seq` is not newer. Nothing of it is ever announced.

    Missing for somebody else's id, an unreadable parent or an entry one may not edit; DraftTooLong,
    TooManyDrafts.
    """
    if len(text) > DRAFT_CHARS:
        raise DraftTooLong(chars=len(text), cap=DRAFT_CHARS)
    draft = Draft.objects.select_for_update().filter(pk=id).first()
    if draft is None:
        try:
            with transaction.atomic():
                return begin_draft(
                    person,
                    id,
                    seq=seq,
                    title=title,
                    text=text,
                    edits=edits,
                    parent=parent,
                    base_rev=base_rev,
                    privacy_level=privacy_level,
                    ai_usage=ai_usage,
                )
        except IntegrityError:
            # Another first save of it was faster by a moment.
            draft = Draft.objects.select_for_update().get(pk=id)
    if draft.owner_id != person.pk:
        raise Missing
    if seq <= draft.seq:
        return Saved(draft, stale=True)
    draft.seq, draft.title, draft.body = seq, title, text
    draft.privacy_level = privacy_level or draft.privacy_level
    draft.ai_usage = ai_usage or draft.ai_usage
    draft.updated_at, draft.discarded_at = timezone.now(), None
    draft.save(
        update_fields=[
            "seq",
            "title",
            "body",
            "privacy_level",
            "ai_usage",
            "updated_at",
            "discarded_at",
        ]
    )
    return Saved(draft)


def begin_draft(
    person: AbstractUser,
    id: UUID,
    *,
    seq: int,
    title: str,
    text: str,
    edits: UUID | None,
    parent: UUID | None,
    base_rev: int | None,
    privacy_level: str | None,
    ai_usage: str | None,
) -> Saved:
    """A first autosave. One that arrives after its entry was saved is stale, not a second text."""
    if Node.objects.filter(pk=id).exists():
        if Node.objects.editable_by(person).filter(pk=id).exists():
            return Saved(Draft(id=id, owner_id=person.pk, seq=seq), stale=True)
        raise Missing
    check_room(person)
    edited = editable(person, edits) if edits else None
    if parent and not Node.objects.visible_to(person).filter(pk=parent).exists():
        raise Missing
    base = edited.versions.filter(rev=base_rev).first() if edited else None
    draft = Draft.objects.create(
        id=id,
        owner_id=person.pk,
        edits=edited,
        parent_id=parent,
        base_rev=base_rev,
        base_body=base.body if base else None,
        seq=seq,
        title=title,
        body=text,
        privacy_level=privacy_level or (edited.privacy_level if edited else PrivacyLevel.PRIVATE),
        ai_usage=ai_usage or (edited.ai_usage if edited else AIUsage.NONE),
    )
    return Saved(draft)


def check_room(person: AbstractUser) -> None:
    """TooManyDrafts when no other one may be begun."""
    if drafts_of(person).count() >= DRAFTS_AT_MOST:
        raise TooManyDrafts


def require_draft(person: AbstractUser, id: UUID) -> None:
    """The draft stands: a page names one before its first word is typed.

    Missing for another's, and for an entry's id; TooManyDrafts.
    """
    if Node.objects.filter(pk=id).exists():
        raise Missing
    standing = Draft.objects.filter(pk=id).first()
    if standing is None:
        check_room(person)
        # Another try of this request may have been faster by a moment.
        standing, _new = Draft.objects.get_or_create(pk=id, defaults={"owner_id": person.pk})
    if standing.owner_id != person.pk:
        raise Missing


def editable(person: AbstractUser, id: UUID) -> Node:
    node = Node.objects.editable_by(person).filter(pk=id).first()
    if node is None:
        raise Missing
    return node


def draft_on(person: AbstractUser, node: Node) -> Draft | None:
    """The newest open draft that edits this entry."""
    return drafts_of(person).filter(edits=node).first()


def parent_states(person: AbstractUser, drafts: Sequence[Draft]) -> dict[UUID, str]:
    """Per draft `none`, `alive` or `deleted`: whether what it answers still stands, as this person may know it.

    One query for any number of drafts.
    """
    parents = {draft.parent_id for draft in drafts if draft.parent_id}
    alive = set(Node.objects.visible_to(person).filter(pk__in=parents).values_list("pk", flat=True))
    return {draft.pk: state_of_parent(draft.parent_id, alive) for draft in drafts}


def state_of_parent(parent: UUID | None, alive: set[UUID]) -> str:
    if parent is None:
        return "none"
    return "alive" if parent in alive else "deleted"


@transaction.atomic
def discard_draft(person: AbstractUser, draft: Draft) -> None:
    """The draft is in the trash for 30 days, or gone at once when it holds no word."""
    if not draft.title.strip() and not draft.body.strip():
        Draft.objects.filter(pk=draft.pk, owner=person.pk).delete()
        return
    Draft.objects.filter(pk=draft.pk, owner=person.pk).update(discarded_at=timezone.now())


@transaction.atomic
def reopen_draft(person: AbstractUser, draft: Draft) -> None:
    """The draft is open again."""
    Draft.objects.filter(pk=draft.pk, owner=person.pk).update(discarded_at=None)


def sweep_drafts() -> int:
    """How many drafts were let go: discarded for 30 days, or empty for a day."""
    now = timezone.now()
    old, _rows = Draft.objects.filter(discarded_at__lt=now - DISCARDED_LIFE).delete()
    stale = Draft.objects.filter(
        updated_at__lt=now - EMPTY_LIFE, discarded_at__isnull=True, recordings__isnull=True
    )
    blank = [
        draft.pk
        for draft in stale.filter(seq=0).iterator(chunk_size=200)
        if not draft.body.strip() and not draft.title.strip()
    ]
    empty, _rows = Draft.objects.filter(pk__in=blank).delete()
    return old + empty
