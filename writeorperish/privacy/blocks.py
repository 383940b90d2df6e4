"""Blocks cut both ways, silently, in every listing."""

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.log import record
from writeorperish.events.catalog import Blocked, Unblocked
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Invalid
from writeorperish.privacy.models import Block
from writeorperish.refs import Ref


class Yourself(Invalid):
    code = "yourself"
    words = _("That is you.")


def blocked_between(one: AbstractUser, other: AbstractUser) -> bool:
    return Block.objects.filter(
        Q(blocker=one.pk, blocked=other.pk) | Q(blocker=other.pk, blocked=one.pk)
    ).exists()


@transaction.atomic
def block(person: AbstractUser, other: AbstractUser) -> Block:
    """The block, new or standing: these two no longer meet."""
    if person.pk == other.pk:
        raise Yourself
    row, made = Block.objects.get_or_create(blocker_id=person.pk, blocked_id=other.pk)
    if made:
        record(person, "block.make", Ref("accounts.user", other.pk), of=person.pk)
        emit(Blocked(person.pk, other.pk))
    return row


@transaction.atomic
def unblock(person: AbstractUser, other: AbstractUser) -> None:
    gone, _rows = Block.objects.filter(blocker=person.pk, blocked=other.pk).delete()
    if gone:
        record(person, "block.lift", Ref("accounts.user", other.pk), of=person.pk)
        emit(Unblocked(person.pk, other.pk))
