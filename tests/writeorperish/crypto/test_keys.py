import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from journal.models.nodes import Node
from writeorperish.crypto import keys, services
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.keyring import FORGOTTEN_AFTER_SECONDS, MOST_KEYS, Key, KeyCache, Tally
from writeorperish.crypto.kms import KeyServiceDown, LocalKeys, MasterKeyMissing
from writeorperish.crypto.models import DataKey
from writeorperish.refs import new_id

MASTER = "m" * 40


@pytest.fixture
def holder():
    return keys.person(new_id())


@pytest.fixture
def own_master_key(settings, tmp_path):
    """A data folder of its own, still without a master key."""
    settings.DATA_DIR = tmp_path
    return tmp_path / services.MASTER_KEY_FILE


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """Transactions are real, and the keys they leave are taken away afterwards."""
    with django_db_blocker.unblock():
        before = list(DataKey.objects.values_list("id", flat=True))
        yield
        DataKey.objects.exclude(id__in=before).delete()
        connections.close_all()


@pytest.mark.django_db
def test_a_holder_gets_two_keys_once(holder):
    first = keys.data_key(holder, "seal")
    index = keys.data_key(holder, "index")
    assert DataKey.objects.filter(holder=holder, state="active").count() == 2
    keys.cache.clear()
    again = keys.data_key(holder, "seal")
    assert (again.id, again.material) == (first.id, first.material)
    assert index.material != first.material
    assert len(first.material) == 32


@pytest.mark.django_db
def test_neither_the_key_nor_its_material_is_in_the_database_or_in_its_name(holder):
    key = keys.data_key(holder, "seal")
    row = DataKey.objects.get(id=key.id)
    assert key.material not in bytes(row.wrapped)
    assert key.material.hex() not in repr(key) + repr(row)
    assert row.kek.startswith("local:")


@pytest.mark.django_db
def test_sub_keys_are_the_documented_ones_and_belong_to_one_kind(holder):
    key = keys.data_key(holder, "seal")
    expected = HKDF(hashes.SHA256(), 32, None, b"wop/1/text").derive(key.material)
    assert key.sub("text") == expected
    assert key.sub("file") != expected
    with pytest.raises(ValueError, match="blind"):
        key.sub("blind")
    with pytest.raises(ValueError, match="text"):
        keys.data_key(holder, "index").sub("text")


@pytest.mark.django_db
def test_a_warm_key_costs_no_query_and_no_call(holder):
    keys.data_key(holder, "seal")
    keys.cache.clear()
    keys.uncommitted.clear()
    keys.data_key(holder, "seal")
    unwraps, hits = keys.tally.unwraps, keys.tally.hits
    with CaptureQueriesContext(connection) as queries:
        for _again in range(3):
            keys.data_key(holder, "seal")
    assert not queries.captured_queries
    assert keys.tally.unwraps == unwraps
    assert keys.tally.hits == hits + 3


def test_a_key_made_in_a_transaction_that_fails_is_never_used_again(committed, holder):
    with transaction.atomic():
        made = [keys.data_key(holder, "seal").id for _again in range(2)]
        transaction.set_rollback(True)
    assert made[0] == made[1]
    after = keys.data_key(holder, "seal")
    assert after.id != made[0]
    assert DataKey.objects.filter(id=after.id).exists()


def test_a_key_made_in_a_transaction_that_commits_is_remembered(committed, holder):
    with transaction.atomic():
        made = keys.data_key(holder, "seal").id
    keys.data_key(holder, "seal")
    with CaptureQueriesContext(connection) as queries:
        assert keys.data_key(holder, "seal").id == made
    assert not queries.captured_queries


def test_two_threads_making_the_first_key_of_a_holder_end_with_one(committed, holder):
    together = threading.Barrier(8)

    def first_key(kind):
        try:
            together.wait(timeout=10)
            with transaction.atomic():
                return keys.data_key(holder, kind).id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(first_key, ["seal", "index"] * 4))
    assert len(set(found[::2])) == 1
    assert len(set(found[1::2])) == 1
    assert DataKey.objects.filter(holder=holder).count() == 2


def test_a_rival_that_rolls_back_leaves_the_holder_with_a_key_that_exists(committed, holder):
    made = threading.Event()

    def rival():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                keys.data_key(holder, "seal")
                made.set()
                waits = None
                while waits is None:
                    cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
                    waits = cursor.fetchone()
                transaction.set_rollback(True)
        finally:
            connections.close_all()

    thread = threading.Thread(target=rival)
    thread.start()
    made.wait(timeout=10)
    key = keys.data_key(holder, "seal")
    thread.join(timeout=10)
    assert DataKey.objects.filter(id=key.id, state="active").exists()
    assert keys.data_key(holder, "seal").id == key.id


