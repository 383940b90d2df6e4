from datetime import timedelta

from writeorperish.ai.embeddings import embed_text
from writeorperish.ai.jobs import queue_of, run
from writeorperish.events.bus import on
from writeorperish.events.catalog import AIUsageChanged, JobQueued, TextRewritten, TextWritten


@on(TextWritten, queue="low")
def embed_what_was_written(fact: TextWritten) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(TextRewritten, queue="low")
def embed_what_was_rewritten(fact: TextRewritten) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(AIUsageChanged, queue="low")
def embed_what_was_opened(fact: AIUsageChanged) -> None:
    embed_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


# A reply may take two minutes; the job's own lease decides who writes it.
@on(JobQueued, queue="urgent", lease=timedelta(seconds=150))
def run_what_was_queued(fact: JobQueued) -> None:
    if queue_of(fact.job) == "urgent":
        run(fact.job)


@on(JobQueued, queue="low")
def run_what_nobody_waits_for(fact: JobQueued) -> None:
    if queue_of(fact.job) == "low":
        run(fact.job)
