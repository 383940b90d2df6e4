"""Speech arriving: begun, sent in small pieces in any order, finished, discarded and taken back.

Each piece is sealed and on the disk before its row says that it is here, and the row before the device hears so.
"""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from io import BytesIO
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.actions.drafts import require_draft
from journal.audio import family_of
from journal.models.nodes import Node
from journal.models.recordings import Chunk, Recording
from writeorperish.audit.log import record
from writeorperish.crypto import blind, keys, storage
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import RecordingClosed
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid, Missing, TooLarge, Unreadable, WrongKind
from writeorperish.ops.states import move
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.privacy.models import Viewer
from writeorperish.refs import Ref, new_id

CHUNK_BYTES = 8 * 1024 * 1024
RECORDING_BYTES = 200 * 1024 * 1024
SEGMENTS = 200
CHUNKS = 5_000
LONGEST_MS = 6 * 60 * 60 * 1000
OPEN_AT_ONCE = 5
INTERRUPTED_AFTER = timedelta(minutes=10)
DISCARDED_LIFE = timedelta(hours=24)
BATCH = 200
# What a device calls the containers, apart from what it says of codecs.
KINDS = {
    **dict.fromkeys(("audio/webm", "video/webm", "audio/x-matroska"), "webm"),
    **dict.fromkeys(("audio/mp4", "video/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"), "mp4"),
    **dict.fromkeys(("audio/ogg", "application/ogg"), "ogg"),
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave"), "wav"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), "mp3"),
    **dict.fromkeys(("audio/flac", "audio/x-flac"), "flac"),
}
UNKNOWN_KIND = {"", "application/octet-stream"}


class TooManyOpen(Invalid):
    code = "limit_reached"
    words = _("Five recordings are open already. Finish or discard one first.")


class ChunkTooLarge(TooLarge):
    code = "too_large"
    words = _("A part of a recording holds up to 8 MB, a recording up to 200 MB and six hours.")


class SoundFull(Invalid):
    code = "sound_full"
    words = _(
        "Your recordings hold as much as they may together, so no new one can begin. Nothing you recorded is lost. "
        "Delete recordings you no longer need, or keep their words without the sound."
    )


class EmptyChunk(Unreadable):
    code = "empty_chunk"
    words = _("This part holds no sound. Leave it out and use its number for the next one.")


class DigestMismatch(Unreadable):
    code = "digest_mismatch"
    words = _("This part changed on its way. Send it again.")


class NotAudio(Unreadable):
    code = "not_audio"
    words = _("This is no sound that can be read here.")


class OtherKind(WrongKind):
    code = "other_kind"
    words = _("The parts of one segment are of one kind of sound.")


class ChunkDiffers(Conflict):
    code = "chunk_differs"
    words = _("This part arrived before, with other sound.")


class Closed(Conflict):
    code = "recording_closed"
    words = _("This recording is finished. Nothing more can be added to it.")


class ChunksMissing(Conflict):
    """`missing` lists what has not arrived: per segment the numbers of its chunks."""

    code = "chunks_missing"
    words = _("Some of this recording has not arrived yet.")


class NothingRecorded(Invalid):
    code = "empty"
    words = _("Nothing was recorded.")


@dataclass(frozen=True, slots=True)
class Segment:
    """One run of the device's recorder, as it tells: how many chunks it made, and how long it ran."""

    index: int
    chunks: int
    duration_ms: int


def recordings_of(person: AbstractUser) -> models.QuerySet[Recording]:
    """The person's recordings, newest first, without those they discarded, and without those of trashed entries."""
    return (
        Recording.objects.filter(owner=person.pk, discarded_at__isnull=True)
        .exclude(node__deleted_at__isnull=False)
        .order_by("-created_at", "-id")
    )


def interrupted(person: AbstractUser) -> models.QuerySet[Recording]:
    """Recordings nobody finished and that have heard nothing for ten minutes."""
    return recordings_of(person).filter(
        state__in=[Recording.State.OPEN, Recording.State.FINISHING],
        heard_at__lt=timezone.now() - INTERRUPTED_AFTER,
        bytes__gt=0,
    )


def sounds_of(nodes: Sequence[Node]) -> dict[UUID, list[Recording]]:
    """Per entry what was spoken for it and can be played, in the order it was said. One query, none for none.

    Whoever sees an entry hears it, too: the caller asked for these rows by sight.
    """
    found: dict[UUID, list[Recording]] = {}
    if not nodes:
        return found
    rows = Recording.objects.filter(node__in=nodes, blob__isnull=False, discarded_at__isnull=True)
    for each in rows.order_by("created_at", "id"):
        if each.node_id is not None:
            found.setdefault(each.node_id, []).append(each)
    return found


