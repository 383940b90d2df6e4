"""Where rooms meet without knowing each other: holes in pages, the demo world, and a feature that is left out."""

import os
import re
import subprocess
import sys
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.urls import reverse

from tests.house.code import ROOT
from writeorperish.ui.slots import HOLES, fillings

SERVED = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse
call_command("check")
visitor = Client(headers={"host": "localhost"})
print(*(visitor.get(path).status_code for path in ("/accounts/login/", "/search/")))
"""


def test_every_hole_in_a_page_is_known_and_every_filling_has_an_address():
    cut = {
        hole
        for path in (ROOT / "templates").rglob("*.html")
        for hole in re.findall(r"{% slots \"([\w.]+)\"", path.read_text())
    }
    assert cut
    assert cut <= HOLES
    for each in fillings():
        assert each.hole in cut
        assert reverse(each.url_name)


@pytest.mark.django_db
def test_planting_the_demo_twice_plants_it_once():
    def planted() -> dict[str, int]:
        call_command("seed_demo", force=True, stdout=StringIO())
        return {model._meta.label: model._default_manager.count() for model in apps.get_models()}

    first = planted()
    assert first["journal.Node"] > 20
    assert planted() == first


@pytest.mark.parametrize(("features", "search"), [("journal", 404), ("journal,download", 302)])
def test_the_site_checks_and_serves_without_a_feature(features, search):
    surroundings = os.environ | {
        "DJANGO_SETTINGS_MODULE": "writeorperish.settings",
        "WOP_FEATURES": features,
        "LOG_LEVEL": "ERROR",
        "DEBUG": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SERVED], cwd=ROOT, env=surroundings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"200 {search}"
