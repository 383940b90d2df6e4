import base64
import hashlib
import io
import shutil
import tarfile

import pytest
from django.core.management import CommandError, call_command

from writeorperish.ui import vendored


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(vendored.ROOT, tmp_path / "vendor")


def archive_of(folder, **files):
    """A package's archive with these files, and the integrity its registry would publish."""
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return path, f"sha512-{digest}"


def test_every_vendored_file_is_as_it_was_fetched():
    call_command("vendor", "check", verbosity=0)


def test_each_package_brings_its_licence():
    for package in vendored.recorded():
        assert vendored.LICENCE in package.files


def test_a_changed_a_missing_and_an_unknown_file_are_each_named(copy):
    (copy / "htmx" / "htmx.min.js").write_text("alert(1)")
    (copy / "lucide" / "lock.svg").unlink()
    (copy / "hotkey" / "extra.js").write_text("")
    assert vendored.differences(copy) == [
        "lucide/lock.svg is recorded but missing.",
        "hotkey/extra.js is here but not recorded.",
        "htmx/htmx.min.js was changed.",
    ]


def test_named_files_and_the_licence_are_taken_and_recorded(tmp_path):
    archive, integrity = archive_of(
        tmp_path, **{"dist/a.js": "1", "dist/b.js": "2", "LICENSE": "MIT"}
    )
    root = tmp_path / "vendor"
    vendored.take(
        archive,
        name="@who/thing",
        version="1.0.0",
        integrity=integrity,
        files=["dist/a.js"],
        root=root,
    )
    assert sorted(path.name for path in (root / "thing").iterdir()) == ["LICENSE", "a.js"]
    assert vendored.differences(root) == []


def test_an_archive_other_than_the_published_one_is_refused_and_nothing_is_written(tmp_path):
    archive, _integrity = archive_of(tmp_path, **{"a.js": "1", "LICENSE": "MIT"})
    root = tmp_path / "vendor"
    with pytest.raises(vendored.NotAsPublished):
        vendored.take(
            archive,
            name="thing",
            version="1.0.0",
            integrity="sha512-AAAA",
            files=["a.js"],
            root=root,
        )
    assert not root.exists()


def test_a_package_is_named_with_its_version():
    with pytest.raises(CommandError, match="with its version"):
        call_command("vendor", "add", "htmx.org", "dist/htmx.min.js")


def test_the_sprite_holds_each_vendored_icon_once():
    names = [path.stem for path in sorted((vendored.ROOT / "lucide").glob("*.svg"))]
    text = vendored.SPRITE.read_text(encoding="utf-8")
    assert [text.count(f'id="{name}"') for name in names] == [1] * len(names)