def sound_for(person: Viewer, *, node_id: UUID) -> Recording:
    """The first sound of an entry this person may see. Missing."""
    return playable(Recording.objects.filter(node__in=seen_by(person, node_id)))


def sound_named(person: Viewer, *, blob_id: UUID) -> Recording:
    """The recording in this file, for whoever sees its entry; without an entry for its person alone. Missing."""
    theirs = Q(node__in=seen_by(person))
    if isinstance(person, AbstractUser):
        theirs |= Q(node__isnull=True, owner=person.pk)
    return playable(Recording.objects.filter(theirs, blob=blob_id))


def seen_by(person: Viewer, *ids: UUID) -> models.QuerySet[Node]:
    rows = Node.objects.visible_to(person)
    return rows.filter(pk__in=ids) if ids else rows


def playable(rows: models.QuerySet[Recording]) -> Recording:
    standing = rows.filter(blob__isnull=False, discarded_at__isnull=True)
    found = standing.select_related("blob", "node").order_by("created_at", "id").first()
    if found is None:
        raise Missing
    return found


def loose(person: AbstractUser) -> models.QuerySet[Recording]:
    """Recordings that stand in no entry: what the page of one's voice lists."""
    return recordings_of(person).filter(node__isnull=True)


@transaction.atomic
def begin_recording(
    person: AbstractUser,
    *,
    id: UUID | None = None,
    parent: UUID | None = None,
    draft: UUID | None = None,
    privacy_level: str = PrivacyLevel.PRIVATE,
    ai_usage: str = AIUsage.NONE,
    zone: str = "UTC",
    language: str = "",
) -> tuple[Recording, bool]:
    """The recording, and whether it is new; the same id again is the same one.

    `draft`: where its words go, made when it is not there yet. Missing for somebody else's id, an unreadable
    parent or another's draft; TooManyOpen, TooManyDrafts; SoundFull at the ceiling of all that is kept.
    """
    standing = Recording.objects.filter(pk=id).first() if id else None
    if standing is not None:
        return own_begun(person, standing), False
    if parent and not Node.objects.visible_to(person).filter(pk=parent).exists():
        raise Missing
    if draft:
        require_draft(person, draft)
    unfinished = [Recording.State.OPEN, Recording.State.FINISHING]
    if recordings_of(person).filter(state__in=unfinished).count() >= OPEN_AT_ONCE:
        raise TooManyOpen
    if room_of(person.pk) <= 0:
        raise SoundFull(bytes=settings.SOUND_CEILING_BYTES)
    # Another try of this request may have been faster by a moment.
    recording, new = Recording.objects.get_or_create(
        id=id or new_id(),
        defaults={
            "owner_id": person.pk,
            "parent_id": parent,
            "draft_id": draft,
            "privacy_level": privacy_level,
            "ai_usage": ai_usage,
            "zone": zone,
            "language": language,
        },
    )
    if not new:
        return own_begun(person, recording), False
    record(person, "record", Ref.to(recording), of=person.pk)
    return recording, True


def kept_bytes(owner_id: UUID) -> int:
    """How much sound this person keeps here, what was discarded today included. One query."""
    total = Recording.objects.filter(owner=owner_id).aggregate(total=Sum("bytes", default=0))
    return int(total["total"])


def room_of(owner_id: UUID) -> int:
    """How many bytes of sound may still begin; nothing or less at the ceiling. What has begun may go beyond it."""
    return settings.SOUND_CEILING_BYTES - kept_bytes(owner_id)


def own_begun(person: AbstractUser, recording: Recording) -> Recording:
    if recording.owner_id != person.pk or recording.discarded_at is not None:
        raise Missing
    return recording


