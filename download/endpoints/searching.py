"""Search, and questions to one's own archive, as JSON."""

from collections.abc import Mapping
from typing import ClassVar

from django.urls import path, reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import ApiRequest
from download.actions import answers
from download.actions.answers import Where
from download.models.answers import Conversation, Question
from download.query import AUDIENCES, KINDS, narrowed
from download.search import Found as Hits
from download.search import Mode, Whose, search
from download.serializers import (
    AskAgainSerializer,
    AskedSerializer,
    BeginSerializer,
    ConversationSerializer,
    HitSerializer,
    QuestionSerializer,
    SearchSerializer,
    TalkSerializer,
    UsefulSerializer,
)
from download.showing import shown, with_answers
from writeorperish.ops.refusals import Missing
from writeorperish.ui.api import (
    GuardedViewSet,
    UnknownFilter,
    check_params,
    repeatable,
)
from writeorperish.ui.parsing import StrictJSONParser

FILTERS = ("in", "audience", "from", "to", "tag", "site")
PARAMS = frozenset({"q", "mode", "scope", "cursor", *FILTERS})


class SearchView(APIView):
    """One's own texts, or what others opened to one: by words, by meaning, or both; twenty a page."""

    request: ApiRequest
    read_scope = "download:read"
    write_scope = "download:write"
    rates: ClassVar[Mapping[str, str]] = {"GET": "search"}

    @extend_schema(
        operation_id="download_search",
        parameters=[
            OpenApiParameter("q", required=True),
            OpenApiParameter("mode", enum=[str(each) for each in Mode]),
            OpenApiParameter("scope", enum=[str(each) for each in Whose]),
            OpenApiParameter("in", enum=sorted(KINDS), description="Only texts of this kind."),
            OpenApiParameter(
                "audience",
                enum=sorted(AUDIENCES),
                description="Only texts that are open so far.",
            ),
            OpenApiParameter("from", OpenApiTypes.DATE, description="None of earlier days."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="None of later days."),
            OpenApiParameter("tag", many=True, description="Only texts with all of these tags."),
            OpenApiParameter("site", many=True, description="Only links of one of these sites."),
            OpenApiParameter("cursor"),
        ],
        responses=SearchSerializer,
    )
    def get(self, request: Request) -> Response:
        check_params(request, PARAMS)
        asked = request.query_params
        mode, whose = asked.get("mode", "both"), asked.get("scope", "mine")
        if mode not in set(Mode) or whose not in set(Whose):
            raise UnknownFilter
        filters = [(key, value) for key in FILTERS for value in asked.getlist(key)]
        try:
            typed = narrowed(asked.get("q", ""), filters, timezone.localdate())
        except ValueError as wrong:
            raise UnknownFilter from wrong
        found = search(
            self.request.user,
            typed,
            mode=Mode(mode),
            whose=Whose(whose),
            zone=timezone.get_current_timezone(),
            cursor=asked.get("cursor", ""),
        )
        return Response(as_json(found))


def as_json(found: Hits) -> dict[str, object]:
    return {
        "results": HitSerializer(found.hits, many=True).data,
        "next": found.next,
        "query": {
            "chips": [chip.text for chip in found.query.chips],
            "also": [],
            "dropped": [str(each) for each in found.dropped],
        },
        "legs": {
            "words": "ok",
            "meaning": found.meaning,
            **({"why": found.why} if found.why else {}),
        },
        "coverage": {
            "wanted": found.coverage.wanted,
            "done": found.coverage.done,
            "refused": found.coverage.refused,
        },
    }


class AskViewSet(GuardedViewSet[Conversation]):
    """Conversations with one's own archive, newest first; a question is answered by a job."""

    request: ApiRequest
    model = Conversation
    serializer_class = ConversationSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "begin": ("download:write", "ai"),
        "ask": ("download:write", "ai"),
    }
    rates: ClassVar[Mapping[str, str]] = {"begin": "ai_start", "ask": "ai_start"}
    ordering = ("-asked_at", "-id")
    parser_classes = (StrictJSONParser,)

    def tag_of(self, row: Conversation) -> str:
        return f'"{row.asked_at.timestamp()}"'

    @extend_schema(responses=TalkSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        row = self.get_object()
        return Response(TalkSerializer(row, context=self.get_serializer_context()).data)

    @extend_schema(request=BeginSerializer, responses={202: AskedSerializer})
    @repeatable
    def begin(self, request: ApiRequest) -> Response:
        sent = BeginSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said = sent.validated_data
        scope = said.get("scope", {})
        return asked(
            answers.begin(
                request.user,
                said["question"],
                where=Where(scope.get("from"), scope.get("to"), tuple(scope.get("tags", ()))),
                by_rule=said["offline"],
                model=said["model"],
            )
        )

    @extend_schema(request=AskAgainSerializer, responses={202: AskedSerializer})
    @repeatable
    def ask(self, request: ApiRequest, id: str) -> Response:
        sent = AskAgainSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said, row = sent.validated_data, self.get_object()
        if "instead_of" in said:
            if not row.questions.filter(pk=said["instead_of"]).exists():
                raise Missing
            return asked(
                answers.ask_again(request.user, said["instead_of"], by_rule=said["offline"])
            )
        return asked(
            answers.ask(
                request.user,
                row.pk,
                said["question"],
                by_rule=said["offline"],
                model=said["model"],
            )
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        answers.delete_conversation(request.user, self.get_object().pk)
        return Response(status=204)


def asked(question: Question) -> Response:
    place = reverse("download-api:question", args=[question.pk])
    made = {"conversation": question.conversation_id, "question": question.pk, "job": question.job}
    return Response(made, status=202, headers={"Location": place})


class QuestionViewSet(GuardedViewSet[Question]):
    """One question, and its answer as far as it came."""

    request: ApiRequest
    model = Question
    serializer_class = QuestionSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    parser_classes = (StrictJSONParser,)

    @extend_schema(responses=QuestionSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        row = self.get_object()
        rows = with_answers(Question.objects.visible_to(self.request.user).filter(pk=row.pk))
        (place,) = shown(self.request.user, list(rows))
        return Response(QuestionSerializer(place).data)

    @extend_schema(request=UsefulSerializer, responses={204: None})
    def judge(self, request: ApiRequest, id: str) -> Response:
        """Says whether an answer was useful."""
        sent = UsefulSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        answers.judge(request.user, self.get_object().pk, useful=sent.validated_data["useful"])
        return Response(status=204)


urlpatterns = [
    path("search/", SearchView.as_view(), name="search"),
    path("ask/", AskViewSet.as_view({"get": "list", "post": "begin"}), name="asks"),
    path(
        "ask/<str:id>/",
        AskViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="conversation",
    ),
    path("ask/<str:id>/questions/", AskViewSet.as_view({"post": "ask"}), name="ask"),
    path(
        "questions/<str:id>/verdict/",
        QuestionViewSet.as_view({"put": "judge"}),
        name="verdict",
    ),
    path("questions/<str:id>/", QuestionViewSet.as_view({"get": "retrieve"}), name="question"),
]
