from celery import shared_task
from django.utils import timezone

from journal.actions.drafts import sweep_drafts
from journal.actions.imports import sweep_files
from journal.actions.portraits import start_due
from journal.actions.recordings import sweep_recordings
from journal.actions.trash import purge as purge_nodes
from journal.audio import sweep_workshops


@shared_task
def purge() -> None:
    """Lets go of what has been in the trash for its time, and of empty drafts."""
    purge_nodes()
    sweep_drafts()
    sweep_recordings()
    sweep_workshops()
    sweep_files()


@shared_task
def portray() -> None:
    """Begins the portraits that are due."""
    start_due(timezone.now())
