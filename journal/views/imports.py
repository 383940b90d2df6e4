"""Bringing one's past: upload, report, import, undo."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import Request
from journal.actions.imports import (
    PART_BYTES,
    Settings,
    begin_import,
    begin_upload,
    confirm_import,
    kept_after_undo,
    problems_of,
    put_part,
    retract_import,
    runs_of,
)
from journal.actions.noting_imports import decide_noting, noting_of
from journal.formats.reasons import sentence
from journal.forms import ImportForm, UploadForm
from journal.models.imports import ImportRun, Upload
from writeorperish.ops.refusals import Invalid, Missing, Refused
from writeorperish.ui.pages import show

WORKING = {"uploaded", "checking", "importing", "undoing"}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: Request) -> HttpResponse:
    """The form to send a file, and the imports so far."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        run = begin_import(request.user, taken(request, form.cleaned_data["file"]))
        return redirect("journal:import", run.pk)
    status = 422 if request.method == "POST" else 200
    if status == 422 and not request.FILES:
        form.add_error(
            "file", _("Choose a zip file of up to 64 MB. Larger ones come in through the API.")
        )
    return show(
        request,
        "journal/imports.html",
        {"form": form, "runs": runs_of(request.user)[:50]},
        status=status,
    )


def taken(request: Request, file: UploadedFile[bytes]) -> Upload:
    """The uploaded file, sealed part by part; its name is not kept."""
    upload = begin_upload(request.user, size=file.size or 0)
    for number, part in enumerate(iter(lambda: file.read(PART_BYTES), b"")):
        put_part(request.user, upload, number, part)
    return upload


@login_required
@require_safe
def run(request: Request, run_id: UUID) -> HttpResponse:
    """One import: its report before, its progress during, its outcome and the way back after."""
    return show(
        request,
        "journal/import.html",
        run_context(request, own(request, run_id)),
        parts=("progress",),
    )


def run_context(
    request: Request, found: ImportRun, form: ImportForm | None = None
) -> dict[str, object]:
    report = found.report or {}
    return {
        "run": found,
        "report": report,
        "problems": said(problems_of(found)),
        "notes": said(report.get("notes", [])),
        "why": sentence(found.reason) if found.reason else "",
        "entered": entered(found, report.get("counts", {})),
        "working": found.state in WORKING,
        "noting": noting_of(request.user, found),
        "form": form
        or ImportForm(
            person=request.user,
            initial={
                "privacy_level": "private",
                "ai_usage": "none",
                "zone": request.user.profile.zone,
                "trash": "skip",
            },
        ),
        "kept": kept_after_undo(found).count() if found.state == ImportRun.State.UNDONE else 0,
    }


def said(rows: Iterable[Mapping[str, str]]) -> list[dict[str, object]]:
    """Rows of the file, and the sentence for each."""
    return [{"label": each["label"], "why": sentence(each["reason"])} for each in rows]


def entered(found: ImportRun, counts: dict[str, int]) -> int:
    """How many rows of the file became or changed an entry, by the report; the others were left alone."""
    restored = counts.get("trashed", 0) if found.trash == "restore" else 0
    return counts.get("new", 0) + counts.get("changed", 0) + restored


@login_required
@require_POST
def confirm(request: Request, run_id: UUID) -> HttpResponse:
    found = own(request, run_id)
    form = ImportForm(request.POST, person=request.user)
    if not form.is_valid():
        return show(request, "journal/import.html", run_context(request, found, form), status=422)
    choices = Settings(
        privacy_level=form.cleaned_data["privacy_level"],
        ai_usage=form.cleaned_data["ai_usage"],
        zone=form.cleaned_data["zone"],
        trash=form.cleaned_data["trash"],
        circles=tuple(circle.pk for circle in form.cleaned_data["circles"]),
        beside=form.cleaned_data["beside"],
    )
    try:
        confirm_import(request.user, found, settings=choices)
    except Refused as refusal:
        if refusal.status != 422:
            raise
        form.add_error(None, str(refusal.words))
        return show(request, "journal/import.html", run_context(request, found, form), status=422)
    return redirect("journal:import", run_id)


@login_required
@require_POST
def noting(request: Request, run_id: UUID) -> HttpResponse:
    """Whether the notes for the profile may read what this import brought."""
    found = own(request, run_id)
    answer = request.POST.get("notes")
    if answer not in {"yes", "no"}:
        raise Invalid
    decide_noting(request.user, found, wanted=answer == "yes")
    return redirect("journal:import", run_id)


@login_required
@require_POST
def retract(request: Request, run_id: UUID) -> HttpResponse:
    retract_import(request.user, own(request, run_id))
    return redirect("journal:import", run_id)


def own(request: Request, run_id: UUID) -> ImportRun:
    found = runs_of(request.user).filter(pk=run_id).first()
    if found is None:
        raise Missing
    return found
