"""Reading guarded rows starts at sight: in views, API, forms and serializers nothing else may come first."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps

from tests.house.code import Source, dotted, parse, sources
from writeorperish.privacy.models import Guarded

# One process reads all sources.
pytestmark = pytest.mark.xdist_group("sources")

SURFACES = {"views", "api", "endpoints", "forms", "serializers"}
STARTS = {"visible_to", "editable_by", "deleted_by", "none", "with_tombstones_to"}


def guarded_names() -> set[str]:
    return {model.__name__ for model in apps.get_models() if issubclass(model, Guarded)}


def offences(source: Source, guarded: set[str]) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            found = re.fullmatch(r"(\w+)\.(?:objects|_default_manager)\.(\w+)", dotted(node))
            if found and found[1] in guarded and found[2] not in STARTS:
                yield f"{source.path}:{node.lineno} {found[0]}"


def test_surfaces_read_guarded_rows_by_sight():
    guarded = guarded_names()
    assert "Node" in guarded
    found = [
        each
        for source in sources()
        if source.room in SURFACES
        for each in offences(source, guarded)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["Node.objects.filter(pk=1)", "Node.objects.all()", "Node.objects.get()"]
)
def test_the_rule_bites(line):
    assert list(offences(parse(line, "journal/views/x.py"), {"Node"}))
