"""From arrived speech to one file of sound, and from that to words in a draft or an entry.

No step waits for another: each leaves its row in a state from which the next one, announced in the same
transaction, goes on. What fails leaves the sound where it is.
"""

from datetime import timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from journal import audio
from journal.actions.nodes import Audience, edit_node, write_node
from journal.actions.recordings import Segment
from journal.audio import NotSound, Sound
from journal.models.drafts import DRAFT_CHARS, Draft
from journal.models.nodes import Node
from journal.models.recordings import Chunk, Recording, TranscriptPart
from journal.transcription import joined, with_words
from writeorperish.ai import budget, gateway, jobs
from writeorperish.ai.jobs import Telling
from writeorperish.ai.models import Job
from writeorperish.ai.parts import BudgetSpent, CapabilityOff, NotAllowed, Spoken
from writeorperish.audit.log import record
from writeorperish.crypto import storage
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.models import Blob
from writeorperish.events.catalog import RecordingFinished
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Missing, Refused
from writeorperish.ops.states import move
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.refs import Ref, new_id

KIND = "journal.transcription"
# A provider may take five minutes for ten of speech, and is asked three times.
PART_LEASE = timedelta(minutes=17)
# More than an editor that is open meanwhile has saved: its next save is refused as older, and nothing is lost.
SEQ_STEP = 1_000
LENGTH_TOLERANCE_MS = 2_000
LENGTH_TOLERANCE = 0.005
CHANGED_MEANWHILE = {"not_allowed", "capability_off", "budget_spent"}


class NoSound(Conflict):
    code = "no_sound"
    words = gettext_lazy("There is no sound here to write down.")


# --- one file ----------------------------------------------------------------------------------


def assemble(recording_id: UUID) -> None:
    """Puts the recording together, once: its file, length and drawing stand, its chunks are let go.

    When that cannot be done the chunks stay, and the recording says why. Harmless twice.
    """
    recording = Recording.objects.filter(
        pk=recording_id, state=Recording.State.ASSEMBLING, discarded_at__isnull=True
    ).first()
    if recording is None:
        return
    try:
        with audio.workshop(recording.bytes) as folder:
            sound = joined_sound(recording, folder)
            check_length(recording, sound)
            with sound.path.open("rb") as file:
                blob = storage.keep(recording.owner_id, file, media_type=sound.media_type)
    except NotSound as problem:
        fail(recording, problem.code)
    except CannotOpen:
        fail(recording, "damaged")
    else:
        stand(recording, sound, blob)


def joined_sound(recording: Recording, folder: Path) -> Sound:
    """The chunks as one file in the folder. A segment without its first chunk has no header and is left out."""
    files, families = [], []
    for segment in sorted({each["index"] for each in recording.segments}):
        chunks = list(recording.chunks.filter(segment=segment).order_by("n").select_related("blob"))
        if not chunks or chunks[0].n:
            continue
        path = folder / f"segment-{segment}"
        with path.open("wb") as file:
            for chunk in chunks:
                for piece in storage.pieces(chunk.blob, 0, chunk.bytes):
                    file.write(piece)
        files.append(path)
        families.append(chunks[0].media_type)
    if not files:
        raise NotSound
    return audio.join(files, families, folder)


def check_length(recording: Recording, sound: Sound) -> None:
    """NotSound("duration") when much more or less came out than the device says it recorded.

    ffmpeg ends well on files with holes in them: only the device knows how long they were.
    """
    told = [Segment(**each) for each in recording.segments]
    declared = sum(each.duration_ms for each in told)
    if recording.holes or not all(each.duration_ms for each in told):
        return
    if abs(declared - sound.duration_ms) > max(LENGTH_TOLERANCE_MS, LENGTH_TOLERANCE * declared):
        raise NotSound("duration")


@transaction.atomic
def fail(recording: Recording, code: str) -> None:
    standing = Recording.objects.select_for_update().filter(pk=recording.pk).first()
    if standing is not None and standing.state == Recording.State.ASSEMBLING:
        move(standing, Recording.State.FAILED, error=code)


