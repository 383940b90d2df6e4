"""Keeping links: saving, changing, deleting and taking back."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download import addresses, lexicon
from download.actions.highlights import (
    QuoteNotFound,
    forget_highlights,
    mark_quote,
    return_highlights,
)
from download.actions.pages import keep_page
from download.fetching import Copy
from download.models.imports import ImportRow
from download.models.items import (
    MOST_TAGS,
    NOTE_CHARS,
    TAG_CHARS,
    TITLE_CHARS,
    Item,
    Library,
    Page,
    Tag,
    within,
)
from writeorperish.audit.log import Act, record, record_many
from writeorperish.crypto import blind, keys
from writeorperish.crypto.fields import JSON
from writeorperish.events.catalog import (
    AIUsageChanged,
    Genre,
    ItemSaved,
    PageWanted,
    TextErased,
    TextRewritten,
    TextWritten,
)
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid, Missing
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.portability import forget, forget_for_ai
from writeorperish.refs import Ref, new_id

TRASH_LIFE: Final = timedelta(days=30)
BATCH: Final = 200
MOST_AT_ONCE: Final = 200
BEGUN: Final = 0.05  # so much of a page read by itself makes an unread link one that is being read


class AddressNotKept(Invalid):
    code = "address_refused"
    words = _("Only addresses that begin with http:// or https:// can be kept.")


class NothingToKeep(Invalid):
    code = "empty"
    words = _("There is nothing to keep yet. Give an address or a title.")


class TooManyTags(Invalid):
    code = "too_many_tags"
    words = _("A link can have 30 tags. Take one away first.")


class IdTaken(Conflict):
    code = "id_taken"
    words = _("This id is in use.")


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save made: the link, whether it is new, and whether it came back from the trash."""

    item: Item
    created: bool
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be kept, as somebody gave it. `page` is its text where it came along."""

    url: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    note: str = field(default="", repr=False)
    author: str = field(default="", repr=False)
    tags: tuple[str, ...] = field(default=(), repr=False)
    saved_at: datetime | None = None
    reading: str = ""
    ai_usage: str = ""
    page: Copy | None = None
    extra: JSON = field(default=None, repr=False)


def save_item(
    person: AbstractUser, found: Found, *, captured_by: str, id: UUID | None = None
) -> Saved:
    """The link as kept. A known address is one link: tags are united, a new note is added, the earliest date stays.

    One that was in the trash is back. Without a text its page is wanted, if it has an address and the
    person has pages fetched. Raises AddressNotKept, NothingToKeep, TooManyTags, IdTaken.
    """
    url = addresses.address(found.url) if found.url.strip() else None
    if url is None and found.url.strip():
        raise AddressNotKept
    if url is None and not found.title.strip() and found.page is None:
        raise NothingToKeep
    names = named(found.tags)
    key = key_of(person.pk, url, found)
    try:
        with transaction.atomic():
            library = locked(person)
            standing = known(person, key, id)
            if standing is None:
                return Saved(
                    begin(person, library, found, url, key, names, captured_by, id), created=True
                )
            restored = standing.deleted_at is not None
            if restored:
                bring_back(person, standing)
            merge(person, standing, found, names)
            return Saved(standing, created=False, restored=restored)
    except IntegrityError as error:
        raise IdTaken from error


def locked(person: AbstractUser) -> Library:
    """The person's library, made if need be, locked until the transaction ends."""
    Library.objects.bulk_create([Library(owner_id=person.pk)], ignore_conflicts=True)
    return Library.objects.select_for_update().get(owner=person.pk)


def library_of(person: AbstractUser) -> Library:
    """The person's decisions, or what stands before they decided. One query."""
    return Library.objects.filter(owner=person.pk).first() or Library(owner_id=person.pk)


@transaction.atomic
def decide_library(
    person: AbstractUser, *, ai_usage: str | None = None, fetching: bool | None = None
) -> Library:
    """What new links begin with from now on; links that are kept stay as they are."""
    library = locked(person)
    if ai_usage is not None:
        library.ai_usage, library.asked_at = ai_usage, timezone.now()
    if fetching is not None:
        library.fetching = fetching
    library.save(update_fields=["ai_usage", "asked_at", "fetching"])
    record(
        person,
        "library.decide",
        None,
        of=person.pk,
        detail={"ai_usage": library.ai_usage, "fetching": library.fetching},
    )
    return library


def key_of(owner_id: UUID, url: str | None, found: Found) -> bytes:
    """What tells this link from the person's others: its place, or without one its title and author."""
    holder = keys.person(owner_id)
    if url is not None:
        return blind.digest(holder, b"address", (addresses.canonical(url) or url).encode())
    title, author = (" ".join(each.casefold().split()) for each in (found.title, found.author))
    # Two texts that nobody named are two.
    unnamed = b"" if title else new_id().bytes
    return blind.digest(holder, b"untitled", title.encode(), author.encode(), unnamed)


