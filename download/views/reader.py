"""One link: its page to read, what is marked in it, and what its person says about it."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.http import Request
from download import anchoring
from download.actions.fetches import ask_for_page
from download.actions.highlights import mark_quote
from download.actions.items import (
    change_item,
    erase_item,
    give_text,
    note_progress,
    restore_item,
    trash_item,
)
from download.actions.naming import title_of
from download.forms import AboutForm, ProgressForm, QuoteForm, TextForm
from download.models.items import Highlight, Item
from download.views.shelf import deleted_item, minutes_of, own_item, site_of
from writeorperish.crypto.fields import open_rows
from writeorperish.ops import limits
from writeorperish.ops.refusals import Refused
from writeorperish.ui.pages import show
from writeorperish.ui.prose import Mark, render_marked

MOST_MARKS = 500


@dataclass(frozen=True, slots=True)
class Marked:
    """A highlight beside its page: its words without the marks of Markdown."""

    row: Highlight
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a link says. `html` is its text with the marks; empty where there is none."""

    item: Item
    title: str
    site: str
    minutes: int
    reached: str
    html: SafeString
    marks: list[Marked]
    lost: list[Marked]
    reason: str
    closed: bool


@login_required
@require_GET
def item(request: Request, item_id: UUID) -> HttpResponse:
    """The page as it was kept, with one's marks; `?at=` marks the passage a search found."""
    return shown(request, own_item(request, item_id))


def shown(request: Request, row: Item, form: forms.Form | None = None) -> HttpResponse:
    marks = list(
        Highlight.objects.visible_to(request.user)
        .filter(item=row)
        .order_by("start", "pk")[:MOST_MARKS]
    )
    closed = bool(open_rows([row]))
    lost_words = open_rows(marks)
    marks = [mark for mark in marks if mark.pk not in lost_words]
    standing = [mark for mark in marks if mark.anchored and mark.page_id == row.page_id]
    context = {
        "shown": Shown(
            item=row,
            title="" if closed else title_of(row),
            site="" if closed else site_of(row),
            minutes=minutes_of(row),
            reached=f"{row.progress:.3f}",
            html=SafeString() if closed else html_of(row, standing, request.GET.get("at", "")),
            marks=[marked(mark) for mark in standing],
            lost=[marked(mark) for mark in marks if mark not in standing],
            reason=str(Item.Reason(row.fetch_reason).label) if row.fetch_reason else "",
            closed=closed,
        ),
        "readings": readings_from(row),
        "about": form if isinstance(form, AboutForm) else about_of(row, closed=closed),
        "quote": form if isinstance(form, QuoteForm) else QuoteForm(),
        "paste": form if isinstance(form, TextForm) else TextForm(),
        "tags": [] if closed else sorted(tag.name for tag in row.tags.all()),
    }
    return show(request, "download/item.html", context, status=422 if form else 200)


def marked(mark: Highlight) -> Marked:
    words, _places = anchoring.shown(mark.quote)
    return Marked(mark, " ".join(words.split()))


def readings_from(row: Item) -> list[tuple[str, str]]:
    """Where the link can go from here by one press; being read comes by itself, or back from the archive."""
    others = [each for each in Item.Reading if each != row.reading]
    if row.reading != Item.Reading.ARCHIVED:
        others = [each for each in others if each != Item.Reading.READING]
    return [(each.value, str(each.label)) for each in others]


def html_of(row: Item, marks: list[Highlight], at: str) -> SafeString:
    if row.page is None:
        return SafeString()
    text = row.page.text
    spans = [Mark(mark.start, mark.end, f"highlight-{mark.pk}", "highlight") for mark in marks]
    start, _line, end = at.partition("-")
    if start.isdecimal() and end.isdecimal() and len(at) < 20 and int(end) <= len(text):
        spans = [Mark(int(start), int(end), "passage", "passage"), *spans]
    return render_marked(text, spans)


