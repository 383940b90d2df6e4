"""The log: one's own entries by day, drafts, and what was deleted."""

from datetime import UTC, date, datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.http import Request
from journal.actions.drafts import discard_draft, drafts_of, parent_states, reopen_draft
from journal.actions.nodes import PINS
from journal.actions.recordings import discarded_of, interrupted
from journal.actions.trash import erase_node, restore_node
from journal.models.drafts import Draft
from journal.models.nodes import Node, NodeQuerySet
from journal.views.cards import Beside, by_day, card, first_line
from journal.views.nodes import composer
from journal.views.sounds import players_of
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.levels import PrivacyLevel
from writeorperish.privacy.models import Viewer
from writeorperish.privacy.reading import seen
from writeorperish.ui.pages import show

PAGE = 20


@login_required
@require_GET
def log(request: Request) -> HttpResponse:
    """One's own entries, newest first, grouped by day; `?audience=shared` those of one's circles."""
    shared = request.GET.get("audience") == "shared"
    rows = shared_with(request.user) if shared else own_roots(request.user)
    day = day_of(request.GET.get("day", ""))
    if day:
        rows = rows.filter(day=day)
    nodes, next_before = page_of(rows, request.GET.get("before", ""))
    seen(request.user, nodes)
    first_page = "before" not in request.GET and not day
    pinned = pinned_of(request.user) if first_page and not shared else []
    around = Beside(sounds=players_of([*pinned, *nodes]))
    context = {
        "day": day,
        "interrupted": first_page and not shared and interrupted(request.user).count(),
        "pinned": [card(node, request.user, beside=around) for node in pinned],
        "days": by_day(card(node, request.user, beside=around) for node in nodes),
        "next_before": next_before,
        "next_url": next_url(shared=shared, before=next_before, day=day),
        "shared": shared,
        "composer": composer(request),
        "first_page": first_page,
    }
    return show(request, "journal/log.html", context, parts=("entries",))


def next_url(*, shared: bool, before: str, day: date | None = None) -> str:
    query = {"audience": "shared"} if shared else {}
    query |= {"day": day.isoformat()} if day else {}
    return f"?{urlencode(query | {'before': before})}"


def day_of(words: str) -> date | None:
    """The day an address names, or None: a broken one shows all."""
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


def pinned_of(person: Viewer) -> list[Node]:
    """The person's pinned entries, newest pin first."""
    rows = Node.objects.visible_to(person).filter(owner=person.pk, pinned_at__isnull=False)
    return list(
        rows.counting_children_for(person).with_people().order_by("-pinned_at", "-pk")[:PINS]
    )


def own_roots(person: Viewer) -> NodeQuerySet:
    return (
        Node.objects.visible_to(person)
        .filter(owner=person.pk)
        .roots()
        .counting_children_for(person)
    )


def shared_with(person: Viewer) -> NodeQuerySet:
    return (
        Node.objects.visible_to(person)
        .filter(privacy_level=PrivacyLevel.CIRCLES)
        .exclude(owner=person.pk)
        .roots()
        .counting_children_for(person)
    )


def page_of(rows: NodeQuerySet, before: str) -> tuple[list[Node], str]:
    """Twenty rows after the cursor, newest first, and the cursor of the next page, empty at the end."""
    ordered = rows.with_people().order_by("-written_at", "-id")
    mark = parsed(before)
    if mark:
        at, ident = mark
        ordered = ordered.filter(Q(written_at__lt=at) | Q(written_at=at, id__lt=ident))
    found = list(ordered[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return found[:PAGE], f"{last.written_at.timestamp():.6f}_{last.pk}" if last else ""


def parsed(cursor: str) -> tuple[datetime, UUID] | None:
    """The place a cursor names, or None: a broken one shows the first page."""
    at, _line, ident = cursor.partition("_")
    try:
        return datetime.fromtimestamp(float(at), tz=UTC), UUID(ident)
    except (ValueError, OverflowError, OSError):
        return None


@login_required
@require_GET
def drafts(request: Request) -> HttpResponse:
    rows = list(drafts_of(request.user).select_related("edits")[:200])
    states = parent_states(request.user, rows)
    return show(
        request,
        "journal/drafts.html",
        {"drafts": [draft_line(row, states[row.pk]) for row in rows]},
        parts=("drafts",),
    )


def draft_line(draft: Draft, parent_state: str) -> dict[str, object]:
    """A draft as lists show it, and the page where it goes on."""
    if draft.edits_id:
        url = reverse("journal:edit", args=[draft.edits_id])
    else:
        parent = f"&parent={draft.parent_id}" if parent_state == "alive" else ""
        url = f"{reverse('journal:write')}?draft={draft.pk}{parent}"
    return {"row": draft, "parent_state": parent_state, "url": url, "words": words_of(draft)}


def words_of(draft: Draft) -> str:
    try:
        return draft.title or first_line(draft.body)
    except CannotOpen:
        return ""


@login_required
@require_POST
def discard(request: Request, draft_id: UUID) -> HttpResponse:
    discard_draft(request.user, own_draft(request, draft_id))
    return redirect("journal:drafts")


@login_required
@require_POST
def reopen(request: Request, draft_id: UUID) -> HttpResponse:
    reopen_draft(request.user, own_draft(request, draft_id))
    return redirect("journal:drafts")


def own_draft(request: Request, draft_id: UUID) -> Draft:
    draft = Draft.objects.filter(owner=request.user, pk=draft_id).first()
    if draft is None:
        raise Missing
    return draft


@login_required
@require_GET
def trash(request: Request) -> HttpResponse:
    """Deleted entries, newest act first: each can be taken back for 30 days; recordings for a day."""
    rows = (
        Node.objects.deleted_by(request.user)
        .filter(erased_at__isnull=True, part_of__isnull=True)
        .with_people()
        .order_by("-deleted_at", "-id")
    )
    discarded = Draft.objects.filter(owner=request.user, discarded_at__isnull=False)
    return show(
        request,
        "journal/trash.html",
        {
            "cards": [card(node, request.user) for node in rows[:200]],
            "drafts": [
                draft_line(row, "none") for row in discarded.order_by("-discarded_at")[:200]
            ],
            "recordings": discarded_of(request.user)[:200],
        },
        parts=("trash",),
    )


@login_required
@require_POST
def restore(request: Request, node_id: UUID) -> HttpResponse:
    node = restore_node(request.user, deleted(request, node_id))
    return redirect(node.get_absolute_url())


@login_required
@require_POST
def erase(request: Request, node_id: UUID) -> HttpResponse:
    erase_node(request.user, deleted(request, node_id))
    return redirect("journal:trash")


def deleted(request: Request, node_id: UUID) -> Node:
    node = Node.objects.deleted_by(request.user).filter(pk=node_id).first()
    if node is None:
        raise Missing
    return node
