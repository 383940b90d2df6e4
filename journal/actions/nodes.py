"""Writing, editing and restoring entries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.actions.recordings import has_sound, keep_with
from journal.merging import merge
from journal.models.drafts import Draft
from journal.models.nodes import Node, Version
from journal.splitting import NODE_CHARS, split
from writeorperish.audit.log import record
from writeorperish.events.catalog import AIUsageChanged, Genre, TextRewritten, TextWritten
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Gone, Invalid, Missing, TooLarge
from writeorperish.privacy.grants import copy_sight, grant_sight
from writeorperish.privacy.levels import WIDTH, AIUsage, PrivacyLevel
from writeorperish.privacy.models import Circle
from writeorperish.privacy.portability import forget_for_ai
from writeorperish.refs import Ref, new_id

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
TEXT_CHARS = 1_000_000  # what one save may bring; above the cap of one entry it becomes a chain
PINS = 10
CLOCK_SKEW = timedelta(minutes=5)


class Empty(Invalid):
    code = "empty"
    words = _("There is nothing to save yet. Write a word first.")


class PublicNotOpen(Invalid):
    code = "public_not_open"
    words = _("Public entries open with moderation.")


class PublicReplyRequired(Invalid):
    code = "public_reply_required"
    words = _("Replies to a public entry are public. You can write privately about it instead.")


class WiderThanParent(Invalid):
    code = "audience_wider_than_parent"
    words = _("A reply can't be seen by more people than the entry above it.")


class AudienceEmpty(Invalid):
    code = "audience_empty"
    words = _("Choose at least one circle or person.")


class OutOfTime(Invalid):
    code = "written_at_out_of_range"
    words = _("The date must lie between 1900 and now.")


class ParentDeleted(Gone):
    code = "parent_deleted"
    words = _("The entry you reply to was deleted. Your words are kept as a draft.")


class AlreadySaved(Conflict):
    code = "already_saved"
    words = _("This entry is saved already, with other words.")


class IdTaken(Conflict):
    code = "id_taken"
    words = _("This id is in use.")


class TooManyPins(Invalid):
    code = "too_many_pins"
    words = _("Ten entries are pinned already. Unpin one first.")


class TooLong(TooLarge):
    code = "too_long"
    words = _("This is longer than one entry holds. It is kept as a draft.")


class EditConflict(Conflict):
    """Two edits of the same lines. `detail` holds both texts; yours is already kept as a version of its own."""

    code = "edit_conflict"
    words = _("This entry was changed in another place. Both texts are kept.")


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an entry at level circles is granted to."""

    circles: tuple[Circle, ...] = ()
    people: tuple[AbstractUser, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.circles or self.people)


@dataclass(frozen=True, slots=True)
class Written:
    """What a save made: the entry, whether it is new, and the parts of a text too long for one."""

    node: Node
    created: bool
    parts: tuple[Node, ...] = field(default=())

    @property
    def tip(self) -> Node:
        return self.parts[-1] if self.parts else self.node


def write_node(
    person: AbstractUser,
    *,
    text: str,
    title: str = "",
    id: UUID | None = None,
    parent: UUID | None = None,
    privacy_level: str = PrivacyLevel.PRIVATE,
    ai_usage: str = AIUsage.NONE,
    audience: Audience | None = None,
    written_at: datetime | None = None,
    zone: str = "UTC",
    draft: UUID | None = None,
    spoken: bool = False,
) -> Written:
    """The entry as saved, its first version, and the facts that follow; the draft it came from is gone.

    What was recorded into the draft is the entry's from now on. `spoken`, or sound in the draft: there may be
    no words yet. The same id with the same words is the same entry (created False). Raises Empty, PublicNotOpen, the
    reply rules' refusals, ParentDeleted, Missing, AlreadySaved or IdTaken.
    """
    drafts = [each for each in (id, draft) if each]
    if not text.strip() and not spoken and not has_sound(person, drafts):
        raise Empty
    if len(text) > TEXT_CHARS:
        raise TooLong(chars=len(text), cap=TEXT_CHARS)
    if privacy_level == PrivacyLevel.PUBLIC:
        raise PublicNotOpen
    try:
        with transaction.atomic():
            standing = saved_before(person, id, title=title, text=text, parent=parent)
            if standing is not None:
                return Written(standing, created=False)
            above = lock_parent(person, parent) if parent else None
            check_level(person, above, privacy_level, audience)
            nodes = make_chain(
                person,
                above,
                text=text,
                title=title,
                id=id or new_id(),
                privacy_level=privacy_level,
                ai_usage=ai_usage,
                written_at=moment(written_at),
                zone=zone,
            )
            for node in nodes:
                open_to_audience(node, above, audience or Audience())
            keep_with(nodes[0], drafts)
            Draft.objects.filter(pk__in=drafts, owner=person.pk).delete()
    except IntegrityError as error:
        # Another try of this save may have been faster by a moment.
        with transaction.atomic():
            standing = saved_before(person, id, title=title, text=text, parent=parent)
        if standing is None:
            raise IdTaken from error
        return Written(standing, created=False)
    return Written(nodes[0], created=True, parts=tuple(nodes) if len(nodes) > 1 else ())