def put_chunk(
    person: AbstractUser,
    recording: Recording,
    segment: int,
    n: int,
    data: bytes,
    *,
    media_type: str = "",
    digest: str = "",
) -> bool:
    """Whether the chunk is new; the same bytes again change nothing. In any order.

    `digest` as in RFC 9530, `sha-256=:…:`. EmptyChunk, ChunkTooLarge, DigestMismatch, NotAudio, OtherKind,
    ChunkDiffers or Closed.
    """
    if not (0 <= segment < SEGMENTS and 0 <= n < CHUNKS):
        raise Missing
    if not data:
        raise EmptyChunk
    if len(data) > CHUNK_BYTES:
        raise ChunkTooLarge(bytes=len(data), cap=CHUNK_BYTES)
    check_digest(digest, data)
    kind = kind_of(media_type, data if n == 0 else b"")
    mac = blind.digest(keys.person(str(person.pk)), data)
    if stands(recording, segment, n, mac):
        return False
    blob = storage.keep(person.pk, BytesIO(data), media_type="application/octet-stream")
    with transaction.atomic():
        locked = Recording.objects.select_for_update().get(pk=recording.pk)
        if stands(locked, segment, n, mac):
            return False
        check_room(locked, len(data))
        first = locked.chunks.filter(segment=segment).order_by("n").first()
        if first is not None and kind and first.media_type not in {"", kind}:
            raise OtherKind
        storage.settle(blob)
        Chunk.objects.create(
            recording=locked,
            segment=segment,
            n=n,
            media_type=kind,
            bytes=len(data),
            mac=mac,
            blob=blob,
        )
        Recording.objects.filter(pk=locked.pk).update(
            bytes=F("bytes") + len(data), heard_at=timezone.now()
        )
    return True


def check_digest(header: str, data: bytes) -> None:
    """DigestMismatch when the sender names a SHA-256 that these bytes do not have; other algorithms pass."""
    for member in header.split(","):
        name, _equals, value = member.strip().partition("=")
        if name != "sha-256":
            continue
        try:
            named = b64decode(value.strip(":"), validate=True)
        except NotBase64:
            raise DigestMismatch from None
        if named != hashlib.sha256(data).digest():
            raise DigestMismatch


def kind_of(media_type: str, head: bytes) -> str:
    """The container: by the bytes where they begin one, else by its name; empty if nobody says."""
    name = media_type.partition(";")[0].strip().lower()
    if head:
        found = family_of(head)
        if not found:
            raise NotAudio
        return found
    if name in UNKNOWN_KIND:
        return ""
    if name not in KINDS:
        raise OtherKind
    return KINDS[name]


def stands(recording: Recording, segment: int, n: int, mac: bytes) -> bool:
    """Whether this chunk arrived before. ChunkDiffers when it was another."""
    standing = recording.chunks.filter(segment=segment, n=n).first()
    if standing is not None and bytes(standing.mac) != mac:
        raise ChunkDiffers
    return standing is not None


def check_room(recording: Recording, size: int) -> None:
    if recording.discarded_at is not None:
        raise Missing
    if recording.state not in {Recording.State.OPEN, Recording.State.FINISHING}:
        raise Closed
    if recording.bytes + size > RECORDING_BYTES:
        raise ChunkTooLarge(bytes=recording.bytes + size, cap=RECORDING_BYTES)


def have(recording: Recording) -> dict[int, list[int]]:
    """Per segment the numbers of the chunks that are here, in order. One query."""
    found: dict[int, list[int]] = {}
    for segment, n in recording.chunks.order_by("segment", "n").values_list("segment", "n"):
        found.setdefault(segment, []).append(n)
    return found


