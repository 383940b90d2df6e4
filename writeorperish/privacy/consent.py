"""What a person allowed, purpose by purpose; the newest decision counts."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.log import record
from writeorperish.events.catalog import ConsentWithdrawn
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Missing
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.models import Consent
from writeorperish.refs import Ref


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of one consent, their version, and what stands before a person decided.

    `outside`: words leave this server, so that a yes to other words than today's is no yes.
    """

    text: Promise
    version: str
    default: bool
    outside: bool = False


# Asked for also where no word leaves this server, because of what is made of the texts.
ALWAYS_ASKED: Final = frozenset({Purpose.PORTRAIT})
# One yes for two steps of one thing.
COVERED_BY: Final[dict[str, str]] = {Purpose.NOTE: Purpose.PORTRAIT}

VENDORS: Final[dict[str, Promise]] = {
    "ANTHROPIC_API_KEY": _("Anthropic (United States)"),
    "OPENAI_API_KEY": _("OpenAI (United States)"),
    "COMPAT_BASE_URL": _("a model server chosen by whoever runs this site"),
}


HERE: Final[dict[str, Terms]] = {
    "personalise": Terms(
        _("Learn from what I accept and dismiss, so that suggestions fit better."),
        "2026-11",
        default=True,
    ),
    Purpose.PORTRAIT: Terms(
        _(
            "Keep notes on the entries that I opened to AI, and build a profile of me from them that I can "
            "read, change and delete. This is done on this server, and nothing is sent."
        ),
        "2026-11",
        default=False,
    ),
}
# What is sent out, each with {vendors} for whom it is sent to.
SENT: Final = {
    Purpose.REPLY: _(
        "When I ask for a reply, send the conversation and related entries that I opened to AI to: {vendors}. "
        "They may keep requests for up to 30 days to check for abuse, and may not train on them."
    ),
    Purpose.ASK: _(
        "When I ask my archive, send the question and the passages that fit it, of texts I opened to AI, to: "
        "{vendors}. They may keep requests for up to 30 days to check for abuse, and may not train on them."
    ),
    Purpose.RECOMMEND: _(
        "To name the themes of an entry that I opened to AI, send it to: {vendors}. They may keep requests for "
        "up to 30 days to check for abuse, and may not train on them. Without this, themes are found by rule on "
        "this server."
    ),
    Purpose.PORTRAIT: _(
        "Keep notes on the entries that I opened to AI, and build a profile of me from them that I can read, "
        "change and delete. For that, send these entries to: {vendors}; and when I ask for a reply, the profile "
        "and the newest notes along with it. They may keep requests for up to 30 days to check for abuse, and "
        "may not train on them."
    ),
    Purpose.TRANSCRIBE: _(
        "Send recordings that I opened to AI to be written down to: {vendors}. They may keep them for up to "
        "30 days to check for abuse, and may not train on them."
    ),
    Purpose.SPEAK: _(
        "Send entries that I opened to AI to be read aloud, when I ask for it, to: {vendors}."
    ),
    Purpose.TRAIN: _(
        "Entries that I set to “replies + training” may also be used by these companies to train their "
        "models: {vendors}."
    ),
}


def terms() -> dict[str, Terms]:
    """Every consent there is to give here, by purpose.

    Only purposes something built asks for; what would leave this server only where it has somewhere to go.
    The local encoder reads on this server, so `embed` is not among them.
    """
    known = dict(HERE)
    for purpose, text in SENT.items():
        if vendors := [str(VENDORS[name]) for name in _recipients(purpose)]:
            words = format_lazy(text, vendors="; ".join(vendors))
            known[purpose] = Terms(words, _version_of(vendors), default=False, outside=True)
    return known


def _recipients(purpose: str) -> list[str]:
    """Who is set up to be sent something for this, by the setting that says so."""
    given = [name for name in VENDORS if getattr(settings, name)]
    match purpose:
        case Purpose.TRANSCRIBE:
            return [
                name for name in given if name == "OPENAI_API_KEY" or _own_does("transcribe", name)
            ]
        case Purpose.SPEAK:
            return [name for name in given if _own_does("speak", name)]
        case Purpose.TRAIN if not (
            settings.OPENAI_TRAIN_API_KEY or settings.ANTHROPIC_TRAIN_API_KEY
        ):
            return []
    return given


def _own_does(tier: str, name: str) -> bool:
    return name == "COMPAT_BASE_URL" and tier in settings.COMPAT_MODELS


def _version_of(vendors: list[str]) -> str:
    """The month of the wording and a digest of who is named in it: other names are other words."""
    return f"2611-{zlib.crc32(';'.join(vendors).encode()):07x}"[:12]


class TextChanged(Conflict):
    code = "text_changed"
    words = _("The words of this consent have changed. Please read them again.")


def consents_of(person: AbstractUser) -> dict[str, Consent | None]:
    """The newest decision per purpose, None where the person has not decided. One query."""
    newest = (
        Consent.objects.filter(owner=person.pk, purpose__in=terms())
        .order_by("purpose", "-at", "-id")
        .distinct("purpose")
    )
    decided = {consent.purpose: consent for consent in newest}
    return {purpose: decided.get(purpose) for purpose in terms()}


def allows(owner_id: UUID, purpose: str) -> bool:
    """True where the owner's newest decision, or the default of the words, says yes. One query."""
    return owner_id in allowing([owner_id], purpose)


def allowing(owner_ids: Collection[UUID], purpose: str) -> set[UUID]:
    """Those of these people whose newest decision, or the default of the words, says yes. One query."""
    purpose = COVERED_BY.get(purpose, purpose)
    asked = terms().get(purpose)
    newest = (
        Consent.objects.filter(owner__in=owner_ids, purpose=purpose)
        .order_by("owner", "-at", "-id")
        .distinct("owner")
    )
    decided = {each.owner_id: counts(each, asked) for each in newest}
    default = asked is not None and asked.default
    return {owner for owner in owner_ids if decided.get(owner, default)}


def decided_by(owner_id: UUID, purpose: str) -> UUID | int | None:
    """The id of the owner's newest decision on this; None where there is none. One query.

    For whoever keeps something made under a yes: after a no, another yes is another one.
    """
    rows = Consent.objects.filter(owner=owner_id, purpose=COVERED_BY.get(purpose, purpose))
    return rows.order_by("-at", "-id").values_list("pk", flat=True).first()


def counts(decision: Consent, asked: Terms | None) -> bool:
    """Whether a decision is a yes to the words of today."""
    if asked is not None and asked.outside and decision.text_version != asked.version:
        return False
    return decision.granted


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
    asked = terms().get(purpose)
    if asked is None:
        raise Missing
    if text_version != asked.version:
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


def agreed(purpose: str) -> QuerySet[Consent]:
    """The decisions that count as a yes to today's words, one of each person who gave it: for a query over all.

    For words whose default is no: people who never decided are in no row.
    """
    asked = terms().get(purpose)
    later = Consent.objects.filter(owner=OuterRef("owner"), purpose=purpose).filter(
        Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    )
    rows = Consent.objects.filter(~Exists(later), purpose=purpose, granted=True)
    if asked is None:
        return rows.none()
    return rows.filter(text_version=asked.version) if asked.outside else rows
