"""Bringing one's past: a file arrives sealed, is checked, imported on a second word, and undone as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BufferedReader, BytesIO, RawIOBase
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.actions.brought_sounds import (
    Brought,
    bring_sounds,
    discard_batch,
    key_of_sound,
    outcome_of_sound,
    standing_sounds,
    take_in_sounds,
)
from journal.actions.nodes import (
    PINS,
    Audience,
    AudienceEmpty,
    chain_of,
    genre_of,
    is_wider,
    open_to_audience,
    version_of,
)
from journal.actions.trash import put_away, restore_node
from journal.formats.found import AI, Found, Row, Sound, Unreadable
from journal.formats.opening import CannotRead, found_in
from journal.models.imports import ImportItem, ImportRun, Upload, UploadPart
from journal.models.nodes import TITLE_CHARS, Node, Version
from journal.models.recordings import Recording
from writeorperish.audit.log import record
from writeorperish.crypto import blind, keys, storage
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import (
    ImportConfirmed,
    ImportFinished,
    ImportRetracted,
    ImportUploaded,
    TextWritten,
)
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid, Missing, TooLarge
from writeorperish.ops.states import move
from writeorperish.privacy.circles import circles_of
from writeorperish.privacy.grants import grant_sight
from writeorperish.privacy.levels import PrivacyLevel
from writeorperish.refs import Ref, new_id

FILE_BYTES = 200 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
PARTS = 64
BATCH = 200
PROBLEMS_SHOWN = 100
TITLES_SHOWN = 5
# A sound that can't be had is counted with the other unreadable rows.
SOUND_OUTCOMES = (
    ImportItem.Outcome.NEW.value,
    ImportItem.Outcome.HERE.value,
    ImportItem.Outcome.TRASHED.value,
)
UNDO_LIFE = timedelta(days=30)
UPLOADS_OPEN = 20
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


class FileTooLarge(TooLarge):
    words = _("A file to import holds up to 200 MB, sent in parts of up to 8 MB.")


class EmptyPart(Invalid):
    code = "empty_part"
    words = _("This part holds no bytes.")


class PartDiffers(Conflict):
    code = "part_differs"
    words = _("This part arrived before, with other content.")


class PartsMissing(Invalid):
    code = "parts_missing"
    words = _("The file has not arrived as a whole yet.")


class WrongState(Conflict):
    code = "wrong_state"
    words = _("This import is not at the point where that can be done.")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person chose for the entries of one import.

    `beside`: also the other branches of conversations, and the texts of attached files.
    """

    privacy_level: str = PrivacyLevel.PRIVATE
    ai_usage: str = "none"
    zone: str = "UTC"
    trash: str = "skip"
    circles: tuple[UUID, ...] = ()
    beside: bool = False


# --- the file ----------------------------------------------------------------------------------


@transaction.atomic
def begin_upload(person: AbstractUser, *, size: int, id: UUID | None = None) -> Upload:
    """An empty upload of this many bytes. The oldest of twenty unused ones makes room."""
    if size > FILE_BYTES:
        raise FileTooLarge(bytes=size, cap=FILE_BYTES)
    unused = Upload.objects.filter(owner=person.pk, runs__isnull=True).order_by("-created_at")
    for upload in unused[UPLOADS_OPEN - 1 :]:
        drop_file(upload)
    return Upload.objects.create(id=id or new_id(), owner_id=person.pk, bytes=size)


def put_part(person: AbstractUser, upload: Upload, n: int, data: bytes) -> bool:
    """Whether the part is new; the same bytes again change nothing. EmptyPart, PartDiffers, FileTooLarge."""
    if not data:
        raise EmptyPart
    if len(data) > PART_BYTES or not 0 <= n < PARTS:
        raise FileTooLarge(bytes=len(data), cap=PART_BYTES)
    mac = blind.digest(keys.person(str(person.pk)), data)
    standing = upload.parts.filter(n=n).first()
    if standing is not None:
        if bytes(standing.mac) != mac:
            raise PartDiffers
        return False
    blob = storage.keep(person.pk, BytesIO(data), media_type="application/octet-stream")
    with transaction.atomic():
        Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.parts.filter(n=n).exists():
            return False
        if sum(upload.parts.values_list("bytes", flat=True)) + len(data) > upload.bytes:
            raise FileTooLarge(bytes=upload.bytes, cap=upload.bytes)
        storage.settle(blob)
        UploadPart.objects.create(upload=upload, n=n, bytes=len(data), mac=mac, blob=blob)
    return True


