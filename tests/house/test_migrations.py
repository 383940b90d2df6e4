"""Migrations run back and forth over a world somebody wrote in, and all the way down and up again."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import befriend, entry, person
from tests.house.code import APPS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("migrations")]
SCRATCH = "wop_migrated"


@contextmanager
def scratch() -> Iterator[None]:
    """The default connection on an empty database of its own, which is gone afterwards."""
    usual = connection.settings_dict["NAME"]
    name = f"{usual}_{SCRATCH}"
    run(f"DROP DATABASE IF EXISTS {name}")
    run(f"CREATE DATABASE {name}")
    move_to(name)
    try:
        yield
    finally:
        move_to(usual)
        run(f"DROP DATABASE {name}")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def move_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def migrate(*target: str) -> None:
    call_command("migrate", *target, interactive=False, verbosity=0, stdout=io.StringIO())


def ours() -> list[str]:
    """Labels of our own apps with migrations."""
    rooms = {*APPS, "writeorperish"}
    found = [each.label for each in apps.get_app_configs() if each.name.split(".")[0] in rooms]
    graph = MigrationLoader(connection).graph
    return [label for label in found if graph.leaf_nodes(label)]


def names_of(label: str) -> list[str]:
    return sorted(name for app, name in MigrationLoader(connection).graph.nodes if app == label)


def tables() -> set[str]:
    owned = (apps.get_app_config(label).get_models() for label in ours())
    named = {model._meta.db_table for models in owned for model in models}
    return named & set(connection.introspection.table_names())


def test_they_run_back_and_forth_over_a_world_and_all_the_way_down():
    with scratch():
        migrate()
        standing = tables()
        alice = person("alice")
        node = entry(alice, ai_usage="chat", circles=(befriend(alice, person("bob")),))
        drain()
        for label in ours():
            names = names_of(label)
            if len(names) > 1:
                migrate(label, names[-2])
                migrate(label)
        assert tables() == standing
        assert Node.objects.visible_to(alice).get(pk=node.pk).body == "alice's words"
        call_command("verify_encryption", stdout=io.StringIO())

        for label in ours():
            migrate(label, "zero")
        assert tables() == set()
