import threading
from datetime import timedelta
from io import BytesIO, StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from accounts.models import User
from journal.models.drafts import Draft
from journal.models.imports import ImportRun
from journal.models.nodes import Node, Version
from writeorperish.audit.log import SYSTEM, record
from writeorperish.audit.models import Entry
from writeorperish.crypto import blind, columns, keys, services, storage
from writeorperish.crypto.envelope import key_id_of
from writeorperish.crypto.models import Blob, DataKey
from writeorperish.privacy import rekeying
from writeorperish.privacy.rekeying import BEGUN, destroy_unused_keys, rotate_person
from writeorperish.refs import new_id

WORDS = "a lesson about pianos"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    keys.cache.clear()
    services.local_keys_of.cache_clear()
    yield tmp_path
    keys.cache.clear()


@pytest.fixture
def ann(db):
    return User.objects.create_user(email="ann@example.org")


@pytest.fixture
def ben(db):
    return User.objects.create_user(email="ben@example.org")


def entry(owner, body=WORDS):
    row = Node(id=new_id(), owner=owner, title="title", body=body, day=timezone.now().date())
    row.root = row
    row.save(force_insert=True)
    Version.objects.create(node=row, owner=owner, rev=1, title="title", body=body)
    return row


def kept(owner):
    blob = storage.keep(owner.pk, BytesIO(WORDS.encode() * 9), media_type="audio/ogg")
    storage.settle(blob)
    return blob


def stored(row, column="body"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return bytes(cursor.fetchone()[0])


def put(row, value, column="body"):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [value, row.pk]
        )


def active(owner):
    return DataKey.objects.get(holder=keys.person(owner.pk), kind="seal", state="active").id


def run(name, *args):
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def refused(name, *args):
    with pytest.raises(CommandError) as error:
        run(name, *args)
    return error.value


def test_everything_of_a_person_moves_to_a_new_key_and_reads_as_before(ann, ben):
    mine, theirs, blob = entry(ann), entry(ben), kept(ann)
    draft = Draft.objects.create(owner=ann, title="draft", body=WORDS)
    report = ImportRun.objects.create(owner=ann, report={"found": [WORDS]})
    before, others = active(ann), active(ben)
    said = run("rotate_keys", "--person", str(ann.pk))
    assert said == "Sealed anew: 7 values, 1 files.\n"
    assert active(ann) != before
    assert active(ben) == others
    keys.cache.clear()
    for row, column in ((mine, "title"), (mine, "body"), (draft, "body"), (report, "report")):
        assert key_id_of(stored(row, column)) == active(ann)
    assert key_id_of(stored(theirs)) == others
    assert Node.objects.get(pk=mine.pk).body == Version.objects.get(node=mine).body == WORDS
    assert ImportRun.objects.get(pk=report.pk).report == {"found": [WORDS]}
    assert Blob.objects.get(pk=blob.pk).key == active(ann)
    with storage.open_blob(Blob.objects.get(pk=blob.pk)) as file:
        assert file.read() == WORDS.encode() * 9


def test_tokens_and_digests_stay_and_the_index_key_is_wrapped_anew(ann):
    holder = keys.person(ann.pk)
    before = blind.token(holder, "w", "piano"), blind.dedupe(holder, b"source")
    row = DataKey.objects.get(holder=holder, kind="index")
    run("rotate_keys", "--person", str(ann.pk))
    keys.cache.clear()
    assert (blind.token(holder, "w", "piano"), blind.dedupe(holder, b"source")) == before
    after = DataKey.objects.get(holder=holder, kind="index")
    assert after.id == row.id
    assert bytes(after.wrapped) != bytes(row.wrapped)


def test_everybodys_keys_change_and_both_are_told_in_their_own_log(ann, ben):
    entry(ann)
    entry(ben)
    before = {active(ann), active(ben)}
    run("rotate_keys", "--all")
    assert not before & {active(ann), active(ben)}
    for chain in (str(ann.pk), str(ben.pk), SYSTEM):
        actions = Entry.objects.filter(chain=chain).order_by("seq").values_list("action", flat=True)
        assert list(actions) == ["keys.rotation_begun", "keys.rotated"]


