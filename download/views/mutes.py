"""The rules on what is never suggested, beside what was only learned: each can be lifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.http import Request
from download.actions.mutes import mutes_of, unmute
from download.models.recommendations import Mute
from writeorperish.crypto.fields import open_rows
from writeorperish.ui.pages import show

MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is about, and in words how much."""

    row: Mute
    label: str
    scope: str


@login_required
@require_GET
def mutes(request: Request) -> HttpResponse:
    """What is never suggested, the newest rule first."""
    rows = list(mutes_of(request.user)[:MOST_SHOWN])
    parts = ("slot-download-mutes",)
    return show(
        request,
        "download/mutes.html",
        {"rules": rules_of(rows), "count": mutes_of(request.user).count()},
        parts=parts,
    )


def rules_of(rows: Sequence[Mute]) -> list[Rule]:
    closed = open_rows(rows)
    return [
        Rule(row, "" if row.pk in closed else row.label, str(Mute.Scope(row.scope).label))
        for row in rows
    ]


@login_required
@require_POST
def lift(request: Request, mute_id: UUID) -> HttpResponse:
    unmute(request.user, mute_id)
    messages.success(request, _("Lifted. It may be suggested again."))
    return redirect("download:mutes")
