"""Everything a person has here as one zip, sealed while it is written."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from itertools import chain
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions.departure import begin_export, fail_export, hand_over, note_progress
from accounts.models import Export, User
from journal.actions.recordings import sounds_of
from journal.audio import CONTAINERS
from journal.formats.bundle import JSON, Bundle
from journal.formats.own import Answer, Entry
from journal.models.nodes import Node, Version
from journal.models.recordings import Recording, TranscriptPart
from journal.quoting import tags_in
from writeorperish.crypto import storage
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.archives import Sink
from writeorperish.privacy.portability import FILES, belongings_of
from writeorperish.ui.prose import render

BATCH = 200
# The entries themselves are files of their own; what only serves the machine is left out.
LEFT_OUT = {"source_key", "mac", "digest", "blob", "peaks"} | {
    *("url_key", "site_key", "name_key", "head_digest", "external_key"),
    # Keys to somebody's other houses are not for a file that lies about.
    *("token", "cursor"),
}
ENDINGS = {media_type: ending for ending, media_type, _options in CONTAINERS.values()}


def build_export(export_id: UUID) -> None:
    """The export, ready: written, sealed and handed over. Harmless twice."""
    export = begin_export(export_id)
    if export is None:
        return
    try:
        content = storage.Piecewise(zipped(export))
        blob = storage.keep(export.person_id, content, media_type="application/zip")
    except CannotOpen:
        fail_export(export)
        return
    hand_over(export, blob)


def zipped(export: Export) -> Iterator[bytes]:
    """The zip, piece by piece. Held meanwhile: one batch of entries, and one table's packed rows."""
    person: User = export.person
    sink = Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        bundle = Bundle(archive, title=_("My journal"), made_at=timezone.now(), render=as_html)
        for number, node in enumerate(entries_of(person), start=1):
            bundle.entry(node)
            if number % BATCH == 0:
                note_progress(export, number)
                yield sink.taken()
        for recording in spoken_by(person):
            bundle.file(place_of(recording), sound_in(recording))
            yield sink.taken()
        for path, write in FILES.items():
            pieces = write(person)
            if (first := next(pieces, None)) is not None:
                bundle.file(path, chain([first], pieces))
                yield sink.taken()
        for model, rows in tables_of(person):
            bundle.rows(model, rows)
            yield sink.taken()
        bundle.finish()
    yield sink.taken()


def as_html(text: str) -> str:
    return str(render(text))


def entries_of(person: User) -> Iterator[Entry]:
    """The person's entries by date, with who answered them and when, never what they said."""
    rows = Node.objects.filter(owner=person.pk, erased_at__isnull=True).order_by("written_at", "id")
    last: Node | None = None
    while True:
        page = rows
        if last is not None:
            at, ident = last.written_at, last.pk
            page = rows.filter(models.Q(written_at__gt=at) | models.Q(written_at=at, id__gt=ident))
        nodes = list(page[:BATCH])
        answers, sounds = answers_to(nodes), sounds_of(nodes)
        for node in nodes:
            spoken = tuple(map(place_of, sounds.get(node.pk, ())))
            yield entry_of(node, answers.get(node.pk, ()), spoken)
        if len(nodes) < BATCH:
            return
        last = nodes[-1]


def answers_to(nodes: list[Node]) -> dict[UUID, tuple[Answer, ...]]:
    """Per entry who else answered and when. One query a batch."""
    found: dict[UUID, tuple[Answer, ...]] = {}
    theirs = (
        Node.objects.filter(parent__in=nodes, deleted_at__isnull=True)
        .exclude(owner=models.F("parent__owner"))
        .exclude(privacy_level="private")
        .order_by("written_at", "id")
        .values_list("parent_id", "owner__profile__handle", "written_at")
    )
    for parent, handle, at in theirs:
        found[parent] = (*found.get(parent, ()), Answer(handle, at))
    return found


def spoken_by(person: User) -> Iterator[Recording]:
    """Everything the person said that can be played, in entries or not; in the trash only with an entry."""
    rows = Recording.objects.filter(owner=person.pk, blob__isnull=False, discarded_at__isnull=True)
    return rows.select_related("blob").order_by("pk").iterator(chunk_size=BATCH)


def place_of(recording: Recording) -> str:
    """`audio/<id>.<ending>`; the id is that of its row in `data/journal.recording.jsonl`."""
    return f"audio/{recording.pk}.{ENDINGS.get(recording.media_type, 'bin')}"


def sound_in(recording: Recording) -> Iterator[bytes]:
    """The sound, piece by piece; none where its file does not open, which the manifest shows as no bytes."""
    if recording.blob is not None:
        with suppress(CannotOpen):
            yield from storage.pieces(recording.blob, 0, recording.blob.bytes)


def entry_of(node: Node, answers: tuple[Answer, ...], sounds: tuple[str, ...] = ()) -> Entry:
    return Entry(
        id=node.pk,
        thread=node.root_id,
        parent=node.parent_id,
        title=node.title,
        text=node.body or "",
        written_at=node.written_at,
        zone=node.zone,
        privacy_level=node.privacy_level,
        ai_usage=node.ai_usage,
        author=node.author_kind,
        model=node.author_model,
        tags=tuple(tags_in(node.body or "")),
        created_at=node.created_at,
        updated_at=node.updated_at,
        pinned_at=node.pinned_at,
        deleted_at=node.deleted_at,
        part_of=node.part_of_id,
        part_index=node.part_index,
        answers=answers,
        sounds=sounds,
    )


def tables_of(person: User) -> Iterator[tuple[str, Iterator[dict[str, JSON]]]]:
    """Every other table with rows of this person, as plain values; versions and recordings first."""
    for model in (Version, Recording, TranscriptPart):
        yield model._meta.label_lower, rows_of(model.objects.filter(owner=person.pk).order_by("pk"))
    for belongings in belongings_of(person):
        yield belongings.model._meta.label_lower, rows_of(belongings)


def rows_of(rows: models.QuerySet[Any]) -> Iterator[dict[str, JSON]]:
    """The rows as plain values, with the ids of what they are joined to, such as a link's tags."""
    joined = [field.name for field in rows.model._meta.many_to_many]
    for row in rows.prefetch_related(*joined).iterator(chunk_size=BATCH):
        values = {
            field.attname: plain(getattr(row, field.attname))
            for field in row._meta.concrete_fields
            if field.name not in LEFT_OUT
        }
        yield values | {name: ids_of(getattr(row, name)) for name in joined}


def ids_of(others: Any) -> JSON:  # noqa: ANN401  # a manager is made for each relation
    return [*sorted(str(each.pk) for each in others.all())]


def plain(value: object) -> JSON:
    if value is None or isinstance(value, str | int | float | bool | datetime | date | UUID):
        return value
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | dict):
        return value
    return str(value)
