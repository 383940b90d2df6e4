import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Model, QuerySet, Value
from django.utils import timezone

from writeorperish.events.models import Event, Receipt

LOOKED_EVERY_SECONDS: Final = 0.2

# What counts as work while it stands in a table; the moment says which facts count as due.
WORK: Final[dict[str, Callable[[datetime], QuerySet[Model]]]] = {
    "events": Event.objects.waiting,
    "receipts": lambda _until: Receipt.objects.unfinished(),
}


class Command(BaseCommand):
    help = "Waits until nothing is left to do; 1 after the timeout, with what still waits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, default=60, metavar="S", help="seconds (60)")
        parser.add_argument(
            "--due-within",
            type=float,
            default=0,
            metavar="S",
            help="wait for facts that fall due in this many seconds too (0)",
        )

    def handle(self, *, timeout: float, due_within: float, **_options: object) -> None:
        until = timezone.now() + timedelta(seconds=due_within)
        deadline = time.monotonic() + timeout
        while left := waiting(max(until, timezone.now())):
            if time.monotonic() >= deadline:
                words = ", ".join(f"{count} {name}" for name, count in left.items())
                raise CommandError(f"Still waiting after {timeout:g} s: {words}.", returncode=1)
            time.sleep(LOOKED_EVERY_SECONDS)


def waiting(until: datetime) -> dict[str, int]:
    """How much of each kind of work is left; empty when nothing is.

    One statement, so that nothing slips through while a fact turns into receipts or a listener tells one.
    """
    first, *others = [
        rows(until)
        .annotate(work=Value(name))
        .values("work")
        .annotate(count=Count("pk"))
        .values_list("work", "count")
        for name, rows in WORK.items()
    ]
    return {name: count for name, count in first.union(*others, all=True) if count}
