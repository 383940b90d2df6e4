"""Writing down who did what: in the transaction of the act, in the chain of the person it is about."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import connection, transaction
from django.utils import timezone

from writeorperish.audit.chain import START, Link, Tip, commitment, digest
from writeorperish.audit.models import Entry, EntryQuerySet
from writeorperish.ops.logging import current_request_id
from writeorperish.refs import Ref

STAFF: Final = "staff"
SYSTEM: Final = "system"
SALT_BYTES: Final = 16
# Names and ids of ours; a sentence does not pass.
WORD: Final = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,99}")

# Every verb that changes anything passes here, so these three are spelled out.
LOCK: Final = (
    "SELECT chain, seq, hash FROM audit_head WHERE chain = ANY(%s) ORDER BY chain FOR UPDATE"
)
BEGIN: Final = """
INSERT INTO audit_head (chain, seq, hash) SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[])
ON CONFLICT DO NOTHING RETURNING chain, seq, hash
"""
MOVE: Final = """
UPDATE audit_head SET seq = tip.seq, hash = tip.hash
FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS tip (chain, seq, hash)
WHERE audit_head.chain = tip.chain
"""

Kind = Entry.ActorKind
Told: TypeAlias = str | int | float | bool | UUID | Ref | Enum | date | None
Detail: TypeAlias = Mapping[str, "Told | Sequence[Told]"]
Json: TypeAlias = str | int | float | bool | list["Json"] | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, when it was not simply the person: staff by their office, an app, the AI."""

    kind: Entry.ActorKind
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What `record` is told, for several at once."""

    actor: AbstractUser | Actor | None
    verb: str
    ref: Ref | None
    of: UUID | str
    purpose: str = ""
    detail: Detail = field(default_factory=dict)


def record(
    actor: AbstractUser | Actor | None,
    verb: str,
    ref: Ref | None,
    *,
    of: UUID | str,
    purpose: str = "",
    detail: Detail | None = None,
) -> None:
    """The act stands in the chain of `of` (a person's uid, STAFF or SYSTEM) if the transaction commits.

    `actor` None is the system. `detail` holds ids, numbers and names of ours: TypeError for anything that
    could be somebody's words. Locks the chain to the end of the transaction: several chains in one
    transaction go through `record_many`, or two writers wait for each other. Three statements.
    """
    record_many([Act(actor, verb, ref, of, purpose, detail or {})])


@transaction.atomic(savepoint=False)
def record_many(acts: Sequence[Act]) -> None:
    """Each act stands in its chain, in the order given. The chains are locked by name, so nobody deadlocks."""
    tips = locked_tips({str(act.of) for act in acts})
    entries = []
    for act in acts:
        entry = linked(act, tips[str(act.of)])
        tips[entry.chain] = Tip(entry.seq, bytes(entry.hash))
        entries.append(entry)
    Entry.objects.bulk_create(entries)
    with connection.cursor() as cursor:
        cursor.execute(MOVE, as_columns(tips))


def locked_tips(chains: set[str]) -> dict[str, Tip]:
    """Where these chains end, locked until the end of the transaction; new ones begin."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(chains)])
        heads = cursor.fetchall()
        if len(heads) < len(chains):
            new = chains - {chain for chain, _seq, _hash in heads}
            cursor.execute(BEGIN, as_columns(dict.fromkeys(sorted(new), START)))
            heads += cursor.fetchall()
        if len(heads) < len(chains):
            # Somebody else began one of them meanwhile.
            cursor.execute(LOCK, [list(chains)])
            heads = cursor.fetchall()
    return {chain: Tip(seq, tip) for chain, seq, tip in heads}


def as_columns(tips: dict[str, Tip]) -> tuple[list[str], list[int], list[bytes]]:
    return list(tips), [tip.seq for tip in tips.values()], [tip.hash for tip in tips.values()]


def linked(act: Act, tip: Tip) -> Entry:
    """The entry of an act, bound to the end of its chain; not yet a row."""
    actor = acting(act)
    entry = Entry(
        chain=str(act.of),
        seq=tip.seq + 1,
        at=timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=act.verb,
        object_kind=act.ref.kind if act.ref else "",
        object_id=act.ref.id if act.ref else None,
        purpose=str(act.purpose),
        request_id=current_request_id(),
        commit=b"",
        prev=tip.hash,
    )
    if act.detail:
        told = {name: plain(value) for name, value in act.detail.items()}
        salt = secrets.token_bytes(SALT_BYTES)
        entry.commit = commitment(salt, told)
        entry.seal({"salt": salt.hex(), "told": told})
    entry.hash = digest(link_of(entry))
    return entry


def acting(act: Act) -> Actor:
    if act.actor is None:
        return Actor(Kind.SYSTEM)
    if isinstance(act.actor, Actor):
        return act.actor
    return Actor(Kind.STAFF if act.of == STAFF else Kind.PERSON, act.actor.pk)


def plain(value: Told | Sequence[Told]) -> Json:
    """The value as JSON. TypeError, without repeating it, for what could be words."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID | Ref):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | bytes):
        if isinstance(value, bytes) or not WORD.fullmatch(value):
            raise TypeError("The detail of an audit entry holds ids, numbers and names of ours")
        return str(value)
    return [plain(each) for each in value]


def link_of(entry: Entry) -> Link:
    """The entry as it is hashed. Call when everything but the hash is set."""
    return Link(
        id=entry.id,
        chain=entry.chain,
        seq=entry.seq,
        at=entry.at,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        action=entry.action,
        object_kind=entry.object_kind,
        object_id=entry.object_id,
        purpose=entry.purpose,
        request_id=entry.request_id,
        commit=bytes(entry.commit),
        sealed=entry.sealed_digest,
        prev=bytes(entry.prev),
    )


def activity_of(person_id: UUID) -> EntryQuerySet:
    """What happened to this person's things, newest first: theirs to see, and nobody else's."""
    return Entry.objects.filter(chain=str(person_id)).order_by("-seq")


def seen_today(day: date, reader_id: UUID, rows: Iterable[UUID]) -> set[UUID]:
    """Which of these rows the chains say already that this reader was shown that day (UTC). One query."""
    begin = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
    entries = Entry.objects.filter(action="seen", actor_id=reader_id, object_id__in=list(rows))
    said = entries.filter(at__gte=begin, at__lt=begin + timedelta(days=1))
    return {row for row in said.values_list("object_id", flat=True) if row}
