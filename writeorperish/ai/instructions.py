"""How AI is to talk with somebody: their own words, told to a model before anything else of theirs."""

from typing import Final

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from writeorperish.ai.models import Instructions
from writeorperish.audit.log import record
from writeorperish.ops.refusals import Invalid
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage, read
from writeorperish.refs import Ref

MOST_CHARS: Final = 2_000


class InstructionsTooLong(Invalid):
    code = "instructions_too_long"
    words = _("Say it in at most 2,000 characters.")


def instructions_of(person: AbstractUser) -> Instructions | None:
    """The newest, None where the person gave none. One query."""
    return Instructions.objects.editable_by(person).order_by("-made_at", "-id").first()


def words_of(person: AbstractUser) -> str:
    """What they say now, for their own eyes; empty without any."""
    standing = instructions_of(person)
    return standing.words if standing else ""


@transaction.atomic
def give_instructions(person: AbstractUser, words: str) -> Instructions | None:
    """The instructions as they stand from now on. Empty words take back every one ever given, for good.

    InstructionsTooLong. The same words again change nothing.
    """
    words = words.strip()
    if len(words) > MOST_CHARS:
        raise InstructionsTooLong(limit=MOST_CHARS, size=len(words))
    standing = instructions_of(person)
    if words == (standing.words if standing else ""):
        return standing
    if not words:
        Instructions.objects.editable_by(person).delete()
        record(person, "instructions.take_back", Ref("accounts.user", person.pk), of=person.pk)
        return None
    given = Instructions.objects.create(owner_id=person.pk, ai_usage=AIUsage.CHAT, words=words)
    record(person, "instructions.give", Ref.to(given), of=person.pk)
    return given


def passage_for(person: AbstractUser, *, purpose: Purpose) -> Passage | None:
    """The words for a model, through the door; None without any."""
    standing = instructions_of(person)
    return read(Ref.to(standing), purpose=purpose, asker=person) if standing else None
