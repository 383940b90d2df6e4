from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from download import resting
from download import search as module
from download.search import CursorInvalid, Mode, Whose, search
from journal.actions.nodes import edit_node
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.audit.models import Entry
from writeorperish.crypto.models import DataKey
from writeorperish.privacy.walls import rows_of

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
# What search needs of all that happens to a text; suggestions are made beside it.
FINDING = ("download.handlers.index", "writeorperish.ai.")


def asked(person, typed, **values):
    return search(person, typed, zone=UTC, **values)


def ids(found):
    return [hit.ref.id for hit in found.hits]


def marked(hit):
    return [piece.text for piece in hit.snippet.pieces if piece.mark]


def write(owner, *texts, **values):
    nodes = [entry(owner, text, **values) for text in texts]
    drain(FINDING)
    return [node.pk for node in nodes]


def test_an_entry_is_found_by_any_of_its_words_in_any_form(alice):
    piano, stove = write(alice, "The piano teachers came.", "The stove is cold.")
    found = asked(alice, "a teacher, perhaps")
    assert ids(found) == [piano]
    assert marked(found.hits[0]) == ["teachers"]
    assert found.hits[0].legs == ("words",)
    assert found.hits[0].open == f"/journal/{piano}/?at=0-24"
    assert set(ids(asked(alice, "stove piano"))) == {piano, stove}


def test_rarer_words_come_first(alice):
    pages = write(alice, *["tea in the morning"] * 8, "tea with a heron")
    assert ids(asked(alice, "tea heron"))[0] == pages[-1]


def test_a_paraphrase_is_found_by_meaning_and_both_legs_are_named(alice):
    awake, sleep = write(
        alice, "I lay awake until four again.", "I could not sleep at all.", ai_usage="chat"
    )
    found = asked(alice, "could not sleep")
    assert ids(found) == [sleep, awake]
    assert [hit.legs for hit in found.hits] == [("words", "meaning"), ("meaning",)]
    assert ids(asked(alice, "could not sleep", mode=Mode.WORDS)) == [sleep]
    assert found.meaning == "ok"


def test_an_entry_closed_to_ai_is_found_by_words_only(alice):
    (closed,) = write(alice, "I lay awake until four again.")
    assert ids(asked(alice, "could not sleep")) == []
    assert ids(asked(alice, "awake")) == [closed]
    assert asked(alice, "awake").hits[0].legs == ("words",)


def test_without_the_model_words_are_found_and_the_reason_is_said(alice, settings, tmp_path):
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
    (piano,) = write(alice, "piano", ai_usage="chat")
    found = asked(alice, "piano")
    assert ids(found) == [piano]
    assert (found.meaning, bool(found.why)) == ("off", True)


@pytest.mark.parametrize("mode", Mode)
def test_nobody_finds_what_is_not_theirs(cast, mode):
    write(cast.alice, "piano", ai_usage="chat")
    for typed in ("piano", '"piano"', "in:journal", "today", "-stove", "PIANO…"):
        for who in (cast.bob, cast.charlie, cast.mallory, cast.moderator):
            assert ids(asked(who, typed, mode=mode)) == [], (typed, who)
            assert ids(asked(who, typed, mode=mode, whose=Whose.SHARED)) == [], (typed, who)


@pytest.mark.parametrize("mode", [Mode.BOTH, Mode.WORDS, Mode.EXACT])
def test_a_circle_member_finds_what_was_shared_and_the_owner_can_see_that(cast, mode):
    (shared,) = write(cast.alice, "piano in the circle", circles=(cast.circle,))
    write(cast.alice, "piano alone")
    found = asked(cast.bob, "piano", whose=Whose.SHARED, mode=mode)
    assert ids(found) == [shared]
    assert Entry.objects.filter(action="seen", actor_id=cast.bob.pk, object_id=shared).exists()
    for who in (cast.alice, cast.charlie, cast.mallory):
        assert ids(asked(who, "piano", whose=Whose.SHARED)) == []
    assert ids(asked(cast.bob, "piano")) == []


def test_exact_words_stand_as_they_are_typed(alice):
    exact, _, _ = write(alice, "the old house of cards", "cards in the house", "housing of card")
    assert ids(asked(alice, '"house of cards"')) == [exact]
    assert ids(asked(alice, "House of Cards", mode=Mode.EXACT)) == [exact]
    assert marked(asked(alice, '"house of cards"').hits[0]) == ["house of cards"]