def arrived(upload: Upload) -> list[int]:
    """The numbers of the parts that are here."""
    return sorted(upload.parts.values_list("n", flat=True))


def drop_file(upload: Upload) -> None:
    """The file's bytes are doomed and the upload is gone; runs made from it keep their report."""
    blobs = list(upload.parts.values_list("blob", flat=True))
    upload.parts.all().delete()
    storage.doom(Blob.objects.filter(pk__in=blobs))
    upload.delete()


class Joined(RawIOBase):
    """The parts of an upload as one file to read and seek, opened block by block and written nowhere."""

    def __init__(self, upload: Upload) -> None:
        parts = list(upload.parts.select_related("blob").order_by("n"))
        self.files = [storage.open_blob(part.blob) for part in parts]
        self.sizes = [part.bytes for part in parts]
        self.size = sum(self.sizes)
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        start = {0: 0, 1: self.at, 2: self.size}[whence]
        self.at = max(0, start + offset)
        return self.at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # a writable buffer has no type in 3.11
        offset = self.at
        for file, size in zip(self.files, self.sizes, strict=True):
            if offset < size:
                file.seek(offset)
                data = file.read(min(len(view), size - offset))
                view[: len(data)] = data
                self.at += len(data)
                return len(data)
            offset -= size
        return 0

    def close(self) -> None:
        for file in self.files:
            file.close()
        super().close()


# --- from upload to report ---------------------------------------------------------------------


def runs_of(person: AbstractUser) -> models.QuerySet[ImportRun]:
    """The person's imports, newest first."""
    return ImportRun.objects.filter(owner=person.pk).order_by("-created_at", "-id")


@transaction.atomic
def begin_import(person: AbstractUser, upload: Upload, *, source: str = "") -> ImportRun:
    """The import of a file that has arrived whole; the check follows in the worker. PartsMissing otherwise."""
    numbers = arrived(upload)
    size = sum(upload.parts.values_list("bytes", flat=True))
    if numbers != list(range(len(numbers))) or size != upload.bytes or not numbers:
        raise PartsMissing
    run = ImportRun.objects.create(owner_id=person.pk, upload=upload, source=source)
    record(person, "import.begin", Ref.to(run), of=person.pk)
    emit(ImportUploaded(Ref.to(run), person.pk))
    return run


def check_import(run_id: UUID) -> None:
    """The run with its report: nothing of the file is an entry yet. Harmless twice."""
    run = ImportRun.objects.filter(pk=run_id).select_related("upload", "owner").first()
    if run is None or run.upload is None or run.state not in {"uploaded", "checking"}:
        return
    if run.state == ImportRun.State.UPLOADED:
        run = move(run, ImportRun.State.CHECKING)
    report = Report()
    try:
        for batch in batches(run):
            count_batch(run, batch, report)
    except CannotRead as refusal:
        fail(run, refusal.reason)
        return
    move(
        run,
        ImportRun.State.CHECKED,
        source=report.source,
        report=report.as_json(),
        total=report.total,
    )


