import argparse
import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections
from django_celery_beat.models import PeriodicTask

from writeorperish.ops import embedded, household
from writeorperish.ops.daemon import CannotStart
from writeorperish.ops.household import Interruption, Stopped

REACH_SECONDS = 5
DEMO = ("alice@example.org", "write-or-perish")


class Command(BaseCommand):
    help = "Serves the journal until Ctrl-C: database, migrations, demo, web, worker and beat."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=port_number, default=settings.PORT, help="busy: the next free one"
        )
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *, port: int, no_demo: bool, **options: object) -> None:
        """Exit code 0 when asked to stop, 1 when a process ended by itself, 2 when nothing can run."""
        interruption = Interruption()
        try:
            with household.held(settings.DATA_DIR), serving_data(interruption):
                prepare(interruption, with_demo=not no_demo)
                free = household.free_port(port)
                if free != port:
                    self.say(f"Port {port} is busy, so this is {free}.")
                asked = household.serve(free, self.say, interruption, afterwards=sign_in())
        except Stopped:
            asked = True
        except (CannotStart, CommandError) as refusal:
            self.stderr.write(str(refusal))
            sys.exit(2)
        if not asked:
            self.stderr.write("A process ended by itself, so all were stopped; it said why above.")
            sys.exit(1)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def port_number(words: str) -> int:
    if not words.isdecimal() or not 1 <= int(words) <= 65535:
        raise argparse.ArgumentTypeError("must be a number from 1 to 65535, for example 8000")
    return int(words)


@contextmanager
def serving_data(interruption: Interruption) -> Iterator[None]:
    """PostgreSQL and Redis answer: the given ones, or our own, which end afterwards if we started them."""
    only: list[embedded.Name] = []
    if not settings.OWN_SERVERS:
        only.append("postgres")
    if embedded.redis_urls(settings.DATA_DIR) == settings.REDIS:
        only.append("redis")
    servers = embedded.ensure(settings.DATA_DIR, only)
    try:
        interruption.heed()
        require_database()
        require_redis()
        yield
    finally:
        connections.close_all()
        embedded.stop(servers)


def require_database() -> None:
    """CannotStart says what a given database lacks."""
    try:
        line = psycopg.connect(settings.DATABASE_URL, connect_timeout=REACH_SECONDS)
    except psycopg.OperationalError as error:
        reason = str(error).strip().partition("\n")[0]
        raise CannotStart(f"The database at DATABASE_URL cannot be reached: {reason}") from error
    with line:
        unbound, vectors = line.execute(
            "SELECT rolsuper OR rolbypassrls, EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone() or (True, False)
    if unbound:
        raise CannotStart(
            "The role of DATABASE_URL is above row level security: give it NOSUPERUSER NOBYPASSRLS."
        )
    if not vectors:
        raise CannotStart(
            "The database of DATABASE_URL lacks the extension vector: run CREATE EXTENSION vector in it."
        )


def require_redis() -> None:
    try:
        with redis.Redis.from_url(
            settings.REDIS.cache,
            socket_timeout=REACH_SECONDS,
            socket_connect_timeout=REACH_SECONDS,
        ) as line:
            line.ping()
    except redis.RedisError as error:
        raise CannotStart(f"The server at REDIS_URL cannot be reached: {error}") from error


def prepare(interruption: Interruption, *, with_demo: bool) -> None:
    """Settings are sound, the schema is current, an empty database holds the demo, static files are collected."""
    BaseCommand().check()
    BaseCommand().check(tags=["storage"], include_deployment_checks=True)
    interruption.heed()
    call_command("migrate", interactive=False, verbosity=0)
    interruption.heed()
    # A database of somebody's own gets no demo people unless they ask for them.
    if with_demo and not settings.OWN_SERVERS and not get_user_model().objects.exists():
        call_command("seed_demo", stdout=io.StringIO())
    interruption.heed()
    # The scheduler keeps what settings no longer name.
    PeriodicTask.objects.exclude(name__in=settings.CELERY_BEAT_SCHEDULE).delete()
    if not settings.DEBUG:
        collect_static()
    interruption.heed()


def collect_static() -> None:
    """The static files of this release are in the data folder: collected when one changed, else left alone."""
    mark = settings.STATIC_ROOT / ".collected"
    offered = digest_of_offered()
    if mark.exists() and mark.read_text() == offered:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(offered)


def digest_of_offered() -> str:
    """Names, sizes and times of all files that are there to collect, as one digest."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def sign_in() -> list[str]:
    """The line that says how to sign in to the demo, when that sign-in works here."""
    email, password = DEMO
    alice = get_user_model().objects.filter(email=email).first()
    return (
        [f"demo sign-in: {email} / {password}"] if alice and alice.check_password(password) else []
    )
