import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from writeorperish.crypto.fields import EncryptedTextField
from writeorperish.refs import new_id

pytestmark = pytest.mark.filterwarnings("ignore:Model .* was already registered")


def ids(model):
    return [error.id for error in model.check() if error.id.startswith("crypto.")]


def uuid_key():
    return models.UUIDField(primary_key=True, default=new_id)


def owner():
    return models.ForeignKey("accounts.User", models.CASCADE, related_name="+")


@isolate_apps("writeorperish.crypto")
def test_a_model_with_a_uuid_key_and_an_owner_may_seal():
    class Letter(models.Model):
        id = uuid_key()
        owner = owner()
        words = EncryptedTextField()

        class Meta:
            app_label = "crypto"

    assert ids(Letter) == []


@isolate_apps("writeorperish.crypto")
def test_a_numbered_model_may_not():
    class Letter(models.Model):
        owner = owner()
        words = EncryptedTextField()

        class Meta:
            app_label = "crypto"

    assert ids(Letter) == ["crypto.E001"]


@isolate_apps("writeorperish.crypto")
def test_the_key_stands_before_the_sealed_columns():
    class Letter(models.Model):
        words = EncryptedTextField()
        id = uuid_key()
        owner = owner()

        class Meta:
            app_label = "crypto"

    assert ids(Letter) == ["crypto.E002"]


@isolate_apps("writeorperish.crypto")
def test_a_model_without_an_owner_needs_to_name_a_key_holder():
    class Letter(models.Model):
        id = uuid_key()
        words = EncryptedTextField()

        class Meta:
            app_label = "crypto"

    class Message(models.Model):
        id = uuid_key()
        words = EncryptedTextField()
        key_holder = "conversation:1"

        class Meta:
            app_label = "crypto"

    assert ids(Letter) == ["crypto.E003"]
    assert ids(Message) == []


@isolate_apps("writeorperish.crypto")
def test_a_sealed_column_has_no_index():
    class Letter(models.Model):
        id = uuid_key()
        owner = owner()
        words = EncryptedTextField(unique=True)
        title = EncryptedTextField(db_index=True)

        class Meta:
            app_label = "crypto"

    assert ids(Letter) == ["crypto.E004", "crypto.E004"]


def test_every_model_of_the_house_passes():
    assert [error for error in run_checks() if (error.id or "").startswith("crypto.")] == []