def test_an_interrupted_change_goes_on_with_the_key_already_made(ann):
    rows = [entry(ann, f"{WORDS} {n}") for n in range(4)]
    record(None, BEGUN, None, of=ann.pk)
    new = keys.replace_seal_key(keys.person(ann.pk)).id
    Node.objects.get(pk=rows[0].pk).save()
    assert rotate_person(ann).values == 14
    assert active(ann) == new
    assert {key_id_of(stored(row)) for row in rows} == {new}
    assert Entry.objects.filter(chain=str(ann.pk), action=BEGUN).count() == 1
    assert rotate_person(ann).values == 16
    assert active(ann) != new


def test_an_interrupted_change_for_everybody_leaves_out_whom_it_had_done(ann, ben):
    entry(ann)
    entry(ben)
    record(None, BEGUN, None, of=SYSTEM)
    rotate_person(ann)
    done, waiting = active(ann), active(ben)
    run("rotate_keys", "--all")
    assert active(ann) == done
    assert active(ben) != waiting


def test_a_walk_in_batches_reaches_every_row(ann, monkeypatch):
    rows = [entry(ann, f"{WORDS} {n}") for n in range(7)]
    monkeypatch.setattr(columns, "BATCH", 3)
    rotate_person(ann)
    assert {key_id_of(stored(row)) for row in rows} == {active(ann)}


def test_a_save_in_between_wins(ann):
    row = entry(ann)
    column = Node._meta.get_field("body")
    [(pk, read)] = columns.values_under(column, [active(ann)]).values_list("pk", "body")
    old = active(ann)
    keys.replace_seal_key(keys.person(ann.pk))
    key = keys.data_key(keys.person(ann.pk), "seal")
    moved = columns.resealed(column, key, pk, read)
    row.body = "newer words"
    row.save(update_fields=["body"])
    assert columns.swap(column, pk, read, moved) == 0
    assert Node.objects.get(pk=pk).body == "newer words"
    assert columns.reseal(column, key, [old], owner_id=ann.pk) == columns.Moved()


def test_a_value_that_does_not_open_stays_as_it_is_and_is_told(ann):
    whole, broken = entry(ann), entry(ann)
    bytes_before = stored(whole)
    put(broken, bytes_before)
    error = refused("rotate_keys", "--person", str(ann.pk))
    assert (error.returncode, "1 could not be opened" in str(error)) == (1, True)
    assert stored(broken) == bytes_before
    assert Node.objects.get(pk=whole.pk).body == WORDS
    assert destroy_unused_keys(timezone.now() + timedelta(days=400)) == 0


def test_a_replaced_key_is_destroyed_after_31_days_when_nothing_lies_under_it(ann):
    row, old = entry(ann), active(ann)
    rotate_person(ann)
    assert destroy_unused_keys(timezone.now() + timedelta(days=30, hours=23)) == 0
    assert destroy_unused_keys(timezone.now() + timedelta(days=31, hours=1)) == 1
    state = DataKey.objects.get(id=old)
    assert (state.state, bytes(state.wrapped)) == ("destroyed", b"")
    keys.cache.clear()
    assert Node.objects.get(pk=row.pk).body == WORDS
    assert DataKey.objects.get(id=active(ann)).state == "active"


@pytest.mark.parametrize("left", ["value", "file", "log"])
def test_a_replaced_key_stays_while_anything_lies_under_it(ann, left):
    row, blob = entry(ann), kept(ann)
    before, old = stored(row), active(ann)
    if left == "log":
        record(ann, "write", None, of=ann.pk, detail={"chars": 3})
    rotate_person(ann)
    if left == "value":
        put(row, before)
    if left == "file":
        Blob.objects.filter(pk=blob.pk).update(key=old)
    assert destroy_unused_keys(timezone.now() + timedelta(days=400)) == 0


