"""The one way to a model: allowed, run, written down."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from writeorperish.ai import ledger
from writeorperish.ai.encoder import ModelMissing
from writeorperish.ai.models import Vector
from writeorperish.ai.parts import CapabilityOff, Capable, Cut, NotAllowed, Typed
from writeorperish.ai.providers import local
from writeorperish.privacy.levels import AIUsage, Purpose

BATCH = 32


def capable(capability: str) -> Capable:
    """Whether this server can do it now. LookupError for a capability nobody knows."""
    if capability != "embed":
        raise LookupError(capability)
    if settings.AI_PAUSED:
        return Capable(on=False, why="paused")
    why = local.lacking()
    return Capable(on=not why, why=why)


def embed(parts: Sequence[Cut] | Typed, *, spender: UUID, feature: str) -> list[Vector]:
    """One unit vector per cut, or one for what was typed; written into the spender's ledger.

    A batch never mixes owners: ValueError. NotAllowed for a text closed to AI, CapabilityOff without the
    model. Nothing leaves this machine.
    """
    cuts = [] if isinstance(parts, Typed) else list(parts)
    if any(cut.passage.owner_id != spender for cut in cuts):
        raise ValueError("A batch belongs to one owner")
    if any(cut.passage.ai_usage == AIUsage.NONE for cut in cuts):
        raise NotAllowed
    if settings.AI_PAUSED:
        raise CapabilityOff(why="paused")
    words = [parts.words] if isinstance(parts, Typed) else [cut.words for cut in cuts]
    started_at = timezone.now()
    vectors: list[Vector] = []
    try:
        for first in range(0, len(words), BATCH):
            vectors += local.embed(words[first : first + BATCH])
    except ModelMissing as missing:
        raise CapabilityOff(why=missing.reason) from missing
    ledger.settle_local(
        spender,
        feature=feature,
        task="embed",
        model=local.MODEL,
        cuts=cuts,
        purpose=Purpose.EMBED,
        parts=len(words),
        started_at=started_at,
    )
    return vectors
