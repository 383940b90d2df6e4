"""Rows of a file as links, two hundred at a time: one look at what stands, one judgement, one write of each kind."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.utils import timezone

from download import addresses, anchoring
from download.actions import items
from download.actions.pages import HEAD_CHARS
from download.actions.remembering import Told, reps_of, take_over, told_by, utc_today
from download.formats.found import Bad, Found, Mark, Row
from download.merging import Change, Standing, folded, take_in
from download.models.feeds import Feed
from download.models.imports import Import, ImportRow
from download.models.items import (
    NOTE_CHARS,
    QUOTE_CHARS,
    TITLE_CHARS,
    Highlight,
    Item,
    Library,
    Page,
)
from download.models.reviews import Card
from writeorperish.audit.log import Act, record_many
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre, ItemSaved, TextRewritten, TextWritten
from writeorperish.events.facts import Fact
from writeorperish.events.outbox import emit
from writeorperish.ops.once import uuid_or_none
from writeorperish.privacy.levels import AIUsage
from writeorperish.refs import new_id

# Their folders became tags joined with a slash.
WITH_FOLDERS: Final = frozenset(["netscape", "raindrop"])
# Our own files name links by their ids, which they keep where these are free.
OWN: Final = frozenset(["memeos", "csv"])
GIVEN: Final = frozenset([Page.Origin.PASTED.value, Page.Origin.PUSHED.value])
Outcome = ImportRow.Outcome
Through: TypeAlias = Any


@dataclass(slots=True, repr=False)
class Kept:
    """A link during one batch: its row, what stands of it, its marks by id, and what this batch adds.

    `trashed`: it is in the trash, and stays as it is.
    """

    item: Item
    standing: Standing
    marks: dict[str, str] = field(default_factory=dict)
    new: bool = False
    trashed: bool = False
    touched: bool = False
    said: bool = False
    tags: list[int] = field(default_factory=list)
    text: str = ""
    wanted: list[Highlight] = field(default_factory=list)
    remembered: list[tuple[Item | Highlight, Told]] = field(default_factory=list)
    page_before: str = ""
    page_given: str = ""


@dataclass(slots=True, repr=False)
class Placed:
    """A row with the key of the link it is about, its address and the tokens of its tags."""

    row: Found
    key: bytes
    url: str | None
    tags: list[int]
    told: Told | None = None
    external: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """A row and what became of it, or would."""

    row: Row
    outcome: Outcome
    reason: str = ""
    kept: Kept | None = None
    change: Change | None = None
    written: bytes | None = None
    before: dict[str, Any] | None = None


class Batch:
    """The links that the rows of one batch are about, as they stand and as they become.

    `run` is what brings the rows: a file, or a source that names them by names of its own.
    `seen` carries them on to the next batch where nothing is written, in a check.
    """

    def __init__(
        self, run: Import | Feed, library: Library, seen: dict[bytes, Kept] | None = None
    ) -> None:
        self.run = run
        self.owner: AbstractUser = run.owner
        self.library = library
        self.holder = keys.person(run.owner_id)
        self.now = timezone.now()
        self.kept: dict[bytes, Kept] = {} if seen is None else seen
        self.names: dict[int, str] = {}
        self.taken: set[UUID] = set()
        self.today = utc_today()
        self.last_id = UUID(int=0)

    def judge(self, rows: Sequence[Row]) -> list[Judged]:
        """What becomes of each row, in its order. Five queries for all."""
        placed = self.placed([row for row in rows if isinstance(row, Found)])
        self.find_by_id(placed.values())
        if isinstance(self.run, Feed):
            self.find_by_name(self.run, placed.values())
        missing = [each.key for each in placed.values() if each.key not in self.kept]
        self.kept.update(standing_of(self.run.owner_id, missing))
        return [self.outcome_of(row, placed.get(row.ordinal)) for row in rows]

    def find_by_id(self, placed: Collection[Placed]) -> None:
        """Which ids are taken. A text without an address that was named anew since is known again by its own."""
        ids = [id for each in placed if (id := uuid_or_none(each.row.key))]
        found = dict(Item.objects.filter(pk__in=ids).values_list("pk", "url_key"))
        self.taken |= set(found)
        if self.run.format not in OWN:
            return
        mine = Item.objects.filter(pk__in=ids, owner=self.run.owner_id, url__isnull=True)
        named = set(mine.values_list("pk", flat=True))
        for each in placed:
            id = uuid_or_none(each.row.key)
            if each.url is None and id in named:
                each.key = bytes(found[id])

    def find_by_name(self, feed: Feed, placed: Collection[Placed]) -> None:
        """What the source has told of before is the link that came of it, whatever its address is now."""
        for each in placed:
            each.external = external_key(feed, each.row.key) if each.row.key else None
        wanted = [each.external for each in placed if each.external]
        rows = Item.objects.filter(feed=feed, external_key__in=wanted)
        found = rows.values_list("external_key", "url_key")
        known = {bytes(key): bytes(url) for key, url in found if key is not None}
        for each in placed:
            if each.external:
                each.key = known.setdefault(each.external, each.key)

    def placed(self, rows: Sequence[Found]) -> dict[int, Placed]:
        """By ordinal the rows that can be links."""
        tags = {row.ordinal: self.tags_of(row) for row in rows}
        spelled = list(dict.fromkeys(key for names in tags.values() for key in names))
        tokens = dict(zip(spelled, items.tag_keys_of(self.run.owner_id, spelled), strict=True))
        for names in tags.values():
            for key, name in names.items():
                self.names.setdefault(tokens[key], name)
        found: dict[int, Placed] = {}
        for row in rows:
            url = addresses.address(row.url) if row.url.strip() else None
            if url is None and (row.url.strip() or not (row.title.strip() or row.text.strip())):
                continue
            of_row = [tokens[key] for key in tags[row.ordinal]]
            told = told_by(row.review, saved_at=row.saved_at, today=self.today)
            found[row.ordinal] = Placed(row, self.key_of(row, url), url, of_row, told)
        return found

    def tags_of(self, row: Found) -> dict[str, str]:
        """Key and name of each tag, in order; how many a link may have is decided by what it has."""
        folders = self.run.last_level and self.run.format in WITH_FOLDERS
        given = [tag.rsplit("/", 1)[-1] for tag in row.tags] if folders else row.tags
        found: dict[str, str] = {}
        for tag in given:
            if tidy := items.tidied(tag):
                found.setdefault(items.tag_key(tidy), tidy)
        return found

    def key_of(self, row: Found, url: str | None) -> bytes:
        if url is None and not row.title.strip():
            # Named by nothing else, it is known again by its words.
            return blind.digest(self.holder, b"unnamed", row.text.strip().encode())
        given = items.Found(title=row.title[:TITLE_CHARS], author=row.author)
        return items.key_of(self.run.owner_id, url, given)

    def outcome_of(self, row: Row, placed: Placed | None) -> Judged:
        if isinstance(row, Bad):
            return Judged(row, Outcome.FAILED, row.reason)
        if placed is None:
            unkept = (Outcome.SKIPPED, "not_http") if row.url.strip() else (Outcome.FAILED, "empty")
            return Judged(row, *unkept)
        kept = self.kept.get(placed.key)
        if kept is None:
            return self.created(placed)
        if kept.trashed:
            return Judged(row, Outcome.SKIPPED, "in_trash", kept)
        change = self.taken_in(kept, placed)
        if not change:
            return Judged(row, Outcome.UNCHANGED, change.left_out, kept)
        return self.judged(placed, Outcome.MERGED, kept, change)

    def created(self, placed: Placed) -> Judged:
        row = placed.row
        id = uuid_or_none(row.key)
        own = id if id and id not in self.taken and self.run.format in OWN else self.fresh_id()
        self.taken.add(own)
        feed = self.run if isinstance(self.run, Feed) else None
        item = Item(
            id=own,
            owner_id=self.run.owner_id,
            url=placed.url,
            url_key=placed.key,
            site_key=items.site_key_of(self.run.owner_id, placed.url),
            reading=row.reading or Item.Reading.UNREAD,
            done_at=self.now if row.reading == Item.Reading.DONE else None,
            ai_usage=self.ai_usage_of(row),
            captured_by=Item.CapturedBy.FEED if feed else Item.CapturedBy.IMPORT,
            feed=feed,
            external_key=placed.external,
            fetch=Item.Fetch.PENDING
            if placed.url and self.library.fetching
            else Item.Fetch.SKIPPED,
        )
        kept = Kept(item, Standing(saved_at=row.saved_at or self.now), new=True)
        self.kept[placed.key] = kept
        change = self.taken_in(kept, placed)
        return self.judged(placed, Outcome.CREATED, kept, change)

    def fresh_id(self) -> UUID:
        """A new id above the last one, so that what was saved in one second stays in the order of its file."""
        self.last_id = max(new_id(), UUID(int=self.last_id.int + 1))
        return self.last_id

    def taken_in(self, kept: Kept, placed: Placed) -> Change:
        return take_in(kept.standing, placed.row, placed.tags, remembers=placed.told is not None)

    def ai_usage_of(self, row: Found) -> str:
        """What the file says where its person trusts it, else never more than for any other new link."""
        told = row.ai_usage or self.library.ai_usage
        if self.run.ai_as_told:
            return told
        return min(told, self.library.ai_usage, key=list(AIUsage.values).index)

    def judged(self, placed: Placed, outcome: Outcome, kept: Kept, change: Change) -> Judged:
        """The row's outcome, and the link in memory as the row leaves it."""
        row = placed.row
        kept.touched = True
        kept.said = kept.said or bool(
            change.tags or change.text or set(change.before) - {"saved_at"}
        )
        kept.tags += change.tags
        kept.text = kept.text or change.text
        marks = [self.mark_of(kept, mark) for mark in change.marks]
        kept.marks |= {str(mark.pk): "1" for mark in marks}
        kept.wanted += marks
        if change.review and placed.told:
            kept.remembered.append((kept.item, placed.told))
        for made, mark in zip(marks, change.marks, strict=True):
            if told := told_by(mark.review, saved_at=mark.made_at, today=self.today):
                kept.remembered.append((made, told))
        before: dict[str, Any] | None = None
        if outcome == Outcome.MERGED:
            before = {
                "values": {name: plain(value) for name, value in change.before.items()},
                "tags": change.tags,
                "marks": [str(mark.pk) for mark in marks],
                "reps": reps_of(placed.told) if change.review and placed.told else None,
            }
        written = digest_of(self.holder, kept)
        return Judged(row, outcome, change.left_out, kept, change, written, before)

    def mark_of(self, kept: Kept, mark: Mark) -> Highlight:
        return Highlight(
            owner_id=self.run.owner_id,
            ai_usage=kept.item.ai_usage,
            item=kept.item,
            quote=mark.quote.strip()[:QUOTE_CHARS],
            note=mark.note.strip()[:NOTE_CHARS],
            made_at=mark.made_at or kept.standing.saved_at or self.now,
        )


