"""Bringing links from elsewhere: the file, what the check foresees, the second word, and what became of each row."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import Request
from download.actions.imports import (
    CANCELLABLE,
    begin_import,
    can_be_undone,
    cancel_import,
    confirm_import,
    counts_of,
    imports_of,
    left_after_undo,
    report_of,
    retract_import,
    rows_of,
)
from download.actions.taking_in import WITH_FOLDERS
from download.formats import tables
from download.formats.reasons import sentence
from download.forms import ImportChoicesForm, LinksForm
from download.models.imports import Import, ImportRow
from writeorperish.crypto.fields import open_rows
from writeorperish.ops import limits
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.ui.pages import show

WORKING = {"uploaded", "checking", "importing", "undoing"}
ROWS_SHOWN = 50
RUNS_SHOWN = 50
MOST_ORDINAL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the file as its person reads it: number, words, what became of it and why, and its link if it has one."""

    ordinal: int
    label: str
    outcome: str
    why: str
    url: str = ""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: Request) -> HttpResponse:
    """The form to send a file, and the imports so far."""
    form = LinksForm(request.POST, request.FILES) if request.method == "POST" else LinksForm()
    if request.method == "POST" and form.is_valid():
        limits.require("import", request.user.pk)
        file = form.cleaned_data["file"]
        try:
            run = begin_import(request.user, file, size=file.size)
        except Refused as refusal:
            if refusal.status not in {413, 422}:
                raise
            form.add_error("file", str(refusal.words))
        else:
            return redirect("download:import", run.pk)
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "runs": imports_of(request.user)[:RUNS_SHOWN]}
    return show(request, "download/imports.html", context, status=status)


@login_required
@require_safe
def run(request: Request, run_id: UUID) -> HttpResponse:
    """One import: what the check foresees, its progress, what became of each row, and the way back."""
    found = own(request, run_id)
    return show(request, "download/import.html", context_of(request, found), parts=("progress",))


def context_of(request: Request, found: Import) -> dict[str, object]:
    counts = counts_of(found)
    foreseen = found.state == Import.State.CHECKED
    kept = left_after_undo(found)
    outcome = request.GET.get("outcome", "")
    outcome = outcome if outcome in ImportRow.Outcome.values else ""
    rows, more = shown_rows(request, found, outcome)
    return {
        "run": found,
        "working": found.state in WORKING,
        "why": sentence(found.reason) if found.reason else "",
        "counts": [(label, counts[name]) for name, label in ImportRow.Outcome.choices]
        if counts
        else [],
        "entering": counts.get("created", 0) + counts.get("merged", 0),
        "foreseen": problems(found) if foreseen else [],
        "form": ImportChoicesForm() if foreseen else None,
        "folders": found.format in WITH_FOLDERS,
        "cancellable": found.state in CANCELLABLE and found.state != Import.State.CHECKED,
        "undoable": can_be_undone(found),
        "again": found.state == Import.State.FAILED and found.total > 0 and found.blob_id,
        "kept": kept.count() if found.state == Import.State.UNDONE else 0,
        "tabs": tabs(found, outcome),
        "rows": rows,
        "next_url": more,
    }


def problems(found: Import) -> list[Told]:
    """The first hundred rows that will not come in whole, and why."""
    words = dict(ImportRow.Outcome.choices)
    return [
        Told(
            each["ordinal"],
            each["label"],
            str(words[each["outcome"]]),
            str(sentence(each["reason"])),
        )
        for each in report_of(found).get("problems", [])
    ]


def tabs(found: Import, outcome: str) -> list[tuple[str, str, bool]]:
    """Words, address and whether it is the one shown, for all rows and for each outcome that occurs."""
    url = reverse("download:import", args=[found.pk])
    occurring = [(n, label) for n, label in ImportRow.Outcome.choices if getattr(found, n)]
    own = [(str(label), f"{url}?outcome={name}", name == outcome) for name, label in occurring]
    return [(_("All rows"), url, not outcome), *own]


def shown_rows(request: Request, found: Import, outcome: str) -> tuple[list[Told], str]:
    """Fifty rows of this outcome in the order of the file, and the address of those after."""
    given = request.GET.get("after", "")
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    rows = list(rows_of(found, outcome).filter(ordinal__gt=after).defer("before")[: ROWS_SHOWN + 1])
    more = len(rows) > ROWS_SHOWN
    rows = rows[:ROWS_SHOWN]
    closed = open_rows(rows)
    last = rows[-1].ordinal if rows else 0
    query = f"?outcome={outcome}&after={last}" if outcome else f"?after={last}"
    return [told(row) for row in rows if row.pk not in closed], query if more else ""


def told(row: ImportRow) -> Told:
    why = row.get_undo_display() if row.undo else sentence(row.reason) if row.reason else ""
    url = reverse("download:item", args=[row.item_id]) if row.item_id else ""
    return Told(row.ordinal, row.label or "", str(row.get_outcome_display()), str(why), url)


@login_required
@require_POST
def confirm(request: Request, run_id: UUID) -> HttpResponse:
    """The second word, and for one that failed the word to go on."""
    form = ImportChoicesForm(request.POST)
    form.is_valid()
    confirm_import(request.user, own(request, run_id), **form.cleaned_data)
    return redirect("download:import", run_id)


@login_required
@require_POST
def cancel(request: Request, run_id: UUID) -> HttpResponse:
    cancel_import(request.user, own(request, run_id))
    return redirect("download:import", run_id)


@login_required
@require_POST
def undo(request: Request, run_id: UUID) -> HttpResponse:
    retract_import(request.user, own(request, run_id))
    return redirect("download:import", run_id)


@login_required
@require_safe
def report(request: Request, run_id: UUID) -> StreamingHttpResponse:
    """What became of every row, as a table to keep."""
    found = own(request, run_id)
    answer = StreamingHttpResponse(lines(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="import.csv"'
    return answer


def lines(found: Import) -> Iterator[str]:
    def cells() -> Iterator[tuple[object, ...]]:
        yield _("Row"), _("Title or address"), _("Outcome"), _("Why")
        for row in rows_of(found).defer("before").iterator(chunk_size=500):
            each = told(row)
            yield each.ordinal, each.label, each.outcome, each.why

    return tables.lines(cells())


def own(request: Request, run_id: UUID) -> Import:
    found = imports_of(request.user).filter(pk=run_id).first()
    if found is None:
        raise Missing
    return found
