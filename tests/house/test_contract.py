"""The promised surface is the built one: commands, variables, pages and endpoints, compared both ways as data."""

import ast
import copy
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.e2e.pages import named_pages
from tests.factories import entry, public
from tests.house.code import APPS, ROOT, Source, dotted, parse, sources
from writeorperish.ui.schema import Generator

# One process reads all sources and makes the schema.
pytestmark = pytest.mark.xdist_group("sources")

HERE = ROOT / "tests" / "house"
CONTRACT = tomllib.loads((HERE / "contract.toml").read_text())
NOT_YET = [line for line in (HERE / "not_yet.txt").read_text().splitlines() if line[:1] != "#"]
UNBUILT_AT_MOST = 219
FORM = re.compile(
    r"command (make )?[a-z_]+|variable [A-Z_]+|page /\S*"
    r"|endpoint (GET|POST|PUT|PATCH|DELETE) /api/v1/\S+/"
)
KINDS = ["commands", "variables", "pages", "endpoints"]
PASSWORD = "write-or-perish"
LISTED = {"next", "previous", "results"}
SECRETS = {"env_secret", "kept_secret"}
Rows = Mapping[str, object]


def told(contract: Mapping[str, Any], kind: str) -> Rows:
    """The rows of one kind by name. ValueError when one stands twice."""
    spell = {"commands": command, "variables": variable, "pages": page, "endpoints": endpoint}[kind]
    rows = [spell(row, contract["shapes"]) for row in contract[kind]]
    if len(rows) != len(dict(rows)):
        raise ValueError(f"A row of {kind} stands twice.")
    return dict(rows)


def command(row, _shapes) -> tuple[str, object]:
    return row["name"], set(row.get("takes", []))


def variable(row, _shapes) -> tuple[str, object]:
    return row["name"], row.get("secret", False)


def page(row, _shapes) -> tuple[str, object]:
    return row["path"], (row.get("who"), row.get("methods"))


def endpoint(row, shapes) -> tuple[str, object]:
    answers = {status: spelled(words, shapes) for status, words in row["answers"].items()}
    return f"{row['method']} {row['path']}", (row["scope"], answers)


def spelled(words: str, shapes: Mapping[str, list[str]]) -> str:
    """`list of node or gone` with each shape as its fields, in the order of the alphabet."""
    listed = "list of " if words.startswith("list of ") else ""
    found = []
    for each in words.removeprefix(listed).split(" or "):
        name, _plus, more = each.partition(" + ")
        found.append(" ".join(sorted([*shapes.get(name, [name]), *more.split()])))
    return listed + " or ".join(sorted(found))


def apart(rows: Rows, built: Rows) -> list[str]:
    """What only one side names, or the two name differently."""
    return sorted(
        name for name in rows.keys() | built.keys() if rows.get(name, ()) != built.get(name, ())
    )


def commands_built() -> Rows:
    found: dict[str, object] = {name: set() for name in made((ROOT / "Makefile").read_text())}
    if os.access(ROOT / ".ci" / "run", os.X_OK):
        found[".ci/run"] = set()
    for name, app in get_commands().items():
        if app.split(".")[0] in {*APPS, "writeorperish"}:
            found[name] = taken(load_command_class(app, name))
    return found


def made(makefile: str) -> Iterator[str]:
    """The targets people call: those with lines of their own, whose tests are there to run."""
    for name, recipe in re.findall(r"^([a-z0-9-]+):.*\n((?:\t.*\n?)+)", makefile, re.MULTILINE):
        if all((ROOT / path).exists() for path in re.findall(r"\btests/\S+", recipe)):
            yield f"make {name}"


def taken(of: BaseCommand) -> set[str]:
    """Options, arguments and subcommands, without those every command of Django has."""
    usual = {each.dest for each in BaseCommand().create_parser("manage.py", "")._actions}
    found: set[str] = set()
    for each in of.create_parser("manage.py", "")._actions:
        if each.dest not in usual:
            named = each.choices or [each.metavar or each.dest]
            found |= set(each.option_strings or named)
    return found


