"""Sources over real connections: each thing told is counted once, refusals pause, nothing is erased."""

import json
from datetime import date, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from download.actions import feeds
from download.actions.feeds import (
    NoFeedAddress,
    NoToken,
    SyncedJustNow,
    TokenInClear,
    TooManyFeeds,
    add_feed,
    ask_all,
    ask_for_sync,
    begin_sync,
    feeds_of,
    pause_feed,
    remove_feed,
    resume_feed,
    stopped_feeds,
    sync_feed,
    take_all,
    take_page,
)
from download.actions.items import trash_item
from download.formats.found import Bad, Found
from download.memeos import Cursor, Gone, Place
from download.models.feeds import COUNTED, Feed
from download.models.items import Item
from download.models.reviews import Card
from tests.doubles.site import HERE, moved, serving
from tests.download.test_memeos import link, told
from tests.examples import examples
from tests.factories import kept
from writeorperish.events.models import Event
from writeorperish.ops.egress import AddressRefused
from writeorperish.ops.refusals import Conflict, Missing

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-alice"


def connected(owner, base="https://memeos.example/"):
    return add_feed(owner, base=base, token=TOKEN)


def synced(feed, *answers):
    """The source after its site said this."""
    there = feed.base
    with serving(*answers) as site:
        lead(feed, site.url)
        sync_feed(feed.pk, by_hand=True, rules=HERE)
        assert all(f"Bearer {TOKEN}".encode() in asked for asked in site.asked)
    lead(feed, there)
    feed.refresh_from_db()
    return feed


def lead(feed, base):
    """The source at another address, such as none that its person could give."""
    row = Feed.objects.get(pk=feed.pk)
    row.base = base
    row.save(update_fields=["base"])


def named(title):
    (item,) = [item for item in Item.objects.all() if item.title == title]
    return item


def counted(feed):
    counts = {name: getattr(feed, name) for name in COUNTED}
    assert feed.seen == sum(counts.values())
    return {name: n for name, n in counts.items() if n}


def test_what_a_source_tells_becomes_links_and_each_row_is_counted(alice, charlie):
    own = kept(alice, "https://example.org/1", title="Mine")
    feed = connected(alice)
    rows = [
        link(1, note="their note"),
        link(2, tags=["piano"], next_review_date="2026-12-24", created_at="2026-11-24T08:00:00Z"),
        link(3, url="javascript:alert(1)"),
        {"id": "b4"},
        link(2),
    ]
    synced(
        feed, told({"items": rows[:3], "cursor": "p2"}), told({"items": rows[3:], "gone": ["b9"]})
    )
    assert (feed.state, feed.failures, feed.reason) == ("ok", 0, "")
    assert feed.last_ok is not None
    assert Place.of(feed.cursor).since and not Place.of(feed.cursor).cursor
    assert counted(feed) == {"created": 1, "merged": 1, "skipped": 1, "failed": 1, "unchanged": 2}
    own.refresh_from_db()
    assert (own.title, own.note, own.captured_by) == ("Mine", "their note", "paste")
    new = Item.objects.get(captured_by="feed")
    assert (new.feed_id, new.ai_usage, new.privacy_level) == (feed.pk, "none", "private")
    card = Card.objects.get(item=new)
    assert (card.stability, card.difficulty, card.due_on) == (30.0, 5.0, date(2026, 12, 24))
    assert Event.objects.filter(name="PageWanted", facts__icontains=str(new.pk)).count() <= 2
    assert not Item.objects.visible_to(charlie).exists()
    again = synced(feed, told({"items": rows[:3]}))
    assert Item.objects.count() == 2
    assert counted(again)["created"] == 1


class Scripted:
    """A library that tells what its script says, page by page."""

    def __init__(self, pages):
        self.pages = pages

    def changes(self, since, where=None):
        for number, page in enumerate(self.pages, start=1):
            yield from page
            yield Cursor(f"p{number}", done=number == len(self.pages))


NAMES = st.sampled_from(["", "a", "b", "c"])
ADDRESSES = st.sampled_from(["", "javascript:1", *(f"https://example.org/{n}" for n in range(3))])
TELLINGS = st.one_of(
    st.builds(Gone, NAMES),
    st.just(Bad(ordinal=1, reason="not_a_link")),
    st.builds(
        Found,
        ordinal=st.just(1),
        key=NAMES,
        url=ADDRESSES,
        title=st.sampled_from(["", "A", "B"]),
        tags=st.sampled_from([(), ("piano",)]),
        review=st.none() | st.just({"next_review_date": "2026-12-24"}),
    ),
)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(TELLINGS, max_size=6), max_size=3), st.booleans())
def test_whatever_is_told_each_thing_has_one_outcome_and_told_again_adds_nothing(alice, pages, own):
    point = transaction.savepoint()
    if own:
        kept(alice, "https://example.org/0")
    feed = connected(alice)
    told_once = sum(map(len, pages))
    for times in (1, 2):
        take_all(begin_sync(feed.pk, by_hand=True), Scripted(pages), "")
        feed.refresh_from_db()
        assert (feed.state, feed.seen) == ("ok", told_once * times)
        assert feed.seen == sum(getattr(feed, name) for name in COUNTED)
        if times == 1:
            links = Item.objects.count()
            assert links == feed.created + own
    assert Item.objects.filter(deleted_at__isnull=True).count() == links
    transaction.savepoint_rollback(point)


