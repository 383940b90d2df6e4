"""What nobody else would notice: workers that died with work in their hands, and vectors that have become many."""

import structlog
from celery import shared_task
from django.utils import timezone

from writeorperish.ai import cache, jobs, ledger, promotion

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
def tend_vectors() -> None:
    """Who has many vectors has a graph over them, and every graph finds what a scan would find."""
    tended = promotion.tend()
    log.info("vectors.tended", built=tended.built, dropped=tended.dropped, kept=tended.kept)


@shared_task(ignore_result=True)
def drop_old_answers() -> None:
    """Answers kept for a week go."""
    cache.drop_old(timezone.now())
