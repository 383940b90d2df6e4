from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from journal.actions.nodes import edit_node
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.events_drain import drain, drain_twice
from tests.factories import entry
from writeorperish.ai import embeddings, gateway
from writeorperish.ai.embeddings import LOCAL, coverage, embed_query, embed_text, near
from writeorperish.ai.encoder import encoder
from writeorperish.ai.models import Call, Embedding, Read
from writeorperish.ai.parts import CapabilityOff, Cut, NotAllowed, Typed
from writeorperish.ai.providers import local
from writeorperish.audit.models import Entry
from writeorperish.crypto import keys
from writeorperish.events.catalog import Genre
from writeorperish.events.models import Event
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.portability import forget_for_ai, forget_person
from writeorperish.privacy.reading import read
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db


def vectors_of(owner):
    with rows_of(owner.pk):
        return list(Embedding.objects.filter(owner_id=owner.pk).order_by("part"))


def refs_near(owner, words):
    vector = embed_query(words, by=owner)
    assert vector is not None
    with rows_of(owner.pk):
        return [each.ref.id for each in near(vector, of=owner.pk)]


def test_a_text_open_to_ai_is_found_by_meaning_and_a_closed_one_is_not(alice):
    opened = entry(alice, "I lay awake until four again.", ai_usage="chat")
    entry(alice, "I lay awake until five again.")
    drain_twice()
    assert refs_near(alice, "could not sleep") == [opened.pk]
    assert len(vectors_of(alice)) == 1


def test_what_is_no_nearer_than_chance_is_not_found(alice):
    entry(alice, "The invoice for the roof is overdue.", ai_usage="chat")
    drain()
    assert refs_near(alice, "a heron in the reeds") == []


def test_a_closed_text_leaves_no_call_no_read_and_no_audit_entry(alice):
    node = entry(alice, "piano")
    drain()
    assert embed_text(node.ref, owner_id=alice.pk, genre=Genre.DIARY) == 0
    assert not Call.objects.exists()
    assert not Entry.objects.filter(purpose="embed").exists()


def test_the_ledger_and_the_audit_chain_say_what_was_read_and_that_nothing_was_sent(alice):
    node = entry(alice, "piano and stove", ai_usage="train")
    drain()
    call = Call.objects.get()
    assert (call.owner_id, call.key_class, call.sent, call.cost_microdollars) == (
        alice.pk,
        "local",
        False,
        0,
    )
    row = Read.objects.get()
    assert (row.kind, row.ref_id, row.rev, row.start, row.end, row.purpose) == (
        "journal.node",
        node.pk,
        1,
        0,
        15,
        "embed",
    )
    assert Entry.objects.filter(action="read", purpose="embed", object_id=node.pk).exists()


def test_closing_a_text_to_ai_takes_its_vectors_at_once(alice):
    node = entry(alice, "piano", ai_usage="chat")
    drain()
    with transaction.atomic():
        Node.objects.filter(pk=node.pk).update(ai_usage="none")
        forget_for_ai(node.ref, owner_id=alice.pk)
    assert vectors_of(alice) == []


def test_a_text_closed_while_its_job_waited_gets_no_vector(alice):
    node = entry(alice, "piano", ai_usage="chat")
    Node.objects.filter(pk=node.pk).update(ai_usage="none")
    drain()
    assert vectors_of(alice) == []
    assert not Call.objects.exists()


@pytest.mark.parametrize("change", ["trash", "edit", "close"])
def test_a_text_that_changes_while_it_is_read_stores_nothing_old(alice, monkeypatch, change):
    node = entry(alice, "piano", ai_usage="chat")

    def slow(texts):
        match change:
            case "trash":
                trash_node(alice, node)
            case "edit":
                edit_node(alice, node, base_rev=1, text="stove")
            case _:
                Node.objects.filter(pk=node.pk).update(ai_usage="none")
        return list(encoder().encode(texts))

    monkeypatch.setattr(local, "embed", slow)
    assert embed_text(node.ref, owner_id=alice.pk, genre=Genre.DIARY) == 0
    assert vectors_of(alice) == []


def test_a_trashed_text_has_no_vectors(alice):
    node = entry(alice, "piano", ai_usage="chat")
    drain()
    trash_node(alice, node)
    assert vectors_of(alice) == []


def test_an_edit_embeds_only_what_changed(alice):
    paragraphs = [
        f"We spoke about the {word} for a while. " * 22 for word in ("river", "stove", "heron")
    ]
    node = entry(alice, "\n\n".join(paragraphs), ai_usage="chat")
    drain()
    before = {bytes(row.digest): row.pk for row in vectors_of(alice)}
    assert len(before) == 3
    edit_node(
        alice, node, base_rev=1, text="\n\n".join([*paragraphs, "A last word on bread. " * 30])
    )
    drain()
    after = vectors_of(alice)
    assert len(after) == 4
    assert {row.pk for row in after} > set(before.values())
    assert [row.part for row in after] == [0, 1, 2, 3]
    assert {row.rev for row in after} == {2}
    assert Call.objects.order_by("started_at").last().parts == 1


def test_vectors_that_stand_are_told_once(alice):
    entry(alice, "piano", ai_usage="chat")
    drain_twice()
    assert Event.objects.filter(name="TextEmbedded").count() == 1