@dataclass
class Report:
    """What a file holds, counted: what is new, here already, changed, in the trash, unreadable."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(ImportItem.Outcome.values, 0)
    )
    words: int = 0
    first: datetime | None = None
    last: datetime | None = None
    titles: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    sounds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOUND_OUTCOMES, 0))
    source: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values()) + sum(self.sounds.values())

    def add_sound(self, outcome: str) -> None:
        self.sounds[outcome] += 1

    def add(self, row: Found | Unreadable, outcome: str, at: datetime | None) -> None:
        self.counts[outcome] += 1
        if isinstance(row, Unreadable):
            if len(self.problems) < PROBLEMS_SHOWN:
                self.problems.append({"label": row.label, "reason": row.reason})
            return
        for note in row.notes[: PROBLEMS_SHOWN - len(self.notes)]:
            self.notes.append({"label": row.label, "reason": note})
        self.source = self.source or row.source
        self.words += len(row.text.split())
        if at is not None:
            self.first = min(self.first or at, at)
            self.last = max(self.last or at, at)
        if len(self.titles) < TITLES_SHOWN and not row.parent_key:
            self.titles.append((row.title or row.label)[:TITLE_CHARS])

    def as_json(self) -> dict[str, object]:
        return {
            "counts": self.counts,
            "words": self.words,
            "span": [each.isoformat() if each else None for each in (self.first, self.last)],
            "titles": self.titles,
            "problems": self.problems,
            "notes": self.notes,
            "sounds": self.sounds,
        }


def batches(run: ImportRun) -> Iterator[list[Row]]:
    """The file's rows, two hundred at a time, from a child process that can be killed."""
    if run.upload is None:
        raise Missing
    with BufferedReader(Joined(run.upload)) as file:
        rows = found_in(file, run.source, beside=run.beside)
        while batch := list(islice(rows, BATCH)):
            yield batch


def count_batch(run: ImportRun, batch: Sequence[Row], report: Report) -> None:
    standing = standing_of(run, [row for row in batch if isinstance(row, Found)])
    sounds = standing_sounds(run.owner_id, [row for row in batch if isinstance(row, Sound)])
    for row in batch:
        if isinstance(row, Sound):
            report.add_sound(outcome_of_sound(sounds.get(key_of_sound(run.owner_id, row))))
        elif isinstance(row, Unreadable):
            report.add(row, ImportItem.Outcome.UNREADABLE, None)
        else:
            outcome = outcome_of(row, standing.get(key_of(run, row)))
            report.add(row, outcome, moment_of(run, row))


def key_of(run: ImportRun, row: Found) -> bytes:
    """What marks this row of this person as imported: keyed, so that it tells nothing without their key."""
    return blind.dedupe(keys.person(str(run.owner_id)), row.source.encode(), row.key.encode())


def standing_of(run: ImportRun, rows: Sequence[Found]) -> dict[bytes, Node]:
    """The entries these rows became before, trash included. One query a batch."""
    found = Node.objects.filter(
        owner=run.owner_id, source_key__in=[key_of(run, row) for row in rows]
    )
    ids = [row.id for row in rows if row.id]
    by_id = {node.pk: node for node in Node.objects.filter(owner=run.owner_id, pk__in=ids)}
    by_key = {bytes(node.source_key): node for node in found if node.source_key}
    own = {key_of(run, row): by_id[row.id] for row in rows if row.id and row.id in by_id}
    return own | by_key


def outcome_of(row: Found, node: Node | None) -> ImportItem.Outcome:
    if node is None:
        return ImportItem.Outcome.NEW
    if node.deleted_at is not None:
        return ImportItem.Outcome.TRASHED
    if (node.body or "") != row.text and not node.parts.exists():
        return ImportItem.Outcome.CHANGED
    return ImportItem.Outcome.HERE


def moment_of(run: ImportRun, row: Found) -> datetime:
    zone = ZoneInfo(row.zone or run.zone)
    return max(row.moment(zone, now=timezone.now()), EARLIEST)


def fail(run: ImportRun, reason: str) -> None:
    """The run, failed for a reason its person reads. What was imported before stays and can be undone."""
    move(run, ImportRun.State.FAILED, reason=reason, finished_at=timezone.now())


# --- from report to entries --------------------------------------------------------------------


