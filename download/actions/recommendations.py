"""Suggestions while writing: looking for them, what is on screen, and what their person did with each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from download.actions.items import Found, key_of, locked
from download.actions.mutes import mute_item, unmute
from download.actions.reviews import AnsweredToday, answer_card, pace_of
from download.context import (
    Context,
    Words,
    looked_up,
    of_draft,
    of_saved,
    of_typed,
    vector_of,
)
from download.learning import HIGHLIGHT, KIND, LINK, traits_in_words, traits_of
from download.models.items import Highlight, Item
from download.models.memory import Grade
from download.models.recommendations import Mute, Recommendation
from download.models.reviews import Card
from download.recommending import Kept, Pick, picked, suggestable
from download.resting import open_numbers, seal_numbers
from download.spacing import day_of
from writeorperish.ai import gateway, verdicts
from writeorperish.ai.models import Taste
from writeorperish.crypto import blind, keys
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import SOURCES, all_stand, being_written
from writeorperish.refs import Ref

RESTS: Final = timedelta(days=14)
TIRED_AFTER: Final = 3  # texts it was shown for without being opened
CACHED_SECONDS: Final = 600
FORGOTTEN_AFTER: Final = timedelta(days=60)
TYPED: Final = "accounts.user"
OPENED, QUOTED, NOT_NOW, NEVER, IGNORED = "opened", "quoted", "not_now", "never", "ignored"
# A highlight is called what its link is.
NAMED_BY: Final = ("highlight__item__page",)
JUDGED: Final = (OPENED, QUOTED, NOT_NOW, NEVER)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What stands on screen for a text, best first, and the text as it was looked at."""

    rows: Sequence[Recommendation]
    context: Context
    text: str = field(repr=False)


# --- looking ---------------------------------------------------------------------------------


def suggest_for_draft(
    person: AbstractUser, draft_id: UUID, *, zone: tzinfo, at: int | None = None
) -> Suggestions:
    """What fits this text now, from here on on screen. Missing for another's draft, and for one that went."""
    return suggest(person, words_of_draft(person, draft_id, at=at), zone=zone)


def words_of_draft(person: AbstractUser, draft_id: UUID, *, at: int | None = None) -> Words:
    unsaved = being_written(person, draft_id)
    if unsaved is None:
        raise Missing
    return of_draft(person, unsaved, at=at)


def suggest_for_saved(person: AbstractUser, ref: Ref, *, zone: tzinfo) -> Suggestions:
    """What fits this saved text of the person's own. Missing when there is none."""
    words = of_saved(person, ref)
    if words is None:
        raise Missing
    return suggest(person, words, zone=zone)


def suggest_for_typed(
    person: AbstractUser, text: str, *, ai_usage: str, zone: tzinfo, at: int | None = None
) -> Suggestions:
    """What fits these words, of which nothing is kept."""
    return suggest(person, of_typed(text, ai_usage=ai_usage, at=at), zone=zone)


def suggest(person: AbstractUser, words: Words, *, zone: tzinfo) -> Suggestions:
    """Up to three suggestions, kept as shown. Everything is looked up before the rows are written.

    About thirty queries, however much is kept; eight when the same was asked within ten minutes.
    """
    context = looked_up(person, words)
    source = context.source or Ref(TYPED, person.pk)
    kept = kept_from(person, source, context)
    picks = remembered(person, words, context, kept, zone)
    with transaction.atomic():
        # What was read may be gone, or closed, by now: then nothing stands beside it.
        shown = show(person, source, picks) if still_stands(person, words) else []
    return Suggestions(shown, context, words.text)


def still_stands(person: AbstractUser, words: Words) -> bool:
    """Whether the text is there, and as open to AI as when it was read; a saved one stays so until the transaction ends.

    One query.
    """
    if words.draft is not None:
        unsaved = being_written(person, words.draft)
        return unsaved is not None and (words.closed or unsaved.ai_usage != AIUsage.NONE)
    if words.saved is None:
        return True
    purpose = Purpose.INDEX if words.closed else Purpose.RECOMMEND
    return all_stand([words.saved], purpose=purpose)


