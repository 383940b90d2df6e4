"""The profile: what AI makes of its person, shown with what each sentence rests on, changed and thrown away by them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import Request
from journal.actions.noting_imports import unasked
from journal.actions.portraits import (
    EmptyPortrait,
    accept_proposal,
    ask_for_portrait,
    cited,
    current_of,
    edit_portrait,
    erase_portrait,
    needs_of,
    newest_job_of,
    proposal_of,
    restore_portrait,
    set_use,
    shown_to,
    stop_portrait,
    version_at,
    versions_of,
)
from journal.forms import PortraitForm
from journal.models.nodes import Node
from journal.models.portraits import Portrait
from journal.portraying import Change, Place, Sentence, changes
from writeorperish.ai.gateway import capable
from writeorperish.ai.models import Job
from writeorperish.ops.limits import require
from writeorperish.ops.refusals import Conflict, Missing, Refused
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.ui.diffs import word_diff
from writeorperish.ui.pages import show

VERSIONS: Final = 100
FAILURES: Final[Mapping[str, Promise]] = {
    "budget_spent": gettext_lazy("Your AI budget for this time is used up."),
    "ai_unavailable": gettext_lazy("The AI service isn't answering."),
    "answer_broken_off": gettext_lazy("The AI service broke off."),
    "bad_answer": gettext_lazy("The answer wasn't usable."),
    "not_allowed": gettext_lazy("AI may no longer do this for you."),
    "capability_off": gettext_lazy("AI is paused."),
}


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a sentence leads: the day the entry was written, and its place in it while that text stands."""

    on: date
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence of a profile, and the passages it rests on."""

    sentence: Sentence
    passages: list[Passage]


@dataclass(slots=True)
class Part:
    """The sentences under one heading."""

    heading: str
    sentences: list[Shown] = field(default_factory=list)


@login_required
@require_GET
def profile(request: Request) -> HttpResponse:
    """The version that stands, or why there is none yet; while one is built, how far that is."""
    return show(request, "journal/profile.html", context_of(request), parts=("profile",))


def context_of(request: Request, refusal: Refused | None = None) -> dict[str, object]:
    person = request.user
    portrait, job = shown_to(person), newest_job_of(person)
    allowed = consent.allows(person.pk, Purpose.PORTRAIT)
    return {
        "portrait": portrait,
        "parts": parts_of(request, portrait) if portrait else [],
        "proposal": proposal_of(person),
        "needs": needs_of(person),
        "unasked": unasked(person),
        "working": job is not None and not job.over,
        "failure": failure_of(job),
        "terms": None if allowed else consent.terms()[Purpose.PORTRAIT],
        "able": capable("large", person.pk),
        "refusal": refusal,
    }


def failure_of(job: Job | None) -> str:
    if job is None or job.state != Job.State.FAILED:
        return ""
    return str(FAILURES.get(job.error, _("Something went wrong while it was built.")))


def parts_of(request: Request, portrait: Portrait) -> list[Part]:
    """The body by its headings. Two queries, however long it is."""
    sentences = cited(portrait)
    nodes = nodes_of(request, [place for _sentence, places in sentences for place in places])
    found: list[Part] = []
    for sentence, places in sentences:
        if not found or found[-1].heading != sentence.heading:
            found.append(Part(sentence.heading))
        found[-1].sentences.append(Shown(sentence, passages_of(places, nodes)))
    return found


def nodes_of(request: Request, places: Iterable[Place]) -> dict[UUID, Node]:
    rows = Node.objects.visible_to(request.user).filter(pk__in={place.node for place in places})
    return {row.pk: row for row in rows.only("pk", "rev", "day")}


def passages_of(places: Iterable[Place], nodes: Mapping[UUID, Node]) -> list[Passage]:
    return [passage_of(place, nodes[place.node]) for place in places if place.node in nodes]


def passage_of(place: Place, node: Node) -> Passage:
    """A place in words that were changed since leads to the entry as a whole."""
    at = f"?at={place.start}-{place.end}" if node.rev == place.rev else ""
    return Passage(node.day, f"{node.get_absolute_url()}{at}")


@login_required
@require_POST
def regeneration(request: Request) -> HttpResponse:
    """Asks for a new version, and for the consent first where that is missing."""
    require("ai_start", request.user.pk)
    if request.POST.get("consent") == "yes":
        consent.decide(
            request.user,
            Purpose.PORTRAIT,
            granted=True,
            text_version=request.POST.get("text_version", ""),
            source="profile",
        )
    try:
        ask_for_portrait(request.user)
    except Refused as refusal:
        if refusal.status not in {409, 429}:
            raise
        context = context_of(request, refusal)
        return show(
            request, "journal/profile.html", context, parts=("profile",), status=refusal.status
        )
    return redirect("journal:profile")


@login_required
@require_POST
def stop(request: Request) -> HttpResponse:
    stop_portrait(request.user)
    messages.info(request, _("Stopped. The notes that were made are kept."))
    return redirect("journal:profile")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request) -> HttpResponse:
    """The profile in one's own words, a sentence a line."""
    base = shown_to(request.user)
    initial = {"body": base.body if base else "", "base_rev": base.rev if base else 0}
    form = PortraitForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            edit_portrait(request.user, **form.cleaned_data)
        except Conflict:
            form.add_error(
                None, _("Your profile changed in the meantime. Your words are below; look at both.")
            )
            return show(request, "journal/profile_edit.html", {"form": form}, status=409)
        except Refused as refusal:
            if refusal.status not in {413, 422}:
                raise
            form.add_error("body", str(refusal.words))
        else:
            messages.success(request, _("Saved. AI keeps to your words from now on."))
            return redirect("journal:profile")
    return show(
        request,
        "journal/profile_edit.html",
        {"form": form, "set_aside": base is not None and base.set_aside},
        status=422 if form.errors else 200,
    )


