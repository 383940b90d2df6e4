"""What nobody else would notice: workers that died with a job or a call's price in their hands, and time passing."""

import structlog
from celery import shared_task
from django.utils import timezone

from writeorperish.ai import cache, jobs, ledger

log = structlog.get_logger()


@shared_task(ignore_result=True)
def reclaim_jobs() -> None:
    """Jobs of dead workers are announced again."""
    if count := jobs.reclaim():
        log.warning("jobs.reclaimed", count=count)


@shared_task(ignore_result=True)
def settle_lost_calls() -> None:
    """Prices held for calls that will never report back are booked."""
    if count := ledger.settle_lost(timezone.now()):
        log.warning("calls.lost", count=count)


@shared_task(ignore_result=True)
def drop_old_answers() -> None:
    """Answers kept for a week go."""
    cache.drop_old(timezone.now())
