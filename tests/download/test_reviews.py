import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from download.actions.highlights import mark_quote, trash_highlight
from download.actions.items import change_item, erase_item, restore_item, trash_item
from download.actions.reviews import (
    NEW_A_DAY,
    AnsweredToday,
    PaceOutOfRange,
    TooLate,
    answer_card,
    change_pace,
    faces_of,
    make_cards,
    next_due,
    pace_of,
    session_of,
    spread,
    state_of,
    undo_review,
)
from download.models.items import Item
from download.models.memory import Grade
from download.models.reviews import Card, Review
from download.spacing import day_of, replayed
from journal.actions.exports import rows_of
from tests.factories import kept, person
from writeorperish.audit.models import Entry
from writeorperish.events.models import Event
from writeorperish.ops.once import KeyReused
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.portability import belongings_of
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = "A quiet morning is worth two evenings. The kettle takes four minutes."


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as standing:
        yield standing


def today(zone=UTC) -> date:
    return day_of(datetime.now(UTC), zone)


def link(owner, number=0, **values) -> Item:
    """A link that may begin: read, with its card."""
    item = kept(owner, f"https://{number}.example/", text=f"words {number}", **values)
    change_item(owner, item, reading="done")
    make_cards(owner.pk, [item.ref])
    return item


def answer(owner, row, said="useful", **values):
    card = row if isinstance(row, Card) else row.card
    return answer_card(owner, card.pk, said, key=values.pop("key", new_id()), zone=UTC, **values)


def reviewed(owner, numbers, *, days_ago=30, said="useful") -> list[Card]:
    """Cards answered once, so long ago."""
    cards = []
    for number in numbers:
        item = link(owner, number)
        Card.objects.filter(item=item).update(made_at=NOON - timedelta(days=400))
        done = answer(owner, item, said, at=datetime.now(UTC) - timedelta(days=days_ago))
        cards.append(done.card)
    return cards


def session(owner) -> list[Card]:
    return session_of(owner, on=today())


def stored(card) -> dict:
    return state_of(Card.objects.get(pk=card.pk))


# --- cards -----------------------------------------------------------------------------------


def test_what_is_kept_has_one_card_and_so_has_each_highlight(alice, drain):
    item = kept(alice, text=TEXT)
    mark = mark_quote(alice, item, quote="worth two evenings")
    drain()
    drain()
    assert {card.source for card in Card.objects.all()} == {item.ref, mark.ref}
    make_cards(alice.pk, [item.ref, mark.ref])
    assert Card.objects.filter(owner=alice).count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.create(owner=alice)


def test_only_the_owner_of_a_living_text_gets_a_card(alice, charlie):
    item, gone = kept(alice), kept(alice, "https://example.org/b")
    trash_item(alice, gone)
    make_cards(charlie.pk, [item.ref])
    make_cards(alice.pk, [gone.ref, Ref("journal.node", item.pk)])
    assert not Card.objects.exists()


def test_thousands_imported_at_once_change_nothing_tomorrow(alice, clock):
    due = reviewed(alice, range(3))
    Item.objects.bulk_create(
        [Item(owner=alice, url_key=str(number).encode()) for number in range(3_000)]
    )
    imported = [Ref.to(item) for item in Item.objects.filter(reading="unread").only("pk")]
    with CaptureQueriesContext(connection) as asked:
        make_cards(alice.pk, imported)
    assert len([each for each in asked if each["sql"].startswith("INSERT")]) == 1
    assert Card.objects.count() == 3_003
    # As the database does by itself within a minute; a test's transaction is not waited for.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE download_item, download_card")
    for moved in (NOON, NOON + timedelta(days=1)):
        clock.move_to(moved)
        assert {card.pk for card in session(alice)} == {card.pk for card in due}
    clock.move_to(NOON + timedelta(days=31))
    begun = 0
    while new := [card for card in session(alice) if card.reps == 0]:
        assert len(new) == 1
        answer(alice, new[0])
        begun += 1
    assert begun == NEW_A_DAY


