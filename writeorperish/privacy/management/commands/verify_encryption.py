from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError, CommandParser

from writeorperish.crypto.buckets import FilesAway
from writeorperish.crypto.kms import KeyServiceDown
from writeorperish.privacy.rekeying import verify

MOST_NAMED = 50


def number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError("must be a whole number from 1, for example 100")
    return int(text)


class Command(BaseCommand):
    help = "Opens sealed values and files; 1 if one does not open or a plain column is not empty."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sample", type=number, metavar="N", help="N random values of each column, N files"
        )

    def handle(self, *, sample: int | None, **_options: object) -> None:
        try:
            result = verify(sample)
        except KeyServiceDown:
            raise CommandError(
                "The key service does not answer, so nothing can be said.", returncode=1
            ) from None
        except FilesAway:
            raise CommandError(
                "The bucket does not answer, so nothing can be said.", returncode=1
            ) from None
        self.stdout.write(f"{result.opened} opened, under {len(result.by_key)} keys.")
        for key_id, values in sorted(result.by_key.items()):
            self.stdout.write(f"key {key_id}: {values}")
        for each in result.closed[:MOST_NAMED]:
            self.stdout.write(f"does not open: {each}")
        for each in result.plain:
            self.stdout.write(f"not empty: {each}")
        if not result.good:
            raise CommandError(
                f"{len(result.closed)} do not open, {len(result.plain)} plain columns are not empty.",
                returncode=1,
            )
