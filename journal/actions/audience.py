"""Who can see an entry: widening step by step and counted, narrowing at once."""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from journal.actions.nodes import (
    Audience,
    AudienceEmpty,
    PublicNotOpen,
    PublicReplyRequired,
    WiderThanParent,
    is_wider,
    levels_under,
)
from journal.actions.threads import ids_below
from journal.models.nodes import Node, NodeQuerySet
from writeorperish.audit.log import record
from writeorperish.events.catalog import AudienceChanged
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Missing
from writeorperish.privacy.circles import circles_of as own_circles
from writeorperish.privacy.circles import person_by_name
from writeorperish.privacy.grants import (
    circles_of,
    copy_sight,
    grant_sight,
    people_of,
    readers_of,
    withdraw_all_sight,
    withdraw_sight,
    withdraw_sight_beyond,
)
from writeorperish.privacy.levels import PrivacyLevel
from writeorperish.privacy.models import Membership
from writeorperish.refs import Ref


class HeadCountChanged(Conflict):
    code = "audience_changed"
    words = _("The number of people who would see this has changed. Look again before you share.")


def audience_named(person: AbstractUser, circles: list[UUID], people: list[str]) -> Audience:
    """The circles and people as rows. Missing when a circle is not one's own or a person unknown or blocked."""
    rows = list(own_circles(person).filter(pk__in=circles))
    if len(rows) != len(set(circles)):
        raise Missing
    return Audience(
        circles=tuple(rows), people=tuple(person_to_meet(person, name) for name in people)
    )


def person_to_meet(person: AbstractUser, name: str) -> AbstractUser:
    other = person_by_name(name)
    met = get_user_model()._default_manager.filter(pk=other.pk)
    if met.filter(blocks_made__blocked=person.pk).exists() or (
        met.filter(blocks_met__blocker=person.pk).exists()
    ):
        raise Missing
    return other


def audience_of(node: Node) -> Audience:
    """Whom an entry is granted to today. For its owner's eyes only."""
    people = get_user_model()._default_manager.filter(pk__in=people_of(node))
    return Audience(circles=tuple(circles_of(node)), people=tuple(people))


def head_count(node: Node) -> int:
    """How many other people can read the entry today; 0 while private."""
    if node.privacy_level != PrivacyLevel.CIRCLES:
        return 0
    return len(readers_of(node))


def people_reached(person: AbstractUser, audience: Audience) -> int:
    """How many people an audience holds today, oneself apart."""
    members = Membership.objects.filter(
        circle__in=audience.circles, state=Membership.State.ACTIVE
    ).values_list("member_id", flat=True)
    return len((set(members) | {each.pk for each in audience.people}) - {person.pk})


def set_audience(
    person: AbstractUser,
    node: Node,
    *,
    privacy_level: str,
    audience: Audience,
    expect_people: int | None = None,
) -> Node:
    """The entry at its new level, narrowed replies of one's own along with it.

    Widening names the head count it was shown; HeadCountChanged when it differs. PublicNotOpen,
    PublicReplyRequired, WiderThanParent, AudienceEmpty as on writing.
    """
    if privacy_level == PrivacyLevel.PUBLIC:
        raise PublicNotOpen
    with transaction.atomic():
        current = Node.objects.editable_by(person).select_for_update().get(pk=node.pk)
        check(person, current, privacy_level, audience)
        before = audience_of(current)
        if widens(current, before, privacy_level, audience):
            count = (
                people_reached(person, audience)
                if current.is_root
                else head_count_of_parent(current)
            )
            if expect_people is None or expect_people != count:
                raise HeadCountChanged(people=count)
        apply(current, privacy_level, audience)
        narrow_own_replies(person, current, audience)
        record(person, "audience", Ref.to(current), of=person.pk, detail={"to": str(privacy_level)})
        emit(
            AudienceChanged(
                Ref.to(current), person.pk, widened=widens(node, before, privacy_level, audience)
            )
        )
    return current


def check(person: AbstractUser, node: Node, level: str, audience: Audience) -> None:
    if level not in levels_under(node.parent, person):
        if node.parent and node.parent.privacy_level == PrivacyLevel.PUBLIC:
            raise PublicReplyRequired
        raise WiderThanParent
    if node.is_root and level == PrivacyLevel.CIRCLES and not audience:
        raise AudienceEmpty


def widens(node: Node, before: Audience, level: str, after: Audience) -> bool:
    """Whether anybody could read afterwards who could not before."""
    if is_wider(level, node.privacy_level):
        return True
    if level != PrivacyLevel.CIRCLES or not node.is_root:
        return False
    return not (
        {circle.pk for circle in after.circles} <= {circle.pk for circle in before.circles}
        and {each.pk for each in after.people} <= {each.pk for each in before.people}
    )


def head_count_of_parent(node: Node) -> int:
    """Whom a reply at level circles reaches: whoever sees its parent, and the parent's owner."""
    parent = node.parent
    if parent is None:
        return 0
    return len((readers_of(parent) | {parent.owner_id}) - {node.owner_id})


def apply(node: Node, level: str, audience: Audience) -> None:
    """Writes the level and exactly these grants; grants that stay keep their date."""
    if level == PrivacyLevel.PRIVATE:
        withdraw_all_sight(Node.objects.filter(pk=node.pk))
    elif node.parent is not None:
        copy_sight(node.parent, node)
        if node.parent.owner_id != node.owner_id:
            grant_sight(node, people=[node.parent.owner])
    else:
        keep_circles = {circle.pk for circle in audience.circles}
        keep_people = {each.pk for each in audience.people}
        standing = audience_of(node)
        withdraw_sight(
            node,
            circles=[circle for circle in standing.circles if circle.pk not in keep_circles],
            people=[each for each in standing.people if each.pk not in keep_people],
        )
        grant_sight(node, circles=audience.circles, people=audience.people)
    node.privacy_level = level
    if level != PrivacyLevel.PUBLIC:
        node.slug = None
    node.updated_at = timezone.now()
    node.save(update_fields=["privacy_level", "slug", "updated_at"])


def narrow_own_replies(person: AbstractUser, node: Node, audience: Audience) -> int:
    """How many of the person's own replies below were narrowed along; other people's keep their level.

    A reply also reaches whoever wrote the entry above it: they lose it once they can't read the root any more.
    """
    below = own_replies_below(person, node)
    if node.privacy_level == PrivacyLevel.PRIVATE:
        open_replies = below.exclude(privacy_level=PrivacyLevel.PRIVATE)
        withdraw_all_sight(open_replies)
        return open_replies.update(
            privacy_level=PrivacyLevel.PRIVATE, slug=None, updated_at=timezone.now()
        )
    if not node.is_root:
        return 0
    open_replies = below.filter(privacy_level=PrivacyLevel.CIRCLES)
    narrowed = withdraw_sight_beyond(
        open_replies, circles=audience.circles, people=readers_of(node)
    )
    Node.objects.filter(pk__in=narrowed).update(updated_at=timezone.now())
    return len(narrowed)


def own_replies_below(person: AbstractUser, node: Node) -> NodeQuerySet:
    return Node.objects.filter(pk__in=ids_below(node), owner=person.pk)
