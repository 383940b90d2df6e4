"""What a person allowed, purpose by purpose; the newest decision counts."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.log import record
from writeorperish.events.catalog import ConsentWithdrawn
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Missing
from writeorperish.privacy.models import Consent
from writeorperish.refs import Ref


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of one consent, their version, and what stands before a person decided."""

    text: Promise
    version: str
    default: bool


# Only purposes something built asks for. The local encoder reads on this server, so `embed` is not among them.
TERMS: dict[str, Terms] = {
    "personalise": Terms(
        _("Learn from what I accept and dismiss, so that suggestions fit better."), "2026-11", True
    ),
}


class TextChanged(Conflict):
    code = "text_changed"
    words = _("The words of this consent have changed. Please read them again.")


def consents_of(person: AbstractUser) -> dict[str, Consent | None]:
    """The newest decision per purpose, None where the person has not decided. One query."""
    newest = (
        Consent.objects.filter(owner=person.pk, purpose__in=TERMS)
        .order_by("purpose", "-at", "-id")
        .distinct("purpose")
    )
    decided = {consent.purpose: consent for consent in newest}
    return {purpose: decided.get(purpose) for purpose in TERMS}


def allows(owner_id: UUID, purpose: str) -> bool:
    """True where the owner's newest decision, or the default of the words, says yes."""
    newest = Consent.objects.filter(owner=owner_id, purpose=purpose).order_by("-at", "-id").first()
    if newest is not None:
        return newest.granted
    return purpose in TERMS and TERMS[purpose].default


@transaction.atomic
def decide(
    person: AbstractUser,
    purpose: str,
    *,
    granted: bool,
    text_version: str,
    source: str = "settings",
) -> Consent:
    """The decision as recorded. Missing for an unknown purpose, TextChanged for other words than today's."""
    if purpose not in TERMS:
        raise Missing
    if text_version != TERMS[purpose].version:
        raise TextChanged
    consent = Consent.objects.create(
        owner_id=person.pk,
        purpose=purpose,
        granted=granted,
        text_version=text_version,
        source=source,
    )
    record(
        person,
        "consent.give" if granted else "consent.withdraw",
        Ref("accounts.user", person.pk),
        of=person.pk,
        purpose=purpose,
    )
    if not granted:
        emit(ConsentWithdrawn(person.pk, purpose))
    return consent
