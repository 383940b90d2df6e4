"""Ways back into one's journal: by month, by tag, and by a question to begin with."""

from calendar import Calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.http import Request
from journal.actions.tags import tagged, tags_of
from journal.models.nodes import Node, NodeQuerySet
from journal.replying import questions
from journal.views.cards import by_day, card
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.models import Viewer
from writeorperish.ui.pages import show

FIRST_YEAR, LAST_YEAR = 1900, 9998
PAST_ENTRIES = 20
TAGGED = 100
QUESTIONS_A_DAY = 5


@dataclass(frozen=True, slots=True)
class Square:
    """One day of a month's page, and how many entries were written on it."""

    on: date
    count: int
    inside: bool


@login_required
@require_GET
def this_month(request: Request) -> HttpResponse:
    today = timezone.localdate()
    return redirect("journal:calendar", today.year, today.month)


@login_required
@require_GET
def calendar(request: Request, year: int, month: int) -> HttpResponse:
    """A month of one's own entries by the days they were written on, and what was written on this day before."""
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12):
        raise Missing
    first = date(year, month, 1)
    today = timezone.localdate()
    context = {
        "first": first,
        "today": today,
        "weeks": weeks_of(first, counts_of(request.user, first)),
        "before": first - timedelta(days=1),
        "after": last_of(first) + timedelta(days=1),
        "past": [card(node, request.user) for node in on_this_day(request.user, today)],
    }
    return show(request, "journal/calendar.html", context)


def counts_of(person: Viewer, first: date) -> dict[date, int]:
    rows = own(person).filter(day__range=(first, last_of(first)))
    return dict(rows.order_by().values_list("day").annotate(n=Count("pk")))


def weeks_of(first: date, counts: dict[date, int]) -> list[list[Square]]:
    """The weeks a month lies in, Monday to Sunday, days of its neighbours included."""
    return [
        [Square(on, counts.get(on, 0), on.month == first.month) for on in week]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]


def last_of(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def on_this_day(person: Viewer, today: date) -> NodeQuerySet:
    """What the person wrote on this day of earlier years; 29 February is remembered on the 28th of a common year."""
    days = Q(day__month=today.month, day__day=today.day)
    if (today.month, today.day) == (2, 28) and (today + timedelta(days=1)).month == 3:
        days |= Q(day__month=2, day__day=29)
    rows = own(person).filter(days, day__year__lt=today.year)
    return (
        rows.counting_children_for(person)
        .with_people()
        .order_by("-day", "-written_at")[:PAST_ENTRIES]
    )


def own(person: Viewer) -> NodeQuerySet:
    """The person's own beginnings of threads, written by themselves."""
    rows = Node.objects.visible_to(person).filter(owner=person.pk)
    return rows.filter(author_kind=Node.Author.PERSON).roots()


@login_required
@require_GET
def tags(request: Request) -> HttpResponse:
    """All one's tags; with `?tag=` the entries that bear it, newest first."""
    name = request.GET.get("tag", "").strip().removeprefix("#")[:50]
    rows: Sequence[Node] = ()
    if name:
        found = tagged(request.user, name).counting_children_for(request.user).with_people()
        rows = list(found.order_by("-written_at", "-id")[: TAGGED + 1])
    context = {
        "tags": tags_of(request.user),
        "chosen": name,
        "days": by_day(card(node, request.user) for node in rows[:TAGGED]),
        "more": len(rows) > TAGGED,
    }
    return show(request, "journal/tags.html", context)


@login_required
@require_GET
def prompts(request: Request) -> HttpResponse:
    """Questions to begin with: five for today, and all the others."""
    asked = questions()
    start = timezone.localdate().toordinal() * QUESTIONS_A_DAY % len(asked)
    ordered = [*asked[start:], *asked[:start]]
    context = {"today": ordered[:QUESTIONS_A_DAY], "others": ordered[QUESTIONS_A_DAY:]}
    return show(request, "journal/prompts.html", context)
