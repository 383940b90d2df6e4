"""Review as JSON."""

from datetime import date
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.http import ApiRequest
from download.actions.reviews import (
    answer_card,
    faces_of,
    next_due,
    session_of,
    spread,
    undo_review,
)
from download.serializers import (
    AnswerSerializer,
    ReviewSerializer,
    SessionSerializer,
    SpreadSerializer,
    SpreadWriteSerializer,
)
from download.spacing import day_of
from writeorperish.ui.api import (
    check_params,
    row_id,
)


class ReviewViewSet(ViewSet):
    """What one kept, seen again: a session, answers to its cards, and taking one back."""

    request: ApiRequest
    read_scope = "download:read"
    write_scope = "download:write"

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # DRF's own is wider
        view: Any = super().as_view(*args, **kwargs)
        view.should_append_slash = False  # a redirect would lose the body
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_params(request, frozenset())

    @extend_schema(operation_id="download_reviews_session", responses=SessionSerializer)
    def session(self, request: ApiRequest) -> Response:
        on = today()
        cards = session_of(request.user, on=on)
        session = {
            "cards": faces_of(request.user, cards, on=on),
            "next_due": next_due(request.user, on=on),
        }
        return Response(SessionSerializer(session).data)

    @extend_schema(
        operation_id="download_reviews_create",
        request=AnswerSerializer,
        responses={201: ReviewSerializer, 200: ReviewSerializer},
    )
    def answer(self, request: ApiRequest) -> Response:
        sent = AnswerSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        done = answer_card(
            request.user,
            values["card"],
            values["answer"],
            key=values["key"],
            zone=timezone.get_current_timezone(),
            at=values.get("at"),
        )
        return Response(ReviewSerializer(done).data, status=201 if done.created else 200)

    @extend_schema(operation_id="download_reviews_destroy", request=None, responses={204: None})
    def undo(self, request: ApiRequest, id: str) -> Response:
        undo_review(request.user, row_id(id))
        return Response(status=204)

    @extend_schema(
        operation_id="download_reviews_spread",
        request=SpreadWriteSerializer,
        responses=SpreadSerializer,
    )
    def spread(self, request: ApiRequest) -> Response:
        sent = SpreadWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        on = today()
        spread(request.user, on=on, days=sent.validated_data["days"])
        told = {**sent.validated_data, "next_due": next_due(request.user, on=on)}
        return Response(SpreadSerializer(told).data)


def today() -> date:
    return day_of(timezone.now(), timezone.get_current_timezone())


urlpatterns = [
    path("reviews/", ReviewViewSet.as_view({"post": "answer"}), name="reviews"),
    path("reviews/session/", ReviewViewSet.as_view({"get": "session"}), name="review-session"),
    path("reviews/spread/", ReviewViewSet.as_view({"post": "spread"}), name="review-spread"),
    path("reviews/<str:id>/", ReviewViewSet.as_view({"delete": "undo"}), name="review"),
]
