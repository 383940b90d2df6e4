"""Columns that hold sealed bytes and nothing else. A person's words are clear only on the row in memory.

A value is sealed when its row is saved and opened when it is first read, each time for that table, column
and row. There is no way to update, filter or sort the column by clear text in the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Never, Self, TypeAlias, TypeVar
from uuid import UUID

import structlog
from django.core.checks import CheckMessage
from django.core.exceptions import FieldError, ValidationError
from django.db import migrations, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, Expression, F, Func, Value
from django.db.models.lookups import Exact, GreaterThanOrEqual, Lookup
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext_lazy as _

from writeorperish.crypto import envelope, keys
from writeorperish.crypto.checks import sealed_column_errors
from writeorperish.crypto.envelope import CannotOpen

log = structlog.get_logger()

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

# models.Field takes its type arguments from the stubs only.
_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)
if TYPE_CHECKING:

    class Column(models.Field[_ST, _GT]): ...

else:

    class Column(models.Field):
        def __class_getitem__(cls, _types: object) -> type[Self]:
            return cls


class ClearTextRefused(TypeError):
    """Clear text was on its way into the database, or out of it, by a door that does not seal."""


class SealedElsewhere(ValueError):
    """A sealed value was put on another row than its own, where it would never open again."""


class Sealed:
    """The bytes as the database holds them. It says nothing about itself; only its own row opens it."""

    __slots__ = ("bytes", "place")

    def __init__(self, sealed: bytes, place: bytes | None = None) -> None:
        self.bytes = sealed
        # Of which table, column and row it is; None while no row has claimed it.
        self.place = place

    def __repr__(self) -> str:
        return "<sealed>"

    def __str__(self) -> str:
        return "<sealed>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.bytes == self.bytes

    def __hash__(self) -> int:
        return hash(self.bytes)


class SealedAttribute(DeferredAttribute):
    """The column on a row: opens what was loaded when it is first read."""

    field: SealedField[Any, Any]

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:  # noqa: ANN401  # as Django's
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, Sealed):
            return value
        clear = self.field.opened(instance, value)
        instance.__dict__[self.field.attname] = clear
        return clear

    def __set__(self, instance: models.Model, value: object) -> None:
        if isinstance(value, Sealed):
            value = self.claimed(instance, value)
        instance.__dict__[self.field.attname] = value

    def claimed(self, instance: models.Model, sealed: Sealed) -> Sealed:
        place = self.field.place_of(instance)
        # A row being built may be one that is just loaded; whether the value is its own shows when it opens.
        if sealed.place == place or (sealed.place is None and instance._state.adding):
            return Sealed(sealed.bytes, place)
        raise SealedElsewhere(f"This sealed value is not of {instance._meta.label} {instance.pk}.")


class SealedCol(Col):
    """The column in a query. It may be selected and compared with nothing, and orders nothing."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:  # noqa: ANN401  # as Django's
        # A compiler that has its select list and not yet its WHERE is writing ORDER BY.
        if compiler.select is not None and not hasattr(compiler, "where"):
            raise FieldError(f"{self.target} is sealed, so nothing can be ordered by it.")
        return super().as_sql(compiler, connection)


