"""Writing, reading and changing one entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import Request
from journal.actions.audience import (
    HeadCountChanged,
    audience_of,
    head_count,
    set_audience,
)
from journal.actions.drafts import draft_on
from journal.actions.nodes import (
    Audience,
    EditConflict,
    change_settings,
    edit_node,
    levels_under,
    restore_version,
    write_node,
)
from journal.actions.recordings import recordings_of
from journal.actions.threads import Place, ThreadPage, thread_page
from journal.actions.trash import trash_node
from journal.forms import AudienceForm, EditForm, NodeForm
from journal.models.drafts import Draft
from journal.models.nodes import Node, Version
from journal.quoting import quote_marker, with_markers
from journal.views.cards import Beside, Card, beside, card
from journal.views.cards import Place as ShownPlace
from journal.views.sounds import Player, player_of
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.privacy.levels import PrivacyLevel, Purpose
from writeorperish.privacy.models import Viewer
from writeorperish.privacy.reading import read, seen
from writeorperish.refs import Ref, new_id
from writeorperish.ui.diffs import word_diff
from writeorperish.ui.pages import show

SOUNDS = 20


@dataclass(frozen=True, slots=True)
class Composer:
    """A form to write in, and the draft it keeps."""

    form: NodeForm
    draft_id: UUID
    seq: int
    action: str
    parent: Node | None = None
    draft: Draft | None = None
    sounds: Sequence[Player] = ()


def composer(
    request: Request,
    parent: Node | None = None,
    form: NodeForm | None = None,
    draft: Draft | None = None,
) -> Composer:
    """A form seeded as the house seeds: a root from the person's defaults, a reply from its parent."""
    profile = request.user.profile
    ident = draft.pk if draft else new_id()
    levels = levels_under(parent, request.user)
    initial = {
        "draft": ident,
        "parent": parent.pk if parent else None,
        "title": draft.title if draft else request.GET.get("title", "")[:200],
        "text": draft.body if draft else taken_from(request) or request.GET.get("text", ""),
        "privacy_level": (
            draft.privacy_level
            if draft
            else (parent.privacy_level if parent else profile.default_privacy_level)
        ),
        "ai_usage": (
            draft.ai_usage
            if draft
            else (
                parent.ai_usage
                if parent and mine(request.user, parent)
                else profile.default_ai_usage
            )
        ),
    }
    if initial["privacy_level"] not in levels:
        initial["privacy_level"] = levels[0]
    return Composer(
        form=form or NodeForm(initial=initial, person=request.user, levels=levels),
        draft_id=ident,
        seq=draft.seq if draft else 0,
        action=(
            reverse("journal:replies", args=[parent.pk]) if parent else reverse("journal:write")
        ),
        parent=parent,
        draft=draft,
        sounds=sounds_in(request.user, draft) if draft else (),
    )


def taken_from(request: Request) -> str:
    """The words of the person's own text that `?from=` names, read through the door; empty for any other."""
    try:
        ref = Ref.parse(request.GET.get("from", ""))
    except ValueError:
        return ""
    passage = read(ref, purpose=Purpose.COMPOSE, asker=request.user)
    return with_markers(passage.text, passage.labels) if passage else ""


def sounds_in(person: AbstractUser, draft: Draft) -> list[Player]:
    """What was spoken into the draft and can be played."""
    spoken = recordings_of(person).filter(draft=draft).order_by("created_at")
    return [player for each in spoken[:SOUNDS] if (player := player_of(each))]


def mine(person: Viewer, node: Node | None) -> bool:
    return node is not None and node.owner_id == person.pk


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: Request) -> HttpResponse:
    """A new entry; `?draft=` goes on with one, `?parent=` replies."""
    parent = (
        visible(request, UUID(request.GET["parent"]))
        if is_uuid(request.GET.get("parent"))
        else None
    )
    if request.method == "POST":
        return save_new(request, None)
    return show(
        request,
        "journal/write.html",
        {"composer": composer(request, parent, draft=open_draft(request))},
    )


