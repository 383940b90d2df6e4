"""What fits a text, what it is about, and what else is about the same, as JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import ApiRequest
from download import context, legs, reasons, themes
from download.actions.recommendations import (
    JUDGED,
    Suggestions,
    judge,
    suggest_for_draft,
    suggest_for_saved,
    suggest_for_typed,
)
from download.relating import own_passage, related
from download.serializers import HitSerializer
from writeorperish.ops.refusals import Invalid, Missing
from writeorperish.privacy.levels import AIUsage, Purpose
from writeorperish.privacy.reading import read
from writeorperish.refs import Ref
from writeorperish.ui.api import UnknownFilter, check_params, row_id
from writeorperish.ui.fields import ApiId, ApiText, ApiUsage
from writeorperish.ui.parsing import Sent, StrictJSONParser

TEXT_CHARS = 200_000


class OneOfThese(Invalid):
    code = "one_of"
    words = _("Name one text: a draft, a saved text by its ref, or words.")


def ref_of(text: str) -> Ref:
    """The ref, Missing for what is none: nobody learns what would be one."""
    try:
        return Ref.parse(text)
    except ValueError as no_ref:
        raise Missing from no_ref


class TextSerializer(Sent):
    ref = serializers.CharField(required=False, max_length=120)
    text = ApiText(required=False, max_chars=TEXT_CHARS, allow_blank=True)
    ai_usage = ApiUsage(required=False, default=AIUsage.NONE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"draft", "ref", "text"}) != 1:
            raise OneOfThese
        return attrs


class RecommendSerializer(TextSerializer):
    draft = ApiId(required=False)
    at = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


class RecommendationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="row.pk")
    ref = serializers.CharField()
    title = serializers.CharField()
    score = serializers.FloatField(source="row.score")
    semantic = serializers.FloatField(source="row.semantic", allow_null=True)
    lexical = serializers.FloatField(source="row.lexical")
    urgency = serializers.FloatField(source="row.urgency")
    preference = serializers.FloatField(source="row.preference")
    reasons = serializers.ListField(child=serializers.CharField())
    open = serializers.CharField()


class RecommendationsSerializer(serializers.Serializer[Any]):
    results = RecommendationSerializer(many=True)
    themes = serializers.ListField(child=serializers.CharField())


class OutcomeSerializer(Sent):
    verdict = serializers.ChoiceField(choices=list(JUDGED))


class JudgedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="pk")
    opened_at = serializers.DateTimeField(allow_null=True)
    quoted_at = serializers.DateTimeField(allow_null=True)
    verdict = serializers.CharField()


class ThemesSerializer(serializers.Serializer[Any]):
    themes = serializers.ListField(child=serializers.CharField(), source="phrases")
    offline = serializers.BooleanField()


class RelatedSerializer(serializers.Serializer[Any]):
    results = HitSerializer(many=True)


class DownloadView(APIView):
    """One's own library, of which nobody else's words are part."""

    request: ApiRequest
    read_scope = "download:read"
    write_scope = "download:write"
    parser_classes = (StrictJSONParser,)

    @classmethod
    def as_view(cls, **options: Any) -> Any:  # noqa: ANN401  # as the base types it
        view: Any = super().as_view(**options)
        view.should_append_slash = False  # a redirect would lose the body
        return view

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        check_params(request, self.params)

    params: ClassVar[frozenset[str]] = frozenset()


class RecommendationsView(DownloadView):
    """Up to three links or highlights that fit a draft, a saved text, or words that are not kept."""

    rates: ClassVar[Mapping[str, str]] = {"POST": "recommendations"}

    @extend_schema(
        operation_id="download_recommendations",
        request=RecommendSerializer,
        responses=RecommendationsSerializer,
    )
    def post(self, request: ApiRequest) -> Response:
        sent = RecommendSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        found = self.found(sent.validated_data)
        told = {
            "results": reasons.shown(request.user, found.rows, found.text),
            "themes": found.context.themes,
        }
        return Response(RecommendationsSerializer(told).data)

    def found(self, said: Mapping[str, Any]) -> Suggestions:
        zone, at = timezone.get_current_timezone(), said.get("at")
        person = self.request.user
        if "draft" in said:
            return suggest_for_draft(person, said["draft"], zone=zone, at=at)
        if "ref" in said:
            return suggest_for_saved(person, ref_of(said["ref"]), zone=zone)
        return suggest_for_typed(person, said["text"], ai_usage=said["ai_usage"], zone=zone, at=at)


class VerdictView(DownloadView):
    """What its person did with a suggestion; said twice it counts once."""

    @extend_schema(
        operation_id="download_recommendations_verdict",
        request=OutcomeSerializer,
        responses=JudgedSerializer,
    )
    def put(self, request: ApiRequest, id: str) -> Response:
        sent = OutcomeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        zone = timezone.get_current_timezone()
        row = judge(request.user, row_id(id), sent.validated_data["verdict"], zone=zone)
        return Response(JudgedSerializer(row).data)


class ThemesView(DownloadView):
    """What a text is about: by a model where its person agreed to that, else by rule. Typed words are never sent."""

    write_scope = "download:read"  # it changes nothing
    rates: ClassVar[Mapping[str, str]] = {"POST": "recommendations"}

    @extend_schema(
        operation_id="download_themes", request=TextSerializer, responses=ThemesSerializer
    )
    def post(self, request: ApiRequest) -> Response:
        sent = TextSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said = sent.validated_data
        if "ref" in said:
            found = self.of_saved(ref_of(said["ref"]))
        else:
            rarity = self.rarity(said["text"])
            found = themes.Themes(tuple(themes.themes_in(said["text"], rarity)))
        return Response(ThemesSerializer(found).data)

    def of_saved(self, ref: Ref) -> themes.Themes:
        own = own_passage(self.request.user, ref)
        opened = read(ref, purpose=Purpose.RECOMMEND, asker=self.request.user)
        asks = opened is not None and themes.may_ask(opened)
        return themes.themes_of(opened or own, self.rarity(own.text), asks=asks)

    def rarity(self, text: str) -> dict[str, float]:
        terms = context.weighted_terms([context.Part(text, context.PARAGRAPH)])
        known = legs.weighed(self.request.user.pk, terms)
        return {term.word: told for term, told in known.rarity.items()}


class RelatedView(DownloadView):
    """Texts of one's own that are about the same as one of them."""

    rates: ClassVar[Mapping[str, str]] = {"GET": "search"}
    params: ClassVar[frozenset[str]] = frozenset({"ref"})
    names_a_row = True

    @extend_schema(
        operation_id="download_related",
        parameters=[OpenApiParameter("ref", required=True)],
        responses=RelatedSerializer,
    )
    def get(self, request: ApiRequest) -> Response:
        if "ref" not in request.query_params:
            raise UnknownFilter
        found = related(request.user, ref_of(request.query_params["ref"]))
        return Response(RelatedSerializer({"results": found}).data)


urlpatterns = [
    path("recommendations/", RecommendationsView.as_view(), name="recommendations"),
    path("recommendations/<str:id>/verdict/", VerdictView.as_view(), name="recommendation"),
    path("related/", RelatedView.as_view(), name="related"),
    path("themes/", ThemesView.as_view(), name="themes"),
]