def test_highlights_begin_first_then_what_was_read_then_what_lay_here_unread(alice, clock):
    unread = kept(alice, "https://old.example/", text="words")
    read = link(alice, 1)
    mark = mark_quote(alice, read, quote="words 1")
    make_cards(alice.pk, [unread.ref, mark.ref])
    order = []
    for _ in range(2):
        (card,) = session(alice)
        order.append(card.source)
        answer(alice, card, "done_with")
    assert session(alice) == []
    clock.move_to(NOON + timedelta(days=30))
    order += [card.source for card in session(alice)]
    assert order == [mark.ref, read.ref, unread.ref]


# --- sessions --------------------------------------------------------------------------------


def test_a_session_is_five_the_least_remembered_first_with_one_new(alice):
    cards = reviewed(alice, range(4)) + reviewed(alice, range(4, 8), days_ago=90)
    link(alice, 20), link(alice, 21)
    shown = session(alice)
    assert [card.reps for card in shown] == [1, 1, 1, 1, 0]
    assert {card.pk for card in shown[:4]} == {card.pk for card in cards[4:]}
    change_pace(alice, cards=2)
    assert [card.reps for card in session(alice)] == [1, 0]
    change_pace(alice, cards=1)
    assert [card.reps for card in session(alice)] == [1]


def test_one_of_the_oldest_comes_by_chance_and_is_the_same_all_day(alice):
    reviewed(alice, range(20), days_ago=3, said="less_often")
    assert session(alice) == []
    reviewed(alice, [20])
    first, second = session(alice), session(alice)
    assert first == second
    (due, chance) = first
    assert (due.link.url, chance.due_on > today()) == ("https://20.example/", True)


def test_what_is_hidden_archived_or_perhaps_no_article_is_not_shown(alice):
    cards = reviewed(alice, range(4))
    mark = mark_quote(alice, cards[3].link, quote="words 3")
    make_cards(alice.pk, [mark.ref])
    change_item(alice, cards[0].link, reading="archived")
    cards[1].link.page.__class__.objects.filter(item=cards[1].item_id).update(quality="suspicious")
    trash_item(alice, cards[2].link)
    trash_highlight(alice, mark)
    assert [card.pk for card in session(alice)] == [cards[3].pk]
    with pytest.raises(Missing):
        answer(alice, cards[2])
    restore_item(alice, cards[2].link)
    assert {card.pk for card in session(alice)} == {cards[2].pk, cards[3].pk}
    trash_item(alice, cards[2].link)
    erase_item(alice, cards[2].link)
    assert not Card.objects.filter(pk=cards[2].pk).exists()
    assert not Review.objects.filter(card=cards[2].pk).exists()


def test_the_day_turns_at_four_where_the_person_is(alice, clock):
    card = answer(alice, link(alice), "show_soon").card
    prague = ZoneInfo("Europe/Prague")
    clock.move_to(datetime(2026, 3, 3, 2, 59, tzinfo=UTC))
    assert session_of(alice, on=today(prague)) == []
    clock.move_to(datetime(2026, 3, 3, 3, 1, tzinfo=UTC))
    assert session_of(alice, on=today(prague)) == [card]


def test_the_next_day_is_named_and_new_ones_make_it_tomorrow(alice):
    assert next_due(alice, on=today()) is None
    (card,) = reviewed(alice, [1])
    done = answer(alice, card)
    assert next_due(alice, on=today()) == done.card.due_on
    later = done.card.due_on + timedelta(days=5)
    Card.objects.update(snoozed_until=later)
    assert next_due(alice, on=today()) == later
    link(alice, 2)
    assert next_due(alice, on=today()) == today() + timedelta(days=1)


def test_a_session_costs_the_same_for_twelve_cards_as_for_six(alice):
    costs = []
    for numbers in (range(6), range(6, 12)):
        reviewed(alice, numbers, days_ago=60)
        for number in numbers:
            link(alice, 100 + number)
        with CaptureQueriesContext(connection) as asked:
            faces_of(alice, session(alice), on=today())
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 10


# --- answers ---------------------------------------------------------------------------------


