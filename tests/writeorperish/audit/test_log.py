from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
import structlog
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from writeorperish.audit.chain import GENESIS, commitment
from writeorperish.audit.log import (
    STAFF,
    SYSTEM,
    Act,
    Actor,
    activity_of,
    record,
    record_many,
    seen_today,
)
from writeorperish.audit.models import Entry, Head
from writeorperish.audit.verifying import breaks
from writeorperish.crypto import keys
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.refs import Ref, new_id

WRITERS = 8
EACH = 10


def somebody() -> object:
    """A person as far as the log cares: an id."""
    return get_user_model()(pk=new_id())


def node() -> Ref:
    return Ref("journal.node", new_id())


@pytest.mark.django_db
def test_each_entry_is_bound_to_the_one_before_it_in_the_chain_of_the_person_it_is_about():
    alice, bob = somebody(), somebody()
    record(alice, "write", node(), of=alice.pk)
    record(bob, "seen", node(), of=alice.pk)
    record(bob, "write", node(), of=bob.pk)
    first, second = Entry.objects.filter(chain=str(alice.pk)).order_by("seq")
    assert [(e.seq, e.actor_id) for e in (first, second)] == [(1, alice.pk), (2, bob.pk)]
    assert bytes(first.prev) == GENESIS
    assert bytes(second.prev) == bytes(first.hash)
    head = Head.objects.get(chain=str(alice.pk))
    assert (head.seq, bytes(head.hash)) == (2, bytes(second.hash))
    assert list(breaks({})) == []


@pytest.mark.django_db
def test_an_entry_says_who_did_what_to_which_row_why_and_in_which_request():
    alice, ref = somebody(), node()
    with structlog.contextvars.bound_contextvars(request_id="a-request-id"):
        record(alice, "read", ref, of=alice.pk, purpose="embed")
    entry = Entry.objects.get()
    assert (entry.action, entry.purpose, entry.request_id) == ("read", "embed", "a-request-id")
    assert (entry.object_kind, entry.object_id) == (ref.kind, ref.id)
    assert entry.at - timezone.now() < timedelta(seconds=5)
    assert entry.detail is None


@pytest.mark.django_db
def test_the_kind_of_actor_tells_people_staff_ai_and_the_system_apart():
    alice = somebody()
    ai = Actor(Entry.ActorKind.AI)
    record(alice, "write", node(), of=alice.pk)
    record(Actor(Entry.ActorKind.STAFF, alice.pk), "admit", node(), of=alice.pk)
    record(ai, "read", node(), of=alice.pk)
    record(None, "purge", node(), of=alice.pk)
    record(alice, "rule.change", None, of=STAFF)
    record(None, "verified", None, of=SYSTEM)
    assert list(activity_of(alice.pk).values_list("actor_kind", flat=True)) == [
        "system",
        "ai",
        "staff",
        "person",
    ]
    assert Entry.objects.get(chain=STAFF).actor_kind == "staff"
    assert Entry.objects.get(chain=SYSTEM).actor_kind == "system"


@pytest.mark.django_db
def test_a_detail_is_sealed_and_committed_to():
    alice, other = somebody(), node()
    record(alice, "move", node(), of=alice.pk, detail={"to": other, "kinds": ["diary"], "n": 3})
    entry = Entry.objects.get()
    told = {"to": str(other), "kinds": ["diary"], "n": 3}
    assert entry.detail["told"] == told
    assert bytes(entry.commit) == commitment(bytes.fromhex(entry.detail["salt"]), told)
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM audit_entry")
        (stored,) = cursor.fetchone()
    assert str(other.id).encode() not in bytes(stored)
    assert b"diary" not in bytes(stored)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "detail",
    [
        {"note": "alice's words"},
        {"note": "Words"},
        {"notes": ["alice's words"]},
        {"note": "a" * 101},
        {"note": ""},
        {"note": b"bytes"},
    ],
)
def test_words_in_a_detail_are_refused_and_not_repeated(detail):
    alice = somebody()
    with pytest.raises(TypeError) as refused, transaction.atomic():
        record(alice, "write", node(), of=alice.pk, detail=detail)
    assert "alice" not in str(refused.value)
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_a_destroyed_key_closes_the_details_and_the_chain_still_holds():
    alice = somebody()
    record(alice, "ai_usage", node(), of=alice.pk, detail={"to": "chat"})
    keys.destroy(keys.person(alice.pk))
    with pytest.raises(CannotOpen):
        _ = Entry.objects.get().detail
    record(None, "erase", node(), of=alice.pk)
    assert list(breaks({})) == []