def test_stop_words_emoji_and_signs_are_found_by_reading(alice):
    heart, was = write(alice, "thanks 💚 for that", "what once was")
    assert ids(asked(alice, "💚")) == [heart]
    assert ids(asked(alice, "once was")) == [was]
    assert ids(asked(alice, "§")) == []
    assert marked(asked(alice, "💚").hits[0]) == ["💚"]


def test_unwanted_words_keep_a_text_out(alice):
    tea, _, _ = write(alice, "tea and bread", "tea and running", "tea 💚")
    assert ids(asked(alice, 'tea -run -"💚"')) == [tea]


def test_tags_find_exactly_their_texts(alice):
    tagged, _ = write(alice, "tea #Garden", "tea in the garden")
    assert ids(asked(alice, "tea tag:garden")) == [tagged]
    assert ids(asked(alice, "tag:#GARDEN")) == [tagged]
    assert ids(asked(alice, "tag:gard")) == []


def test_days_said_in_words_narrow_and_are_dropped_when_they_hide_everything(alice):
    old = write(alice, "tea", written_at=NOW - timedelta(days=400))
    new = write(alice, "tea")
    assert ids(asked(alice, "tea today")) == new
    assert ids(asked(alice, "today")) == new
    found = asked(alice, "tea 3 days ago")
    assert set(ids(found)) == {*old, *new}
    assert "3 days ago" in str(found.dropped[0])
    assert ids(asked(alice, f"tea to:{(NOW - timedelta(days=399)).date()}")) == old


def test_days_are_those_of_the_persons_zone(alice):
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    (node,) = write(alice, "tea", written_at=late)
    assert ids(asked(alice, "tea on:2026-03-01")) == [node]
    tokyo = search(alice, "tea on:2026-03-02", zone=ZoneInfo("Asia/Tokyo"))
    assert ids(tokyo) == [node]
    assert ids(asked(alice, "tea on:2026-03-02")) == []


def test_filters_of_other_rooms_find_no_entry(alice):
    (node,) = write(alice, "tea")
    assert ids(asked(alice, "tea in:library")) == ids(asked(alice, "tea is:unread")) == []
    assert ids(asked(alice, "tea by:ai")) == ids(asked(alice, "tea site:example.org")) == []
    assert ids(asked(alice, "tea in:journal by:me")) == [node]


def test_pages_neither_repeat_nor_skip(alice):
    nodes = write(alice, *[f"tea {n}" for n in range(45)])
    first = asked(alice, "tea")
    write(alice, "tea tea tea", "tea tea")
    second = asked(alice, "tea", cursor=first.next)
    third = asked(alice, "tea", cursor=second.next)
    assert [len(page.hits) for page in (first, second, third)] == [20, 20, 5]
    assert set(ids(first) + ids(second) + ids(third)) == set(nodes)
    assert third.next is None


def test_a_page_goes_on_when_what_rested_is_gone(alice):
    write(alice, *[f"tea {n}" for n in range(25)])
    first = asked(alice, "tea")
    cache.clear()
    assert not set(ids(first)) & set(ids(asked(alice, "tea", cursor=first.next)))


def test_what_rests_in_redis_holds_no_ids_in_clear(alice, monkeypatch):
    kept = {}
    monkeypatch.setattr(resting.cache, "set", lambda key, value, seconds: kept.update({key: value}))
    nodes = write(alice, *[f"tea {n}" for n in range(25)])
    asked(alice, "tea")
    (value,) = (kept[key] for key in kept if key.startswith("search:"))
    assert not any(str(node).encode() in value for node in nodes)


def test_a_cursor_belongs_to_its_search_and_its_person(cast):
    write(cast.alice, *[f"tea bread {n}" for n in range(25)])
    cursor = asked(cast.alice, "tea").next
    for who, typed, given in (
        (cast.alice, "bread", cursor),
        (cast.bob, "tea", cursor),
        (cast.alice, "tea", cursor + "x"),
        (cast.alice, "tea", "7"),
    ):
        with pytest.raises(CursorInvalid):
            asked(who, typed, cursor=given)


def test_reading_one_by_one_goes_on_where_time_ran_out(alice, monkeypatch):
    nodes = write(alice, *[f"💚 {n}" for n in range(8)], "💛")
    monkeypatch.setattr(module, "SCAN_SECONDS", -1)
    monkeypatch.setattr(module, "READ_AT_ONCE", 3)
    found, cursor, rounds = [], "", 0
    while cursor is not None:
        page = asked(alice, "💚", cursor=cursor)
        found += ids(page)
        cursor = page.next
        rounds += 1
        assert (page.back_to is not None) == (cursor is not None)
    assert found == nodes[7::-1]
    assert rounds == 3


