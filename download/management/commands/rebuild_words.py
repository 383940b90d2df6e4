from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from download.actions.words import rebuild_words


class Command(BaseCommand):
    help = "Makes a person's word index anew from their texts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--person", type=UUID, required=True, metavar="UID")

    def handle(self, *, person: UUID, **_options: object) -> None:
        found = get_user_model()._default_manager.filter(pk=person).first()
        if found is None:
            raise CommandError("There is no such person.", returncode=1)
        self.stdout.write(f"{rebuild_words(found)} passages are indexed.")
