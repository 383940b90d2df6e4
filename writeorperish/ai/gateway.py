"""The one way to a model: allowed, paid for, asked, written down."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string, salted_hmac

from writeorperish.ai import (
    asking,
    budget,
    cache,
    catalogue,
    ledger,
    prompts,
    routing,
    schemas,
    sounds,
    twins,
)
from writeorperish.ai.composing import Composed, compose, looked_up
from writeorperish.ai.encoder import ModelMissing
from writeorperish.ai.ledger import Errand
from writeorperish.ai.models import Preferences, Scope, Vector
from writeorperish.ai.parts import (
    Aloud,
    Answer,
    BadAnswer,
    CapabilityOff,
    Capable,
    Cut,
    Delta,
    Looking,
    LookUp,
    NotAllowed,
    ProviderDown,
    Slots,
    Spoken,
    TooLong,
    Transcript,
    Typed,
    UnknownModel,
    UnknownProvider,
    Voiced,
)
from writeorperish.ai.prompts import Prompt
from writeorperish.ai.providers import local
from writeorperish.ai.providers.wire import Request, Stop, Tool, Turn, Usage
from writeorperish.ai.recipes import Plan
from writeorperish.ai.routing import Choice, KeyClass
from writeorperish.events.catalog import AIPaused
from writeorperish.events.outbox import emit
from writeorperish.privacy import consent
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import Passage, open_now
from writeorperish.refs import Ref

BATCH: Final = 32
LOOK_UPS: Final = 3


def never() -> bool:
    return False


def capable(capability: str, person: UUID | None = None) -> Capable:
    """Whether this can be done now, by whom, and whether on this server. LookupError for an unknown one."""
    if settings.AI_PAUSED:
        return Capable(on=False, why="paused")
    if capability == "embed":
        why = local.lacking()
        return Capable(on=not why, why=why, offline=True, provider=local.NAME, model=local.MODEL)
    if capability not in catalogue.TIERS:
        raise LookupError(capability)
    wishes = preferences_of(person) if person else Preferences()
    if wishes.paused:
        return Capable(on=False, why="paused_by_you")
    options = routing.choices(
        capability,
        key_class="chat",
        on=today(),
        prefer=wishes.preferred_model,
        among=wishes.providers,
    )
    if options:
        first = options[0]
        return Capable(on=True, provider=first.provider, model=first.model.name)
    if catalogue.TIERS[capability] != "chat":
        return Capable(on=False, why="no_provider")
    return Capable(on=True, offline=True, provider=twins.NAME)


def stream(
    name: str,
    slots: Slots,
    *,
    spender: UUID,
    about: Ref | None = None,
    job: UUID | None = None,
    prefer: str = "",
    look: LookUp | None = None,
    here: bool = False,
    stop: Callable[[], bool] = never,
    words: Prompt | None = None,
) -> Iterator[Delta | Looking | Answer]:
    """The words of an answer as they come, and last the answer as a whole.

    `prefer`: the id of the model to ask first. `look`: what the model may look up before it answers, three times
    at most. `here`: answered by rule on this server, whoever else could. `words`: an earlier version of the prompt, to be used instead of today's.
    `stop` is asked before each piece; when it says yes, what came so far is the answer. Before anything
    leaves: NotAllowed, CapabilityOff, BudgetSpent, TooLong. Then ProviderDown, ProviderRefuses or BadAnswer;
    once words have come no other provider is tried.
    """
    asked = _asked(name, slots, spender=spender, about=about, job=job, prefer=prefer, words=words)
    if here:
        require_here(asked.composed, spender)
        yield from _offline(asked.name, asked.slots, asked.errand)
    elif look is None:
        yield from _answers(asked, stop)
    else:
        yield from _answers_looking_up(asked, look, stop)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it would be put to any model, and for whom. `only`: the id of the one that may answer."""

    name: str
    slots: Slots
    prompt: Prompt
    composed: Composed
    errand: Errand
    prefer: str = ""
    tools: Sequence[Tool] = ()
    only: str = ""


