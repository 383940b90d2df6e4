import sys
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from writeorperish.ops import daemon, embedded
from writeorperish.ops.daemon import CannotStart
from writeorperish.ops.household import Interruption

NAMES: dict[embedded.Name, str] = {"postgres": "PostgreSQL", "redis": "Redis"}


class Command(BaseCommand):
    help = "Runs PostgreSQL and Redis in the data folder until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, **options: object) -> None:
        """Exit code 0 when asked to stop, 1 when a server ended by itself, 2 when they cannot start."""
        servers = embedded.Servers()
        ended: list[embedded.Name] = []
        interruption = Interruption()
        try:
            servers = embedded.ensure(settings.DATA_DIR)
            self.describe(servers)
            while servers.started and not ended and not interruption.asked:
                time.sleep(0.2)
                ended = [each.name for each in servers.started if daemon.gone(each.pid)]
        except CannotStart as refusal:
            self.stderr.write(str(refusal))
            sys.exit(2)
        finally:
            embedded.stop(servers)
        if ended:
            self.stderr.write(f"{NAMES[ended[0]]} ended by itself, so all were stopped.")
            sys.exit(1)

    def describe(self, servers: embedded.Servers) -> None:
        started = {server.name for server in servers.started}
        urls = {
            "postgres": embedded.database_url(settings.DATA_DIR),
            "redis": embedded.redis_urls(settings.DATA_DIR).cache,
        }
        for name, spoken in NAMES.items():
            state = "runs" if name in started else "was running already"
            self.stdout.write(f"{spoken} {state}: {urls[name]}")
        self.stdout.flush()
