"""One server, one browser and one planted world for all tests that look at pages."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Playwright, expect
from pytest_django import DjangoDbBlocker

from accounts.actions.admission import open_signup
from tests.e2e.planted import World, plant, signed_in
from tests.e2e.served import serving
from tests.emptied import empty_tables

# The first costs a third less than the others: no window is drawn for nobody.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
# A microphone that beeps, and nobody to ask.
QUIET += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
MEMORY = Path("/dev/shm")
ROOM_BYTES = 1_000_000_000
PATIENCE_MILLISECONDS = 10_000
END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
MAIL_TO_FILES = "django.core.mail.backends.filebased.EmailBackend"


@dataclass(frozen=True)
class House:
    """The running product: where it answers, and who and what is in it."""

    origin: str
    world: World


@pytest.fixture(scope="session")
def beside_a_loop() -> Iterator[None]:
    """Queries in the test's thread, where Playwright runs its loop and Django would refuse them."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def db(
    beside_a_loop: None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """In this folder what is written stays until the end: the server has connections of its own."""
    with django_db_blocker.unblock():
        yield
        # Playwright's greenlets have contexts of their own, and Django a connection for each.
        with connection.cursor() as cursor:
            cursor.execute(END_OTHERS)
        empty_tables()


@pytest.fixture(scope="session")
def house(db: None) -> Iterator[House]:
    """The server and its world. Pages only read it; whoever changes something makes people of their own."""
    world = plant()
    open_signup()
    as_served = override_settings(EMAIL_BACKEND=MAIL_TO_FILES, WHITENOISE_AUTOREFRESH=False)
    # Where it serves there is a pool; here its threads keep theirs.
    connections.settings["default"]["CONN_MAX_AGE"] = None
    with as_served, serving() as origin:
        yield House(origin, world)


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own. Without one the tests fail."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    browser = playwright.chromium.launch(executable_path=found, args=QUIET, env=in_memory())
    yield browser
    browser.close()


def in_memory() -> dict[str, str | float | bool]:
    """The environment for a browser that keeps what its processes share in memory, where there is room.

    As files on a disk, which is Playwright's way, it takes a tenth of the browser's time.
    """
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    if usable and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        return {**os.environ, "TMPDIR": str(MEMORY)}
    return {**os.environ}


@pytest.fixture(scope="session")
def clients(house: House) -> Callable[[str], Client]:
    """Per person of the world one client that signed in once; `nobody` never did."""
    known: dict[str, Client] = {"nobody": Client()}

    def client_of(role: str) -> Client:
        if role not in known:
            known[role] = signed_in(house.world.people[role])
        return known[role]

    return client_of


Opener = Callable[..., BrowserContext]


@pytest.fixture
def opened(chromium: Browser, house: House, clients: Callable[[str], Client]) -> Iterator[Opener]:
    """Opens a browser profile in which this person is signed in, until the test ends: `opened("alice", width=320)`."""
    with opening(chromium, house, clients) as context_of:
        yield context_of


@contextmanager
def opening(chromium: Browser, house: House, clients: Callable[[str], Client]) -> Iterator[Opener]:
    """Profiles that are all closed in the end: a page left open would go on asking the server."""
    standing: list[BrowserContext] = []

    def context_of(
        role: str = "nobody",
        *,
        width: int = 1280,
        scheme: str = "light",
        scripts: bool = True,
        service_workers: str = "block",
    ) -> BrowserContext:
        # Where it is allowed, a service worker fetches everything once more for each new profile.
        context = chromium.new_context(
            base_url=house.origin,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
            service_workers=service_workers,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        cookies = clients(role).cookies
        if "session" in cookies:
            value = cookies["session"].value
            context.add_cookies([{"name": "session", "value": value, "url": house.origin}])
        standing.append(context)
        return context

    yield context_of
    for context in standing:
        context.close()