def saved_before(
    person: AbstractUser, id: UUID | None, *, title: str, text: str, parent: UUID | None
) -> Node | None:
    """The entry an earlier try of this save made, or None. AlreadySaved or IdTaken when the id names another."""
    if id is None:
        return None
    standing = Node.objects.select_for_update().filter(pk=id).first()
    if standing is None:
        return None
    if standing.owner_id != person.pk or standing.deleted_at is not None:
        raise IdTaken
    words = "".join(
        [standing.body or "", *(part.body or "" for part in standing.parts.order_by("part_index"))]
    )
    if (standing.title, words) == (title, text) and parent in places_of(standing):
        return standing
    raise AlreadySaved(rev=standing.rev)


def places_of(node: Node) -> set[UUID | None]:
    """What a save may have named as the parent: for a reply to a long text its head, too, not only its tip."""
    if node.parent is None:
        return {None}
    return {node.parent.pk, node.parent.part_of_id} - {None}


def lock_parent(person: AbstractUser, parent: UUID) -> Node:
    """The entry to reply to, locked so that it cannot go meanwhile: alive and, like its root, visible."""
    above = (
        Node.objects.visible_to(person)
        .select_for_update(no_key=True, of=("self",))
        .filter(pk=parent)
        .first()
    )
    if above is None:
        if Node.objects.with_tombstones_to(person).filter(pk=parent).exists():
            raise ParentDeleted
        raise Missing
    if not Node.objects.visible_to(person).filter(pk=above.root_id).exists():
        raise Missing
    tip = (
        above.parts.filter(owner=above.owner_id, deleted_at__isnull=True)
        .order_by("-part_index")
        .first()
    )
    return tip or above


def levels_under(parent: Node | None, person: AbstractUser) -> list[PrivacyLevel]:
    """The levels a reply here may have: a thread never gets wider as it goes deeper, and public stays public."""
    if parent is None:
        return [PrivacyLevel.PRIVATE, PrivacyLevel.CIRCLES]
    if parent.privacy_level == PrivacyLevel.PUBLIC:
        return [PrivacyLevel.PUBLIC]
    if parent.privacy_level == PrivacyLevel.CIRCLES:
        return [PrivacyLevel.CIRCLES, PrivacyLevel.PRIVATE]
    return [PrivacyLevel.PRIVATE]


def check_level(
    person: AbstractUser, parent: Node | None, level: str, audience: Audience | None
) -> None:
    if level not in levels_under(parent, person):
        if parent is not None and parent.privacy_level == PrivacyLevel.PUBLIC:
            raise PublicReplyRequired
        raise WiderThanParent
    if parent is None and level == PrivacyLevel.CIRCLES and not audience:
        raise AudienceEmpty


def moment(written_at: datetime | None) -> datetime:
    now = timezone.now()
    if written_at is None:
        return now
    if not EARLIEST <= written_at <= now + CLOCK_SKEW:
        raise OutOfTime
    return written_at


def make_chain(
    person: AbstractUser,
    parent: Node | None,
    *,
    text: str,
    title: str,
    id: UUID,
    privacy_level: str,
    ai_usage: str,
    written_at: datetime,
    zone: str,
) -> list[Node]:
    """The entry and the further parts of a long one, saved, recorded and announced."""
    nodes = chain_of(
        person,
        parent,
        text=text,
        title=title,
        id=id,
        privacy_level=privacy_level,
        ai_usage=ai_usage,
        written_at=written_at,
        zone=zone,
    )
    for node in nodes:
        node.save(force_insert=True)
        keep_version(node, Version.Reason.SPLIT if node.part_index else Version.Reason.SAVE)
        record(person, "write", Ref.to(node), of=person.pk)
        emit(TextWritten(Ref.to(node), person.pk, Genre.DIARY))
    return nodes


