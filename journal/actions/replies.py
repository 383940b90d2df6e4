"""AI replies in threads: asked for, written by a worker, and settled only where they may still stand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from journal.actions.beginnings import begin, beginning_of, words_for
from journal.actions.lookups import look_up_for, owners_in
from journal.actions.nodes import Audience, keep_version, lock_parent, open_to_audience
from journal.actions.portraits import current_of, shown_to
from journal.actions.threads import path_to
from journal.models.nodes import Node, Version
from journal.models.portraits import Note
from journal.replying import PROMPT, RELATED, cited, unstamped, window
from journal.weaving import first_quotes, quoted_refs, woven
from writeorperish.ai import budget, embeddings, gateway, instructions, jobs
from writeorperish.ai.asking import Broken
from writeorperish.ai.jobs import Lost, Telling
from writeorperish.ai.models import Job, Scope
from writeorperish.ai.parts import (
    Answer,
    CapabilityOff,
    Capable,
    Delta,
    Excerpt,
    Fact,
    Looking,
    NotAllowed,
    Said,
    Slots,
)
from writeorperish.ai.prompts import Prompt
from writeorperish.ai.providers.wire import Stop
from writeorperish.audit.log import record
from writeorperish.events.catalog import Genre, TextWritten
from writeorperish.events.outbox import emit
from writeorperish.ops.states import move
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage, read, read_all
from writeorperish.refs import Ref, new_id

KIND = "journal.reply"
# Asking once more would not help: what was to be answered is gone, or closed to AI by now.
NEVER = {"not_allowed", "not_found", "no_consent", "ai_off_here", "gone"}
# How far back what is told as recent goes, and of how many entries at most; the prompt cuts further.
RECENT = timedelta(days=14)
MOST_NOTES = 20
NOT_OPEN = "[An earlier entry here is not available to AI]"


def why_not(person: AbstractUser, node: Node, able: Capable, *, consented: bool) -> str:
    """Why no AI reply can be asked for below this entry, as a short code; empty when one can.

    `consented`: whether the person agreed that their texts are sent out for replies. No query.
    """
    if node.owner_id != person.pk:
        return "not_yours"
    if node.ai_usage == AIUsage.NONE:
        return "ai_off_here"
    if node.state != Node.State.WHOLE or node.body is None:
        return "not_whole"
    if not able.on:
        return "unavailable"
    return "" if able.offline or consented else "no_consent"


def ability_of(person: AbstractUser) -> tuple[Capable, bool]:
    """Whether and by whom this person's texts can be answered, and whether they agreed to that. Two queries."""
    return gateway.capable("large", person.pk), consent.allows(person.pk, Purpose.REPLY)


def ask_for_reply(person: AbstractUser, node_id: UUID, *, model: str = "") -> tuple[Node, Job]:
    """The reply that is being written, and the job that writes it; asked again meanwhile, the same two.

    A reply that failed is written anew in its place. `model`: the id of the one to ask first. Raises Missing,
    ParentDeleted, NotAllowed, CapabilityOff or BudgetSpent before anything is sent.
    """
    able, consented = ability_of(person)
    with transaction.atomic():
        above = lock_parent(person, node_id)
        refusal = why_not(person, above, able, consented=consented)
        if refusal == "unavailable":
            raise CapabilityOff(why=able.why)
        if refusal:
            raise NotAllowed(why=refusal)
        about = Ref.to(above)
        standing = jobs.find(KIND, about)
        if standing is not None and standing.result_id is not None:
            return Node.objects.get(pk=standing.result_id), standing
        if not able.offline:
            now = timezone.now()
            budget.require_any(person.pk, at=now)
            budget.count(person.pk, Scope.REPLIES_DAY, at=now)
        reply = place_for(person, above, able)
        job, _new = jobs.start(person, KIND, about=about, result=Ref.to(reply), model=model)
        record(person, "ask_ai", about, of=person.pk, purpose=Purpose.REPLY)
        return reply, job


def place_for(person: AbstractUser, above: Node, able: Capable) -> Node:
    """Where the reply will stand: a failed one of this entry, emptied, or a new one seen by whoever sees the entry."""
    failed = Node.objects.filter(
        parent=above, owner=person.pk, author_kind=Node.Author.AI, state=Node.State.FAILED,
        deleted_at=None,
    ).first()  # fmt: skip
    if failed is not None:
        return move(failed, Node.State.WRITING, body="", chars=0)
    at = timezone.now()
    reply = Node(
        id=new_id(),
        owner_id=person.pk,
        root_id=above.root_id,
        parent=above,
        depth=above.depth + 1,
        author_kind=Node.Author.AI,
        author_model=able.model or able.provider,
        body="",
        state=Node.State.WRITING,
        privacy_level=above.privacy_level,
        ai_usage=above.ai_usage,
        written_at=at,
        zone=above.zone,
        day=at.astimezone(ZoneInfo(above.zone)).date(),
    )
    reply.save(force_insert=True)
    open_to_audience(reply, above, Audience())
    return reply