class SealedField(Column[_ST, _GT]):
    """What both kinds have in common. `encoded` and `decoded` say how a value becomes bytes and back.

    The key is that of the row's `key_holder` if it has one, else of the person `owner_id`. In bulk_create,
    `update_conflicts` must not touch the column: the bytes would land on a row with another id.
    """

    descriptor_class = SealedAttribute

    def encoded(self, value: object) -> bytes:
        raise NotImplementedError

    def decoded(self, clear: bytes) -> object:
        raise NotImplementedError

    def get_internal_type(self) -> str:
        return "BinaryField"

    def place_of(self, row: models.Model) -> bytes:
        """What a value of this column is bound to on this row. The primary key must be set."""
        pk = row.__dict__.get(row._meta.pk.attname)
        if pk is None:
            raise ValueError(f"A {row._meta.label} needs its id before {self.attname}.")
        return self.place_at(pk)

    def place_at(self, row_id: UUID) -> bytes:
        return envelope.place(self.model._meta.db_table, str(self.column), row_id)

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        """The value sealed for this row under its owner's active key.

        What was loaded and never read stays as it is, unless the row's id, owner or key changed since.
        """
        value = model_instance.__dict__.get(self.attname, self)
        if value is self:  # deferred
            value = getattr(model_instance, self.attname)
        if value is None:
            return None
        key = keys.data_key(holder_of(model_instance), "seal")
        place = self.place_of(model_instance)
        if not isinstance(value, Sealed):
            clear = self.encoded(value)
        elif not add and value.place == place and envelope.key_id_of(value.bytes) == key.id:
            return value
        else:
            clear = self.opened_bytes(model_instance, value)
        return Sealed(envelope.seal(key.cipher("text"), key.id, clear, place), place)

    def opened(self, row: models.Model, sealed: Sealed) -> object:
        """The clear value. CannotOpen (logged) when it is altered or not of this row; KeyServiceDown."""
        return self.decoded(self.opened_bytes(row, sealed))

    def opened_bytes(self, row: models.Model, sealed: Sealed) -> bytes:
        place = sealed.place or self.place_of(row)
        try:
            key = keys.key_by_id(envelope.key_id_of(sealed.bytes))
            return envelope.open_sealed(key.cipher("text"), key.id, sealed.bytes, place)
        except CannotOpen as refusal:
            log.error(  # noqa: TRY400  # the traceback says no more
                "crypto.cannot_open",
                table=self.model._meta.db_table,
                column=self.column,
                row=str(row.pk),
                **refusal.detail,
            )
            raise

    def from_db_value(
        self, value: bytes | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def get_prep_value(self, value: object) -> Sealed | None:
        if value is None or isinstance(value, Sealed):
            return value
        raise ClearTextRefused(
            f"{self.model._meta.label}.{self.attname} is sealed by saving its row; "
            "update() and bulk_update() cannot."
        )

    def get_db_prep_value(
        self, value: object, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> bytes | None:
        sealed = self.get_prep_value(value)
        return None if sealed is None else sealed.bytes

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        return None

    def get_col(self, alias: str, output_field: models.Field[Any, Any] | None = None) -> SealedCol:
        return SealedCol(alias, self, output_field)

    def value_to_string(self, obj: models.Model) -> Never:
        raise ClearTextRefused(f"{self.model._meta.label}.{self.attname} leaves only by an export.")

    def check(self, **kwargs: object) -> list[CheckMessage]:
        return [*super().check(**kwargs), *sealed_column_errors(self)]


class EncryptedTextField(SealedField[_ST, _GT]):
    """Sealed text."""

    if TYPE_CHECKING:
        _pyi_private_set_type: str
        _pyi_private_get_type: str

    def encoded(self, value: object) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"{self.attname} holds text, not {type(value).__name__}.")
        try:
            return value.encode()
        except UnicodeEncodeError:
            # The error would carry the text along.
            raise ValueError(
                f"{self.attname} has a lone surrogate, which is no character."
            ) from None

    def decoded(self, clear: bytes) -> str:
        return clear.decode()

    def to_python(self, value: object) -> Any:  # noqa: ANN401  # as Django's
        if value is None or isinstance(value, str | Sealed):
            return value
        raise ValidationError(_("This is no text."), code="invalid")


class EncryptedJSONField(SealedField[_ST, _GT]):
    """Sealed values as JSON knows them. Changes inside a list or object are kept by saving the row."""

    if TYPE_CHECKING:
        _pyi_private_set_type: JSON
        _pyi_private_get_type: Any

    def encoded(self, value: object) -> bytes:
        try:
            return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError):
            raise TypeError(f"{self.attname} holds JSON only.") from None

    def decoded(self, clear: bytes) -> object:
        return json.loads(clear)


