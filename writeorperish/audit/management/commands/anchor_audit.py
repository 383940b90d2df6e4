from django.core.management.base import BaseCommand, CommandError

from writeorperish.audit.anchoring import TargetUnusable, anchor


class Command(BaseCommand):
    help = "Signs where all chains of the audit log end, here and in AUDIT_ANCHOR_TARGET."

    def handle(self, **_options: object) -> None:
        try:
            row = anchor()
        except TargetUnusable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"anchor {row.number} {row.count} {bytes(row.merkle_root).hex()}")
