"""An entry read aloud: by a service where there is one, else by the device's own voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.http import Request
from journal.actions.speech import (
    VOICES,
    ask_for_speech,
    chunks_of,
    delete_speech,
    speech_of,
    why_not,
)
from journal.models.nodes import Node
from journal.models.speech import Speech, SpeechChunk
from journal.speaking import Stretch, stretches
from journal.transcription import clock
from writeorperish.ai import gateway
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.refusals import Missing
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.ui.pages import show

UNSAID: dict[str, Promise] = {
    "ai_off_here": gettext_lazy(
        "AI is off for this entry, so it is sent to no service. This device may be able to read it."
    ),
    "no_provider": gettext_lazy(
        "No service that reads aloud is set up on this server. This device may be able to read it."
    ),
    "paused": gettext_lazy("AI is paused on this server. This device may be able to read it."),
    "paused_by_you": gettext_lazy("You paused AI. This device may be able to read the entry."),
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """What stands under one heading: what can be played of it."""

    title: str
    chunks: Sequence[SpeechChunk]
    length: str


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reading_aloud(request: Request, node_id: UUID) -> HttpResponse:
    """How far a reading is and what can be heard of it; POST asks for one, or with `delete` lets it go."""
    node = Node.objects.editable_by(request.user).filter(pk=node_id).first()
    if node is None:
        raise Missing
    if request.method == "POST":
        change(request, node)
        return redirect("journal:reading-aloud", node.pk)
    return show(request, "journal/speech.html", told(request, node), parts=("speech",))


def change(request: Request, node: Node) -> None:
    if "delete" in request.POST:
        speech = speech_of(node)
        if speech is not None:
            delete_speech(request.user, speech)
        return
    if version := request.POST.get("agreed"):
        consent.decide(
            request.user, Purpose.SPEAK, granted=True, text_version=version, source="voice"
        )
    ask_for_speech(request.user, node, voice=request.POST.get("voice", VOICES[0]))


def told(request: Request, node: Node) -> dict[str, object]:
    speech = speech_of(node)
    why = why_not(request.user, node)
    chunks = list(chunks_of(speech)) if speech else []
    return {
        "node": node,
        "speech": speech,
        "chapters": chapters_of(chunks),
        "done": len(chunks),
        "working": speech is not None and speech.state == Speech.State.SPEAKING,
        "earlier": speech is not None and speech.rev != node.rev,
        "able": why in {"", "no_consent"},
        "unsaid": UNSAID.get(why, UNSAID["no_provider"]) if why not in {"", "no_consent"} else "",
        "terms": consent.terms().get(Purpose.SPEAK) if why == "no_consent" else None,
        "service": gateway.capable("speak", request.user.pk).model,
        "voices": VOICES,
        "stretches": words_of(node),
    }


def words_of(node: Node) -> list[Stretch]:
    """What the device's own voice reads; nothing where the entry does not open."""
    try:
        return stretches(node.body or "")
    except CannotOpen:
        return []


def chapters_of(chunks: Sequence[SpeechChunk]) -> list[Chapter]:
    found = []
    for _section, group in groupby(chunks, key=lambda chunk: chunk.section):
        together = list(group)
        length = clock(sum(chunk.duration_ms for chunk in together))
        found.append(Chapter(together[0].title, together, length))
    return found
