"""The library: its list, what comes in by paste or from the browser, and many links at once."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import Request
from download import addresses
from download.actions.feeds import stopped_feeds
from download.actions.items import Found, Saved, decide_library, library_of, save_item
from download.actions.tags import change_many, tagged
from download.fetching import Copy
from download.forms import ChangesForm, PasteForm, PreferenceForm, SaveForm
from download.models.items import Item, ItemQuerySet, Page
from download.views.shelf import cards_of, grouped, own_rows, page_of
from writeorperish.ops import limits
from writeorperish.ops.once import uuid_or_none
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ui.pages import show

TRASH = "deleted"
TABS = {
    "": gettext_lazy("To read"),
    Item.Reading.DONE: gettext_lazy("Read"),
    Item.Reading.ARCHIVED: gettext_lazy("Archived"),
    "all": gettext_lazy("All"),
    TRASH: gettext_lazy("Recently deleted"),
}
NOTHING = {
    "": gettext_lazy("Nothing waits to be read."),
    Item.Reading.DONE: gettext_lazy("Nothing read yet."),
    Item.Reading.ARCHIVED: gettext_lazy("Nothing archived."),
    "all": gettext_lazy("Save the first thing you'd like to come back to."),
    TRASH: gettext_lazy("Nothing here. Deleted links stay 30 days."),
}
DONE = {
    "unread": gettext_lazy("marked as unread"),
    "reading": gettext_lazy("marked as being read"),
    "done": gettext_lazy("marked as read"),
    "archived": gettext_lazy("archived"),
    "trash": gettext_lazy("deleted; they stay under Recently deleted for 30 days"),
    "tag": gettext_lazy("tagged"),
    "untag": gettext_lazy("no longer tagged"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one pasted line."""

    given: str
    words: str | Promise
    url: str = ""


@login_required
@require_GET
def library(request: Request) -> HttpResponse:
    """One's links, the newest first; `?state=`, `?tag=` and `?select=1` choose which and how."""
    return listed(request, PasteForm())


def listed(
    request: Request, form: PasteForm, lines: list[Line] | None = None, *, status: int = 200
) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in TABS else ""
    tag = request.GET.get("tag", "").strip()[:64]
    items, before = page_of(
        rows_of(request, state, tag), column_of(state), request.GET.get("before", "")
    )
    decided = library_of(request.user)
    first_page = "before" not in request.GET
    context = {
        "tabs": [
            (words, address(state=each), each == state and not tag) for each, words in TABS.items()
        ],
        "state": state,
        "tag": tag,
        "groups": list(grouped(cards_of(items), timezone.localdate())),
        "nothing": _("No link of yours bears this tag.") if tag else NOTHING[state],
        "next_url": address(state=state, tag=tag, before=before) if before else "",
        "first_page": first_page,
        "form": form,
        "lines": lines or [],
        "selecting": bool(request.GET.get("select")) and state != TRASH,
        "select_url": address(state=state, tag=tag, select="1"),
        "list_url": address(state=state, tag=tag),
        "trash": state == TRASH,
        "asking": decided.asked_at is None and first_page and bool(items),
        "preference": PreferenceForm(
            initial={"ai_usage": decided.ai_usage, "fetching": decided.fetching}
        ),
        "gone": just_deleted(request),
        "stopped": stopped_feeds(request.user) if first_page else 0,
        "bookmarklet": bookmarklet(request),
    }
    return show(request, "download/library.html", context, parts=("items",), status=status)


def rows_of(request: Request, state: str, tag: str) -> ItemQuerySet:
    if state == TRASH:
        return Item.objects.deleted_by(request.user)
    rows = own_rows(request.user)
    if tag:
        rows = rows.filter(pk__in=tagged(request.user, tag).values("pk"))
    if state in Item.Reading.values:
        return rows.filter(reading=state)
    return rows if state == "all" or tag else rows.filter(reading__in=["unread", "reading"])


def column_of(state: str) -> str:
    return "deleted_at" if state == TRASH else "saved_at"


def address(**query: str) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{reverse('download:library')}{'?' if given else ''}{urlencode(given)}"


def just_deleted(request: Request) -> Item | None:
    """The link that was deleted by the step before, so that it can be taken back at once."""
    ident = uuid_or_none(request.GET.get("gone", ""))
    return Item.objects.deleted_by(request.user).filter(pk=ident).first() if ident else None


def bookmarklet(request: Request) -> str:
    """What a browser keeps as a button: it opens our page for saving with the address of the page it is on."""
    save = request.build_absolute_uri(reverse("download:save"))
    script = (
        f"void(open('{save}?url='+encodeURIComponent(location.href)"
        "+'&title='+encodeURIComponent(document.title)"
        "+'&note='+encodeURIComponent(String(getSelection())),'_blank','width=520,height=720'))"
    )
    return f"javascript:{script}"