def _asked(
    name: str,
    slots: Slots,
    *,
    spender: UUID,
    about: Ref | None = None,
    job: UUID | None = None,
    prefer: str = "",
    words: Prompt | None = None,
) -> Asked:
    prompt = words or prompts.named(name)
    require_own(prompt, slots, spender)
    composed = compose(prompt, slots, mark=f"text-{get_random_string(8).lower()}")
    errand = Errand(
        spender=spender,
        feature=prompt.feature,
        task=prompt.task,
        purpose=prompt.purpose,
        prompt_version=prompt.version,
        about=about,
        job=job,
        background=prompt.background,
        cuts=composed.cuts,
        plan=Plan(prompt, composed.recipe),
    )
    return Asked(name, slots, prompt, composed, errand, prefer)


def _answers(asked: Asked, stop: Callable[[], bool]) -> Iterator[Delta | Answer]:
    """The answer of the first model that gives one, or of the twin where only this server may be asked."""
    spender = asked.errand.spender
    options = allowed_choices(asked.prompt, asked.composed, spender, asked.prefer)
    if not options and not asked.only:
        yield from _offline(asked.name, asked.slots, asked.errand)
        return
    may = partial(require_still, asked.prompt, asked.composed, spender)
    failure = ProviderDown()
    for choice in options:
        if asked.only not in {"", choice.model.id}:
            continue
        request = request_to(choice, asked.prompt, asked.composed, spender, tools=asked.tools)
        answering = asking.ask(choice, request, asked.errand, may=may, stop=stop)
        try:
            first = next(answering)
        except ProviderDown as down:
            failure = down
            continue
        yield first
        yield from answering
        return
    raise failure


def _answers_looking_up(
    asked: Asked, look: LookUp, stop: Callable[[], bool]
) -> Iterator[Delta | Looking | Answer]:
    """The answer of a model that may look things up; after three times it has to do with what it has.

    Each time is a call of its own to the same model, allowed, paid and listed like the first.
    """
    said: list[str] = []
    cost = 0
    for tools in (*[look.tools] * LOOK_UPS, ()):
        answer = yield from _told(replace(asked, tools=tools), said, stop)
        cost += answer.cost_microdollars
        if not (tools and answer.wanted and answer.stop == Stop.END):
            break
        if answer.text.strip():  # what it says next begins a paragraph of its own
            said.append("\n\n")
            yield Delta("\n\n")
        yield Looking()
        asked = _with_what_was_found(asked, answer, look)
    text = "".join(said)
    if answer.stop == Stop.END and not text.strip():
        raise BadAnswer
    yield replace(answer, text=text, cost_microdollars=cost)


def _told(
    asked: Asked, said: list[str], stop: Callable[[], bool]
) -> Generator[Delta, None, Answer]:
    """The words of one call as they come, added to what was said before; its whole comes back."""
    for event in _answers(asked, stop):
        if isinstance(event, Answer):
            return event
        said.append(event.words)
        yield event
    raise RuntimeError("A stream ends with its answer")


def _with_what_was_found(asked: Asked, answer: Answer, look: LookUp) -> Asked:
    """The question once more, with what the model wanted to know, to the same model."""
    found = [(each, look.found(each, asked.composed.cuts)) for each in answer.wanted]
    composed = looked_up(asked.composed, asked.prompt, found)
    errand = replace(asked.errand, cuts=composed.cuts, plan=Plan(asked.prompt, composed.recipe))
    return replace(asked, composed=composed, errand=errand, only=answer.model_id)


def complete(
    name: str,
    slots: Slots,
    *,
    spender: UUID,
    about: Ref | None = None,
    job: UUID | None = None,
    stop: Callable[[], bool] = never,
) -> Answer:
    """The whole answer; with a prompt that has a schema its `data` is of that shape. Refusals as in `stream`.

    A model whose answer is not of the shape is told so and asked once more, which is a call of its own. One that
    was stopped has no data. Where the prompt allows it, what was answered to the very same question in the last
    week is the answer, and nothing is sent.
    """
    asked = _asked(name, slots, spender=spender, about=about, job=job)
    if not cache.may_be_kept(asked.prompt, asked.composed, spender):
        return _completed(asked, stop)
    found = _kept(asked)
    if found is not None:
        return found
    answer = _completed(asked, stop)
    if not answer.offline and answer.stop == Stop.END:
        _keep(asked, answer)
    return answer


