"""Bringing one's past: upload, report, import, undo."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse

from accounts.http import Request
from writeorperish.ui.pages import show


@login_required
def imports(request: Request) -> HttpResponse:
    return show(request, "journal/imports.html", {})


@login_required
def run(request: Request, run_id: UUID) -> HttpResponse:
    return show(request, "journal/imports.html", {})


confirm = retract = run
