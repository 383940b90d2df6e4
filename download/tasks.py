from celery import shared_task

from download.actions.highlights import purge as purge_highlights
from download.actions.items import purge as purge_items


@shared_task
def purge() -> None:
    """Lets go of what has been in the trash for its time."""
    purge_items()
    purge_highlights()