def _kept(asked: Asked) -> Answer | None:
    """What the model that would be asked answered to this before, if it may still be used."""
    spender = asked.errand.spender
    options = allowed_choices(asked.prompt, asked.composed, spender, asked.prefer)
    if not options:
        return None
    row = cache.kept(spender, _mark(asked, options[0]), now=timezone.now())
    if row is None:
        return None
    require_still(asked.prompt, asked.composed, spender)
    call = ledger.record_again(asked.errand, row.call)
    answer = Answer(
        text=row.text,
        stop=Stop.END,
        provider=row.call.provider,
        model=row.model_name,
        model_id=row.call.model,
        call=call.pk,
        read=tuple(asked.errand.cuts),
    )
    return shaped(answer, asked.prompt) if asked.prompt.schema is not None else answer


def _keep(asked: Asked, answer: Answer) -> None:
    spender = asked.errand.spender
    options = allowed_choices(asked.prompt, asked.composed, spender, asked.prefer)
    for choice in options:
        if (choice.provider, choice.model.id) == (answer.provider, answer.model_id):
            cache.keep(answer, _mark(asked, choice), asked.prompt, spender=spender)
            return


def _mark(asked: Asked, choice: Choice) -> bytes:
    spender = asked.errand.spender
    request = request_to(choice, asked.prompt, asked.composed, spender)
    return cache.mark_of(asked.prompt, asked.composed, choice, request, spender)


def _completed(asked: Asked, stop: Callable[[], bool]) -> Answer:
    """The whole answer, newly made, and of its shape after a second try at most."""
    answer = _whole(asked, stop)
    if asked.prompt.schema is None or answer.offline or answer.stop == Stop.STOPPED:
        return answer
    try:
        return shaped(answer, asked.prompt)
    except schemas.Unfit as unfit:
        return _repaired(asked, answer, unfit.problem, stop)


def _whole(asked: Asked, stop: Callable[[], bool]) -> Answer:
    *_pieces, answer = _answers(asked, stop)
    if not isinstance(answer, Answer):
        raise TypeError("A stream ends with its answer")
    return answer


def _repaired(asked: Asked, answer: Answer, problem: str, stop: Callable[[], bool]) -> Answer:
    """The second answer of the model that gave the first, after it was told what was wrong. BadAnswer."""
    told = schemas.again(problem, asked.prompt.schema or {})
    said = (Turn("assistant", answer.text), Turn("user", told))
    composed = replace(asked.composed, turns=(*asked.composed.turns, *said))
    second = _whole(replace(asked, composed=composed, prefer=answer.model_id), stop)
    cost = answer.cost_microdollars + second.cost_microdollars
    second = replace(second, cost_microdollars=cost)
    if second.stop == Stop.STOPPED:
        return second
    try:
        return shaped(second, asked.prompt)
    except schemas.Unfit:
        raise BadAnswer from None


def shaped(answer: Answer, prompt: Prompt) -> Answer:
    """The answer with its data. Unfit, and BadAnswer for a model that declined."""
    if prompt.schema is None:
        raise TypeError(f"{prompt.name} has no schema")
    if answer.stop == Stop.REFUSED:
        raise BadAnswer
    if answer.stop == Stop.LENGTH:
        raise schemas.Unfit("It was longer than it may be, and was cut.")
    return replace(answer, data=schemas.read(answer.text, prompt.schema))


