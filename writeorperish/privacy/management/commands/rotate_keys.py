from argparse import ArgumentTypeError
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from writeorperish.crypto.buckets import FilesAway
from writeorperish.crypto.kms import KeyServiceDown
from writeorperish.privacy.rekeying import Rotation, rotate_everybody, rotate_person


def uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError("must be a person's uid, as create_person prints it") from None


class Command(BaseCommand):
    help = "New sealing keys: rows and files are sealed anew while the site runs. Search keeps working."

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--person", type=uid, metavar="UID", help="one person")
        whose.add_argument("--all", action="store_true", help="everybody")

    def handle(self, *, person: UUID | None, **_options: object) -> None:
        try:
            rotation = self.rotate_one(person) if person else rotate_everybody(self.stdout.write)
        except KeyServiceDown:
            raise CommandError(
                "The key service does not answer. Nothing is lost; the same command goes on from here.",
                returncode=1,
            ) from None
        except FilesAway:
            raise CommandError(
                "The bucket does not answer. Nothing is lost; the same command goes on from here.",
                returncode=1,
            ) from None
        self.stdout.write(f"Sealed anew: {rotation.values} values, {rotation.files} files.")
        if rotation.unopened:
            raise CommandError(
                f"{rotation.unopened} could not be opened and stay as they are; "
                "verify_encryption names them.",
                returncode=1,
            )

    def rotate_one(self, person_id: UUID) -> Rotation:
        person = get_user_model()._default_manager.filter(pk=person_id).first()
        if person is None:
            raise CommandError(f"--person: there is nobody with the uid {person_id}.", returncode=2)
        return rotate_person(person)
