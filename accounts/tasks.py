from celery import shared_task
from django.utils import timezone

from accounts.actions.departure import expire_exports
from writeorperish.crypto import storage
from writeorperish.ops import once


@shared_task
def tidy() -> None:
    """Lets go of what was kept for a time only: exports, doomed files, answers to repeated requests."""
    expire_exports()
    once.prune(timezone.now())
    # The last, since a bucket may be away: then the next night takes what it left.
    storage.sweep()
