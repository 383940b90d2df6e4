"""One stylesheet out of many parts, made whenever it is asked for: there is no build to forget."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage, Storage

PARTS: Final = Path(__file__).parent / "static" / "ui" / "css"
NAME: Final = "ui/app.css"


def stylesheet() -> str:
    """All parts in name order: numbered files and folders say which layer they fill."""
    parts = sorted(PARTS.rglob("*.css"), key=lambda path: path.relative_to(PARTS).parts)
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


class StylesFinder(BaseFinder):
    """Offers ui/app.css to collectstatic and, in DEBUG, to each request."""

    def __init__(self, app_names: object = None) -> None:
        self.folder = settings.DATA_DIR / "build"

    def check(self, **_: object) -> list[CheckMessage]:
        return []

    # An empty list is a miss: Django's loop over the finders would take None for a match.
    def find(  # type: ignore[override]  # its stubs promise None
        self, path: str, find_all: bool = False
    ) -> str | list[str]:
        """The path of the built file, as a list when all are wanted; nothing for any other name."""
        if path != NAME:
            return []
        built = str(_written(self.folder / NAME))
        return [built] if find_all else built

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        _written(self.folder / NAME)
        yield NAME, FileSystemStorage(location=self.folder)


def _written(target: Path) -> Path:
    """The file with today's text. Replaced in one step: other processes may be reading it."""
    text = stylesheet()
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=target.parent, suffix=".css", delete=False
    ) as new:
        new.write(text)
    Path(new.name).chmod(0o644)
    return Path(new.name).replace(target)