def holder_of(row: models.Model) -> str:
    """Whose key seals this row's columns."""
    holder = getattr(row, "key_holder", None)
    if isinstance(holder, str):
        return holder
    owner_id = getattr(row, "owner_id", None)
    if owner_id is None:
        raise ValueError(f"A {row._meta.label} needs its owner before it can be sealed.")
    return keys.person(owner_id)


def sealed_fields(model: type[models.Model]) -> list[SealedField[Any, Any]]:
    return [field for field in model._meta.concrete_fields if isinstance(field, SealedField)]


def open_rows(rows: Iterable[models.Model]) -> set[Any]:
    """The primary keys of the rows that cannot be opened; all sealed columns of the others are open now.

    Rows that were loaded along with a row count as part of it. One query for all keys that are not cached, and
    their unwrapping side by side: for a page that shows the rows of several people. Columns that were not
    loaded stay unloaded.
    """
    closed = [
        (row, part, field, value)
        for row in rows
        for part in (row, *loaded_along(row))
        for field in sealed_fields(type(part))
        if isinstance(value := part.__dict__.get(field.attname), Sealed)
    ]
    keys.keys_by_id(
        envelope.key_id_of(value.bytes)
        for _row, _part, _field, value in closed
        if envelope.is_sealed(value.bytes)
    )
    refused = set()
    for row, part, field, _value in closed:
        try:
            getattr(part, field.attname)
        except CannotOpen:
            refused.add(row.pk)
    return refused


def loaded_along(row: models.Model) -> Iterator[models.Model]:
    """The rows that select_related and prefetch_related brought with this one, at any depth, each once.

    What stands one to one knows its other half too, and would lead round in a circle.
    """
    met = {id(row)}
    ahead = [row]
    while ahead:
        at = ahead.pop()
        found = [each for each in at._state.fields_cache.values() if isinstance(each, models.Model)]
        for each in found:
            if id(each) not in met:
                met.add(id(each))
                ahead.append(each)
                yield each
        for rows in getattr(at, "_prefetched_objects_cache", {}).values():
            yield from rows


class SealedCheck(models.CheckConstraint):
    """The stored bytes are null or look sealed. The database's own last word: clear text never does."""

    def __init__(self, *, column: str, name: str) -> None:
        self.column = column
        size = Func(F(column), function="octet_length", output_field=models.IntegerField())
        first = Func(
            F(column),
            Value(1),
            Value(1),
            function="substring",
            output_field=models.BinaryField(),
        )
        version = Value(bytes([envelope.VERSION]), output_field=models.BinaryField())
        condition = models.Q(
            GreaterThanOrEqual(size, Value(envelope.OVERHEAD_BYTES)), Exact(first, version)
        )
        super().__init__(condition=condition, name=name)

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, str]]:
        path = f"{type(self).__module__}.{type(self).__name__}"
        return path, (), {"column": self.column, "name": self.name}

    def validate(self, *args: object, **kwargs: object) -> None:
        """Nothing to say about a row in memory: its text is clear there."""


def sealed_checks(table: str, *columns: str) -> list[SealedCheck]:
    """For `Meta.constraints`: one check for each sealed column of the table."""
    return [SealedCheck(column=each, name=f"{table}_{each}_sealed") for each in columns]


def store_uncompressed(table: str, *columns: str) -> migrations.RunSQL:
    """For a migration: PostgreSQL does not try to compress these columns, since ciphertext never shrinks."""

    def sql(storage: str) -> str:
        changes = ", ".join(f'ALTER COLUMN "{each}" SET STORAGE {storage}' for each in columns)
        return f'ALTER TABLE "{table}" {changes}'

    return migrations.RunSQL(sql("EXTERNAL"), sql("EXTENDED"))
