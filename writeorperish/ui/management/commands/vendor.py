import json
import shutil
import subprocess
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from writeorperish.ui import vendored


class Command(BaseCommand):
    help = "Fetch, verify and assemble the scripts, fonts and icons of others that we serve."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        add = what.add_parser(
            "add", help="copy files of a published package: add name@1.2.3 file …"
        )
        add.add_argument("package")
        add.add_argument("files", nargs="+")
        what.add_parser("check", help="compare every vendored file with its recorded sha256")
        what.add_parser("icons", help="write icons.svg from the vendored icons")

    def handle(
        self, *, what: str, package: str = "", files: list[str] | None = None, **_: object
    ) -> None:
        if what == "add":
            self.add(package, files or [])
        elif what == "check":
            self.check_files()
        else:
            vendored.SPRITE.write_text(vendored.sprite(), encoding="utf-8")
            self.stdout.write(f"{vendored.SPRITE.name}: {vendored.SPRITE.stat().st_size} bytes")

    def add(self, package: str, files: list[str]) -> None:
        name, at, version = package.rpartition("@")
        if not (name and at and version):
            raise CommandError("Name the package with its version, for example htmx.org@4.0.1.")
        with tempfile.TemporaryDirectory() as folder:
            [packed] = json.loads(_npm("pack", package, "--json", "--pack-destination", folder))
            published = json.loads(_npm("view", package, "dist.integrity", "--json"))
            archive = Path(folder) / packed["filename"]
            try:
                taken = vendored.take(
                    archive, name=name, version=version, integrity=published, files=files
                )
            except vendored.NotAsPublished as error:
                raise CommandError(str(error)) from error
            except KeyError as error:
                raise CommandError(f"{package} has no file {error.args[0]}.") from error
        self.stdout.write(f"{taken.folder}: {len(taken.files)} files of {name} {version}")

    def check_files(self) -> None:
        wrong = vendored.differences()
        if vendored.SPRITE.read_text(encoding="utf-8") != vendored.sprite():
            wrong.append("icons.svg is not made of the vendored icons: run manage.py vendor icons.")
        if wrong:
            raise CommandError("\n".join(wrong))
        self.stdout.write(f"{len(vendored.recorded())} packages as recorded")


def _npm(*arguments: str) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError("Adding files needs npm, which is not on this machine.")
    answer = subprocess.run(  # noqa: S603  # the words come from whoever updates a vendored file
        [npm, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    if answer.returncode:
        raise CommandError(answer.stderr.strip())
    return answer.stdout