def test_the_log_itself_is_left_as_it_was(ann):
    record(ann, "write", None, of=ann.pk, detail={"chars": 3})
    said = Entry.objects.get(action="write")
    before = stored(said, "detail")
    rotate_person(ann)
    assert stored(said, "detail") == before
    keys.cache.clear()
    assert Entry.objects.get(action="write").detail["told"] == {"chars": 3}


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """Somebody whose rows are really committed, taken away afterwards."""
    with django_db_blocker.unblock():
        person = User.objects.create_user(email=f"{uuid4().hex}@example.org")
        yield person
        Version.objects.filter(owner=person).delete()
        Node.objects.filter(owner=person).delete()
        DataKey.objects.filter(holder=keys.person(person.pk)).delete()
        person.delete()
        connections.close_all()


def test_people_go_on_writing_while_keys_change(committed):
    rows = [entry(committed, f"{WORDS} {n}") for n in range(12)]
    begun, stop = threading.Event(), threading.Event()
    last = {}

    def write_on():
        number = 0
        try:
            while not stop.is_set():
                number += 1
                row = Node.objects.get(pk=rows[number % 12].pk)
                row.body = f"newer words {number}"
                row.save(update_fields=["body"])
                last[row.pk] = row.body
                begun.set()
        finally:
            connections.close_all()

    writer = threading.Thread(target=write_on)
    writer.start()
    begun.wait(timeout=10)
    for _again in range(3):
        keys.replace_seal_key(keys.person(committed.pk))
        rekeying.reseal_values(committed.pk)
    stop.set()
    writer.join(timeout=10)
    rekeying.reseal_values(committed.pk)
    found = {row.pk: row.body for row in Node.objects.filter(owner=committed)}
    assert found == {row.pk: row.body for row in rows} | last
    assert {key_id_of(stored(row)) for row in rows} == {active(committed)}


def test_data_keys_move_under_a_new_master_key_and_nothing_else_changes(ann, own_folder):
    row = entry(ann)
    sealed, keks = stored(row), set(DataKey.objects.values_list("kek", flat=True))
    said = run("rewrap_keys", "--to", "local:new")
    after = set(DataKey.objects.values_list("kek", flat=True))
    assert len(after) == 1
    assert not after & keks
    assert f"2 keys lie under {after.pop()} now." in said
    assert stored(row) == sealed
    (own_folder / "master-key").write_text((own_folder / "master-key").read_text().split()[0])
    services.local_keys_of.cache_clear()
    keys.cache.clear()
    assert Node.objects.get(pk=row.pk).body == WORDS
    assert "0 keys lie" in run("rewrap_keys", "--to", "local")


def test_an_interrupted_rewrapping_goes_on_with_the_rest(ann, ben):
    entry(ann)
    entry(ben)
    local = services.service("local:")
    name = local.make_next()
    first = DataKey.objects.order_by("id").first()
    assert keys.rewrap(first, local)
    assert "3 keys lie" in run("rewrap_keys", "--to", name)
    assert set(DataKey.objects.values_list("kek", flat=True)) == {name}


@pytest.mark.parametrize("to", ["local:0123456789abcdef", "vault:x", "aws:", ""])
def test_a_master_key_that_is_not_there_is_a_mistake(ann, to):
    entry(ann)
    error = refused("rewrap_keys", "--to", to)
    assert error.returncode == 2
    assert "--to" in str(error)


def test_a_missing_master_key_stops_a_rewrapping_and_changes_nothing(ann, own_folder):
    entry(ann)
    before = list(DataKey.objects.order_by("id").values_list("kek", "wrapped"))
    (own_folder / "master-key").write_text("n" * 40)
    services.local_keys_of.cache_clear()
    assert refused("rewrap_keys", "--to", "local").returncode == 1
    assert list(DataKey.objects.order_by("id").values_list("kek", "wrapped")) == before