def write_reply(job: Job) -> None:
    """Does one job: what may be read is read, a model is asked, its words are handed on and kept.

    A model that breaks off is asked anew, up to the job's last attempt.
    """
    person = job.owner
    telling = Telling(job)
    telling.begin()
    answer: Answer | None = None
    words = words_of(job)
    slots = context_of(person, job.about_id)
    try:
        for event in gateway.stream(
            PROMPT,
            slots,
            look=look_up_for(person, Node.objects.get(pk=job.about_id), slots),
            spender=person.pk,
            about=job.about,
            job=job.pk,
            prefer=job.model,
            stop=telling.asked_to_stop,
            words=words,
        ):
            if isinstance(event, Delta):
                telling.say(event.words)
            elif isinstance(event, Looking):
                telling.flush()
                telling.tell("status", status="looking")
            else:
                answer = event
    except Broken as broken:
        if not jobs.again(job):
            fail_reply(job, Job.State.FAILED, broken.code, text=telling.text)
        return
    telling.flush()
    if answer is None:
        raise Lost
    settle_reply(job, answer)


def words_of(job: Job) -> Prompt | None:
    """Our words to the model, as this conversation began with them; None where none is asked."""
    about = Node.objects.filter(pk=job.about_id).first()
    if about is None or gateway.capable("large", job.owner_id).offline:
        return None
    return words_for(begin(job.owner, about.root_id))


def context_of(person: AbstractUser, node_id: UUID) -> Slots:
    """What a model may be given for a reply to this entry: the way to it through the thread, related entries, what is known of them.

    Each text is looked at by itself: what is not open to AI leaves a gap that says so.
    """
    path = path_to(person, node_id)
    chosen = [path[index] for index in window([node.chars for node in path])]
    passages = open_texts(person, [Ref.to(node) for node in chosen])
    about = passages.get(Ref(Node._meta.label_lower, node_id))
    if about is None:
        raise NotAllowed(why="ai_off_here")
    related = related_to(person, about, besides=set(passages))
    texts = with_quotes(person, chosen, passages | {each.ref: each for each in related})
    slots: dict[str, Any] = {
        "thread": [said_by(node, texts.get(Ref.to(node))) for node in chosen],
        "related": [texts[each.ref] for each in related],
    }
    slots["instructions"] = instructions.passage_for(person, purpose=Purpose.REPLY)
    root_id = chosen[-1].root_id
    return slots | known_of(person, owners_in(slots), root_id=root_id, besides=set(texts))


def with_quotes(
    person: AbstractUser, thread: Sequence[Node], passages: Mapping[Ref, Passage]
) -> dict[Ref, Passage | Excerpt]:
    """These texts with the entries they quote, each under its own rules; what a model wrote quotes nothing."""
    by_ai = {Ref.to(node) for node in thread if node.author_kind == Node.Author.AI}
    quotes = first_quotes([each for ref, each in passages.items() if ref not in by_ai])
    refs = quoted_refs(quotes)
    opened = open_texts(person, refs) if refs else {}
    return {ref: woven(each, quotes.get(ref, []), opened) for ref, each in passages.items()}


def known_of(
    person: AbstractUser, owners: set[UUID], *, root_id: UUID, besides: set[Ref]
) -> dict[str, Passage | list[Passage] | None]:
    """The portrait this conversation began with and the newest notes, where they may be used.

    Before its first reply that is the one that stands. One that was set aside or deleted since is given no more,
    and no other takes its place. Not in a conversation with others, who might draw them out. The rule that answers without a service makes no
    use of them, and is not given them.
    """
    if owners != {person.pk}:
        return {}
    if gateway.capable("large", person.pk).offline:
        return {}
    if not consent.allows(person.pk, Purpose.PORTRAIT):
        return {}
    newest = shown_to(person)
    if newest is not None and newest.ai_usage == AIUsage.NONE:
        return {}
    begun = beginning_of(person, root_id)
    portrait = begun.usable_portrait if begun else current_of(person)
    notes = recent_notes(person, besides={ref.id for ref in besides})
    found = read_all(notes, purpose=Purpose.REPLY, asker=person)
    return {
        "portrait": read(portrait.ref, purpose=Purpose.REPLY, asker=person) if portrait else None,
        "recent": [found[ref] for ref in notes if ref in found],
    }


def recent_notes(person: AbstractUser, *, besides: set[UUID]) -> list[Ref]:
    """The notes on what was written in the last two weeks, newest first, without those on these entries."""
    since = timezone.now().date() - RECENT
    rows = Note.objects.visible_to(person).filter(day__gte=since).exclude(source_id__in=besides)
    return [row.ref for row in rows.order_by("-day", "-pk").only("pk")[:MOST_NOTES]]


