"""The word index: passages, and which blind token stands in which of them. No word is in it.

All tables are walled: outside `privacy.walls.rows_of` they show nothing. Every write locks the
owner's shelf first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, models

from download.models.packing import (
    BLOCK,
    pack,
    pack_lengths,
    pack_tokens,
    unpack_tokens,
    without,
)
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Sourced


class Shelf(models.Model):
    """One person's word index as a whole; its row is the lock of every change to it."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, primary_key=True, related_name="+"
    )
    next_no = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"shelf {self.pk}"

    @staticmethod
    def locked(owner_id: UUID) -> "Shelf":
        """The owner's shelf, made if need be, locked until the transaction ends."""
        Shelf.objects.bulk_create([Shelf(owner_id=owner_id)], ignore_conflicts=True)
        return Shelf.objects.select_for_update().get(owner_id=owner_id)


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """As usual, and the passages' tokens leave the index with them.

        Opens the wall of each owner concerned. The last passage takes the shelf along.
        """
        gone = 0
        for owner_id in set(self.values_list("owner_id", flat=True)):
            with rows_of(owner_id):
                Shelf.locked(owner_id)
                leaving = list(self.filter(owner_id=owner_id).only("no", "tokens"))
                take_out(
                    owner_id, {chunk.no: unpack_tokens(bytes(chunk.tokens)) for chunk in leaving}
                )
                gone += super(ChunkQuerySet, self.filter(pk__in=[c.pk for c in leaving])).delete()[
                    0
                ]
                clear_empty(owner_id)
        return gone, {Chunk._meta.label: gone}


class Chunk(Sourced):
    """One passage of a text: where it is, and the tokens it is found by."""

    WALLED: ClassVar = True

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+")
    no = models.PositiveIntegerField()
    rev = models.PositiveIntegerField()
    part = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    words = models.PositiveIntegerField()
    genre = models.CharField(max_length=8)
    at = models.DateTimeField()
    digest = models.BinaryField(max_length=16)
    tokens = models.BinaryField()

    objects = ChunkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["owner", "no"], name="download_chunk_no"),
            models.UniqueConstraint(
                fields=["source_kind", "source_id", "part"],
                name="download_chunk_part",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=models.Q(start__lt=models.F("end")), name="download_chunk_span"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "at"], name="download_chunk_at")
        ]

    def __str__(self) -> str:
        return f"chunk {self.pk}"


class PostingQuerySet(models.QuerySet["Posting"]):
    def asked(self, owner_id: UUID, tokens: Iterable[int]) -> dict[int, dict[int, bytes]]:
        """The blocks of each of these tokens that the owner has. One query."""
        found: dict[int, dict[int, bytes]] = {}
        rows = self.filter(owner_id=owner_id, token__in=list(tokens))
        for token, block, packed in rows.values_list("token", "block", "packed"):
            found.setdefault(token, {})[block] = bytes(packed)
        return found


class Posting(models.Model):
    """The passages of one block of numbers that hold one token."""

    pk = models.CompositePrimaryKey("owner_id", "token", "block")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_index=False
    )
    token = models.BigIntegerField()
    block = models.IntegerField()
    packed = models.BinaryField()

    objects = PostingQuerySet.as_manager()

    def __str__(self) -> str:
        return f"posting {self.block}"


class LengthsQuerySet(models.QuerySet["Lengths"]):
    def of(self, owner_id: UUID) -> dict[int, bytes]:
        """The owner's lengths by block. One query."""
        rows = self.filter(owner_id=owner_id).values_list("block", "packed")
        return {block: bytes(packed) for block, packed in rows}


class Lengths(models.Model):
    """How long each passage of one block of numbers is, in words; 0 is no passage."""

    pk = models.CompositePrimaryKey("owner_id", "block")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_index=False
    )
    block = models.IntegerField()
    packed = models.BinaryField()

    objects = LengthsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "lengths"

    def __str__(self) -> str:
        return f"lengths {self.block}"


@dataclass(frozen=True, slots=True)
class Numbered:
    """What a passage adds to the index: its blind tokens with their counts, its length in words."""

    counts: Mapping[int, int]
    words: int

    @property
    def tokens(self) -> bytes:
        return pack_tokens(list(self.counts))


def put_in(owner_id: UUID, chunks: Mapping[int, Numbered]) -> None:
    """The index holds these passages, by their numbers. Under the shelf's lock; three statements."""
    by_token: dict[int, dict[int, int]] = defaultdict(dict)
    for no, chunk in chunks.items():
        for token, count in chunk.counts.items():
            by_token[token][no] = count
    rows = [(t, block, p) for t, counts in by_token.items() for block, p in pack(counts).items()]
    # The ORM's upsert cannot append to what is there.
    _execute(
        """
        INSERT INTO download_posting AS old (owner_id, token, block, packed)
        SELECT %s, * FROM unnest(%s::bigint[], %s::int[], %s::bytea[])
        ON CONFLICT (owner_id, token, block) DO UPDATE SET packed = old.packed || excluded.packed
        """,
        [owner_id, *_columns(rows)],
    )
    set_lengths(owner_id, {no: chunk.words for no, chunk in chunks.items()})


def take_out(owner_id: UUID, chunks: Mapping[int, Sequence[int]]) -> None:
    """The index holds these passages no more: number -> tokens. Under the shelf's lock."""
    gone: dict[tuple[int, int], list[int]] = defaultdict(list)
    for no, tokens in chunks.items():
        block, within = divmod(no, BLOCK)
        for token in tokens:
            gone[token, block].append(within)
    blocks = sorted({block for _, block in gone})
    rows = Posting.objects.filter(
        owner_id=owner_id, token__in={token for token, _ in gone}, block__in=blocks
    ).values_list("token", "block", "packed")
    left = [(t, b, without(bytes(p), gone[t, b])) for t, b, p in rows if (t, b) in gone]
    _execute(
        """
        UPDATE download_posting AS old SET packed = new.packed
        FROM unnest(%s::bigint[], %s::int[], %s::bytea[]) AS new (token, block, packed)
        WHERE old.owner_id = %s AND old.token = new.token AND old.block = new.block
        """,
        [*_columns([row for row in left if row[2]]), owner_id],
    )
    _execute(
        """
        DELETE FROM download_posting AS old USING unnest(%s::bigint[], %s::int[]) AS new (token, block)
        WHERE old.owner_id = %s AND old.token = new.token AND old.block = new.block
        """,
        [*_columns([row for row in left if not row[2]])[:2], owner_id],
    )
    set_lengths(owner_id, dict.fromkeys(chunks, 0))


def set_lengths(owner_id: UUID, lengths: Mapping[int, int]) -> None:
    changed: dict[int, dict[int, int]] = defaultdict(dict)
    for no, words in lengths.items():
        changed[no // BLOCK][no % BLOCK] = words
    before = Lengths.objects.of(owner_id)
    Lengths.objects.bulk_create(
        [
            Lengths(
                owner_id=owner_id, block=block, packed=pack_lengths(items, before.get(block, b""))
            )
            for block, items in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["owner", "block"],
        update_fields=["packed"],
    )


def clear_empty(owner_id: UUID) -> None:
    """An owner without passages has no shelf: nothing of the index outlives the last text."""
    if not Chunk.objects.filter(owner_id=owner_id).exists():
        for model in (Posting, Lengths, Shelf):
            model._default_manager.filter(owner_id=owner_id).delete()


def _columns(rows: Sequence[tuple[int, int, bytes]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], []]


def _execute(statement: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