def embed(parts: Sequence[Cut] | Typed, *, spender: UUID, feature: str) -> list[Vector]:
    """One unit vector per cut, or one for what was typed; written into the spender's ledger.

    A batch never mixes owners: ValueError. NotAllowed for a text closed to AI, CapabilityOff without the
    model. Nothing leaves this machine.
    """
    cuts = [] if isinstance(parts, Typed) else list(parts)
    if any(cut.passage.owner_id != spender for cut in cuts):
        raise ValueError("A batch belongs to one owner")
    require_open(cuts)
    if settings.AI_PAUSED:
        raise CapabilityOff(why="paused")
    words = [parts.words] if isinstance(parts, Typed) else [cut.words for cut in cuts]
    started_at = timezone.now()
    vectors: list[Vector] = []
    try:
        for first in range(0, len(words), BATCH):
            vectors += local.embed(words[first : first + BATCH])
    except ModelMissing as missing:
        raise CapabilityOff(why=missing.reason) from missing
    ledger.record_here(
        Errand(spender, feature, "embed", Purpose.EMBED, cuts=cuts),
        provider=local.NAME,
        model=local.MODEL,
        key_class="local",
        parts=len(words),
        started_at=started_at,
    )
    return vectors


def transcribe(
    spoken: Spoken, *, spender: UUID, feature: str, job: UUID | None = None, prefer: str = ""
) -> Transcript:
    """The words of a stretch of speech, by the first provider that answers.

    Before anything leaves: NotAllowed, CapabilityOff, BudgetSpent (also of the month's minutes). Then
    ProviderDown or ProviderRefuses; minutes that brought no words are given back.
    """
    able = capable("transcribe", spender)
    if not able.on:
        raise CapabilityOff(why=able.why)
    if spoken.ai_usage == AIUsage.NONE:
        raise NotAllowed(why="ai_off_here")
    people = {spender, spoken.owner_id}
    if consent.allowing(people, Purpose.TRANSCRIBE) < people:
        raise NotAllowed(why="no_consent")
    errand = Errand(
        spender, feature, "transcribe", Purpose.TRANSCRIBE, about=spoken.ref, job=job, spoken=spoken
    )
    now = timezone.now()
    seconds = max(1, round(spoken.seconds))
    budget.count(spender, Scope.TRANSCRIPTION, amount=seconds, at=now)
    try:
        return _heard(spoken, errand, prefer)
    except BaseException:
        budget.give_back(spender, Scope.TRANSCRIPTION, amount=seconds, at=now)
        raise


def speak(
    aloud: Aloud, *, spender: UUID, feature: str, voice: str, job: UUID | None = None
) -> Voiced:
    """The words of one stretch of a passage as sound, by the first provider that answers.

    Before anything leaves: NotAllowed, CapabilityOff, BudgetSpent. Then ProviderDown or ProviderRefuses.
    """
    able = capable("speak", spender)
    if not able.on:
        raise CapabilityOff(why=able.why)
    require_open([aloud.cut])
    people = {spender, aloud.cut.passage.owner_id}
    if consent.allowing(people, Purpose.SPEAK) < people:
        raise NotAllowed(why="no_consent")
    about = aloud.cut.passage.ref
    errand = Errand(
        spender, feature, "speak", Purpose.SPEAK, about=about, job=job, cuts=[aloud.cut]
    )
    failure = ProviderDown()
    for choice in routing.choices("speak", key_class="chat", on=today()):
        try:
            return sounds.say(choice, aloud, errand, voice=voice)
        except ProviderDown as down:
            failure = down
    raise failure


def _heard(spoken: Spoken, errand: Errand, prefer: str) -> Transcript:
    failure = ProviderDown()
    for choice in routing.choices("transcribe", key_class="chat", on=today(), prefer=prefer):
        try:
            return sounds.hear(choice, spoken, errand)
        except ProviderDown as down:
            failure = down
    raise failure