def standing_of(owner_id: UUID, wanted: Sequence[bytes]) -> dict[bytes, Kept]:
    """The person's links of these keys, a living one before one in the trash. Locked; four queries."""
    own = Item.objects.filter(owner=owner_id, url_key__in=wanted).select_for_update(of=("self",))
    rows = whole(own.order_by("-deleted_at", "pk"))
    found: dict[bytes, Kept] = {}
    for item in rows:
        key = bytes(item.url_key)
        if key not in found or found[key].trashed:
            found[key] = kept_of(item)
    with_marks([each for each in found.values() if not each.trashed])
    return found


def whole(rows: QuerySet[Item]) -> list[Item]:
    """These links with tags and page, the text of the page left where it is. Two queries."""
    return list(rows.select_related("page").defer("page__text").prefetch_related("tags"))


def with_marks(rows: Sequence[Kept]) -> None:
    """These links know what is marked in them; what was taken out counts as known, and is not brought back."""
    of = {each.item.pk: each for each in rows}
    answered = Card.objects.filter(item__in=of).answered()
    for item in answered.values_list("item", flat=True):
        of[item].standing.reviewed = True
    marks = Highlight.objects.filter(item__in=of)
    for mark in marks.only("id", "rev", "item", "quote", "owner", "deleted_at"):
        kept = of[mark.item_id]
        kept.standing.quotes[folded(mark.quote)] += 1
        if mark.deleted_at is None:
            kept.marks[str(mark.pk)] = str(mark.rev)


