"""How good retrieval is: questions with known answers, and the figures that say how many were found. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2
from pathlib import Path
from typing import Any, Final

DEPTH: Final = 10
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Document:
    """A text of an invented person. `kind` is entry or link."""

    owner: str
    id: str
    kind: str
    title: str
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """The stretch of a document that answers a question."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """What its owner asks, and where it is answered; nowhere when it is not answerable."""

    owner: str
    id: str
    kind: str
    question: str
    relevant: tuple[Part, ...]
    answerable: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over questions, each from 0 to 1."""

    questions: int
    hit_5: float
    hit_10: float
    recall_10: float
    ndcg_10: float


def documents(folder: Path) -> list[Document]:
    """The documents of a set, one JSON object a line."""
    return [
        Document(**{**row, "written_at": datetime.fromisoformat(row["written_at"])})
        for row in _rows(folder / "documents.jsonl")
    ]


def questions(folder: Path) -> list[Question]:
    return [
        Question(**{**row, "relevant": tuple(Part(**part) for part in row["relevant"])})
        for row in _rows(folder / "questions.jsonl")
    ]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def recall(found: Sequence[str], relevant: Iterable[str], k: int = DEPTH) -> float:
    """What part of the relevant ones is among the first k."""
    wanted = set(relevant)
    return len(wanted & set(found[:k])) / len(wanted)


def hit(found: Sequence[str], relevant: Iterable[str], k: int) -> float:
    return float(not set(relevant).isdisjoint(found[:k]))


def ndcg(found: Sequence[str], relevant: Iterable[str], k: int = DEPTH) -> float:
    """How high the relevant ones stand: Σ 1 / log2(rank + 1) over the same for the best order.

    Järvelin, Kekäläinen 2002, with gains of 1; a document found twice counts once.
    """
    wanted = set(relevant)
    order = list(dict.fromkeys(found))[:k]
    gained = sum(1 / log2(rank + 1) for rank, id in enumerate(order, 1) if id in wanted)
    best = sum(1 / log2(rank + 1) for rank in range(1, min(len(wanted), k) + 1))
    return gained / best


def figures(asked: Sequence[Question], found: Mapping[str, Sequence[str]]) -> dict[str, Figures]:
    """The figures of each kind of answerable question, and of all. `found`: documents by question, best first."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for each in asked:
        if each.answerable:
            by_kind[each.kind].append(each)
            by_kind[ALL].append(each)
    return {kind: _mean(members, found) for kind, members in sorted(by_kind.items())}


def _mean(asked: Sequence[Question], found: Mapping[str, Sequence[str]]) -> Figures:
    rows = []
    for each in asked:
        got, wanted = found[each.id], [part.id for part in each.relevant]
        rows.append(
            (hit(got, wanted, 5), hit(got, wanted, 10), recall(got, wanted), ndcg(got, wanted))
        )
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return Figures(len(rows), *means)