def open_draft(request: Request) -> Draft | None:
    if not is_uuid(request.GET.get("draft")):
        return None
    return Draft.objects.filter(
        owner=request.user, pk=request.GET["draft"], edits__isnull=True, discarded_at__isnull=True
    ).first()


def is_uuid(value: str | None) -> bool:
    try:
        UUID(value or "")
    except ValueError:
        return False
    return True


@login_required
@require_POST
def reply(request: Request, node_id: UUID) -> HttpResponse:
    return save_new(request, visible(request, node_id))


def save_new(request: Request, parent: Node | None) -> HttpResponse:
    """Saves what the form says and goes to the entry; a refusal shows the same form, with every word kept."""
    if parent is None and is_uuid(request.POST.get("parent")):
        parent = visible(request, UUID(request.POST["parent"]))
    levels = levels_under(parent, request.user)
    form = NodeForm(request.POST, person=request.user, levels=levels)
    if form.is_valid():
        try:
            written = write_node(
                request.user,
                id=form.draft_id,
                title=form.cleaned_data["title"],
                text=form.cleaned_data["text"],
                parent=parent.pk if parent else None,
                privacy_level=form.cleaned_data["privacy_level"],
                ai_usage=form.cleaned_data["ai_usage"],
                audience=Audience(circles=tuple(form.cleaned_data["circles"])),
                zone=request.user.profile.zone,
            )
        except Refused as refusal:
            if refusal.status not in {409, 410, 413, 422}:
                raise
            form.add_error(None, str(refusal.words))
            return form_again(request, parent, form, refusal.status)
        if written.parts:
            messages.info(
                request,
                ngettext(
                    "This was long: it is kept as %(n)d part.",
                    "This was long: it is kept as %(n)d parts in one thread.",
                    len(written.parts),
                )
                % {"n": len(written.parts)},
            )
        return redirect(written.node if parent is None else parent)
    return form_again(request, parent, form, 422)


def form_again(request: Request, parent: Node | None, form: NodeForm, status: int) -> HttpResponse:
    made = composer(request, parent, form=form)
    return show(
        request, "journal/write.html", {"composer": made}, parts=("editor-status",), status=status
    )


def visible(request: HttpRequest, node_id: UUID) -> Node:
    """The entry, if this reader may see it. Missing otherwise, whatever the reason."""
    node = Node.objects.visible_to(request.user).with_people().filter(pk=node_id).first()
    if node is None:
        raise Missing
    return node


def own(request: Request, node_id: UUID) -> Node:
    node = Node.objects.editable_by(request.user).with_people().filter(pk=node_id).first()
    if node is None:
        raise Missing
    return node


@require_GET
def node(request: HttpRequest, node_id: UUID) -> HttpResponse:
    """An entry and its thread. Signed-out visitors read public ones; for every other id they are asked to sign in."""
    found = (
        Node.objects.visible_to(request.user)
        .with_people()
        .counting_children_for(request.user)
        .filter(pk=node_id)
        .first()
    )
    if found is None:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        raise Missing
    if found.state == Node.State.WRITING and found.parent is not None:
        return redirect(f"{found.parent.get_absolute_url()}#entry-{found.pk}")
    after = request.GET.get("after")
    thread = thread_page(request.user, found, after=UUID(after) if is_uuid(after) else None)
    seen(request.user, shown_rows(thread))
    context = thread_context(request, thread)
    return show(request, "journal/node.html", context, parts=("children",))


def shown_rows(thread: ThreadPage) -> list[Node]:
    places = [*thread.ancestors, *thread.below]
    return [thread.node, *(each.node for each in places if each.node and not each.tombstone)]