def kept_of(item: Item) -> Kept:
    if item.deleted_at is not None:
        return Kept(item, Standing(), trashed=True)
    extra = item.extra if isinstance(item.extra, dict) else {}
    tags = {tag.name_key for tag in item.tags.all()}
    return Kept(
        item,
        Standing(
            title=item.title,
            note=item.note,
            tags=tags,
            saved_at=item.saved_at,
            extra=dict(extra),
            has_text=item.page_id is not None,
        ),
    )


def digest_of(holder: str, kept: Kept) -> bytes:
    """A keyed digest of all a person can change of a link: equal as long as nobody did. A fetched page is no change."""
    standing, page = kept.standing, kept.item.page
    given = bytes(page.digest).hex() if page is not None and page.origin in GIVEN else ""
    said = [
        *(standing.title, standing.note, sorted(standing.tags), plain(standing.saved_at)),
        *(standing.extra, sorted(kept.marks.items()), given),
        *(kept.item.reading, kept.item.ai_usage, kept.item.privacy_level),
    ]
    return blind.digest(holder, b"imported", json.dumps(said, sort_keys=True).encode())


def plain(value: object) -> Any:  # noqa: ANN401  # as JSON has it
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


# --- writing -----------------------------------------------------------------------------------


def write(batch: Batch, run: Import, judged: Sequence[Judged]) -> None:
    """The links of this batch and the outcome of each row, in the caller's transaction."""
    write_links(batch)
    ImportRow.objects.bulk_create([row_of(run, each) for each in judged])


