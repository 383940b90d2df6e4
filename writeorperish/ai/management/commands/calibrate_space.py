import json
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from writeorperish.ai.embeddings import LOCAL
from writeorperish.ai.encoder import encoder
from writeorperish.ai.providers import local


class Command(BaseCommand):
    help = "Measures the constants of the local space over a set of questions; they are written in code by hand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--set", type=Path, metavar="DIR", help="as measure_retrieval takes it")

    def handle(self, *, set: Path | None, **_options: object) -> None:
        folder = set or settings.BASE_DIR / "tests" / "quality"
        if not (folder / "questions.jsonl").is_file():
            raise CommandError(f"There is no set in {folder}.", returncode=2)
        if why := local.lacking():
            raise CommandError(f"The local model is not here: {why}", returncode=1)
        documents, questions = rows(folder / "documents.jsonl"), rows(folder / "questions.jsonl")
        asked = encoder().encode([each["question"] for each in questions])
        told = encoder().encode([f"{each['title']}\n{each['text']}" for each in documents])
        cosines = asked @ told.T
        own = np.array([[q["owner"] == d["owner"] for d in documents] for q in questions])
        wanted = np.array(
            [
                [d["id"] in {part["id"] for part in q["relevant"]} for d in documents]
                for q in questions
            ]
        )
        apart = cosines[own & ~wanted]
        usual = np.array([np.median(row[of]) for row, of in zip(cosines, own, strict=True)])
        above = (cosines - usual[:, None])[own & ~wanted]
        self.stdout.write(
            f"unrelated pairs: {len(apart)}, cosine p95 {np.percentile(apart, 95):.3f},"
            f" p99 {np.percentile(apart, 99):.3f}, above the usual p95 {np.percentile(above, 95):.3f}"
        )
        self.stdout.write(
            f"related pairs: {int(wanted.sum())}, median {np.median(cosines[wanted]):.3f}"
        )
        self.stdout.write(
            f"in use: background {LOCAL.background}, strong {LOCAL.strong}, above_usual {LOCAL.above_usual}"
        )


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