def known(person: AbstractUser, key: bytes, id: UUID | None) -> Item | None:
    """The person's link of this place, a living one first, else the one trashed last; or the one of this id."""
    own = Item.objects.filter(owner=person.pk).select_for_update(of=("self",))
    living = own.filter(url_key=key, deleted_at__isnull=True).first()
    if living is not None:
        return living
    trashed = own.filter(url_key=key, deleted_at__isnull=False).order_by("-deleted_at").first()
    if trashed is None and id is not None and own.filter(pk=id).exists():
        raise IdTaken
    return trashed


def begin(
    person: AbstractUser,
    library: Library,
    found: Found,
    url: str | None,
    key: bytes,
    names: dict[str, str],
    captured_by: str,
    id: UUID | None,
) -> Item:
    """A new link, announced, its text wanted where there is one to get."""
    wanted = url is not None and library.fetching and found.page is None
    item = Item(
        id=id or new_id(),
        owner_id=person.pk,
        ai_usage=found.ai_usage or library.ai_usage,
        url=url,
        url_key=key,
        site_key=site_key_of(person.pk, url),
        title=found.title.strip()[:TITLE_CHARS],
        note=found.note[:NOTE_CHARS],
        extra=found.extra,
        reading=found.reading or Item.Reading.UNREAD,
        fetch=Item.Fetch.PENDING if wanted else Item.Fetch.SKIPPED,
        captured_by=captured_by,
        saved_at=found.saved_at or timezone.now(),
        done_at=timezone.now() if found.reading == Item.Reading.DONE else None,
    )
    item.save(force_insert=True)
    if names:
        item.tags.set(tags_named(person.pk, names))
    if found.page is not None:
        keep_page(item, found.page)
    record(person, "write", item.ref, of=person.pk)
    emit(ItemSaved(item.ref, person.pk), TextWritten(item.ref, person.pk, Genre.READING))
    if wanted:
        emit(PageWanted(item.ref, person.pk))
    return item


def merge(person: AbstractUser, item: Item, found: Found, names: dict[str, str]) -> None:
    """The link with what is new of it. Nothing new writes nothing."""
    changed = []
    if found.note.strip() and found.note.strip() not in item.note:
        item.note = f"{item.note}\n\n{found.note}".strip()[:NOTE_CHARS]
        changed.append("note")
    if found.title.strip() and not item.title:
        item.title = found.title.strip()[:TITLE_CHARS]
        changed.append("title")
    standing = {tag.name_key for tag in item.tags.all()}
    more = [tag for tag in tags_named(person.pk, names) if tag.name_key not in standing]
    if len(standing) + len(more) > MOST_TAGS:
        raise TooManyTags
    if more:
        item.tags.add(*more)
    before = item.rev
    if found.page is not None:
        keep_page(item, found.page)
    if found.saved_at is not None and found.saved_at < item.saved_at:
        item.saved_at = found.saved_at
        changed.append("saved_at")
    if more or item.rev != before or set(changed) & {"note", "title"}:
        say_anew(person, item, changed)
    elif changed:
        stamp(item, changed)


@transaction.atomic
def give_text(person: AbstractUser, item: Item, *, text: str) -> Item:
    """The link with this text as its page, as its person pasted it; no fetch replaces it by itself."""
    current = own_locked(person, item)
    before = current.rev
    keep_page(current, Copy(text.strip(), Page.Origin.PASTED))
    record(person, "edit", current.ref, of=person.pk)
    if current.rev != before:
        emit(TextRewritten(current.ref, person.pk, Genre.READING))
    return current


@transaction.atomic
def keep_selection(person: AbstractUser, item: Item, selection: str) -> None:
    """What was selected while saving, as a highlight; as a note where the page does not say it or is not here yet."""
    try:
        mark_quote(person, item, quote=selection)
    except QuoteNotFound:
        merge(person, own_locked(person, item), Found(note=selection), {})


def say_anew(person: AbstractUser, item: Item, changed: Iterable[str]) -> None:
    """The link saved with other words than before, and announced."""
    item.rev += 1
    stamp(item, [*changed, "rev"])
    record(person, "edit", item.ref, of=person.pk)
    emit(TextRewritten(item.ref, person.pk, Genre.READING))


def stamp(item: Item, changed: Iterable[str]) -> None:
    """The link saved with these columns, one version on."""
    item.version += 1
    item.updated_at = timezone.now()
    item.save(update_fields=[*changed, "version", "updated_at"])


