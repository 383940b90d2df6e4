from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from writeorperish.audit.anchoring import TargetUnusable, checked_heads
from writeorperish.audit.verifying import breaks


def moment(text: str) -> datetime:
    """A day or an instant; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("must be a date, for example 2026-01-31") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Recomputes every chain of the audit log; 1 and the first bad place of each that does not hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--chain", default="", help="one chain: a person's uid, staff or system"
        )
        parser.add_argument(
            "--since", type=moment, help="entries from this day on; earlier ones are trusted"
        )
        parser.add_argument("--anchors", type=Path, help="anchors kept outside the database")

    def handle(
        self, *, chain: str, since: datetime | None, anchors: Path | None, **_options: object
    ) -> None:
        try:
            anchored, bad = checked_heads(anchors)
        except TargetUnusable as error:
            raise CommandError(str(error), returncode=2) from error
        found = [*bad, *breaks(anchored, chain=chain, since=since)]
        for each in found:
            self.stdout.write(str(each))
        if found:
            raise CommandError(f"{len(found)} chains do not hold.", returncode=1)
        self.stdout.write("Every chain holds.")
