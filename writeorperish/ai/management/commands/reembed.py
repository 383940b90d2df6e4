from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from writeorperish.ai.embeddings import LOCAL, embed_text, texts_to_embed
from writeorperish.ai.gateway import capable


class Command(BaseCommand):
    help = (
        "Makes the vectors of texts as today's recipe has them. What stands already is left alone, so it may be "
        "stopped and run again at any time, also while the site runs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--space", choices=[LOCAL.name], default=LOCAL.name)
        parser.add_argument("--person", type=UUID, metavar="UID", help="only this person")
        parser.add_argument("--missing", action="store_true", help="only texts without any vector")

    def handle(self, *, person: UUID | None, missing: bool, **_options: object) -> None:
        able = capable("embed")
        if not able.on:
            raise CommandError(able.words, returncode=1)
        people = get_user_model()._default_manager.order_by("pk")
        if person:
            people = people.filter(pk=person)
            if not people.exists():
                raise CommandError("There is no such person.", returncode=1)
        texts = passages = 0
        for each in people.iterator():
            found = texts_to_embed(each, missing=missing)
            for ref, genre in tqdm(
                found, desc=str(each.pk), unit="texts", disable=None, leave=False
            ):
                passages += embed_text(ref, owner_id=each.pk, genre=genre)
                texts += 1
        self.stdout.write(f"{texts} texts have {passages} passages with vectors.")
