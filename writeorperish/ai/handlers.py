from datetime import timedelta

from writeorperish.ai import cache
from writeorperish.ai.embeddings import embed_text
from writeorperish.ai.jobs import queue_of, run, stop_withheld
from writeorperish.ai.verdicts import forget_what_is_unwanted
from writeorperish.events.bus import on
from writeorperish.events.catalog import (
    AIPaused,
    AIUsageChanged,
    ConsentWithdrawn,
    JobQueued,
    TextErased,
    TextRewritten,
    TextWritten,
)


@on(TextWritten, queue="low")
def embed_what_was_written(fact: TextWritten) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(TextRewritten, queue="low")
def embed_what_was_rewritten(fact: TextRewritten) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(AIUsageChanged, queue="low")
def embed_what_was_opened(fact: AIUsageChanged) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


# A reply may take two minutes, ten minutes of speech a quarter of an hour where a service is slow, and there may be
# hours of it. The job's own, shorter lease decides whose it is, and gives it to another when its worker died.
@on(JobQueued, queue="urgent", lease=timedelta(hours=1))
def run_what_was_queued(fact: JobQueued) -> None:
    if queue_of(fact.job) == "urgent":
        run(fact.job)


@on(JobQueued, queue="low")
def run_what_nobody_waits_for(fact: JobQueued) -> None:
    if queue_of(fact.job) == "low":
        run(fact.job)


@on(ConsentWithdrawn, queue="urgent")
def stop_what_was_agreed_to(fact: ConsentWithdrawn) -> None:
    stop_withheld(fact.person)


@on(ConsentWithdrawn, queue="urgent")
def drop_what_was_kept(fact: ConsentWithdrawn) -> None:
    cache.drop(fact.person, fact.purpose)


@on(ConsentWithdrawn)
def forget_what_was_learned(fact: ConsentWithdrawn) -> None:
    forget_what_is_unwanted(fact.person)


@on(AIPaused, queue="urgent")
def stop_what_was_paused(fact: AIPaused) -> None:
    stop_withheld(fact.person)


@on(AIUsageChanged, queue="urgent")
def stop_what_was_closed(fact: AIUsageChanged) -> None:
    stop_withheld(fact.owner)


@on(TextErased)
def stop_what_was_erased(fact: TextErased) -> None:
    stop_withheld(fact.owner)
