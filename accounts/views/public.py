"""Pages for everybody: the landing page, the promise, and the wait for admission."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from accounts.actions.admission import signup_mode
from accounts.http import Request
from writeorperish.ui.pages import show


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("/journal/")
    return show(request, "accounts/landing.html", {"signup_mode": signup_mode()})


@require_safe
def promise(request: HttpRequest) -> HttpResponse:
    """What is encrypted, who can read it and what AI does, in plain words."""
    return show(request, "accounts/promise.html", {})


@login_required
@require_safe
def waiting(request: Request) -> HttpResponse:
    if request.user.is_admitted:
        return redirect("/journal/")
    return show(request, "accounts/waiting.html", {"state": request.user.state})


@login_required
@require_safe
def signed_in(request: Request) -> HttpResponse:
    """Where a sign-in in a second tab ends: the first tab hears of it and goes on."""
    return show(request, "accounts/signed_in.html", {})
