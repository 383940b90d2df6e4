"""Keeping the tags of entries true to their texts."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Count

from journal.models.nodes import Node, NodeQuerySet
from journal.models.tags import Tag, Tagging
from journal.quoting import tag_key, tags_in
from writeorperish.crypto import blind, keys
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read, still_stands
from writeorperish.refs import Ref

MOST_TAGS = 500


@dataclass(frozen=True, slots=True)
class Counted:
    """A tag and how many entries bear it."""

    id: UUID
    name: str
    count: int


@transaction.atomic
def retag(ref: Ref, *, owner_id: UUID) -> None:
    """The entry bears exactly the tags its text has now. Harmless twice; a text that is gone bears none.

    A text that changes meanwhile is left to whoever hears of that change.
    """
    passage = read(ref, purpose=Purpose.INDEX)
    if passage is not None and not still_stands(passage, purpose=Purpose.INDEX):
        return
    names = {tag_key(name): name for name in tags_in(passage.text)} if passage else {}
    tags = tags_named(owner_id, names)
    Tagging.made_from(ref).exclude(tag__in=tags).delete()
    Tagging.objects.bulk_create(
        [
            Tagging(tag=tag, owner_id=owner_id, source_kind=ref.kind, source_id=ref.id)
            for tag in tags
        ],
        ignore_conflicts=True,
    )
    Tag.objects.filter(owner=owner_id, taggings__isnull=True).delete()


def tags_named(owner_id: UUID, names: dict[str, str]) -> list[Tag]:
    """The person's tags of these keys, made where they lack one. Two queries at most."""
    if not names:
        return []
    tokens = dict(zip(tokens_of(owner_id, list(names)), names.values(), strict=True))
    known = set(
        Tag.objects.filter(owner=owner_id, token__in=tokens).values_list("token", flat=True)
    )
    Tag.objects.bulk_create(
        [
            Tag(owner_id=owner_id, token=token, name=name)
            for token, name in tokens.items()
            if token not in known
        ],
        ignore_conflicts=True,
    )
    return list(Tag.objects.filter(owner=owner_id, token__in=tokens))


def tokens_of(owner_id: UUID, tag_keys: list[str]) -> list[int]:
    return blind.tokens(keys.person(owner_id), "tag", tag_keys)


def tags_of(person: AbstractUser) -> list[Counted]:
    """The person's tags, the most used first, at most 500. One query."""
    rows = Tag.objects.filter(owner=person.pk).annotate(uses=Count("taggings"))
    found = rows.filter(uses__gt=0).order_by("-uses", "pk")[:MOST_TAGS]
    return [Counted(tag.pk, tag.name, tag.uses) for tag in found]


def tagged(person: AbstractUser, name: str) -> NodeQuerySet:
    """The person's own entries that bear this tag, however it is spelled."""
    (token,) = tokens_of(person.pk, [tag_key(name)])
    bearing = Tagging.objects.filter(owner=person.pk, tag__owner=person.pk, tag__token=token)
    return Node.objects.visible_to(person).filter(
        owner=person.pk, pk__in=bearing.values("source_id")
    )
