"""Pointing at a row of any app without importing it, and the ids rows are made with."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar, cast
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits, so inserts stay local in an index."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


@dataclass(frozen=True, slots=True)
class Ref:
    """One row, named by kind and id: `Ref("journal.node", uuid)`. Inside an app use a foreign key instead."""

    kind: str
    id: UUID

    @classmethod
    def to(cls, row: models.Model) -> Self:
        return cls(row._meta.label_lower, UUID(str(row.pk)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ref written as `"<kind>:<uuid>"`. ValueError when it is not one."""
        kind, colon, ident = text.partition(":")
        if not colon:
            raise ValueError("A ref is written kind:uuid")
        return cls(kind, UUID(ident))

    def __hash__(self) -> int:
        # Ids are unique whatever their kind, and a search puts hundreds of refs into sets and dictionaries.
        return hash(self.id)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def model(self) -> type[models.Model]:
        """The model this ref points into. LookupError for a kind that is not installed."""
        return apps.get_model(self.kind)


class Sourced(models.Model):
    """A row that was made out of another one, and dies with it unless it says otherwise."""

    source_kind = models.CharField(max_length=60)
    source_id = models.UUIDField()

    class Meta:
        abstract = True

    @property
    def source(self) -> Ref:
        return Ref(self.source_kind, self.source_id)

    @classmethod
    def made_from(cls, *refs: Ref) -> models.QuerySet[Self]:
        """The rows made from any of these, which are of one kind. ValueError when they are not."""
        (kind,) = {ref.kind for ref in refs}
        return cls._default_manager.filter(source_kind=kind, source_id__in=[ref.id for ref in refs])

    @classmethod
    def dying_with(cls, *refs: Ref) -> models.QuerySet[Self]:
        """The rows that go when these go: all that were made from them."""
        return cls.made_from(*refs)


def models_with(field: str | type[models.Field]) -> Iterator[tuple[type[models.Model], str]]:  # type: ignore[type-arg]
    """Each concrete model that has a field of this name or class, with the field's name."""
    for model in apps.get_models():
        if isinstance(field, str):
            try:
                model._meta.get_field(field)
            except FieldDoesNotExist:
                continue
            yield model, field
        else:
            for each in model._meta.concrete_fields:
                if isinstance(each, field):
                    yield model, each.name


Base = TypeVar("Base", bound=models.Model)


def models_of(base: Callable[..., Base]) -> Iterator[type[Base]]:
    """Each concrete model that inherits from an abstract base."""
    for model in apps.get_models():
        if isinstance(base, type) and issubclass(model, base):
            yield cast("type[Base]", model)