def write_links(batch: Batch) -> None:
    """The links of this batch, in the caller's transaction, each that is new or changed announced.

    What is unchanged is not written. As many queries for two hundred rows as for two.
    """
    touched = [kept for kept in batch.kept.values() if kept.touched]
    open_pages(touched)
    pages = list(pages_of(batch, touched))
    for kept in touched:
        settled(batch, kept)
    new, old = ([kept for kept in touched if kept.new is each] for each in (True, False))
    Item.objects.bulk_create([kept.item for kept in new])
    write_again([kept.item for kept in old])
    Page.objects.bulk_create(pages)
    place_marks(touched)
    take_over(batch.run.owner_id, [each for kept in touched for each in kept.remembered])
    put_tags(batch, touched)
    announce(batch, new, old)


def open_pages(touched: Iterable[Kept]) -> None:
    """The pages in which something is to be marked, with their text. One query."""
    of = {kept.item.page_id: kept.item for kept in touched if kept.wanted and kept.item.page_id}
    for page in Page.objects.filter(pk__in=of) if of else ():
        of[page.pk].page = page


def pages_of(batch: Batch, touched: Iterable[Kept]) -> Iterator[Page]:
    """The pages that came along; of a link without a text its marked words are a page, so that they stand in one."""
    for kept in touched:
        item, quotes = kept.item, [mark.quote for mark in kept.wanted]
        thin = item.page is not None and is_thin(item.page)
        if kept.text:
            yield page_of(batch, kept, kept.text, Page.Quality.GOOD)
        elif quotes and item.page is None:
            yield page_of(batch, kept, "\n\n".join(quotes), Page.Quality.THIN)
        elif quotes and thin and item.page is not None:
            more = "\n\n".join([item.page.text, *quotes])
            yield page_of(batch, kept, more, Page.Quality.THIN)


def is_thin(page: Page) -> bool:
    return page.origin == Page.Origin.IMPORTED and page.quality == Page.Quality.THIN


def page_of(batch: Batch, kept: Kept, text: str, quality: Page.Quality) -> Page:
    """The link's next page, which it has from now on."""
    author = kept.standing.extra.get("author", "")
    page = Page(
        owner_id=batch.run.owner_id,
        item=kept.item,
        revision=kept.item.page.revision + 1 if kept.item.page else 1,
        text=text,
        byline=author[:TITLE_CHARS] if isinstance(author, str) else "",
        words=len(text.split()),
        digest=blind.digest(batch.holder, b"page", text.encode()),
        head_digest=blind.digest(batch.holder, b"head", text[:HEAD_CHARS].encode()),
        origin=Page.Origin.IMPORTED,
        quality=quality,
    )
    kept.page_before, kept.page_given = str(kept.item.page_id or ""), str(page.pk)
    kept.item.page = page
    kept.item.fetch, kept.item.fetch_reason, kept.item.fetch_tries = Item.Fetch.FETCHED, "", 0
    return page


def settled(batch: Batch, kept: Kept) -> None:
    """The link's columns as they stand in memory."""
    settle_columns(kept, batch.now)
    if not kept.new:
        kept.item.version += 1
        kept.item.rev += 1 if kept.said else 0


