from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from download.actions.words import differences_of


class Command(BaseCommand):
    help = "Compares each person's word index with itself and with their texts; 1 on a difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--person", type=UUID, metavar="UID", help="only this person")
        parser.add_argument(
            "--sample", type=int, default=200, metavar="N", help="newest texts to compare (200)"
        )

    def handle(self, *, person: UUID | None, sample: int, **_options: object) -> None:
        people = get_user_model()._default_manager.order_by("pk")
        if person:
            people = people.filter(pk=person)
        wrong = checked = 0
        for each in people.iterator():
            checked += 1
            found = differences_of(each, sample=sample)
            if found:
                wrong += 1
                self.stderr.write(
                    f"{each.pk}: {found.postings} postings, {found.lengths} lengths,"
                    f" {found.texts} texts differ"
                )
        if not checked:
            raise CommandError("There is no such person.", returncode=1)
        if wrong:
            raise CommandError(f"The word index of {wrong} of {checked} differs.", returncode=1)
        self.stdout.write(f"The word index of {checked} is true to the texts.")
