"""Sources of links: connecting one, reading what changed there page by page, and what to do when it fails."""

import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from download import addresses
from download.actions.imports import want
from download.actions.items import locked
from download.actions.taking_in import Batch, external_key, write_links
from download.formats.found import Row
from download.memeos import Gone, HttpLibrary, Library, Trouble, pages
from download.models.feeds import COUNTED, Feed
from download.models.items import NOTE_CHARS, Item
from writeorperish.audit.log import Act, record, record_many
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.events.catalog import FeedDue, Genre, TextRewritten
from writeorperish.events.outbox import emit
from writeorperish.ops.egress import PUBLIC, AddressRefused, Rules, is_public
from writeorperish.ops.refusals import Conflict, Invalid, Missing, TooMuch
from writeorperish.ops.states import move
from writeorperish.refs import Ref

MOST_FEEDS: Final = 10
# What a header of HTTP can carry.
TOKEN: Final = re.compile(r"[!-~]*")
MOST_FAILURES: Final = 10
BATCH: Final = 200
LEASE: Final = timedelta(minutes=30)
# The clock asks every hour; what was read shortly before, by hand or late, is left until the next.
RESTS: Final = timedelta(minutes=30)
SPREAD_SECONDS: Final = 3_000
ASKED_EVERY: Final = timedelta(minutes=1)
FACTS_AT_ONCE: Final = 500
State = Feed.State


class TooManyFeeds(Conflict):
    code = "too_many_feeds"
    words = _("You have ten sources. Remove one first.")


class NoFeedAddress(Invalid):
    code = "address_refused"
    words = _("Give the address of the library as https://example.org, without a question mark.")


class TokenInClear(Invalid):
    code = "token_in_clear"
    words = _(
        "A token goes to an address that begins with https:// only; else anybody could read it."
    )


class NoToken(Invalid):
    code = "bad_token"
    words = _("A token is made of letters, digits and signs without accents or spaces.")


class SyncedJustNow(TooMuch):
    code = "asked_just_now"
    words = _("This source was asked for a moment ago. It can be read again in a minute.")


def feeds_of(person: AbstractUser) -> QuerySet[Feed]:
    """The person's sources, oldest first."""
    return Feed.objects.filter(owner=person.pk).order_by("created_at", "id")


# --- what its person does ----------------------------------------------------------------------


@transaction.atomic
def add_feed(
    person: AbstractUser, *, base: str, token: str = "", kind: str = Feed.Kind.MEMEOS
) -> Feed:
    """The source, connected and about to be read. NoFeedAddress, AddressRefused, NoToken, TokenInClear, TooManyFeeds."""
    place = place_of(base, token)
    locked(person)
    if feeds_of(person).count() >= MOST_FEEDS:
        raise TooManyFeeds
    feed = Feed.objects.create(owner_id=person.pk, kind=kind, base=place, token=token.strip())
    record(person, "feed.add", Ref.to(feed), of=person.pk)
    emit(FeedDue(Ref.to(feed), person.pk, by_hand=True))
    return feed


def place_of(base: str, token: str) -> str:
    """The address to ask, where there may be one there. Names are looked up when it is asked."""
    place = addresses.address(base.strip())
    if place is None or set("?#") & set(place):
        raise NoFeedAddress
    host = (urlsplit(place).hostname or "").rstrip(".")
    with suppress(ValueError):
        if not is_public(ipaddress.ip_address(host)):
            raise AddressRefused
    if host == "localhost" or host.endswith(".localhost"):
        raise AddressRefused
    if not TOKEN.fullmatch(token.strip()):
        raise NoToken
    if token.strip() and not place.lower().startswith("https://"):
        raise TokenInClear
    return place


@transaction.atomic
def pause_feed(person: AbstractUser, feed: Feed) -> Feed:
    """The source is not read until its person says so. Its links stay."""
    feed = move(own(person, feed), State.PAUSED, reason=Feed.Reason.BY_HAND, sync_until=None)
    record(person, "feed.pause", Ref.to(feed), of=person.pk)
    return feed


@transaction.atomic
def resume_feed(person: AbstractUser, feed: Feed, *, token: str | None = None) -> Feed:
    """The source is read again, from where it stood; with another token if one is given. NoToken, TokenInClear."""
    feed = own(person, feed)
    token = feed.token if token is None else token.strip()
    place_of(feed.base, token)
    feed = move(
        feed,
        State.CONNECTED,
        failures=0,
        reason="",
        retry_at=None,
        sync_until=None,
        token=token,
    )
    record(person, "feed.resume", Ref.to(feed), of=person.pk)
    emit(FeedDue(Ref.to(feed), person.pk, by_hand=True))
    return feed