def about_of(row: Item, *, closed: bool) -> AboutForm:
    if closed:
        return AboutForm()
    tags = ", ".join(sorted(tag.name for tag in row.tags.all()))
    return AboutForm(
        initial={
            "title": row.title,
            "tags": tags,
            "note": row.note,
            "ai_usage": row.ai_usage,
            "version": row.version,
        }
    )


@login_required
@require_POST
def describe(request: Request, item_id: UUID) -> HttpResponse:
    """Title, tags, note and what AI may do. Who was faster in another tab keeps their words; these stay in the form."""
    limits.require("save", request.user.pk)
    row = own_item(request, item_id)
    form = AboutForm(request.POST)
    if not form.is_valid():
        return shown(request, row, form)
    values = dict(form.cleaned_data)
    try:
        change_item(request.user, row, expected_version=values.pop("version"), **values)
    except Refused as refusal:
        fresh = AboutForm({**form.data.dict(), "version": row.version})  # type: ignore[attr-defined]  # a QueryDict
        fresh.add_error(None, str(refusal.words))
        return shown(request, row, fresh)
    messages.success(request, _("Saved."))
    return redirect("download:item", item_id)


@login_required
@require_POST
def read(request: Request, item_id: UUID) -> HttpResponse:
    """The link marked as unread, being read, read or archived."""
    row = own_item(request, item_id)
    reading = request.POST.get("reading", "")
    if reading in Item.Reading.values:
        change_item(request.user, row, reading=reading)
        messages.success(request, Item.Reading(reading).label)
    return redirect("download:item", item_id)


@login_required
@require_POST
def progress(request: Request, item_id: UUID) -> HttpResponse:
    """How far the page was read, as a script says it."""
    limits.require("autosave", request.user.pk)
    form = ProgressForm(request.POST)
    row = own_item(request, item_id)
    if form.is_valid():
        note_progress(request.user, row, form.cleaned_data["progress"])
    return HttpResponse(status=204)


@login_required
@require_POST
def fetch(request: Request, item_id: UUID) -> HttpResponse:
    row = own_item(request, item_id)
    try:
        ask_for_page(request.user, row)
    except Refused as refusal:
        messages.warning(request, str(refusal.words))
    else:
        messages.success(request, _("The page is being fetched. What is kept stays until then."))
    return redirect("download:item", item_id)


@login_required
@require_POST
def text(request: Request, item_id: UUID) -> HttpResponse:
    """The page's text as a person pasted it."""
    limits.require("save", request.user.pk)
    row = own_item(request, item_id)
    form = TextForm(request.POST)
    if not form.is_valid():
        return shown(request, row, form)
    give_text(request.user, row, text=form.cleaned_data["text"])
    messages.success(request, _("The text is kept."))
    return redirect("download:item", item_id)


@login_required
@require_POST
def highlight(request: Request, item_id: UUID) -> HttpResponse:
    """These words of the page, marked."""
    limits.require("save", request.user.pk)
    row = own_item(request, item_id)
    form = QuoteForm(request.POST)
    if form.is_valid():
        try:
            mark = mark_quote(request.user, row, quote=form.cleaned_data["quote"])
        except Refused as refusal:
            form.add_error("quote", str(refusal.words))
        else:
            return redirect(f"{row.get_absolute_url()}#highlight-{mark.pk}")
    return shown(request, row, form)


@login_required
@require_POST
def delete(request: Request, item_id: UUID) -> HttpResponse:
    trash_item(request.user, own_item(request, item_id))
    return redirect(f"{reverse('download:library')}?{urlencode({'gone': item_id})}")


@login_required
@require_POST
def restore(request: Request, item_id: UUID) -> HttpResponse:
    row = restore_item(request.user, deleted_item(request, item_id))
    messages.success(request, _("Back in your library."))
    return redirect(row.get_absolute_url())


@login_required
@require_POST
def erase(request: Request, item_id: UUID) -> HttpResponse:
    erase_item(request.user, deleted_item(request, item_id))
    messages.success(request, _("Gone for good."))
    return redirect(f"{reverse('download:library')}?state=deleted")
