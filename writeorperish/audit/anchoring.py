"""Signing where all chains end, so that a rewritten past can be told from the true one.

An anchor is kept here and written to AUDIT_ANCHOR_TARGET, outside the database: whoever rewrites the
database has neither the key nor that file.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import zip_longest
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from writeorperish.audit.chain import GENESIS, Break, Damage, Tip, canonical, merkle_root
from writeorperish.audit.models import Anchor, Head

KEY_FILE: Final = "audit-signing-key"
LINES: Final = "anchors.jsonl"
NAME: Final = "anchors"
# Any number of ours: one anchor is made at a time.
LOCK: Final = 0x616E63686F72


class TargetUnusable(Exception):
    """One sentence for the operator: why the anchors cannot be written to or read from where they were sent."""


@dataclass(frozen=True)
class Signed:
    """An anchor as it is signed and written down: (chain, seq, hash in hex) for each head that moved."""

    number: int
    at: str
    merkle_root: str
    count: int
    previous: str
    heads: tuple[tuple[str, int, str], ...]
    signature: str = ""

    @classmethod
    def of(cls, row: Anchor) -> Self:
        return cls(
            number=row.number,
            at=row.at.astimezone(UTC).isoformat(timespec="microseconds"),
            merkle_root=bytes(row.merkle_root).hex(),
            count=row.count,
            previous=bytes(row.previous).hex(),
            heads=tuple(tuple(head) for head in row.heads),
            signature=bytes(row.signature).hex(),
        )

    @classmethod
    def read(cls, line: str) -> Self:
        """The anchor a line of the target holds. ValueError or TypeError when it holds none."""
        fields = json.loads(line)
        return cls(**{**fields, "heads": tuple(tuple(head) for head in fields["heads"])})

    @property
    def tips(self) -> dict[str, Tip]:
        return {chain: Tip(seq, bytes.fromhex(tip)) for chain, seq, tip in self.heads}

    @property
    def message(self) -> bytes:
        """What is signed: everything but the signature."""
        return canonical({**vars(self), "signature": ""})

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.message).digest()

    @property
    def line(self) -> str:
        return canonical(vars(self)).decode()


def anchor() -> Anchor:
    """A new anchor over all heads as they stand, signed, and written to the target if there is one.

    TargetUnusable when that fails: the anchor stands then, and is written along with the next.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        row = made()
        row.save(force_insert=True)
    if settings.AUDIT_ANCHOR_TARGET:
        write_lines(Path(settings.AUDIT_ANCHOR_TARGET))
    return row


def made() -> Anchor:
    """The next anchor, not yet a row."""
    last = Anchor.objects.order_by("-number").first()
    known = anchored_heads()
    moved = moved_heads(known)
    heads = known | moved
    row = Anchor(
        number=last.number + 1 if last else 1,
        at=timezone.now(),
        merkle_root=root_of(heads),
        count=len(heads),
        previous=Signed.of(last).digest if last else GENESIS,
        heads=[[chain, tip.seq, tip.hash.hex()] for chain, tip in sorted(moved.items())],
    )
    row.signature = signing_key().sign(Signed.of(row).message)
    return row


def moved_heads(known: dict[str, Tip]) -> dict[str, Tip]:
    """The heads that went on from where they were anchored.

    A chain that does not is left as it was anchored: signing what somebody rewrote would make it true.
    """
    heads = {head.chain: Tip(head.seq, bytes(head.hash)) for head in Head.objects.iterator()}
    standing = still_standing(known)
    return {
        chain: tip
        for chain, tip in heads.items()
        if chain not in known or (chain in standing and tip.seq > known[chain].seq)
    }


