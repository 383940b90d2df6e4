"""Hash chains, pure: how an entry is hashed, and what is wrong with a chain that does not hold.

hash = SHA256(canonical JSON of every plain field, commit, digest of the sealed detail, prev). The detail
itself is not needed: a chain whose key was destroyed verifies like any other.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain as joined
from itertools import pairwise
from typing import Final
from uuid import UUID

GENESIS: Final = bytes(32)
FORMAT: Final = 1
# How far from where it stands a misplaced entry is looked for.
REACH: Final = 1000


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is hashed. `sealed` is the SHA256 of the sealed detail, empty when there is none."""

    id: UUID
    chain: str
    seq: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    action: str
    object_kind: str
    object_id: UUID | None
    purpose: str
    request_id: str
    commit: bytes
    sealed: bytes
    prev: bytes
    hash: bytes = b""

    @property
    def holds(self) -> bool:
        """Whether the entry is what was hashed."""
        return digest(self) == self.hash


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a chain ends, or ended at some time."""

    seq: int
    hash: bytes


START: Final = Tip(0, GENESIS)


class Damage(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated tail"
    VANISHED = "vanished chain"
    REWRITTEN = "rewritten head"


@dataclass(frozen=True, slots=True)
class Break:
    """The first bad place of a chain."""

    chain: str
    seq: int
    damage: Damage

    def __str__(self) -> str:
        return f"{self.chain} {self.seq} {self.damage}"


# The places at which an entry with this hash stands in this chain.
Places = Callable[[str, bytes], Sequence[int]]


def digest(link: Link) -> bytes:
    """32 bytes over everything the entry says and the hash before it."""
    return hashlib.sha256(hashed(link)).digest()


def hashed(link: Link) -> bytes:
    return canonical(
        {
            "format": FORMAT,
            "id": str(link.id),
            "chain": link.chain,
            "seq": link.seq,
            "at": link.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor_kind": link.actor_kind,
            "actor_id": link.actor_id and str(link.actor_id),
            "action": link.action,
            "object_kind": link.object_kind,
            "object_id": link.object_id and str(link.object_id),
            "purpose": link.purpose,
            "request_id": link.request_id,
            "commit": link.commit.hex(),
            "sealed": link.sealed.hex(),
            "prev": link.prev.hex(),
        }
    )


def commitment(salt: bytes, detail: object) -> bytes:
    """32 bytes that bind the detail without telling it: SHA256(salt ‖ canonical JSON)."""
    return hashlib.sha256(salt + canonical(detail)).digest()


def canonical(value: object) -> bytes:
    """The one way this value is written as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def first_break(
    links: Iterable[Link], *, name: str, base: Tip, tip: Tip | None, anchored: Tip, places: Places
) -> Break | None:
    """The first bad place of one chain, None when it holds. `links` by seq, beginning after `base`.

    `tip` is what the chain's head says, None when it has no head; `anchored` what was signed last (START
    when nothing was). Constant memory.
    """
    before = last = base
    for link, following in with_next(links):
        beyond = tip is not None and link.seq > tip.seq == last.seq
        if beyond and last == tip:
            return Break(name, link.seq, Damage.INSERTED)
        if link.seq != last.seq + 1 or link.prev != last.hash or not link.holds:
            return Break(name, *damage(link, following, before=before, last=last, places=places))
        if beyond:
            return Break(name, last.seq, Damage.REWRITTEN)
        if link.seq == anchored.seq and link.hash != anchored.hash:
            return Break(name, link.seq, Damage.CHANGED)
        before, last = last, Tip(link.seq, link.hash)
    return end_break(name, last, tip, anchored)


def end_break(name: str, last: Tip, tip: Tip | None, anchored: Tip) -> Break | None:
    """What is wrong with the end of a chain whose entries hold."""
    known = max(anchored.seq, tip.seq if tip else 0)
    if last.seq == 0 and known > 0:
        return Break(name, 1, Damage.VANISHED)
    if last.seq < known:
        return Break(name, last.seq + 1, Damage.TRUNCATED)
    if tip != last:
        return Break(name, last.seq, Damage.REWRITTEN)
    return None


def damage(
    link: Link, following: Link | None, *, before: Tip, last: Tip, places: Places
) -> tuple[int, Damage]:
    """Where and how a chain broke, at the first entry that does not fit on `last`.

    The hash of an entry still tells where it stood, so an entry that moved is known from one that was edited.
    """
    here = last.seq + 1
    if link.seq < here:
        return link.seq, Damage.INSERTED
    if link.seq > here:
        return here, Damage.MISSING
    stood = None if link.holds else former_place(link)
    pushed_on = following is not None and belongs(following, after=last)
    if pushed_on and (stood is None or len(places(link.chain, link.hash)) > 1):
        return here, Damage.INSERTED
    if stood is None:
        # An entry that holds but does not fit: the one before it was rewritten together with its hash.
        return max(last.seq, 1) if link.holds else here, Damage.CHANGED
    if stood == last.seq and link.prev == before.hash:
        return last.seq, Damage.INSERTED
    if link.prev != GENESIS and not places(link.chain, link.prev):
        return here, Damage.MISSING
    return here, Damage.REORDERED


def belongs(link: Link, *, after: Tip) -> bool:
    """Whether the entry was written right after this one, wherever it stands now."""
    return link.prev == after.hash and digest(replace(link, seq=after.seq + 1)) == link.hash


def former_place(link: Link) -> int | None:
    """The seq this entry was hashed with, looked for up to REACH away; None when it fits nowhere."""
    # Of the sorted fields seq is the last, so what stands before it is hashed once for all places.
    begun = hashlib.sha256(hashed(link).removesuffix(ending(link.seq)))
    for distance in range(1, REACH + 1):
        for seq in (link.seq - distance, link.seq + distance):
            told = begun.copy()
            told.update(ending(seq))
            if told.digest() == link.hash:
                return seq
    return None


def ending(seq: int) -> bytes:
    return b"%d}" % seq


def with_next(links: Iterable[Link]) -> Iterator[tuple[Link, Link | None]]:
    return ((link, after) for link, after in pairwise(joined(links, [None])) if link is not None)


def merkle_root(leaves: Iterable[tuple[str, int, bytes]]) -> bytes:
    """The root over (chain, seq, hash), sorted by chain; GENESIS over none.

    As in RFC 6962: leaves and nodes are hashed under different prefixes. An odd node moves up as it is.
    """
    level = [
        hashlib.sha256(b"\0" + canonical([chain, seq, tip.hex()])).digest()
        for chain, seq, tip in sorted(leaves)
    ]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return level[0] if level else GENESIS
