import copy
import pickle

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from download.actions.reviews import make_cards
from download.models.items import Item
from download.models.reviews import Card
from journal.models.imports import ImportRun
from journal.models.nodes import Node
from tests.examples import examples
from tests.factories import kept
from writeorperish.crypto import fields, keys
from writeorperish.crypto.envelope import OVERHEAD_BYTES, CannotOpen
from writeorperish.crypto.fields import ClearTextRefused, Sealed, SealedElsewhere
from writeorperish.privacy.models import Circle
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
WORDS = "a lesson about pianos"


def stored(row, column):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{row._meta.db_table}" WHERE id = %s', [row.pk])
        return bytes(cursor.fetchone()[0])


def put(row, column, value):
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{row._meta.db_table}" SET "{column}" = %s WHERE id = %s', [value, row.pk]
        )


def test_rows_that_know_each_other_one_to_one_are_opened_once(ann):
    link = kept(ann, "https://example.org/", title=WORDS)
    make_cards(ann.pk, [link.ref])
    row = Item.objects.visible_to(ann).select_related("card").get(pk=link.pk)
    assert row.card.item is row
    assert fields.open_rows([row]) == set()
    assert [type(each) for each in fields.loaded_along(row)] == [Card]


def test_what_was_saved_is_read_again_and_lies_sealed(ann, note):
    row = note(ann, title="über", body=WORDS)
    again = Node.objects.get(pk=row.pk)
    assert (again.title, again.body) == ("über", WORDS)
    assert WORDS.encode() not in stored(row, "body")
    assert stored(row, "body")[0] == 1
    assert len(stored(row, "body")) == len(WORDS) + OVERHEAD_BYTES


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(40),
    deadline=None,
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_every_text_comes_back_as_it_was(ann, note, text):
    row = note(ann, body=text)
    assert Node.objects.get(pk=row.pk).body == text


def test_the_row_in_memory_keeps_its_words_after_saving(ann, note):
    row = note(ann, body=WORDS)
    assert row.body == WORDS
    row.body = "other words"
    row.save(update_fields=["body"])
    assert (row.body, Node.objects.get(pk=row.pk).body) == ("other words", "other words")


def test_nothing_is_opened_before_it_is_read(ann, note):
    row = note(ann, body=WORDS)
    keys.cache.clear()
    before = keys.tally.unwraps
    loaded = Node.objects.get(pk=row.pk)
    assert keys.tally.unwraps == before
    assert loaded.body == WORDS
    assert keys.tally.unwraps == before + 1


