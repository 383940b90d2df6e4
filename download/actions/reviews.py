"""Seeing again what one kept: cards, answers, taking an answer back, and spreading what waited too long."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Min, Q, Value, When, Window
from django.db.models.functions import Greatest, Ntile
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from download.actions.naming import title_of
from download.models.items import Highlight, Item
from download.models.memory import LEAST_RETENTION, MOST_RETENTION, Grade
from download.models.reviews import (
    LEAST_CARDS,
    MOST_CARDS,
    Card,
    CardQuerySet,
    Pace,
    Review,
)
from download.spacing import day_of, graded, next_days
from writeorperish.audit.log import record
from writeorperish.events.catalog import ItemReviewed
from writeorperish.events.outbox import emit
from writeorperish.ops.once import KeyReused
from writeorperish.ops.refusals import Conflict, Invalid, Missing
from writeorperish.refs import Ref

NEW_A_DAY: Final = 5
OLD_ENOUGH: Final = timedelta(days=30)
SNOOZE: Final = timedelta(days=14)
UNDO_WITHIN: Final = timedelta(hours=24)
ONE_IN: Final = 10  # the share of the oldest that a session may bring up by chance
MOST_SPREAD_DAYS: Final = 90
EXCERPT_CHARS: Final = 600
GRADES: Final = [str(grade) for grade in Grade]
DAYS: Final = ("reviewed_on", "due_on", "begun_on", "snoozed_until")
STATE: Final = ("stability", "difficulty", "reps", "done_with_at", *DAYS)


class AnsweredToday(Conflict):
    code = "answered_today"
    words = _("You have answered this one today. Undo that answer to give another.")


class TooLate(Conflict):
    code = "too_late"
    words = _("An answer can be undone for 24 hours.")


class PaceOutOfRange(Invalid):
    code = "pace_out_of_range"
    words = _("Choose 1 to 20 cards, and a chance of 70 to 97 %.")


class SpreadOutOfRange(Invalid):
    code = "days_out_of_range"
    words = _("Choose 1 to 90 days.")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and the card as it stands after it. Not `created`: it had been given before."""

    review: Review
    card: Card
    created: bool


@dataclass(frozen=True, slots=True)
class Face:
    """A card as it is shown: what asks, what answers, and the day each answer would bring it back."""

    card: Card
    front: str
    back: str
    next: Mapping[Grade, date]


# --- cards -----------------------------------------------------------------------------------


def make_cards(owner_id: UUID, refs: Collection[Ref]) -> None:
    """Each of these living links and highlights has its card. Those that have one keep it.

    One query a kind and one insert for all: what is new waits for its turn, so an import of ten
    thousand changes nothing tomorrow.
    """
    items = living(Item, owner_id, refs)
    marks = living(Highlight, owner_id, refs)
    Card.objects.bulk_create(
        [
            *(Card(owner_id=owner_id, item_id=each) for each in items),
            *(Card(owner_id=owner_id, highlight_id=each) for each in marks),
        ],
        ignore_conflicts=True,
    )


def living(
    model: type[Item] | type[Highlight], owner_id: UUID, refs: Collection[Ref]
) -> list[UUID]:
    """The ids of those of these rows that are of this kind, the owner's, and not in the trash."""
    ids = [ref.id for ref in refs if ref.kind == model._meta.label_lower]
    if not ids:
        return []
    rows = model._default_manager.filter(owner=owner_id, pk__in=ids, deleted_at__isnull=True)
    return list(rows.values_list("pk", flat=True))


def session_of(person: AbstractUser, *, on: date, without: Collection[UUID] = ()) -> list[Card]:
    """What to see now, at most as many cards as the person wants: the least remembered of those due first.

    One new card among them, and where any is due one by chance from the oldest tenth of the others.
    Six queries, the words included.
    """
    wanted = pace_of(person).cards
    rows = Card.objects.due(person.pk, on).exclude(pk__in=without)
    due = list(rows.with_words()[:wanted])
    old = one_of_the_oldest(person, on, without) if due else None
    more = [card for card in (old, next_new(person, on, without)) if card is not None]
    room = max(wanted - len(more), min(1, len(due)))
    return [*due[:room], *more][:wanted]


def one_of_the_oldest(person: AbstractUser, on: date, without: Collection[UUID]) -> Card | None:
    """A card that is not due, from the tenth seen longest ago; the same one all day until it is answered."""
    others = Card.objects.awake(person.pk, on).filter(due_on__gt=on, reviewed_on__lt=on)
    oldest = others.count() // ONE_IN
    if not oldest:
        return None
    drawn = hashlib.blake2b(f"{person.pk}:{on}".encode(), digest_size=8).digest()
    place = int.from_bytes(drawn, "big") % oldest
    card = others.order_by("reviewed_on", "pk").with_words()[place]
    return None if card.pk in without else card