def remembered(
    person: AbstractUser, words: Words, context: Context, kept: Kept, zone: tzinfo
) -> list[Pick]:
    """The picks, from the last ten minutes when nothing they rest on changed since. Ids and numbers, sealed."""
    if not context.says_enough:
        return []
    mark = mark_of(person, words, kept, zone)
    found = open_numbers(person, "suggested", mark, cache.get(f"suggested:{mark.hex()}"))
    if found is not None:
        return [pick_from(each) for each in found]
    on = day_of(timezone.now(), zone)
    vector = vector_of(person, words)
    retention = pace_of(person).retention
    picks = picked(person, context, vector, kept, on=on, retention=retention)
    sealed = seal_numbers(person, "suggested", mark, [numbers_of(each) for each in picks])
    cache.set(f"suggested:{mark.hex()}", sealed, CACHED_SECONDS)
    return picks


def numbers_of(pick: Pick) -> dict[str, Any]:
    return asdict(pick) | {"ref": str(pick.ref), "item": str(pick.item)}


def pick_from(told: dict[str, Any]) -> Pick:
    return Pick(**{**told, "ref": Ref.parse(str(told["ref"])), "item": UUID(str(told["item"]))})


def mark_of(person: AbstractUser, words: Words, kept: Kept, zone: tzinfo) -> bytes:
    """16 bytes, keyed, equal while the words, the day, the library, the rules and what was learned are. Five queries."""
    own = Item.objects.filter(owner=person.pk)
    latest: list[object] = [
        *own.aggregate(Max("updated_at"), Count("pk")).values(),
        *Highlight.objects.filter(owner=person.pk).aggregate(Max("updated_at"), Count("pk")).values(),
        *Card.objects.filter(owner=person.pk).aggregate(Max("reviewed_on"), Max("snoozed_until"), Max("done_with_at")).values(),
        *Mute.objects.filter(owner=person.pk).aggregate(Max("made_at"), Count("pk")).values(),
        *Taste.objects.filter(owner=person.pk, kind=KIND).aggregate(Max("as_of"), Count("pk")).values(),
        day_of(timezone.now(), zone),
        sorted(str(each) for each in kept.items),
        sorted(str(each) for each in kept.on_screen),
        sorted(each.hex() for each in kept.keys),
    ]  # fmt: skip
    # What the encoder may be given of each part is part of the question.
    parts = [f"{part.weight} {part.seen is not None} {part.words}".encode() for part in words.parts]
    open_now = gateway.capable("embed").on and not words.closed
    told = "\n".join(str(each) for each in [*latest, open_now]).encode()
    return blind.digest(keys.person(person.pk), b"suggested", told, *parts)


def kept_from(person: AbstractUser, source: Ref, context: Context) -> Kept:
    """What is left out for this text, and what is on screen for it. Two queries."""
    now = timezone.now()
    own = Recommendation.objects.filter(owner=person.pk)
    here = own.filter(source_id=source.id)
    lasting = here.exclude(source_kind=TYPED)
    done = lasting.filter(~Q(verdict="") | Q(quoted_at__isnull=False)).values_list(
        "item", flat=True
    )
    resting = own.filter(verdict=Recommendation.Verdict.NOT_NOW, judged_at__gt=now - RESTS)
    tired = (
        own.exclude(source_id=source.id)
        .filter(opened_at__isnull=True, quoted_at__isnull=True)
        .values("item")
        .annotate(texts=Count("source_id", distinct=True), last=Max("shown_at"))
        .filter(texts__gte=TIRED_AFTER, last__gt=now - RESTS)
        .values_list("item", flat=True)
    )
    left_out = done.union(resting.values_list("item", flat=True), tired)
    return Kept(
        keys=frozenset(
            key_of(person.pk, address, Found(url=address)) for address in context.addresses
        ),
        items=frozenset(left_out),
        on_screen=frozenset(here.filter(place__isnull=False).values_list("item", flat=True)),
    )