@transaction.atomic
def stand(recording: Recording, sound: Sound, blob: Blob) -> None:
    """The file takes the place of the chunks, and the next step is announced."""
    standing = Recording.objects.select_for_update().filter(pk=recording.pk).first()
    if standing is None or standing.state != Recording.State.ASSEMBLING:
        return
    storage.settle(blob)
    chunks = Chunk.objects.filter(recording=standing)
    sealed = list(chunks.values_list("blob", flat=True))
    chunks.delete()
    storage.doom(Blob.objects.filter(pk__in=sealed))
    TranscriptPart.objects.bulk_create(
        TranscriptPart(
            id=new_id(),
            owner_id=standing.owner_id,
            recording=standing,
            index=index,
            start_ms=start,
            end_ms=end,
        )
        for index, (start, end) in enumerate(audio.parts_of(sound))
    )
    whole = move(
        standing,
        Recording.State.TRANSCRIBING,
        blob=blob,
        bytes=blob.bytes,
        media_type=sound.media_type,
        duration_ms=sound.duration_ms,
        peaks=audio.peaks_of(sound),
        error="",
    )
    if whole.import_run_id is not None:
        # Nobody asked for the words of a whole archive of sound: each costs something, and is asked for by itself.
        hand_over(whole, Recording.Transcript.OFF, "imported")
    else:
        begin(whole.owner, whole)


# --- words -------------------------------------------------------------------------------------


def why_not(person: AbstractUser, recording: Recording) -> str:
    """Why this recording is not written down, as a short code; empty when it can be. Some four queries."""
    able = gateway.capable("transcribe", person.pk)
    if not able.on:
        return able.why
    if usage_of(recording) == AIUsage.NONE:
        return "ai_off_here"
    if not consent.allows(person.pk, Purpose.TRANSCRIBE):
        return "no_consent"
    try:
        budget.require_any(person.pk, at=timezone.now())
    except BudgetSpent as spent:
        return spent.code
    return ""


def usage_of(recording: Recording) -> str:
    """What AI may do with it: what its entry says, once it has one."""
    return recording.node.ai_usage if recording.node else recording.ai_usage


def begin(person: AbstractUser, recording: Recording, *, model: str = "") -> None:
    """Queues the writing down, or hands the recording over without words and says why. In a transaction."""
    why = why_not(person, recording)
    if why:
        hand_over(recording, Recording.Transcript.OFF, why)
        return
    jobs.start(person, KIND, about=Ref.to(recording), model=model)
    Recording.objects.filter(pk=recording.pk).update(transcript=Recording.Transcript.QUEUED, why="")


@transaction.atomic
def transcribe_again(
    person: AbstractUser, recording: Recording, *, model: str = "", open_to_ai: bool = False
) -> Recording:
    """The recording, being written down: what is missing of it, or has failed. As it stands while that runs.

    `open_to_ai`: the person opens this recording to AI with the same word. NoSound without a file;
    NotAllowed, CapabilityOff or BudgetSpent say what stands in the way.
    """
    locked = Recording.objects.select_for_update(of=("self",)).get(pk=recording.pk)
    if locked.blob_id is None:
        raise NoSound
    if locked.state == Recording.State.TRANSCRIBING:
        return locked
    if open_to_ai and locked.node is None and locked.ai_usage == AIUsage.NONE:
        locked.ai_usage = AIUsage.CHAT
        locked.save(update_fields=["ai_usage"])
        record(person, "ai_usage", Ref.to(locked), of=person.pk)
    why = why_not(person, locked)
    if why in {"ai_off_here", "no_consent"}:
        raise NotAllowed(why=why)
    if why == BudgetSpent.code:
        budget.require_any(person.pk, at=timezone.now())
    if why:
        raise CapabilityOff(why=why)
    for part in locked.parts.filter(state=TranscriptPart.State.FAILED):
        move(part, TranscriptPart.State.WAITING, error="")
    begun = move(locked, Recording.State.TRANSCRIBING)
    begin(person, begun, model=model)
    begun.refresh_from_db()
    return begun