def chain_of(
    person: AbstractUser,
    parent: Node | None,
    *,
    text: str,
    title: str,
    id: UUID,
    privacy_level: str,
    ai_usage: str,
    written_at: datetime,
    zone: str,
) -> list[Node]:
    """The entry, not yet saved, and below it one part per further cap's worth of text, each a moment later."""
    nodes: list[Node] = []
    for index, piece in enumerate(split(text, NODE_CHARS) or [text]):
        above = nodes[-1] if nodes else parent
        ident = new_id() if nodes else id
        at = written_at + timedelta(milliseconds=index)
        nodes.append(
            Node(
                id=ident,
                owner_id=person.pk,
                root_id=above.root_id if above else ident,
                parent=above,
                depth=above.depth + 1 if above else 0,
                title=title if index == 0 else "",
                body=piece,
                chars=len(piece),
                privacy_level=privacy_level,
                ai_usage=ai_usage,
                written_at=at,
                zone=zone,
                day=at.astimezone(ZoneInfo(zone)).date(),
                part_of=nodes[0] if nodes else None,
                part_index=index,
            )
        )
    return nodes


def open_to_audience(node: Node, parent: Node | None, audience: Audience) -> None:
    """Grants a new entry at level circles: a root to whom was named, a reply to whoever sees what it answers."""
    if node.privacy_level != PrivacyLevel.CIRCLES:
        return
    if parent is None:
        grant_sight(node, circles=audience.circles, people=audience.people)
        return
    copy_sight(parent, node)
    if parent.owner_id != node.owner_id:
        grant_sight(node, people=[parent.owner])


def keep_version(
    node: Node, reason: str, *, base_rev: int | None = None, act: UUID | None = None
) -> Version:
    version = version_of(node, reason, base_rev=base_rev, act=act)
    version.save(force_insert=True)
    return version


def version_of(
    node: Node, reason: str, *, base_rev: int | None = None, act: UUID | None = None
) -> Version:
    """The node's present words as a version, not yet saved."""
    return Version(
        node=node,
        owner_id=node.owner_id,
        rev=node.rev,
        base_rev=base_rev,
        title=node.title,
        body=node.body or "",
        reason=reason,
        act=act,
    )


@dataclass(frozen=True, slots=True)
class Edited:
    """The entry after an edit; `merged` when a change from elsewhere was taken in."""

    node: Node
    merged: bool = False


def edit_node(
    person: AbstractUser,
    node: Node,
    *,
    base_rev: int,
    title: str | None = None,
    text: str | None = None,
    act: UUID | None = None,
    draft: UUID | None = None,
) -> Edited:
    """The entry with these words, merged with what was saved elsewhere since `base_rev`.

    Raises EditConflict when both changed the same lines, after keeping the submitted text as an aside of
    its own; TooLong above the cap; Empty. The same `act` again changes nothing.
    """
    if text is not None and not text.strip():
        raise Empty
    if text is not None and len(text) > NODE_CHARS:
        raise TooLong(chars=len(text), cap=NODE_CHARS)
    with transaction.atomic():
        current = Node.objects.editable_by(person).select_for_update().get(pk=node.pk)
        if act and current.versions.filter(act=act).exists():
            return Edited(current)
        yours = Words(
            current.title if title is None else title,
            (current.body or "") if text is None else text,
        )
        outcome = (
            Merge(yours, clean=True, base=yours)
            if current.rev == base_rev
            else merge_since(current, base_rev, yours)
        )
        if outcome.clean:
            save_words(person, current, outcome.words, base_rev=base_rev, act=act)
            if draft:
                Draft.objects.filter(pk=draft, owner=person.pk).delete()
            return Edited(current, merged=current.rev - 1 != base_rev)
        aside = keep_aside(current, yours, base_rev=base_rev, act=act)
    # Raised after the commit, so that the text that lost is kept whatever happens next.
    raise EditConflict(
        rev=current.rev,
        base=outcome.base.text,
        theirs=current.body,
        yours=yours.text,
        theirs_title=current.title,
        yours_title=yours.title,
        merged=outcome.words.text,
        clean=False,
        aside=str(aside.pk),
    )


@dataclass(frozen=True, slots=True)
class Words:
    title: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Merge:
    words: Words
    clean: bool
    base: Words


def merge_since(current: Node, base_rev: int, yours: Words) -> Merge:
    """Both edits in one text, and whether that could be done without choosing. Without the base it never can."""
    version = current.versions.filter(rev=base_rev).first()
    base = Words(version.title, version.body) if version else Words("", "")
    merged = merge(base.text, current.body or "", yours.text)
    title, title_clean = one_title(base.title, current.title, yours.title)
    clean = merged.clean and title_clean and version is not None
    return Merge(Words(title, merged.text), clean=clean, base=base)


def one_title(base: str, theirs: str, yours: str) -> tuple[str, bool]:
    if theirs in (base, yours):
        return yours, True
    return theirs, yours == base