@pytest.mark.django_db
def test_the_house_chains_can_hold_details_too():
    record(somebody(), "rule.change", None, of=STAFF, detail={"rules": 2})
    assert Entry.objects.get().detail["told"] == {"rules": 2}


@pytest.mark.django_db
def test_a_rollback_leaves_no_gap():
    alice = somebody()

    def fail_after_recording() -> None:
        with transaction.atomic():
            record(alice, "erase", node(), of=alice.pk)
            raise KeyError

    record(alice, "write", node(), of=alice.pk)
    with pytest.raises(KeyError):
        fail_after_recording()
    record(alice, "edit", node(), of=alice.pk)
    assert list(activity_of(alice.pk).values_list("seq", "action")) == [(2, "edit"), (1, "write")]
    assert list(breaks({})) == []


@pytest.mark.django_db
def test_activity_is_newest_first_and_of_one_person():
    alice, bob = somebody(), somebody()
    refs = [node() for _ in range(3)]
    for ref in refs:
        record(alice, "write", ref, of=alice.pk)
    record(bob, "write", node(), of=bob.pk)
    assert [entry.object_id for entry in activity_of(alice.pk)] == [ref.id for ref in refs[::-1]]
    assert [entry.seq for entry in activity_of(alice.pk).about(refs[1])] == [2]


@pytest.mark.django_db
def test_a_reading_is_known_for_its_reader_row_and_day_only():
    alice, bob, charlie, ref, other = somebody(), somebody(), somebody(), node(), node()
    with time_machine.travel("2026-03-01T23:59:59Z", tick=False):
        record(bob, "seen", ref, of=alice.pk)
        record(bob, "edit", other, of=alice.pk)
        today = timezone.now().date()
    asked = [ref.id, other.id]
    assert seen_today(today, bob.pk, asked) == {ref.id}
    assert seen_today(today + timedelta(days=1), bob.pk, asked) == set()
    assert seen_today(today - timedelta(days=1), bob.pk, asked) == set()
    assert seen_today(today, charlie.pk, asked) == set()


@pytest.mark.django_db
def test_recording_costs_three_statements_also_for_several_chains(django_assert_num_queries):
    alice, bob = somebody(), somebody()
    acts = [Act(alice, "connect", node(), of) for of in (alice.pk, bob.pk, alice.pk)]
    record_many(acts)
    with django_assert_num_queries(3):
        record_many(acts)
    assert list(Head.objects.order_by("seq").values_list("seq", flat=True)) == [2, 4]
    assert list(breaks({})) == []


@pytest.mark.django_db(transaction=True)
def test_eight_writers_make_no_fork_and_never_wait_for_each_other_in_circles():
    chains = [new_id(), new_id()]

    def write(writer: int) -> None:
        try:
            for _ in range(EACH):
                with transaction.atomic():
                    order = chains if writer % 2 else chains[::-1]
                    record_many([Act(None, "write", node(), of) for of in order])
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    for chain in chains:
        seqs = list(activity_of(UUID(str(chain))).values_list("seq", flat=True))
        assert seqs == list(range(WRITERS * EACH, 0, -1))
    assert list(breaks({})) == []


@pytest.mark.django_db(transaction=True)
def test_an_act_outside_a_transaction_stands_by_itself():
    alice = somebody()
    record(alice, "write", node(), of=alice.pk)
    assert activity_of(alice.pk).count() == 1
