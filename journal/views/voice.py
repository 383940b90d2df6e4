"""Speaking instead of typing: the recorder's page, one recording, what was interrupted, and the sound itself."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import Request
from accounts.views.live import whoever
from journal.actions.recordings import (
    CHUNK_BYTES,
    Segment,
    SoundFull,
    begin_recording,
    discard_recording,
    finish_recording,
    interrupted,
    loose,
    put_chunk,
    recordings_of,
    restore_recording,
    room_of,
    segments_here,
    sound_for,
    sound_named,
)
from journal.actions.speech import chunk_named
from journal.actions.transcripts import transcribe_again
from journal.forms import SpokenForm
from journal.models.recordings import Recording
from journal.views.sounds import player_of
from writeorperish.ai import gateway
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.models import Viewer
from writeorperish.privacy.reading import seen
from writeorperish.refs import new_id
from writeorperish.ui.pages import show
from writeorperish.ui.ranges import stretch

LISTED = 50
WORKING = {Recording.State.ASSEMBLING, Recording.State.TRANSCRIBING}
UNHEARD: dict[str, Promise] = {
    "ai_off_here": gettext_lazy(
        "AI is off for this recording, so nothing was sent to be written down."
    ),
    "no_consent": gettext_lazy(
        "You have not agreed that recordings are sent out to be written down."
    ),
    "no_provider": gettext_lazy(
        "No service that writes down speech is set up on this server. The sound is kept: type what matters, or "
        "write it down later."
    ),
    "paused": gettext_lazy("AI is paused on this server. The sound is kept."),
    "paused_by_you": gettext_lazy("You paused AI, so nothing was sent. The sound is kept."),
    "budget_spent": gettext_lazy("Your AI budget for this time is used up. The sound is kept."),
    "imported": gettext_lazy("It came with an import, and nobody has asked for its words yet."),
    "stopped": gettext_lazy("Writing down was stopped. The sound is kept."),
    "files_away": gettext_lazy(
        "The sound could not be fetched from where it is kept. It is safe, and can be written down later."
    ),
    "ai_unavailable": gettext_lazy(
        "Some of it could not be written down. The sound is kept, and it can be tried again."
    ),
}
UNMADE: dict[str, Promise] = {
    "no_ffmpeg": gettext_lazy(
        "The sound is safe, and can't be put together yet: this server has no ffmpeg. Whoever runs it can "
        "install it; then try again."
    ),
    "not_audio": gettext_lazy("No sound that can be read is in this file."),
    "duration": gettext_lazy(
        "What arrived is shorter or longer than what was recorded. Everything that arrived is kept."
    ),
    "took_too_long": gettext_lazy(
        "Putting it together took too long. Everything that arrived is kept."
    ),
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def voice(request: Request) -> HttpResponse:
    """The recorder, or a file to send instead; and what was spoken and stands in no entry yet."""
    form = (
        SpokenForm(request.POST, request.FILES) if request.method == "POST" else fresh_form(request)
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return redirect("journal:recording", taken(request, form).pk)
            except Refused as refusal:
                form.add_error("file", str(refusal.words))
        elif not request.FILES:
            form.add_error("file", _("Choose a sound file of up to 64 MB."))
    context = {
        "form": form,
        "recordings": loose(request.user)[:LISTED],
        "parent": request.GET.get("parent", ""),
        "draft": request.GET.get("draft", ""),
        "full": SoundFull.words if room_of(request.user.pk) <= 0 else "",
        **hearing(request),
    }
    return show(request, "journal/voice.html", context, status=status)


def fresh_form(request: Request) -> SpokenForm:
    able = hearing(request)
    usage = request.user.profile.default_ai_usage
    return SpokenForm(initial={"written_down": bool(able["able"]) and usage != AIUsage.NONE})


def hearing(request: Request) -> dict[str, object]:
    """Who would write speech down here, and whether this person agreed to it."""
    able = gateway.capable("transcribe", request.user.pk)
    asked = consent.terms().get(Purpose.TRANSCRIBE)
    return {
        "able": able.on,
        "hearer": able.model,
        "terms": asked,
        "consented": able.on and consent.allows(request.user.pk, Purpose.TRANSCRIBE),
        "unable": UNHEARD.get(able.why, able.words),
    }


def taken(request: Request, form: SpokenForm) -> Recording:
    """The file as a recording of one segment, sealed piece by piece; its name is not kept."""
    person = request.user
    usage = AIUsage.CHAT if form.cleaned_data["written_down"] else AIUsage.NONE
    recording, _new = begin_recording(person, id=new_id(), ai_usage=usage, zone=person.profile.zone)
    file: UploadedFile[bytes] = form.cleaned_data["file"]
    number = 0
    try:
        for number, data in enumerate(iter(lambda: file.read(CHUNK_BYTES), b"")):
            put_chunk(person, recording, 0, number, data, media_type=file.content_type or "")
        return finish_recording(person, recording, [Segment(0, number + 1, 0)])
    except Refused:
        discard_recording(person, recording)
        raise


@login_required
@require_safe
def recover(request: Request) -> HttpResponse:
    """Recordings that were cut off: what the server has of each, and what can be done with it."""
    return show(request, "journal/recover.html", {"recordings": interrupted(request.user)[:LISTED]})


@login_required
@require_safe
def recording(request: Request, recording_id: UUID) -> HttpResponse:
    """One recording: how far it is, its sound, its words as they come, and where they went."""
    found = own(request, recording_id, "node", "draft", "blob")
    return show(request, "journal/recording.html", told(request, found), parts=("recording",))


def told(request: Request, found: Recording) -> dict[str, object]:
    parts = list(found.parts.order_by("index"))
    heard = sum(part.state != part.State.WAITING for part in parts)
    return {
        "recording": found,
        "sound": player_of(found),
        "working": found.state in WORKING,
        "heard": heard,
        "parts": parts,
        "unheard": UNHEARD.get(found.why, UNHEARD["ai_unavailable"]) if found.why else "",
        "unmade": UNMADE.get(found.error, UNMADE["not_audio"]) if found.error else "",
        **hearing(request),
    }


@login_required
@require_POST
def finishing(request: Request, recording_id: UUID) -> HttpResponse:
    """Ends a recording with what the server has of it; one that could not be put together is tried again.

    Where the length was not what the device told, whoever tries again wants what there is.
    """
    found = own(request, recording_id)
    believed = found.segments if found.error != "duration" else []
    told_before = [Segment(**each) for each in believed]
    finish_recording(request.user, found, told_before or segments_here(found), accept_holes=True)
    return redirect("journal:recording", found.pk)


@login_required
@require_POST
def transcript(request: Request, recording_id: UUID) -> HttpResponse:
    """Writes down what has no words yet; the same word may agree to it, and open the recording to AI."""
    found = own(request, recording_id)
    if version := request.POST.get("agreed"):
        consent.decide(
            request.user, Purpose.TRANSCRIBE, granted=True, text_version=version, source="voice"
        )
    transcribe_again(request.user, found, open_to_ai=request.POST.get("ai_usage") == AIUsage.CHAT)
    return redirect("journal:recording", found.pk)


@login_required
@require_POST
def discarding(request: Request, recording_id: UUID) -> HttpResponse:
    found = own(request, recording_id)
    discard_recording(request.user, found)
    return redirect(found.node) if found.node else redirect("journal:voice")


@login_required
@require_POST
def restoring(request: Request, recording_id: UUID) -> HttpResponse:
    found = Recording.objects.filter(owner=request.user.pk, pk=recording_id).first()
    if found is None:
        raise Missing
    restore_recording(request.user, found)
    return redirect("journal:recording", found.pk)


def own(request: Request, recording_id: UUID, *related: str) -> Recording:
    found = recordings_of(request.user).select_related(*related).filter(pk=recording_id).first()
    if found is None:
        raise Missing
    return found


@require_safe
def audio(request: HttpRequest, node_id: UUID) -> HttpResponseBase:
    """The sound an entry was spoken in, for whoever sees the entry."""
    return played(request, lambda person: heard(person, sound_for(person, node_id=node_id)))


@require_safe
def media(request: HttpRequest, blob_id: UUID) -> HttpResponseBase:
    """One file of sound, for whoever sees what it belongs to."""

    def find(person: Viewer) -> Blob:
        with suppress(Missing):
            return heard(person, sound_named(person, blob_id=blob_id))
        return chunk_named(person, blob_id).blob

    return played(request, find)


def heard(person: Viewer, found: Recording) -> Blob:
    """The file of a recording; that somebody else hears it is written down."""
    if found.blob is None:
        raise Missing
    if found.node is not None:
        seen(person, [found.node])
    return found.blob


def played(request: HttpRequest, find: Callable[[Viewer], Blob]) -> HttpResponseBase:
    person: Viewer = whoever(request) if "Authorization" in request.headers else request.user
    try:
        blob = find(person)
    except Missing:
        if isinstance(person, AbstractUser):
            raise
        return redirect_to_login(request.get_full_path())
    answer = stretch(
        request.headers.get("Range", ""),
        blob.bytes,
        partial(storage.pieces, blob),
        media_type=blob.media_type,
    )
    answer.headers["Cache-Control"] = "private, no-store, no-transform"
    answer.headers["Content-Disposition"] = f'inline; filename="{blob.created_at:%Y-%m-%d}"'
    return answer