def allowed_choices(prompt: Prompt, composed: Composed, spender: UUID, prefer: str) -> list[Choice]:
    """Who may be asked this, after every text in it was looked at; empty when only this server may.

    NotAllowed or CapabilityOff otherwise. No socket is opened.
    """
    if settings.AI_PAUSED:
        raise CapabilityOff(why="paused")
    wishes = preferences_of(spender)
    if wishes.paused:
        raise CapabilityOff(why="paused_by_you")
    require_open(composed.cuts)
    options = routing.choices(
        prompt.tier,
        key_class=key_class_of(prompt, composed),
        on=today(),
        prefer=prefer or wishes.preferred_model,
        among=wishes.providers,
    )
    if options or consent.COVERED_BY.get(prompt.purpose, prompt.purpose) in consent.ALWAYS_ASKED:
        require_consent(prompt.purpose, composed, spender)
    return options


def require_here(composed: Composed, spender: UUID) -> None:
    """CapabilityOff while AI is paused, NotAllowed for a text closed to it: also for a rule on this server."""
    if settings.AI_PAUSED or preferences_of(spender).paused:
        raise CapabilityOff(why="paused" if settings.AI_PAUSED else "paused_by_you")
    require_open(composed.cuts)


def withheld(purpose: Purpose, person: UUID) -> str:
    """Why nothing of this person may be given to a model for this now, as a short code; empty when it may.

    A consent is asked for only where there are words to agree to. Up to two queries.
    """
    if settings.AI_PAUSED:
        return "paused"
    if preferences_of(person).paused:
        return "paused_by_you"
    covering = consent.COVERED_BY.get(purpose, purpose)
    agreed = covering not in consent.terms() or consent.allows(person, purpose)
    return "" if agreed else "no_consent"


def require_still(prompt: Prompt, composed: Composed, spender: UUID) -> None:
    """Looked at before every try to send: what was allowed when the texts were read may be closed by now.

    NotAllowed, CapabilityOff. Three queries and one for each kind of text.
    """
    if settings.AI_PAUSED or preferences_of(spender).paused:
        raise CapabilityOff(why="paused" if settings.AI_PAUSED else "paused_by_you")
    require_consent(prompt.purpose, composed, spender)
    refs = {cut.passage.ref for cut in composed.cuts}
    if open_now(refs, purpose=prompt.purpose) < refs:
        raise NotAllowed(why="ai_off_here")


def require_own(prompt: Prompt, slots: Slots, spender: UUID) -> None:
    """ValueError for somebody else's words where only the person's own may stand."""
    for name, slot in prompt.slots.items():
        part = slots.get(name)
        if slot.kind != "own" or part is None:
            continue
        if not isinstance(part, Passage) or part.owner_id != spender:
            raise ValueError(f"{prompt.name}: {name} holds the person's own words only")


def require_open(cuts: Sequence[Cut]) -> None:
    if any(cut.passage.ai_usage == AIUsage.NONE for cut in cuts):
        raise NotAllowed(why="ai_off_here")


def require_consent(purpose: Purpose, composed: Composed, spender: UUID) -> None:
    """NotAllowed unless the spender and the owner of every text agreed that it may be sent out for this."""
    people = {spender, *(cut.passage.owner_id for cut in composed.cuts)}
    if consent.allowing(people, purpose) < people:
        raise NotAllowed(why="no_consent")


def key_class_of(prompt: Prompt, composed: Composed) -> KeyClass:
    """Which key these texts may be sent with: the one that allows training only if all of them do.

    And only for what a person asked for: what is made behind their back trains nobody.
    """
    if prompt.background or not composed.cuts or not composed.for_training:
        return "chat"
    owners = {cut.passage.owner_id for cut in composed.cuts}
    return "train" if consent.allowing(owners, Purpose.TRAIN) == owners else "chat"