def test_a_link_is_known_by_its_name_there_then_by_its_address(alice):
    feed = connected(alice)
    synced(feed, told({"items": [link(1)]}))
    moved_on = {**link(1), "url": "https://example.org/elsewhere", "tags": ["new"]}
    synced(feed, told({"items": [moved_on, link(7, url="https://example.org/1")]}))
    item = Item.objects.get()
    assert item.url == "https://example.org/1"
    assert [tag.name for tag in item.tags.all()] == ["new"]
    twice = [{**link(8), "url": f"https://example.org/8{each}"} for each in "ab"]
    synced(feed, told({"items": twice}))
    assert Item.objects.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Item.objects.exclude(pk=item.pk).update(external_key=item.external_key)


def test_what_is_gone_there_is_archived_here_with_a_note_and_never_erased(alice):
    own = kept(alice, "https://example.org/2", title="Mine")
    feed = connected(alice)
    synced(feed, told({"items": [link(1, note="why"), link(2), link(3)]}))
    trash_item(alice, named("Title 3"))
    gone = told({"items": [], "gone": ["b1", "b2", "b3", "b1", "never"]})
    with time_machine.travel("2026-11-28T12:00Z", tick=False):
        synced(feed, gone)
    item = named("Title 1")
    assert item.reading == "archived"
    assert item.note == "why\n\nNo longer in the source since 28 November 2026."
    own.refresh_from_db()
    assert own.reading == "unread"
    assert counted(feed)["archived"] == 1
    synced(feed, told({"items": [], "gone": ["b1"]}))
    item.refresh_from_db()
    assert item.note.count("No longer") == 1
    assert counted(feed) == {"created": 2, "merged": 1, "archived": 1, "unchanged": 5}


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_one_that_does_not_let_us_in_is_paused_at_once_and_its_person_told(alice, status):
    feed = synced(connected(alice), told({}, status))
    assert (feed.state, feed.reason) == ("paused", "needs_login")
    assert stopped_feeds(alice) == 1
    before = Event.objects.filter(name="FeedDue").count()
    assert ask_all() == 0
    with pytest.raises(Conflict):
        ask_for_sync(alice, feed)
    sync_feed(feed.pk, by_hand=True, rules=HERE)
    assert Event.objects.filter(name="FeedDue").count() == before
    back = resume_feed(alice, feed, token="another")
    assert (back.state, back.failures, back.reason, back.token) == ("connected", 0, "", "another")
    assert stopped_feeds(alice) == 0
    assert Event.objects.filter(name="FeedDue").count() == before + 1


def test_ten_failures_pause_it_and_a_good_answer_forgets_them(alice):
    feed = connected(alice)
    for number in range(1, 10):
        synced(feed, told({}, "500 Internal Server Error"))
        assert (feed.state, feed.failures) == ("failing", number)
    synced(feed, told({"items": []}))
    assert (feed.state, feed.failures) == ("ok", 0)
    Feed.objects.filter(pk=feed.pk).update(failures=9)
    feed.refresh_from_db()
    synced(feed, moved("https://example.org/"))
    assert (feed.state, feed.failures, feed.reason) == ("paused", 10, "bad_answer")


def test_one_that_is_busy_is_left_alone_as_long_as_it_asks(alice):
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n"
    feed = synced(connected(alice), [head])
    assert (feed.state, feed.reason) == ("failing", "busy")
    assert begin_sync(feed.pk, by_hand=True) is None
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        assert begin_sync(feed.pk, by_hand=False) is not None


def test_what_breaks_off_goes_on_at_its_cursor_and_loses_nothing(alice):
    feed = connected(alice)
    synced(feed, told({"items": [link(1)], "cursor": "p2"}), told({}, "503 Service Unavailable"))
    assert (feed.state, feed.reason, Item.objects.count()) == ("failing", "broken", 1)
    assert Place.of(feed.cursor).cursor == "p2"
    with serving(told({"items": [link(2)]})) as site:
        lead(feed, site.url)
        sync_feed(feed.pk, by_hand=True, rules=HERE)
        assert b"cursor=p2" in site.asked[0]
    assert Item.objects.count() == 2


