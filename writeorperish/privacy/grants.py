"""Who was granted sight of a row. The only speaker of guardian.

guardian's own shortcuts show private rows to superusers and to staff with a model-wide right, so nothing
here asks them: sight is a question to the grant tables alone.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from writeorperish.privacy.models import Circle, Guarded, Membership
from writeorperish.refs import models_of, new_id


class UserGrant(UserObjectPermissionBase):
    """Sight of one row for one person. A concrete model adds `content_object`, its foreign key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    granted_at = models.DateTimeField(default=timezone.now)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class CircleGrant(GroupObjectPermissionBase):
    """Sight of one row for the members of one circle, each from when they could see on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    granted_at = models.DateTimeField(default=timezone.now)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True


def user_grants(model: type[Guarded]) -> models.Manager[Any]:
    """The grants to people on rows of this model."""
    found: Any = get_user_obj_perms_model(model)  # type: ignore[arg-type]  # guardian takes the class too
    manager: models.Manager[Any] = found.objects
    return manager


def circle_grants(model: type[Guarded]) -> models.Manager[Any]:
    """The grants to circles on rows of this model."""
    found: Any = get_group_obj_perms_model(model)  # type: ignore[arg-type]  # guardian takes the class too
    manager: models.Manager[Any] = found.objects
    return manager


def sight_of(model: type[Guarded]) -> Permission:
    """The permission a grant names: to view rows of this model. Looked up once per process by Django's cache."""
    kind = ContentType.objects.get_for_model(model)
    return Permission.objects.get(content_type=kind, codename=f"view_{model._meta.model_name}")


def granted(model: type[Guarded], person: AbstractUser) -> Q:
    """Rows granted to this person directly, or to a circle they were in when it was granted.

    Removing somebody ends their sight of everything at once; adding somebody opens nothing older than
    their `sees_from`.
    """
    to_them = user_grants(model).filter(content_object=OuterRef("pk"), user=person)
    to_circle = circle_grants(model).filter(
        content_object=OuterRef("pk"),
        group__circle__memberships__member=person,
        group__circle__memberships__state=Membership.State.ACTIVE,
        group__circle__memberships__sees_from__lte=F("granted_at"),
    )
    return Q(Exists(to_them)) | Q(Exists(to_circle))


def grant_sight(
    row: Guarded, *, circles: Iterable[Circle] = (), people: Iterable[AbstractUser] = ()
) -> None:
    """Adds sight of the row. Granting again leaves the first date standing. Two inserts, three look-ups."""
    add_circles(row, [(circle.group_id, timezone.now()) for circle in circles])
    add_people(row, [(person.pk, timezone.now()) for person in people])


def add_circles(row: Guarded, grants: Iterable[tuple[int, datetime]]) -> None:
    manager, view = circle_grants(type(row)), sight_of(type(row))
    rows = [
        manager.model(permission=view, content_object=row, group_id=group, granted_at=at)
        for group, at in grants
    ]
    manager.bulk_create(rows, ignore_conflicts=True)


def add_people(row: Guarded, grants: Iterable[tuple[UUID, datetime]]) -> None:
    manager, view = user_grants(type(row)), sight_of(type(row))
    rows = [
        manager.model(permission=view, content_object=row, user_id=user, granted_at=at)
        for user, at in grants
    ]
    manager.bulk_create(rows, ignore_conflicts=True)


def withdraw_sight(
    row: Guarded, *, circles: Iterable[Circle] = (), people: Iterable[AbstractUser] = ()
) -> None:
    """Takes sight of the row away from these circles and people."""
    circle_grants(type(row)).filter(
        content_object=row, group__in=[circle.group_id for circle in circles]
    ).delete()
    user_grants(type(row)).filter(content_object=row, user__in=people).delete()


def withdraw_all_sight(rows: models.QuerySet[Any]) -> None:
    """Takes every grant on these rows away."""
    circle_grants(rows.model).filter(content_object__in=rows).delete()
    user_grants(rows.model).filter(content_object__in=rows).delete()


def withdraw_sight_beyond(
    rows: models.QuerySet[Any], *, circles: Iterable[Circle], people: Collection[UUID]
) -> set[UUID]:
    """Takes every grant on these rows away but those to these circles and people. The ids of the rows it changed."""
    kept = [circle.group_id for circle in circles]
    to_circles = circle_grants(rows.model).filter(content_object__in=rows).exclude(group__in=kept)
    to_people = user_grants(rows.model).filter(content_object__in=rows).exclude(user__in=people)
    touched: set[UUID] = set()
    for grants in (to_circles, to_people):
        touched.update(grants.values_list("content_object_id", flat=True))
        grants.delete()
    return touched


def copy_sight(source: Guarded, target: Guarded) -> None:
    """Gives the target the source's grants with their dates, so a newcomer blind to one is blind to both."""
    circles = circle_grants(type(source)).filter(content_object=source)
    add_circles(target, circles.values_list("group_id", "granted_at"))
    people = user_grants(type(source)).filter(content_object=source).exclude(user=target.owner_id)
    add_people(target, people.values_list("user_id", "granted_at"))


def circles_of(row: Guarded) -> models.QuerySet[Circle]:
    """The circles this row is granted to. For its owner's eyes only."""
    return Circle.objects.filter(
        group__in=circle_grants(type(row)).filter(content_object=row).values("group")
    )


def people_of(row: Guarded) -> set[UUID]:
    """Ids of the people this row is granted to by name."""
    rows = user_grants(type(row)).filter(content_object=row)
    return set(rows.values_list("user_id", flat=True))


def earlier_rows_of(circle: Circle) -> int:
    """How many living rows are granted to this circle, entries and all else. One query a model."""
    return sum(
        grants._default_manager.filter(
            group=circle.group_id, content_object__deleted_at__isnull=True
        ).count()
        for grants in models_of(CircleGrant)
    )


def audiences_of(rows: Sequence[Guarded]) -> dict[UUID, tuple[list[UUID], list[UUID]]]:
    """Per row the ids of the circles and of the people it is granted to. Two queries for any number of rows."""
    found: dict[UUID, tuple[list[UUID], list[UUID]]] = {row.pk: ([], []) for row in rows}
    if not rows:
        return found
    model = type(rows[0])
    to_circles = circle_grants(model).filter(content_object__in=rows)
    for row, circle in to_circles.values_list("content_object_id", "group__circle"):
        found[row][0].append(circle)
    to_people = user_grants(model).filter(content_object__in=rows)
    for row, person in to_people.values_list("content_object_id", "user_id"):
        found[row][1].append(person)
    return found


def readers_of(row: Guarded) -> set[UUID]:
    """Ids of everybody whom this row's grants reach today, its owner apart. Two queries."""
    grants = circle_grants(type(row)).filter(content_object=row)
    members = Membership.objects.filter(
        state=Membership.State.ACTIVE,
        circle__group__in=grants.values("group"),
    ).filter(
        Exists(
            grants.filter(group=OuterRef("circle__group"), granted_at__gte=OuterRef("sees_from"))
        )
    )
    reached = set(members.values_list("member_id", flat=True)) | people_of(row)
    return reached - {row.owner_id}