@transaction.atomic
def ask_for_sync(person: AbstractUser, feed: Feed) -> Feed:
    """The source is about to be read. SyncedJustNow within a minute, Conflict while it is paused."""
    feed = own(person, feed)
    if feed.state == State.PAUSED:
        raise Conflict("wrong_state", state=feed.state)
    now = timezone.now()
    if feed.tried_at is not None and feed.tried_at > now - ASKED_EVERY:
        wait = feed.tried_at + ASKED_EVERY - now
        raise SyncedJustNow(retry_after_seconds=int(wait.total_seconds()) + 1)
    emit(FeedDue(Ref.to(feed), person.pk, by_hand=True))
    return feed


@transaction.atomic
def remove_feed(person: AbstractUser, feed: Feed) -> None:
    """The source is gone with its address and token. The links it brought stay, as the person's own."""
    feed = own(person, feed)
    Item.objects.filter(feed=feed).update(feed=None, external_key=None)
    record(person, "feed.remove", Ref.to(feed), of=person.pk)
    feed.delete()


def own(person: AbstractUser, feed: Feed) -> Feed:
    current = feeds_of(person).select_for_update().filter(pk=feed.pk).first()
    if current is None:
        raise Missing
    return current


# --- the clock ---------------------------------------------------------------------------------


def ask_all() -> int:
    """How many sources are about to be read, spread over the hour. Opens none of their columns."""
    waiting = standing().exclude(state=State.PAUSED).order_by("pk")
    rows = waiting.values_list("pk", "owner_id").iterator(chunk_size=FACTS_AT_ONCE)
    total = 0
    while some := list(islice(rows, FACTS_AT_ONCE)):
        with transaction.atomic():
            for pk, owner in some:
                # Each at its own minute of every hour, so that no other side is asked by all at once.
                later = timedelta(seconds=pk.int % SPREAD_SECONDS)
                fact = FeedDue(Ref(Feed._meta.label_lower, pk), owner)
                emit(fact, not_before=timezone.now() + later)
        total += len(some)
    return total


def standing() -> QuerySet[Feed]:
    """The sources of those who are not leaving."""
    return Feed.objects.filter(owner__leaving_at__isnull=True)


def sync_feed(feed_id: UUID, *, by_hand: bool = False, rules: Rules = PUBLIC) -> None:
    """The source is read as far as it told something. Harmless twice; one worker at a time.

    The network is asked outside any transaction. What is told up to a cursor is kept with it, so that what
    breaks off goes on there.
    """
    feed = begin_sync(feed_id, by_hand=by_hand)
    if feed is None:
        return
    try:
        library = HttpLibrary(feed.base, feed.token, rules=rules)
        cursor = feed.cursor
    except CannotOpen:
        end_badly(feed, Trouble("unreadable", refused=True))
        return
    take_all(feed, library, cursor)


def take_all(feed: Feed, library: Library, cursor: str) -> None:
    try:
        for rows, reached in pages(library.changes(cursor or None)):
            if not take_page(feed, rows, reached.value if reached else None):
                return
    except Trouble as trouble:
        end_badly(feed, trouble)
        return
    end_well(feed)


def begin_sync(feed_id: UUID, *, by_hand: bool) -> Feed | None:
    """The source, held by this worker; None when it is gone, paused, resting, or held by another."""
    now = timezone.now()
    with transaction.atomic():
        feed = standing().select_for_update(of=("self",)).filter(pk=feed_id).first()
        if feed is None or feed.state == State.PAUSED:
            return None
        if feed.state == State.SYNCING and feed.sync_until and feed.sync_until > now:
            return None
        if feed.retry_at is not None and feed.retry_at > now:
            return None
        if not by_hand and feed.tried_at is not None and feed.tried_at > now - RESTS:
            return None
        return move(feed, State.SYNCING, tried_at=now, retry_at=None, sync_until=now + LEASE)


def take_page(feed: Feed, rows: Sequence[Row | Gone], cursor: str | None) -> bool:
    """Whether these rows are links now and the reading stands at the cursor; False when it is no more this worker's."""
    links = [row for row in rows if not isinstance(row, Gone)]
    gone = [row.id for row in rows if isinstance(row, Gone)]
    for at in range(0, len(links), BATCH):
        if not take_rows(feed, links[at : at + BATCH]):
            return False
    for at in range(0, len(gone), BATCH):
        if not archive(feed, gone[at : at + BATCH]):
            return False
    return advance(feed, cursor)