def settle_columns(kept: Kept, now: datetime) -> None:
    item, standing = kept.item, kept.standing
    item.title, item.note = standing.title, standing.note
    item.saved_at = standing.saved_at or now
    item.extra = standing.extra or None
    item.updated_at = now


def write_again(rows: Sequence[Item]) -> None:
    """These links saved, all in one statement. Sealed columns are sealed by inserting only, hence the conflict."""
    Item.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[
            *("title", "note", "extra", "saved_at", "updated_at", "version", "rev"),
            *("page", "fetch", "fetch_reason", "fetch_tries"),
        ],
    )


def place_marks(touched: Sequence[Kept]) -> None:
    """The marks of these links where their words stand in the page; what it does not say is kept without a place."""
    thin = [kept.item for kept in touched if not kept.new and kept.wanted and kept.item.page]
    marks = []
    for kept in touched:
        page = kept.item.page
        for mark in kept.wanted:
            if page is None:
                continue
            place = anchoring.find(page.text, mark.quote, longest=QUOTE_CHARS)
            mark.page, mark.anchored = page, place is not None
            mark.start, mark.end = place or (0, max(1, len(mark.quote)))
            if place:
                beside = anchoring.beside(page.text, *place)
                mark.before, mark.after = beside["before"], beside["after"]
            marks.append(mark)
    Highlight.objects.bulk_create(marks)
    follow(thin)


def follow(rows: Sequence[Item]) -> None:
    """Marks in the thin page before are in the new one, which begins with the same words. Two queries."""
    pages = {item.pk: item.page for item in rows if item.page and is_thin(item.page)}
    if not pages:
        return
    behind = list(
        Highlight.objects.filter(item__in=pages, anchored=True).only("id", "item", "page")
    )
    for mark in behind:
        mark.page = pages[mark.item_id]
    Highlight.objects.bulk_update(behind, ["page"])


def put_tags(batch: Batch, touched: Sequence[Kept]) -> None:
    wanted = {tag for kept in touched for tag in kept.tags}
    named = {items.tag_key(batch.names[tag]): batch.names[tag] for tag in wanted}
    rows = {tag.name_key: tag.pk for tag in items.tags_named(batch.run.owner_id, named)}
    through: Through = Item.tags.through
    through.objects.bulk_create(
        [through(item_id=kept.item.pk, tag_id=rows[tag]) for kept in touched for tag in kept.tags],
        ignore_conflicts=True,
    )


def row_of(run: Import, judged: Judged) -> ImportRow:
    kept = judged.kept
    if judged.before is not None and kept is not None and kept.page_given and not kept.new:
        # With the first row that changed it: undone last, when no mark of this import is in the page.
        judged.before["page"] = {"before": kept.page_before, "given": kept.page_given}
        kept.page_given = ""
    return ImportRow(
        owner_id=run.owner_id,
        run=run,
        ordinal=judged.row.ordinal,
        outcome=judged.outcome,
        reason=judged.reason,
        item=kept.item if kept else None,
        label=label_of(judged.row),
        before=judged.before,
        written=judged.written,
    )


def external_key(feed: Feed, name: str) -> bytes:
    """What tells a link by its name in its source, as a keyed digest."""
    return blind.digest(keys.person(feed.owner_id), b"external", feed.pk.bytes, name.encode())


def label_of(row: Row) -> str:
    """What a person knows the row by."""
    label = row.label if isinstance(row, Bad) else row.title or row.url or row.text[:80]
    return label.strip()[:TITLE_CHARS]


def announce(batch: Batch, new: Sequence[Kept], old: Sequence[Kept]) -> None:
    """Each new and each changed link in its person's chain, and told to whoever listens."""
    owner = batch.owner
    acts = [Act(owner, "write", kept.item.ref, owner.pk) for kept in new]
    acts += [Act(owner, "edit", kept.item.ref, owner.pk) for kept in old]
    facts: list[Fact] = []
    for kept in new:
        facts += [ItemSaved(kept.item.ref, owner.pk)]
        facts += [TextWritten(kept.item.ref, owner.pk, Genre.READING)]
    for kept in old:
        if kept.said:
            facts.append(TextRewritten(kept.item.ref, owner.pk, Genre.READING))
    for kept in (*new, *old):
        facts += [TextWritten(m.ref, owner.pk, Genre.READING) for m in kept.wanted]
    if acts:
        record_many(acts)
        emit(*facts)
