"""Answers as their person sees them: every quotation read from its source as it stood, none from what a model wrote."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import Prefetch, QuerySet

from download.looking import bare
from download.models.answers import Citation, Question, Segment
from download.search import rows_of_texts
from download.snippets import Piece, snippet
from writeorperish.ai.lexical import tokens
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.models import Guarded
from writeorperish.privacy.reading import SOURCES
from writeorperish.refs import Ref


@dataclass(frozen=True, slots=True)
class Quotation:
    """Words of a text, and where they stand. `state`: whole, edited (the text has changed since), gone or closed."""

    number: int
    ref: Ref
    pieces: Sequence[Piece] = field(repr=False)
    title: str = field(repr=False)
    at: datetime | None
    state: str
    url: str

    @property
    def words(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer with what it rests on; not supported, it is not from the archive."""

    text: str = field(repr=False)
    supported: bool
    quotations: Sequence[Quotation]


@dataclass(frozen=True, slots=True)
class Shown:
    """A question and its answer.

    `near` are the nearest passages where nothing was near enough, `closed` what words found in texts that AI may
    not read.
    """

    question: Question
    sentences: Sequence[Sentence]
    near: Sequence[Quotation]
    closed: Sequence[Quotation]

    @property
    def supported(self) -> int:
        return sum(each.supported for each in self.sentences)


def with_answers(questions: QuerySet[Question]) -> QuerySet[Question]:
    """The questions with all that is shown of them, in three queries."""
    return questions.prefetch_related(
        Prefetch("segments", Segment.objects.order_by("ordinal")),
        Prefetch("citations", Citation.objects.order_by("number")),
    )


def shown(person: AbstractUser, questions: Sequence[Question]) -> list[Shown]:
    """The questions as they may be seen now, fetched by `with_answers`.

    One query a kind of text, and one for each quotation of a text that was edited since.
    """
    refs = {each.source for question in questions for each in question.citations.all()}
    rows = rows_of_texts(person, refs)
    return [_shown(question, rows) for question in questions]


def _shown(question: Question, rows: Mapping[Ref, Guarded]) -> Shown:
    of_segment: dict[UUID | None, list[Quotation]] = defaultdict(list)
    by_role: dict[str, list[Quotation]] = defaultdict(list)
    wanted = {word.text for word in tokens(bare(question.words))}
    for each in question.citations.all():
        quotation = quotation_of(each, rows.get(each.source), wanted)
        of_segment[each.segment_id].append(quotation)
        by_role[each.role].append(quotation)
    return Shown(
        question=question,
        sentences=[
            Sentence(segment.text, segment.supported, of_segment[segment.pk])
            for segment in question.segments.all()
        ],
        near=by_role[Citation.Role.NEAR],
        closed=by_role[Citation.Role.CLOSED],
    )


def quotation_of(citation: Citation, row: Guarded | None, wanted: Collection[str]) -> Quotation:
    """The words as they stood when they were read; of a whole passage those with most of the words `wanted`.

    `row`: their text, if its person may see it now.
    """
    ref = citation.source
    if row is None:
        return Quotation(citation.number, ref, (), "", None, "gone", "")
    known = SOURCES[ref.kind]
    current = getattr(row, "rev", 0) == citation.rev
    try:
        text = known.text(row) if current else known.earlier(row, citation.rev)
        title = known.title(row)
    except CannotOpen:
        text, title = None, ""
    place = f"?at={citation.start}-{citation.end}#passage" if current else ""
    pieces = () if text is None else pieces_of(citation, text, wanted)
    state = "closed" if text is None else "whole" if current else "edited"
    url = row.get_absolute_url() + place
    return Quotation(citation.number, ref, pieces, title, known.at(row), state, url)


def pieces_of(citation: Citation, text: str, wanted: Collection[str]) -> Sequence[Piece]:
    start, end = citation.start, citation.end
    if citation.role != Citation.Role.SUPPORT:
        found = snippet(text, wanted, within=(start, end))
        if not any(
            found.start < last and first < found.end for first, last in marks_in(citation, text)
        ):
            return found.pieces
        start, end = found.start, found.end
    return [Piece(without_marks(citation.source, text, start, end), mark=False)]


def marks_in(citation: Citation, text: str) -> Iterable[tuple[int, int]]:
    return SOURCES[citation.source_kind].marks(text)


def without_marks(ref: Ref, text: str, start: int, end: int) -> str:
    """The words from start to end, without signs for machines."""
    pieces, place = [], start
    for first, last in SOURCES[ref.kind].marks(text):
        if place <= first < end:
            pieces.append(text[place:first])
            place = min(last, end)
    return "".join([*pieces, text[place:end]])
