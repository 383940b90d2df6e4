"""What stands beside a text that is written, and below one that is saved; and what its person does with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import Request
from download import reasons, themes
from download.actions.mutes import mute_site
from download.actions.recommendations import (
    NEVER,
    NOT_NOW,
    OPENED,
    QUOTED,
    asks_for_rule,
    judge,
    on_screen,
    own,
    suggest_for_draft,
    take_back,
)
from download.forms import AskBesideForm, DismissalForm, PlaceForm
from download.legs import KINDS
from download.models.recommendations import Recommendation
from download.reasons import Suggested
from download.relating import own_passage
from download.search import Whose, rows_of_texts
from writeorperish.ops import limits
from writeorperish.ops.once import uuid_or_none
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.reading import being_written
from writeorperish.refs import Ref
from writeorperish.ui.pages import is_htmx, show

PARTS: Final = ("slot-download-beside", "slot-download-below", "beside")


@dataclass(frozen=True, slots=True)
class Place:
    """The text that suggestions stand beside: one being written, or a saved one of the person's own."""

    name: str
    id: UUID
    source: Ref
    text: str
    closed: bool

    @property
    def query(self) -> str:
        return urlencode({self.name: self.id})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def beside(request: Request) -> HttpResponse:
    """What was found last for the text that is written; POST looks again."""
    if request.method == "POST":
        return looked(request)
    place = place_of(request, request.GET)
    return shown(request, place, gone=gone_from(request))


@login_required
@require_GET
def below(request: Request) -> HttpResponse:
    """What fits a saved entry, for whoever wrote it; nothing for others who may read it."""
    node = uuid_or_none(request.GET.get("node", ""))
    ref = Ref(KINDS["journal"], node) if node else None
    row = rows_of_texts(request.user, [ref], whose=Whose.SHARED).get(ref) if ref else None
    if row is None:
        raise Missing
    mine = row.owner_id == request.user.pk
    return shown(request, place_of(request, request.GET) if mine else None)


def looked(request: Request) -> HttpResponse:
    """The answer to a pause in writing: nothing to swap when nothing else fits, or nothing could be looked up."""
    form = AskBesideForm(request.POST)
    if not form.is_valid():
        raise Missing
    draft, at = form.cleaned_data["draft"], form.cleaned_data["at"]
    try:
        limits.require("recommendations", request.user.pk)
        zone = timezone.get_current_timezone()
        found = suggest_for_draft(request.user, draft, zone=zone, at=at)
    except Refused:
        # Nobody asked for it, so nobody is told: the next pause asks again.
        if is_htmx(request):
            return HttpResponse(status=204)
        raise
    if not is_htmx(request):
        return redirect(f"{reverse('download:beside')}?{urlencode({'draft': draft})}")
    if [str(row.pk) for row in found.rows] == form.cleaned_data["shown"].split():
        return HttpResponse(status=204)
    place = place_of(request, request.POST)
    return shown(request, place, rows=found.rows, about=found.context.themes)


@login_required
@require_POST
def open_it(request: Request, recommendation_id: UUID) -> HttpResponse:
    """On to what is suggested, which is noted."""
    zone = timezone.get_current_timezone()
    row = judge(request.user, recommendation_id, OPENED, zone=zone)
    return redirect(reasons.address_of(row))


@login_required
@require_POST
def quote(request: Request, recommendation_id: UUID) -> HttpResponse:
    """The words went into the text; this tells that they did."""
    judge(request.user, recommendation_id, QUOTED, zone=timezone.get_current_timezone())
    return back(request)


@login_required
@require_POST
def dismiss(request: Request, recommendation_id: UUID) -> HttpResponse:
    form = DismissalForm(request.POST)
    if not form.is_valid():
        raise Missing
    outcome = form.cleaned_data["verdict"]
    zone = timezone.get_current_timezone()
    return back(request, gone=judge(request.user, recommendation_id, outcome, zone=zone))


@login_required
@require_POST
def undo(request: Request, recommendation_id: UUID) -> HttpResponse:
    take_back(request.user, recommendation_id)
    return back(request)


@login_required
@require_POST
def mute(request: Request, recommendation_id: UUID) -> HttpResponse:
    """Nothing from this link's site is suggested any more."""
    row = own(request.user, recommendation_id)
    mute_site(request.user, row.item)
    return back(request, gone=row)


def back(request: Request, gone: Recommendation | None = None) -> HttpResponse:
    """Where it was pressed, without what it was pressed on."""
    place = place_of(request, request.POST)
    if is_htmx(request):
        return shown(request, place, gone=gone)
    if place is None:
        return redirect("download:library")
    if place.name == "node":
        # Another feature's page, which its row knows.
        row = rows_of_texts(request.user, [place.source], whose=Whose.MINE).get(place.source)
        return redirect(row.get_absolute_url() if row is not None else "download:library")
    told = f"&gone={gone.pk}" if gone is not None else ""
    return redirect(f"{reverse('download:beside')}?{place.query}{told}")


def place_of(request: Request, given: Mapping[str, str]) -> Place | None:
    """The text these words name; None when it is not there, or another's: a new one is not there before its first save."""
    form = PlaceForm(given)
    if not form.is_valid():
        return None
    draft, node = form.cleaned_data["draft"], form.cleaned_data["node"]
    if draft is not None:
        unsaved = being_written(request.user, draft)
        if unsaved is None:
            return None
        source = unsaved.changes or unsaved.ref
        return Place("draft", draft, source, unsaved.text, unsaved.ai_usage == AIUsage.NONE)
    if node is None:
        return None
    passage = own_passage(request.user, Ref(KINDS["journal"], node))
    return Place("node", node, passage.ref, passage.text, passage.ai_usage == AIUsage.NONE)


def gone_from(request: Request) -> Recommendation | None:
    id = uuid_or_none(request.GET.get("gone", ""))
    if id is None:
        return None
    row = own(request.user, id)
    return row if row.verdict else None


def shown(
    request: Request,
    place: Place | None,
    *,
    rows: Sequence[Recommendation] | None = None,
    about: Sequence[str] = (),
    gone: Recommendation | None = None,
) -> HttpResponse:
    cards: list[Suggested] = []
    if place is not None:
        standing = on_screen(request.user, place.source) if rows is None else rows
        cards = reasons.shown(request.user, list(standing), place.text)
        about = about or themes.themes_in(place.text[-themes.SENT_CHARS :])
    context = {
        "place": place,
        "draft": uuid_or_none(request.GET.get("draft", "")) if place is None else place.id,
        "cards": cards,
        "ids": " ".join(str(card.row.pk) for card in cards),
        "about": about if cards else (),
        "gone": gone if gone is not None and gone.verdict else None,
        "gone_title": reasons.title_of(gone) if gone is not None else "",
        "mute": reasons.site_of(gone.item)
        if gone is not None and gone.verdict == NEVER and asks_for_rule(request.user, gone)
        else "",
        "not_now": NOT_NOW,
        "never": NEVER,
    }
    return show(request, "download/beside.html", context, parts=PARTS)
