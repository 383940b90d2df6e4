"""Getting the pages of kept links: in turn, once at a time, again when it may help."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from download import addresses
from download.actions.items import own_locked
from download.actions.pages import keep_page
from download.fetching import Copy, NoPage, page_at
from download.models.items import Item, Page
from writeorperish.audit.log import record
from writeorperish.events.catalog import Genre, PageWanted, TextRewritten
from writeorperish.events.outbox import emit
from writeorperish.ops import limits
from writeorperish.ops.egress import PUBLIC, Rules
from writeorperish.ops.refusals import Invalid, TooMuch

LEASE: Final = timedelta(minutes=2)
ASKED_EVERY: Final = timedelta(minutes=10)
LADDER: Final = (timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=6))


class NoAddress(Invalid):
    code = "no_address"
    words = _("This text has no address to fetch from.")


class AskedJustNow(TooMuch):
    code = "asked_just_now"
    words = _("This page was asked for a moment ago. It can be fetched again in ten minutes.")


@transaction.atomic
def ask_for_page(person: AbstractUser, item: Item) -> Item:
    """The link with its page to be fetched, once in ten minutes; the copy it has stays until there is a new one."""
    current = own_locked(person, item)
    if not current.url:
        raise NoAddress
    now = timezone.now()
    if current.fetch_asked_at is not None and current.fetch_asked_at > now - ASKED_EVERY:
        wait = current.fetch_asked_at + ASKED_EVERY - now
        raise AskedJustNow(retry_after_seconds=int(wait.total_seconds()) + 1)
    settle(current, Item.Fetch.PENDING, asked_at=now)
    record(person, "edit", current.ref, of=person.pk)
    emit(PageWanted(current.ref, current.owner_id))
    return current


def fetch_page(item_id: UUID, *, paced: bool, rules: Rules = PUBLIC) -> None:
    """The link has the text of its page, or says why not. Harmless twice; comes back by itself when not yet its turn.

    One request to a host in two seconds, 300 of one person in an hour. The network is asked outside any
    transaction, and what the person did meanwhile stands.
    """
    item = wanted(item_id)
    if item is None or not (paced or has_turn(item)):
        return
    lease = take(item)
    if lease is None:
        return
    try:
        copy = page_at(item.url or "", rules=rules)
    except NoPage as refusal:
        give_up(item, lease, refusal)
    else:
        deliver(item, lease, copy)


def wanted(item_id: UUID) -> Item | None:
    """The link, if its page is to be fetched: asked for, left by a worker that died, or due for another try."""
    item = Item.objects.filter(pk=item_id, deleted_at__isnull=True).first()
    return item if item is not None and item.url and is_due(item) else None


def is_due(item: Item) -> bool:
    if item.fetch == Item.Fetch.FETCHING:
        return item.fetch_until is None or item.fetch_until < timezone.now()
    again = item.fetch == Item.Fetch.FAILED and 0 < item.fetch_tries <= len(LADDER)
    return again or item.fetch == Item.Fetch.PENDING


def has_turn(item: Item) -> bool:
    """Whether it is this link's turn now; when it is not, it is wanted again at its turn."""
    own = limits.take("fetch", item.owner_id)
    if not own.allowed:
        want_later(item, own.retry_after_seconds, paced=False)
        return False
    host = limits.take("fetch_host", addresses.host_of(item.url or ""))
    wait = host.starts_in_seconds if host.allowed else host.retry_after_seconds
    if wait > 0:
        want_later(item, wait, paced=host.allowed)
    return wait <= 0


@transaction.atomic
def want_later(item: Item, seconds: float, *, paced: bool) -> None:
    at = timezone.now() + timedelta(seconds=seconds)
    emit(PageWanted(item.ref, item.owner_id, paced), not_before=at)


@transaction.atomic
def take(item: Item) -> datetime | None:
    """Until when this worker has the link; None when another has it or nobody wants its page any more."""
    current = Item.objects.select_for_update().get(pk=item.pk)
    if current.deleted_at is not None or not is_due(current):
        return None
    until = timezone.now() + LEASE
    settle(current, Item.Fetch.FETCHING, until=until, tries=current.fetch_tries)
    return until


def held(item: Item, lease: datetime) -> Item | None:
    """The link locked, if it is still this worker's."""
    rows = Item.objects.select_for_update(of=("self",)).select_related("page")
    return rows.filter(
        pk=item.pk, deleted_at__isnull=True, fetch=Item.Fetch.FETCHING, fetch_until=lease
    ).first()


@transaction.atomic
def give_up(item: Item, lease: datetime, refusal: NoPage) -> None:
    """The link says why it has no new text; for what may pass it is tried again, three times."""
    current = held(item, lease)
    if current is None:
        return
    tries = current.fetch_tries + 1 if refusal.passing else 0
    fail(current, refusal.reason, tries)
    record(None, "fetch", current.ref, of=current.owner_id, detail={"reason": refusal.reason.value})
    if 0 < tries <= len(LADDER):
        wait = max(LADDER[tries - 1].total_seconds(), refusal.retry_after_seconds)
        want_later(current, wait, paced=False)


@transaction.atomic
def deliver(item: Item, lease: datetime, copy: Copy) -> None:
    """The link has this text, unless it had one that is not to be replaced by it."""
    current = held(item, lease)
    if current is None:
        return
    before = current.rev
    page = current.page
    by_hand = current.fetch_asked_at is not None
    given = page is not None and page.origin != Page.Origin.FETCHED
    worse = page is not None and page.quality == Page.Quality.GOOD
    if given and not by_hand:
        settle(current, Item.Fetch.FETCHED)
        return
    page = keep_page(current, copy, keep_good=worse)
    if page is None:
        fail(current, Item.Reason.UNREADABLE, 0)
    record(None, "fetch", current.ref, of=current.owner_id)
    if current.rev != before:
        emit(TextRewritten(current.ref, current.owner_id, Genre.READING))


def fail(item: Item, reason: Item.Reason, tries: int) -> None:
    settle(item, Item.Fetch.FAILED, reason=reason.value, tries=tries)


def settle(
    item: Item,
    to: Item.Fetch,
    *,
    reason: str = "",
    tries: int = 0,
    until: datetime | None = None,
    asked_at: datetime | None = None,
) -> None:
    """The link saved at this place of its fetching."""
    item.fetch, item.fetch_reason, item.fetch_tries, item.fetch_until = to, reason, tries, until
    item.fetch_asked_at = asked_at or item.fetch_asked_at
    item.version += 1
    item.updated_at = timezone.now()
    item.save(
        update_fields=[
            *("fetch", "fetch_reason", "fetch_tries", "fetch_until", "fetch_asked_at"),
            *("version", "updated_at"),
        ]
    )
