"""Taking everything along, and forgetting everything: one walk over the two bases all texts inherit from."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models

from writeorperish.privacy.models import Guarded
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref, Sourced, models_of

# By its path in the export of everything: a file that a feature writes of one person's rows.
FILES: dict[str, Callable[[AbstractUser], Iterator[bytes]]] = {}


def carries(path: str, write: Callable[[AbstractUser], Iterator[bytes]]) -> None:
    """The export of everything holds this file from now on, for those for whom there is anything to write in it.

    Call in an app's `sources.py`. TypeError for a second one.
    """
    if path in FILES:
        raise TypeError(f"{path} is written by another already")
    FILES[path] = write


def belongings_of(person: AbstractUser) -> Iterator[models.QuerySet[Any]]:
    """Every guarded model's rows of this person, trash included; then the rows made from them that have an owner.

    Last those of models that say EXPORTED: parts of a guarded row that hold words of their own.
    """
    for model in models_of(Guarded):
        yield model._default_manager.filter(owner=person.pk).order_by("pk")
    for made in models_of(Sourced):
        if not issubclass(made, Guarded) and has_owner(made):
            yield owned_by(made, person).order_by("pk")
    for part in models_of(models.Model):
        if getattr(part, "EXPORTED", False):
            yield owned_by(part, person).order_by("pk")


def has_owner(model: type[models.Model]) -> bool:
    return any(each.name == "owner" for each in model._meta.concrete_fields)


def owned_by(model: type[models.Model], person: AbstractUser) -> models.QuerySet[Any]:
    rows: models.QuerySet[Any] = model._default_manager.all()
    return rows.filter(owner=person.pk)


def forget(*refs: Ref, owner_id: UUID) -> None:
    """Deletes what grew from these rows of one kind, and what grew from that. Call in the verb's transaction.

    By queryset, never row by row, and under the owner's wall: packed index rows mend themselves in their
    queryset's delete. As many queries for a thousand refs as for one.
    """
    with rows_of(owner_id):
        for model in models_of(Sourced):
            dying = behind_wall(model.dying_with(*refs), owner_id)
            if issubclass(model, Guarded) and (gone := [Ref.to(row) for row in dying.only("pk")]):
                forget(*gone, owner_id=owner_id)
            dying.delete()


def behind_wall(rows: models.QuerySet[Any], owner_id: UUID) -> models.QuerySet[Any]:
    """The same rows; of a walled table the owner's are asked for by name, whether or not the wall stands."""
    return rows.filter(owner=owner_id) if getattr(rows.model, "WALLED", False) else rows


def forget_for_ai(ref: Ref, *, owner_id: UUID) -> None:
    """Deletes what models made of this row, leaving the owner's own word index. In the verb's transaction."""
    with rows_of(owner_id):
        for model in models_of(Sourced):
            if getattr(model, "MADE_BY_AI", False):
                behind_wall(model.made_from(ref), owner_id).delete()


def forget_person(person: AbstractUser) -> None:
    """Deletes the walled index rows and everything made from this person's texts, before the person goes."""
    with rows_of(person.pk):
        for model in models_of(Sourced):
            if has_owner(model):
                owned_by(model, person).delete()
