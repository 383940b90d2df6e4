"""Sealed files from the disk to the bucket and back, as they are: nothing is opened on the way."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from django.core.files.storage import Storage
from django.db.models import QuerySet

from writeorperish.crypto.models import Blob
from writeorperish.crypto.storage import object_name

BATCH = 200
PIECE_BYTES = 1024 * 1024


class Outcome(StrEnum):
    COPIED = "copied"
    THERE = "there"
    MISSING = "missing"
    DIFFERS = "differs"


@dataclass
class Moved:
    """How many files were copied and how many lay there already; the ids of those that are not well."""

    copied: int = 0
    there: int = 0
    ill: list[UUID] = field(default_factory=list)

    def add(self, blob: Blob, outcome: Outcome) -> None:
        self.copied += outcome == Outcome.COPIED
        self.there += outcome == Outcome.THERE
        if outcome in {Outcome.MISSING, Outcome.DIFFERS}:
            self.ill.append(blob.pk)


def files_to_move() -> QuerySet[Blob]:
    return Blob.objects.exclude(state=Blob.State.DOOMED).order_by("pk")


def in_batches(blobs: QuerySet[Blob]) -> Iterator[Blob]:
    """The rows as they are when their batch begins: calls between them take long."""
    after: UUID | None = None
    while batch := list((blobs.filter(pk__gt=after) if after else blobs)[:BATCH]):
        yield from batch
        after = batch[-1].pk


def move_file(blob: Blob, source: Storage, target: Storage, *, keep: bool) -> Outcome:
    """The file lies in the target, byte for byte, and unless it is kept no longer in the source. Harmless twice.

    Both are read to the end before one is let go of. FilesAway leaves the source as it is.
    """
    name = object_name(blob.storage_key)
    before, after = digest_in(source, name), digest_in(target, name)
    if before is None:
        return Outcome.THERE if after else gone_or_missing(blob)
    outcome = Outcome.THERE
    if after is None:
        with source.open(name) as content:
            target.save(name, content)
        after, outcome = digest_in(target, name), Outcome.COPIED
    if before != after:
        return Outcome.DIFFERS
    if not keep:
        source.delete(name)
    return outcome


def gone_or_missing(blob: Blob) -> Outcome:
    """A file may have been erased or sealed anew since its row was read: then there is nothing to move."""
    stands = files_to_move().filter(pk=blob.pk, storage_key=blob.storage_key).exists()
    return Outcome.MISSING if stands else Outcome.THERE


def digest_in(store: Storage, name: str) -> bytes | None:
    """None when it is not there."""
    digest = hashlib.sha256()
    try:
        with store.open(name) as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.digest()
