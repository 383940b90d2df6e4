"""Tokens of the API as values: what they say, how they are signed and read. Rows are in `actions/tokens`."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import TokenFamily, User
from writeorperish.ops.refusals import Refused

ACCESS_LIFE = timedelta(minutes=10)
REFRESH_LIFE = timedelta(days=30)
FAMILY_LIFE = timedelta(days=180)
PROOF_LIFE = timedelta(minutes=15)
ALGORITHM = "HS256"
AUDIENCE = "api"

SCOPES = frozenset(
    [
        "journal:read",
        "journal:write",
        "download:read",
        "download:write",
        "me:read",
        "me:write",
        "notifications:read",
        "ai",
        "act",
        "security",
    ]
)


class NotAuthenticated(Refused):
    """No credentials, or none that count: expired, forged, revoked and unknown look alike."""

    status = 401
    code = "not_authenticated"
    words = _("Sign in to continue.")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request may do: its scopes after those the person cannot use now were taken away."""

    scopes: frozenset[str]
    kind: str
    why_not: str = ""
    family: TokenFamily | None = None
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    person: UUID
    family: UUID
    kind: str
    jti: str


def scopes_of(person: User) -> tuple[frozenset[str], str]:
    """The scopes this person may use now, and why some are missing."""
    if not person.is_admitted:
        return frozenset(), "not_admitted"
    if person.state == User.State.LEAVING:
        return frozenset({"me:read", "journal:read", "download:read", "security"}), "leaving"
    return SCOPES, ""


def kid_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def sign(kind: str, family: TokenFamily, *, jti: str, now: datetime) -> str:
    """A signed token of this family: `access` for 10 minutes, `refresh` for 30 days, never past the family's end."""
    life = ACCESS_LIFE if kind == "access" else REFRESH_LIFE
    claims = {
        "sub": str(family.person_id),
        "fam": str(family.pk),
        "jti": jti,
        "kind": kind,
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int(min(now + life, family.expires_at).timestamp()),
    }
    key = settings.JWT_KEYS[0]
    return jwt.encode(claims, signing_key(key), algorithm=ALGORITHM, headers={"kid": kid_of(key)})


def signing_key(key: str) -> bytes:
    return hashlib.sha256(b"wop/jwt/" + key.encode()).digest()


def understood(token: str, kind: str) -> Claims:
    """What a token says, once its signature, age, audience and kind hold. NotAuthenticated otherwise."""
    try:
        header = jwt.get_unverified_header(token)
        key = next(each for each in settings.JWT_KEYS if kid_of(each) == header.get("kid"))
        claims: dict[str, Any] = jwt.decode(
            token,
            signing_key(key),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "aud", "sub", "jti"]},
        )
        found = Claims(UUID(claims["sub"]), UUID(claims["fam"]), claims["kind"], claims["jti"])
    except (
        jwt.PyJWTError,
        StopIteration,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise NotAuthenticated from error
    if found.kind != kind:
        raise NotAuthenticated
    return found


def digest_of(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()