@transaction.atomic
def confirm_import(person: AbstractUser, run: ImportRun, *, settings: Settings) -> ImportRun:
    """The run with its person's choices; the import follows in the worker. WrongState unless it was checked."""
    if run.state != ImportRun.State.CHECKED:
        raise WrongState(state=run.state)
    if settings.privacy_level == PrivacyLevel.PUBLIC:
        raise Invalid("unknown_level")
    if settings.privacy_level == PrivacyLevel.CIRCLES and not settings.circles:
        raise AudienceEmpty
    known = set(circles_of(person).filter(pk__in=settings.circles).values_list("pk", flat=True))
    if known != set(settings.circles):
        raise Missing
    run = move(
        run,
        ImportRun.State.IMPORTING,
        expected_version=run.version,
        privacy_level=settings.privacy_level,
        ai_usage=settings.ai_usage,
        zone=settings.zone,
        trash=settings.trash,
        circles=[str(each) for each in settings.circles],
        beside=settings.beside,
    )
    record(person, "import.confirm", Ref.to(run), of=person.pk)
    emit(ImportConfirmed(Ref.to(run), person.pk))
    return run


def run_import(run_id: UUID) -> None:
    """Every row of the file is an entry or has a reason. A dead worker's successor goes on at its batch."""
    run = ImportRun.objects.filter(pk=run_id).select_related("upload", "owner").first()
    if run is None or run.upload is None or run.state != ImportRun.State.IMPORTING:
        return
    audience = Audience(circles=tuple(circles_of(run.owner).filter(pk__in=run.circles)))
    seen = 0
    try:
        for batch in batches(run):
            seen += len(batch)
            if seen > run.done:
                take_in(run, batch, audience, brought_for(run, batch))
    except CannotRead as refusal:
        fail(run, refusal.reason)
        return
    finish(run)


def brought_for(run: ImportRun, batch: Sequence[Row]) -> dict[int, Brought]:
    """The sounds of this batch that are not here yet, sealed and not settled."""
    sounds = [row for row in batch if isinstance(row, Sound)]
    if not sounds or run.upload is None:
        return {}
    with BufferedReader(Joined(run.upload)) as file:
        return bring_sounds(run, file, sounds)


@transaction.atomic
def take_in(
    run: ImportRun, batch: Sequence[Row], audience: Audience, brought: Mapping[int, Brought]
) -> None:
    """One batch as entries, with the outcome of each row and the count of rows done, or nothing of it."""
    found = [row for row in batch if isinstance(row, Found)]
    standing = standing_of(run, found)
    parents = parents_of(run, found)
    made: dict[str, Node] = {}
    nodes: list[Node] = []
    items: list[ImportItem] = []
    for row in batch:
        if isinstance(row, Sound):
            continue
        if isinstance(row, Unreadable):
            items.append(item(run, row, ImportItem.Outcome.UNREADABLE, reason=row.reason))
            continue
        node = standing.get(key_of(run, row))
        outcome = outcome_of(row, node)
        if node is None:
            parent = made.get(row.parent_key) or parents.get(row.parent_key)
            chain = entries_of(run, row, parent)
            made[row.key] = chain[-1]
            nodes += chain
            node = chain[0]
        elif outcome == ImportItem.Outcome.CHANGED:
            rewrite(run, node, row)
        elif outcome == ImportItem.Outcome.TRASHED and run.trash == "restore":
            bring_back(run, node)
        items.append(item(run, row, outcome, node=node))
    cap_pins(run, nodes)
    save_entries(run, nodes, audience)
    sounds = [row for row in batch if isinstance(row, Sound)]
    for sound, result, why, recording in take_in_sounds(run, sounds, brought):
        items.append(item(run, sound, result, reason=why, recording=recording))
    ImportItem.objects.bulk_create(items)
    run.done += len(batch)
    run.save(update_fields=["done"])


def bring_back(run: ImportRun, node: Node) -> None:
    """The entry is back from the trash, unless an entry of the same act has brought it along already."""
    with suppress(Missing):
        restore_node(run.owner, node)


