"""What staff allow by hand: it stands above every plan, and the log says who said so."""

from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from writeorperish.ai import budget
from writeorperish.ai.models import Allowance, Scope
from writeorperish.audit.log import STAFF, record
from writeorperish.refs import Ref


@transaction.atomic
def set_by_hand(
    staff: AbstractUser, owner_id: UUID | None, scope: Scope, *, limit: int
) -> Allowance:
    """The allowance as it holds from now on. `owner_id` None: everybody together, logged in the chain of staff."""
    budget.allow(owner_id, {scope: limit}, by_hand=True)
    about = Ref("accounts.user", owner_id) if owner_id else None
    record(
        staff,
        "allowance.set",
        about,
        of=owner_id or STAFF,
        detail={"scope": str(scope), "limit": limit},
    )
    return Allowance.objects.get(owner=owner_id, scope=scope)