def named(names: Iterable[str]) -> dict[str, str]:
    """Key → name of each tag, as first written. TooManyTags beyond 30; what is only space is no tag."""
    found: dict[str, str] = {}
    for name in names:
        if tidy := tidied(name):
            found.setdefault(tag_key(tidy), tidy)
    if len(found) > MOST_TAGS:
        raise TooManyTags
    return found


def tidied(name: str) -> str:
    """A tag as it is written; "" when there is nothing of it. Once more, it stays as it is."""
    words = " ".join(unicodedata.normalize("NFKC", name).split())
    return words.lstrip("# \ufeff")[:TAG_CHARS].rstrip()


def tag_key(name: str) -> str:
    """What two spellings of one tag have in common, here and in the journal."""
    return unicodedata.normalize("NFKC", name).casefold()


def tag_keys_of(owner_id: UUID, tag_keys: Iterable[str]) -> list[int]:
    return blind.tokens(keys.person(owner_id), "tag", tag_keys)


def site_key_of(owner_id: UUID, url: str | None) -> int | None:
    host = addresses.host_of(url) if url else ""
    if not host:
        return None
    return blind.token(keys.person(owner_id), lexicon.Namespace.SITE, lexicon.site(host).word)


def tags_named(owner_id: UUID, names: dict[str, str]) -> list[Tag]:
    """The person's tags of these keys, made where they lack one. Two queries at most."""
    if not names:
        return []
    by_key = dict(zip(tag_keys_of(owner_id, names), names.values(), strict=True))
    rows = Tag.objects.filter(owner=owner_id, name_key__in=by_key)
    standing = set(rows.values_list("name_key", flat=True))
    Tag.objects.bulk_create(
        [
            Tag(owner_id=owner_id, name_key=key, name=name)
            for key, name in by_key.items()
            if key not in standing
        ],
        ignore_conflicts=True,
    )
    return list(rows.all())


@transaction.atomic
def change_item(
    person: AbstractUser,
    item: Item,
    *,
    expected_version: int | None = None,
    title: str | None = None,
    note: str | None = None,
    tags: Sequence[str] | None = None,
    reading: str | None = None,
    ai_usage: str | None = None,
) -> Item:
    """The link with these values; those omitted stay untouched. Conflict when another change was faster."""
    current = own_locked(person, item)
    if expected_version is not None and expected_version != current.version:
        raise Conflict(yours=expected_version, theirs=current.version)
    said = []
    if title is not None and title.strip()[:TITLE_CHARS] != current.title:
        current.title = title.strip()[:TITLE_CHARS]
        said.append("title")
    if note is not None and note[:NOTE_CHARS] != current.note:
        current.note = note[:NOTE_CHARS]
        said.append("note")
    retagged = tags is not None and retag(current, named(tags))
    rest = []
    if reading is not None and reading != current.reading:
        set_reading(current, reading)
        rest += ["reading", "done_at"]
    if ai_usage is not None and ai_usage != current.ai_usage:
        set_ai_usage(person, current, ai_usage)
        rest.append("ai_usage")
    if said or retagged:
        say_anew(person, current, [*said, *rest])
    elif rest:
        stamp(current, rest)
        record(person, "edit", current.ref, of=person.pk)
    return current


def own_locked(person: AbstractUser, item: Item) -> Item:
    current = (
        Item.objects.editable_by(person)
        .select_for_update(of=("self",))
        .select_related("page")
        .filter(pk=item.pk)
        .first()
    )
    if current is None:
        raise Missing
    return current


def retag(item: Item, names: dict[str, str]) -> bool:
    """Whether the link's tags changed to be exactly these. Tags without links go."""
    before = set(item.tags.values_list("pk", flat=True))
    wanted = tags_named(item.owner_id, names)
    if before == {tag.pk for tag in wanted}:
        return False
    item.tags.set(wanted)
    drop_unused_tags(item.owner_id)
    return True


def drop_unused_tags(owner_id: UUID) -> None:
    Tag.objects.filter(owner=owner_id, items__isnull=True).delete()


def set_reading(item: Item, reading: str) -> None:
    """The link in this state of reading, not yet saved."""
    item.reading = reading
    if reading == Item.Reading.DONE:
        item.done_at = timezone.now()
    elif reading != Item.Reading.ARCHIVED:
        item.done_at = None


def set_ai_usage(person: AbstractUser, item: Item, ai_usage: str) -> None:
    """The link's new AI use, not yet saved, and that of its highlights; what models made of them goes now."""
    item.ai_usage = ai_usage
    marks = list(item.highlights.all())
    item.highlights.update(ai_usage=ai_usage)
    for ref in (item.ref, *(mark.ref for mark in marks)):
        if ai_usage == AIUsage.NONE:
            forget_for_ai(ref, owner_id=item.owner_id)
        emit(AIUsageChanged(ref, item.owner_id, Genre.READING))
    record(person, "ai_usage", item.ref, of=person.pk, detail={"to": str(ai_usage)})


