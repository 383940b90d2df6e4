"""Taking one's links along: the wish, its progress, and the file."""

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import Request
from download.actions.exports import ask_for_export, ending_of, exports_of, file_of
from download.actions.tags import tag_named
from download.forms import LibraryExportForm
from download.spacing import day_of
from writeorperish.crypto import storage
from writeorperish.ops import limits
from writeorperish.ops.refusals import Missing
from writeorperish.ui.pages import show

SHOWN = 10


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: Request) -> HttpResponse:
    """What to take along and as what, and the files of the last days."""
    asked = request.method == "POST"
    form = LibraryExportForm(request.POST) if asked else LibraryExportForm()
    if asked and form.is_valid():
        limits.require("library_export", request.user.pk)
        wishes = dict(form.cleaned_data)
        name = wishes.pop("tag")
        tag = tag_named(request.user, name) if name else None
        if name and tag is None:
            form.add_error("tag", _("No link of yours bears this tag."))
        else:
            due_by = today() if wishes.pop("due") else None
            ask_for_export(request.user, tag=tag.pk if tag else None, due_by=due_by, **wishes)
            messages.success(request, _("Your file is being made. You can leave this page."))
            return redirect("download:export")
    rows = list(exports_of(request.user)[:SHOWN])
    working = any(row.state in {"asked", "building"} for row in rows)
    context = {"form": form, "exports": rows, "working": working}
    status = 422 if asked else 200
    return show(request, "download/export.html", context, parts=("exports",), status=status)


def today() -> date:
    return day_of(timezone.now(), timezone.get_current_timezone())


@login_required
@require_safe
def export_file(request: Request, export_id: UUID) -> StreamingHttpResponse:
    found = exports_of(request.user).select_related("blob").filter(pk=export_id).first()
    if found is None:
        raise Missing
    blob = file_of(request.user, found)
    name = f"links-{timezone.localdate():%Y-%m-%d}.{ending_of(blob)}"
    return StreamingHttpResponse(
        storage.pieces(blob, 0, blob.bytes),
        content_type=blob.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(blob.bytes),
            "Cache-Control": "private, no-store",
        },
    )