def test_what_stands_under_each_button_is_stored_when_it_is_pressed(alice):
    for number, grade in enumerate(Grade):
        item = link(alice, number)
        (face,) = faces_of(alice, [item.card], on=today())
        assert (face.front, face.back) == (f"{number}.example", f"words {number}")
        done = answer(alice, item, grade)
        assert done.card.due_on == face.next[grade]
        assert stored(item.card) == state_of(done.card)
    assert {event.name for event in Event.objects.all()} >= {"ItemReviewed"}
    assert Entry.objects.filter(action="review").count() == len(Grade)


def test_a_double_click_is_one_review_and_a_key_stands_for_one_answer(alice):
    item, key = link(alice), new_id()
    first, again = answer(alice, item, key=key), answer(alice, item, key=key)
    assert (first.created, again.created) == (True, False)
    assert (first.review, first.card.reps) == (again.review, again.card.reps)
    with pytest.raises(KeyReused):
        answer(alice, item, "show_soon", key=key)
    assert Review.objects.count() == 1


def test_nobody_answers_twice_on_a_day_but_anybody_may_put_it_away(alice):
    item = link(alice)
    answer(alice, item, "show_soon")
    with pytest.raises(AnsweredToday):
        answer(alice, item)
    answer(alice, item, "not_now")
    assert answer(alice, item, "done_with").card.reps == 1


@pytest.mark.django_db(transaction=True)
def test_two_devices_at_once_make_one_answer_of_a_day():
    owner = person("alice")
    card, key = link(owner).card, new_id()
    change_pace(owner, cards=5)  # the row to lock stands, so that making it keeps nobody apart

    def press(number: int) -> str:
        try:
            done = answer(owner, card, key=key if number % 2 else new_id())
        except AnsweredToday:
            return "refused"
        else:
            return "created" if done.created else "repeated"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(press, range(4)))
    assert said.count("created") == 1
    assert Review.objects.count() == Card.objects.get().reps == 1


def test_nobody_answers_or_undoes_for_another(alice, charlie):
    done = answer(alice, link(alice))
    with pytest.raises(Missing):
        answer(charlie, done.card)
    with pytest.raises(Missing):
        undo_review(charlie, done.review.pk)
    assert session_of(charlie, on=today() + timedelta(days=400)) == []


def test_not_now_waits_fourteen_days_and_done_with_this_for_good(alice, clock):
    away, done = reviewed(alice, range(2))
    before = [stored(card)["due_on"] for card in (away, done)]
    answer(alice, away, "not_now")
    answer(alice, done, "done_with")
    assert [stored(card)["due_on"] for card in (away, done)] == before
    for days, shown in ((13, []), (14, [away])):
        clock.move_to(NOON + timedelta(days=days))
        assert session(alice) == shown
    assert answer(alice, done).card.done_with_at is None


def test_an_answer_can_be_undone_for_a_day(alice, clock):
    item = link(alice)
    before = stored(item.card)
    done = answer(alice, item)
    assert stored(item.card) != before
    undo_review(alice, done.review.pk)
    assert stored(item.card) == before
    assert answer(alice, item, "show_soon").card.reps == 1
    with pytest.raises(Missing):
        undo_review(alice, done.review.pk)
    late = Review.objects.get()
    clock.move_to(NOON + timedelta(hours=24, seconds=1))
    with pytest.raises(TooLate):
        undo_review(alice, late.pk)


def test_answers_count_in_the_order_they_were_given_in_however_late_they_arrive(alice, bob, clock):
    days = [NOON - timedelta(days=each) for each in (40, 25, 3)]
    said = ["useful", "more_often", "less_often"]
    states = []
    for owner, order in ((alice, (0, 1, 2)), (bob, (2, 0, 1))):
        item = link(owner)
        Card.objects.filter(item=item).update(made_at=NOON - timedelta(days=99))
        for each in order:
            answer(owner, item, said[each], at=days[each])
        states.append((item.card, Card.objects.get(item=item)))
    (_, one), (_, other) = states
    assert (one.stability, one.difficulty, one.reps) == (
        other.stability,
        other.difficulty,
        other.reps,
    )
    assert one.begun_on == other.begun_on == days[0].date()
    second = one.reviews.order_by("at")[1]
    undo_review(alice, second.pk)
    assert Card.objects.get(pk=one.pk).reps == 2
    assert Card.objects.get(pk=one.pk).memory == log_of(one)