@transaction.atomic
def take_rows(feed: Feed, rows: Sequence[Row]) -> bool:
    """Rows as links, by the judgement of imports: known by their name there, else by their address."""
    library = locked(feed.owner)
    current = held(feed)
    if current is None:
        return False
    batch = Batch(current, library)
    judged = batch.judge([numbered(row, n) for n, row in enumerate(rows, start=1)])
    write_links(batch)
    count(current, Counter(str(each.outcome) for each in judged))
    return True


def numbered(row: Row, ordinal: int) -> Row:
    """The row with its place among those it is judged with."""
    return replace(row, ordinal=ordinal)


@transaction.atomic
def archive(feed: Feed, names: Sequence[str]) -> bool:
    """What is gone there and came from there is archived here, with a note saying so; nothing is erased.

    Links that somebody kept themselves stay as they are. Four queries.
    """
    locked(feed.owner)
    current = held(feed)
    if current is None:
        return False
    keys = [external_key(current, name) for name in names]
    rows = Item.objects.filter(feed=current, external_key__in=keys, deleted_at__isnull=True)
    standing = rows.exclude(reading=Item.Reading.ARCHIVED)
    ids = list(standing.values_list("pk", flat=True))
    put_away(feed.owner, list(Item.objects.filter(pk__in=ids).select_for_update()))
    count(current, Counter(archived=len(ids), unchanged=len(names) - len(ids)))
    return True


def put_away(person: AbstractUser, items: Sequence[Item]) -> None:
    """These links, archived and saying why. Sealed columns are sealed by inserting only, hence the conflict."""
    if not items:
        return
    now = timezone.now()
    since = date_format(timezone.localtime(now), "j F Y")
    why = gettext("No longer in the source since %(date)s.") % {"date": since}
    for item in items:
        note = f"{item.note}\n\n{why}".strip()
        item.note = note if len(note) <= NOTE_CHARS else item.note
        item.reading = Item.Reading.ARCHIVED
        item.rev += 1
        item.version += 1
        item.updated_at = now
    Item.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["note", "reading", "rev", "version", "updated_at"],
    )
    record_many([Act(person, "edit", item.ref, person.pk) for item in items])
    emit(*(TextRewritten(item.ref, person.pk, Genre.READING) for item in items))


@transaction.atomic
def advance(feed: Feed, cursor: str | None) -> bool:
    """The reading stands at this cursor; where it was, without one. Its worker has another half hour."""
    current = held(feed)
    if current is None:
        return False
    current.cursor = cursor if cursor is not None else current.cursor
    current.sync_until = timezone.now() + LEASE
    current.save(update_fields=["cursor", "sync_until"])
    return True


def held(feed: Feed) -> Feed | None:
    """The source, locked, as long as it is this worker's."""
    mine = Feed.objects.filter(pk=feed.pk, state=State.SYNCING, version=feed.version)
    return mine.select_related("owner").select_for_update(of=("self",)).first()


def count(feed: Feed, outcomes: Counter[str]) -> None:
    """Each thing told is counted once, by what became of it."""
    for name in COUNTED:
        setattr(feed, name, getattr(feed, name) + outcomes[name])
    feed.seen += sum(outcomes.values())
    feed.save(update_fields=["seen", *COUNTED])


def end_well(feed: Feed) -> None:
    """The source is up to date, and the pages of what it brought are wanted."""
    before = feed.last_ok or feed.created_at
    with suppress(Conflict), transaction.atomic():
        move(
            feed,
            State.OK,
            expected_version=feed.version,
            failures=0,
            reason="",
            last_ok=timezone.now(),
            sync_until=None,
        )
        fresh = Item.objects.filter(feed=feed, created_at__gte=before, deleted_at__isnull=True)
        want(fresh.filter(fetch=Item.Fetch.PENDING), feed.owner_id)


def end_badly(feed: Feed, trouble: Trouble) -> None:
    """The source failed once more, or is paused: at once where it refuses us, else after ten times."""
    failures = feed.failures + 1
    paused = trouble.refused or failures >= MOST_FAILURES
    wait = timedelta(seconds=trouble.retry_after_seconds)
    retry_at = timezone.now() + wait if wait else None
    with suppress(Conflict), transaction.atomic():
        move(
            feed,
            State.PAUSED if paused else State.FAILING,
            expected_version=feed.version,
            failures=failures,
            reason=trouble.code,
            retry_at=retry_at,
            sync_until=None,
        )


def stopped_feeds(person: AbstractUser) -> int:
    """How many of the person's sources were paused by themselves, which their person should know."""
    rows = feeds_of(person).filter(state=State.PAUSED).exclude(reason=Feed.Reason.BY_HAND)
    return rows.count()
