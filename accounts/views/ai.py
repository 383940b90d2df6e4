"""What AI may do for a person, what it did, and what that cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.forms import AIForm
from accounts.http import Request
from writeorperish.ai import budget, ledger, requests, routing
from writeorperish.ai.budget import Standing
from writeorperish.ai.gateway import (
    accept_providers,
    accepted,
    capable,
    change_preferences,
    preferences_of,
)
from writeorperish.ai.instructions import give_instructions, words_of
from writeorperish.ai.models import Scope
from writeorperish.ai.providers.wire import Looked, Turn
from writeorperish.ai.requests import Shown
from writeorperish.privacy import consent
from writeorperish.ui.pages import show

ROWS = 60
TASKS = {
    "embed": gettext_lazy("Finding by meaning"),
    "reply": gettext_lazy("Replies"),
    "note": gettext_lazy("Notes for your profile"),
    "month_digest": gettext_lazy("Months of your profile"),
    "portrait": gettext_lazy("Your profile"),
}


SAID_BY = {"user": gettext_lazy("Said for you"), "assistant": gettext_lazy("An earlier answer")}
NEWEST = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One budget in words, and how full it is in percent."""

    words: str
    used: str
    limit: str
    percent: int
    resets: object


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ai(request: Request) -> HttpResponse:
    """The switches, the budgets and the newest uses of a model."""
    wishes = preferences_of(request.user.pk)
    models = routing.selectable(timezone.now().date())
    form = AIForm(
        request.POST or None,
        models=models,
        consents=consent.consents_of(request.user),
        initial={
            "paused": wishes.paused,
            "preferred_model": wishes.preferred_model,
            "instructions": words_of(request.user),
            "providers": accepted(wishes),
        },
    )
    if request.method == "POST" and form.is_valid():
        change_preferences(
            request.user.pk,
            paused=form.cleaned_data["paused"],
            preferred_model=form.cleaned_data["preferred_model"],
        )
        give_instructions(request.user, form.cleaned_data["instructions"])
        if "providers" in form.changed_data:
            accept_providers(request.user.pk, form.cleaned_data["providers"])
        for purpose, granted in form.decided().items():
            consent.decide(
                request.user,
                purpose,
                granted=granted,
                text_version=consent.terms()[purpose].version,
            )
        messages.success(request, _("Saved"))
        return redirect("accounts:ai")
    now = timezone.now()
    context = {
        "form": form,
        "able": capable("large", request.user.pk),
        "bars": [bar(each) for each in budget.standings(request.user.pk, at=now)],
        "uses": [
            (TASKS.get(each.task, each.task), each)
            for each in ledger.used_by_day(request.user.pk, limit=ROWS)
        ],
        "newest": [
            (TASKS.get(each.task, each.task), each)
            for each in ledger.calls_of(request.user).filter(Q(sent=True) | Q(cached=True))[:NEWEST]
        ],
    }
    return show(request, "accounts/ai.html", context, status=422 if form.errors else 200)


@dataclass(frozen=True, slots=True)
class Part:
    """One turn of a request, and who said it."""

    who: str
    words: str


@login_required
@require_GET
def call(request: Request, call_id: UUID) -> HttpResponse:
    """One use of a model, and word for word what it was sent."""
    used = ledger.call_of(request.user, call_id)
    bought = ledger.bought_by(used)
    sent = requests.shown(request.user, bought) if bought.sent else None
    context = {
        "call": used,
        "bought": bought,
        "task": TASKS.get(used.task, used.task),
        "sent": sent,
        "parts": parts_of(sent) if sent else [],
    }
    return show(request, "accounts/ai_call.html", context)


def parts_of(sent: Shown) -> list[Part]:
    return [
        Part(_("What we tell every model"), sent.system),
        *(part_of(turn) for turn in sent.turns),
    ]


def part_of(turn: Turn | Looked) -> Part:
    if isinstance(turn, Looked):
        return Part(_("Looked up for the model"), f"{turn.name} {turn.arguments}\n\n{turn.answer}")
    return Part(str(SAID_BY[turn.role]), turn.words)


def bar(standing: Standing) -> Bar:
    shown = UNITS.get(standing.scope, str)
    return Bar(
        words=str(standing.scope.label),
        used=shown(standing.used),
        limit=shown(standing.limit),
        percent=min(100, round(100 * standing.used / standing.limit)) if standing.limit else 100,
        resets=standing.resets_at,
    )


def money(microdollars: int) -> str:
    return f"${microdollars / 1_000_000:.2f}"


def minutes(seconds: int) -> str:
    return _("%(n)d min") % {"n": round(seconds / 60)}


UNITS: Mapping[Scope, Callable[[int], str]] = {
    Scope.MONTH: money,
    Scope.BACKGROUND: money,
    Scope.TRANSCRIPTION: minutes,
}
