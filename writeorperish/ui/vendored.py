"""Files of other people that we serve: fetched once, committed with their licence, never edited."""

import base64
import hashlib
import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree

ROOT: Final = Path(__file__).parent / "static" / "ui" / "vendor"
SPRITE: Final = Path(__file__).parent / "static" / "ui" / "icons.svg"
RECORD: Final = "VENDOR.json"
LICENCE: Final = "LICENSE"
SVG: Final = "http://www.w3.org/2000/svg"


class NotAsPublished(Exception):
    """An archive or a file is not the one that was published or recorded."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package: where its files lie, what was published, and the sha256 of each file."""

    folder: str
    name: str
    version: str
    integrity: str
    files: dict[str, str]


def recorded(root: Path = ROOT) -> list[Package]:
    """The packages of VENDOR.json, by folder; none when nothing was added yet."""
    path = root / RECORD
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Package(**row) for row in rows]


def folder_of(name: str) -> str:
    """Where a package lives: its own name without owner, suffix or kind ("@github/hotkey" → "hotkey")."""
    return name.rpartition("/")[2].removesuffix(".org").removesuffix("-static")


def take(
    archive: Path, *, name: str, version: str, integrity: str, files: list[str], root: Path = ROOT
) -> Package:
    """The package with the named files and its licence copied out of the archive and recorded.

    integrity: "sha512-<base64>" as published. Files are named as inside the archive, without its
    first folder; they land side by side. NotAsPublished when the archive differs, KeyError when it
    lacks a file.
    """
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != integrity:
        raise NotAsPublished(f"{name}@{version} is not the archive that was published.")
    earlier = next((each for each in recorded(root) if each.name == name), None)
    kept = dict(earlier.files) if earlier and earlier.version == version else {}
    folder = root / folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for file in [*files, LICENCE]:
            content = packed.extractfile(f"package/{file}")
            if content is None:
                raise KeyError(file)
            target = PurePosixPath(file).name
            (folder / target).write_bytes(content.read())
            kept[target] = _sha256(folder / target)
    package = Package(folder.name, name, version, integrity, dict(sorted(kept.items())))
    others = [each for each in recorded(root) if each.name != name]
    _write_record([*others, package], root)
    return package


def differences(root: Path = ROOT) -> list[str]:
    """One sentence for each vendored file that is missing, changed or unknown; none when all is well."""
    packages = recorded(root)
    listed = {f"{each.folder}/{file}": sha for each in packages for file, sha in each.files.items()}
    present = {
        path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()
    }
    present.pop(RECORD, None)
    return [
        *(f"{name} is recorded but missing." for name in sorted(listed.keys() - present.keys())),
        *(f"{name} is here but not recorded." for name in sorted(present.keys() - listed.keys())),
        *(
            f"{name} was changed."
            for name in sorted(listed.keys() & present.keys())
            if _sha256(present[name]) != listed[name]
        ),
    ]


def sprite(root: Path = ROOT) -> str:
    """All vendored icons as one SVG of symbols, each named for its file, in name order."""
    symbols = "".join(_symbol(path) for path in sorted((root / "lucide").glob("*.svg")))
    return f'<svg xmlns="{SVG}">\n{symbols}</svg>\n'


def _symbol(path: Path) -> str:
    drawing = ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  # our own file
    for element in drawing.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    shapes = "".join(ElementTree.tostring(shape, encoding="unicode").strip() for shape in drawing)
    return f'<symbol id="{path.stem}" viewBox="{drawing.attrib["viewBox"]}">{shapes}</symbol>\n'


def _write_record(packages: list[Package], root: Path) -> None:
    rows = [asdict(each) for each in sorted(packages, key=lambda each: each.folder)]
    (root / RECORD).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
