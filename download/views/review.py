"""Review: a few things one kept, seen again, each with a word on when to see it next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypedDict, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import Request
from download.actions.reviews import (
    Face,
    answer_card,
    change_pace,
    faces_of,
    next_due,
    pace_of,
    session_of,
    spread,
    undo_review,
)
from download.forms import AnswerForm, CardForm, PaceForm, UndoForm
from download.models.memory import Grade
from download.models.reviews import Card, Pace, Review
from download.spacing import day_of
from writeorperish.ops.refusals import Missing
from writeorperish.refs import new_id
from writeorperish.ui.pages import show

KEPT: Final = "review"
SPREAD_DAYS: Final = 14
A_WEEK_DAYS: Final = 7


class Run(TypedDict):
    """One session, kept in the browser's: the cards still to see, how many were answered, the last answer."""

    on: str
    cards: list[str]
    answered: int
    last: str


@dataclass(frozen=True, slots=True)
class Button:
    """One answer: its key on the keyboard, its words, and the day it would bring the card back."""

    key: int
    answer: str
    words: str
    back: str


@login_required
@require_safe
def home(request: Request) -> HttpResponse:
    """Whether there is anything to see again, and if not, when."""
    on = today()
    cards = session_of(request.user, on=on)
    due = Card.objects.due(request.user.pk, on).count()
    context = {
        "waiting": len(cards),
        # Never a number: what waits is no debt.
        "more": due > len(cards),
        "next": None if cards else ahead(next_due(request.user, on=on), on),
        "days": SPREAD_DAYS,
    }
    return show(request, "download/review.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session(request: Request) -> HttpResponse:
    """The card to answer now; after the last one, whether to go on. POST begins."""
    if request.method == "POST":
        request.session[KEPT] = begun(request)
        return redirect("download:review-session")
    on = today()
    run = run_of(request)
    card = next_of(request, run, on)
    context: dict[str, object] = {"run": run}
    if card is None:
        more = session_of(request.user, on=on)
        context["more"] = bool(more)
        context["next"] = None if more else ahead(next_due(request.user, on=on), on)
    else:
        (face,) = faces_of(request.user, [card], on=on)
        context |= {
            "face": face,
            "key": new_id(),
            "buttons": buttons(face, on),
            "number": run["answered"] + 1,
            "of": run["answered"] + len(run["cards"]),
        }
    return show(request, "download/review_session.html", context)


@login_required
@require_POST
def grade(request: Request) -> HttpResponse:
    return answered(request, AnswerForm(request.POST))


@login_required
@require_POST
def snooze(request: Request) -> HttpResponse:
    """Not now: in two weeks again, and nothing is said about how well it is remembered."""
    sent = {**request.POST.dict(), "answer": Review.Answer.NOT_NOW}
    return answered(request, AnswerForm(sent))


def answered(request: Request, form: AnswerForm) -> HttpResponse:
    if not form.is_valid():
        raise Missing
    run = run_of(request)
    done = answer_card(
        request.user,
        form.cleaned_data["card"],
        form.cleaned_data["answer"],
        key=form.cleaned_data["key"],
        zone=timezone.get_current_timezone(),
    )
    if done.created:
        run["answered"] += 1
    passed(request, run, done.card.pk, last=str(done.review.pk))
    return redirect("download:review-session")


@login_required
@require_POST
def skip(request: Request) -> HttpResponse:
    """The card is left for another session; nothing is stored about it."""
    form = CardForm(request.POST)
    if not form.is_valid():
        raise Missing
    run = run_of(request)
    passed(request, run, form.cleaned_data["card"], last=run["last"])
    return redirect("download:review-session")


@login_required
@require_POST
def undo(request: Request) -> HttpResponse:
    """The last answer is taken back, and its card is shown again."""
    form = UndoForm(request.POST)
    if not form.is_valid():
        raise Missing
    card = undo_review(request.user, form.cleaned_data["review"])
    run = run_of(request)
    run["cards"] = [str(card.pk), *(each for each in run["cards"] if each != str(card.pk))]
    run["answered"] = max(0, run["answered"] - 1)
    run["last"] = ""
    request.session[KEPT] = run
    return redirect("download:review-session")


@login_required
@require_POST
def spread_out(request: Request) -> HttpResponse:
    """What waits beyond the next session comes back over two weeks."""
    spread(request.user, on=today(), days=SPREAD_DAYS)
    messages.success(request, _("The rest comes back little by little over 14 days."))
    return redirect("download:review")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: Request) -> HttpResponse:
    """How many cards a session has, and how well things should be remembered."""
    pace = pace_of(request.user)
    initial = {"cards": pace.cards, "retention": nearest(pace)}
    form = PaceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        change_pace(
            request.user,
            cards=form.cleaned_data["cards"],
            retention=float(form.cleaned_data["retention"]),
        )
        messages.success(request, _("Saved"))
        return redirect("download:review-settings")
    return show(
        request,
        "download/review_settings.html",
        {"form": form, "pace": pace},
        parts=("slot-download-review-settings",),
        status=422 if form.errors else 200,
    )


def nearest(pace: Pace) -> str:
    """The choice of the form that is closest to what was set, perhaps by an app."""
    choices = [value for value, _words in PaceForm.WANTED]
    return min(choices, key=lambda each: abs(float(each) - pace.retention))


def today() -> date:
    return day_of(timezone.now(), timezone.get_current_timezone())


def begun(request: Request) -> Run:
    on = today()
    cards = [str(card.pk) for card in session_of(request.user, on=on)]
    return {"on": on.isoformat(), "cards": cards, "answered": 0, "last": ""}


def run_of(request: Request) -> Run:
    """The session under way, one begun today; else the one that would begin."""
    kept = cast("Run | None", request.session.get(KEPT))
    return kept if kept and kept["on"] == today().isoformat() else begun(request)


def passed(request: Request, run: Run, card_id: UUID, *, last: str) -> None:
    run["cards"] = [each for each in run["cards"] if each != str(card_id)]
    run["last"] = last
    request.session[KEPT] = run


def next_of(request: Request, run: Run, on: date) -> Card | None:
    """The first card of the session that can still be answered: another device may have been faster."""
    open_now = Card.objects.awake(request.user.pk, on).filter(pk__in=run["cards"])
    open_now = open_now.exclude(reviewed_on=on)
    ids = {str(each) for each in open_now.values_list("pk", flat=True)}
    run["cards"] = [each for each in run["cards"] if each in ids]
    return open_now.with_words().get(pk=run["cards"][0]) if run["cards"] else None


def buttons(face: Face, on: date) -> list[Button]:
    words: Mapping[str, str] = {value: str(label) for value, label in Review.Answer.choices}
    return [
        Button(number, grade.value, words[grade.value], ahead(face.next[grade], on) or "")
        for number, grade in enumerate(Grade, start=1)
    ]


def ahead(day: date | None, on: date) -> str | None:
    """A coming day in words: tomorrow, a weekday, else its date."""
    if day is None:
        return None
    days = (day - on).days
    if days <= 1:
        return _("Tomorrow")
    if days < A_WEEK_DAYS:
        return date_format(day, "l")
    return date_format(day, "j F" if day.year == on.year else "j F Y")
