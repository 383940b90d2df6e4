"""Sources of links: connecting one, pausing it, reading it now, letting it go."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import Request
from download.actions.feeds import (
    add_feed,
    ask_for_sync,
    feeds_of,
    pause_feed,
    remove_feed,
    resume_feed,
)
from download.forms import FeedForm, TokenForm
from download.models.feeds import COUNTED, Feed
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops import limits
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ui.pages import show

SOON = {Feed.State.CONNECTED, Feed.State.SYNCING}
WORDS: dict[str, Promise] = {
    "created": gettext_lazy("new"),
    "merged": gettext_lazy("added to a link you had"),
    "unchanged": gettext_lazy("already here"),
    "skipped": gettext_lazy("left out"),
    "failed": gettext_lazy("unreadable"),
    "archived": gettext_lazy("archived, because it is gone there"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A source as it is shown: its address, how it stands and why, and what became of what it told."""

    feed: Feed
    base: str
    why: str | Promise
    counts: Sequence[tuple[Promise, int]]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sources(request: Request) -> HttpResponse:
    """The sources, and the form for one more."""
    asked = request.method == "POST"
    form = FeedForm(request.POST) if asked else FeedForm()
    if asked and form.is_valid():
        limits.require("save", request.user.pk)
        try:
            add_feed(request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("token" if "token" in refusal.code else "base", str(refusal.words))
        else:
            messages.success(request, _("Connected. Its links come in from now on."))
            return redirect("download:sources")
    cards = [card_of(feed) for feed in feeds_of(request.user)]
    soon = any(card.feed.state in SOON for card in cards)
    context = {"form": form, "cards": cards, "soon": soon}
    status = 422 if asked else 200
    return show(request, "download/sources.html", context, parts=("feeds",), status=status)


def card_of(feed: Feed) -> Card:
    try:
        base = feed.base
    except CannotOpen:
        base = ""
    counts = [(WORDS[name], n) for name in COUNTED if (n := getattr(feed, name))]
    return Card(feed, base, feed.get_reason_display() if feed.reason else "", counts)


@login_required
@require_POST
def sync(request: Request, feed_id: UUID) -> HttpResponse:
    limits.require("save", request.user.pk)
    ask_for_sync(request.user, own(request, feed_id))
    messages.success(request, _("It is being read."))
    return redirect("download:sources")


@login_required
@require_POST
def pause(request: Request, feed_id: UUID) -> HttpResponse:
    pause_feed(request.user, own(request, feed_id))
    messages.success(request, _("Paused. Its links stay."))
    return redirect("download:sources")


@login_required
@require_POST
def resume(request: Request, feed_id: UUID) -> HttpResponse:
    form = TokenForm(request.POST)
    if not form.is_valid():
        raise Missing
    resume_feed(request.user, own(request, feed_id), token=form.cleaned_data["token"] or None)
    messages.success(request, _("It is read again from where it stood."))
    return redirect("download:sources")


@login_required
@require_POST
def remove(request: Request, feed_id: UUID) -> HttpResponse:
    remove_feed(request.user, own(request, feed_id))
    messages.success(request, _("Removed, with its token. The links it brought stay."))
    return redirect("download:sources")


def own(request: Request, feed_id: UUID) -> Feed:
    found = feeds_of(request.user).filter(pk=feed_id).first()
    if found is None:
        raise Missing
    return found
