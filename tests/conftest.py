"""The servers the tests live on, and the cast: alice writes, bob is in her circle, charlie is a stranger,
mallory is blocked by her, the moderator is staff and superuser, nobody is signed out."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import is_hypothesis_test
from hypothesis import settings as of_laws
from pytest_django import DjangoDbBlocker

from accounts.models import User
from tests.doubles.aws import Bucket, credentials, local_aws, new_bucket
from tests.emptied import empty_tables
from tests.events_drain import Heard, drain
from tests.examples import USUAL, examples
from tests.factories import befriend, block_between, person
from tests.template import template
from writeorperish.ops import embedded
from writeorperish.privacy.models import Circle

HERE = Path(__file__).parent
UNCOUNTED = {"e2e", "flows", "house", "ui"}
PASSWORD = "write-or-perish"
LONGEST_ID = 100
STARTED = pytest.StashKey[embedded.Servers]()
FOLDER = pytest.StashKey[Path]()
of_laws.register_profile("usual", max_examples=examples(USUAL))
of_laws.load_profile("usual")


def pytest_configure(config: pytest.Config) -> None:
    """One PostgreSQL for all processes, and for each its own Redis and data folder."""
    # Until all is imported and collected, see below.
    gc.disable()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    folder = Path(tempfile.mkdtemp(prefix=f"wop-tests-{worker}-"))
    folder.chmod(0o755)
    started = list(embedded.ensure(folder, only=["redis"]).started)
    if not settings.OWN_SERVERS:
        started += embedded.ensure(settings.DATA_DIR, only=["postgres"]).started
    redis = embedded.redis_urls(folder)
    settings.REDIS = redis
    settings.CACHES["default"]["LOCATION"] = redis.cache
    settings.CELERY_BROKER_URL = redis.broker
    settings.DATA_DIR = folder
    settings.STATIC_ROOT = static_root()
    # A test's client has middleware of its own, which would list every static file for each; the server
    # of the browser's tests does as in production.
    settings.WHITENOISE_AUTOREFRESH = True
    # Passwords of tests are no secrets, and hashing them well takes a third of a second each.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_FILE_PATH = folder / "mail"
    config.stash[STARTED] = embedded.Servers(tuple(started))
    config.stash[FOLDER] = folder


def static_root() -> Path:
    """One folder for all processes, filled before any asks the storage of static files, which looks only once."""
    if "TESTS_STATIC_ROOT" not in os.environ:
        os.environ["TESTS_STATIC_ROOT"] = tempfile.mkdtemp(prefix="wop-tests-static-")
        settings.STATIC_ROOT = Path(os.environ["TESTS_STATIC_ROOT"])
        django.setup()
        call_command("collectstatic", interactive=False, verbosity=0)
    return Path(os.environ["TESTS_STATIC_ROOT"])


def pytest_unconfigure(config: pytest.Config) -> None:
    # Python looks through everything when it ends, for a second; not through what is frozen.
    gc.freeze()
    if STARTED in config.stash:
        embedded.stop(config.stash[STARTED])
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A long text is named by its beginning and its length: names are kept, printed and sent between processes."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return f"{val[:20]!r} and on to {len(val)}"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long groups first, so that all processes end together; then who asks no database: many of these wait for a
    deadline, and at the end nobody would use that time. The browser last: Playwright leaves an event loop in its
    thread, where Django would refuse every query that follows.
    """
    items.sort(key=turn)
    for item in items:
        # Counting lines costs a quarter of the time. Who looks at the whole house, or at many examples of a law,
        # runs lines that others count.
        if in_group(item) or is_law(item) or room_of(item) in UNCOUNTED:
            item.add_marker("no_cover")


def turn(item: pytest.Item) -> int:
    """Where among the others a test stands, the first at 0."""
    if in_browser(item):
        return 3
    if in_group(item):
        return 0
    return 2 if asks_database(item) else 1


def asks_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or "db" in getattr(
        item, "fixturenames", ()
    )


def in_browser(item: pytest.Item) -> bool:
    return room_of(item) == "e2e"


def room_of(item: pytest.Item) -> str:
    """The folder below tests/ that this test stands in."""
    return item.path.relative_to(HERE).parts[0]


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, and hardly any of it is garbage: nothing looked for that
    until now, and nothing looks through it from now on."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> object:
    """The loop of whoever has one, with room for the calls in it."""
    this = sys.modules[__name__]
    theirs = session.config.pluginmanager.subset_hook_caller("pytest_runtestloop", [this])
    return with_room(lambda: theirs(session=session))


def with_room(call: Callable[[], object]) -> object:
    """What it returns. Python keeps the frames of calls in pieces of 16 kB, and asks the system for the next and
    gives it back each time a call leads over the end of one; below a frame this large there is one piece for all,
    of which only what is used takes memory. Two fifths of all page faults of tests were such pieces.
    """
    return call()


with_room.__code__ = with_room.__code__.replace(co_stacksize=70_000)


def is_law(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)


def in_group(item: pytest.Item) -> bool:
    return item.get_closest_marker("xdist_group") is not None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Each process has a clone of one migrated database."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"] |= {"TEMPLATE": template(), "MIGRATE": False}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """What a test committed is gone after it."""
    TransactionTestCase._fixture_teardown = empty_tables


@pytest.fixture(name="drain")
def draining(db: None) -> Callable[[], list[Heard]]:
    """Delivers facts and those they cause; returns who heard what. Before it, only the fact is written."""
    return drain


@dataclass(frozen=True)
class Cast:
    alice: User
    bob: User
    charlie: User
    mallory: User
    moderator: User
    circle: Circle


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie")


@pytest.fixture
def cast(alice: User, charlie: User) -> Cast:
    bob, mallory = person("bob"), person("mallory")
    moderator = person("moderator", is_staff=True, is_superuser=True)
    circle = befriend(alice, bob)
    block_between(alice, mallory)
    return Cast(alice, bob, charlie, mallory, moderator, circle)


@pytest.fixture
def bob(cast: Cast) -> User:
    return cast.bob


@pytest.fixture
def mallory(cast: Cast) -> User:
    return cast.mallory


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A client for whoever is named: `signed_in(alice).get(…)`."""

    def as_person(who: User) -> Client:
        fresh = Client()
        fresh.force_login(who)
        return fresh

    return as_person


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """A local AWS for whoever asks for it; where it answers."""
    with local_aws() as aws:
        yield aws.address


@pytest.fixture
def bucket(aws_server: str, settings) -> Iterator[Bucket]:
    """Files lie in a bucket of this test's own."""
    with credentials(), new_bucket(aws_server) as made:
        settings.STORAGE = made.options
        yield made