def test_reading_with_the_key_in_memory_asks_neither_database_nor_key_service(ann, note):
    rows = [note(ann, body=f"{WORDS} {n}") for n in range(5)]
    loaded = list(Node.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk"))
    before = keys.tally.unwraps
    with CaptureQueriesContext(connection) as queries:
        assert [row.body for row in loaded] == [row.body for row in rows]
    assert not queries.captured_queries
    assert keys.tally.unwraps == before


def test_none_stays_null_and_can_be_asked_for(ann, note):
    row = note(ann)
    row.body = None
    row.save(update_fields=["body"])
    assert Node.objects.get(body__isnull=True).body is None
    assert not Node.objects.filter(body__isnull=False).exists()
    assert not Node.objects.filter(pk__in=Node.objects.filter(title__isnull=True)).exists()


def test_deferred_columns_load_when_read(ann, note):
    row = note(ann, title="title", body=WORDS)
    assert Node.objects.only("title").get(pk=row.pk).body == WORDS
    deferred = Node.objects.defer("body").get(pk=row.pk)
    assert "body" in deferred.get_deferred_fields()
    assert deferred.body == WORDS
    deferred = Node.objects.defer("body").get(pk=row.pk)
    deferred.chars = 5
    deferred.save()
    assert Node.objects.get(pk=row.pk).body == WORDS


def test_refreshing_brings_the_stored_words(ann, note):
    row = note(ann, body=WORDS)
    other = Node.objects.get(pk=row.pk)
    other.body = "newer words"
    other.save(update_fields=["body"])
    row.refresh_from_db()
    assert row.body == "newer words"


def test_bulk_create_seals_each_row_for_itself(ann, note):
    root = note(ann)
    Node.objects.bulk_create(
        Node(owner=ann, root=root, parent=root, body=f"{WORDS} {n}", day=root.day) for n in range(3)
    )
    replies = list(Node.objects.filter(parent=root))
    assert sorted(row.body for row in replies) == [f"{WORDS} {n}" for n in range(3)]
    assert len({stored(row, "body") for row in replies}) == 3


def test_update_with_clear_text_is_refused(ann, note):
    row = note(ann, title="before")
    with pytest.raises(ClearTextRefused) as refusal, transaction.atomic():
        Node.objects.filter(pk=row.pk).update(title=WORDS)
    assert WORDS not in str(refusal.value)
    assert Node.objects.get(pk=row.pk).title == "before"


def test_bulk_update_is_refused(ann, note):
    row = note(ann, title="before")
    row.title = WORDS
    with pytest.raises(ClearTextRefused), transaction.atomic():
        Node.objects.bulk_update([row], ["title"])
    assert Node.objects.get(pk=row.pk).title == "before"


@pytest.mark.parametrize("value", ["", "clear", "clear " * 20])
def test_clear_text_in_an_expression_is_refused_by_the_database(ann, note, value):
    row = note(ann)
    with pytest.raises(IntegrityError), transaction.atomic():
        Node.objects.filter(pk=row.pk).update(title=Value(value))


@pytest.mark.parametrize("value", [b"", b"\x01" * 36, b"\x02" * 60, b"clear words" * 9])
def test_bytes_that_are_not_sealed_are_refused_by_the_database(ann, note, value):
    row = note(ann)
    with pytest.raises(IntegrityError), transaction.atomic():
        put(row, "title", value)


def test_an_expression_on_a_row_is_refused(ann, note):
    row = note(ann)
    row.title = F("slug")
    with pytest.raises(TypeError):
        row.save(update_fields=["title"])


@pytest.mark.parametrize(
    "lookup", ["title", "title__icontains", "title__startswith", "title__in", "title__gt"]
)
def test_no_lookup_compares_sealed_text(ann, lookup):
    with pytest.raises(FieldError) as refusal:
        Node.objects.filter(Q(**{lookup: WORDS})).exists()
    assert WORDS not in str(refusal.value)


@pytest.mark.parametrize(
    "order", ["title", "-title", F("title"), F("title").desc(nulls_last=True), "root__title"]
)
def test_nothing_is_ordered_by_sealed_text(ann, note, order):
    note(ann)
    with pytest.raises(FieldError):
        list(Node.objects.order_by(order))
    with pytest.raises(FieldError):
        list(Node.objects.order_by("day", order).values("pk")[:1])


def test_rows_may_be_ordered_and_counted_by_other_columns(ann, note):
    note(ann)
    assert len(Node.objects.order_by("day", "pk").distinct()) == 1
    assert Node.objects.values("title").count() == 1


def test_values_gives_something_that_says_nothing(ann, note):
    note(ann, body=WORDS)
    for value in (
        Node.objects.values_list("body", flat=True).get(),
        Node.objects.values("body").get()["body"],
        Node.objects.annotate(copy=F("body")).get().copy,
    ):
        assert isinstance(value, Sealed)
        assert str(value) == repr(value) == f"{value}" == "<sealed>"


def test_a_row_says_nothing_of_its_words(ann, note):
    row = note(ann, title=WORDS, body=WORDS)
    assert WORDS not in repr(row) + str(row)


def test_a_serializer_refuses_to_dump_them(ann, note):
    row = note(ann)
    with pytest.raises(ClearTextRefused):
        serializers.serialize("json", [row], fields=["body"])


def test_a_value_swapped_between_rows_is_an_error_for_that_row_only(ann, note):
    first, second, third = (note(ann, body=f"{WORDS} {n}") for n in range(3))
    put(second, "body", stored(first, "body"))
    loaded = {row.pk: row for row in Node.objects.all()}
    with pytest.raises(CannotOpen):
        _ = loaded[second.pk].body
    assert loaded[second.pk].title == "ann's title"
    assert loaded[first.pk].body == f"{WORDS} 0"
    assert loaded[third.pk].body == f"{WORDS} 2"


def test_a_value_swapped_between_columns_is_an_error(ann, note):
    row = note(ann)
    put(row, "title", stored(row, "body"))
    with pytest.raises(CannotOpen):
        _ = Node.objects.get(pk=row.pk).title


def test_an_altered_value_stays_an_error_and_is_logged_without_its_bytes(ann, note):
    row = note(ann, body=WORDS)
    altered = bytearray(stored(row, "body"))
    altered[-1] ^= 1
    put(row, "body", bytes(altered))
    loaded = Node.objects.get(pk=row.pk)
    with capture_logs() as logged:
        for _again in range(2):
            with pytest.raises(CannotOpen):
                _ = loaded.body
    key = int.from_bytes(altered[1:9], "big")
    assert logged[0] == {
        "event": "crypto.cannot_open",
        "log_level": "error",
        "table": "journal_node",
        "column": "body",
        "row": str(row.pk),
        "reason": "altered",
        "key": key,
    }


def test_an_unknown_key_is_an_error_for_that_row_only(ann, note):
    row = note(ann)
    value = stored(row, "body")
    for key_id in (2**40, 2**64 - 1):
        put(row, "body", value[:1] + key_id.to_bytes(8, "big") + value[9:])
        with pytest.raises(CannotOpen):
            _ = Node.objects.get(pk=row.pk).body


def test_a_page_opens_what_it_can_with_one_query_for_all_keys(ann, ben, note):
    mine, theirs, broken = note(ann), note(ben), note(ben)
    put(broken, "body", stored(theirs, "body"))
    keys.cache.clear()
    rows = list(Node.objects.all())
    before = keys.tally.unwraps
    with CaptureQueriesContext(connection) as queries:
        assert fields.open_rows(rows) == {broken.pk}
    assert len(queries.captured_queries) == 1
    assert keys.tally.unwraps == before + 2
    bodies = {row.pk: row.body for row in rows if row.pk != broken.pk}
    assert bodies == {mine.pk: "ann's words", theirs.pk: "ann's words"}


def test_a_sealed_value_of_another_row_is_not_taken(ann, note):
    first, second = note(ann), note(ann)
    loaded = Node.objects.get(pk=first.pk)
    with pytest.raises(SealedElsewhere):
        second.body = loaded.__dict__["body"]
    with pytest.raises(SealedElsewhere):
        Node.objects.get(pk=second.pk).body = Node.objects.values_list("body", flat=True)[0]


def test_a_new_row_is_not_saved_with_a_sealed_value_of_another(ann, note):
    note(ann)
    taken = Node.objects.values_list("body", flat=True).get()
    new = Node(owner=ann, title="", body=taken, day=timezone.now().date())
    new.root = new
    with pytest.raises(CannotOpen):
        new.save()


def test_a_row_saved_under_a_new_id_is_sealed_for_it(ann, note):
    row = note(ann, title="title", body=WORDS)
    twin = Node.objects.get(pk=row.pk)
    twin.pk = new_id()
    twin.root_id = twin.pk
    twin._state.adding = True
    twin.save()
    assert Node.objects.get(pk=twin.pk).body == WORDS
    assert Node.objects.get(pk=row.pk).body == WORDS


def test_a_row_that_changes_hands_is_sealed_under_the_new_owners_key(ann, ben, note):
    row = note(ann, body=WORDS)
    loaded = Node.objects.get(pk=row.pk)
    loaded.owner = ben
    loaded.save()
    keys.destroy(keys.person(ann.pk))
    assert Node.objects.get(pk=row.pk).body == WORDS


def test_saving_a_row_that_was_not_read_leaves_its_bytes(ann, note):
    row = note(ann)
    before = stored(row, "body")
    Node.objects.get(pk=row.pk).save()
    assert stored(row, "body") == before


def test_a_loaded_row_survives_copy_and_pickle(ann, note):
    row = note(ann, body=WORDS)
    loaded = Node.objects.get(pk=row.pk)
    assert copy.copy(loaded).body == WORDS
    assert pickle.loads(pickle.dumps(Node.objects.get(pk=row.pk))).body == WORDS


def test_a_lone_surrogate_is_refused_without_naming_the_text(ann):
    with pytest.raises(ValueError, match="lone surrogate") as refusal:
        Circle.objects.create(owner=ann, name=f"{WORDS} \ud800")
    assert WORDS not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_only_text_is_text(ann):
    with pytest.raises(TypeError):
        Circle.objects.create(owner=ann, name=5)


def test_json_comes_back_and_changes_inside_it_are_kept(ann):
    run = sealed_report(ann, {"found": [1, "zwei", None]})
    again = ImportRun.objects.get(pk=run.pk)
    again.report["found"].append({"more": True})
    again.save(update_fields=["report"])
    assert ImportRun.objects.get(pk=run.pk).report == {"found": [1, "zwei", None, {"more": True}]}
    assert b"zwei" not in stored(run, "report")


def test_what_json_does_not_know_is_refused(ann):
    for value in (object(), {1, 2}, float("nan")):
        with pytest.raises(TypeError), transaction.atomic():
            sealed_report(ann, value)


def sealed_report(owner, report):
    return ImportRun.objects.create(owner=owner, report=report)


def test_a_migration_keeps_the_database_from_compressing_a_column(ann):
    operation = fields.store_uncompressed("journal_node", "title", "body")
    with connection.cursor() as cursor:
        for sql, storage in ((operation.sql, "e"), (operation.reverse_sql, "x")):
            cursor.execute(sql)
            cursor.execute(
                "SELECT DISTINCT attstorage FROM pg_attribute WHERE attrelid = 'journal_node'::regclass"
                " AND attname IN ('title', 'body')"
            )
            assert cursor.fetchall() == [(storage,)]
