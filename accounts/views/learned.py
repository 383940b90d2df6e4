"""What suggestions learned from what somebody took and left: in words, to be forgotten line by line."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import LearningForm
from accounts.http import Request
from writeorperish.ai.verdicts import (
    PERSONALISE,
    forget_taste,
    forget_tastes,
    learned_by,
    line,
)
from writeorperish.privacy import consent
from writeorperish.ui.pages import show

LINES = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def learned(request: Request) -> HttpResponse:
    """The switch, and the newest lines."""
    asked = consent.terms()[PERSONALISE]
    learning = consent.allows(request.user.pk, PERSONALISE)
    # A box that is not ticked sends nothing at all.
    sent = request.POST if request.method == "POST" else None
    form = LearningForm(sent, words=asked.text, initial={"learning": learning})
    if request.method == "POST" and form.is_valid():
        granted = form.cleaned_data["learning"]
        if granted != learning:
            consent.decide(request.user, PERSONALISE, granted=granted, text_version=asked.version)
        messages.success(request, _("Saved"))
        return redirect("accounts:learned")
    rows = learned_by(request.user)[:LINES]
    context = {"form": form, "learning": learning, "lines": [line(row) for row in rows]}
    return show(request, "accounts/learned.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def forget(request: Request, taste_id: UUID) -> HttpResponse:
    forget_taste(request.user, taste_id)
    messages.success(request, _("Forgotten"))
    return redirect("accounts:learned")


@login_required
@require_POST
def forget_all(request: Request) -> HttpResponse:
    forget_tastes(request.user)
    messages.success(request, _("Forgotten"))
    return redirect("accounts:learned")
