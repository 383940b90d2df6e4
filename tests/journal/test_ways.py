"""Ways back into one's journal: pins, tags, quotes, the calendar, this day of earlier years."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from accounts.actions.people import change_profile
from journal.actions.nodes import PINS, TooManyPins, change_settings, edit_node
from journal.actions.tags import tagged, tags_of
from journal.actions.trash import erase_node, restore_node, trash_node
from journal.models.tags import Tag, Tagging
from journal.quoting import quote_marker
from journal.views.ways import on_this_day, weeks_of
from tests.events_drain import drain, drain_twice
from tests.factories import block_between, entry
from writeorperish.audit.models import Entry

pytestmark = pytest.mark.django_db


def page(signed_in, who, node):
    return signed_in(who).get(node.get_absolute_url()).content.decode()


# --- pins


def test_pinned_entries_stand_first_and_at_most_ten_do(alice, signed_in):
    nodes = [entry(alice, f"entry {number}") for number in range(PINS + 1)]
    for node in nodes[:PINS]:
        change_settings(alice, node, pinned=True)
    with pytest.raises(TooManyPins):
        change_settings(alice, nodes[PINS], pinned=True)
    change_settings(alice, nodes[0], pinned=True)  # again: keeps its place
    change_settings(alice, nodes[1], pinned=False)
    change_settings(alice, nodes[PINS], pinned=True)
    log = signed_in(alice).get("/journal/").content.decode()
    section = log.partition('id="pinned"')[2].partition("</section>")[0]
    shown = [number for number in range(PINS + 1) if f"entry {number}<" in section]
    assert shown == [0, *range(2, PINS + 1)]
    assert section.index(f"entry {PINS}<") < section.index("entry 9<")


def test_a_pin_is_set_and_taken_back_on_the_page(alice, signed_in):
    node = entry(alice)
    client = signed_in(alice)
    for sent, pinned in (({"pinned": "yes"}, True), ({}, False)):
        assert client.post(f"{node.get_absolute_url()}pin/", sent).status_code == 302
        node.refresh_from_db()
        assert (node.pinned_at is not None) is pinned


# --- tags


def names(person):
    return {tag.name: tag.count for tag in tags_of(person)}


def test_tags_follow_the_text(alice):
    node = entry(alice, "a lesson #Piano and #the-sea")
    other = entry(alice, "again #piano")
    drain_twice()
    assert names(alice) == {"Piano": 2, "the-sea": 1}
    assert set(tagged(alice, "PIANO")) == {node, other}
    edit_node(alice, node, base_rev=node.rev, text="a lesson, without")
    drain()
    assert names(alice) == {"Piano": 1}
    trash_node(alice, other)
    drain()
    assert names(alice) == {}
    restore_node(alice, other)
    drain()
    assert names(alice) == {"Piano": 1}
    trash_node(alice, other)
    erase_node(alice, other)
    assert not Tagging.objects.exists()


def test_no_tag_stands_in_clear_and_nobody_finds_anothers(alice, charlie):
    entry(alice, "#secret")
    drain()
    assert list(tagged(charlie, "secret")) == []
    assert tags_of(charlie) == []
    (sealed,) = Tag.objects.values_list("name", flat=True)
    assert b"secret" not in sealed.bytes


def test_the_page_of_a_tag_shows_its_entries(alice, signed_in):
    entry(alice, "a lesson #piano")
    entry(alice, "something else")
    drain()
    shown = signed_in(alice).get("/journal/tags/?tag=%23Piano").content.decode()
    assert "a lesson" in shown
    assert "something else" not in shown


def test_the_api_lists_by_tag(alice, signed_in):
    node = entry(alice, "a lesson #piano")
    entry(alice, "something else")
    drain()
    listed = signed_in(alice).get("/api/v1/journal/nodes/?tag=piano").json()["results"]
    assert [each["id"] for each in listed] == [str(node.pk)]


# --- quotes


def test_a_quote_shows_each_reader_what_is_theirs_to_see(alice, bob, cast, signed_in):
    private = entry(alice, "the private words")
    shared = entry(alice, "the shared words", circles=(cast.circle,))
    text = f"look: {quote_marker(private.pk)}\n\n{quote_marker(shared.pk)}"
    node = entry(alice, text, circles=(cast.circle,))
    own = page(signed_in, alice, node)
    assert "the private words" in own
    assert "the shared words" in own
    seen = page(signed_in, bob, node)
    assert "the private words" not in seen
    assert str(private.pk) not in seen
    assert "the shared words" in seen
    assert seen.count("Quoted entry unavailable") == 1
    assert Entry.objects.filter(action="seen", object_id=shared.pk, actor_id=bob.pk).exists()


def test_what_never_was_and_what_is_hidden_look_alike(alice, bob, cast, signed_in):
    hidden = entry(cast.charlie, "words of a stranger")
    unknown = "0190a000-0000-7000-8000-000000000000"
    cards = []
    for target in (hidden.pk, unknown):
        shown = page(signed_in, alice, entry(alice, f"look: {quote_marker(target)}"))
        cards.append(shown.partition('class="quoted')[2].partition("</span>")[0])
    assert cards[0] == cards[1]
    assert "unavailable" in cards[0]


def test_a_deleted_quote_says_so_to_whoever_could_have_read_it(alice, bob, cast, signed_in):
    gone = entry(alice, "gone soon", circles=(cast.circle,))
    node = entry(alice, quote_marker(gone.pk), circles=(cast.circle,))
    trash_node(alice, gone)
    assert "Quoted entry deleted" in page(signed_in, bob, node)
    block_between(alice, bob)
    assert signed_in(bob).get(node.get_absolute_url()).status_code == 404


def test_a_quoted_passage_is_shown_and_opened_at_its_place(alice, signed_in):
    source = entry(alice, "First this. Then that. Then nothing.")
    marker = quote_marker(source.pk, (source.rev, 12, 22))
    shown = page(signed_in, alice, entry(alice, f"as I said {marker}"))
    assert '<span class="quoted-words">Then that.</span>' in shown
    assert f"{source.get_absolute_url()}?at=12-22" in shown
    edit_node(alice, source, base_rev=source.rev, text="All of it is new.")
    shown = page(signed_in, alice, entry(alice, f"as I said {marker} once"))
    assert "All of it is new." in shown
    assert "?at=12-22" not in shown


def test_a_marker_in_code_is_text_and_one_in_a_quote_is_no_card(alice, signed_in):
    source = entry(alice, f"inner {quote_marker(entry(alice, 'innermost').pk)}")
    shown = page(
        signed_in, alice, entry(alice, f"`{quote_marker(source.pk)}` {quote_marker(source.pk)}")
    )
    assert f"<code>{quote_marker(source.pk)}</code>" in shown
    assert shown.count('class="quoted"') == 1
    assert "inner […]" in shown


def test_markup_in_a_quoted_entry_stays_text(alice, signed_in):
    source = entry(alice, "<script>alert(1)</script> & <b>bold</b>")
    shown = page(signed_in, alice, entry(alice, quote_marker(source.pk)))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>alert" not in shown


# --- the calendar


def test_a_month_has_whole_weeks_and_its_counts():
    weeks = weeks_of(date(2026, 2, 1), {date(2026, 2, 14): 3})
    assert [len(week) for week in weeks] == [7] * len(weeks)
    days = [square for week in weeks for square in week]
    assert [square.on.day for square in days if square.inside] == list(range(1, 29))
    assert {square.on: square.count for square in days if square.count} == {date(2026, 2, 14): 3}


def test_days_with_entries_lead_to_them(alice, signed_in):
    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    entry(alice, "written in March", written_at=at)
    client = signed_in(alice)
    assert (
        'href="/journal/?day=2026-03-04"'
        in client.get("/journal/calendar/2026/3/").content.decode()
    )
    assert "written in March" in client.get("/journal/?day=2026-03-04").content.decode()
    assert "written in March" not in client.get("/journal/?day=2026-03-05").content.decode()
    assert client.get("/journal/?day=soon").status_code == 200


@pytest.mark.parametrize("path", ["2026/0", "2026/13", "1/1", "99999/1"])
def test_a_month_that_is_none_is_not_there(alice, signed_in, path):
    assert signed_in(alice).get(f"/journal/calendar/{path}/").status_code == 404


@pytest.mark.parametrize(
    ("today", "days"),
    [
        (date(2026, 2, 28), ["2024-02-29", "2025-02-28"]),
        (date(2024, 2, 28), []),
        (date(2028, 2, 29), ["2024-02-29"]),
        (date(2026, 3, 1), []),
    ],
)
@time_machine.travel(datetime(2029, 1, 1, tzinfo=UTC))
def test_this_day_of_earlier_years_is_remembered(alice, today, days):
    for written in ("2024-02-29", "2025-02-28", "2027-02-28"):
        entry(alice, written, written_at=datetime.fromisoformat(f"{written}T12:00:00+00:00"))
    assert sorted(str(node.day) for node in on_this_day(alice, today)) == days


def test_the_questions_of_the_day_begin_an_entry(alice, signed_in):
    client = signed_in(alice)
    with time_machine.travel(datetime(2026, 5, 1, 12, tzinfo=UTC)):
        one = client.get("/journal/prompts/").content
    with time_machine.travel(datetime(2026, 5, 2, 12, tzinfo=UTC)):
        other = client.get("/journal/prompts/").content
    assert one.count(b"/journal/write/?title=") == other.count(b"/journal/write/?title=") == 40
    assert one.partition(b"<details")[0] != other.partition(b"<details")[0]


def test_the_log_keeps_each_entry_on_its_local_day_over_summer_time_and_a_move(alice, signed_in):
    for text, at in {
        "after midnight in summer": datetime(2025, 10, 25, 22, 30, tzinfo=UTC),
        "the hour that came twice": datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
        "before midnight in winter": datetime(2025, 10, 26, 22, 30, tzinfo=UTC),
        "the next day": datetime(2025, 10, 26, 23, 30, tzinfo=UTC),
    }.items():
        entry(alice, text, written_at=at, zone="Europe/Berlin")

    def days():
        log = signed_in(alice).get("/journal/").context["days"]
        return [(day.on, [card.node.body for card in day.cards]) for day in log]

    grouped = [
        (date(2025, 10, 27), ["the next day"]),
        (
            date(2025, 10, 26),
            ["before midnight in winter", "the hour that came twice", "after midnight in summer"],
        ),
    ]
    assert days() == grouped
    change_profile(alice, zone="Pacific/Auckland")
    assert days() == grouped