@transaction.atomic
def show(person: AbstractUser, source: Ref, picks: Sequence[Pick]) -> list[Recommendation]:
    """These are on screen for this text now, and nothing else is. Ten queries."""
    locked(person)
    now = timezone.now()
    here = Recommendation.objects.filter(owner=person.pk, source_id=source.id)
    # What went meanwhile is not shown, and a link that cannot be pointed at would fail the rest.
    living = set(
        Item.objects.editable_by(person)
        .filter(pk__in=[pick.item for pick in picks])
        .values_list("pk", flat=True)
    )
    picks = [pick for pick in picks if pick.item in living]
    here.filter(place__isnull=False).update(place=None)
    # Words that are not kept are new each time: what was said of a link beside others is over once it may come again.
    if source.kind == TYPED:
        here.filter(item__in=living).exclude(verdict="", quoted_at=None).delete()
    Recommendation.objects.bulk_create(
        [row_of(person.pk, source, pick, place, now) for place, pick in enumerate(picks)],
        update_conflicts=True,
        unique_fields=["source_id", "item"],
        update_fields=[
            *("source_kind", "highlight", "start", "end", "semantic", "lexical", "urgency"),
            *("preference", "score", "explored", "place", "shown_at"),
        ],
    )
    return list(on_screen(person, source))


def row_of(owner_id: UUID, source: Ref, pick: Pick, place: int, now: datetime) -> Recommendation:
    is_mark = pick.ref.kind == Highlight._meta.label_lower
    return Recommendation(
        owner_id=owner_id,
        source_kind=source.kind,
        source_id=source.id,
        item_id=pick.item,
        highlight_id=pick.ref.id if is_mark else None,
        start=pick.start,
        end=pick.end,
        semantic=pick.semantic,
        lexical=pick.lexical,
        urgency=pick.urgency,
        preference=pick.preference,
        score=pick.score,
        explored=pick.explored,
        place=place,
        first_shown_at=now,
        shown_at=now,
    )


def on_screen(person: AbstractUser, source: Ref) -> QuerySet[Recommendation]:
    """What is shown for this text and may still be, best first, with what it says. Three queries."""
    may_be = suggestable(person, Kept())
    rows = Recommendation.objects.filter(
        owner=person.pk, source_id=source.id, place__isnull=False, verdict="", item__in=may_be
    )
    rows = rows.exclude(highlight__deleted_at__isnull=False)
    said = rows.select_related("item__page", "item__card", "highlight__card", *NAMED_BY)
    return (
        said.defer("highlight__item__page__text").prefetch_related("item__tags").order_by("place")
    )


# --- saved texts -----------------------------------------------------------------------------


def recommend_for(owner_id: UUID, ref: Ref) -> None:
    """What fits this saved text stands below it. Nothing for one that is gone or closed to AI.

    One query for who keeps no links.
    """
    if not Item.objects.filter(owner=owner_id).exists():
        return
    adopt(owner_id, ref)
    person = get_user_model().objects.filter(pk=owner_id).first()
    words = of_saved(person, ref) if person is not None else None
    if person is not None and words is not None and not words.closed:
        suggest(person, words, zone=timezone.get_current_timezone())


@transaction.atomic
def adopt(owner_id: UUID, ref: Ref) -> None:
    """What was suggested while this text was written is the text's own from now on."""
    rows = Recommendation.objects.filter(owner=owner_id, source_id=ref.id)
    rows.exclude(source_kind=ref.kind).update(source_kind=ref.kind)


def leave_what_was_passed_over(owner_id: UUID, ref: Ref) -> None:
    """What was on screen while this text was written and left alone was not wanted this time.

    One query where nothing was.
    """
    if not Recommendation.objects.filter(owner=owner_id, source_id=ref.id).exists():
        return
    adopt(owner_id, ref)
    person = get_user_model().objects.filter(pk=owner_id).first()
    if person is None:
        return
    rows = on_screen(person, ref).filter(opened_at__isnull=True, quoted_at__isnull=True)
    for row in rows:
        learn(person, row, IGNORED)