def variables_built() -> Rows:
    found: dict[str, bool] = {}
    for source in sources():
        for name, secret in variables_read(source):
            found[name] = secret or found.get(name, False)
    return found


def variables_read(source: Source) -> Iterator[tuple[str, bool]]:
    """Each name a module asks the environment for, and whether it is asked for as a secret."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and is_reader(source, dotted(node.func)):
            name: ast.expr = node.args[0]
            secret = dotted(node.func) in SECRETS
        elif isinstance(node, ast.Subscript) and dotted(node.value) == "os.environ":
            name, secret = node.slice, False
            if not isinstance(node.ctx, ast.Load):
                continue
        else:
            continue
        if isinstance(name, ast.Constant):
            yield str(name.value), secret


def is_reader(source: Source, called: str) -> bool:
    if source.path == "writeorperish/settings.py" and re.fullmatch(r"env(_\w+)?", called):
        return True
    return called in {"os.environ.get", "os.getenv", *SECRETS}


def addresses() -> set[str]:
    """The paths of all named pages, the admin's among them, each parameter as its kind alone."""
    pages = set(named_pages())
    return {
        path
        for name, path in walked(get_resolver().url_patterns)
        if name in pages or name.startswith("admin:")
    }


def walked(
    patterns: list[URLPattern | URLResolver], above: str = "/", space: str = ""
) -> Iterator[tuple[str, str]]:
    for each in patterns:
        path = above + str(each.pattern).removeprefix("^")
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from walked(each.url_patterns, path, inner)
        elif each.name:
            yield f"{space}{each.name}", re.sub(r"<(\w+):\w+>", r"<\1>", path)


def pages_built(rows: Rows, paths: set[str]) -> Rows:
    """Each page, or the group it belongs to, as it answers; `asked` looks at who and how."""
    groups = [path.removesuffix("*") for path in rows if path.endswith("*")]
    found: dict[str, object] = {}
    for path in paths:
        group = next((f"{each}*" for each in groups if path.startswith(each)), path)
        found[group] = rows.get(group)
    return found


def endpoints_built(schema: Mapping[str, Any]) -> Rows:
    components = schema["components"]["schemas"]
    return {
        f"{method.upper()} {path}": (
            scope_of(operation),
            {
                status: carried(response, components)
                for status, response in operation["responses"].items()
                if int(status) < 400
            },
        )
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }


def scope_of(operation: Mapping[str, Any]) -> str:
    named = re.search(r"^Scope: (.+)$", operation.get("description", ""), re.MULTILINE)
    return named[1] if named else "open"


