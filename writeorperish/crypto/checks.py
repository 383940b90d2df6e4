"""What a model must have before it may seal a column."""

from django.core.checks import Error
from django.core.exceptions import FieldDoesNotExist
from django.db import models


def sealed_column_errors(field: models.Field) -> list[Error]:  # type: ignore[type-arg]  # any column
    """What is wrong with the model of a sealed column: empty when it can be sealed and opened.

    The id is part of what is authenticated, so it must exist before the insert and be set on the row
    before the sealed columns are; the owner chooses the key.
    """
    opts = field.model._meta
    errors = []
    if not isinstance(opts.pk, models.UUIDField) or not opts.pk.has_default():
        errors.append(
            Error(
                "A model with a sealed column needs a UUID primary key with a default.",
                hint="id = models.UUIDField(primary_key=True, default=new_id, editable=False)",
                obj=field,
                id="crypto.E001",
            )
        )
    elif list(opts.concrete_fields).index(opts.pk) > list(opts.concrete_fields).index(field):
        errors.append(
            Error(
                "The primary key must be declared before the sealed columns.",
                obj=field,
                id="crypto.E002",
            )
        )
    if not hasattr(field.model, "key_holder") and not has_owner(field.model):
        errors.append(
            Error(
                "A model with a sealed column needs its own `owner`, or a property `key_holder`.",
                obj=field,
                id="crypto.E003",
            )
        )
    if field.unique or getattr(field, "db_index", False):
        errors.append(
            Error(
                "A sealed column has no index: the same text is never sealed to the same bytes twice.",
                hint="Keep a digest of crypto.blind beside it.",
                obj=field,
                id="crypto.E004",
            )
        )
    return errors


def has_owner(model: type[models.Model]) -> bool:
    try:
        owner = model._meta.get_field("owner")
    except FieldDoesNotExist:
        return False
    return isinstance(owner, models.ForeignKey)
