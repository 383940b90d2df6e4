from django.core.management.base import BaseCommand, CommandError, CommandParser

from writeorperish.crypto.kms import KeyServiceDown
from writeorperish.privacy.rekeying import rewrap_everything


class Command(BaseCommand):
    help = "Wraps every data key with another master key. Entries and files stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            required=True,
            metavar="KEK",
            help="local:new makes a local master key and uses it; local is the one that wraps now; "
            "aws:<key> and gcp:<key> name another service's",
        )

    def handle(self, *, to: str, **_options: object) -> None:
        try:
            result = rewrap_everything(to, self.stdout.write)
        except ValueError as error:
            raise CommandError(f"--to: {error}", returncode=2) from None
        except KeyServiceDown:
            raise CommandError(
                "A key service does not answer. Nothing is lost; run it again with the same key "
                "(local, if it was local:new).",
                returncode=1,
            ) from None
        self.stdout.write(f"{result.keys} keys lie under {result.kek} now.")
        if result.unopened:
            raise CommandError(f"{result.unopened} keys could not be opened.", returncode=1)