@login_required
@require_GET
def versions(request: Request) -> HttpResponse:
    """All versions, and what changed between two of them."""
    rows = list(versions_of(request.user)[:VERSIONS])
    b = with_rev(rows, request.GET.get("b")) or (rows[0] if rows else None)
    a = with_rev(rows, request.GET.get("a")) or before(rows, b)
    diff = word_diff(a.body, b.body) if a and b else None
    return show(
        request,
        "journal/profile_versions.html",
        {"versions": rows, "a": a, "b": b, "diff": diff},
        parts=("diff",),
    )


def with_rev(rows: Sequence[Portrait], rev: str | None) -> Portrait | None:
    return next((row for row in rows if str(row.rev) == rev), None)


def before(rows: Sequence[Portrait], row: Portrait | None) -> Portrait | None:
    return next((each for each in rows if row and each.rev < row.rev), None)


@login_required
@require_GET
def version(request: Request, rev: int) -> HttpResponse:
    """One version, with what its sentences rest on."""
    portrait = version_at(request.user, rev)
    return show(
        request,
        "journal/profile_version.html",
        {"portrait": portrait, "parts": parts_of(request, portrait)},
    )


@login_required
@require_POST
def restoration(request: Request, rev: int) -> HttpResponse:
    restore_portrait(request.user, version_at(request.user, rev))
    messages.success(request, _("This version stands again."))
    return redirect("journal:profile")


@dataclass(frozen=True, slots=True)
class Offered:
    """One sentence the proposal would bring or leave out, and what it rests on."""

    change: Change
    passages: list[Passage]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def proposal(request: Request) -> HttpResponse:
    """What AI would change in the person's own words, sentence by sentence; POST takes the chosen ones."""
    offered, base = proposal_of(request.user), current_of(request.user)
    if offered is None:
        raise Missing
    if request.method == "POST":
        return decide(request, offered)
    return show(request, "journal/profile_proposal.html", proposal_context(request, offered, base))


def proposal_context(
    request: Request, offered: Portrait, base: Portrait | None
) -> dict[str, object]:
    places = {sentence.number: found for sentence, found in cited(offered)}
    nodes = nodes_of(request, [place for found in places.values() for place in found])
    found = changes(base.body if base else "", offered.body)
    return {
        "proposal": offered,
        "base": base,
        "added": [
            Offered(each, passages_of(places.get(each.sentence.number, ()), nodes))
            for each in found
            if each.kind == "added"
        ],
        "dropped": [Offered(each, []) for each in found if each.kind == "dropped"],
    }


def decide(request: Request, offered: Portrait) -> HttpResponse:
    try:
        accept_proposal(
            request.user,
            rev=number_in(request.POST.get("rev")),
            base_rev=number_in(request.POST.get("base_rev")),
            take=[number_in(each) for each in request.POST.getlist("take")],
            drop=[number_in(each) for each in request.POST.getlist("drop")],
        )
    except (Conflict, EmptyPortrait) as refusal:
        context = proposal_context(request, offered, current_of(request.user))
        return show(
            request,
            "journal/profile_proposal.html",
            {**context, "refusal": refusal},
            status=refusal.status,
        )
    messages.success(request, _("Your profile says what you chose."))
    return redirect("journal:profile")


def number_in(text: str | None) -> int:
    """A number of a form; -1 for what is none, which no sentence and no version has."""
    return int(text) if text and text.isdecimal() and len(text) < 9 else -1


@login_required
@require_POST
def use(request: Request) -> HttpResponse:
    """Whether replies are given the profile."""
    wanted = request.POST.get("use") == "yes"
    set_use(request.user, ai_usage=AIUsage.CHAT if wanted else AIUsage.NONE)
    return redirect("journal:profile")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def deletion(request: Request) -> HttpResponse:
    """The question first; POST deletes every version and every note, and takes the consent back."""
    if request.method != "POST":
        return show(request, "journal/profile_deletion.html", {})
    erase_portrait(request.user)
    messages.success(request, _("Your profile and all notes for it are gone."))
    return redirect("journal:profile")