@login_required
@require_POST
def paste(request: Request) -> HttpResponse:
    """Each line kept, found to be here, or named as what it is not."""
    limits.require("save", request.user.pk)
    form = PasteForm(request.POST)
    if not form.is_valid():
        return listed(request, form, status=422)
    lines = [kept_line(request, given) for given in form.cleaned_data["addresses"]]
    if len(lines) == 1 and lines[0].url:
        messages.success(request, str(lines[0].words))
        return redirect("download:library")
    return listed(request, PasteForm(), lines)


def kept_line(request: Request, given: str) -> Line:
    url = addresses.first_in(given) or given
    try:
        saved = save_item(request.user, Found(url=url), captured_by=Item.CapturedBy.PASTE)
    except Refused:
        return Line(given, _("not an address"))
    return Line(given, outcome(saved), saved.item.get_absolute_url())


def outcome(saved: Saved) -> str:
    """Kept, or already here since when, in words."""
    if saved.created:
        return _("Kept")
    if saved.restored:
        return _("Back from what you deleted")
    since = date_format(timezone.localtime(saved.item.saved_at), "j F Y")
    return _("Already here since %(date)s") % {"date": since}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: Request) -> HttpResponse:
    """A form with what the browser or a device handed over; only sending it keeps anything."""
    limits.require("save", request.user.pk)
    if request.method == "POST":
        form = SaveForm(request.POST)
        if form.is_valid():
            return keep(request, form)
        return show(request, "download/save.html", {"form": form}, status=422)
    given = {name: request.GET.get(name, "") for name in ("url", "title", "note")}
    url = addresses.first_in(given["url"], given["note"], given["title"]) or given["url"]
    note = "" if given["note"].strip() == url else given["note"]
    return show(
        request,
        "download/save.html",
        {"form": SaveForm(initial={**given, "url": url, "note": note})},
    )


def keep(request: Request, form: SaveForm) -> HttpResponse:
    values = dict(form.cleaned_data)
    text = values.pop("text").strip()
    page = Copy(text, Page.Origin.PASTED) if text else None
    by = Item.CapturedBy.BOOKMARKLET if values["url"] else Item.CapturedBy.PASTE
    try:
        saved = save_item(request.user, Found(**values, page=page), captured_by=by)
    except Missing:
        raise
    except Refused as refusal:
        form.add_error(None, str(refusal.words))
        return show(request, "download/save.html", {"form": form}, status=refusal.status)
    messages.success(request, outcome(saved))
    return redirect(saved.item.get_absolute_url())


@login_required
@require_POST
def change(request: Request) -> HttpResponse:
    """What was chosen, done with all links that were ticked."""
    form = ChangesForm(request.POST)
    form.fields["ids"].choices = [(each, each) for each in request.POST.getlist("ids")[:200]]  # type: ignore[attr-defined]  # a choice field
    if not form.is_valid():
        messages.error(request, _("Tick at least one link, and choose what to do with it."))
        return redirect("download:library")
    act, tags = form.cleaned_data["act"], form.cleaned_data["tags"]
    ids = [ident for each in form.cleaned_data["ids"] if (ident := uuid_or_none(each))]
    answers = change_many(
        request.user,
        ids,
        reading=act if act in Item.Reading.values else None,
        add_tags=tags if act == "tag" else (),
        remove_tags=tags if act == "untag" else (),
        trash=act == "trash",
    )
    said(request, act, list(answers.values()))
    return redirect(address(state=request.POST.get("state", ""), tag=request.POST.get("tag", "")))


def said(request: Request, act: str, statuses: list[int]) -> None:
    done = statuses.count(200)
    words = ngettext("%(n)d link %(done)s.", "%(n)d links %(done)s.", done)
    messages.success(request, words % {"n": done, "done": DONE[act]})
    full = statuses.count(422)
    if full:
        words = ngettext("%(n)d has 30 tags already.", "%(n)d have 30 tags already.", full)
        messages.warning(request, words % {"n": full})


@login_required
@require_POST
def prefer(request: Request) -> HttpResponse:
    """What new links begin with, and whether their pages are fetched."""
    form = PreferenceForm(request.POST)
    if not form.is_valid():
        raise Missing
    decide_library(request.user, **form.cleaned_data)
    messages.success(request, _("Counts for links you keep from now on."))
    return redirect("download:library")


@login_required
@require_POST
def answer(request: Request) -> HttpResponse:
    """The question asked once: may AI read pages you save?"""
    decide_library(request.user, ai_usage="chat" if request.POST.get("answer") == "yes" else "none")
    messages.success(request, _("Noted. You can change it below the list at any time."))
    return redirect("download:library")
