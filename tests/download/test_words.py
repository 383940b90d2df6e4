import time
from itertools import chain
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from download.actions.words import differences_of, index_text, rebuild_words
from download.models.packing import unpack
from download.models.words import Chunk, Lengths, Posting, Shelf
from journal.actions.nodes import edit_node
from journal.actions.trash import restore_node, trash_node
from tests.events_drain import drain, drain_twice
from tests.factories import entry
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre
from writeorperish.privacy.portability import forget_person
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db

TABLES = (Chunk, Posting, Lengths, Shelf)


def where(owner, word):
    """The refs of the owner's passages that the index gives for one stem."""
    token = blind.token(keys.person(owner.pk), "w", word)
    with rows_of(owner.pk):
        blocks = Posting.objects.asked(owner.pk, [token]).get(token, {})
        numbers = list(
            chain.from_iterable(unpack(block, packed)[0] for block, packed in blocks.items())
        )
        return {
            chunk.source.id for chunk in Chunk.objects.filter(owner_id=owner.pk, no__in=numbers)
        }


def rows_left(owner):
    with rows_of(owner.pk):
        return sum(model._default_manager.filter(owner_id=owner.pk).count() for model in TABLES)


def true_to_texts(owner):
    return not differences_of(owner, sample=100)


def test_what_was_written_is_indexed_when_its_fact_is_heard(alice):
    node = entry(alice, "The piano is out of tune. #Music", title="Morning")
    assert where(alice, "piano") == set()
    drain_twice()
    assert where(alice, "piano") == where(alice, "morn") == where(alice, "music") == {node.pk}
    assert true_to_texts(alice)


def test_a_word_of_two_people_has_two_tokens(alice, bob):
    entry(alice, "piano")
    drain()
    mine, other = (blind.token(keys.person(who.pk), "w", "piano") for who in (alice, bob))
    assert mine != other
    assert where(bob, "piano") == set()


def test_an_edit_moves_unchanged_passages_and_replaces_the_others(alice):
    paragraphs = [
        f"Paragraph {n} about the {w}. " * 20 for n, w in enumerate(["river", "stove", "heron"])
    ]
    node = entry(alice, "\n\n".join(paragraphs))
    drain()
    with rows_of(alice.pk):
        before = {chunk.part: chunk.no for chunk in Chunk.objects.filter(owner_id=alice.pk)}
    edit_node(alice, node, base_rev=1, text="\n\n".join(["A new beginning. " * 50, *paragraphs]))
    drain_twice()
    with rows_of(alice.pk):
        after = {chunk.no for chunk in Chunk.objects.filter(owner_id=alice.pk)}
    assert len(after & set(before.values())) >= 2
    assert where(alice, "begin") == where(alice, "heron") == {node.pk}
    assert true_to_texts(alice)
    edit_node(alice, node, base_rev=2, text="Nothing left of it.")
    drain()
    assert where(alice, "heron") == set()
    assert true_to_texts(alice)


def test_equal_paragraphs_are_two_passages_and_one_may_go(alice):
    same = "The same paragraph again. " * 40
    node = entry(alice, f"{same}\n\n{same}")
    other = entry(alice, same)
    drain()
    edit_node(alice, node, base_rev=1, text=same)
    drain()
    assert where(alice, "paragraph") == {node.pk, other.pk}
    assert true_to_texts(alice)


def test_a_trashed_entry_leaves_no_token_and_comes_back_with_the_entry(alice):
    node = entry(alice, "piano and stove")
    kept = entry(alice, "stove")
    drain()
    trash_node(alice, node)
    assert where(alice, "piano") == set()
    assert where(alice, "stove") == {kept.pk}
    assert true_to_texts(alice)
    node.refresh_from_db()
    restore_node(alice, node)
    drain()
    assert where(alice, "piano") == {node.pk}
    assert true_to_texts(alice)


def test_a_text_trashed_before_its_fact_is_heard_is_not_indexed(alice):
    node = entry(alice, "piano")
    trash_node(alice, node)
    drain()
    assert rows_left(alice) == 0


@pytest.mark.django_db(transaction=True)
def test_a_text_trashed_while_it_is_being_indexed_leaves_nothing(alice):
    node = entry(alice, "piano")
    worker = Thread(target=index_in_thread, args=(node.ref, alice.pk))
    with transaction.atomic():
        trash_node(alice, node)
        worker.start()
        wait_until_somebody_waits()
    worker.join(timeout=20)
    assert not worker.is_alive()
    assert rows_left(alice) == 0


def index_in_thread(ref, owner_id):
    index_text(ref, owner_id=owner_id, genre=Genre.DIARY)
    connection.close()


def wait_until_somebody_waits():
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("The worker never met the lock")


def test_the_last_text_takes_the_whole_index_along(alice):
    node = entry(alice, "piano")
    drain()
    assert rows_left(alice) > 0
    trash_node(alice, node)
    assert rows_left(alice) == 0


def test_a_leaving_person_leaves_no_row(alice, bob):
    for who in (alice, bob):
        entry(who, "piano")
    drain()
    forget_person(alice)
    assert rows_left(alice) == 0
    assert rows_left(bob) > 0


@pytest.mark.parametrize("model", TABLES)
def test_outside_the_wall_nothing_is_seen_and_nothing_of_others_inside(alice, bob, model):
    entry(alice, "piano")
    drain()
    assert not model._default_manager.exists()
    with rows_of(bob.pk):
        assert not model._default_manager.exists()
    with rows_of(alice.pk):
        assert model._default_manager.exists()


@pytest.mark.parametrize("model", TABLES)
def test_no_row_can_be_moved_to_another_owner(alice, bob, model):
    entry(alice, "piano")
    drain()
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
        rows_of(alice.pk),
    ):
        model._default_manager.update(owner=bob.pk)


@pytest.mark.parametrize("model", TABLES)
def test_the_walls_bind_the_owner_of_the_tables_too(alice, model):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s",
            [model._meta.db_table],
        )
        assert cursor.fetchone() == (True, True)


def test_rebuilding_gives_the_same_answers(alice):
    nodes = [entry(alice, f"piano {n}") for n in range(5)]
    drain()
    with rows_of(alice.pk):
        Posting.objects.filter(owner_id=alice.pk).update(packed=b"\x11\x00")
    assert differences_of(alice, sample=10).postings
    with pytest.raises(CommandError):
        call_command("verify_words", person=alice.pk)
    assert rebuild_words(alice) == 5
    assert where(alice, "piano") == {node.pk for node in nodes}
    call_command("verify_words", person=alice.pk)


def test_a_difference_between_text_and_index_is_found(alice):
    entry(alice, "piano")
    node = entry(alice, "stove")
    assert differences_of(alice, sample=10).texts == 2
    drain()
    with rows_of(alice.pk):
        Chunk.objects.filter(owner_id=alice.pk, source_id=node.pk).update(digest=b"0" * 16)
    assert differences_of(alice, sample=10).texts == 1


def test_indexing_a_text_that_never_was_does_nothing(alice):
    assert index_text(Ref("journal.node", alice.pk), owner_id=alice.pk, genre=Genre.DIARY) == 0
    assert rows_left(alice) == 0


def test_many_words_in_one_text_count_and_weigh_as_they_should(alice):
    entry(alice, "tea " * 300 + "needle")
    drain()
    assert where(alice, "needl") == where(alice, "tea")
    assert true_to_texts(alice)
