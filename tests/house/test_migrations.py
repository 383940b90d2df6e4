"""Migrations run back and forth over a world somebody wrote in, and all the way down and up again."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import befriend, entry, person
from tests.house.code import APPS
from tests.template import moved_to, template

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("migrations")]
SCRATCH = "wop_migrated"


@contextmanager
def scratch() -> Iterator[None]:
    """The default connection on a migrated database of its own, which is gone afterwards."""
    name = f"{connection.settings_dict['NAME']}_{SCRATCH}"
    run(f"DROP DATABASE IF EXISTS {name}")
    run(f"CREATE DATABASE {name} TEMPLATE {template()}")
    try:
        with moved_to(name):
            yield
    finally:
        run(f"DROP DATABASE {name}")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def migrate(targets: list[tuple[str, str | None]]) -> None:
    """To these migrations, each over a state with no more than what it names as its ground.

    The executor's own way carries the models of the whole project from one to the next, and builds most of
    them anew at every change: four times as long. Here a ground that is not named is found out, too.
    """
    executor = MigrationExecutor(connection)
    for migration, backwards in executor.migration_plan(targets):
        step = executor.unapply_migration if backwards else executor.apply_migration
        ground = executor.loader.project_state((migration.app_label, migration.name), at_end=False)
        step(ground, migration)


def one_step_back(names: dict[str, list[str]]) -> list[tuple[str, str | None]]:
    """The last migration of each label is undone, and with it those of others that stand on it."""
    graph = MigrationLoader(connection).graph
    lasts = [(label, each[-1]) for label, each in names.items() if len(each) > 1]
    undone = {node for last in lasts for node in graph.backwards_plan(last)}
    left = {
        label: [None, *(name for name in each if (label, name) not in undone)]
        for label, each in names.items()
    }
    return [(label, each[-1]) for label, each in left.items()]


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
        standing = tables()
        alice = person("alice")
        node = entry(alice, ai_usage="chat", circles=(befriend(alice, person("bob")),))
        drain()
        names = {label: names_of(label) for label in ours()}
        migrate(one_step_back(names))
        assert tables() < standing
        migrate([(label, each[-1]) for label, each in names.items()])
        assert tables() == standing
        assert Node.objects.visible_to(alice).get(pk=node.pk).body == "alice's words"
        call_command("verify_encryption", stdout=io.StringIO())

        migrate([(label, None) for label in names])
        assert tables() == set()