def log_of(card):
    reviews = Review.objects.filter(card=card).order_by("at", "id")
    counted = [(each.grade, each.on, each.retention) for each in reviews if each.grade]
    return replayed(counted, seed=str(card.pk))


def test_a_clock_that_is_wrong_moves_nothing_backwards(alice, clock):
    (card,) = reviewed(alice, [1])
    ahead = answer(alice, card, at=NOON + timedelta(days=300))
    assert (ahead.review.at, ahead.review.on) == (NOON, NOON.date())
    clock.move_to(NOON - timedelta(days=1))
    back = answer(alice, card)
    assert back.card.due_on >= ahead.card.due_on - timedelta(days=300)
    assert Card.objects.get(pk=card.pk).memory == log_of(card)
    fresh = answer(alice, link(alice, 2), at=datetime(1990, 1, 1, tzinfo=UTC))
    assert fresh.review.at == fresh.card.made_at


# --- pace and spreading ----------------------------------------------------------------------


def test_what_waits_is_spread_over_days_and_remembered_as_before(alice, charlie):
    cards = reviewed(alice, range(19), days_ago=200)
    reviewed(charlie, range(2), days_ago=200)
    memories = {card.pk: (card.stability, card.reviewed_on) for card in cards}
    first = [card.pk for card in session(alice)]
    spread(alice, on=today(), days=14)
    moved = Card.objects.filter(owner=alice).exclude(pk__in=first)
    by_day = [moved.filter(due_on=today() + timedelta(days=each)).count() for each in range(1, 15)]
    assert by_day == [1] * 14
    assert {
        card.pk: (card.stability, card.reviewed_on) for card in Card.objects.filter(owner=alice)
    } == memories
    assert [card.pk for card in session(alice)][:4] == first[:4]
    assert Card.objects.filter(owner=charlie, due_on__gt=today()).count() == 0


def test_a_wanted_chance_changes_what_comes_and_not_what_was(alice):
    for values in ({"cards": 0}, {"cards": 21}, {"retention": 0.5}, {"retention": float("nan")}):
        with pytest.raises(PaceOutOfRange):
            change_pace(alice, **values)
    assert (pace_of(alice).cards, pace_of(alice).retention) == (5, 0.85)
    usual = answer(alice, link(alice, 1), "less_often")
    change_pace(alice, retention=0.95)
    often = answer(alice, link(alice, 2), "less_often")
    assert often.card.due_on < usual.card.due_on
    assert Card.objects.get(pk=usual.card.pk).memory == log_of(usual.card)


def test_the_export_holds_the_log_and_the_log_replays_to_the_state(alice, clock):
    item = link(alice)
    for said in ("useful", "not_now", "more_often", "done_with", "less_often"):
        answer(alice, item, said)
        clock.shift(timedelta(days=20))
    change_pace(alice, retention=0.9)
    answer(alice, item, "show_soon")
    taken = {
        rows.model._meta.label_lower: json.loads(json.dumps(list(rows_of(rows)), default=str))
        for rows in belongings_of(alice)
    }
    (card,) = taken["download.card"]
    log = sorted(taken["download.review"], key=lambda row: (row["at"], row["id"]))
    counted = [
        (Grade(row["answer"]), date.fromisoformat(row["on"]), row["retention"])
        for row in log
        if row["answer"] in set(Grade)
    ]
    memory = replayed(counted, seed=card["id"])
    assert len(log) == 6
    assert (memory.stability, memory.difficulty, memory.reps) == (
        card["stability"],
        card["difficulty"],
        card["reps"],
    )
    assert [str(memory.reviewed_on), str(memory.due_on)] == [card["reviewed_on"], card["due_on"]]
    assert taken["download.pace"][0]["retention"] == 0.9
