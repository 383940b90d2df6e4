"""Keeping the text of a link's page: its revisions, and where the highlights in it went."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from download.actions.highlights import anchor_anew
from download.models.items import TITLE_CHARS, Item, Page
from writeorperish.crypto import blind, keys

KEPT_REVISIONS: Final = 3
HEAD_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """The text of a page as it came, before it is kept."""

    text: str = field(repr=False)
    origin: str
    quality: str = Page.Quality.GOOD
    title: str = field(default="", repr=False)
    byline: str = field(default="", repr=False)
    site: str = field(default="", repr=False)
    published_on: date | None = None
    lang: str = ""


@transaction.atomic
def keep_page(item: Item, copy: Copy) -> Page:
    """The link's page with this text: the standing one when it says the same, else a new revision.

    Saves the link one revision on, with its fetching at an end; the caller, who holds its lock, tells of
    it. Of older copies the newest three stay, and those a highlight is in.
    """
    holder = keys.person(item.owner_id)
    digest = blind.digest(holder, b"page", copy.text.encode())
    standing = item.page
    if standing is not None and bytes(standing.digest) == digest:
        standing.fetched_at = timezone.now()
        standing.save(update_fields=["fetched_at"])
        end_fetch(item, standing)
        return standing
    last = item.pages.aggregate(last=Max("revision"))["last"] or 0
    page = Page(
        owner_id=item.owner_id,
        item=item,
        revision=last + 1,
        text=copy.text,
        title=copy.title[:TITLE_CHARS],
        byline=copy.byline[:TITLE_CHARS],
        site=copy.site[:TITLE_CHARS],
        published_on=copy.published_on,
        lang=copy.lang[:12],
        words=len(copy.text.split()),
        digest=digest,
        head_digest=blind.digest(holder, b"head", copy.text[:HEAD_CHARS].encode()),
        origin=copy.origin,
        quality=copy.quality,
    )
    page.save(force_insert=True)
    item.page = page
    item.rev += 1
    end_fetch(item, page)
    anchor_anew(item, page)
    drop_old_pages(item)
    return page


def end_fetch(item: Item, page: Page) -> None:
    """The link saved with this page, nothing more to be fetched."""
    suspicious = page.quality == Page.Quality.SUSPICIOUS
    item.fetch = Item.Fetch.SUSPICIOUS if suspicious else Item.Fetch.FETCHED
    item.fetch_reason, item.fetch_tries, item.fetch_until = "", 0, None
    item.version += 1
    item.updated_at = timezone.now()
    item.save(
        update_fields=[
            *("page", "rev", "fetch", "fetch_reason", "fetch_tries", "fetch_until"),
            *("version", "updated_at"),
        ]
    )


def drop_old_pages(item: Item) -> None:
    newest = item.pages.order_by("-revision").values_list("pk", flat=True)[:KEPT_REVISIONS]
    item.pages.exclude(pk__in=list(newest)).filter(highlights__isnull=True).delete()