def transcribe(job: Job) -> None:
    """Does one job: each stretch that has no words yet is cut out and heard; what fails, fails alone.

    Missing when the recording was let go for good meanwhile; NoSound.
    """
    wanted = Recording.objects.select_related("blob", "node", "owner").filter(pk=job.about_id)
    recording = wanted.first()
    if recording is None:
        raise Missing
    Recording.objects.filter(pk=recording.pk).update(transcript=Recording.Transcript.RUNNING)
    if recording.blob is None:
        raise NoSound
    telling = Telling(job)
    telling.begin()
    stopped = ""
    waiting = list(recording.parts.filter(state=TranscriptPart.State.WAITING).order_by("index"))
    with audio.workshop(recording.blob.bytes) as folder:
        whole = folder / "whole"
        with whole.open("wb") as file:
            for piece in storage.pieces(recording.blob, 0, recording.blob.bytes):
                file.write(piece)
        for part in waiting:
            if jobs.asked_to_stop(job):
                stopped = "stopped"
                break
            jobs.stay(job, PART_LEASE)
            stopped = hear_part(job, recording, part, whole, folder / f"part-{part.index}.webm")
            telling.tell("part", index=part.index, text=text_of(part))
            if stopped:
                break
    settle_transcript(job, stopped)


def hear_part(job: Job, recording: Recording, part: TranscriptPart, whole: Path, into: Path) -> str:
    """Why the others need not be tried: nobody may be asked any more. Empty when the next one may be."""
    ref = Ref.to(recording)
    try:
        audio.cut(whole, part.start_ms, part.end_ms, into, as_is=audio.is_opus(whole))
        record(None, "read", ref, of=recording.owner_id, purpose=Purpose.TRANSCRIBE)
        with into.open("rb") as sound:
            heard = gateway.transcribe(
                Spoken(
                    ref=ref,
                    owner_id=recording.owner_id,
                    ai_usage=current_usage(recording),
                    start=part.start_ms,
                    end=part.end_ms,
                    sound=sound,
                    name=into.name,
                    language=recording.language,
                ),
                spender=job.owner_id,
                feature="journal",
                job=job.pk,
                prefer=job.model,
            )
    except NotSound as problem:
        move(part, TranscriptPart.State.FAILED, error=problem.code)
        return ""
    except Refused as refusal:
        if refusal.code in CHANGED_MEANWHILE:
            return str(refusal.detail.get("why") or refusal.code)
        move(part, TranscriptPart.State.FAILED, error=refusal.code)
        return ""
    finally:
        into.unlink(missing_ok=True)
    jobs.spent_by(job, heard.cost_microdollars)
    move(part, TranscriptPart.State.DONE, text=heard.words.strip(), error="")
    return ""


def text_of(part: TranscriptPart) -> str:
    return TranscriptPart.objects.get(pk=part.pk).text


def current_usage(recording: Recording) -> str:
    """What AI may do with it at this moment: the person may have closed it since the last stretch."""
    fresh = Recording.objects.select_related("node").get(pk=recording.pk)
    return AIUsage.NONE if fresh.discarded_at else usage_of(fresh)


@transaction.atomic
def settle_transcript(job: Job, stopped: str) -> None:
    """The words are where they belong and the job is over, together."""
    recording = Recording.objects.select_for_update(of=("self",)).get(pk=job.about_id)
    states = set(recording.parts.values_list("state", flat=True))
    whole = states == {TranscriptPart.State.DONE}
    if whole:
        how = Recording.Transcript.DONE
    elif TranscriptPart.State.DONE in states:
        how = Recording.Transcript.PARTIAL
    else:
        how = Recording.Transcript.OFF if stopped else Recording.Transcript.FAILED
    hand_over(recording, how, stopped or ("" if whole else "ai_unavailable"))
    jobs.finish(job, Job.State.STOPPED if stopped == "stopped" else Job.State.DONE)


