"""Joining, being admitted, and what a person sets about themselves."""

from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Profile, User, handle_of
from writeorperish.ai import budget
from writeorperish.audit.log import record
from writeorperish.events.catalog import Admitted, PersonJoined
from writeorperish.events.outbox import emit
from writeorperish.ops.refusals import Conflict, Invalid
from writeorperish.ops.states import move
from writeorperish.refs import Ref

ZONES = frozenset(available_timezones())
RESERVED = frozenset(
    [
        "about",
        "accounts",
        "admin",
        "administrator",
        "agreements",
        "api",
        "ask",
        "channels",
        "circles",
        "dashboard",
        "health",
        "help",
        "imprint",
        "journal",
        "library",
        "live",
        "lock",
        "manifest",
        "market",
        "media",
        "messages",
        "metrics",
        "moderation",
        "moderator",
        "notifications",
        "oauth",
        "offline",
        "operator",
        "portrait",
        "promise",
        "ready",
        "review",
        "root",
        "s",
        "safety",
        "search",
        "security",
        "settings",
        "share",
        "shared",
        "staff",
        "static",
        "studio",
        "styleguide",
        "support",
        "sw",
        "system",
        "team",
        "terms",
        "voice",
        "welcome",
        "writeorperish",
        "ws",
    ]
)


class HandleTaken(Conflict):
    status = 422
    code = "handle_taken"
    words = _("This handle is taken.")


class HandleReserved(Invalid):
    code = "handle_reserved"
    words = _("This handle is not available.")


class UnknownZone(Invalid):
    code = "unknown_zone"
    words = _("This is not a time zone we know, like Europe/Lisbon.")


@transaction.atomic
def join(person: User, *, zone: str = "UTC") -> User:
    """The person with a profile and the first line in their chain; called once, when the account is made."""
    Profile.objects.get_or_create(
        person=person,
        defaults={"handle": handle_of(person.uid), "zone": zone if zone in ZONES else "UTC"},
    )
    budget.begin(person.pk)
    record(person, "join", Ref.to(person), of=person.pk)
    emit(PersonJoined(person.pk))
    return person


@transaction.atomic
def verify(person: User, *, admitted: bool) -> User:
    """The person after proving their address: active where sign-up admits, otherwise waiting."""
    if person.state != User.State.UNVERIFIED:
        return person
    if admitted:
        return admit(None, person)
    return move(person, User.State.WAITING)


@transaction.atomic
def admit(by: User | None, person: User) -> User:
    """The person, active. Harmless twice."""
    if person.is_admitted:
        return person
    person = move(person, User.State.ACTIVE, admitted_at=timezone.now())
    record(by, "admit", Ref.to(person), of=person.pk)
    emit(Admitted(person.pk))
    return person


@transaction.atomic
def decline(by: User, person: User) -> User:
    person = move(person, User.State.DECLINED)
    record(by, "decline", Ref.to(person), of=person.pk)
    return person


@transaction.atomic
def change_profile(person: User, **changes: object) -> Profile:
    """The profile with these fields; those not named stay. HandleTaken, HandleReserved, UnknownZone."""
    profile = Profile.objects.select_for_update().get(person=person)
    if changes.get("handle", profile.handle) != profile.handle:
        changes["handle"] = free_handle(str(changes["handle"]))
    if changes.get("zone", profile.zone) not in ZONES:
        raise UnknownZone
    for name, value in changes.items():
        setattr(profile, name, value)
    try:
        with transaction.atomic():
            profile.save(update_fields=list(changes) or None)
    except IntegrityError as error:
        raise HandleTaken from error
    record(person, "profile", Ref.to(person), of=person.pk, detail={"fields": sorted(changes)})
    return profile


def free_handle(handle: str) -> str:
    handle = handle.lower()
    if handle in RESERVED:
        raise HandleReserved
    return handle
