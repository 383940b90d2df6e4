"""AI replies on pages: asking for one, watching it, and what it was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import Request
from journal.actions.beginnings import beginning_of
from journal.actions.replies import ability_of, ask_for_reply, jobs_about, newest_job_of, why_not
from journal.models.nodes import Node
from journal.models.portraits import Note, Portrait
from journal.views.cards import beside, card
from journal.views.nodes import own, visible
from writeorperish.ai import jobs, routing
from writeorperish.ai.ledger import calls_about, calls_for
from writeorperish.ai.models import Call, Instructions, Read
from writeorperish.ops.limits import require
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.refs import Ref
from writeorperish.ui.pages import is_htmx, show

REASONS = {
    "ai_off_here": _("AI may not read this entry."),
    "not_whole": _("There is nothing to answer here yet."),
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: Request, node_id: UUID) -> HttpResponse:
    """Who would answer, what it costs, and the consent where words would leave; POST asks for the reply."""
    node = own(request, node_id)
    if request.method != "POST":
        return asking(request, node)
    require("ai_start", request.user.pk)
    if request.POST.get("consent") == "yes":
        consent.decide(
            request.user,
            Purpose.REPLY,
            granted=True,
            text_version=request.POST.get("text_version", ""),
            source="reply",
        )
    try:
        reply, _job = ask_for_reply(request.user, node.pk, model=request.POST.get("model", "")[:80])
    except Refused as refusal:
        if refusal.status not in {409, 429}:
            raise
        return asking(request, node, refusal=refusal)
    return redirect(f"{node.get_absolute_url()}#entry-{reply.pk}")


def asking(request: Request, node: Node, refusal: Refused | None = None) -> HttpResponse:
    able, consented = ability_of(request.user)
    reason = why_not(request.user, node, able, consented=consented)
    context = {
        "node": node,
        "able": able,
        "reason": reason,
        "why": REASONS.get(reason, able.words),
        "terms": consent.terms().get(Purpose.REPLY) if reason == "no_consent" else None,
        "models": routing.selectable(timezone.now().date()),
        "refusal": refusal,
    }
    return show(request, "journal/ask_ai.html", context, status=refusal.status if refusal else 200)


@login_required
@require_GET
def reply(request: Request, node_id: UUID) -> HttpResponse:
    """One reply as it stands in its thread, for a page that watched it being written; nothing where none is left."""
    if not is_htmx(request):
        return redirect(visible(request, node_id))
    try:
        node = visible(request, node_id)
    except Missing:  # stopped before its first word; whoever may not see it is told the same
        return HttpResponse()
    shown = card(node, request.user, whole=True, beside=beside([node], request.user))
    context = {"place": shown, "job": shown.job}
    return show(request, "journal/reply.html", context, parts=("entry",))


@login_required
@require_POST
def stop(request: Request, node_id: UUID) -> HttpResponse:
    """Stops the writing of a reply; what is there stays."""
    node = own(request, node_id)
    job = newest_job_of(node)
    if job is None:
        raise Missing
    jobs.cancel(request.user, job.pk)
    messages.info(request, _("Stopped. What was written so far is kept."))
    return redirect(node.parent or node)


@dataclass(frozen=True, slots=True)
class Given:
    """A stretch of a text that a model was given, and where it is shown."""

    title: str
    written: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One use of a model: who was asked, when, at what price, and with which texts."""

    call: Call
    given: list[Given]


@login_required
@require_GET
def context(request: Request, node_id: UUID) -> HttpResponse:
    """What AI had to do with an entry: what a reply was made from, or which models read one's own words."""
    node = own(request, node_id)
    by_ai = node.author_kind == Node.Author.AI
    calls = (
        calls_for(list(jobs_about(node).values_list("pk", flat=True)))
        if by_ai
        else calls_about(Ref.to(node))
    )
    found = readable(request, calls)
    readings = [Reading(call, [given(read, found) for read in call.reads.all()]) for call in calls]
    return show(
        request,
        "journal/context.html",
        {
            "node": node,
            "by_ai": by_ai,
            "readings": readings,
            "begun": beginning_of(request.user, node.root_id) if by_ai else None,
        },
    )


Row = Node | Note | Portrait


def readable(request: Request, calls: list[Call]) -> dict[UUID, Row]:
    """The texts that were given and may be seen, by id. One query a kind."""
    ids = {read.ref_id for call in calls for read in call.reads.all()}
    nodes = Node.objects.visible_to(request.user).filter(pk__in=ids)
    notes = Note.objects.visible_to(request.user).filter(pk__in=ids)
    portraits = Portrait.objects.visible_to(request.user).filter(pk__in=ids)
    return {row.pk: row for row in [*nodes, *notes, *portraits]}


def given(read: Read, found: Mapping[UUID, Row]) -> Given:
    match found.get(read.ref_id):
        case Portrait() as portrait:
            url = reverse("journal:profile-version", args=[portrait.rev])
            return Given(_("Your profile"), portrait.made_at, url)
        case Note() as note:
            url = reverse("journal:node", args=[note.source_id])
            return Given(_("A note on an entry of yours"), note.made_at, url)
        case Node() as node:
            place = f"{reverse('journal:node', args=[node.pk])}?at={read.start}-{read.end}"
            return Given(card(node, node.owner).title, node.written_at, place)
    if read.kind == Instructions._meta.label_lower:
        return Given(_("How you want AI to talk with you"), None, reverse("accounts:ai"))
    if read.kind != Node._meta.label_lower:
        return Given(_("A note or profile that is no longer here"), None, "")
    return Given(_("An entry that is no longer here"), None, "")
