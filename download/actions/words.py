"""Keeping the word index true to the texts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from download.lexicon import Head, terms_of
from download.models.packing import BLOCK, unpack, unpack_tokens
from download.models.words import Chunk, ChunkQuerySet, Lengths, Numbered, Posting, Shelf, put_in
from writeorperish.ai.chunks import Span, matched, split
from writeorperish.audit.log import record
from writeorperish.crypto import blind, keys
from writeorperish.events.catalog import Genre
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import Passage, own_texts, read, still_stands
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

# Part of every digest: with another way of cutting or of making terms, every text is indexed anew.
LEXICON = b"1"


@dataclass(frozen=True, slots=True)
class _Part:
    """A passage of a text, its keyed digest and its blinded terms."""

    span: Span
    digest: bytes
    text: str
    head: Head | None


def index_text(ref: Ref, *, owner_id: UUID, genre: Genre) -> int:
    """How many passages of this text the owner's word index holds now; 0 when the text is gone.

    Passages whose words did not change stay as they are. A text that changes meanwhile is left to
    whoever hears of that change. Needs no `ai_usage`: it is the owner's own search.
    """
    passage = read(ref, purpose=Purpose.INDEX)
    parts = _parts(passage) if passage else []
    with rows_of(owner_id):
        if passage is None or not parts:
            _chunks(owner_id, ref).delete()
            return 0
        if not still_stands(passage, purpose=Purpose.INDEX):
            return 0
        shelf = Shelf.locked(owner_id)
        digests = [part.digest for part in parts]
        kept, gone = matched(_chunks(owner_id, ref), digests, lambda chunk: bytes(chunk.digest))
        moved = [_place(chunk, parts[i].span, passage, genre) for i, chunk in kept.items()]
        Chunk.objects.bulk_update(moved, ["rev", "part", "start", "end", "genre", "at"])
        _add(shelf, [part for i, part in enumerate(parts) if i not in kept], passage, genre)
        # Last: with its last passage an owner's shelf would go too.
        Chunk.objects.filter(owner_id=owner_id, pk__in=[chunk.pk for chunk in gone]).delete()
    return len(parts)


def rebuild_words(person: AbstractUser, *, actor: AbstractUser | None = None) -> int:
    """How many passages the person's index holds after it was made anew from their texts.

    Text by text: until it ends, search finds only what is indexed again. Stopped halfway, it starts over.
    """
    with rows_of(person.pk):
        record(actor, "words.rebuild", Ref("accounts.user", person.pk), of=person.pk)
        Shelf.locked(person.pk)
        Chunk.objects.filter(owner_id=person.pk).delete()
    return sum(index_text(ref, owner_id=person.pk, genre=genre) for ref, genre in _texts_of(person))


@dataclass(frozen=True, slots=True)
class Differences:
    """What an index says otherwise than it should; all 0 when it is true."""

    postings: int
    lengths: int
    texts: int

    def __bool__(self) -> bool:
        return any((self.postings, self.lengths, self.texts))


def differences_of(person: AbstractUser, *, sample: int) -> Differences:
    """The person's index compared with itself, and with their newest `sample` texts.

    Postings against the passages' own lists of tokens, lengths against their words, texts against
    the passages and counts that they give now.
    """
    with rows_of(person.pk):
        chunks = {chunk.no: chunk for chunk in Chunk.objects.filter(owner_id=person.pk)}
        counts = _counts_of(person.pk)
        lengths = _lengths_of(person.pk)
    expected = {
        (no, token) for no, chunk in chunks.items() for token in unpack_tokens(bytes(chunk.tokens))
    }
    words = {no: chunk.words for no, chunk in chunks.items()}
    by_text: dict[Ref, list[Chunk]] = defaultdict(list)
    for chunk in chunks.values():
        by_text[chunk.source].append(chunk)
    texts = list(_texts_of(person))
    wrong = sum(_differs(ref, by_text[ref], counts) for ref, _ in texts[-sample:])
    lost = set(by_text) - {ref for ref, _ in texts}
    return Differences(
        postings=len(expected ^ set(counts)),
        lengths=len(words.items() ^ lengths.items()),
        texts=wrong + len(lost),
    )


def _chunks(owner_id: UUID, ref: Ref) -> ChunkQuerySet:
    return Chunk.objects.filter(owner_id=owner_id, source_kind=ref.kind, source_id=ref.id)


def _parts(passage: Passage) -> list[_Part]:
    """The passages of a text in order; its title and labels belong to the first."""
    holder = keys.person(passage.owner_id)
    tags = tuple(label for label in passage.labels if label.startswith("#"))
    hosts = tuple(label for label in passage.labels if not label.startswith("#"))
    head = Head(title=passage.title, tags=tags, hosts=hosts)
    parts = []
    for span in split(passage.text):
        text = passage.text[span.start : span.end]
        first = head if span.part == 0 else None
        told = [*tags, *hosts, passage.title] if first else []
        digest = blind.digest(holder, LEXICON, text.encode(), *(each.encode() for each in told))
        parts.append(_Part(span, digest, text, first))
    return parts


def _add(shelf: Shelf, parts: Sequence[_Part], passage: Passage, genre: Genre) -> None:
    """New passages, numbered from the shelf's next number on."""
    numbered = {
        no: (part, _blinded(passage.owner_id, part)) for no, part in enumerate(parts, shelf.next_no)
    }
    put_in(passage.owner_id, {no: terms for no, (_, terms) in numbered.items()})
    chunks = []
    for no, (part, terms) in numbered.items():
        chunk = Chunk(owner_id=passage.owner_id, no=no, digest=part.digest)
        chunk.source_kind, chunk.source_id = passage.ref.kind, passage.ref.id
        chunk.words, chunk.tokens = terms.words, terms.tokens
        chunks.append(_place(chunk, part.span, passage, genre))
    Chunk.objects.bulk_create(chunks)
    shelf.next_no += len(parts)
    shelf.save(update_fields=["next_no"])


