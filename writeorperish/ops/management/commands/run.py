import argparse
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psycopg
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections
from django_celery_beat.models import PeriodicTask

from writeorperish.ops import embedded, household
from writeorperish.ops.daemon import CannotStart

REACH_SECONDS = 5
DEMO = ("alice@example.org", "write-or-perish")


class Stopped(Exception):
    """We were asked to stop before everything ran."""


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
        try:
            with interruptible(), household.held(settings.DATA_DIR), serving_data():
                prepare(with_demo=not no_demo)
                free = household.free_port(port)
                if free != port:
                    self.say(f"Port {port} is busy, so this is {free}.")
                connections.close_all()
                asked = household.serve(free, self.say, afterwards=sign_in())
        except (Stopped, KeyboardInterrupt):
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
def interruptible() -> Iterator[None]:
    """Asked to end by a signal, we end like Ctrl-C does; what is being ended is not interrupted again."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup the terminal may go.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    yield


@contextmanager
def serving_data() -> Iterator[None]:
    """PostgreSQL and Redis answer: the given ones, or our own, which end afterwards if we started them."""
    only: list[embedded.Name] = []
    if not settings.OWN_SERVERS:
        only.append("postgres")
    if embedded.redis_urls(settings.DATA_DIR) == settings.REDIS:
        only.append("redis")
    servers = embedded.ensure(settings.DATA_DIR, only)
    try:
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


def prepare(*, with_demo: bool) -> None:
    """Settings are sound, the schema is current, an empty database holds the demo, static files are collected."""
    BaseCommand().check()
    call_command("migrate", interactive=False, verbosity=0)
    # A database of somebody's own gets no demo people unless they ask for them.
    if with_demo and not settings.OWN_SERVERS and not get_user_model().objects.exists():
        call_command("seed_demo", stdout=io.StringIO())
    # The scheduler keeps what settings no longer name.
    PeriodicTask.objects.exclude(name__in=settings.CELERY_BEAT_SCHEDULE).delete()
    if not settings.DEBUG:
        call_command("collectstatic", interactive=False, verbosity=0)


def sign_in() -> list[str]:
    """The line that says how to sign in to the demo, when that sign-in works here."""
    email, password = DEMO
    alice = get_user_model().objects.filter(email=email).first()
    return (
        [f"demo sign-in: {email} / {password}"] if alice and alice.check_password(password) else []
    )