@pytest.mark.django_db
def test_many_keys_come_with_one_query(holder):
    wanted = [keys.data_key(keys.person(new_id()), "seal").id for _ in range(5)]
    keys.cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert keys.keys_by_id(wanted).keys() == set(wanted)
    assert len(queries.captured_queries) == 1


@pytest.mark.django_db
def test_a_destroyed_holder_has_no_key_left_anywhere(holder):
    key = keys.data_key(holder, "seal")
    other = keys.data_key(keys.person(new_id()), "seal")
    assert keys.destroy(holder) == 2
    assert not DataKey.objects.filter(holder=holder).exists()
    with pytest.raises(CannotOpen):
        keys.key_by_id(key.id)
    assert keys.key_by_id(other.id).id == other.id


@pytest.mark.django_db
def test_what_a_replaced_key_sealed_still_opens_and_the_new_one_seals(ann, note):
    holder = keys.person(ann.pk)
    before = note(ann, body="before")
    old, index = keys.data_key(holder, "seal"), keys.data_key(holder, "index")
    new = keys.replace_seal_key(holder)
    after = note(ann, body="after")
    keys.cache.clear()
    assert keys.data_key(holder, "seal").id == new.id != old.id
    assert keys.data_key(holder, "index").id == index.id
    bodies = {row.pk: row.body for row in Node.objects.all()}
    assert bodies == {before.pk: "before", after.pk: "after"}
    states = dict(DataKey.objects.filter(holder=holder, kind="seal").values_list("id", "state"))
    assert states == {old.id: "old", new.id: "active"}


@pytest.mark.django_db
def test_saving_after_a_change_of_keys_seals_under_the_new_one(ann, note):
    row = note(ann, body="ann's words")
    new = keys.replace_seal_key(keys.person(ann.pk))
    Node.objects.get(pk=row.pk).save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM journal_node WHERE id = %s", [row.pk])
        assert int.from_bytes(cursor.fetchone()[0][1:9], "big") == new.id


@pytest.mark.django_db
def test_a_destroyed_old_key_opens_nothing_and_an_active_one_is_not_destroyed(holder):
    old = keys.data_key(holder, "seal")
    new = keys.replace_seal_key(holder)
    assert keys.destroy_old([old.id, new.id]) == 1
    keys.cache.clear()
    with pytest.raises(CannotOpen):
        keys.key_by_id(old.id)
    assert keys.key_by_id(new.id).id == new.id


@pytest.mark.django_db
def test_an_altered_wrapped_key_is_an_error_for_its_holder_only(holder):
    key = keys.data_key(holder, "seal")
    other = keys.data_key(keys.person(new_id()), "seal")
    wrapped = bytes(DataKey.objects.get(id=key.id).wrapped)
    for altered in (
        wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
        bytes(DataKey.objects.get(id=other.id).wrapped),
        b"x",
    ):
        DataKey.objects.filter(id=key.id).update(wrapped=altered)
        keys.cache.clear()
        with pytest.raises(CannotOpen):
            keys.key_by_id(key.id)
        assert keys.keys_by_id([key.id, other.id]).keys() == {other.id}