def parents_of(run: ImportRun, rows: Sequence[Found]) -> dict[str, Node]:
    """The entries that earlier batches made of these rows' parents, by the parent's key: the tip of a long one.

    One in the trash is no parent: nothing is born below what was deleted. Two queries.
    """
    wanted = {row.parent_key: row.source for row in rows if row.parent_key}
    holder = keys.person(str(run.owner_id))
    digests = {
        blind.dedupe(holder, source.encode(), key.encode()): key for key, source in wanted.items()
    }
    alive = Node.objects.filter(owner=run.owner_id, deleted_at=None)
    nodes = list(alive.filter(source_key__in=list(digests)))
    parts = alive.filter(part_of__in=[node.pk for node in nodes]).order_by("part_index")
    tips = {part.part_of_id: part for part in parts}
    return {
        digests[bytes(node.source_key)]: tips.get(node.pk, node)
        for node in nodes
        if node.source_key
    }


def entries_of(run: ImportRun, row: Found, parent: Node | None) -> list[Node]:
    """The row as an entry, not yet saved; further parts where it is longer than one holds."""
    free = row.id is not None and not Node.objects.filter(pk=row.id).exists()
    chain = chain_of(
        run.owner,
        parent,
        text=row.text,
        title=row.title[:TITLE_CHARS],
        id=row.id if row.id and free else new_id(),
        privacy_level=level_under(run, parent),
        ai_usage=run.ai_usage,
        written_at=moment_of(run, row),
        zone=row.zone or run.zone,
    )
    chain[0].source_key = key_of(run, row)
    chain[0].pinned_at = row.pinned_at
    for node in chain:
        node.import_run = run
        if row.author == AI:
            node.author_kind, node.author_model = Node.Author.AI, row.model or "unknown"
    return chain


def cap_pins(run: ImportRun, nodes: Sequence[Node]) -> None:
    """Of the entries that come pinned as many stay so as the person may have. One query if any does."""
    pinned = [node for node in nodes if node.pinned_at]
    if pinned:
        standing = Node.objects.filter(owner=run.owner_id, pinned_at__isnull=False).count()
        for node in pinned[max(0, PINS - standing) :]:
            node.pinned_at = None


def level_under(run: ImportRun, parent: Node | None) -> str:
    """The level its person chose, but never wider than the entry above it, which may have come earlier."""
    if parent is not None and is_wider(run.privacy_level, parent.privacy_level):
        return str(parent.privacy_level)
    return str(run.privacy_level)


def save_entries(run: ImportRun, nodes: Sequence[Node], audience: Audience) -> None:
    Node.objects.bulk_create(nodes)
    Version.objects.bulk_create([version_of(node, Version.Reason.IMPORT) for node in nodes])
    for node in nodes:
        if node.parent is not None and node.parent.import_run_id != run.pk:
            open_to_audience(node, node.parent, audience)
        elif node.privacy_level == PrivacyLevel.CIRCLES:
            grant_sight(node, circles=audience.circles)
        emit(TextWritten(Ref.to(node), run.owner_id, genre_of(node)))


def rewrite(run: ImportRun, node: Node, row: Found) -> None:
    """A changed text becomes a new version of the entry it belongs to."""
    node.title, node.body, node.chars = row.title[:TITLE_CHARS], row.text, len(row.text)
    node.rev += 1
    node.updated_at = timezone.now()
    node.save(update_fields=["title", "body", "chars", "rev", "updated_at"])
    version_of(node, Version.Reason.IMPORT, base_rev=node.rev - 1).save(force_insert=True)
    emit(TextWritten(Ref.to(node), run.owner_id, genre_of(node)))


def item(
    run: ImportRun,
    row: Row,
    outcome: str,
    *,
    node: Node | None = None,
    recording: Recording | None = None,
    reason: str = "",
) -> ImportItem:
    return ImportItem(
        owner_id=run.owner_id,
        run=run,
        ordinal=row.ordinal,
        outcome=outcome,
        reason=reason,
        label=row.label[:TITLE_CHARS],
        node=node,
        recording=recording,
        rev=node.rev if node else None,
    )


