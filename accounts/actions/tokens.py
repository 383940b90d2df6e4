"""Signing in an app, refreshing, and ending a family of tokens."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import RefreshUse, TokenFamily, User
from accounts.tokens import FAMILY_LIFE, NotAuthenticated, digest_of, sign, understood
from writeorperish.audit.log import record
from writeorperish.refs import Ref

# A lost answer on a bad line is asked for again; a thief comes later.
SIBLING_GRACE = timedelta(seconds=30)
FAMILIES_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str
    family: TokenFamily


class ReusedToken(NotAuthenticated):
    """An old refresh token came back: the family is over. Reads like every other 401."""


@transaction.atomic
def begin_family(person: User, *, label: str = "") -> Pair:
    """A first pair of tokens for an app this person just signed in to. The oldest of 50 families makes room."""
    now = timezone.now()
    alive = TokenFamily.objects.filter(person=person, revoked_at__isnull=True).order_by(
        "-created_at"
    )
    for old in alive[FAMILIES_AT_MOST - 1 :]:
        end_family(person, old, reason="too_many")
    family = TokenFamily.objects.create(
        person=person,
        label=label,
        expires_at=now + FAMILY_LIFE,
        proved_at=now,
        last_used_on=now.date(),
    )
    record(person, "token.begin", Ref.to(family), of=person.pk)
    return give_pair(family)


def give_pair(family: TokenFamily) -> Pair:
    now = timezone.now()
    jti = secrets.token_urlsafe(24)
    RefreshUse.objects.create(family=family, digest=digest_of(jti), issued_at=now)
    return Pair(
        access=sign("access", family, jti=secrets.token_urlsafe(12), now=now),
        refresh=sign("refresh", family, jti=jti, now=now),
        family=family,
    )


def refresh(token: str) -> Pair:
    """A new pair for a refresh token; its repeat within 30 seconds gets one sibling pair, later ends the family.

    NotAuthenticated for anything that does not stand, all alike.
    """
    claims = understood(token, "refresh")
    with transaction.atomic():
        family = (
            TokenFamily.objects.select_for_update(of=("self",))
            .select_related("person")
            .filter(pk=claims.family, person=claims.person)
            .first()
        )
        use = RefreshUse.objects.filter(family=family, digest=digest_of(claims.jti)).first()
        now = timezone.now()
        if family is None or use is None or not family.alive(now):
            raise NotAuthenticated
        if use.used_at is None or now - use.used_at <= SIBLING_GRACE:
            use.used_at = use.used_at or now
            use.save(update_fields=["used_at"])
            family.last_used_on = now.date()
            family.save(update_fields=["last_used_on"])
            return give_pair(family)
        end_family(family.person, family, reason="reused")
    # Raised after the commit: the end of the family must stand.
    raise ReusedToken


@transaction.atomic
def end_family(person: User, family: TokenFamily, *, reason: str = "signed_out") -> None:
    """No token of this family counts any more."""
    family.revoked_at, family.reason = timezone.now(), reason
    family.save(update_fields=["revoked_at", "reason"])
    record(person, "token.end", Ref.to(family), of=person.pk, detail={"reason": reason})


@transaction.atomic
def prove(family: TokenFamily) -> None:
    """The app's person has just shown their password again."""
    family.proved_at = timezone.now()
    family.save(update_fields=["proved_at"])


def family_of(token: str) -> TokenFamily:
    """The family of an access token, with its person. NotAuthenticated for one that does not count. One query."""
    claims = understood(token, "access")
    family = (
        TokenFamily.objects.select_related("person")
        .filter(pk=claims.family, person=claims.person)
        .first()
    )
    if family is None or not family.alive(timezone.now()) or not family.person.is_active:
        raise NotAuthenticated
    return family
