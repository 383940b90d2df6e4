"""Keeping the text of a link's page: its revisions, and where the highlights in it went."""

from dataclasses import replace
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from download.actions.highlights import anchor_anew
from download.fetching import Copy
from download.models.items import TITLE_CHARS, Item, Page
from writeorperish.crypto import blind, keys

KEPT_REVISIONS: Final = 3
HEAD_CHARS: Final = 500


@transaction.atomic
def keep_page(item: Item, copy: Copy, *, keep_good: bool = False) -> Page | None:
    """The link's page with this text: the standing one when it says the same, else a new revision.

    A text that begins like another page of the person's on the same site is suspicious. With `keep_good` a
    suspicious one is not kept: None, and nothing is saved.

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
    head_digest = blind.digest(holder, b"head", copy.text[:HEAD_CHARS].encode())
    copy = compared(item, copy, head_digest)
    if keep_good and copy.quality == Page.Quality.SUSPICIOUS:
        return None
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
        head_digest=head_digest,
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


def compared(item: Item, copy: Copy, head_digest: bytes) -> Copy:
    """The copy, suspicious when a fetched page of another link of this site begins with the same words."""
    if copy.origin != Page.Origin.FETCHED or item.site_key is None:
        return copy
    twins = Page.objects.filter(owner=item.owner_id, head_digest=head_digest, origin=copy.origin)
    twins = twins.filter(item__site_key=item.site_key).exclude(item=item)
    return replace(copy, quality=Page.Quality.SUSPICIOUS) if twins.exists() else copy


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
