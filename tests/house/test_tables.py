"""Tables keep the promises of the house by construction."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import connection, models

from tests.house.code import APPS, ROOT
from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField
from writeorperish.privacy.models import Guarded, GuardedQuerySet

OURS = [
    model
    for model in apps.get_models()
    if model.__module__.split(".")[0] in {*APPS, "writeorperish"}
]
FEATURES = {"journal", "download", "upload", "market", "narrative"}
SEALED = (EncryptedTextField, EncryptedJSONField)


def test_no_foreign_key_runs_from_one_feature_into_another():
    for model in OURS:
        for field in model._meta.concrete_fields:
            to = field.related_model
            if to is not None and model._meta.app_label in FEATURES:
                other = to._meta.app_label
                assert other == model._meta.app_label or other not in FEATURES, field


def test_guarded_models_have_the_one_rule_of_sight_and_stay_out_of_the_admin():
    for model in OURS:
        if issubclass(model, Guarded):
            assert isinstance(model._default_manager.all(), GuardedQuerySet), model
            assert model not in admin.site._registry, model


def test_a_sealed_column_has_an_owner_a_uuid_key_and_a_check_on_its_bytes():
    for model in OURS:
        sealed = [field for field in model._meta.concrete_fields if isinstance(field, SEALED)]
        if not sealed:
            continue
        assert isinstance(model._meta.pk, models.UUIDField), model
        checked = " ".join(str(constraint.deconstruct()) for constraint in model._meta.constraints)
        for field in sealed:
            assert field.name in checked, f"{model._meta.label}.{field.name}"


def test_each_state_has_edges_and_a_check():
    for model in OURS:
        names = {field.name for field in model._meta.concrete_fields}
        if {"state", "version"} <= names:
            assert getattr(model, "EDGES", None), model
            assert any("state" in c.name for c in model._meta.constraints), model


@pytest.mark.django_db
def test_the_schema_needs_no_extension_but_vector():
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension")
        assert {row[0] for row in cursor.fetchall()} <= {"plpgsql", "vector"}


def test_migrations_name_no_other_extension():
    for app in settings.INSTALLED_APPS:
        folder = ROOT / Path(*app.split("."))
        for path in folder.glob("migrations/*.py"):
            found = re.findall(r"EXTENSION IF NOT EXISTS (\w+)", path.read_text())
            assert set(found) <= {"vector"}, path


def test_no_package_file_says_anything():
    for top in (*APPS, "writeorperish"):
        for path in (ROOT / top).rglob("__init__.py"):
            if path != ROOT / "writeorperish" / "__init__.py":
                assert not path.read_text().strip(), path
