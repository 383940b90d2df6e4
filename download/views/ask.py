"""Asking one's archive: the field, the conversations, and where each quotation stands."""

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts.http import Request
from download.actions import answers
from download.actions.answers import Where, where_of
from download.looking import counted
from download.models.answers import Conversation, Question
from download.showing import shown, with_answers
from writeorperish.ai.ledger import calls_for
from writeorperish.ai.models import Job
from writeorperish.ops.limits import require
from writeorperish.ops.refusals import Missing, Refused
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.ui.pages import is_htmx, show

CONVERSATIONS = 20
QUESTIONS = 50
ON_THE_PAGE = {409, 422, 429}
EXAMPLES = (
    gettext_lazy("When did I last sleep well?"),
    gettext_lazy("What did I decide about work this year?"),
    gettext_lazy("Who helped me when things were hard?"),
    gettext_lazy("What made me laugh in spring?"),
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def asks(request: Request) -> HttpResponse:
    """The field and the conversations so far; POST begins one."""
    if request.method != "POST":
        return asking(request, words=request.GET.get("q", ""))
    require("ai_start", request.user.pk)
    words = request.POST.get("words", "")
    try:
        agree(request)
        question = answers.begin(request.user, words, where=where(request), by_rule=here(request))
    except Refused as refusal:
        if refusal.status not in ON_THE_PAGE:
            raise
        return asking(request, words=words, refusal=refusal)
    return redirect(question)


def asking(request: Request, *, words: str, refusal: Refused | None = None) -> HttpResponse:
    rows = Conversation.objects.visible_to(request.user).order_by("-asked_at", "-pk")
    before = request.GET.get("before", "")
    if is_id(before):
        last = rows.filter(pk=before).first()
        rows = rows.filter(asked_at__lt=last.asked_at) if last else rows.none()
    found = list(rows[: CONVERSATIONS + 1])
    searched, left_out = counted(request.user)
    context = {
        **ability(request),
        "words": words,
        "asked": request.POST,
        "refusal": refusal,
        "conversations": found[:CONVERSATIONS],
        "more": found[CONVERSATIONS - 1].pk if len(found) > CONVERSATIONS else None,
        "searched": searched,
        "left_out": left_out,
        "examples": [(each, f"?{urlencode({'q': each})}") for each in map(str, EXAMPLES)],
    }
    return show(request, "download/asks.html", context, status=refusal.status if refusal else 200)


def ability(request: Request) -> dict[str, object]:
    """Who would answer, and the consent where passages would leave and it is not given yet."""
    able, consented = answers.ability_of(request.user)
    unasked = able.on and not able.offline and not consented
    return {"able": able, "terms": consent.terms().get(Purpose.ASK) if unasked else None}


def agree(request: Request) -> None:
    if request.POST.get("consent") == "yes":
        consent.decide(
            request.user,
            Purpose.ASK,
            granted=True,
            text_version=request.POST.get("text_version", ""),
            source="ask",
        )


def here(request: Request) -> bool:
    return request.POST.get("by_rule") == "yes"


def where(request: Request) -> Where:
    """What the form narrows the conversation to. ScopeInvalid for days no calendar has."""
    tags = request.POST.get("tags", "").replace(",", " ").split()
    return Where(
        day(request.POST.get("from", "")),
        day(request.POST.get("to", "")),
        tuple(dict.fromkeys(each.removeprefix("#") for each in tags)),
    )


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as wrong:
        raise answers.ScopeInvalid from wrong


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@login_required
@require_safe
def conversation(request: Request, conversation_id: UUID) -> HttpResponse:
    return talking(request, own(request, conversation_id))


def talking(
    request: Request, found: Conversation, *, words: str = "", refusal: Refused | None = None
) -> HttpResponse:
    rows = Question.objects.visible_to(request.user).filter(conversation=found)
    questions = list(with_answers(rows).order_by("-asked_at", "-pk")[:QUESTIONS])[::-1]
    context = {
        **ability(request),
        "conversation": found,
        "where": where_of(found),
        "places": shown(request.user, questions),
        "partial": partials(questions),
        "words": words,
        "refusal": refusal,
    }
    status = refusal.status if refusal else 200
    return show(request, "download/conversation.html", context, status=status)


def own(request: Request, conversation_id: UUID) -> Conversation:
    found = Conversation.objects.visible_to(request.user).filter(pk=conversation_id).first()
    if found is None:
        raise Missing
    return found


def own_question(request: Request, conversation_id: UUID, said: str) -> Question:
    rows = Question.objects.visible_to(request.user).filter(conversation=conversation_id)
    question = rows.filter(pk=said).first() if is_id(said) else None
    if question is None:
        raise Missing
    return question


def partials(questions: list[Question]) -> str:
    """The verified words so far of the question that is being answered; one at most in a conversation."""
    waiting = [each.job for each in questions if not each.over and each.job]
    job = Job.objects.filter(pk__in=waiting).first() if waiting else None
    return (job.partial or "") if job else ""


@login_required
@require_GET
def question(request: Request, conversation_id: UUID) -> HttpResponse:
    """One question as it stands, for a page that watched it being answered."""
    if not is_htmx(request):
        return redirect(own(request, conversation_id))
    found = own_question(request, conversation_id, request.GET.get("question", ""))
    rows = with_answers(Question.objects.visible_to(request.user).filter(pk=found.pk))
    (place,) = shown(request.user, list(rows))
    context = {"place": place, "conversation": found.conversation, "partial": partials([found])}
    return show(request, "download/answer.html", context, parts=("question",))


@login_required
@require_POST
def ask(request: Request, conversation_id: UUID) -> HttpResponse:
    """A further question in a conversation."""
    found = own(request, conversation_id)
    require("ai_start", request.user.pk)
    words = request.POST.get("words", "")
    try:
        agree(request)
        made = answers.ask(request.user, found.pk, words, by_rule=here(request))
    except Refused as refusal:
        if refusal.status not in ON_THE_PAGE:
            raise
        return talking(request, found, words=words, refusal=refusal)
    return redirect(made)


@login_required
@require_POST
def again(request: Request, conversation_id: UUID) -> HttpResponse:
    """The same question, asked anew."""
    earlier = own_question(request, conversation_id, request.POST.get("question", ""))
    require("ai_start", request.user.pk)
    try:
        made = answers.ask_again(request.user, earlier.pk, by_rule=here(request))
    except Refused as refusal:
        if refusal.status not in ON_THE_PAGE:
            raise
        return talking(request, own(request, conversation_id), refusal=refusal)
    return redirect(made)


@login_required
@require_POST
def stop(request: Request, conversation_id: UUID) -> HttpResponse:
    found = own_question(request, conversation_id, request.POST.get("question", ""))
    answers.stop(request.user, found.pk)
    messages.info(request, _("Stopped. What was answered so far is kept."))
    return redirect(found)


@login_required
@require_POST
def verdict(request: Request, conversation_id: UUID) -> HttpResponse:
    """Whether an answer was useful."""
    found = own_question(request, conversation_id, request.POST.get("question", ""))
    answers.judge(request.user, found.pk, useful=request.POST.get("useful") == "yes")
    return redirect(found)


@login_required
@require_POST
def delete(request: Request, conversation_id: UUID) -> HttpResponse:
    answers.delete_conversation(request.user, conversation_id)
    messages.info(request, _("The conversation was deleted."))
    return redirect("download:asks")


@login_required
@require_GET
def to_entry(request: Request, conversation_id: UUID) -> HttpResponse:
    """To the page where entries are written, which reads the answer through the door."""
    found = own_question(request, conversation_id, request.GET.get("question", ""))
    try:
        address = reverse("journal:write")
    except NoReverseMatch:
        raise Missing from None
    return redirect(f"{address}?{urlencode({'from': str(found.ref)})}")


@login_required
@require_GET
def sent(request: Request, conversation_id: UUID) -> HttpResponse:
    """What was put before a model for one answer, who it was and what it cost."""
    found = own_question(request, conversation_id, request.GET.get("question", ""))
    calls = calls_for([found.job]) if found.job else []
    context = {"question": found, "calls": calls}
    return show(request, "download/answer_sent.html", context)


@login_required
@require_safe
def source(request: Request, question_id: UUID, number: int) -> HttpResponse:
    """One quotation of an answer: its words as they were read, and the way to its text."""
    rows = with_answers(Question.objects.visible_to(request.user).filter(pk=question_id))
    found = rows.first()
    if found is None:
        raise Missing
    (place,) = shown(request.user, [found])
    cited = [
        *(each for said in place.sentences for each in said.quotations),
        *place.near,
        *place.closed,
    ]
    quotation = next((each for each in cited if each.number == number), None)
    if quotation is None:
        raise Missing
    return show(request, "download/source.html", {"question": found, "quotation": quotation})