def request_to(
    choice: Choice,
    prompt: Prompt,
    composed: Composed,
    spender: UUID,
    *,
    tools: Sequence[Tool] = (),
) -> Request:
    """The request as this model takes it. TooLong when it does not fit with its answer."""
    model = choice.model
    held = prompt.schema is not None and "schema" in model.does
    system = composed.system
    if prompt.schema is not None and not held:
        system = f"{system}\n\n{schemas.in_words(prompt.schema)}"
    room = min(prompt.max_output + model.thinking, model.max_output)
    tokens = catalogue.tokens_of(model, [system, *composed.texts[1:]])
    if tokens + room > model.context:
        raise TooLong(tokens=tokens, max=model.context - room)
    return Request(
        model=model.id,
        system=system,
        turns=composed.turns,
        max_output=room,
        effort=prompt.effort if prompt.effort in model.efforts else "",
        schema=prompt.schema if held else None,
        tools=tools if "tools" in model.does else (),
        pseudonym=pseudonym(spender),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What something will cost about, and with whom; `model` is empty where it is done on this server."""

    microdollars: int = 0
    model: str = ""


def expected(name: str, *, spender: UUID, calls: int, chars: int, answer_chars: int) -> Expected:
    """What so many calls with this prompt cost about, when they read and answer so many characters in all.

    By the price of the model that would be asked first. Nothing is held or sent. One query.
    """
    prompt, wishes = prompts.named(name), preferences_of(spender)
    options = routing.choices(
        prompt.tier,
        key_class="chat",
        on=today(),
        prefer=wishes.preferred_model,
        among=wishes.providers,
    )
    if not options:
        return Expected()
    model = options[0].model
    put = round((chars + calls * len(prompt.text)) / model.chars_per_token)
    got = round(answer_chars / model.chars_per_token)
    one = Usage(put=-(-put // calls), read=0, written=0, got=-(-got // calls)) if calls else None
    cost = calls * catalogue.cost_microdollars(model, one, on=today()) if one else 0
    return Expected(cost, model.name)


def pseudonym(person: UUID) -> str:
    """What a provider's checks against abuse may know somebody by: it leads nowhere without our key."""
    return salted_hmac("wop.ai.pseudonym", str(person), algorithm="sha256").hexdigest()[:32]


def preferences_of(person: UUID) -> Preferences:
    """What the person chose about AI, or the defaults. One query."""
    return Preferences.objects.filter(owner=person).first() or Preferences(owner_id=person)


@transaction.atomic
def change_preferences(person: UUID, *, paused: bool, preferred_model: str) -> None:
    """What the person chose about AI from now on. A pause also stops what is under way.

    UnknownModel for one that cannot be chosen, an earlier choice that retired apart.
    """
    known = [each.model.id for each in routing.selectable(today())]
    kept = ["", preferences_of(person).preferred_model]
    if preferred_model not in [*known, *kept]:
        raise UnknownModel(known=known)
    if paused and not preferences_of(person).paused:
        emit(AIPaused(person))
    Preferences.objects.update_or_create(
        owner_id=person, defaults={"paused": paused, "preferred_model": preferred_model}
    )


def accept_providers(person: UUID, providers: Collection[str]) -> None:
    """Only these may answer this person from now on. UnknownProvider for one that is not set up here."""
    known = routing.providers(today())
    if unknown := set(providers) - set(known):
        raise UnknownProvider(unknown=sorted(unknown), known=known)
    Preferences.objects.update_or_create(owner_id=person, defaults={"providers": sorted(providers)})


def accepted(wishes: Preferences) -> list[str]:
    """Those providers set up here that may answer this person."""
    known = routing.providers(today())
    return [each for each in known if wishes.providers is None or each in wishes.providers]


def today() -> date:
    return timezone.now().date()


def _offline(name: str, slots: Slots, errand: Errand) -> Iterator[Delta | Answer]:
    started_at: datetime = timezone.now()
    made = twins.answer(name, slots)
    call = ledger.record_here(
        errand,
        provider=twins.NAME,
        model=twins.NAME,
        key_class="local",
        parts=len(errand.cuts),
        started_at=started_at,
    )
    if made.text:
        yield Delta(made.text)
    yield Answer(
        text=made.text,
        data=made.data,
        stop=Stop.END,
        provider=twins.NAME,
        model=twins.NAME,
        offline=True,
        call=call.pk,
        read=tuple(errand.cuts),
    )