def missing(recording: Recording, segments: Iterable[Segment]) -> dict[int, list[int]]:
    """Per segment the numbers of announced chunks that are not here; empty when all are."""
    here = have(recording)
    lacking = {
        each.index: sorted(set(range(each.chunks)) - set(here.get(each.index, ())))
        for each in segments
    }
    return {index: numbers for index, numbers in lacking.items() if numbers}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A segment as it stands here: the numbers of its chunks, and of those announced that have not come."""

    index: int
    have: list[int]
    missing: list[int]


def segments_of(recording: Recording) -> list[Arrived]:
    """Every segment something is known of. No query when the chunks were fetched before."""
    found: dict[int, list[int]] = {each["index"]: [] for each in recording.segments}
    for chunk in recording.chunks.all():
        found.setdefault(chunk.segment, []).append(chunk.n)
    told = {each["index"]: each["chunks"] for each in recording.segments}
    arriving = recording.state in {Recording.State.OPEN, Recording.State.FINISHING}
    return [
        Arrived(
            index,
            sorted(numbers),
            sorted(set(range(told.get(index, 0))) - set(numbers)) if arriving else [],
        )
        for index, numbers in sorted(found.items())
    ]


def finish_recording(
    person: AbstractUser,
    recording: Recording,
    segments: Sequence[Segment],
    *,
    into: str = Recording.Into.DRAFT,
    keep_audio: bool = True,
    accept_holes: bool = False,
) -> Recording:
    """The recording on its way to be put together; again, as it stands.

    ChunksMissing while something announced has not arrived, unless holes are accepted: it goes on listening
    then, and the finishing is asked for again. NothingRecorded when nothing came at all.
    """
    with transaction.atomic():
        locked = Recording.objects.select_for_update().get(pk=recording.pk)
        if locked.state not in {
            Recording.State.OPEN,
            Recording.State.FINISHING,
            Recording.State.FAILED,
        }:
            return locked
        lacking = missing(locked, segments)
        if not locked.chunks.exists():
            raise NothingRecorded
        Recording.objects.filter(pk=locked.pk).update(
            segments=[asdict(each) for each in segments], into=into, keep_audio=keep_audio
        )
        if not lacking or accept_holes:
            holes = sum(map(len, lacking.values()))
            closed = move(locked, Recording.State.ASSEMBLING, holes=holes, error="")
            emit(RecordingClosed(Ref.to(closed), person.pk))
            return closed
        if locked.state == Recording.State.OPEN:
            move(locked, Recording.State.FINISHING)
    raise ChunksMissing(missing=[{"segment": s, "chunks": ns} for s, ns in lacking.items()])


def segments_here(recording: Recording) -> list[Segment]:
    """What can be finished with what the server has: every segment up to its last chunk, of unknown length."""
    return [Segment(index, numbers[-1] + 1, 0) for index, numbers in have(recording).items()]


@transaction.atomic
def discard_recording(person: AbstractUser, recording: Recording) -> None:
    """The recording is in the trash for a day; the entry or draft its words went to stays as it is."""
    Recording.objects.filter(pk=recording.pk, discarded_at__isnull=True).update(
        discarded_at=timezone.now()
    )
    record(person, "trash", Ref.to(recording), of=person.pk)


@transaction.atomic
def restore_recording(person: AbstractUser, recording: Recording) -> Recording:
    """The recording is back, and put together if that was passed over. Missing when it was not discarded."""
    back = Recording.objects.filter(pk=recording.pk, discarded_at__isnull=False)
    if not back.update(discarded_at=None):
        raise Missing
    record(person, "restore", Ref.to(recording), of=person.pk)
    recording.refresh_from_db()
    if recording.state == Recording.State.ASSEMBLING:
        emit(RecordingClosed(Ref.to(recording), person.pk))
    return recording


def discarded_of(person: AbstractUser) -> models.QuerySet[Recording]:
    """The recordings in the trash, newest first."""
    return Recording.objects.filter(owner=person.pk, discarded_at__isnull=False).order_by(
        "-discarded_at", "-id"
    )


def sweep_recordings() -> int:
    """How many recordings went for good: a day after they were discarded."""
    total = 0
    while True:
        old = Recording.objects.filter(discarded_at__lt=timezone.now() - DISCARDED_LIFE)
        with transaction.atomic():
            batch = list(old.select_for_update(skip_locked=True).order_by("discarded_at")[:BATCH])
            let_go(batch)
        total += len(batch)
        if len(batch) < BATCH:
            return total


def let_go(recordings: Sequence[Recording]) -> None:
    """These recordings, their sound and their words as heard are gone. In the caller's transaction."""
    ids = [each.pk for each in recordings]
    chunks = Chunk.objects.filter(recording__in=ids)
    blobs = [*chunks.values_list("blob", flat=True), *(each.blob_id for each in recordings)]
    Recording.objects.filter(pk__in=ids).delete()
    storage.doom(Blob.objects.filter(pk__in=[each for each in blobs if each]))


def let_go_with(nodes: Sequence[UUID]) -> None:
    """The sound of these entries goes with them."""
    let_go(list(Recording.objects.select_for_update().filter(node__in=nodes)))


def has_sound(person: AbstractUser, drafts: Sequence[UUID]) -> bool:
    """Whether something was recorded into one of these drafts."""
    return recordings_of(person).filter(draft__in=drafts).exists()


def keep_with(node: Node, drafts: Sequence[UUID]) -> None:
    """What was spoken into a draft belongs to the entry made of it; sound nobody wanted kept goes now."""
    if not drafts:
        return
    spoken = Recording.objects.filter(draft__in=drafts, owner=node.owner_id)
    unwanted = spoken.filter(
        keep_audio=False,
        state=Recording.State.READY,
        transcript=Recording.Transcript.DONE,
        discarded_at__isnull=True,
    )
    let_go(list(unwanted.select_for_update()))
    spoken.update(node=node, draft=None)