def still_standing(known: dict[str, Tip]) -> set[str]:
    """The chains that still have the entry they were anchored at. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT chain FROM audit_entry JOIN unnest(%s::text[], %s::bigint[], %s::bytea[]) "
            "AS known (chain, seq, hash) USING (chain, seq, hash)",
            [list(known), [tip.seq for tip in known.values()], [t.hash for t in known.values()]],
        )
        return {chain for (chain,) in cursor}


def anchored_heads() -> dict[str, Tip]:
    """Where each chain was anchored last; the anchors themselves are not checked."""
    heads: dict[str, Tip] = {}
    for signed in anchors():
        heads |= signed.tips
    return heads


def anchors() -> Iterator[Signed]:
    return (Signed.of(row) for row in Anchor.objects.order_by("number").iterator())


def checked_heads(written: Path | None = None) -> tuple[dict[str, Tip], list[Break]]:
    """Where each chain was anchored last, and the first bad anchor if there is one.

    With `written`, the lines outside the database are believed and the rows compared with them.
    TargetUnusable when they cannot be read.
    """
    heads: dict[str, Tip] = {}
    if written is None:
        found = first_bad(anchors(), heads)
    else:
        found = first_bad(lines(written), heads) or first_difference(lines(written), anchors())
    return heads, [found] if found else []


def first_bad(signed: Iterable[Signed], heads: dict[str, Tip]) -> Break | None:
    """The first anchor that is not what was signed, or not in its place; `heads` is what the good ones say."""
    previous = GENESIS
    for number, each in enumerate(signed, start=1):
        if each.number != number:
            return Break(NAME, number, Damage.MISSING)
        if each.previous != previous.hex() or not is_signed(each):
            return Break(NAME, number, Damage.CHANGED)
        gone_back = any(
            chain in heads and heads[chain].seq >= tip.seq for chain, tip in each.tips.items()
        )
        heads |= each.tips
        if gone_back or each.count != len(heads) or each.merkle_root != root_of(heads).hex():
            return Break(NAME, number, Damage.CHANGED)
        previous = each.digest
    return None


def first_difference(written: Iterable[Signed], kept: Iterable[Signed]) -> Break | None:
    """The first anchor that stands only outside, only in the database, or differs between the two."""
    for number, (line, row) in enumerate(zip_longest(written, kept), start=1):
        if row is None:
            return Break(NAME, number, Damage.MISSING)
        if line is None:
            return Break(NAME, number, Damage.TRUNCATED)
        if line != row:
            return Break(NAME, number, Damage.CHANGED)
    return None


def root_of(heads: dict[str, Tip]) -> bytes:
    return merkle_root((chain, tip.seq, tip.hash) for chain, tip in heads.items())


def is_signed(signed: Signed) -> bool:
    try:
        public_key().verify(bytes.fromhex(signed.signature), signed.message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key() -> Ed25519PublicKey:
    return signing_key().public_key()


def signing_key() -> Ed25519PrivateKey:
    """The key of AUDIT_SIGNING_KEY, or of a secret of our own in the data folder, made on first use (0600)."""
    secret = settings.AUDIT_SIGNING_KEY or own_secret(settings.DATA_DIR / KEY_FILE)
    return Ed25519PrivateKey.from_private_bytes(
        hashlib.sha256(b"wop audit signing key\0" + secret.encode()).digest()
    )


def own_secret(path: Path) -> str:
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as new:
            new.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()


def write_lines(folder: Path) -> None:
    """Every anchor has its line in the folder; those that are there stay untouched."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sum(1 for _ in lines(folder)) if (folder / LINES).exists() else 0
        with (folder / LINES).open("a", encoding="utf-8") as file:
            for row in Anchor.objects.filter(number__gt=there).order_by("number").iterator():
                file.write(Signed.of(row).line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise TargetUnusable(f"AUDIT_ANCHOR_TARGET {folder} cannot be written.") from error


def lines(path: Path) -> Iterator[Signed]:
    """The anchors written at a path: the file of lines, or the folder it is in. TargetUnusable when unreadable."""
    file = path / LINES if path.is_dir() else path
    try:
        with file.open(encoding="utf-8") as written:
            for line in written:
                yield Signed.read(line)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TargetUnusable(f"{file} holds no anchors that can be read.") from error
