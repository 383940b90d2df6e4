import json
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from download.actions.trials import MODES, plant, try_out
from download.measuring import Figures, documents, figures, questions

SHIPPED = Path("tests") / "quality"


class Command(BaseCommand):
    help = "Measures search and the gate of Ask on a set of questions; nothing of it stays in the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--set", type=Path, metavar="DIR", help="documents.jsonl and questions.jsonl (ours)"
        )
        parser.add_argument("--legs", default="words,meaning,both", metavar="NAMES")
        parser.add_argument("--json", type=Path, metavar="PATH", help="also written there")

    def handle(self, *, set: Path | None, legs: str, json: Path | None, **_options: object) -> None:
        folder = set or settings.BASE_DIR / SHIPPED
        modes = legs.split(",")
        if unknown := [each for each in modes if each not in MODES]:
            raise CommandError(f"No such leg: {', '.join(unknown)}", returncode=2)
        if not (folder / "questions.jsonl").is_file():
            raise CommandError(f"There is no set in {folder}.", returncode=2)
        measured = self.measured(folder, modes)
        for mode, kinds in measured["legs"].items():  # type: ignore[attr-defined]  # made below
            self.stdout.write(
                f"{mode:<14}{'n':>5}{'hit@5':>8}{'hit@10':>8}{'recall':>8}{'nDCG':>8}"
            )
            for kind, row in kinds.items():
                self.stdout.write(line(kind, Figures(**row)))
        self.stdout.write(
            f"refused: {measured['answerable_refused']:.3f} of the answerable,"
            f" {measured['unanswerable_refused']:.3f} of the others;"
            f" foreign hits: {measured['foreign']}"
        )
        if json:
            write(json, measured)

    def measured(self, folder: Path, modes: list[str]) -> dict[str, object]:
        asked = questions(folder)
        with transaction.atomic():
            tried = try_out(plant(documents(folder)), asked, modes=modes)
            transaction.set_rollback(True)
        answerable = {each.id for each in asked if each.answerable}
        others = {each.id for each in asked} - answerable
        return {
            "legs": {
                mode: {kind: asdict(row) for kind, row in figures(asked, tried.found[mode]).items()}
                for mode in modes
            },
            "answerable_refused": share(tried.refused, answerable),
            "unanswerable_refused": share(tried.refused, others),
            "foreign": tried.foreign,
        }


def share(part: frozenset[str], whole: set[str]) -> float:
    return len(part & whole) / len(whole) if whole else 0.0


def line(kind: str, row: Figures) -> str:
    figures = "".join(
        f"{each:8.3f}" for each in (row.hit_5, row.hit_10, row.recall_10, row.ndcg_10)
    )
    return f"  {kind:<12}{row.questions:>5}{figures}"


def write(path: Path, measured: dict[str, object]) -> None:
    path.write_text(f"{json.dumps(measured, indent=2)}\n", encoding="utf-8")