def test_a_trashed_text_is_found_no_more_even_from_what_rests(alice):
    nodes = write(alice, *[f"tea {n}" for n in range(25)])
    first = asked(alice, "tea")
    left = (set(nodes) - set(ids(first))).pop()
    trash_node(alice, Node.objects.get(pk=left))
    assert left not in ids(asked(alice, "tea", cursor=first.next))
    assert left not in ids(asked(alice, "tea"))


def test_an_edit_not_yet_indexed_shows_the_words_as_they_are_now(alice):
    (node,) = write(alice, "tea " * 300)
    edit_node(alice, Node.objects.get(pk=node), base_rev=1, text="No more tea.")
    assert marked(asked(alice, "tea").hits[0]) == ["tea"]


def test_a_text_that_cannot_be_opened_is_shown_as_such_and_hurts_no_other(alice):
    good, bad = write(alice, "tea one", "tea two")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE journal_node SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE id = %s",
            [bad],
        )
    hits = {hit.ref.id: hit for hit in asked(alice, "tea").hits}
    assert hits[bad].closed
    assert not hits[good].closed
    assert ids(asked(alice, '"tea"')) == [good]


ANYTHING = [
    "", " ", '"', "-", "::", "tag:", "%", "_", "\\", "'; DROP TABLE download_posting; --", "(a+)+$",
    "\x00", "\ud800", "tea\x00", "a" * 10_000, "( [ * " * 2_000, "tea " * 2_500, "last week " * 500, "\u202etea",
    "tea " * 250_000, "te\u0301a \u00e9tea",
]  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
def test_whatever_is_typed_is_answered(alice, mode):
    write(alice, "tea", ai_usage="chat")
    for typed in ANYTHING:
        found = asked(alice, typed, mode=mode)
        assert len(found.hits) <= 1, typed[:20]


def test_a_longer_list_costs_no_further_query(alice):
    write(alice, *[f"tea bread {n}" for n in range(5)], ai_usage="chat")
    asked(alice, "tea")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            asked(alice, "tea")
        counts.append(len(queries))
        write(alice, *[f"tea stove {n}" for n in range(5)], ai_usage="chat")
    assert counts[0] == counts[1]


def test_every_statement_on_a_walled_table_names_the_owner(alice):
    write(alice, "tea #garden", ai_usage="chat")
    with CaptureQueriesContext(connection) as queries:
        asked(alice, 'tea "tea" -bread tag:garden today by:me')
        asked(alice, "💚")
    walled = (
        "download_shelf",
        "download_chunk",
        "download_posting",
        "download_lengths",
        "ai_embedding",
    )
    statements = [each["sql"] for each in queries if any(table in each["sql"] for table in walled)]
    assert statements
    assert all("owner_id" in statement for statement in statements)


def test_nothing_that_was_written_or_searched_is_in_any_column(alice):
    words = ["xylophone", "quokka", "zeppelin"]
    write(alice, " ".join(words) + " #marzipan", title="Rhododendron", ai_usage="chat")
    for word in (*words, "marzipan", "rhododendron"):
        assert len(asked(alice, word).hits) == 1, word
    with connection.cursor() as cursor, rows_of(alice.pk):
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            dump = " ".join(row[0] for row in cursor.fetchall()).lower()
            assert not [word for word in (*words, "marzipan", "rhododendron") if word in dump], (
                table
            )
    assert DataKey.objects.exists()


def test_an_answer_of_the_ai_is_labelled(alice):
    (node,) = write(alice, "tea")
    Node.objects.filter(pk=node).update(author_kind="ai", author_model="m")
    assert asked(alice, "tea").hits[0].by_ai


def test_today_is_the_day_of_the_zone(alice):
    (node,) = write(alice, "tea")
    here = ZoneInfo("Pacific/Kiritimati")
    assert ids(search(alice, f"tea on:{timezone.localdate(timezone=here)}", zone=here)) == [node]


def test_a_payload_is_shown_as_typed_and_only_the_word_is_marked(alice, signed_in):
    write(alice, 'A "<img src=x onerror=alert(1)>" & <mark>needle</mark> in ﬁne cafe\u0301s.')
    page = signed_in(alice).get("/search/?q=needle+cafés+fine").content.decode()
    for word in ("needle", "ﬁne", "cafe\u0301s"):
        assert f"<mark>{word}</mark>" in page
    assert "&lt;mark&gt;<mark>needle</mark>&lt;/mark&gt;" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page
