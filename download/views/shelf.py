"""Links as lists show them, and the pages of a list."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.http import Request
from download import addresses
from download.actions.naming import title_of
from download.models.items import Highlight, HighlightQuerySet, Item, ItemQuerySet
from writeorperish.crypto.fields import open_rows
from writeorperish.ops.refusals import Missing

PAGE = 30
WORDS_A_MINUTE = 230  # Brysbaert 2019, silent reading of English prose


@dataclass(frozen=True, slots=True)
class Card:
    """A link in a list. `closed`: its words do not open any more."""

    item: Item
    title: str
    site: str
    tags: Sequence[str]
    noted: bool
    minutes: int
    reason: str | Promise
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Links that were kept in one stretch of time."""

    words: str
    cards: Sequence[Card]


def cards_of(items: Sequence[Item]) -> list[Card]:
    closed = open_rows(items)
    return [card(item, closed=item.pk in closed) for item in items]


def card(item: Item, *, closed: bool = False) -> Card:
    if closed:
        return Card(item, "", "", (), noted=False, minutes=0, reason="", closed=True)
    return Card(
        item,
        title=title_of(item),
        site=site_of(item),
        tags=sorted(tag.name for tag in item.tags.all()),
        noted=bool(item.note.strip()),
        minutes=minutes_of(item),
        reason=Item.Reason(item.fetch_reason).label if item.fetch_reason else "",
    )


def site_of(item: Item) -> str:
    return addresses.host_of(item.url).removeprefix("www.") if item.url else ""


def minutes_of(item: Item) -> int:
    """How long the page takes to read; 0 without a text."""
    words = item.page.words if item.page is not None else 0
    return max(1, round(words / WORDS_A_MINUTE)) if words else 0


def grouped(cards: Iterable[Card], today: date) -> Iterator[Group]:
    for words, group in groupby(
        cards, lambda card: when(timezone.localdate(card.item.saved_at), today)
    ):
        yield Group(words, list(group))


def when(on: date, today: date) -> str:
    """Today, yesterday, this week, else the month."""
    ago = (today - on).days
    if ago <= 0:
        return _("Today")
    if ago == 1:
        return _("Yesterday")
    if on >= today - timedelta(days=today.weekday()):
        return _("This week")
    return date_format(on, "F Y")


def page_of(
    rows: ItemQuerySet, column: str, before: str, *, size: int = PAGE
) -> tuple[list[Item], str]:
    """The links after the cursor, the latest first, and the cursor of the next page, empty at the end."""
    ordered = rows.for_list().order_by(f"-{column}", "-id")
    mark = parsed(before)
    if mark:
        at, ident = mark
        earlier = Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": ident})
        ordered = ordered.filter(earlier)
    found = list(ordered[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], cursor(getattr(last, column), last.pk) if last else ""


def marks_page(
    rows: HighlightQuerySet, before: str, *, size: int = PAGE
) -> tuple[list[Highlight], str]:
    """As `page_of`, of highlights by when they were made."""
    ordered = rows.with_item().order_by("-made_at", "-id")
    mark = parsed(before)
    if mark:
        at, ident = mark
        ordered = ordered.filter(Q(made_at__lt=at) | Q(made_at=at, id__lt=ident))
    found = list(ordered[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], cursor(last.made_at, last.pk) if last else ""


def cursor(at: datetime, ident: UUID) -> str:
    return f"{at.timestamp():.6f}_{ident}"


def parsed(text: str) -> tuple[datetime, UUID] | None:
    """The place a cursor names, or None: a broken one shows the first page."""
    at, _line, ident = text.partition("_")
    try:
        return datetime.fromtimestamp(float(at), tz=UTC), UUID(ident)
    except (ValueError, OverflowError, OSError):
        return None


def own_item(request: Request, item_id: UUID) -> Item:
    """The person's living link with its page. Missing when there is none."""
    rows = Item.objects.editable_by(request.user).select_related("page").prefetch_related("tags")
    item = rows.filter(pk=item_id).first()
    if item is None:
        raise Missing
    return item


def deleted_item(request: Request, item_id: UUID) -> Item:
    item = Item.objects.deleted_by(request.user).filter(pk=item_id).first()
    if item is None:
        raise Missing
    return item


def own_rows(person: AbstractUser) -> ItemQuerySet:
    return Item.objects.visible_to(person).filter(owner=person.pk)
