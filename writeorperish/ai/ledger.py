"""What was given to a model, for whom and at what price: written in the transaction that settles it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from writeorperish.ai.models import Call, Read
from writeorperish.ai.parts import Cut
from writeorperish.privacy.levels import Purpose


@transaction.atomic
def settle_local(
    owner_id: UUID,
    *,
    feature: str,
    task: str,
    model: str,
    cuts: Sequence[Cut],
    purpose: Purpose,
    parts: int,
    started_at: datetime,
) -> Call:
    """The call as it stands in the owner's ledger: free, and nothing left this machine."""
    call = Call.objects.create(
        owner_id=owner_id,
        feature=feature,
        task=task,
        provider="local",
        model=model,
        key_class="local",
        parts=parts,
        sent=False,
        started_at=started_at,
        total_ms=round((timezone.now() - started_at).total_seconds() * 1000),
    )
    Read.objects.bulk_create(
        Read(
            call=call,
            owner_id=cut.passage.owner_id,
            kind=cut.passage.ref.kind,
            ref_id=cut.passage.ref.id,
            rev=cut.passage.rev,
            start=cut.start,
            end=cut.end,
            purpose=purpose,
        )
        for cut in cuts
    )
    return call
