"""The question that stands between an import and the notes for the profile: how much there is, and what it costs."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models import Count, Q, Sum

from journal.actions.imports import runs_of
from journal.actions.notes import noted
from journal.models.imports import ImportRun
from journal.models.nodes import Node
from journal.portraying import CALL_ENTRIES, NOTE
from writeorperish.ai import gateway
from writeorperish.audit.log import record
from writeorperish.ops.refusals import Conflict
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.refs import Ref

# What one call reads at most, and what is noted on one entry in most cases; both for the price alone.
CALL_CHARS = 24_000
NOTE_CHARS = 500
CHARS_A_WORD = 5
SHOWN = 5


class NothingToNote(Conflict):
    code = "wrong_state"


@dataclass(frozen=True, slots=True)
class Noting:
    """What notes would read of an import, and what that costs about. `model` is empty where nothing is sent.

    `agreed`: whether the person lets a profile of them be built at all.
    """

    entries: int
    words: int
    microdollars: int
    model: str
    agreed: bool


def noting_of(person: AbstractUser, run: ImportRun) -> Noting | None:
    """What there is to ask about this import; None where it opened nothing to AI. Three queries, none for None."""
    if run.state != ImportRun.State.DONE or run.ai_usage == AIUsage.NONE:
        return None
    found = open_of(run).aggregate(entries=Count("pk"), chars=Sum("chars", default=0))
    if not found["entries"]:
        return None
    calls = max(-(-found["entries"] // CALL_ENTRIES), -(-found["chars"] // CALL_CHARS))
    price = gateway.expected(
        NOTE,
        spender=person.pk,
        calls=calls,
        chars=found["chars"],
        answer_chars=found["entries"] * NOTE_CHARS,
    )
    return Noting(
        entries=found["entries"],
        words=found["chars"] // CHARS_A_WORD,
        microdollars=price.microdollars,
        model=price.model,
        agreed=consent.allows(person.pk, Purpose.PORTRAIT),
    )


def open_of(run: ImportRun) -> models.QuerySet[Node]:
    """The person's own words among the run's entries that AI may read and that are not noted yet."""
    rows = Node.objects.filter(
        import_run=run,
        deleted_at__isnull=True,
        state=Node.State.WHOLE,
        author_kind=Node.Author.PERSON,
        body__isnull=False,
    )
    return rows.exclude(ai_usage=AIUsage.NONE).filter(~Q(noted()))


def unasked(person: AbstractUser) -> list[ImportRun]:
    """The newest imports that opened entries to AI and wait for their person's word. One query."""
    rows = runs_of(person).filter(state=ImportRun.State.DONE, notes_wanted__isnull=True)
    return list(rows.exclude(ai_usage=AIUsage.NONE)[:SHOWN])


@transaction.atomic
def decide_noting(person: AbstractUser, run: ImportRun, *, wanted: bool) -> ImportRun:
    """The import with its person's word, which they may change. Nothing is read here: notes follow in their time.

    NothingToNote for an import that is not done, or opened nothing to AI.
    """
    rows = ImportRun.objects.filter(pk=run.pk, owner=person.pk, state=ImportRun.State.DONE)
    if not rows.exclude(ai_usage=AIUsage.NONE).update(notes_wanted=wanted):
        raise NothingToNote
    detail = {"to": "yes" if wanted else "no"}
    record(person, "import.noting", Ref.to(run), of=person.pk, detail=detail)
    run.refresh_from_db()
    return run