def thread_context(request: HttpRequest, thread: ThreadPage) -> dict[str, object]:
    person = request.user
    around = beside(shown_rows(thread), person)
    passage = passage_of(request.GET.get("at", ""))
    focus = card(thread.node, person, whole=True, passage=passage, beside=around)
    signed_in = isinstance(person, AbstractUser)
    return {
        "focus": focus,
        "ancestors": [as_shown(each, person, around) for each in thread.ancestors],
        "pinned": thread.node.pinned_at is not None,
        "quote": quote_marker(thread.node.pk),
        "may_ask": focus.mine and thread.node.state == Node.State.WHOLE,
        "more_above": thread.more_above,
        "below": [as_shown(each, person, around) for each in thread.below],
        "next_after": thread.next_after,
        "next_url": f"?after={thread.next_after}#children",
        "head_count": head_count(thread.node) if focus.mine else None,
        "draft": (
            draft_on(person, thread.node)
            if isinstance(person, AbstractUser) and focus.mine
            else None
        ),
        "composer": composer(request, thread.node) if signed_in and focus.may_reply else None,  # type: ignore[arg-type]  # signed in
    }


def passage_of(text: str) -> tuple[int, int] | None:
    """The passage an address asks to be marked, `<start>-<end>` in characters; None for anything else."""
    start, dash, end = text.partition("-")
    if not dash or not (start.isdecimal() and end.isdecimal()) or len(text) > 20:
        return None
    return int(start), int(end)


def as_shown(place: Place, person: Viewer, around: Beside) -> Card | ShownPlace:
    if place.node is None:
        return ShownPlace("unavailable", place.level)
    if place.tombstone:
        return ShownPlace(
            "tombstone",
            place.level,
            handle=place.node.owner.profile.handle,
            written=place.node.written_at,
            deleted=place.node.deleted_at,
        )
    return card(place.node, person, whole=True, level=place.level, beside=around)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, node_id: UUID) -> HttpResponse:
    """The entry in the editor; a save that overlaps one made elsewhere shows both texts and loses neither."""
    found = own(request, node_id)
    if request.method != "POST":
        return show(request, "journal/edit.html", edit_context(request, found))
    form = EditForm(request.POST)
    if not form.is_valid():
        return show(
            request,
            "journal/edit.html",
            edit_context(request, found, form),
            parts=("editor-status",),
            status=422,
        )
    try:
        edited = edit_node(
            request.user,
            found,
            base_rev=form.cleaned_data["base_rev"],
            title=form.cleaned_data["title"],
            text=form.cleaned_data["text"],
            draft=form.draft_id,
        )
    except EditConflict as conflict:
        return show(request, "journal/conflict.html", conflict_context(found, conflict), status=409)
    except Refused as refusal:
        if refusal.status not in {413, 422}:
            raise
        form.add_error(None, str(refusal.words))
        return show(
            request,
            "journal/edit.html",
            edit_context(request, found, form),
            parts=("editor-status",),
            status=refusal.status,
        )
    if edited.merged:
        messages.success(request, _("Saved, together with changes from another place."))
    return redirect(edited.node)


def edit_context(request: Request, node: Node, form: EditForm | None = None) -> dict[str, object]:
    """The editor with the newest words: an open draft of this entry when there is one."""
    draft = draft_on(request.user, node)
    ident = draft.pk if draft else new_id()
    initial = {
        "title": draft.title if draft else node.title,
        "text": draft.body if draft else node.body,
        "draft": ident,
        "base_rev": draft.base_rev if draft and draft.base_rev else node.rev,
    }
    return {
        "node": node,
        "form": form or EditForm(initial=initial),
        "draft": draft,
        "draft_id": ident,
        "seq": draft.seq if draft else 0,
        "base_rev": initial["base_rev"],
    }


def conflict_context(node: Node, conflict: EditConflict) -> dict[str, object]:
    detail = conflict.detail
    return {
        "node": node,
        "rev": detail["rev"],
        "yours": detail["yours"],
        "theirs": detail["theirs"],
        "merged": detail["merged"],
        "title": detail["yours_title"],
        "diff": word_diff(str(detail["theirs"]), str(detail["yours"])),
        "aside": detail["aside"],
        "words": conflict.words,
    }


@login_required
@require_GET
def versions(request: Request, node_id: UUID) -> HttpResponse:
    """Every revision of an entry, and the words that changed between two of them."""
    found = own(request, node_id)
    rows = list(found.versions.order_by("-created_at", "-id")[:200])
    a, b = chosen(rows, request.GET.get("a")), chosen(rows, request.GET.get("b"))
    newest = rows[0] if rows else None
    b = b or newest
    a = a or (rows[rows.index(b) + 1] if b in rows and rows.index(b) + 1 < len(rows) else None)
    return show(
        request,
        "journal/versions.html",
        {"node": found, "versions": rows, "a": a, "b": b, "diff": difference(a, b)},
        parts=("diff",),
    )


