"""Circles: made, named, filled by accepted invitations, left silently."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group
from django.db import IntegrityError, models, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.log import record
from writeorperish.events.catalog import AudienceChanged
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Gone, Invalid, Missing
from writeorperish.ops.states import move
from writeorperish.privacy.blocks import blocked_between
from writeorperish.privacy.grants import earlier_rows_of
from writeorperish.privacy.models import Circle, Membership
from writeorperish.refs import Ref, new_id

INVITATION_LIFE = timedelta(days=14)
CIRCLES_AT_MOST = 100
MEMBERS_AT_MOST = 500
NAME_CHARS = 80


class AlreadyMember(Conflict):
    code = "already_member"
    words = _("This person is already in the circle, or invited.")


class EntriesChanged(Conflict):
    code = "audience_changed"
    words = _(
        "The number of earlier entries this would open has changed. Look again before you invite."
    )


class InvitationExpired(Gone):
    words = _("This invitation has expired. Ask for a new one.")


class CirclesFull(Invalid):
    code = "limit_reached"
    words = _("This is as many as one person can keep.")


def circles_of(person: AbstractUser) -> models.QuerySet[Circle]:
    """The person's own circles, oldest first, each with `people`: how many are in it."""
    return (
        Circle.objects.filter(owner=person.pk)
        .annotate(people=Count("memberships", filter=Q(memberships__state=Membership.State.ACTIVE)))
        .order_by("created_at", "id")
    )


@transaction.atomic
def make_circle(
    person: AbstractUser, *, name: str, kind: str = Circle.Kind.OTHER, id: UUID | None = None
) -> Circle:
    """A new circle with nobody in it yet."""
    if Circle.objects.filter(owner=person.pk).count() >= CIRCLES_AT_MOST:
        raise CirclesFull
    ident = id or new_id()
    circle = Circle(
        id=ident,
        owner_id=person.pk,
        name=name,
        kind=kind,
        group=Group.objects.create(name=f"circle:{new_id()}"),
    )
    circle.save(force_insert=True)
    record(person, "circle.make", Ref.to(circle), of=person.pk)
    return circle


@transaction.atomic
def change_circle(
    person: AbstractUser,
    circle: Circle,
    *,
    expected_version: int,
    name: str | None = None,
    kind: str | None = None,
) -> Circle:
    """The circle with its new name or kind. Conflict when it changed since this person read it."""
    circle = locked(circle)
    if circle.version != expected_version:
        raise Conflict(yours=expected_version, theirs=circle.version)
    if name is not None:
        circle.name = name
    if kind is not None:
        circle.kind = kind
    circle.version += 1
    circle.save(update_fields=["name", "kind", "version"])
    record(person, "circle.change", Ref.to(circle), of=person.pk)
    return circle


@transaction.atomic
def end_circle(person: AbstractUser, circle: Circle) -> None:
    """The circle is gone, and with its group every grant made to it."""
    record(person, "circle.end", Ref.to(circle), of=person.pk)
    emit(AudienceChanged(Ref.to(circle), person.pk, widened=False))
    circle.group.delete()


@transaction.atomic
def invite(
    person: AbstractUser,
    circle: Circle,
    guest: AbstractUser,
    *,
    sees_earlier: bool = False,
    expect_entries: int | None = None,
) -> Membership:
    """The open invitation. Nothing is seen before it is accepted.

    Missing for oneself or across a block, in the words of an unknown person; AlreadyMember when invited
    or in the circle; EntriesChanged when earlier entries were to open and are not as many as was shown.
    """
    circle = locked(circle)
    if guest.pk == person.pk or blocked_between(person, guest):
        raise Missing
    if sees_earlier and expect_entries is not None:
        entries = earlier_rows_of(circle)
        if entries != expect_entries:
            raise EntriesChanged(entries=entries)
    expire_invitations(circle)
    if circle.memberships.filter(state__in=["invited", "active"]).count() >= MEMBERS_AT_MOST:
        raise CirclesFull
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                circle=circle,
                member_id=guest.pk,
                sees_earlier=sees_earlier,
                expires_at=timezone.now() + INVITATION_LIFE,
            )
    except IntegrityError as error:
        raise AlreadyMember from error
    record(person, "circle.invite", Ref.to(membership), of=person.pk)
    return membership


def expire_invitations(circle: Circle) -> None:
    circle.memberships.filter(
        state=Membership.State.INVITED, expires_at__lte=timezone.now()
    ).delete()


def invitations_to(person: AbstractUser) -> models.QuerySet[Membership]:
    """Open invitations to this person, newest first, none of them from somebody blocked or leaving."""
    return (
        Membership.objects.filter(
            member=person.pk,
            state=Membership.State.INVITED,
            expires_at__gt=timezone.now(),
            circle__owner__leaving_at__isnull=True,
        )
        .exclude(circle__owner__blocks_made__blocked=person.pk)
        .exclude(circle__owner__blocks_met__blocker=person.pk)
        .select_related("circle__owner__profile")
        .order_by("-invited_at", "-id")
    )


@transaction.atomic
def accept(person: AbstractUser, invitation: Membership) -> Membership:
    """The membership, active from now. What was shared earlier opens only if the owner had said so."""
    if invitation.expires_at <= timezone.now():
        raise InvitationExpired
    now = timezone.now()
    sees_from = invitation.circle.created_at if invitation.sees_earlier else now
    membership = move(invitation, Membership.State.ACTIVE, since=now, sees_from=sees_from)
    person.groups.add(membership.circle.group_id)
    record(person, "circle.accept", Ref.to(membership), of=membership.circle.owner_id)
    emit(AudienceChanged(Ref.to(membership.circle), membership.circle.owner_id, widened=True))
    return membership


@transaction.atomic
def decline(person: AbstractUser, invitation: Membership) -> Membership:
    membership = end_membership(invitation, Membership.State.DECLINED)
    record(person, "circle.decline", Ref.to(membership), of=membership.circle.owner_id)
    return membership


@transaction.atomic
def leave(person: AbstractUser, membership: Membership) -> Membership:
    """The membership, ended by its member. Nobody is told."""
    membership = end_membership(membership, Membership.State.LEFT)
    record(person, "circle.leave", Ref.to(membership), of=person.pk)
    return membership


@transaction.atomic
def remove(person: AbstractUser, membership: Membership) -> Membership:
    """The membership, ended by the circle's owner. Every audience of the circle shrinks at once."""
    membership = end_membership(membership, Membership.State.REMOVED)
    record(person, "circle.remove", Ref.to(membership), of=person.pk)
    emit(AudienceChanged(Ref.to(membership.circle), person.pk, widened=False))
    return membership


def end_membership(membership: Membership, state: Membership.State) -> Membership:
    membership = move(membership, state, until=timezone.now())
    membership.member.groups.remove(membership.circle.group_id)
    return membership


def memberships_of(person: AbstractUser) -> models.QuerySet[Membership]:
    """The circles of others this person is in, without their names: those belong to their owners."""
    return (
        Membership.objects.filter(member=person.pk, state=Membership.State.ACTIVE)
        .select_related("circle__owner__profile")
        .order_by("-since", "-id")
    )


def locked(circle: Circle) -> Circle:
    return Circle.objects.select_for_update().get(pk=circle.pk)


def person_by_name(name: str) -> AbstractUser:
    """The active person with this uid or handle. Missing when there is none."""
    people = get_user_model()._default_manager.filter(state="active")
    try:
        found = people.filter(pk=UUID(name)).first()
    except ValueError:
        found = people.filter(profile__handle=name.lower().removeprefix("@")).first()
    if found is None:
        raise Missing
    return found