def purge(*, now: datetime | None = None) -> int:
    """How many suggestions went that nobody was shown for 60 days: what they taught stays with what was learned."""
    old = Recommendation.objects.filter(shown_at__lt=(now or timezone.now()) - FORGOTTEN_AFTER)
    gone, _rows = old.exclude(source_kind__in=list(SOURCES)).delete()
    return gone


# --- what its person did with it -------------------------------------------------------------


def own(person: AbstractUser, id: UUID) -> Recommendation:
    rows = Recommendation.objects.filter(owner=person.pk).select_related("item__page", *NAMED_BY)
    row = rows.prefetch_related("item__tags").filter(pk=id, item__deleted_at__isnull=True).first()
    if row is None:
        raise Missing
    return row


def judge(person: AbstractUser, id: UUID, outcome: str, *, zone: tzinfo) -> Recommendation:
    """The suggestion after its person opened or quoted it, or sent it away. Said twice it counts once. Missing.

    Quoting counts as a review; *Never this* is a rule from then on, and is lifted among the rules.
    """
    row = own(person, id)
    now = timezone.now()
    with transaction.atomic():
        if outcome == OPENED:
            row.opened_at = row.opened_at or now
        elif outcome == QUOTED:
            row.quoted_at, row.place = row.quoted_at or now, None
            review(person, row, zone)
        else:
            row.verdict, row.judged_at, row.place = outcome, now, None
        if outcome == NEVER:
            mute_item(person, row.item)
        row.save(update_fields=["opened_at", "quoted_at", "verdict", "judged_at", "place"])
        if outcome == OPENED and row.item.opened_at is None:
            Item.objects.filter(pk=row.item_id, opened_at__isnull=True).update(opened_at=now)
        learn(person, row, outcome)
    return row


def review(person: AbstractUser, row: Recommendation, zone: tzinfo) -> None:
    """Quoting is as good as answering *Useful*, once for each suggestion; not where it was answered today."""
    about = Q(highlight=row.highlight_id) if row.highlight_id else Q(item=row.item_id)
    card = Card.objects.standing(person.pk).filter(about).first()
    if card is None:
        return
    try:
        with transaction.atomic():
            answer_card(person, card.pk, Grade.USEFUL, key=row.pk, zone=zone)
    except AnsweredToday:
        return


def learn(person: AbstractUser, row: Recommendation, outcome: str) -> None:
    verdicts.verdict(
        person,
        KIND,
        outcome,
        about=Ref.to(row),
        traits=traits_in_words(row.item, form_of(row)),
        explored=row.explored,
    )


def form_of(row: Recommendation) -> str:
    return HIGHLIGHT if row.highlight_id else LINK


@transaction.atomic
def take_back(person: AbstractUser, id: UUID) -> Recommendation:
    """The suggestion is back on screen as if nothing had been said against it. Missing."""
    row = own(person, id)
    outcome = row.verdict
    if not outcome:
        return row
    row.verdict, row.judged_at, row.place = "", None, row.place or 0
    row.save(update_fields=["verdict", "judged_at", "place"])
    if outcome == NEVER:
        rules = Mute.objects.filter(owner=person.pk, scope=Mute.Scope.ITEM, item=row.item_id)
        for rule in rules:
            unmute(person, rule.pk)
    verdicts.take_back(
        person, KIND, outcome, about=Ref.to(row), traits=traits_of(row.item, form_of(row))
    )
    return row


def asks_for_rule(person: AbstractUser, row: Recommendation) -> bool:
    """Whether so much of this link's site was refused for good that a rule should be offered. Up to two queries."""
    if row.item.site_key is None or not row.item.url:
        return False
    muted = Mute.objects.filter(owner=person.pk, scope=Mute.Scope.SITE, key=row.item.site_key)
    site = [each for each in traits_of(row.item, form_of(row)) if each.feature == "site"]
    return not muted.exists() and any(
        verdicts.asks_for_rule(person.pk, KIND, each) for each in site
    )
