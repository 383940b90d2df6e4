"""All one marked, and the tags of what one keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.http import Request
from download.actions.highlights import annotate, restore_highlight, trash_highlight
from download.actions.naming import title_of
from download.actions.tags import remove_tag, rename_tag, tags_of
from download.forms import NoteForm, TagForm
from download.models.items import Highlight, Tag
from download.views.shelf import marks_page
from writeorperish.crypto.fields import open_rows
from writeorperish.ops import limits
from writeorperish.ops.once import uuid_or_none
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ui.pages import show

MOST_TAGS_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Marked:
    """A highlight in the list, and the link it is in."""

    row: Highlight
    title: str
    form: NoteForm


@dataclass(frozen=True, slots=True)
class Named:
    """A tag, how many links bear it, and the form that renames it."""

    row: Tag
    name: str
    uses: int
    form: TagForm


@login_required
@require_GET
def highlights(request: Request) -> HttpResponse:
    """Words one marked, the newest first."""
    return listed(request)


def listed(request: Request, wrong: dict[UUID, NoteForm] | None = None) -> HttpResponse:
    own = Highlight.objects.visible_to(request.user).filter(owner=request.user.pk)
    marks, before = marks_page(own, request.GET.get("before", ""))
    closed = open_rows(marks)
    gone = uuid_or_none(request.GET.get("gone", ""))
    context = {
        "marks": [
            Marked(mark, title_of(mark.item), (wrong or {}).get(mark.pk) or note_form(mark))
            for mark in marks
            if mark.pk not in closed
        ],
        "next_url": f"?before={before}" if before else "",
        "first_page": "before" not in request.GET,
        "gone": gone and Highlight.objects.deleted_by(request.user).filter(pk=gone).first(),
    }
    status = 422 if wrong else 200
    return show(request, "download/highlights.html", context, parts=("highlights",), status=status)


def note_form(mark: Highlight) -> NoteForm:
    return NoteForm(initial={"note": mark.note}, auto_id=f"id_{mark.pk}_%s")


@login_required
@require_GET
def highlight(request: Request, highlight_id: UUID) -> HttpResponse:
    """On to the page the words stand in."""
    mark = own_mark(request, highlight_id)
    return redirect(f"{reverse('download:item', args=[mark.item_id])}#highlight-{mark.pk}")


def own_mark(request: Request, highlight_id: UUID) -> Highlight:
    mark = Highlight.objects.editable_by(request.user).filter(pk=highlight_id).first()
    if mark is None:
        raise Missing
    return mark


@login_required
@require_POST
def note(request: Request, highlight_id: UUID) -> HttpResponse:
    limits.require("save", request.user.pk)
    mark = own_mark(request, highlight_id)
    form = NoteForm(request.POST, auto_id=f"id_{mark.pk}_%s")
    if not form.is_valid():
        return listed(request, {mark.pk: form})
    annotate(request.user, mark, note=form.cleaned_data["note"])
    messages.success(request, _("Saved."))
    return redirect(f"{reverse('download:highlights')}#mark-{mark.pk}")


@login_required
@require_POST
def delete(request: Request, highlight_id: UUID) -> HttpResponse:
    mark = trash_highlight(request.user, own_mark(request, highlight_id))
    return redirect(f"{reverse('download:highlights')}?gone={mark.pk}")


@login_required
@require_POST
def restore(request: Request, highlight_id: UUID) -> HttpResponse:
    mark = Highlight.objects.deleted_by(request.user).filter(pk=highlight_id).first()
    if mark is None:
        raise Missing
    restore_highlight(request.user, mark)
    return redirect(f"{reverse('download:highlights')}#mark-{mark.pk}")


@login_required
@require_GET
def tags(request: Request) -> HttpResponse:
    """The tags of one's links, by name."""
    return tags_listed(request)


def tags_listed(request: Request, wrong: dict[UUID, TagForm] | None = None) -> HttpResponse:
    rows = list(tags_of(request.user).order_by("pk")[:MOST_TAGS_SHOWN])
    closed = open_rows(rows)
    named = [named_tag(row, (wrong or {}).get(row.pk)) for row in rows if row.pk not in closed]
    context = {"tags": in_order(named)}
    return show(request, "download/tags.html", context, status=422 if wrong else 200)


def named_tag(row: Tag, form: TagForm | None) -> Named:
    initial = {"name": row.name, "version": row.version}
    fresh = form or TagForm(initial=initial, auto_id=f"id_{row.pk}_%s")
    return Named(row, row.name, int(getattr(row, "uses", 0)), fresh)


def in_order(named: Sequence[Named]) -> list[Named]:
    return sorted(named, key=lambda tag: tag.name.casefold())


def own_tag(request: Request, tag_id: UUID) -> Tag:
    tag = tags_of(request.user).filter(pk=tag_id).first()
    if tag is None:
        raise Missing
    return tag


@login_required
@require_POST
def rename(request: Request, tag_id: UUID) -> HttpResponse:
    limits.require("save", request.user.pk)
    tag = own_tag(request, tag_id)
    form = TagForm(request.POST, auto_id=f"id_{tag.pk}_%s")
    if form.is_valid():
        try:
            rename_tag(
                request.user,
                tag,
                name=form.cleaned_data["name"],
                expected_version=form.cleaned_data["version"],
            )
        except Refused as refusal:
            form.add_error("name", str(refusal.words))
        else:
            messages.success(request, _("Renamed."))
            return redirect("download:tags")
    return tags_listed(request, {tag.pk: form})


@login_required
@require_POST
def remove(request: Request, tag_id: UUID) -> HttpResponse:
    remove_tag(request.user, own_tag(request, tag_id))
    messages.success(request, _("The tag is gone; its links stay."))
    return redirect("download:tags")
