"""Whether every chain still says what was written into it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, TypeAlias

from django.db import connection, transaction

from writeorperish.audit.anchoring import checked_heads
from writeorperish.audit.chain import START, Break, Damage, Link, Tip, end_break, first_break
from writeorperish.audit.log import SYSTEM, record
from writeorperish.audit.models import Entry

FETCHED: Final = 5000
# One statement sees entries and heads at one moment, so appending goes on meanwhile.
ENTRIES: Final = """
WITH base AS (
    SELECT DISTINCT ON (chain) chain, seq, hash FROM audit_entry
    WHERE at < %(since)s ORDER BY chain, seq DESC
)
SELECT e.id, e.chain, e.seq, e.at, e.actor_kind, e.actor_id, e.action, e.object_kind, e.object_id,
    e.purpose, e.request_id, e.commit, coalesce(sha256(e.detail), ''), e.prev, e.hash,
    h.seq, h.hash, b.seq, b.hash
FROM audit_entry e LEFT JOIN audit_head h ON h.chain = e.chain LEFT JOIN base b ON b.chain = e.chain
WHERE (%(chain)s = '' OR e.chain = %(chain)s) AND (b.seq IS NULL OR e.seq > b.seq)
ORDER BY e.chain, e.seq
"""
ENDS: Final = """
SELECT h.chain, h.seq, h.hash, last.seq, last.hash
FROM audit_head h LEFT JOIN LATERAL (
    SELECT seq, hash FROM audit_entry e WHERE e.chain = h.chain ORDER BY seq DESC LIMIT 1
) last ON true
WHERE %(chain)s = '' OR h.chain = %(chain)s
ORDER BY h.chain
"""

Standing: TypeAlias = tuple[Link, Tip | None, Tip]
Asked: TypeAlias = Mapping[str, str | datetime]


def verify() -> list[Break]:
    """The first bad anchor and the first bad place of each chain; the system chain says how many there were."""
    anchored, bad = checked_heads()
    found = [*bad, *breaks(anchored)]
    record(None, "audit.verified", None, of=SYSTEM, detail={"broken": len(found)})
    return found


def breaks(
    anchored: Mapping[str, Tip], *, chain: str = "", since: datetime | None = None
) -> Iterator[Break]:
    """The first bad place of each chain that does not hold, by chain; nothing when all is well.

    `anchored` is what the anchors say of each chain. `since` takes what was written before on trust. One
    pass over the entries; memory grows with the number of chains, not with their length.
    """
    asked: Asked = {"chain": chain, "since": since or "-infinity"}
    seen = set()
    with transaction.atomic():
        for name, standing in groupby(entries(asked), key=lambda each: each[0].chain):
            seen.add(name)
            links, tip, base = unrolled(standing)
            found = first_break(
                links,
                name=name,
                base=base,
                tip=tip,
                anchored=anchored.get(name, START),
                places=places,
            )
            if found:
                yield found
        yield from quiet_breaks(anchored, asked, seen)


def quiet_breaks(anchored: Mapping[str, Tip], asked: Asked, seen: set[str]) -> Iterator[Break]:
    """Breaks of chains that have no entries to read: lost, or untouched since the day asked for."""
    with connection.cursor() as cursor:
        cursor.execute(ENDS, asked)
        for name, seq, tip, last_seq, last_hash in cursor:
            if name not in seen:
                seen.add(name)
                last = START if last_seq is None else Tip(last_seq, bytes(last_hash))
                found = end_break(name, last, Tip(seq, bytes(tip)), anchored.get(name, START))
                if found:
                    yield found
    for name in sorted(anchored.keys() - seen):
        if asked["chain"] in {"", name}:
            yield Break(name, 1, Damage.VANISHED)


def entries(asked: Asked) -> Iterator[Standing]:
    """Each entry with the head of its chain and what it is verified from, by chain and seq."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(ENTRIES, asked)
        while rows := cursor.fetchmany(FETCHED):
            for *fields, tip_seq, tip, base_seq, base in rows:
                yield (
                    Link(*fields),
                    None if tip_seq is None else Tip(tip_seq, tip),
                    START if base_seq is None else Tip(base_seq, base),
                )


def unrolled(standing: Iterator[Standing]) -> tuple[Iterator[Link], Tip | None, Tip]:
    first, tip, base = next(standing)

    def links() -> Iterator[Link]:
        yield first
        for link, _, _ in standing:
            yield link

    return links(), tip, base


def places(chain: str, tip: bytes) -> Sequence[int]:
    return list(Entry.objects.filter(chain=chain, hash=tip).values_list("seq", flat=True))
