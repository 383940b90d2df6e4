"""Asking one's own texts: asked, answered by a worker line by line, and shown only as far as it still holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Profile
from download.answering import PROMPT, Reader, Said, given_in
from download.dates import Days
from download.legs import Place
from download.looking import Evidence, Looked, Wish, look
from download.models.answers import Citation, Conversation, Question, Segment
from writeorperish.ai import budget, gateway, jobs
from writeorperish.ai.asking import Broken
from writeorperish.ai.composing import label
from writeorperish.ai.jobs import Lost, Telling
from writeorperish.ai.models import Job, Scope
from writeorperish.ai.parts import (
    Answer,
    CapabilityOff,
    Capable,
    Delta,
    Excerpt,
    Fact,
    NotAllowed,
    Quote,
    Slots,
    Typed,
)
from writeorperish.ai.providers.wire import Stop
from writeorperish.audit.log import record
from writeorperish.ops.refusals import Conflict, Invalid, Missing, TooMuch
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.portability import forget
from writeorperish.privacy.reading import SOURCES, still_stands
from writeorperish.refs import Ref, new_id

KIND: Final = "download.answer"
# Answered by rule: no word leaves, so that no consent to that is needed.
KIND_HERE: Final = "download.answer_here"
QUESTION_CHARS: Final = 2_000
TITLE_CHARS: Final = 80
AT_ONCE: Final = 3
MOST_TAGS: Final = 10
OMITTED: Final = "[…]"


class QuestionEmpty(Invalid):
    code = "empty"
    words = _("Type a question first.")


class QuestionTooLong(Invalid):
    code = "too_long"
    words = _("A question has at most 2,000 characters. Nothing was sent.")


class StillAnswering(Conflict):
    code = "still_answering"
    words = _("The question before is still being answered. Stop it, or wait a moment.")


class TooManyAtOnce(TooMuch):
    code = "too_many_at_once"
    words = _("Three of your questions are being answered. Wait until one is done.")


class ScopeInvalid(Invalid):
    code = "scope_invalid"
    words = _("These days or tags can't be read.")


@dataclass(frozen=True, slots=True)
class Where:
    """What a conversation is narrowed to; nothing of it narrows nothing."""

    first: date | None = None
    last: date | None = None
    tags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.first.isoformat() if self.first else None,
            "to": self.last.isoformat() if self.last else None,
            "tags": list(self.tags),
        }


def where_of(conversation: Conversation) -> Where:
    kept = conversation.scope
    first, last = kept.get("from"), kept.get("to")
    return Where(
        date.fromisoformat(first) if first else None,
        date.fromisoformat(last) if last else None,
        tuple(kept.get("tags", ())),
    )


def ability_of(person: AbstractUser) -> tuple[Capable, bool]:
    """Who would answer this person, and whether they agreed that passages are sent there. Two queries."""
    return gateway.capable("large", person.pk), consent.allows(person.pk, Purpose.ASK)


def begin(
    person: AbstractUser, words: str, *, where: Where, by_rule: bool = False, model: str = ""
) -> Question:
    """The first question of a new conversation. Refusals as in `ask`, and ScopeInvalid."""
    if len(where.tags) > MOST_TAGS or (where.first and where.last and where.first > where.last):
        raise ScopeInvalid
    with transaction.atomic():
        conversation = Conversation.objects.create(
            id=new_id(),
            owner_id=person.pk,
            title=" ".join(words.split())[:TITLE_CHARS],
            scope=where.as_json(),
        )
        return ask(person, conversation.pk, words, by_rule=by_rule, model=model)


def ask(
    person: AbstractUser,
    conversation_id: UUID,
    words: str,
    *,
    by_rule: bool = False,
    instead_of: Question | None = None,
    model: str = "",
) -> Question:
    """The question as it waits for its answer. `by_rule`: answered on this server, whoever else could.

    QuestionEmpty, QuestionTooLong, Missing, StillAnswering, TooManyAtOnce, NotAllowed, CapabilityOff or
    BudgetSpent before anything is read or sent.
    """
    words = words.replace("\x00", "").strip()
    if not words:
        raise QuestionEmpty
    if len(words) > QUESTION_CHARS:
        raise QuestionTooLong(chars=len(words), cap=QUESTION_CHARS)
    able, consented = ability_of(person)
    if not able.on:
        raise CapabilityOff(why=able.why)
    here = by_rule or able.offline
    if not here and not consented:
        raise NotAllowed(why="no_consent")
    with transaction.atomic():
        conversation = locked(person, conversation_id)
        waiting = Question.objects.filter(owner=person.pk, outcome=Question.Outcome.WAITING)
        if waiting.filter(conversation=conversation).exists():
            raise StillAnswering
        if waiting.count() >= AT_ONCE:
            raise TooManyAtOnce(retry_after_seconds=5)
        now = timezone.now()
        if not here:
            budget.require_any(person.pk, at=now)
            budget.count(person.pk, Scope.REPLIES_DAY, at=now)
        question = Question.objects.create(
            id=new_id(),
            owner_id=person.pk,
            conversation=conversation,
            words=words,
            instead_of=instead_of,
            by_rule=by_rule,
            asked_at=now,
        )
        kind = KIND_HERE if here else KIND
        about = Ref.to(conversation)
        job, _new = jobs.start(person, kind, about=about, result=question.ref, model=model)
        question.job = job.pk
        question.save(update_fields=["job"])
        Conversation.objects.filter(pk=conversation.pk).update(asked_at=now)
        record(person, "ask_archive", about, of=person.pk, purpose=Purpose.ASK)
        return question


def locked(person: AbstractUser, conversation_id: UUID) -> Conversation:
    rows = Conversation.objects.editable_by(person).select_for_update(of=("self",))
    conversation = rows.filter(pk=conversation_id).first()
    if conversation is None:
        raise Missing
    return conversation


def ask_again(person: AbstractUser, question_id: UUID, *, by_rule: bool = False) -> Question:
    """The same question asked anew; the earlier answer stays, and says that there is a later one."""
    earlier = Question.objects.editable_by(person).filter(pk=question_id).first()
    if earlier is None:
        raise Missing
    return ask(person, earlier.conversation_id, earlier.words, by_rule=by_rule, instead_of=earlier)


def stop(person: AbstractUser, question_id: UUID) -> Question:
    """The question, told to stop; what was answered stays. Missing."""
    question = Question.objects.editable_by(person).filter(pk=question_id).first()
    if question is None or question.job is None:
        raise Missing
    jobs.cancel(person, question.job)
    return question


@transaction.atomic
def delete_conversation(person: AbstractUser, conversation_id: UUID) -> None:
    """The conversation, its questions and answers are gone for good; a running one stops. Missing."""
    conversation = locked(person, conversation_id)
    questions = list(Question.objects.filter(conversation=conversation).only("pk", "job"))
    for job_id in [each.job for each in questions if each.job]:
        if not Job.objects.get(pk=job_id).over:
            jobs.cancel(person, job_id)
    if questions:
        forget(*[each.ref for each in questions], owner_id=person.pk)
    record(person, "delete", Ref.to(conversation), of=person.pk)
    conversation.delete()


@transaction.atomic
def judge(person: AbstractUser, question_id: UUID, *, useful: bool) -> None:
    """Whether the answer was useful, as its person says. Missing for one that is not over."""
    rows = Question.objects.editable_by(person).filter(pk=question_id)
    if not rows.exclude(outcome=Question.Outcome.WAITING).update(useful=useful):
        raise Missing


def answer(job: Job) -> None:
    """Does one job: looks, and if anything is near enough asks; every line is looked at before it is shown.

    A model that breaks off is asked anew, up to the job's last attempt.
    """
    question = question_of(job)
    if question is None:
        end_answer(job, Job.State.STOPPED, "gone")
        return
    telling = Telling(job)
    telling.begin()
    start_over(job, question)
    telling.tell("status", status="looking")
    looked = find_evidence(job.owner, question)
    keep_places(job, question, looked)
    if not looked.evidence:
        settle(job, question, Question.Outcome.REFUSED)
        return
    telling.tell("status", status="reading", count=len({e.passage.ref for e in looked.evidence}))
    try:
        say(job, question, telling, slots_of(question, looked.evidence))
    except Broken as broken:
        if not jobs.again(job):
            end_answer(job, Job.State.FAILED, broken.code)


def question_of(job: Job) -> Question | None:
    if job.result_id is None:
        return None
    rows = Question.objects.filter(owner=job.owner_id, deleted_at=None)
    return rows.select_related("conversation").filter(pk=job.result_id).first()


@transaction.atomic
def start_over(job: Job, question: Question) -> None:
    """Nothing stands of an attempt that was lost. Lost."""
    jobs.require_mine(job)
    Citation.objects.filter(question=question).delete()
    Segment.objects.filter(question=question).delete()
    Question.objects.filter(pk=question.pk).update(removed=0, used=0)


def find_evidence(person: AbstractUser, question: Question) -> Looked:
    where = where_of(question.conversation)
    before = before_of(question)
    return look(
        person,
        question.words,
        earlier=before.words if before else "",
        wish=Wish(Days(where.first, where.last), where.tags),
        zone=ZoneInfo(Profile.objects.get(person=person.pk).zone),
    )


def before_of(question: Question) -> Question | None:
    """The question before it in its conversation, those asked anew apart."""
    rows = Question.objects.filter(
        conversation=question.conversation_id, asked_at__lt=question.asked_at, deleted_at=None
    )
    again = {question.instead_of_id, question.pk}
    return rows.exclude(pk__in=[each for each in again if each]).order_by("-asked_at").first()


@transaction.atomic
def keep_places(job: Job, question: Question, looked: Looked) -> None:
    """The counts, and the places shown below the question: never their words. Lost."""
    jobs.require_mine(job)
    places = [(each, Citation.Role.CLOSED) for each in looked.closed]
    if not looked.evidence:
        places += [(each, Citation.Role.NEAR) for each in looked.nearest]
    Citation.objects.bulk_create(
        citation_of(question, place, role, number) for number, (place, role) in enumerate(places, 1)
    )
    Question.objects.filter(pk=question.pk).update(
        searched=looked.searched, left_out=looked.left_out, used=len(looked.evidence)
    )


def citation_of(question: Question, place: Place, role: str, number: int) -> Citation:
    return Citation(
        owner_id=question.owner_id,
        question=question,
        role=role,
        number=number,
        source_kind=place.ref.kind,
        source_id=place.ref.id,
        rev=place.rev,
        start=place.start,
        end=place.end,
    )


def slots_of(question: Question, evidence: Sequence[Evidence]) -> Slots:
    """What a model is given: the passages, the question and the one before it, and the day."""
    own = [each for each in evidence if not each.foreign]
    foreign = [each for each in evidence if each.foreign]
    ordered = [*own, *foreign]
    nearest = max(range(len(ordered)), key=lambda n: ordered[n].nearness)
    before = before_of(question)
    return {
        "today": Fact(timezone.now().date().isoformat()),
        "nearest": Fact(label(nearest)),
        "passages": [excerpt_of(each) for each in own] or None,
        "pages": [excerpt_of(each) for each in foreign] or None,
        "before": Typed(before.words) if before else None,
        "question": Typed(question.words),
    }


def excerpt_of(evidence: Evidence) -> Excerpt:
    """The stretch, and in place of each sign for machines in it a mark that something stood there."""
    passage = evidence.passage
    marks = SOURCES[passage.ref.kind].marks(passage.text)
    quotes = tuple(
        Quote(start, end, Fact(OMITTED))
        for start, end in marks
        if evidence.start <= start and end <= evidence.end
    )
    return Excerpt(passage, evidence.start, evidence.end, quotes)


def say(job: Job, question: Question, telling: Telling, slots: Slots) -> None:
    """The answer as it comes, line by line. Broken when the model breaks off."""
    reader = Reader(given_in(slots))
    for event in gateway.stream(
        PROMPT,
        slots,
        spender=job.owner_id,
        about=job.about,
        job=job.pk,
        prefer=job.model,
        here=job.kind == KIND_HERE,
        stop=lambda: reader.over or telling.stopped_meanwhile(),
    ):
        if isinstance(event, Delta):
            for said in reader.feed(event.words):
                keep(job, question, telling, said, reader.given)
        elif isinstance(event, Answer):
            for said in reader.close(whole=event.stop == Stop.END):
                keep(job, question, telling, said, reader.given)
            settle(job, question, *outcome_of(question, reader, event, telling), answer=event)


def outcome_of(
    question: Question, reader: Reader, whole: Answer, telling: Telling
) -> tuple[str, str]:
    """How it ended, and the code that says why."""
    outcome = Question.Outcome
    if telling.stop_asked:
        return outcome.STOPPED, ""
    if reader.unreadable > 1:
        return outcome.FAILED, "unreadable"
    if whole.stop == Stop.REFUSED:
        return outcome.FAILED, "refused"
    if Segment.objects.filter(question=question).exists():
        return outcome.ANSWERED, "length" if whole.stop == Stop.LENGTH else ""
    if reader.none or reader.done:
        return outcome.REFUSED, ""
    return outcome.FAILED, "unreadable"


def keep(
    job: Job, question: Question, telling: Telling, said: Said, given: Sequence[Excerpt]
) -> None:
    """A sentence stands with its citations and is told to who watches; not if a source changed meanwhile. Lost."""
    with transaction.atomic():
        jobs.require_mine(job)
        if not Question.objects.select_for_update().filter(pk=question.pk).exists():
            raise Lost
        # Locked in one order, so that two answers never wait for each other.
        cited = sorted({span.passage for span in said.spans}, key=lambda n: given[n].passage.ref.id)
        if not all(still_stands(given[n].passage, purpose=Purpose.ASK) for n in cited):
            return
        ordinal = Segment.objects.filter(question=question).count() + 1
        segment = Segment.objects.create(
            owner_id=question.owner_id,
            question=question,
            ordinal=ordinal,
            text=said.text,
            supported=bool(said.spans),
        )
        number = Citation.objects.filter(question=question).count()
        Citation.objects.bulk_create(
            Citation(
                owner_id=question.owner_id,
                question=question,
                segment=segment,
                role=Citation.Role.SUPPORT,
                number=number + index,
                source_kind=given[span.passage].passage.ref.kind,
                source_id=given[span.passage].passage.ref.id,
                rev=given[span.passage].passage.rev,
                start=span.start,
                end=span.end,
            )
            for index, span in enumerate(said.spans, 1)
        )
    telling.say(f"{shown(said, given)}\n\n")
    telling.flush()


def shown(said: Said, given: Sequence[Excerpt]) -> str:
    """A sentence and its quotations in plain words, for who watches it come."""
    quotes = [f"“{given[span.passage].text[span.start : span.end]}”" for span in said.spans]
    return "\n".join([*([said.text] if said.text else []), *quotes])


@transaction.atomic
def settle(
    job: Job, question: Question, outcome: str, code: str = "", *, answer: Answer | None = None
) -> None:
    """The question and its job are over; what may no longer be used since it was read counts as not answered."""
    if answer and not answer.offline and not consent.allows(job.owner_id, Purpose.ASK):
        withdraw(question)
        outcome, code = Question.Outcome.STOPPED, "no_consent"
    Question.objects.filter(pk=question.pk).update(
        outcome=outcome,
        code=code,
        offline=answer.offline if answer else True,
        model=answer.model if answer else "",
        cost_microdollars=answer.cost_microdollars if answer else 0,
    )
    if answer:
        jobs.spent_by(job, answer.cost_microdollars)
    states = {
        Question.Outcome.STOPPED: Job.State.STOPPED,
        Question.Outcome.FAILED: Job.State.FAILED,
    }
    jobs.finish(
        job,
        states.get(Question.Outcome(outcome), Job.State.DONE),
        error=code,
        offline=answer.offline if answer else True,
    )


def withdraw(question: Question) -> None:
    Citation.objects.filter(question=question).delete()
    Segment.objects.filter(question=question).delete()


@transaction.atomic
def end_answer(job: Job, state: str, error: str) -> None:
    """The job ends without a whole answer; what stands of it stays, and its person may ask again."""
    stopped = state == Job.State.STOPPED
    outcome = Question.Outcome.STOPPED if stopped else Question.Outcome.FAILED
    if job.result_id is not None:
        waiting = Question.objects.filter(pk=job.result_id, outcome=Question.Outcome.WAITING)
        waiting.update(outcome=outcome, code=error)
    jobs.finish(job, state, error=error)


def written_out(question: Question) -> str:
    """The answer as text, a mark [n] for each passage it rests on. Two queries."""
    return "\n\n".join(
        " ".join([segment.text, *(f"[{each.number}]" for each in segment.citations.all())]).strip()
        for segment in question.segments.order_by("ordinal").prefetch_related(
            Prefetch("citations", Citation.objects.order_by("number"))
        )
    )


def notes_of(question: Question) -> list[str]:
    """For each mark of an answer the passage it stands for: `n kind:id rev start-end`. One query."""
    cited = question.citations.filter(role=Citation.Role.SUPPORT).order_by("number")
    return [f"{each.number} {each.source} {each.rev} {each.start}-{each.end}" for each in cited]
