"""The tags of a person's links, and many links at once."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from download.actions.items import (
    drop_unused_tags,
    named,
    tag_key,
    tag_keys_of,
    tags_named,
    trash_items,
)
from download.models.items import MOST_TAGS, Item, Tag
from writeorperish.audit.log import Act, record, record_many
from writeorperish.events.catalog import Genre, TextRewritten
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid, Missing
from writeorperish.refs import Ref


def tags_of(person: AbstractUser) -> QuerySet[Tag]:
    """The person's tags, each with `uses`: how many living links bear it."""
    living = Q(items__deleted_at__isnull=True, items__isnull=False)
    return Tag.objects.filter(owner=person.pk).annotate(uses=Count("items", filter=living))


def tag_named(person: AbstractUser, name: str) -> Tag | None:
    """The person's tag of this name, however it is spelled; None when they have none."""
    keys = tag_keys_of(person.pk, named([name]))
    return Tag.objects.filter(owner=person.pk, name_key__in=keys).first()


def tagged(person: AbstractUser, name: str) -> QuerySet[Item]:
    """The person's links that bear this tag, however it is spelled."""
    keys = tag_keys_of(person.pk, [tag_key(each) for each in named([name]).values()])
    return Item.objects.visible_to(person).filter(tags__name_key__in=keys, owner=person.pk)


@transaction.atomic
def rename_tag(
    person: AbstractUser, tag: Tag, *, name: str, expected_version: int | None = None
) -> Tag:
    """The tag under this name; where another has it already, that one with the links of both."""
    current = own_locked(person, tag)
    if expected_version is not None and expected_version != current.version:
        raise Conflict(yours=expected_version, theirs=current.version)
    names = named([name])
    if not names:
        raise Invalid
    ((key, tidy),) = names.items()
    (name_key,) = tag_keys_of(person.pk, [key])
    bearing = list(current.items.values_list("pk", flat=True))
    other = Tag.objects.filter(owner=person.pk, name_key=name_key).exclude(pk=current.pk).first()
    if other is not None:
        put_on(bearing, [other])
        current.delete()
    else:
        current.name, current.name_key, current.version = tidy, name_key, current.version + 1
        current.save(update_fields=["name", "name_key", "version"])
    record(person, "edit", Ref.to(tag), of=person.pk)
    say_anew(person, bearing)
    return other or current


@transaction.atomic
def remove_tag(person: AbstractUser, tag: Tag) -> None:
    """No link bears the tag any more; the links stay."""
    current = own_locked(person, tag)
    bearing = list(current.items.values_list("pk", flat=True))
    record(person, "erase", Ref.to(current), of=person.pk)
    current.delete()
    say_anew(person, bearing)


def own_locked(person: AbstractUser, tag: Tag) -> Tag:
    current = Tag.objects.select_for_update().filter(owner=person.pk, pk=tag.pk).first()
    if current is None:
        raise Missing
    return current


@transaction.atomic
def change_many(
    person: AbstractUser,
    ids: Sequence[UUID],
    *,
    reading: str | None = None,
    add_tags: Collection[str] = (),
    remove_tags: Collection[str] = (),
    trash: bool = False,
) -> dict[UUID, int]:
    """What became of each of these links, as a status of HTTP: 200, 404 for what is not there, 422 beyond 30 tags.

    As many queries for two hundred as for two.
    """
    own = Item.objects.editable_by(person).filter(pk__in=ids)
    found = set(own.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    answers = {each: 200 if each in found else 404 for each in ids}
    if trash:
        trash_items(person, list(found))
        return answers
    now = timezone.now()
    if reading is not None:
        done = {"done_at": now} if reading == Item.Reading.DONE else {}
        undone = {"done_at": None} if reading in {"unread", "reading"} else {}
        rows = Item.objects.filter(pk__in=found).exclude(reading=reading)
        rows.update(reading=reading, version=F("version") + 1, updated_at=now, **done, **undone)
    adding = tags_named(person.pk, named(add_tags))
    full = too_many_with(found, adding)
    answers |= dict.fromkeys(full, 422)
    changed = put_on(found - full, adding) | take_off(person, found, remove_tags)
    say_anew(person, changed)
    record_many([Act(person, "edit", Ref("download.item", each), person.pk) for each in found])
    return answers


def too_many_with(items: Collection[UUID], tags: Collection[Tag]) -> set[UUID]:
    """Which of these links would have more tags than a link may have."""
    if not tags:
        return set()
    others = Count("tags", filter=~Q(tags__in=tags))
    rows = Item.objects.filter(pk__in=items).annotate(others=others)
    return set(rows.filter(others__gt=MOST_TAGS - len(tags)).values_list("pk", flat=True))


def put_on(items: Collection[UUID], tags: Collection[Tag]) -> set[UUID]:
    """The links that did not bear all of these tags before."""
    through: Any = Item.tags.through
    before = set(
        through.objects.filter(item__in=items, tag__in=tags).values_list("item_id", "tag_id")
    )
    missing = [(item, tag.pk) for item in items for tag in tags if (item, tag.pk) not in before]
    through.objects.bulk_create([through(item_id=item, tag_id=tag) for item, tag in missing])
    return {item for item, _tag in missing}


def take_off(person: AbstractUser, items: Collection[UUID], names: Collection[str]) -> set[UUID]:
    """The links that bore one of these tags."""
    if not names:
        return set()
    keys = tag_keys_of(person.pk, named(names))
    through: Any = Item.tags.through
    rows = through.objects.filter(item__in=items, tag__name_key__in=keys)
    bearing = set(rows.values_list("item_id", flat=True))
    rows.delete()
    drop_unused_tags(person.pk)
    return bearing


def say_anew(person: AbstractUser, items: Collection[UUID]) -> None:
    """These links say something else now, and whoever listens hears of it."""
    if not items:
        return
    Item.objects.filter(pk__in=items).update(
        rev=F("rev") + 1, version=F("version") + 1, updated_at=timezone.now()
    )
    living = Item.objects.editable_by(person).filter(pk__in=items).values_list("pk", flat=True)
    refs = [Ref(Item._meta.label_lower, each) for each in living]
    if refs:
        emit(*(TextRewritten(ref, person.pk, Genre.READING) for ref in refs))