def save_words(
    person: AbstractUser,
    node: Node,
    words: Words,
    *,
    base_rev: int,
    act: UUID | None = None,
    reason: str = "",
) -> None:
    """Writes a new revision, unless nothing changed."""
    if (node.title, node.body) == (words.title, words.text):
        return
    merged = base_rev != node.rev
    node.title, node.body, node.chars = words.title, words.text, len(words.text)
    node.rev += 1
    node.updated_at = timezone.now()
    node.save(update_fields=["title", "body", "chars", "rev", "updated_at"])
    kept = reason or (Version.Reason.MERGE if merged else Version.Reason.SAVE)
    keep_version(node, kept, base_rev=base_rev, act=act)
    record(person, "edit", Ref.to(node), of=person.pk)
    emit(TextRewritten(Ref.to(node), person.pk, genre_of(node)))


def keep_aside(node: Node, words: Words, *, base_rev: int, act: UUID | None) -> Version:
    """The text that lost a conflict, as a version of its own; once per act."""
    return Version.objects.create(
        node=node,
        owner_id=node.owner_id,
        rev=None,
        base_rev=base_rev,
        title=words.title,
        body=words.text,
        reason=Version.Reason.ASIDE,
        act=act,
    )


def words_in(node: Node, rev: int) -> str | None:
    """The text of an entry in one of its revisions; None when that one is not kept. One query."""
    version = node.versions.filter(rev=rev).first()
    return version.body if version else None


def genre_of(node: Node) -> Genre:
    """AI's words are answers, so that nobody takes them for evidence about the person."""
    return Genre.ANSWER if node.author_kind == Node.Author.AI else Genre.DIARY


@transaction.atomic
def restore_version(person: AbstractUser, node: Node, version: Version) -> Node:
    """The entry with an earlier version's words, as a new revision. Who can see it stays as it is."""
    current = Node.objects.editable_by(person).select_for_update().get(pk=node.pk)
    save_words(
        person,
        current,
        Words(version.title, version.body),
        base_rev=current.rev,
        reason=Version.Reason.RESTORE,
    )
    return current


@transaction.atomic
def change_settings(
    person: AbstractUser,
    node: Node,
    *,
    ai_usage: str | None = None,
    pinned: bool | None = None,
    written_at: datetime | None = None,
    zone: str | None = None,
) -> Node:
    """The entry with these settings; those omitted stay untouched. Narrowing AI use removes what models made of it."""
    current = Node.objects.editable_by(person).select_for_update().get(pk=node.pk)
    changed = ["updated_at"]
    if ai_usage is not None and ai_usage != current.ai_usage:
        set_ai_usage(person, current, ai_usage)
        changed.append("ai_usage")
    if pinned is not None:
        set_pinned(person, current, pinned=pinned)
        changed.append("pinned_at")
    if written_at is not None or zone is not None:
        current.written_at = moment(written_at or current.written_at)
        current.zone = zone or current.zone
        current.day = current.written_at.astimezone(ZoneInfo(current.zone)).date()
        changed += ["written_at", "zone", "day"]
    current.updated_at = timezone.now()
    current.save(update_fields=changed)
    return current


def set_pinned(person: AbstractUser, node: Node, *, pinned: bool) -> None:
    """The entry pinned or not, not yet saved; one that is pinned keeps its place. TooManyPins beyond ten."""
    if pinned and node.pinned_at is None:
        others = Node.objects.editable_by(person).filter(pinned_at__isnull=False)
        if others.count() >= PINS:
            raise TooManyPins(limit=PINS)
    node.pinned_at = (node.pinned_at or timezone.now()) if pinned else None


def set_ai_usage(person: AbstractUser, node: Node, ai_usage: str) -> None:
    """The entry's new AI use, not yet saved; what models made of it goes in this same transaction."""
    narrower = ai_usage == AIUsage.NONE
    node.ai_usage = ai_usage
    if narrower:
        forget_for_ai(Ref.to(node), owner_id=node.owner_id)
        for reply in own_ai_replies(person, node):
            reply.ai_usage = ai_usage
            reply.save(update_fields=["ai_usage"])
            forget_for_ai(Ref.to(reply), owner_id=reply.owner_id)
    record(person, "ai_usage", Ref.to(node), of=person.pk, detail={"to": str(ai_usage)})
    emit(AIUsageChanged(Ref.to(node), person.pk, genre_of(node)))


def own_ai_replies(person: AbstractUser, node: Node) -> Iterable[Node]:
    return Node.objects.filter(
        parent=node, owner=person.pk, author_kind=Node.Author.AI, deleted_at__isnull=True
    )


def is_wider(one: str, other: str) -> bool:
    return WIDTH[PrivacyLevel(one)] > WIDTH[PrivacyLevel(other)]
