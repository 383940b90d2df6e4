"""What was spoken for entries of an import: taken out of the file as it is, sealed, and put together like any sound."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import BinaryIO
from uuid import UUID

from django.db import models
from django.utils import timezone

from journal.actions.recordings import CHUNK_BYTES, Segment, discard_recording, let_go, room_of
from journal.audio import family_of
from journal.formats.found import Sound
from journal.formats.opening import Stretch, sounds_in
from journal.models.imports import ImportItem, ImportRun
from journal.models.nodes import Node
from journal.models.recordings import Chunk, Recording
from writeorperish.crypto import blind, keys, storage
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import RecordingClosed
from writeorperish.events.outbox import emit
from writeorperish.refs import Ref, new_id

Outcome = ImportItem.Outcome
BATCH = 200
# What the row of a sound is called where somebody asks for it by its key.
MARK = b"sound"


@dataclass(frozen=True, slots=True)
class Brought:
    """A sound out of the file: its sealed pieces in order, not settled yet; or why there is none."""

    family: str = ""
    pieces: Sequence[tuple[Blob, bytes]] = field(default=(), repr=False)
    reason: str = ""

    @property
    def size(self) -> int:
        return sum(blob.bytes for blob, _mac in self.pieces)


def key_of_sound(owner_id: UUID, row: Sound) -> bytes:
    """What marks this sound of this person as imported."""
    return blind.dedupe(keys.person(str(owner_id)), row.source.encode(), MARK, row.key.encode())


def standing_sounds(owner_id: UUID, rows: Iterable[Sound]) -> dict[bytes, Recording]:
    """The recordings these rows became before, by their mark, discarded ones included. One query."""
    wanted = [key_of_sound(owner_id, row) for row in rows]
    if not wanted:
        return {}
    found = Recording.objects.filter(owner=owner_id, source_key__in=wanted).select_related("node")
    return {bytes(each.source_key): each for each in found if each.source_key}


def outcome_of_sound(recording: Recording | None) -> Outcome:
    """A sound that could not be put together counts as new: another copy may be whole."""
    if recording is None or recording.state == Recording.State.FAILED:
        return Outcome.NEW
    gone = recording.discarded_at or (recording.node and recording.node.deleted_at)
    return Outcome.TRASHED if gone else Outcome.HERE


def bring_sounds(run: ImportRun, file: BinaryIO, rows: Sequence[Sound]) -> dict[int, Brought]:
    """Those of these sounds that are not here yet, by their place in the file. Outside of transactions.

    Held in memory: one piece of 8 MB. What does not end whole is swept with what nobody settles.
    """
    standing = standing_sounds(run.owner_id, rows)
    wanted = [
        row.place
        for row in rows
        if outcome_of_sound(standing.get(key_of_sound(run.owner_id, row))) == Outcome.NEW
    ]
    brought: dict[int, Brought] = {}
    pieces: list[tuple[Blob, bytes]] = []
    family, waiting = "", bytearray()
    for stretch in sounds_in(file, list(dict.fromkeys(wanted))):
        if not pieces and not waiting:
            family = family_of(stretch.data[:64])
        waiting += stretch.data if family else b""
        while len(waiting) >= CHUNK_BYTES or (stretch.ended and waiting):
            pieces.append(sealed(run.owner_id, bytes(waiting[:CHUNK_BYTES])))
            del waiting[:CHUNK_BYTES]
        if stretch.ended:
            brought[stretch.place] = ended(stretch, family, pieces)
            pieces, family = [], ""
    return brought


def sealed(owner_id: UUID, data: bytes) -> tuple[Blob, bytes]:
    mac = blind.digest(keys.person(str(owner_id)), data)
    return storage.keep(owner_id, BytesIO(data), media_type="application/octet-stream"), mac


def ended(stretch: Stretch, family: str, pieces: Sequence[tuple[Blob, bytes]]) -> Brought:
    if stretch.reason or not pieces:
        return Brought(reason=stretch.reason or "sound_unknown")
    return Brought(family, pieces)


def take_in_sounds(
    run: ImportRun, rows: Sequence[Sound], brought: Mapping[int, Brought]
) -> Iterator[tuple[Sound, Outcome, str, Recording | None]]:
    """What became of each sound, and why where it is none. In the transaction of its batch; four queries and its rows.

    A sound belongs to the entry that its text became, in this run or an earlier one.
    """
    standing = standing_sounds(run.owner_id, rows)
    entries = entries_of_sounds(run, rows)
    room = room_of(run.owner_id)
    for row in rows:
        earlier = standing.get(key_of_sound(run.owner_id, row))
        outcome = outcome_of_sound(earlier)
        node = entries.get(row.of)
        sound = brought.get(row.place, Brought(reason="sound_missing"))
        if outcome != Outcome.NEW:
            yield row, outcome, "", earlier
        elif node is None:
            yield row, Outcome.UNREADABLE, "sound_alone", None
        elif node.deleted_at is not None:
            yield row, Outcome.TRASHED, "", None
        elif sound.reason:
            yield row, Outcome.UNREADABLE, sound.reason, None
        elif sound.size > room:
            yield row, Outcome.UNREADABLE, "sound_no_room", None
        else:
            room -= sound.size
            if earlier is not None:
                let_go([earlier])
            yield row, outcome, "", recording_of(run, row, node, sound)


def entries_of_sounds(run: ImportRun, rows: Sequence[Sound]) -> dict[str, Node]:
    """The entries these sounds were spoken for, by their keys, those in the trash included. One query."""
    holder = keys.person(str(run.owner_id))
    digests = {blind.dedupe(holder, row.source.encode(), row.of.encode()): row.of for row in rows}
    found = Node.objects.filter(
        owner=run.owner_id, source_key__in=list(digests), erased_at__isnull=True
    )
    return {digests[bytes(node.source_key)]: node for node in found if node.source_key}


def recording_of(run: ImportRun, row: Sound, node: Node, sound: Brought) -> Recording:
    """The sound as a recording of its entry that waits to be put together; nobody is asked to write it down."""
    told = Segment(0, len(sound.pieces), 0)
    storage.settle(*(blob for blob, _mac in sound.pieces))
    recording = Recording.objects.create(
        id=new_id(),
        owner_id=run.owner_id,
        node=node,
        privacy_level=node.privacy_level,
        ai_usage=node.ai_usage,
        zone=node.zone,
        state=Recording.State.ASSEMBLING,
        into=Recording.Into.ENTRY,
        segments=[asdict(told)],
        bytes=sound.size,
        duration_ms=row.duration_ms,
        source_key=key_of_sound(run.owner_id, row),
        import_run=run,
        created_at=node.written_at,
        heard_at=timezone.now(),
    )
    Chunk.objects.bulk_create(
        Chunk(
            recording=recording,
            segment=0,
            n=n,
            media_type=sound.family,
            bytes=blob.bytes,
            mac=mac,
            blob=blob,
        )
        for n, (blob, mac) in enumerate(sound.pieces)
    )
    emit(RecordingClosed(Ref.to(recording), run.owner_id))
    return recording


def discard_batch(run: ImportRun) -> int:
    """How many sounds that the run added to earlier entries went to the trash. In a transaction.

    Those of its own entries go and stay with them.
    """
    added = models.Q(node__import_run__isnull=True) | ~models.Q(node__import_run=run)
    rows = Recording.objects.filter(added, import_run=run, discarded_at__isnull=True)
    taken = list(rows.order_by("pk")[:BATCH])
    for recording in taken:
        discard_recording(run.owner, recording)
    return len(taken)