def carried(response: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    content = response.get("content", {})
    shape = content.get("application/json", {}).get("schema", {})
    if shape and shape.get("format") != "binary":
        return fields(shape, components)
    return " ".join(content) or "nothing"


def fields(shape: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """The fields of an answer, spelled as in the contract; a page of a list by the fields of its rows."""
    if "$ref" in shape:
        return fields(components[shape["$ref"].rpartition("/")[2]], components)
    if "oneOf" in shape:
        return " or ".join(sorted(fields(each, components) for each in shape["oneOf"]))
    names = shape["properties"].keys()
    if names - {"limit"} == LISTED:
        return "list of " + fields(shape["properties"]["results"]["items"], components)
    needed = shape.get("required", [])
    return " ".join(sorted(name if name in needed else f"{name}?" for name in names))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return Generator().get_schema()


@pytest.fixture(scope="module")
def built(schema):
    """What is built, of one kind, beside a contract's rows of that kind."""
    paths = addresses()
    kept = {
        "commands": commands_built(),
        "variables": variables_built(),
        "endpoints": endpoints_built(schema),
    }
    return lambda kind, rows: pages_built(rows, paths) if kind == "pages" else kept[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_built_and_everything_built_has_its_row(kind, built):
    rows = told(CONTRACT, kind)
    assert apart(rows, built(kind, rows)) == []


def test_names_of_our_own_are_known_to_the_settings():
    ours = {name for name in told(CONTRACT, "variables") if name.startswith("WOP_")}
    assert ours == settings.KNOWN_WOP_NAMES


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_lost_or_stands_twice_is_found(kind, built):
    broken = copy.deepcopy(CONTRACT)
    lost = broken[kind].pop(2)
    rows = told(broken, kind)
    missing = apart(rows, built(kind, rows))
    assert [each for each in missing if (lost.get("name") or lost["path"].strip("*")) in each]
    broken[kind].append(broken[kind][0])
    with pytest.raises(ValueError, match="stands twice"):
        told(broken, kind)


@pytest.mark.parametrize(
    ("kind", "place", "changed"),
    [
        ("commands", "run", {"takes": ["--port"]}),
        ("commands", "vendor", {"takes": ["add", "check", "icons", "--all"]}),
        ("commands", "wait_idle", {"name": "wait"}),
        ("commands", "make run", {"name": "make walk"}),
        ("variables", "SECRET_KEY", {"secret": False}),
        ("variables", "PORT", {"secret": True}),
        ("variables", "WOP_DATA_DIR", {"name": "WOP_FOLDER"}),
        ("pages", "/promise/", {"path": "/vow/"}),
        ("pages", "/journal/<uuid>/edit/", {"path": "/journal/<int>/edit/"}),
        ("endpoints", "POST /api/v1/me/tokens/", {"scope": "act"}),
        ("endpoints", "GET /api/v1/me/", {"method": "PUT"}),
        ("endpoints", "GET /api/v1/me/", {"path": "/api/v1/you/"}),
        ("endpoints", "GET /api/v1/me/", {"answers": {"200": "me", "206": "me"}}),
        ("endpoints", "GET /api/v1/me/blocks/", {"answers": {"200": "block"}}),
        ("endpoints", "PUT /api/v1/journal/drafts/{id}/", {"answers": {"200": "draft"}}),
        ("endpoints", "GET /api/v1/journal/nodes/{id}/", {"answers": {"200": "node + clean?"}}),
        ("endpoints", "GET /api/v1/me/exports/{id}/file/", {"answers": {"200": "export"}}),
    ],
)
def test_a_row_that_says_something_else_is_found(kind, place, changed, built):
    broken = copy.deepcopy(CONTRACT)
    broken[kind][list(told(CONTRACT, kind)).index(place)] |= changed
    rows = told(broken, kind)
    assert place in apart(rows, built(kind, rows))


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("A = env('A', 'x')", [("A", False)]),
        ("A = env_float('A', 1.0)", [("A", False)]),
        ("A = env_secret('A')", [("A", True)]),
        ("A = kept_secret('A', 'a-file')", [("A", True)]),
        ("A = os.environ['A']", [("A", False)]),
        ("A = os.getenv('A')", [("A", False)]),
        ("os.environ['A'] = 'x'", []),
        ("def env(name): return os.environ.get(name, '')", []),
    ],
)
def test_a_name_asked_of_the_environment_is_seen(line, read):
    assert list(variables_read(parse(line, "writeorperish/settings.py"))) == read


def test_a_target_is_a_command_once_what_it_runs_is_there():
    text = "install: .venv\n\nrun: install\n\t@run\n\ngone:\n\t@pytest tests/gone\n\nhouse:\n\t@pytest tests/house\n"
    assert list(made(text)) == ["make run", "make house"]


@pytest.mark.parametrize("name", ["state", "optional?"])
def test_a_field_the_schema_gains_or_frees_is_found(name, schema):
    grown = copy.deepcopy(schema)
    state = grown["components"]["schemas"]["State"]
    if name in state["properties"]:
        state["required"].remove(name)
    else:
        state["properties"][name] = {"type": "string"}
    assert apart(told(CONTRACT, "endpoints"), endpoints_built(grown)) == [
        "POST /api/v1/me/invitations/{id}/acceptance/",
        "POST /api/v1/me/invitations/{id}/declination/",
    ]


@pytest.fixture
def asked(cast):
    """Who may open a page and by which methods, as it answers a visitor and one of the staff."""
    staff = Client()
    cast.moderator.set_password(PASSWORD)
    cast.moderator.save(update_fields=["password"])
    staff.force_login(cast.moderator)
    staff.post("/accounts/reauthenticate/", {"password": PASSWORD})
    open_to_all = str(public(entry(cast.alice)).pk)

    def ask(path: str) -> tuple[str, str]:
        address = path.replace("<uuid>", open_to_all).replace("<int>/<int>", "2026/11")
        address = address.replace("<int>", "1")
        allowed = staff.put(address).headers["Allow"].split(", ")
        methods = [method for method in ("GET", "POST") if method in allowed]
        visited = Client().generic(methods[0], address)
        sent_to = visited.headers.get("Location", "")
        if visited.status_code == 302 and sent_to.startswith("/accounts/login/"):
            return "person", " ".join(methods)
        if visited.status_code == 401:  # a stream, which programs follow
            return "person", " ".join(methods)
        refused = visited.status_code == 404 and staff.get(address).status_code != 404
        return "staff" if refused else "anybody", " ".join(methods)

    return ask


def test_every_page_answers_whom_and_how_its_row_says(asked):
    rows = {path: row for path, row in told(CONTRACT, "pages").items() if path[-1] != "*"}
    assert apart(rows, {path: asked(path) for path in rows}) == []


def test_a_page_that_answers_otherwise_is_found(asked):
    broken = {
        "/promise/": ("person", "GET"),
        "/settings/": ("anybody", "GET"),
        "/settings/activity/": ("person", "GET POST"),
        "/journal/write/": ("person", "GET"),
        "/styleguide/": ("anybody", "GET"),
        "/journal/<uuid>/": ("person", "GET"),
    }
    assert apart(broken, {path: asked(path) for path in broken}) == sorted(broken)


def already_built(lines: list[str], built) -> list[str]:
    names = {kind: built(kind, told(CONTRACT, kind)) for kind in KINDS} | {"pages": addresses()}
    standing = {
        anonymous(f"{kind.removesuffix('s')} {name}") for kind in KINDS for name in names[kind]
    }
    return [line for line in lines if anonymous(line) in standing]


def anonymous(line: str) -> str:
    """The line without the names of its parameters, which may change until it is built."""
    return re.sub(r"<\w+>|\{\w+\}", "<>", line)


def ill_formed(lines: list[str]) -> list[str]:
    return [line for line in lines if not FORM.fullmatch(line)]


def test_nothing_that_is_built_is_said_to_come_later(built):
    assert already_built(NOT_YET, built) == []


@pytest.mark.parametrize(
    "line",
    [
        "command run",
        "command make bench",
        "variable SECRET_KEY",
        "page /journal/<id>/edit/",
        "page /accounts/2fa/totp/activate/",
        "endpoint GET /api/v1/journal/nodes/{node}/",
    ],
)
def test_a_built_row_that_still_waits_is_found(line, built):
    assert already_built([*NOT_YET, line], built) == [line]


def test_what_comes_later_is_sorted_and_each_row_of_a_known_form():
    assert sorted(set(NOT_YET)) == NOT_YET
    assert ill_formed(NOT_YET) == []


def test_what_comes_later_only_shrinks():
    assert len(NOT_YET) <= UNBUILT_AT_MOST, (
        "Nothing is added to not_yet.txt: a row leaves when it is built, and the number here with it."
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "make load",
        "variable openai",
        "page market/",
        "endpoint /api/v1/me/",
        "endpoint GET /x/",
    ],
)
def test_a_row_of_no_known_form_is_found(line):
    assert ill_formed([line]) == [line]


def unnamed(text: str) -> list[str]:
    """Commands and variables the page does not name, or not as the secrets they are."""
    words = {
        name: f"`{name}`*" if secret else f"`{name}"
        for name, secret in told(CONTRACT, "variables").items()
    } | {name: f"`{name}" for name in told(CONTRACT, "commands")}
    return [name for name, word in words.items() if word not in text]


def test_the_page_for_people_names_every_command_and_variable():
    text = (ROOT / "docs" / "contract.md").read_text()
    assert unnamed(text) == []
    assert unnamed(text.replace("`SECRET_KEY`*", "`SECRET_KEY`")) == ["SECRET_KEY"]
    assert unnamed(text.replace("`rebuild_words", "`words")) == ["rebuild_words"]
