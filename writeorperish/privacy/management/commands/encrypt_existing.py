from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models

from writeorperish.crypto.columns import Column, sealed_columns
from writeorperish.crypto.fields import SealedField
from writeorperish.crypto.kms import KeyServiceDown
from writeorperish.privacy.rekeying import count_plain, encrypt_column


class Command(BaseCommand):
    help = "Moves the values of a plain column into a sealed one, and blanks them where they were."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("field", metavar="app.Model.field", help="the sealed column")
        parser.add_argument("--from", dest="source", required=True, metavar="column")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *, field: str, source: str, dry_run: bool, **_options: object) -> None:
        column = named(field)
        plain = plain_column(column.model, source)
        if dry_run:
            self.stdout.write(str(count_plain(column, plain)))
            return
        try:
            result = encrypt_column(column, plain, self.stdout.write)
        except KeyServiceDown:
            raise CommandError(
                "The key service does not answer. Nothing is lost; the same command goes on from here.",
                returncode=1,
            ) from None
        self.stdout.write(f"{result.sealed} sealed, {result.blanked} blanked.")
        if result.differing:
            raise CommandError(
                f"{result.differing} rows say something else in both columns and keep both.",
                returncode=1,
            )


def named(field: str) -> Column:
    for column in sealed_columns():
        if f"{column.model._meta.label}.{column.name}".lower() == field.lower():
            return column
    raise CommandError(
        f"{field} is no sealed column; write it like journal.Node.body.", returncode=2
    )


def plain_column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    for field in model._meta.concrete_fields:
        if field.column == name and not isinstance(field, SealedField):
            return field
    raise CommandError(f"--from: {model._meta.label} has no plain column {name}.", returncode=2)
