from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from writeorperish.crypto.buckets import FilesAway, bucket_files
from writeorperish.crypto.moving import Moved, files_to_move, in_batches, move_file
from writeorperish.crypto.storage import files_here

MOST_NAMED = 50


class Command(BaseCommand):
    help = (
        "Moves the sealed files between the data folder and the bucket of STORAGE_URL. It may be stopped and run "
        "again at any time; with --keep also while the site runs on the other side."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", choices=["bucket", "disk"], required=True)
        parser.add_argument(
            "--keep", action="store_true", help="leave the files where they were, too"
        )

    def handle(self, *, to: str, keep: bool, **_options: object) -> None:
        if not settings.STORAGE:
            raise CommandError("STORAGE_URL is not set, so there is no bucket.", returncode=2)
        sides = files_here(), bucket_files(**settings.STORAGE)
        source, target = sides if to == "bucket" else reversed(sides)
        moved = Moved()
        wanted = files_to_move()
        try:
            for blob in tqdm(
                in_batches(wanted), total=wanted.count(), unit="files", disable=None, leave=False
            ):
                moved.add(blob, move_file(blob, source, target, keep=keep))
        except FilesAway:
            raise CommandError(
                f"The bucket does not answer. {moved.copied} files were copied; the same command goes on from "
                "here.",
                returncode=1,
            ) from None
        self.stdout.write(f"{moved.copied} files copied, {moved.there} were there already.")
        for blob_id in moved.ill[:MOST_NAMED]:
            self.stdout.write(f"missing or different: blob {blob_id}")
        if moved.ill:
            raise CommandError(
                f"{len(moved.ill)} are missing or differ, and were left as they are.", returncode=1
            )