def chosen(rows: list[Version], ident: str | None) -> Version | None:
    return next((row for row in rows if str(row.pk) == ident), None)


def difference(a: Version | None, b: Version | None) -> object:
    """The word diff from a to b; None where there is nothing to compare or a version does not open."""
    if a is None or b is None:
        return None
    try:
        return word_diff(a.body, b.body)
    except CannotOpen:
        return None


@login_required
@require_POST
def restoration(request: Request, node_id: UUID, version_id: UUID) -> HttpResponse:
    found = own(request, node_id)
    version = found.versions.filter(pk=version_id).first()
    if version is None:
        raise Missing
    restore_version(request.user, found, version)
    messages.success(request, _("Restored as a new version."))
    return redirect(found)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def audience(request: Request, node_id: UUID) -> HttpResponse:
    """Who can see an entry and what AI may do. Widening asks once more, with the head count."""
    found = own(request, node_id)
    levels = levels_under(found.parent, request.user)
    standing = audience_of(found)
    if request.method != "POST":
        initial = {
            "privacy_level": found.privacy_level,
            "circles": [circle.pk for circle in standing.circles],
            "ai_usage": found.ai_usage,
        }
        form = AudienceForm(initial=initial, person=request.user, levels=levels)
        return show(
            request,
            "journal/audience.html",
            {"node": found, "form": form, "people": head_count(found)},
        )
    form = AudienceForm(request.POST, person=request.user, levels=levels)
    if not form.is_valid():
        return show(request, "journal/audience.html", {"node": found, "form": form}, status=422)
    wanted = Audience(circles=tuple(form.cleaned_data["circles"]), people=standing.people)
    try:
        changed = set_audience(
            request.user,
            found,
            privacy_level=form.cleaned_data["privacy_level"],
            audience=wanted,
            expect_people=form.cleaned_data["expect_people"],
        )
        change_settings(request.user, changed, ai_usage=form.cleaned_data["ai_usage"])
    except HeadCountChanged as refusal:
        context = {"node": found, "form": form, "confirm_people": refusal.detail["people"]}
        return show(request, "journal/audience.html", context, status=409)
    except Refused as refusal:
        if refusal.status != 422:
            raise
        form.add_error("privacy_level", str(refusal.words))
        return show(request, "journal/audience.html", {"node": found, "form": form}, status=422)
    messages.success(request, who_can_read(changed))
    return redirect(changed)


def who_can_read(node: Node) -> str:
    if node.privacy_level == PrivacyLevel.PRIVATE:
        return _("Only you can read this now.")
    count = head_count(node)
    return ngettext("%(n)d person can read this now.", "%(n)d people can read this now.", count) % {
        "n": count
    }


@login_required
@require_POST
def pin(request: Request, node_id: UUID) -> HttpResponse:
    """Keeps an entry at the head of the journal, or lets it go back to its day."""
    found = own(request, node_id)
    change_settings(request.user, found, pinned=request.POST.get("pinned") == "yes")
    return redirect(found)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def deletion(request: Request, node_id: UUID) -> HttpResponse:
    """Asks once without scripts, then moves the entry to the trash with a way back."""
    found = own(request, node_id)
    if request.method != "POST":
        return show(
            request, "journal/deletion.html", {"node": found, "card": card(found, request.user)}
        )
    act = trash_node(request.user, found, own_replies=request.POST.get("replies") == "mine")
    messages.success(
        request,
        ngettext(
            "Deleted. You can take it back from Recently deleted for 30 days.",
            "%(n)d entries deleted. You can take them back from Recently deleted for 30 days.",
            act.count,
        )
        % {"n": act.count},
        extra_tags=f"undo:{reverse('journal:restoration', args=[found.pk])}",
    )
    return redirect("journal:home")