def next_new(person: AbstractUser, on: date, without: Collection[UUID]) -> Card | None:
    """The new card whose turn it is; None once five began today."""
    if Card.objects.filter(owner=person.pk, begun_on=on).count() >= NEW_A_DAY:
        return None
    return ripe(person, on).exclude(pk__in=without).with_words().first()


def ripe(person: AbstractUser, on: date) -> CardQuerySet:
    """New cards that may begin: highlights, then what was read, then what lay unread here for 30 days."""
    waited = Q(item__reading=Item.Reading.UNREAD, item__created_at__lte=timezone.now() - OLD_ENOUGH)
    read = Q(item__reading=Item.Reading.DONE)
    turn = Case(
        When(highlight__isnull=False, then=Value(0)),
        When(read, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = Card.objects.awake(person.pk, on).filter(reps=0)
    return rows.filter(Q(highlight__isnull=False) | read | waited).order_by(turn, "made_at", "pk")


def next_due(person: AbstractUser, *, on: date) -> date | None:
    """The next day after this one that has something to see; None when nothing is on its way."""
    if ripe(person, on).exists():
        return on + timedelta(days=1)
    rows = Card.objects.standing(person.pk).filter(done_with_at__isnull=True, reps__gt=0)
    coming = rows.annotate(wakes=Greatest("due_on", "snoozed_until")).filter(wakes__gt=on)
    found: date | None = coming.aggregate(first=Min("wakes"))["first"]
    return found


def faces_of(person: AbstractUser, cards: Iterable[Card], *, on: date) -> list[Face]:
    """The cards as they are shown, with the days that would be stored. One query."""
    retention = pace_of(person).retention
    return [
        Face(
            card,
            front_of(card),
            back_of(card),
            next_days(card.memory, on=on, retention=retention, seed=str(card.pk)),
        )
        for card in cards
    ]


def front_of(card: Card) -> str:
    return card.highlight.quote if card.highlight is not None else title_of(card.link)


def back_of(card: Card) -> str:
    """Under a highlight its note and where it stands; under a link its note and how its page begins."""
    if card.highlight is not None:
        return joined(card.highlight.note, title_of(card.link))
    page = card.link.page
    return joined(card.link.note, beginning(page.text) if page is not None else "")


def joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())


def beginning(text: str) -> str:
    """The first paragraphs, whole as long as they are short enough; else cut after a word."""
    if len(text) <= EXCERPT_CHARS:
        return text
    whole = text[: EXCERPT_CHARS + 1].rpartition("\n\n")[0]
    if whole.strip():
        return whole
    return f"{text[:EXCERPT_CHARS].rpartition(' ')[0] or text[:EXCERPT_CHARS]} …"


# --- answers ---------------------------------------------------------------------------------


def answer_card(
    person: AbstractUser,
    card_id: UUID,
    answer: str,
    *,
    key: UUID,
    zone: tzinfo,
    at: datetime | None = None,
) -> Answered:
    """The card after this answer; with the same key the answer that was given before.

    `at`: when it was given, by a device that was offline. Answers count in the order they were given in,
    however late they arrive: the later ones are reckoned anew. Not after now, nor before the card.
    Missing, AnsweredToday, KeyReused. Six queries, and one for the later answers.
    """
    now = timezone.now()
    with transaction.atomic():
        pace = locked(person)
        card = own_locked(person, card_id)
        earlier = card.reviews.filter(key=key).first()
        if earlier is not None:
            return repeated(earlier, card, answer)
        given = min(max(at or now, card.made_at), now)
        review = Review(
            owner_id=person.pk,
            card=card,
            answer=answer,
            at=given,
            on=day_of(given, zone),
            retention=pace.retention,
            key=key,
        )
        if review.grade is not None and graded_on(card, review.on):
            raise AnsweredToday
        later = list(card.reviews.filter(at__gt=given).order_by("at", "id"))
        if later:
            rewind(card, later[0].before)
        reckon(card, [review, *later])
        review.save(force_insert=True)
        keep(card, later)
        record(person, "review", card.source, of=person.pk)
        if review.grade is not None:
            emit(ItemReviewed(Ref.to(card.link), person.pk))
        return Answered(review, card, created=True)


def repeated(earlier: Review, card: Card, answer: str) -> Answered:
    if earlier.answer != answer:
        raise KeyReused
    return Answered(earlier, card, created=False)


def graded_on(card: Card, on: date) -> bool:
    # What is answered twice on a day would be taken for forgotten within the hour.
    return card.reviews.filter(on=on, answer__in=GRADES).exists()


@transaction.atomic
def undo_review(person: AbstractUser, review_id: UUID) -> Card:
    """The card as if this answer had never been given; answers after it still count. Missing, TooLate."""
    locked(person)
    review = Review.objects.filter(owner=person.pk, pk=review_id).first()
    if review is None:
        raise Missing
    if timezone.now() - review.made_at > UNDO_WITHIN:
        raise TooLate
    card = own_locked(person, review.card_id)
    after = Q(at__gt=review.at) | Q(at=review.at, id__gt=review.pk)
    later = list(card.reviews.filter(after).order_by("at", "id"))
    rewind(card, review.before)
    reckon(card, later)
    review.delete()
    keep(card, later)
    record(person, "review.undo", card.source, of=person.pk)
    return card


def reckon(card: Card, reviews: Iterable[Review]) -> None:
    """The card after these answers, one after the other; each keeps how it found the card. Nothing is saved."""
    for review in reviews:
        review.before = state_of(card)
        take(card, review)


def take(card: Card, review: Review) -> None:
    if review.answer == Review.Answer.NOT_NOW:
        card.snoozed_until = review.on + SNOOZE
    elif review.answer == Review.Answer.DONE_WITH:
        card.done_with_at = review.at
    else:
        after = graded(
            card.memory,
            Grade(review.answer),
            on=review.on,
            retention=review.retention,
            seed=str(card.pk),
        )
        card.stability, card.difficulty, card.reps = after.stability, after.difficulty, after.reps
        card.reviewed_on, card.due_on = after.reviewed_on, after.due_on
        card.begun_on = card.begun_on or review.on
        card.snoozed_until = card.done_with_at = None


def state_of(card: Card) -> dict[str, float | str | None]:
    """What answers change of a card, as JSON."""
    values = {name: getattr(card, name) for name in STATE}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
    }


