"""The import contracts name every app and room that exists, so that none is forgotten."""

import tomllib

from tests.house.code import APPS, ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def contract(name: str) -> dict:
    return next(each for each in CONFIG["contracts"] if each["name"].startswith(name))


def test_every_root_package_stands_in_the_contracts():
    assert set(CONFIG["root_packages"]) == {"writeorperish", *APPS}
    assert set(contract("Inside an app")["containers"]) == set(APPS)


def test_every_ground_package_stands_on_a_floor():
    floors = " ".join(contract("Floors")["layers"])
    for package in (ROOT / "writeorperish").iterdir():
        if (package / "__init__.py").exists():
            assert f"writeorperish.{package.name})" in floors, package.name


def test_every_module_of_an_app_has_a_floor():
    floors = " ".join(contract("Inside an app")["layers"])
    for app in APPS:
        for entry in (ROOT / app).iterdir():
            name = entry.stem
            if name in {
                "__init__",
                "apps",
                "migrations",
                "__pycache__",
                "prompts",
                "locale",
                "lexicons",
            }:
                continue
            assert f"({name})" in floors, f"{app}/{entry.name}"


def test_settings_may_import_no_package_that_exists():
    forbidden = set(contract("Settings import only")["forbidden_modules"])
    packages = {
        f"writeorperish.{each.name}"
        for each in (ROOT / "writeorperish").iterdir()
        if (each / "__init__.py").exists()
    }
    assert packages | set(APPS) <= forbidden