@pytest.mark.django_db
def test_a_destroyed_row_keeps_no_bytes(holder):
    key = keys.data_key(holder, "seal")
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(id=key.id).update(state="destroyed", replaced_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(id=key.id).update(wrapped=b"")


@pytest.mark.django_db
def test_the_first_use_makes_a_master_key_readable_to_us_alone(own_master_key, holder):
    keys.data_key(holder, "seal")
    assert own_master_key.stat().st_mode & 0o777 == 0o600
    assert len(own_master_key.read_text().strip()) >= 43
    assert keys.healthy()


@pytest.mark.django_db
def test_a_lost_master_key_is_never_replaced_silently(own_master_key, holder, ann, note):
    row = note(ann)
    own_master_key.unlink()
    services.local_keys_of.cache_clear()
    keys.cache.clear()
    for refused in (
        lambda: keys.data_key(keys.person(new_id()), "seal"),
        lambda: Node.objects.get(pk=row.pk).body,
        lambda: note(ann),
    ):
        with pytest.raises(MasterKeyMissing), transaction.atomic():
            refused()
    with pytest.raises(ImproperlyConfigured, match="MASTER_KEY"):
        keys.require_master_key()
    assert not keys.healthy()
    assert not own_master_key.exists()


@pytest.mark.django_db
def test_another_master_key_is_a_missing_one(own_master_key, holder):
    keys.data_key(holder, "seal")
    own_master_key.write_text(MASTER)
    services.local_keys_of.cache_clear()
    keys.cache.clear()
    with pytest.raises(MasterKeyMissing):
        keys.data_key(holder, "seal")
    assert not keys.healthy()


@pytest.mark.django_db
def test_a_returned_master_key_opens_everything_again(own_master_key, ann, note):
    row = note(ann, body="ann's words")
    secret = own_master_key.read_text()
    own_master_key.unlink()
    services.local_keys_of.cache_clear()
    keys.cache.clear()
    assert not keys.healthy()
    own_master_key.write_text(secret)
    assert keys.healthy()
    keys.require_master_key()
    assert Node.objects.get(pk=row.pk).body == "ann's words"


@pytest.mark.django_db
def test_a_fresh_site_is_healthy_and_ready_to_start(own_master_key):
    DataKey.objects.all().delete()
    assert keys.healthy()
    keys.require_master_key()
    assert own_master_key.exists()


@pytest.mark.django_db
def test_rewrapping_changes_the_master_key_and_nothing_else(own_master_key, holder):
    key = keys.data_key(holder, "seal")
    before = DataKey.objects.get(id=key.id)
    local = services.service("local:")
    name = local.make_next()
    assert keys.rewrap(before, local)
    after = DataKey.objects.get(id=key.id)
    assert (after.kek, after.state) == (name, before.state)
    assert after.kek != before.kek
    keys.cache.clear()
    assert keys.key_by_id(key.id).material == key.material
    assert not keys.rewrap(before, local), "somebody was faster"
    assert not DataKey.objects.filter(id=key.id, wrapped=bytes(before.wrapped)).exists()


@pytest.mark.django_db
def test_a_new_master_key_leaves_the_old_one_opening(own_master_key, holder):
    first = keys.data_key(holder, "seal")
    services.service("local:").make_next()
    second = keys.data_key(keys.person(new_id()), "seal")
    keks = dict(DataKey.objects.filter(id__in=[first.id, second.id]).values_list("id", "kek"))
    assert keks[first.id] != keks[second.id]
    keys.cache.clear()
    assert keys.key_by_id(first.id).material == first.material
    assert own_master_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_a_server_secret_opens_for_its_purpose_only():
    sealed = keys.seal_server_secret("mfa", "a seed")
    assert "a seed" not in sealed
    assert keys.open_server_secret("mfa", sealed) == "a seed"
    for purpose, text in (
        ("other", sealed),
        ("mfa", sealed[:-4] + "AAAA"),
        ("mfa", "no base64"),
        ("mfa", ""),
    ):
        with pytest.raises(CannotOpen):
            keys.open_server_secret(purpose, text)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def made_key(key_id, holder="person:x"):
    return Key(key_id, holder, "seal", bytes(32))


def test_a_key_is_forgotten_after_ten_minutes_however_often_it_is_used():
    clock = Clock()
    cache = KeyCache(Tally(), clock)
    cache.put(made_key(1))
    cache.point(made_key(1))
    for clock.now in (0.0, FORGOTTEN_AFTER_SECONDS / 2, FORGOTTEN_AFTER_SECONDS - 1):
        assert cache.get(1)
        assert cache.active_of("person:x", "seal")
    clock.now = FORGOTTEN_AFTER_SECONDS
    assert cache.get(1) is None
    assert cache.active_of("person:x", "seal") is None
    assert not cache.keys
    assert timedelta(seconds=FORGOTTEN_AFTER_SECONDS) == timedelta(minutes=10)


def test_the_cache_holds_a_bounded_number_of_keys_and_drops_the_longest_unused():
    cache = KeyCache(Tally(), Clock())
    for key_id in range(MOST_KEYS):
        cache.put(made_key(key_id))
        cache.point(made_key(key_id, f"person:{key_id}"))
    assert cache.get(0)
    cache.put(made_key(MOST_KEYS))
    cache.point(made_key(MOST_KEYS, "person:new"))
    assert len(cache.keys) == len(cache.active) == MOST_KEYS
    assert cache.get(0)
    assert cache.get(1) is None


def test_a_short_master_key_is_refused(tmp_path):
    with pytest.raises(KeyServiceDown):
        LocalKeys("short", tmp_path / "none").master_keys()


def test_a_data_folder_is_where_the_settings_say():
    assert services.local_keys().path == django_settings.DATA_DIR / "master-key"