def rewind(card: Card, before: Mapping[str, float | str | None]) -> None:
    """The card as it was, not yet saved."""
    for name, value in before.items():
        if isinstance(value, str):
            setattr(card, name, parse_date(value) if name in DAYS else parse_datetime(value))
        else:
            setattr(card, name, value)


def keep(card: Card, later: Sequence[Review]) -> None:
    card.save(update_fields=STATE)
    Review.objects.bulk_update(later, ["before"])


def own_locked(person: AbstractUser, card_id: UUID) -> Card:
    rows = Card.objects.standing(person.pk).select_for_update(of=("self",))
    card = rows.select_related("item", "highlight__item").filter(pk=card_id).first()
    if card is None:
        raise Missing
    return card


# --- pace ------------------------------------------------------------------------------------


def pace_of(person: AbstractUser) -> Pace:
    """How the person wants to review; the usual where they did not say. One query."""
    return Pace.objects.filter(owner=person.pk).first() or Pace(owner_id=person.pk)


def locked(person: AbstractUser) -> Pace:
    """The person's pace, made if need be, locked until the transaction ends."""
    Pace.objects.bulk_create([Pace(owner_id=person.pk)], ignore_conflicts=True)
    return Pace.objects.select_for_update().get(owner=person.pk)


@transaction.atomic
def change_pace(
    person: AbstractUser, *, cards: int | None = None, retention: float | None = None
) -> Pace:
    """The pace from now on; answers that were given keep what was wanted then. PaceOutOfRange."""
    pace = locked(person)
    if cards is not None:
        pace.cards = cards
    if retention is not None:
        pace.retention = retention
    in_range = LEAST_CARDS <= pace.cards <= MOST_CARDS
    if not (in_range and LEAST_RETENTION <= pace.retention <= MOST_RETENTION):
        raise PaceOutOfRange
    pace.save(update_fields=["cards", "retention"])
    detail = {"cards": pace.cards, "retention": pace.retention}
    record(person, "review.pace", None, of=person.pk, detail=detail)
    return pace


@transaction.atomic
def spread(person: AbstractUser, *, on: date, days: int = 14) -> None:
    """What is due beyond the next session comes back evenly over these days, the least remembered first.

    What is remembered stays as it is; only the days change. One UPDATE however many there are.
    """
    if not 1 <= days <= MOST_SPREAD_DAYS:
        raise SpreadOutOfRange
    now_due = Card.objects.due(person.pk, on)
    first = list(now_due.values_list("pk", flat=True)[: locked(person).cards])
    nth = Window(Ntile(days), order_by=[F("faded").desc(), F("pk").asc()])
    rest = now_due.exclude(pk__in=first).annotate(nth=nth).order_by().values_list("pk", "nth")
    sql, params = rest.query.sql_with_params()
    statement = f"""
        UPDATE download_card SET due_on = %s::date + rest.nth::int
        FROM ({sql}) AS rest (id, nth) WHERE download_card.id = rest.id
    """  # noqa: S608  # the only text put in is the ORM's own, its values are parameters
    with connection.cursor() as cursor:
        cursor.execute(statement, [on, *params])
    record(person, "review.spread", None, of=person.pk, detail={"days": days})
