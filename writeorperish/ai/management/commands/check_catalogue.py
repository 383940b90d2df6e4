from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from writeorperish.ai import catalogue


class Command(BaseCommand):
    help = "Checks the models, prices and routes: 1 when one is wrong, a warning for prices older than 90 days."

    def handle(self, **_options: object) -> None:
        today = timezone.now().date()
        try:
            models = catalogue.shipped()
            routes = catalogue.routes()
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"The catalogue cannot be read: {error}", returncode=1) from error
        for problem in catalogue.problems(models, routes, on=today):
            raise CommandError(problem, returncode=1)
        for model in models.values():
            for warning in catalogue.warnings(model, on=today):
                self.stderr.write(warning)
        self.stdout.write(f"{len(models)} models, every route resolves.")
