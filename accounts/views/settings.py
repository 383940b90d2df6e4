"""What a person sets about themselves. Each form saves its own section only."""

from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import ModelForm
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions.departure import ask_for_export, exports_of, parts_of
from accounts.actions.people import change_profile
from accounts.actions.tokens import end_family
from accounts.forms import AccountForm, AppearanceForm, DefaultsForm
from accounts.http import Request
from accounts.models import Profile, TokenFamily
from accounts.views.activity import lines
from writeorperish.audit.log import activity_of
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ui.pages import show

ACTIVITY_ROWS = 50
A_YEAR_SECONDS = 365 * 24 * 3600


@login_required
@require_safe
def index(request: Request) -> HttpResponse:
    return show(request, "accounts/settings.html", {"profile": request.user.profile})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: Request) -> HttpResponse:
    return section(request, AccountForm, "accounts/account.html", "accounts:account")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def appearance(request: Request) -> HttpResponse:
    answer = section(request, AppearanceForm, "accounts/appearance.html", "accounts:appearance")
    theme = Profile.objects.values_list("theme", flat=True).get(person=request.user)
    # The next page prints the theme before any style loads, so nothing flashes.
    answer.set_cookie(
        "theme", theme, max_age=A_YEAR_SECONDS, samesite="Lax", secure=request.is_secure()
    )
    return answer


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def privacy(request: Request) -> HttpResponse:
    return section(request, DefaultsForm, "accounts/privacy.html", "accounts:privacy")


def section(
    request: Request, form_class: type[ModelForm[Profile]], template: str, url_name: str
) -> HttpResponse:
    """One section's form, saved by the verb; a refusal stands beside its field."""
    profile = Profile.objects.get(person=request.user)
    if request.method != "POST":
        return show(request, template, {"form": form_class(instance=profile)})
    form = form_class(request.POST, instance=profile)
    if form.is_valid():
        try:
            change_profile(request.user, **changed(form))
        except Refused as refusal:
            form.add_error("handle" if "handle" in refusal.code else None, str(refusal.words))
        else:
            messages.success(request, _("Saved"))
            return redirect(url_name)
    return show(request, template, {"form": form}, status=422)


def changed(form: ModelForm[Profile]) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in form.changed_data}


@login_required
@require_safe
def activity(request: Request) -> HttpResponse:
    """Who or what read this person's texts, and what was done in their name; a date, not a clock."""
    before = request.GET.get("before", "")
    rows = activity_of(request.user.pk)
    if before.isdecimal():
        rows = rows.filter(seq__lt=int(before[:15]))
    found = list(rows[: ACTIVITY_ROWS + 1])
    more = found[ACTIVITY_ROWS - 1].seq if len(found) > ACTIVITY_ROWS else None
    return show(
        request,
        "accounts/activity.html",
        {"entries": lines(request.user, found[:ACTIVITY_ROWS]), "next_before": more},
        parts=("entries",),
    )


@login_required
@require_safe
def tokens(request: Request) -> HttpResponse:
    """The apps signed in to this account."""
    families = TokenFamily.objects.filter(
        person=request.user, revoked_at__isnull=True, expires_at__gt=timezone.now()
    ).order_by("-created_at")
    return show(request, "accounts/tokens.html", {"families": families})


@login_required
@require_POST
def end_token(request: Request, family_id: UUID) -> HttpResponse:
    family = TokenFamily.objects.filter(person=request.user, pk=family_id, revoked_at=None).first()
    if family is None:
        raise Missing
    end_family(request.user, family)
    messages.success(request, _("Signed out."))
    return redirect("accounts:tokens")


@reauthentication_required
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: Request) -> HttpResponse:
    """Everything written, as a zip that opens without us."""
    if request.method == "POST":
        ask_for_export(request.user)
        messages.success(request, _("Your export is being made. You can leave this page."))
        return redirect("accounts:export")
    rows = list(exports_of(request.user)[:10])
    building = any(row.state in {"asked", "building"} for row in rows)
    return show(
        request, "accounts/export.html", {"exports": rows, "building": building}, parts=("exports",)
    )


@reauthentication_required
@login_required
@require_safe
def export_file(request: Request, export_id: UUID) -> StreamingHttpResponse:
    found = exports_of(request.user).filter(pk=export_id, state="ready").first()
    if found is None or found.blob is None:
        raise Missing
    name = f"write-or-perish-{timezone.localdate():%Y-%m-%d}.zip"
    return StreamingHttpResponse(
        parts_of(request.user, found),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(found.bytes),
            "Cache-Control": "private, no-store",
        },
    )