@transaction.atomic
def note_progress(person: AbstractUser, item: Item, progress: float) -> Item:
    """The link with how far it was read, 0..1; what is outside is brought inside. No new version.

    An unread link with a text is being read from 5 % on.
    """
    current = own_locked(person, item)
    current.progress = within(progress)
    current.opened_at = timezone.now()
    begun = current.progress >= BEGUN and current.page_id is not None
    if begun and current.reading == Item.Reading.UNREAD:
        current.reading = Item.Reading.READING
    current.updated_at = timezone.now()
    current.save(update_fields=["progress", "opened_at", "reading", "updated_at"])
    return current


@transaction.atomic
def trash_items(person: AbstractUser, items: Iterable[UUID]) -> list[UUID]:
    """The ids of those of these links that are in the trash now, for 30 days, without what grew from them.

    Their pages and highlights stay with them, unseen. As many queries for all as for one.
    """
    own = Item.objects.editable_by(person).filter(pk__in=list(items)[:MOST_AT_ONCE])
    rows = own.order_by("pk").select_for_update(of=("self",))
    taken = list(rows.values_list("pk", flat=True))
    if not taken:
        return []
    now = timezone.now()
    Item.objects.filter(pk__in=taken).update(
        deleted_at=now, purge_after=now + TRASH_LIFE, updated_at=now
    )
    refs = [Ref(Item._meta.label_lower, each) for each in taken]
    forget(*refs, owner_id=person.pk)
    marks = forget_highlights(person.pk, taken, at=now)
    record_many([Act(person, "trash", ref, person.pk) for ref in refs])
    emit(*(TextErased(ref, person.pk) for ref in [*refs, *marks]))
    return taken


def trash_item(person: AbstractUser, item: Item) -> None:
    """The link is in the trash. Missing when it is not the person's."""
    if not trash_items(person, [item.pk]):
        raise Missing


@transaction.atomic
def restore_item(person: AbstractUser, item: Item) -> Item:
    """The link back from the trash with its highlights. Search finds it again shortly.

    Where its address was kept anew meanwhile, that is one link more than one may have: Conflict.
    """
    locked(person)
    rows = Item.objects.deleted_by(person).select_for_update(of=("self",))
    current = rows.filter(pk=item.pk).first()
    if current is None:
        raise Missing
    living = Item.objects.editable_by(person).filter(url_key=bytes(current.url_key))
    if living.exists():
        raise Conflict("already_kept", _("This address is kept already, in another link."))
    bring_back(person, current)
    return current


def bring_back(person: AbstractUser, item: Item) -> None:
    marks = return_highlights(item)
    item.deleted_at = item.purge_after = None
    stamp(item, ["deleted_at", "purge_after"])
    record(person, "restore", item.ref, of=person.pk)
    emit(*(TextWritten(ref, person.pk, Genre.READING) for ref in (item.ref, *marks)))


@transaction.atomic
def erase_item(person: AbstractUser, item: Item) -> None:
    """The trashed link is gone for good, with its pages and highlights."""
    current = Item.objects.deleted_by(person).select_for_update(of=("self",)).filter(pk=item.pk)
    if not current:
        raise Missing
    record(person, "erase", item.ref, of=person.pk)
    let_go(current)


def purge(*, now: datetime | None = None) -> int:
    """How many links the clock let go: trashed for 30 days. Short transactions of 200."""
    now = now or timezone.now()
    total = 0
    while True:
        with transaction.atomic():
            due = Item.objects.filter(deleted_at__isnull=False, purge_after__lte=now)
            batch = list(
                due.select_for_update(skip_locked=True, of=("self",)).order_by("pk")[:BATCH]
            )
            let_go(batch)
        total += len(batch)
        if len(batch) < BATCH:
            return total


def let_go(batch: Iterable[Item]) -> None:
    """Removes these trashed links and all that is theirs."""
    by_owner: dict[UUID, list[Item]] = {}
    for item in batch:
        by_owner.setdefault(item.owner_id, []).append(item)
    for owner_id, theirs in by_owner.items():
        refs = [item.ref for item in theirs]
        forget(*refs, owner_id=owner_id)
        emit(*(TextErased(ref, owner_id) for ref in refs))
        ImportRow.let_go_of([item.pk for item in theirs])
        Item.objects.filter(pk__in=[item.pk for item in theirs]).delete()
        drop_unused_tags(owner_id)