@transaction.atomic
def end_transcript(job: Job, state: str, error: str) -> None:
    """The job ends without having run to its end; what was heard so far is handed over."""
    recording = Recording.objects.select_for_update(of=("self",)).filter(pk=job.about_id).first()
    if recording is not None and recording.state == Recording.State.TRANSCRIBING:
        stopped = state == Job.State.STOPPED
        how = Recording.Transcript.OFF if stopped else Recording.Transcript.FAILED
        if recording.parts.filter(state=TranscriptPart.State.DONE).exists():
            how = Recording.Transcript.PARTIAL
        hand_over(recording, how, error or "stopped")
    jobs.finish(job, state, error=error)


# --- into a draft or an entry --------------------------------------------------------------------


def hand_over(recording: Recording, how: str, why: str) -> None:
    """The recording is ready: its words, as far as there are any, stand in its draft or entry. In a transaction.

    Words that came late take the place of the line that stood for them.
    """
    done = move(recording, Recording.State.READY, transcript=how, why=why)
    parts = list(done.parts.order_by("index"))
    heard = [part.pk for part in parts if part.state == TranscriptPart.State.DONE]
    gone = done.discarded_at is not None or (done.node and done.node.deleted_at is not None)
    if not gone:
        deliver(done, parts if heard else [])
        done.parts.filter(pk__in=heard).update(delivered=True)
    emit(RecordingFinished(Ref.to(done), done.owner_id))


def deliver(recording: Recording, parts: list[TranscriptPart]) -> None:
    if recording.node is not None:
        add_to_entry(recording, recording.node, parts)
    elif recording.into == Recording.Into.ENTRY and recording.draft is None:
        make_entry(recording, parts)
    else:
        add_to_draft(recording, parts)


def add_to_entry(recording: Recording, node: Node, parts: list[TranscriptPart]) -> None:
    """The words at the end of the entry, as a new revision; in a draft where it holds no more."""
    text = with_words(node.body or "", parts)
    if text == node.body:
        return
    try:
        with transaction.atomic():
            edit_node(recording.owner, node, text=text, base_rev=node.rev)
    except Refused:
        add_to_draft(recording, parts)


def make_entry(recording: Recording, parts: list[TranscriptPart]) -> None:
    """An entry of what was said, with the sound; a draft instead where the entry may not be made by now."""
    text = joined(parts)
    try:
        with transaction.atomic():
            written = write_node(
                recording.owner,
                text=text,
                title=title_of(recording, text),
                parent=recording.parent_id,
                privacy_level=recording.privacy_level,
                ai_usage=recording.ai_usage,
                audience=Audience(),
                written_at=recording.created_at,
                zone=recording.zone,
                spoken=True,
            )
    except Refused:
        add_to_draft(recording, parts)
        return
    Recording.objects.filter(pk=recording.pk).update(node=written.node)


def title_of(recording: Recording, text: str) -> str:
    """When it was said, for an entry of its own that does not begin with a heading."""
    if recording.parent_id is not None or text.startswith("#"):
        return ""
    at = recording.created_at.astimezone(ZoneInfo(recording.zone))
    return _("Spoken on %(day)s, %(time)s") % {
        "day": date_format(at, "MONTH_DAY_FORMAT"),
        "time": date_format(at, "TIME_FORMAT"),
    }


def add_to_draft(recording: Recording, parts: list[TranscriptPart]) -> None:
    """The words at the end of the draft, which is made when there is none; never assigned, always added."""
    standing = recording.draft_id
    draft = Draft.objects.select_for_update().filter(pk=standing).first() if standing else None
    if draft is None:
        draft = Draft.objects.create(
            owner_id=recording.owner_id,
            parent_id=recording.parent_id,
            seq=1,
            privacy_level=recording.privacy_level,
            ai_usage=recording.ai_usage,
        )
        Recording.objects.filter(pk=recording.pk).update(draft=draft)
    text = with_words(draft.body, parts)
    if text == draft.body or len(text) > DRAFT_CHARS:
        return
    draft.body, draft.seq, draft.updated_at = text, draft.seq + SEQ_STEP, timezone.now()
    draft.discarded_at = None
    draft.save(update_fields=["body", "seq", "updated_at", "discarded_at"])