def _place(chunk: Chunk, span: Span, passage: Passage, genre: Genre) -> Chunk:
    """The passage where it stands in the text as it is now."""
    if passage.at is None:
        raise ValueError(f"A text of {passage.ref.kind} has no date")
    chunk.rev, chunk.at, chunk.genre = passage.rev, passage.at, genre
    chunk.part, chunk.start, chunk.end = span.part, span.start, span.end
    return chunk


def _blinded(owner_id: UUID, part: _Part) -> Numbered:
    counted = terms_of(part.text, part.head)
    holder = keys.person(owner_id)
    counts: Counter[int] = Counter()
    for namespace in {term.namespace for term in counted.counts}:
        terms = [term for term in counted.counts if term.namespace is namespace]
        for term, token in zip(
            terms, blind.tokens(holder, namespace, (t.word for t in terms)), strict=True
        ):
            counts[token] += counted.counts[term]
    return Numbered(counts, counted.words)


def _texts_of(person: AbstractUser) -> Iterator[tuple[Ref, Genre]]:
    """Every text of the person that belongs in the index, in the order of their ids."""
    for known, rows in own_texts(person):
        for row in rows.order_by("pk").iterator(chunk_size=200):
            if known.readable(row):
                yield Ref.to(row), Genre(known.genre(row))


def _counts_of(owner_id: UUID) -> dict[tuple[int, int], int]:
    """Every posting: (number, token) -> count."""
    counts = {}
    rows = Posting.objects.filter(owner_id=owner_id).values_list("token", "block", "packed")
    for token, block, packed in rows.iterator():
        numbers, occurrences = unpack(block, bytes(packed))
        for no, count in zip(numbers.tolist(), occurrences.tolist(), strict=True):
            counts[no, token] = count
    return counts


def _lengths_of(owner_id: UUID) -> dict[int, int]:
    found = {}
    for block, packed in Lengths.objects.of(owner_id).items():
        words = memoryview(packed).cast("H")
        found.update({block * BLOCK + i: length for i, length in enumerate(words) if length})
    return found


def _differs(ref: Ref, chunks: Sequence[Chunk], counts: Mapping[tuple[int, int], int]) -> bool:
    """Whether the index says otherwise than the text as it is now."""
    passage = read(ref, purpose=Purpose.INDEX)
    parts = _parts(passage) if passage else []
    standing = {chunk.part: chunk for chunk in chunks}
    if len(standing) != len(parts):
        return True
    for part in parts:
        chunk = standing.get(part.span.part)
        if chunk is None or (chunk.start, chunk.end) != (part.span.start, part.span.end):
            return True
        terms = _blinded(chunk.owner_id, part)
        tokens = set(unpack_tokens(bytes(chunk.tokens)))
        if bytes(chunk.digest) != part.digest or tokens != set(terms.counts):
            return True
        if any(counts.get((chunk.no, t)) != min(n, 15) for t, n in terms.counts.items()):
            return True
    return False
