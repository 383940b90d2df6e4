"""Reading an entry aloud: asked for once, made stretch by stretch, heard while the rest is made."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.core.files.base import ContentFile
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from journal import audio
from journal.audio import NotSound
from journal.models.nodes import Node
from journal.models.speech import Speech, SpeechChunk
from journal.speaking import Stretch, stretches
from writeorperish.ai import gateway, jobs
from writeorperish.ai.jobs import Telling
from writeorperish.ai.models import Job
from writeorperish.ai.parts import Aloud, CapabilityOff, Cut, NotAllowed, Voiced
from writeorperish.audit.log import record
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.ops.refusals import Invalid, Missing
from writeorperish.ops.states import move
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.models import Viewer
from writeorperish.privacy.reading import read, still_stands
from writeorperish.refs import Ref, new_id

KIND = "journal.speech"
VOICES = ("alloy", "nova", "onyx")
STRETCH_LEASE = timedelta(minutes=7)
MOST_STRETCHES = 60


class UnknownVoice(Invalid):
    code = "unknown_voice"
    words = _("There is no such voice.")


class NothingToSay(Invalid):
    code = "empty"
    words = _("There are no words in this entry that could be read aloud.")


def why_not(person: AbstractUser, node: Node) -> str:
    """Why this entry is not read aloud by a service, as a short code; empty when it can be."""
    able = gateway.capable("speak", person.pk)
    if not able.on:
        return able.why
    if node.ai_usage == AIUsage.NONE:
        return "ai_off_here"
    return "" if consent.allows(person.pk, Purpose.SPEAK) else "no_consent"


def speech_of(node: Node) -> Speech | None:
    """The newest reading of the entry, of whatever revision."""
    return Speech.objects.filter(node=node).order_by("-created_at").first()


def chunks_of(speech: Speech) -> models.QuerySet[SpeechChunk]:
    return speech.chunks.select_related("blob").order_by("index")


def chunk_named(person: Viewer, blob_id: UUID) -> SpeechChunk:
    """The stretch in this file, for whoever's entry it was read from. Missing."""
    found = (
        SpeechChunk.objects.filter(blob=blob_id, owner=getattr(person, "pk", None))
        .filter(speech__node__deleted_at__isnull=True)
        .select_related("blob")
        .first()
    )
    if found is None:
        raise Missing
    return found


@transaction.atomic
def ask_for_speech(person: AbstractUser, node: Node, *, voice: str = VOICES[0]) -> Speech:
    """The reading of the entry as it stands in this voice; asked again, the same one, going on if it broke off.

    UnknownVoice, NothingToSay, NotAllowed or CapabilityOff.
    """
    if voice not in VOICES:
        raise UnknownVoice
    why = why_not(person, node)
    if why in {"ai_off_here", "no_consent"}:
        raise NotAllowed(why=why)
    if why:
        raise CapabilityOff(why=why)
    wanted = stretches(node.body or "")[:MOST_STRETCHES]
    if not wanted:
        raise NothingToSay
    speech, new = Speech.objects.select_for_update().get_or_create(
        node=node,
        rev=node.rev,
        voice=voice,
        defaults={"owner_id": person.pk, "chunks_wanted": len(wanted)},
    )
    if not new and speech.state == Speech.State.FAILED:
        speech = move(speech, Speech.State.SPEAKING, error="")
        new = True
    if new:
        jobs.start(person, KIND, about=Ref.to(speech))
        record(person, "read_aloud", Ref.to(node), of=person.pk, purpose=Purpose.SPEAK)
    return speech


def say(job: Job) -> None:
    """Does one job: what has no sound yet is read, in order, while the entry stands and is open.

    Missing when it was let go for good meanwhile.
    """
    speech = Speech.objects.select_related("node").filter(pk=job.about_id).first()
    if speech is None:
        raise Missing
    telling = Telling(job)
    telling.begin()
    ref = Ref.to(speech.node)
    passage = read(ref, purpose=Purpose.SPEAK, asker=job.owner)
    if passage is None or passage.rev != speech.rev:
        raise NotAllowed(why="ai_off_here")
    done = set(speech.chunks.values_list("index", flat=True))
    for index, stretch in enumerate(stretches(passage.text)[:MOST_STRETCHES]):
        if index in done:
            continue
        if jobs.asked_to_stop(job):
            end_speech(job, Job.State.STOPPED, "stopped")
            return
        jobs.stay(job, STRETCH_LEASE)
        with transaction.atomic():
            if not still_stands(passage, purpose=Purpose.SPEAK):
                raise NotAllowed(why="ai_off_here")
        voiced = gateway.speak(
            Aloud(Cut(passage, stretch.start, stretch.end), stretch.words),
            spender=job.owner_id,
            feature="journal",
            voice=speech.voice,
            job=job.pk,
        )
        jobs.spent_by(job, voiced.cost_microdollars)
        keep_stretch(speech, index, stretch, voiced)
        telling.tell("part", index=index)
    finish_speech(job, speech)


def keep_stretch(speech: Speech, index: int, stretch: Stretch, voiced: Voiced) -> None:
    """The sound stands; what another worker kept meanwhile stays, and this one is swept."""
    length = length_of(voiced.sound)
    blob = storage.keep(speech.owner_id, ContentFile(voiced.sound), media_type="audio/mpeg")
    with transaction.atomic():
        Speech.objects.select_for_update().get(pk=speech.pk)
        if speech.chunks.filter(index=index).exists():
            return
        storage.settle(blob)
        SpeechChunk.objects.create(
            id=new_id(),
            owner_id=speech.owner_id,
            speech=speech,
            index=index,
            section=stretch.section,
            title=stretch.title,
            duration_ms=length,
            blob=blob,
        )
        Speech.objects.filter(pk=speech.pk).update(model=voiced.model)


def length_of(sound: bytes) -> int:
    """Milliseconds; 0 where nothing here can tell."""
    with audio.workshop(len(sound)) as folder:
        path = folder / "said.mp3"
        path.write_bytes(sound)
        try:
            return audio.measured(path, "audio/mpeg").duration_ms
        except NotSound:
            return 0


@transaction.atomic
def finish_speech(job: Job, speech: Speech) -> None:
    move(speech, Speech.State.READY)
    jobs.finish(job, Job.State.DONE)


@transaction.atomic
def end_speech(job: Job, state: str, error: str) -> None:
    """The job ends before its end; what was read so far stays, and is gone on from when asked again."""
    speech = Speech.objects.select_for_update().filter(pk=job.about_id).first()
    if speech is not None and speech.state == Speech.State.SPEAKING:
        move(speech, Speech.State.FAILED, error=error or "stopped")
    jobs.finish(job, state, error=error)


@transaction.atomic
def delete_speech(person: AbstractUser, speech: Speech) -> None:
    record(person, "trash", Ref.to(speech), of=person.pk)
    let_speech_go([speech.pk])


def let_speech_go(ids: list[UUID]) -> None:
    """These readings and their sound are gone. In the caller's transaction."""
    blobs = list(SpeechChunk.objects.filter(speech__in=ids).values_list("blob", flat=True))
    Speech.objects.filter(pk__in=ids).delete()
    storage.doom(Blob.objects.filter(pk__in=blobs))


def let_speech_go_with(nodes: list[UUID]) -> None:
    let_speech_go(list(Speech.objects.filter(node__in=nodes).values_list("pk", flat=True)))
