"""The only place a row's state changes."""

from typing import TypeVar

from django.db import models, transaction

from writeorperish.ops.refusals import Conflict

Row = TypeVar("Row", bound=models.Model)


@transaction.atomic
def move(row: Row, to: str, *, expected_version: int | None = None, **values: object) -> Row:
    """The row, locked, in its new state and one version on, with the values that belong to that state.

    The model's EDGES name the moves that exist. Conflict when the row stands elsewhere than the caller
    believed or no such move exists. Joins the caller's transaction; one SELECT FOR UPDATE and one UPDATE.
    """
    model = type(row)
    locked = model._default_manager.select_for_update(of=("self",)).get(pk=row.pk)
    edges = model.EDGES  # type: ignore[attr-defined]  # every model with a state has them (test_tables)
    if expected_version is not None and locked.version != expected_version:  # type: ignore[attr-defined]
        raise Conflict(yours=expected_version, theirs=locked.version)  # type: ignore[attr-defined]
    if to not in edges.get(locked.state, set()):  # type: ignore[attr-defined]
        raise Conflict("wrong_state", state=locked.state)  # type: ignore[attr-defined]
    locked.state = to  # type: ignore[attr-defined]
    locked.version += 1  # type: ignore[attr-defined]
    for name, value in values.items():
        setattr(locked, name, value)
    locked.save(update_fields=["state", "version", *values])
    return locked