@transaction.atomic
def finish(run: ImportRun) -> None:
    report = {**(run.report or {}), "problems": problems_of(run)}
    run = move(run, ImportRun.State.DONE, finished_at=timezone.now(), total=run.done, report=report)
    record(run.owner, "import", Ref.to(run), of=run.owner_id, detail={"rows": run.done})
    emit(ImportFinished(Ref.to(run), run.owner_id))


# --- taking it back ----------------------------------------------------------------------------


@transaction.atomic
def retract_import(person: AbstractUser, run: ImportRun) -> ImportRun:
    """The run on its way back; its untouched entries follow in the worker. WrongState after 30 days."""
    ended = run.finished_at or run.created_at
    if run.state != ImportRun.State.DONE or timezone.now() - ended > UNDO_LIFE:
        raise WrongState(state=run.state)
    run = move(run, ImportRun.State.UNDOING, expected_version=run.version)
    record(person, "import.retract", Ref.to(run), of=person.pk)
    emit(ImportRetracted(Ref.to(run), person.pk))
    return run


def undo_import(run_id: UUID) -> None:
    """Every entry the run made and nobody touched since is in the trash; the others stay."""
    run = ImportRun.objects.filter(pk=run_id).select_related("owner").first()
    if run is None or run.state != ImportRun.State.UNDOING:
        return
    deletion = new_id()
    while trash_batch(run, deletion):
        pass
    while discard_sounds(run):
        pass
    move(run, ImportRun.State.UNDONE, finished_at=timezone.now())


@transaction.atomic
def trash_batch(run: ImportRun, deletion: UUID) -> int:
    """How many untouched entries of this run went to the trash, deepest first."""
    rows = untouched(run).order_by("-depth", "pk").select_for_update(of=("self",))
    taken = list(rows.values_list("pk", flat=True)[:BATCH])
    return put_away(run.owner_id, taken, deletion=deletion, by=run.owner).count


@transaction.atomic
def discard_sounds(run: ImportRun) -> int:
    """How many sounds that the run added to entries of earlier ones went to the trash."""
    return discard_batch(run)


def untouched(run: ImportRun) -> models.QuerySet[Node]:
    """Entries of the run as it left them: one revision, and no living answer from outside the run."""
    answered = Node.objects.filter(parent=models.OuterRef("pk"), deleted_at__isnull=True).exclude(
        import_run=run
    )
    return Node.objects.filter(import_run=run, deleted_at__isnull=True, rev=1).exclude(
        models.Exists(answered)
    )


def problems_of(run: ImportRun) -> list[dict[str, str]]:
    """Up to a hundred rows that came to nothing, and why: as the check saw them, or as the import ended. One query."""
    if run.state in {ImportRun.State.UPLOADED, ImportRun.State.CHECKING, ImportRun.State.CHECKED}:
        return list((run.report or {}).get("problems", []))
    unread = models.Q(outcome=ImportItem.Outcome.UNREADABLE)
    unmade = models.Q(recording__state=Recording.State.FAILED)
    rows = run.items.filter(unread | unmade).select_related("recording").order_by("ordinal")
    return [
        {"label": row.label, "reason": row.reason or "sound_unmade"}
        for row in rows[:PROBLEMS_SHOWN]
    ]


def kept_after_undo(run: ImportRun) -> models.QuerySet[Node]:
    """What an undo left standing: edited or answered since."""
    return Node.objects.filter(import_run=run, deleted_at__isnull=True)


def sweep_files(*, now: datetime | None = None) -> int:
    """How many uploaded files went: seven days after their run ended, or a day without one."""
    now = now or timezone.now()
    done = Upload.objects.filter(runs__finished_at__lt=now - timedelta(days=7))
    unused = Upload.objects.filter(runs__isnull=True, created_at__lt=now - timedelta(days=1))
    count = 0
    for upload in list(done[:BATCH]) + list(unused[:BATCH]):
        with transaction.atomic():
            drop_file(upload)
        count += 1
    return count