def test_a_plain_column_is_sealed_read_back_and_blanked(ann, ben, monkeypatch):
    rows = [entry(who) for who in (ann, ben, ann, ben, ann)]
    for number, row in enumerate(rows[:4]):
        Node.objects.filter(pk=row.pk).update(body=None, slug=f"plain-words-{number}")
    monkeypatch.setattr(columns, "BATCH", 3)
    assert run("encrypt_existing", "journal.Node.body", "--from", "slug", "--dry-run") == "4\n"
    assert Node.objects.filter(slug__isnull=False).count() == 4
    assert "4 sealed, 4 blanked." in run("encrypt_existing", "journal.node.body", "--from", "slug")
    bodies = [Node.objects.get(pk=row.pk).body for row in rows]
    assert bodies == [f"plain-words-{number}" for number in range(4)] + [WORDS]
    assert not Node.objects.filter(slug__isnull=False).exists()
    assert "0 sealed, 0 blanked." in run("encrypt_existing", "journal.Node.body", "--from", "slug")


def test_a_backfill_killed_between_sealing_and_blanking_is_finished_by_the_next(ann):
    row = entry(ann, "plain-words")
    Node.objects.filter(pk=row.pk).update(slug="plain-words")
    before = stored(row)
    assert "0 sealed, 1 blanked." in run("encrypt_existing", "journal.Node.body", "--from", "slug")
    assert stored(row) == before


def test_a_row_that_says_two_things_keeps_both(ann):
    row = entry(ann, "sealed words")
    Node.objects.filter(pk=row.pk).update(slug="plain-words")
    assert refused("encrypt_existing", "journal.Node.body", "--from", "slug").returncode == 1
    again = Node.objects.get(pk=row.pk)
    assert (again.body, again.slug) == ("sealed words", "plain-words")


@pytest.mark.parametrize(
    ("field", "source"),
    [
        ("journal.Node.nothing", "slug"),
        ("nonsense", "slug"),
        ("journal.Node.body", "nothing"),
        ("journal.Node.body", "title"),
        ("journal.Node.slug", "slug"),
    ],
)
def test_only_a_sealed_column_is_filled_and_only_from_a_plain_one(field, source):
    assert refused("encrypt_existing", field, "--from", source).returncode == 2


def test_verifying_counts_by_key_and_is_content(ann, ben):
    entry(ann)
    entry(ben)
    kept(ann)
    said = run("verify_encryption").splitlines()
    assert said[0] == "9 opened, under 2 keys."
    assert set(said[1:]) == {f"key {active(ann)}: 5", f"key {active(ben)}: 4"}
    assert run("verify_encryption", "--sample", "1").startswith("5 opened")


@pytest.mark.parametrize("damage", ["moved", "key", "file"])
def test_verifying_names_what_does_not_open(ann, own_folder, damage):
    row, other, blob = entry(ann), entry(ann), kept(ann)
    if damage == "moved":
        put(row, stored(other))
    elif damage == "key":
        put(row, stored(row)[:1] + (2**40).to_bytes(8, "big") + stored(row)[9:])
    else:
        path = own_folder / "files" / blob.storage_key[:2] / blob.storage_key
        sealed = path.read_bytes()
        path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("verify_encryption", stdout=out)
    assert error.value.returncode == 1
    named = f"blob {blob.pk}" if damage == "file" else f"journal_node.body {row.pk}"
    assert f"does not open: {named}\n" in out.getvalue()
    assert WORDS not in out.getvalue()


def test_verifying_finds_a_plain_twin_that_is_not_empty(ann, monkeypatch):
    row = entry(ann)
    monkeypatch.setattr(Node, "PLAIN_TWINS", {"body": "slug"}, raising=False)
    run("verify_encryption")
    Node.objects.filter(pk=row.pk).update(slug="plain-words")
    assert refused("verify_encryption").returncode == 1


@pytest.mark.parametrize(
    "args",
    [["--person", str(uuid4())], ["--person", "ann"], [], ["--all", "--person", str(uuid4())]],
)
def test_nobodys_keys_are_changed_by_mistake(ann, args):
    entry(ann)
    before = active(ann)
    with pytest.raises(CommandError):
        run("rotate_keys", *args)
    assert active(ann) == before
