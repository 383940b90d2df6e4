"""Why something is suggested, from its numbers, in words; and what of it is shown and may be quoted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from download import addresses, legs
from download.learning import KIND
from download.lexicon import Namespace, Term
from download.models.items import Item
from download.models.recommendations import Recommendation
from download.models.reviews import Card
from download.ranking import FIT, LEAST_FIT
from download.snippets import Piece, snippet
from download.spacing import UNSEEN_URGENCY, day_of
from writeorperish.ai import verdicts
from writeorperish.ai.lexical import tokens
from writeorperish.ai.verdicts import Trait
from writeorperish.crypto.fields import open_rows
from writeorperish.privacy.reading import SOURCES
from writeorperish.refs import Ref

MOST_WORDS: Final = 3
CLOSE: Final = 0.5
A_WEEK_DAYS: Final = 7
OF_A_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True)
class Suggested:
    """One suggestion as it is shown: what it is, the words of it that fit best, why, and what quoting would write.

    fits: 0..70, asks: 0..30, the two parts of its score of a hundred.
    """

    row: Recommendation
    ref: Ref
    title: str = field(repr=False)
    site: str
    pieces: Sequence[Piece] = field(repr=False)
    reasons: Sequence[str] = field(repr=False)
    quote: str = field(repr=False)
    fits: int
    asks: int
    open: str


def shown(person: AbstractUser, rows: Sequence[Recommendation], text: str) -> list[Suggested]:
    """These suggestions as cards beside this text, without those whose words do not open any more.

    Eight queries, however many there are.
    """
    if not rows:
        return []
    closed = open_rows(rows)
    standing = [row for row in rows if row.pk not in closed]
    written = stems_of(text)
    passages = {row.pk: passage_of(row) for row in standing}
    both = {pk: written.keys() & stems_of(words) for pk, words in passages.items()}
    told = telling(person, {stem for stems in both.values() for stem in stems})
    often = opened_often(person, standing)
    times = Recommendation.objects.times_shown(person.pk, [row.item_id for row in standing])
    cards = []
    for row in standing:
        shared = sorted(both[row.pk], key=lambda stem: (-told.get(stem, 0.0), stem))[:MOST_WORDS]
        reasons = [
            *by_words([written[stem] for stem in shared]),
            *by_meaning(row),
            *by_days(row),
            *by_habit(row, often=row.item.site_key in often, times=times.get(row.item_id, 1)),
        ]
        cards.append(card_of(row, shared, reasons))
    return cards


def card_of(row: Recommendation, shared: Collection[str], reasons: Sequence[str]) -> Suggested:
    about = row.highlight or row.item
    known = SOURCES[about.ref.kind]
    text = known.text(about)
    within = (row.start, row.end) if row.start < row.end <= len(text) else None
    pieces = snippet(text, shared, within=within).pieces
    title = known.title(about)
    fit = (row.score - (1 - FIT) * row.urgency) / FIT
    return Suggested(
        row=row,
        ref=about.ref,
        title=title,
        site=site_of(row.item),
        pieces=pieces,
        reasons=reasons,
        quote=quoted("".join(piece.text for piece in pieces), title, row.item.url),
        fits=round(OF_A_HUNDRED * FIT * min(max(fit, 0.0), 1.0)),
        asks=round(OF_A_HUNDRED * (1 - FIT) * row.urgency),
        open=about.get_absolute_url(),
    )


def passage_of(row: Recommendation) -> str:
    about = row.highlight or row.item
    known = SOURCES[about.ref.kind]
    text = known.text(about)
    passage = text[row.start : row.end] or text
    return f"{known.title(about)}\n{passage}"


def stems_of(text: str) -> dict[str, str]:
    """Each stem of a text, as it is written there first."""
    written: dict[str, str] = {}
    for word in tokens(text):
        if word.whole:
            written.setdefault(word.text, text[word.start : word.end])
    return written


def telling(person: AbstractUser, stems: Collection[str]) -> Mapping[str, float]:
    """How much each of these tells apart in the person's own texts."""
    known = legs.weighed(person.pk, [Term(Namespace.WORD, stem) for stem in sorted(stems)])
    return {term.word: rarity for term, rarity in known.rarity.items()}


def opened_often(person: AbstractUser, rows: Sequence[Recommendation]) -> set[int]:
    """The sites of these links that count for more, by what their person opened. Two queries."""
    sites = sorted({row.item.site_key for row in rows if row.item.site_key is not None})
    factors = verdicts.factors(person.pk, KIND, [[Trait("site", site)] for site in sites])
    return {site for site, factor in zip(sites, factors, strict=True) if factor > 1}


def by_words(shared: Sequence[str]) -> Iterator[str]:
    if shared:
        yield _("Says what you write: %(words)s.") % {"words": ", ".join(shared)}


def by_meaning(row: Recommendation) -> Iterator[str]:
    if row.semantic is None:
        yield _("Compared by words only.")
    elif row.semantic >= CLOSE:
        yield _("Close in meaning.")
    elif row.semantic >= LEAST_FIT:
        yield _("Related in meaning.")


def by_days(row: Recommendation) -> Iterator[str]:
    card = card_about(row)
    if card is not None and card.due_on is not None and row.urgency > 0:
        yield _("Due to be seen again since %(day)s.") % {"day": in_words(card.due_on)}
    elif row.urgency == UNSEEN_URGENCY:
        yield _("Never reviewed.")


def by_habit(row: Recommendation, *, often: bool, times: int) -> Iterator[str]:
    saved = in_words(timezone.localdate(row.item.saved_at))
    yield ngettext(
        "Saved on %(day)s, shown for %(count)d text.",
        "Saved on %(day)s, shown for %(count)d texts.",
        times,
    ) % {"day": saved, "count": times}
    if row.explored:
        yield _("Shown whatever you took or left before, to see whether that still holds.")
    elif often:
        yield _("You often open this site.")


def card_about(row: Recommendation) -> Card | None:
    return getattr(row.highlight or row.item, "card", None)


def in_words(day: date) -> str:
    """A day that was: its weekday within a week, else its date."""
    today = day_of(timezone.now(), timezone.get_current_timezone())
    if 0 <= (today - day).days < A_WEEK_DAYS:
        return date_format(day, "l")
    return date_format(day, "j F" if day.year == today.year else "j F Y")


def quoted(words: str, title: str, url: str | None) -> str:
    """The words as a quotation in a text, with where they are from; the link is one like any that is typed."""
    lines = [f"> {line}".rstrip() for line in words.strip().splitlines()]
    name = " ".join(title.split()).replace("[", "(").replace("]", ")")
    address = url if url and not set(url) & set("()<> ") else f"<{url}>"
    return "\n".join([*lines, ">", f"> — [{name}]({address})" if url else f"> — {name}"])


def title_of(row: Recommendation) -> str:
    """What it is called; empty where that does not open any more."""
    about = row.highlight or row.item
    return "" if open_rows([row]) else SOURCES[about.ref.kind].title(about)


def site_of(item: Item) -> str:
    return addresses.host_of(item.url).removeprefix("www.") if item.url else ""


def address_of(row: Recommendation) -> str:
    """Where it is read, at the passage that fitted."""
    if row.highlight is not None:
        return row.highlight.get_absolute_url()
    place = f"?at={row.start}-{row.end}#passage" if row.start < row.end else ""
    return row.item.get_absolute_url() + place
