"""A browser's bookmarks of many years, checked, brought in and taken along again."""

import io
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.measuring import one
from benchmarks.people import somebody
from benchmarks.words import Diary
from download.actions.exports import ask_for_export, build_export
from download.actions.imports import begin_import, check_import, confirm_import, run_import
from download.formats import netscape
from download.formats.found import Found
from download.models.exports import LibraryExport
from download.models.imports import Import
from writeorperish.crypto import storage

BOOKMARKS = 20_000
FOLDERS = 40
KIB = 1024


def figures() -> dict[str, object]:
    """Rows a second of a check, an import and an export of 20,000 bookmarks, and what the process grew by. Two minutes."""
    person = somebody("reader")
    data = b"".join(netscape.written(bookmarks()))
    run = begin_import(person, io.BytesIO(data), size=len(data))
    before = peak_mb()
    checked = one(lambda: check_import(run.pk))
    run = Import.objects.get(pk=run.pk)
    confirm_import(person, run)
    brought = one(lambda: run_import(run.pk))
    run.refresh_from_db()
    if run.created != BOOKMARKS:
        raise RuntimeError(f"Of {BOOKMARKS} bookmarks {run.created} came in")
    after = peak_mb()
    export = ask_for_export(person, format="memeos")
    taken = one(lambda: build_export(export.pk))
    blob = LibraryExport.objects.select_related("blob").get(pk=export.pk).blob
    if blob is None:
        raise RuntimeError("There is no file")
    read = sum(len(piece) for piece in storage.pieces(blob, 0, blob.bytes))
    return {
        f"links_{BOOKMARKS}": {
            "file_kb": len(data) // KIB,
            "check_rows_a_second": round(BOOKMARKS / checked * 1000),
            "import_rows_a_second": round(BOOKMARKS / brought * 1000),
            "export_rows_a_second": round(BOOKMARKS / taken * 1000),
            "export_kb": read // KIB,
            "grew_by_mb_in_check_and_import": round(after - before, 1),
            "grew_by_mb_in_export": round(peak_mb() - after, 1),
            "peak_mb": round(peak_mb(), 1),
        }
    }


def bookmarks() -> Iterator[Found]:
    """Each with an address of its own, a title, two tags, and every tenth with a note."""
    diary, at = Diary(5), datetime(2020, 1, 1, tzinfo=UTC)
    words = diary.text().split()
    for number in range(BOOKMARKS):
        some = [words[(number * 7 + step) % len(words)] for step in range(6)]
        yield Found(
            ordinal=number + 1,
            url=f"https://{number % 900}.example.org/{number}?x={number}",
            title=" ".join(some),
            note=" ".join(reversed(some)) if number % 10 == 0 else "",
            tags=(f"folder {number % FOLDERS}", some[0]),
            saved_at=at + timedelta(hours=number),
            reading="unread",
        )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB
