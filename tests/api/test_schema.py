"""The description of the API: valid, whole, and only ever growing within v1."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from writeorperish.ui.schema import Generator

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
METHODS = {"get", "post", "put", "patch", "delete"}
OPEN = {("post", "/api/v1/me/tokens/"), ("post", "/api/v1/me/tokens/refresh/")}
# What may be said anew without anybody's client breaking.
WORDS = {"description", "summary", "example", "title"}


@pytest.fixture(scope="module")
def live() -> dict:
    return Generator().get_schema()


@pytest.fixture(scope="module")
def snapshot() -> dict:
    return yaml.load(SNAPSHOT.read_text(), Loader=yaml.CSafeLoader)


def operations(schema) -> Iterator[tuple[str, str, dict]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield method, path, operation


def lost(old, new, at="") -> list[str]:
    """What the old schema promised and the new one does not keep, each as the place it stood at."""
    if isinstance(old, dict):
        if not isinstance(new, dict):
            return [at]
        kept = [key for key in old if key not in WORDS or isinstance(old[key], dict)]
        gone = [f"{at}/{key}" for key in kept if key not in new]
        return gone + [
            each for key in kept if key in new for each in lost(old[key], new[key], f"{at}/{key}")
        ]
    if isinstance(old, list):
        return [f"{at}/{each}" for each in map(named, old) if each not in map(named, new)]
    return [] if old == new else [at]


def named(each: object) -> str:
    return str(each.get("name", each)) if isinstance(each, dict) else str(each)


def narrowed(old, new) -> list[str]:
    """Bodies of the old schema that the new one refuses: a member or parameter that became required."""
    found = []
    for name, shape in old["components"]["schemas"].items():
        if name.endswith("Request") and name in new["components"]["schemas"]:
            now = set(new["components"]["schemas"][name].get("required", []))
            found += [f"{name}.{each}" for each in now - set(shape.get("required", []))]
    before = {(method, path): operation for method, path, operation in operations(old)}
    for method, path, operation in operations(new):
        needed = needed_by(operation) - needed_by(before.get((method, path), operation))
        found += [f"{method} {path} {each}" for each in needed]
    return found


def needed_by(operation) -> set[str]:
    return {each["name"] for each in operation.get("parameters", []) if each.get("required")}


def test_the_schema_validates_without_a_warning():
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    assert dict(GENERATOR_STATS._error_cache) == {}
    assert dict(GENERATOR_STATS._warn_cache) == {}


def test_nothing_of_the_snapshot_is_lost_or_narrowed(live, snapshot):
    live = plain(live)
    assert lost(snapshot["paths"], live["paths"], "paths") == []
    assert lost(snapshot["components"], live["components"], "components") == []
    assert narrowed(snapshot, live) == []


def test_the_snapshot_holds_what_is_new(live, snapshot):
    new = lost(plain(live), snapshot)
    assert new == [], "manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, int | float | bool | None) else str(value)


def test_the_comparison_bites(snapshot):
    without = deepcopy(snapshot)
    del without["paths"]["/api/v1/journal/nodes/"]["post"]
    del without["components"]["schemas"]["Node"]["properties"]["rev"]
    without["components"]["schemas"]["AIUsage"]["enum"].remove("train")
    without["components"]["schemas"]["NodeWriteRequest"]["required"].append("title")
    assert lost(snapshot, without) == [
        "/paths//api/v1/journal/nodes//post",
        "/components/schemas/AIUsage/enum/train",
        "/components/schemas/Node/properties/rev",
    ]
    assert narrowed(snapshot, without) == ["NodeWriteRequest.title"]


def test_every_operation_has_a_name_of_its_own(live):
    names = [operation["operationId"] for _method, _path, operation in operations(live)]
    assert len(names) > 50
    assert len(names) == len(set(names))


def test_every_operation_says_who_may_and_how_it_refuses(live):
    for method, path, operation in operations(live):
        responses = set(operation["responses"])
        at = f"{method} {path}"
        assert {"400", "401", "429", "503"} <= responses, at
        assert bool(operation.get("security")) == ((method, path) not in OPEN), at
        if (method, path) not in OPEN:
            assert "403" in responses, at
        if "{" in path:
            assert "404" in responses, at
        if method != "get":
            assert {"409", "413", "415", "422"} <= responses, at
        headers = {each["name"] for each in operation.get("parameters", [])}
        if headers & {"If-Match", "Idempotency-Key"}:
            assert "428" in responses, at


def test_every_refusal_is_a_problem(live):
    for method, path, operation in operations(live):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (method, path)


def test_enumerations_have_names_not_numbers(live):
    schemas = live["components"]["schemas"]
    named = {name for name, shape in schemas.items() if "enum" in shape}
    assert {"PrivacyLevel", "AIUsage", "NodeState", "MembershipState", "CircleKind"} <= named
    assert not [name for name in named if any(letter.isdigit() for letter in name)]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("application/json", "application/json"), ("application/vnd.oai.openapi", "application/vnd")],
)
def test_the_schema_is_served_to_anybody_in_the_form_asked_for(db, accept, kind):
    answer = Client().get("/api/schema/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    document = yaml.load(answer.content, Loader=yaml.CSafeLoader)
    assert document["openapi"].startswith("3.")
    assert "/api/v1/journal/nodes/" in document["paths"]


def test_the_swagger_page_is_for_staff(cast, signed_in):
    assert signed_in(cast.alice).get("/api/docs/").status_code == 404
    assert signed_in(cast.moderator).get("/api/docs/").status_code == 200
