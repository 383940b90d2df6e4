import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from journal.models.nodes import Node
from tests.doubles.aws import credentials, local_aws
from writeorperish.crypto import keys, services
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.kms import (
    AwsKeys,
    Context,
    KeyServiceDown,
    LocalKeys,
    MasterKeyMissing,
    Wrapped,
)
from writeorperish.crypto.models import DataKey
from writeorperish.refs import new_id

KEY = bytes(range(32))
HERE = Context("person:ann", 7)
ELSEWHERE = [Context("person:ben", 7), Context("person:ann", 8)]


def local(tmp_path, given=""):
    return LocalKeys(given, tmp_path / "folder" / "master-key")


def test_a_local_key_comes_back_in_its_context_only(tmp_path):
    service = local(tmp_path)
    service.make_first()
    wrapped = service.wrap(KEY, HERE)
    assert KEY not in wrapped.sealed
    assert service.unwrap(wrapped, HERE) == KEY
    for context in ELSEWHERE:
        with pytest.raises(CannotOpen):
            service.unwrap(wrapped, context)


def test_a_given_master_key_leaves_no_file(tmp_path):
    service = local(tmp_path, "g" * 40)
    service.make_first()
    assert service.unwrap(service.wrap(KEY, HERE), HERE) == KEY
    assert not service.path.exists()
    with pytest.raises(ValueError, match="MASTER_KEY"):
        service.make_next()


def test_the_first_of_several_given_keys_wraps_and_all_unwrap(tmp_path):
    old, new = "o" * 40, "n" * 40
    before = local(tmp_path, old).wrap(KEY, HERE)
    both = local(tmp_path, f"{new},{old}")
    assert both.unwrap(before, HERE) == KEY
    after = both.wrap(KEY, HERE)
    assert local(tmp_path, new).unwrap(after, HERE) == KEY
    with pytest.raises(MasterKeyMissing):
        local(tmp_path, new).unwrap(before, HERE)


def test_a_master_key_that_appears_later_is_found_without_a_restart(tmp_path):
    running, other = local(tmp_path), local(tmp_path)
    running.make_first()
    running.wrap(KEY, HERE)
    other.make_next()
    wrapped = other.wrap(KEY, HERE)
    assert running.unwrap(wrapped, HERE) == KEY
    assert running.wrap(KEY, HERE).kek == wrapped.kek


def test_many_processes_starting_at_once_make_one_master_key(tmp_path):
    together = threading.Barrier(8)

    def start(_number):
        service = local(tmp_path)
        together.wait(timeout=10)
        service.make_first()
        return service.wrap(KEY, HERE).kek

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["master-key"]


def test_a_damaged_wrapped_key_is_refused(tmp_path):
    service = local(tmp_path, "g" * 40)
    wrapped = service.wrap(KEY, HERE)
    for damaged in (b"", wrapped.sealed[:11], wrapped.sealed[:-1], bytes(len(wrapped.sealed))):
        with pytest.raises(CannotOpen):
            service.unwrap(Wrapped(wrapped.kek, damaged), HERE)


def test_an_unreadable_master_key_is_an_outage_and_not_a_new_key(tmp_path):
    service = local(tmp_path)
    service.path.parent.mkdir()
    service.path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyServiceDown):
        service.wrap(KEY, HERE)


@pytest.mark.parametrize("name", ["", "local", "aws:", "gcp:", "vault:x", "aws"])
def test_a_master_key_of_no_service_is_a_mistake(name):
    with pytest.raises(ValueError, match="master key"):
        services.service(name)


@pytest.fixture
def aws(aws_server):
    """A local AWS, and the variables boto3 itself reads."""
    with credentials(aws_server):
        yield


@pytest.fixture
def aws_key(aws):
    return boto3.client("kms").create_key(Description="master")["KeyMetadata"]["Arn"]


def test_an_aws_key_comes_back_in_its_context_only(aws_key):
    service = AwsKeys(aws_key)
    wrapped = service.wrap(KEY, HERE)
    assert wrapped.kek == f"aws:{aws_key}"
    assert KEY not in wrapped.sealed
    assert service.unwrap(wrapped, HERE) == KEY
    for context in ELSEWHERE:
        with pytest.raises(CannotOpen):
            service.unwrap(wrapped, context)
    altered = wrapped.sealed[:-1] + bytes([wrapped.sealed[-1] ^ 1])
    with pytest.raises(CannotOpen):
        service.unwrap(Wrapped(wrapped.kek, altered), HERE)


def test_an_unknown_aws_key_is_an_outage(aws):
    gone = AwsKeys("arn:aws:kms:eu-central-1:123456789012:key/none")
    with pytest.raises(KeyServiceDown):
        gone.wrap(KEY, HERE)


def test_aws_without_a_region_is_an_outage(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(KeyServiceDown):
        AwsKeys("alias/none")


@pytest.mark.django_db
def test_entries_are_locked_while_aws_is_down(settings, ann, note):
    with local_aws() as aws, credentials(aws.address):
        arn = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
        settings.KEY_SERVICE, settings.AWS_KMS_KEY = "aws", arn
        row = note(ann, body="ann's words")
        keks = DataKey.objects.filter(holder=keys.person(ann.pk)).values_list("kek", flat=True)
        assert set(keks) == {f"aws:{arn}"}
        assert keys.healthy()
        keys.cache.clear()
        loaded = Node.objects.get(pk=row.pk)
        aws.stop()
        with pytest.raises(KeyServiceDown) as refusal:
            _ = loaded.body
        assert refusal.value.status == 503
        assert str(refusal.value.words) == (
            "Your entries are locked for a moment. What you type is kept on this device."
        )
        with pytest.raises(KeyServiceDown), transaction.atomic():
            note(ann, body="more words")
        assert not keys.healthy()
        with pytest.raises(ImproperlyConfigured, match="KEY_SERVICE"):
            keys.require_master_key()
    assert Node.objects.count() == 1


@pytest.mark.django_db
def test_data_keys_move_from_the_local_master_key_to_aws(settings, aws_key):
    holder = keys.person(new_id())
    key = keys.data_key(holder, "seal")
    assert keys.rewrap(DataKey.objects.get(id=key.id), services.service(f"aws:{aws_key}"))
    keys.cache.clear()
    assert keys.key_by_id(key.id).material == key.material
    assert settings.KEY_SERVICE == "local"