def test_near_is_exact_within_one_owner_and_by_sight(alice, bob):
    texts = [
        f"{word} in the morning" for word in ["tea", "bread", "rain", "letters", "snow", "silence"]
    ]
    nodes = [entry(alice, text, ai_usage="chat") for text in texts]
    entry(bob, texts[0], ai_usage="chat")
    drain()
    vector = encoder().encode(["tea in the morning"])[0]
    stored = encoder().encode(texts)
    expected = [nodes[i].pk for i in np.argsort(-stored @ vector)]
    with rows_of(alice.pk):
        found = Embedding.objects.near(vector, of=alice.pk, space=LOCAL.id)
        assert [each.ref.id for each in found] == expected
        assert found[0].cosine == pytest.approx(float(stored[0] @ vector), abs=2e-3)
        only = Node.objects.visible_to(alice).filter(pk__in=[nodes[2].pk, nodes[3].pk])
        narrowed = Embedding.objects.near(vector, of=alice.pk, space=LOCAL.id, within=only)
        assert {each.ref.id for each in narrowed} == {nodes[2].pk, nodes[3].pk}
        assert len(Embedding.objects.near(vector, of=alice.pk, space=LOCAL.id, k=2)) == 2
        assert Embedding.objects.near(vector, of=bob.pk, space=LOCAL.id) == []
        assert Embedding.objects.near(vector, of=alice.pk, space=9) == []
    with pytest.raises(ValueError, match="384"):
        near(vector[:5], of=alice.pk)


def test_the_walls_hide_vectors_and_keep_their_owner(alice, bob):
    entry(alice, "piano", ai_usage="chat")
    drain()
    assert not Embedding.objects.exists()
    with rows_of(bob.pk):
        assert not Embedding.objects.exists()
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
        rows_of(alice.pk),
    ):
        Embedding.objects.update(owner=bob.pk)


def test_a_leaving_person_leaves_no_vector(alice):
    entry(alice, "piano", ai_usage="chat")
    drain()
    forget_person(alice)
    assert vectors_of(alice) == []


def test_coverage_counts_what_ai_may_read(alice):
    entry(alice, "piano", ai_usage="chat")
    entry(alice, "stove")
    before = coverage(alice)
    assert (before.wanted, before.done, before.refused) == (1, 0, 0)
    drain()
    assert coverage(alice).done == 1


def test_without_the_model_words_go_on_and_the_reason_is_said(alice, settings, tmp_path):
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
    entry(alice, "piano", ai_usage="chat")
    drain()
    assert vectors_of(alice) == []
    assert embed_query("piano", by=alice) is None
    assert gateway.capable("embed").why == "file_missing"
    assert "missing" in gateway.capable("embed").words


def test_a_pause_stops_reading(alice, settings):
    settings.AI_PAUSED = True
    entry(alice, "piano", ai_usage="chat")
    drain()
    assert not Entry.objects.filter(purpose="embed").exists()
    with pytest.raises(CapabilityOff):
        gateway.embed(Typed("piano"), spender=alice.pk, feature="search")


def test_the_gateway_refuses_closed_texts_and_mixed_owners(alice, bob):
    closed = read(entry(alice, "piano").ref, purpose=Purpose.INDEX)
    opened = read(entry(alice, "piano", ai_usage="chat").ref, purpose=Purpose.EMBED)
    with pytest.raises(NotAllowed):
        gateway.embed([Cut(closed, 0, 5)], spender=alice.pk, feature="ai")
    with pytest.raises(ValueError, match="one owner"):
        gateway.embed([Cut(opened, 0, 5)], spender=bob.pk, feature="ai")
    assert not Call.objects.exists()


def test_what_was_typed_is_in_no_row(alice):
    embed_query("a very secret question", by=alice)
    call = Call.objects.values().get()
    assert "secret" not in str(call)
    assert not Read.objects.exists()


def test_a_text_that_never_was_has_no_vector(alice):
    ref = Ref("journal.node", alice.pk)
    assert embed_text(ref, owner_id=alice.pk, genre=Genre.DIARY) == 0


def run(*words):
    out = StringIO()
    call_command("reembed", *words, stdout=out)
    return out.getvalue().strip()


def test_a_backfill_makes_what_is_missing_and_is_harmless_twice(alice, charlie):
    entry(alice, "one", ai_usage="chat")
    entry(alice, "two", ai_usage="chat")
    entry(alice, "closed", ai_usage="none")
    entry(charlie, "three", ai_usage="chat")
    assert run("--person", str(alice.pk), "--missing") == "2 texts have 2 passages with vectors."
    assert run("--missing") == "1 texts have 1 passages with vectors."
    asked = keys.tally.unwraps, keys.tally.hits
    assert run("--missing") == "0 texts have 0 passages with vectors."
    # That nothing is missing is known without opening a text.
    assert (keys.tally.unwraps, keys.tally.hits) == asked
    calls = Call.objects.count()
    assert run() == "3 texts have 3 passages with vectors."
    assert Call.objects.count() == calls


def test_another_recipe_makes_every_vector_anew(alice, monkeypatch):
    node = entry(alice, "one", ai_usage="chat")
    run()
    with rows_of(alice.pk):
        before = Embedding.made_from(Ref.to(node)).get()
    monkeypatch.setattr(embeddings, "CHUNKER", b"next")
    run()
    with rows_of(alice.pk):
        after = Embedding.made_from(Ref.to(node)).get()
    assert bytes(after.digest) != bytes(before.digest)


def test_without_its_model_a_backfill_says_why(settings, tmp_path):
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
    with pytest.raises(CommandError, match="language model"):
        run()
