"""Somebody with all rights in the database takes the triggers off and rewrites the past."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection

from writeorperish.audit.anchoring import LINES, anchor, checked_heads
from writeorperish.audit.chain import Damage
from writeorperish.audit.log import SYSTEM, record
from writeorperish.audit.models import Anchor, Entry, Head
from writeorperish.audit.verifying import breaks
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db
ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
A = str(ALICE)


@pytest.fixture
def chains() -> None:
    """Six entries about alice, three about bob, one of the house."""
    for about, count in [(ALICE, 6), (BOB, 3)]:
        for each in range(count):
            record(None, "write", Ref("journal.node", new_id()), of=about, detail={"n": each})
    record(None, "verified", None, of=SYSTEM)


@pytest.fixture
def target(settings, tmp_path: Path) -> Path:
    settings.AUDIT_ANCHOR_TARGET = str(tmp_path / "anchors")
    settings.AUDIT_SIGNING_KEY = "a secret of the tests, long enough"
    return tmp_path / "anchors"


@contextmanager
def unguarded() -> Iterator[None]:
    tables = ("audit_entry", "audit_anchor")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def tamper(*statements: str) -> None:
    with unguarded(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace(":a", f"'{A}'"))


def found(**how: object) -> list[tuple[str, int, Damage]]:
    anchored, bad = checked_heads()
    return [(each.chain, each.seq, each.damage) for each in [*bad, *breaks(anchored, **how)]]


SHIFT_UP = [
    "UPDATE audit_entry SET seq = -seq WHERE chain = :a AND seq >= 3",
    "UPDATE audit_entry SET seq = 1 - seq WHERE chain = :a AND seq < 0",
]
SHIFT_DOWN = [
    "UPDATE audit_entry SET seq = -seq WHERE chain = :a AND seq > 3",
    "UPDATE audit_entry SET seq = -1 - seq WHERE chain = :a AND seq < 0",
]
COPY = (
    "INSERT INTO audit_entry (id, chain, seq, at, actor_kind, actor_id, action, object_kind, object_id,"
    " purpose, request_id, detail, commit, prev, hash) SELECT gen_random_uuid(), chain, {seq}, at,"
    " actor_kind, actor_id, action, object_kind, object_id, purpose, request_id, detail, commit, prev,"
    " hash FROM audit_entry WHERE chain = :a AND seq = {of}"
)
REMOVE = "DELETE FROM audit_entry WHERE chain = :a AND seq = 3"
REWIND = (
    "UPDATE audit_head h SET seq = e.seq, hash = e.hash FROM audit_entry e"
    " WHERE h.chain = :a AND e.chain = :a AND e.seq = 4"
)

TAMPERED = {
    "an edited action": (["UPDATE audit_entry SET action = 'x' WHERE chain = :a AND seq = 3"], 3, "changed"),
    "an edited time": (["UPDATE audit_entry SET at = at + interval '1 us' WHERE chain = :a AND seq = 6"], 6, "changed"),
    "another actor": (["UPDATE audit_entry SET actor_id = id WHERE chain = :a AND seq = 1"], 1, "changed"),
    "a detail taken out": (["UPDATE audit_entry SET detail = NULL WHERE chain = :a AND seq = 2"], 2, "changed"),
    "a detail swapped": (
        ["UPDATE audit_entry e SET detail = o.detail FROM audit_entry o WHERE e.chain = :a AND e.seq = 2 AND o.chain = :a AND o.seq = 4"],
        2,
        "changed",
    ),
    "a hash overwritten": (["UPDATE audit_entry SET hash = '\\x00' WHERE chain = :a AND seq = 4"], 4, "changed"),
    "a removed entry": ([REMOVE], 3, "missing"),
    "a removed entry, the gap closed": ([REMOVE, *SHIFT_DOWN], 3, "missing"),
    "the first one removed": (["DELETE FROM audit_entry WHERE chain = :a AND seq = 1"], 1, "missing"),
    "an inserted entry": ([*SHIFT_UP, COPY.format(seq=3, of=5)], 3, "inserted"),
    "an entry before the first": ([COPY.format(seq=0, of=5)], 0, "inserted"),
    "an entry after the last": ([COPY.format(seq=7, of=6)], 7, "inserted"),
    "two entries that changed places": (
        [
            "UPDATE audit_entry SET seq = -2 WHERE chain = :a AND seq = 2",
            "UPDATE audit_entry SET seq = 2 WHERE chain = :a AND seq = 5",
            "UPDATE audit_entry SET seq = 5 WHERE chain = :a AND seq = -2",
        ],
        2,
        "reordered",
    ),
    "a truncated tail": (["DELETE FROM audit_entry WHERE chain = :a AND seq > 4"], 5, "truncated tail"),
    "a vanished chain": (["DELETE FROM audit_entry WHERE chain = :a"], 1, "vanished chain"),
    "a rewritten head": (["UPDATE audit_head SET hash = '\\x00' WHERE chain = :a"], 6, "rewritten head"),
    "a head set back": (["UPDATE audit_head SET seq = 5 WHERE chain = :a"], 5, "rewritten head"),
    "a head removed": (["DELETE FROM audit_head WHERE chain = :a"], 6, "rewritten head"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_the_verifier_names_the_place_and_the_kind(chains, how):
    statements, seq, damage = TAMPERED[how]
    assert found() == []
    tamper(*statements)
    assert found() == [(A, seq, damage)]
    assert found(chain=A) == [(A, seq, damage)]
    assert found(chain=str(BOB)) == []


def test_entries_of_one_chain_moved_into_another_are_found_in_both(chains):
    tamper(f"UPDATE audit_entry SET chain = '{BOB}', seq = 4 WHERE chain = :a AND seq = 3")
    assert found() == [(str(BOB), 4, Damage.INSERTED), (A, 3, Damage.MISSING)]


def test_an_anchor_finds_what_a_head_rewritten_along_would_hide(chains, target):
    anchor()
    tamper("DELETE FROM audit_entry WHERE chain = :a AND seq > 4", REWIND)
    assert list(breaks({})) == []
    assert found() == [(A, 5, Damage.TRUNCATED)]


def test_an_anchor_finds_a_chain_that_vanished_with_its_head(chains, target):
    anchor()
    tamper("DELETE FROM audit_entry WHERE chain = :a", "DELETE FROM audit_head WHERE chain = :a")
    assert list(breaks({})) == []
    assert found() == [(A, 1, Damage.VANISHED)]


def test_an_anchor_finds_a_past_written_anew_from_the_beginning(chains, target):
    anchor()
    tamper("DELETE FROM audit_entry WHERE chain = :a", "DELETE FROM audit_head WHERE chain = :a")
    for _ in range(8):
        record(None, "write", Ref("journal.node", new_id()), of=ALICE)
    assert list(breaks({})) == []
    assert found() == [(A, 6, Damage.CHANGED)]


def test_the_next_anchor_does_not_sign_what_was_rewritten(chains, target):
    anchor()
    tamper("DELETE FROM audit_entry WHERE chain = :a AND seq > 4", REWIND)
    for _ in range(5):
        record(None, "write", Ref("journal.node", new_id()), of=ALICE)
        record(None, "write", Ref("journal.node", new_id()), of=BOB)
    anchor()
    anchored, bad = checked_heads()
    assert (anchored[A].seq, anchored[str(BOB)].seq, bad) == (6, 8, [])
    assert found() == [(A, 6, Damage.CHANGED)]


@pytest.mark.parametrize(
    ("statement", "number", "damage"),
    [
        ("UPDATE audit_anchor SET merkle_root = '\\x00' WHERE number = 2", 2, "changed"),
        ("UPDATE audit_anchor SET heads = '[]' WHERE number = 1", 1, "changed"),
        ("UPDATE audit_anchor SET at = at + interval '1 day' WHERE number = 2", 2, "changed"),
        ("UPDATE audit_anchor SET signature = '\\x00' WHERE number = 3", 3, "changed"),
        ("DELETE FROM audit_anchor WHERE number = 2", 2, "missing"),
        ("DELETE FROM audit_anchor WHERE number = 1", 1, "missing"),
    ],
)
def test_a_rewritten_anchor_is_found_by_its_signature_and_its_place(
    chains, target, statement, number, damage
):
    for _ in range(3):
        record(None, "write", None, of=ALICE)
        anchor()
    tamper(statement)
    assert [(each.chain, each.seq, each.damage) for each in checked_heads()[1]] == [
        ("anchors", number, damage)
    ]


def test_anchors_kept_outside_find_that_the_last_ones_are_gone_from_the_database(chains, target):
    anchor()
    anchor()
    assert checked_heads(target)[1] == []
    tamper("DELETE FROM audit_anchor WHERE number = 2")
    assert checked_heads()[1] == []
    (bad,) = checked_heads(target)[1]
    assert (bad.seq, bad.damage) == (2, Damage.MISSING)


def test_a_line_cut_off_or_forged_outside_is_found_too(chains, target):
    anchor()
    record(None, "write", None, of=ALICE)
    anchor()
    file = target / LINES
    first, second = file.read_text().splitlines()
    file.write_text(first + "\n")
    assert [each.damage for each in checked_heads(target)[1]] == [Damage.TRUNCATED]
    forged = json.loads(second) | {"count": 99}
    file.write_text(f"{first}\n{json.dumps(forged)}\n")
    assert [each.damage for each in checked_heads(target)[1]] == [Damage.CHANGED]


def test_an_anchor_by_another_key_is_not_believed(chains, target, settings):
    anchor()
    settings.AUDIT_SIGNING_KEY = "another secret, long enough as well"
    assert [each.damage for each in checked_heads()[1]] == [Damage.CHANGED]


def test_anchors_follow_each_other_and_name_only_what_moved(chains, target):
    first = anchor()
    record(None, "write", None, of=BOB)
    second = anchor()
    assert (first.count, second.count) == (3, 3)
    assert [head[0] for head in second.heads] == [str(BOB)]
    assert Anchor.objects.count() == 2
    assert len((target / LINES).read_text().splitlines()) == 2


def test_a_line_that_could_not_be_written_is_written_with_the_next(chains, target, settings):
    settings.AUDIT_ANCHOR_TARGET = "/proc/nowhere"
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("anchor_audit")
    settings.AUDIT_ANCHOR_TARGET = str(target)
    call_command("anchor_audit", stdout=StringIO())
    assert checked_heads(target)[1] == []


def test_since_takes_earlier_entries_on_trust_and_checks_the_rest():
    for day in ("2026-01-01", "2026-02-01", "2026-03-01"):
        with time_machine.travel(f"{day}T12:00:00Z"):
            record(None, "write", None, of=ALICE)
            record(None, "write", None, of=ALICE)
    with time_machine.travel("2026-01-01T12:00:00Z"):
        record(None, "write", None, of=BOB)
    tamper("UPDATE audit_entry SET action = 'x' WHERE chain = :a AND seq = 2")
    february = {"since": datetime(2026, 2, 1, tzinfo=UTC)}
    assert found() == [(A, 2, Damage.CHANGED)]
    assert found(**february) == []
    tamper("UPDATE audit_entry SET action = 'x' WHERE chain = :a AND seq = 5")
    assert found(**february) == [(A, 5, Damage.CHANGED)]
    Head.objects.filter(chain=str(BOB)).update(seq=2)
    assert found(**february)[1:] == [(str(BOB), 2, Damage.TRUNCATED)]


def test_the_command_says_that_all_is_well(chains, target):
    call_command("anchor_audit", stdout=StringIO())
    out = StringIO()
    call_command("verify_audit", "--anchors", str(target), stdout=out)
    assert out.getvalue() == "Every chain holds.\n"


def test_the_command_fails_with_the_first_bad_place_of_each_chain(chains):
    tamper(REMOVE, f"UPDATE audit_entry SET action = 'x' WHERE chain = '{BOB}' AND seq = 2")
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("verify_audit", stdout=out)
    assert failed.value.returncode == 1
    assert out.getvalue().splitlines() == [f"{BOB} 2 changed", f"{A} 3 missing"]


@pytest.mark.parametrize("wrong", [["--since", "yesterday"], ["--anchors", "/nowhere"]])
def test_the_command_refuses_what_it_cannot_use_in_one_sentence(chains, wrong):
    with pytest.raises(CommandError) as refused:
        call_command("verify_audit", *wrong, stdout=StringIO())
    assert str(refused.value).count("\n") == 0


def test_without_a_key_in_the_settings_one_is_made_for_us_alone(chains, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.AUDIT_SIGNING_KEY = settings.AUDIT_ANCHOR_TARGET = ""
    anchor()
    anchor()
    (made,) = tmp_path.iterdir()
    assert made.stat().st_mode & 0o777 == 0o600
    assert checked_heads()[1] == []


def test_an_empty_log_holds_and_can_be_anchored(target):
    assert Entry.objects.count() == 0
    assert found() == []
    assert anchor().count == 0
    assert found() == []
