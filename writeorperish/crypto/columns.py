"""Walking the sealed columns of all tables: batch by batch, by key, without ever locking out a person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models.expressions import ExpressionWrapper, F, Func, Value

from writeorperish.crypto import envelope, keys
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.fields import Sealed, SealedField
from writeorperish.crypto.keyring import Key
from writeorperish.refs import models_with

Column: TypeAlias = "SealedField[Any, Any]"

BATCH = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """What a walk did: values under the new key, values that did not open, values saved by others meanwhile."""

    sealed: int = 0
    unopened: int = 0
    overtaken: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(
            self.sealed + other.sealed,
            self.unopened + other.unopened,
            self.overtaken + other.overtaken,
        )


def sealed_columns() -> list[Column]:
    """Every sealed column of the house, tables in the order of their apps."""
    found: list[Column] = []
    for model, name in models_with(SealedField):
        field = model._meta.get_field(name)
        if isinstance(field, SealedField):
            found.append(field)
    return found


def batches(rows: models.QuerySet[Any], *names: str) -> Iterator[list[tuple[Any, ...]]]:
    """The primary key and the named values of all rows, BATCH at a time. Rows added behind are not seen."""
    last: list[tuple[Any, ...]] = []
    ordered = rows.order_by("pk").values_list("pk", *names)
    while last := list((ordered.filter(pk__gt=last[-1][0]) if last else ordered)[:BATCH]):
        yield last


def values_under(
    column: Column, key_ids: Iterable[int], *, owner_id: UUID | None = None
) -> models.QuerySet[Any]:
    """The rows whose value in this column is sealed under one of these keys."""
    headers = [key_id.to_bytes(8, "big") for key_id in key_ids]
    rows = column.model._base_manager.alias(key_bytes=key_bytes(column)).filter(
        key_bytes__in=headers
    )
    return rows.filter(owner=owner_id) if owner_id and has_owner(column) else rows


def key_bytes(column: Column) -> Func:
    return Func(
        F(column.name), Value(2), Value(8), function="substring", output_field=models.BinaryField()
    )


def has_owner(column: Column) -> bool:
    return any(field.name == "owner" for field in column.model._meta.concrete_fields)


def keys_in(column: Column) -> set[int]:
    """The ids of all keys a value of this column is sealed under. One scan of the table."""
    rows = column.model._base_manager.filter(**{f"{column.name}__isnull": False})
    headers = rows.order_by().values_list(key_bytes(column), flat=True).distinct()
    return {int.from_bytes(bytes(each), "big") for each in headers}


def reseal(column: Column, key: Key, old_ids: Iterable[int], *, owner_id: UUID) -> Moved:
    """How many values of this owner moved from the old keys to this one.

    Each value is put back only where it still is what was read, so a save in between wins. One short
    transaction for each BATCH.
    """
    moved = Moved()
    for batch in batches(values_under(column, old_ids, owner_id=owner_id), column.attname):
        changes = [(pk, old, resealed(column, key, pk, old)) for pk, old in batch]
        with transaction.atomic():
            won = sum(swap(column, pk, old, new) for pk, old, new in changes if new is not None)
        lost = sum(new is None for _pk, _old, new in changes)
        moved += Moved(won, lost, len(changes) - won - lost)
    return moved


def resealed(column: Column, key: Key, row_id: UUID, old: Sealed) -> Sealed | None:
    """The same words under this key; None when the old value does not open."""
    place = column.place_at(row_id)
    clear = opened(column, row_id, old)
    if clear is None:
        return None
    return Sealed(envelope.seal(key.cipher("text"), key.id, clear, place), place)


def opened(column: Column, row_id: UUID, sealed: Sealed) -> bytes | None:
    """The clear bytes of a value read without its row; None when it does not open."""
    try:
        key = keys.key_by_id(envelope.key_id_of(sealed.bytes))
        return envelope.open_sealed(
            key.cipher("text"), key.id, sealed.bytes, column.place_at(row_id)
        )
    except CannotOpen:
        return None


def key_of(sealed: Sealed) -> int:
    """The id of the key a value lies under. CannotOpen when it is no sealed value."""
    return envelope.key_id_of(sealed.bytes)


def swap(column: Column, row_id: UUID, old: Sealed, new: Sealed) -> int:
    """1 when the value was still the old one and is now the new one, else 0."""
    stored = ExpressionWrapper(F(column.name), output_field=models.BinaryField())
    same = (
        column.model._base_manager.filter(pk=row_id).alias(stored=stored).filter(stored=old.bytes)
    )
    return int(same.update(**{column.name: new}))


def walled(column: Column) -> bool:
    """Whether the table shows rows only inside their owner's wall."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
            [column.model._meta.db_table],
        )
        return bool(cursor.fetchone()[0])
