from celery import shared_task

from download.actions.exports import expire_exports
from download.actions.feeds import ask_all
from download.actions.highlights import purge as purge_highlights
from download.actions.imports import forget_what_was_before, sweep_files
from download.actions.items import purge as purge_items
from download.actions.recommendations import purge as purge_recommendations


@shared_task
def purge() -> None:
    """Lets go of what has been in the trash for its time, and of files that came in or were to go out."""
    purge_items()
    purge_highlights()
    purge_recommendations()
    sweep_files()
    forget_what_was_before()
    expire_exports()


@shared_task
def ask_feeds() -> None:
    """Has every source of links read, each at its own minute."""
    ask_all()
