"""A migrated database that every process clones, instead of migrating one of its own for six seconds each.

It stays in the server from run to run, under a name made from the migrations: another set, another template.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier

PREFIX = "wop_template_"
# What migrations call, beside what lies in their folders.
CALLED = ("privacy/walls.py", "crypto/fields.py")
# One process makes it, the others wait for it.
LOCK = 0x7E57
NAMED = SQL("SELECT datname FROM pg_database WHERE starts_with(datname, %s)")


def template() -> str:
    """The name of the template, made now when it is not there; those of other migrations are gone."""
    name = PREFIX + digest()
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        standing = {found for (found,) in server.execute(NAMED, [PREFIX])}
        if name not in standing:
            for old in standing:
                server.execute(SQL("DROP DATABASE {}").format(Identifier(old)))
            make(server, name)
    return name


def digest() -> str:
    """Of all migrations of all apps, as short as a name may be."""
    files = [
        path for each in apps.get_app_configs() for path in Path(each.path).glob("migrations/*.py")
    ]
    files += [settings.BASE_DIR / "writeorperish" / name for name in CALLED]
    told = hashlib.blake2b(digest_size=8)
    for path in sorted(files):
        told.update(path.read_bytes())
    return told.hexdigest()


def make(server: psycopg.Connection, name: str) -> None:
    unfinished = f"{name}_new"
    server.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(unfinished)))
    server.execute(SQL("CREATE DATABASE {}").format(Identifier(unfinished)))
    with moved_to(unfinished):
        call_command("migrate", interactive=False, verbosity=0)
    rename = SQL("ALTER DATABASE {} RENAME TO {}")
    server.execute(rename.format(Identifier(unfinished), Identifier(name)))


@contextmanager
def moved_to(name: str) -> Iterator[None]:
    """Django's default connection on another database of the same server."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
