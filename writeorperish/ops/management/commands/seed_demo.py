from argparse import ArgumentParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Plants the demo world through the verbs. Twice adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.OWN_SERVERS and not settings.DEBUG and not options["force"]:
            raise CommandError(
                "DATABASE_URL names a server of your own; --force plants the demo there all the same.",
                returncode=2,
            )
        for app in ["accounts", *settings.FEATURES]:
            if find_spec(f"{app}.demo"):
                import_module(f"{app}.demo").plant()
        self.stdout.write("demo sign-in: alice@example.org / write-or-perish")