def test_one_worker_at_a_time_and_none_after_a_pause(alice):
    feed = connected(alice)
    mine = begin_sync(feed.pk, by_hand=True)
    assert begin_sync(feed.pk, by_hand=True) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        theirs = begin_sync(feed.pk, by_hand=True)
    assert theirs is not None
    assert not take_page(mine, [], "late")
    assert take_page(theirs, [], "reached")
    pause_feed(alice, theirs)
    assert not take_page(theirs, [], "after")
    feeds.end_well(theirs)
    feed.refresh_from_db()
    assert (feed.state, feed.reason, feed.cursor) == ("paused", "by_hand", "reached")
    assert stopped_feeds(alice) == 0


def test_the_clock_asks_each_at_its_own_minute_and_opens_nothing(alice):
    feed = connected(alice)
    for number in range(3):
        connected(alice, f"https://{number}.example/")
    paused = pause_feed(alice, feeds_of(alice)[3])
    before = timezone.now()
    Event.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        assert ask_all() == 3
    assert not any("base" in each["sql"] or "token" in each["sql"] for each in queries)
    due = Event.objects.filter(name="FeedDue")
    assert all(before <= each.not_before <= before + timedelta(hours=1) for each in due)
    assert str(paused.pk) not in str(list(due.values_list("facts", flat=True)))
    Feed.objects.filter(pk=feed.pk).update(tried_at=timezone.now() - timedelta(minutes=20))
    assert begin_sync(feed.pk, by_hand=False) is None


def test_nothing_more_comes_in_for_somebody_who_is_leaving(alice):
    feed = connected(alice)
    type(alice).objects.filter(pk=alice.pk).update(leaving_at=timezone.now())
    assert ask_all() == 0
    assert begin_sync(feed.pk, by_hand=True) is None


def test_addresses_that_lead_inside_and_tokens_in_clear_are_refused(alice):
    for base in ("", "memeos", "ftp://e.org", "https://e.org/?x=1", "https://e.org/#a"):
        with pytest.raises(NoFeedAddress):
            add_feed(alice, base=base)
    for base in ("http://127.0.0.1/", "http://[::1]/", "https://10.0.0.1/", "http://localhost./"):
        with pytest.raises(AddressRefused):
            add_feed(alice, base=base)
    with pytest.raises(TokenInClear):
        add_feed(alice, base="http://memeos.example/", token=TOKEN)
    for token in ("sésame", "two words", "line\nfeed"):
        with pytest.raises(NoToken):
            add_feed(alice, base="https://memeos.example/", token=token)
    assert not Feed.objects.exists()
    for number in range(10):
        add_feed(alice, base=f"https://{number}.example/")
    with pytest.raises(TooManyFeeds):
        add_feed(alice, base="https://eleven.example/")


def test_one_that_leads_inside_only_when_asked_is_paused(alice):
    feed = connected(alice)
    with serving(told({"items": []})) as site:
        lead(feed, site.url)
        sync_feed(feed.pk, by_hand=True)
        assert site.asked == []
    feed.refresh_from_db()
    assert (feed.state, feed.reason) == ("paused", "refused_address")


def test_a_source_goes_with_its_token_and_leaves_its_links(alice, charlie):
    feed = synced(connected(alice), told({"items": [link(1)]}))
    with pytest.raises(Missing):
        remove_feed(charlie, feed)
    with pytest.raises(Missing):
        pause_feed(charlie, feed)
    remove_feed(alice, feed)
    item = Item.objects.get()
    assert (item.feed_id, item.external_key, item.captured_by) == (None, None, "feed")
    sync_feed(feed.pk, by_hand=True, rules=HERE)
    assert not Feed.objects.exists()


def test_asked_twice_in_a_minute_it_is_asked_once(alice):
    feed = synced(connected(alice), told({"items": []}))
    with pytest.raises(SyncedJustNow):
        ask_for_sync(alice, feed)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        ask_for_sync(alice, feed)


def test_a_token_stands_nowhere_in_clear(alice):
    feed = synced(connected(alice), told({"items": [link(1)]}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT base, token, cursor FROM download_feed WHERE id = %s", [feed.pk])
        stored = b"".join(bytes(value) for value in cursor.fetchone())
    assert TOKEN.encode() not in stored and b"127.0.0.1" not in stored
    assert TOKEN not in json.dumps(list(Event.objects.values_list("facts", flat=True)))


def test_as_many_queries_for_forty_rows_as_for_three(alice):
    def cost(count):
        feed = connected(alice, f"https://c{count}.example/")
        rows = [
            link(f"{count}-{n}", tags=["a"], next_review_date="2026-12-24") for n in range(count)
        ]
        with CaptureQueriesContext(connection) as queries:
            synced(feed, told({"items": rows, "gone": [f"b{count}-{n}" for n in range(count)]}))
        return len(queries)

    cost(2)  # the first makes the library and the tag
    assert cost(40) <= cost(3) + 1
