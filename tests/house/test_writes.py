"""Rows change in verbs, work is queued in one place, and a state moves in one place."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.code import Source, calls, dotted, parse, sources

# One process reads all sources.
pytestmark = pytest.mark.xdist_group("sources")

SURFACES = {
    "views",
    "api",
    "forms",
    "serializers",
    "handlers",
    "tasks",
    "admin",
    "sources",
    "slots",
}
WRITING = {
    "save",
    "create",
    "bulk_create",
    "bulk_update",
    "update_or_create",
    "get_or_create",
    "delete",
    "update",
}
# Not rows: dictionaries, sets, caches and sessions have these names too.
HARMLESS = {
    "headers",
    "values",
    "sent",
    "context",
    "cache",
    "detail",
    "found",
    "response",
    "reached",
}


def rows_written(source: Source) -> Iterator[str]:
    for call in calls(source.tree):
        if isinstance(call.func, ast.Attribute) and call.func.attr in WRITING:
            chain = dotted(call.func.value)
            if chain.split(".")[0] not in HARMLESS and chain.split(".")[-1] not in HARMLESS:
                yield f"{source.path}:{call.lineno} {chain}.{call.func.attr}"


def queued(source: Source) -> Iterator[str]:
    for call in calls(source.tree):
        if isinstance(call.func, ast.Attribute) and call.func.attr in {
            "delay",
            "apply_async",
            "send_task",
        }:
            yield f"{source.path}:{call.lineno}"


def states_assigned(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr == "state":
                yield f"{source.path}:{node.lineno}"


def test_surfaces_write_no_rows():
    found = [
        each
        for source in sources()
        if source.room in SURFACES and not source.path.startswith("writeorperish/")
        for each in rows_written(source)
    ]
    assert found == []


def test_work_is_queued_in_one_place():
    found = [each for source in sources() for each in queued(source)]
    assert all(each.startswith("writeorperish/events/tasks.py") for each in found)
    assert found


def test_states_move_in_one_place():
    allowed = {"writeorperish/ops/states.py"}
    found = [
        each
        for source in sources()
        if source.path not in allowed and "management" not in source.path
        for each in states_assigned(source)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (rows_written, "node.save()"),
        (rows_written, "Node.objects.create(title='x')"),
        (queued, "relay.delay()"),
        (states_assigned, "share.state = 'approved'"),
    ],
)
def test_the_rules_bite(rule, line):
    assert list(rule(parse(line, "journal/views/x.py")))