def open_texts(person: AbstractUser, refs: list[Ref]) -> dict[Ref, Passage]:
    """Those of these texts that may be given to a model now: also others' only where they agreed to it."""
    passages = read_all(refs, purpose=Purpose.REPLY, asker=person)
    if gateway.capable("large", person.pk).offline:
        return passages
    agreed = consent.allowing({each.owner_id for each in passages.values()}, Purpose.REPLY)
    return {ref: passage for ref, passage in passages.items() if passage.owner_id in agreed}


def said_by(node: Node, text: Passage | Excerpt | None) -> Said:
    if text is None:
        return Said("user", Fact(NOT_OPEN))
    at = local(node.written_at, node.zone)
    return Said("assistant" if node.author_kind == Node.Author.AI else "user", text, at=at)


def local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%A %d %B %Y, %H:%M")


def related_to(person: AbstractUser, about: Passage, *, besides: set[Ref]) -> list[Passage]:
    """Own earlier entries near in meaning, nearest first, without those of the conversation."""
    embeddings.embed_text(about.ref, owner_id=person.pk, genre=Genre.DIARY)
    near = embeddings.related(about.ref, of=person.pk, k=RELATED + len(besides))
    refs = [ref for ref in near if ref not in besides][:RELATED]
    found = read_all(refs, purpose=Purpose.REPLY, asker=person)
    return [found[ref] for ref in refs if ref in found]


@transaction.atomic
def settle_reply(job: Job, answer: Answer) -> None:
    """The reply stands as far as it came; or nothing does, when what it answers is gone or closed to AI by now."""
    reply = reply_of(job)
    if reply is None or not may_still_stand(job, answer):
        discard(job, reply)
        return
    jobs.spent_by(job, answer.cost_microdollars)
    if answer.stop == Stop.REFUSED:
        fail_reply(job, Job.State.FAILED, "refused")
        return
    stopped = answer.stop == Stop.STOPPED
    write_down(
        reply, cited(answer.text, answer.read), Node.State.STOPPED if stopped else Node.State.WHOLE
    )
    Node.objects.filter(pk=reply.pk).update(author_model=answer.model)
    jobs.finish(
        job,
        Job.State.STOPPED if stopped else Job.State.DONE,
        error="length" if answer.stop == Stop.LENGTH else "",
        offline=answer.offline,
    )


def reply_of(job: Job) -> Node | None:
    """Where the job's text ends, locked; None when it was deleted meanwhile."""
    rows = Node.objects.select_for_update().filter(deleted_at=None)
    return rows.filter(pk=job.result_id).first() if job.result_id else None


def write_down(reply: Node, text: str, state: str) -> None:
    reply = move(reply, state, body=text, chars=len(text), rev=reply.rev, updated_at=timezone.now())
    if not reply.versions.filter(rev=reply.rev).exists():
        keep_version(reply, Version.Reason.SAVE)
    if state == Node.State.WHOLE:
        emit(TextWritten(Ref.to(reply), reply.owner_id, Genre.ANSWER))


def may_still_stand(job: Job, answer: Answer) -> bool:
    """Whether the entry is there and open to AI, and its person still agrees to what was done; it stays so meanwhile."""
    if not answer.offline and not consent.allows(job.owner_id, Purpose.REPLY):
        return False
    above = (
        Node.objects.select_for_update(no_key=True)
        .filter(pk=job.about_id, deleted_at=None)
        .exclude(ai_usage=AIUsage.NONE)
        .first()
    )
    return above is not None


def discard(job: Job, reply: Node | None) -> None:
    if reply is not None:
        reply.delete()
    jobs.finish(job, Job.State.STOPPED, error="gone")


@transaction.atomic
def fail_reply(job: Job, state: str, error: str, *, text: str = "") -> None:
    """The job ends without a whole reply; what came stays, and its person may ask once more."""
    reply = reply_of(job)
    partial = unstamped(text or (job.partial or ""))
    if reply is not None and reply.state == Node.State.WRITING:
        if not partial and (state == Job.State.STOPPED or error in NEVER):
            reply.delete()
        else:
            kept = Node.State.STOPPED if state == Job.State.STOPPED else Node.State.FAILED
            write_down(reply, partial, kept)
    jobs.finish(job, state, error=error)


def jobs_of(nodes: Iterable[Node]) -> dict[UUID, Job]:
    """The newest job of each of these replies that is being written. One query, none where nothing is."""
    writing = [node.pk for node in nodes if node.state == Node.State.WRITING]
    if not writing:
        return {}
    rows = Job.objects.filter(result_kind=Node._meta.label_lower, result_id__in=writing)
    return {job.result_id: job for job in rows.order_by("created_at") if job.result_id}


def newest_job_of(node: Node) -> Job | None:
    """The job that wrote this reply last, or writes it now."""
    return jobs_about(node).order_by("-created_at").first()


def jobs_about(node: Node) -> QuerySet[Job]:
    ref = Ref.to(node)
    return Job.objects.filter(owner=node.owner_id, result_kind=ref.kind, result_id=ref.id)
