"""What goes out of a library as a file, and what comes in from sources, as JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from accounts.http import ApiRequest
from download.actions.exports import MEDIA_TYPES, ONE_PAGE, ask_for_export, exports_of, file_of
from download.actions.feeds import (
    add_feed,
    ask_for_sync,
    feeds_of,
    pause_feed,
    remove_feed,
    resume_feed,
)
from download.actions.tags import tag_named
from download.endpoints.reviews import today
from download.models.exports import LibraryExport
from download.models.feeds import Feed
from download.serializers import (
    FeedChangeSerializer,
    FeedSerializer,
    FeedWriteSerializer,
    LibraryExportSerializer,
    LibraryExportWriteSerializer,
)
from writeorperish.crypto import storage
from writeorperish.ops.once import Outcome
from writeorperish.ops.refusals import Missing
from writeorperish.ui.api import GuardedViewSet, repeatable
from writeorperish.ui.ranges import stretch

BODIES = [media_type for media_type, _ending in [*MEDIA_TYPES.values(), ONE_PAGE]]


class LibraryExportViewSet(GuardedViewSet[Any]):
    """Links as a file: asked for, made by the worker, here for seven days."""

    request: ApiRequest
    model = LibraryExport
    serializer_class = LibraryExportSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    rates: ClassVar[Mapping[str, str]] = {"create": "library_export"}

    def get_queryset(self) -> QuerySet[LibraryExport]:
        return exports_of(self.request.user)

    @extend_schema(request=LibraryExportWriteSerializer, responses={202: LibraryExportSerializer})
    @repeatable
    def create(self, request: ApiRequest) -> Response:
        sent = LibraryExportWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        wishes = dict(sent.validated_data)
        name = wishes.pop("tag", "")
        tag = tag_named(request.user, name) if name else None
        if name and tag is None:
            raise Missing
        due_by = today() if wishes.pop("due", False) else None
        export = ask_for_export(request.user, tag=tag.pk if tag else None, due_by=due_by, **wishes)
        return self.begun(export)

    def begun(self, export: LibraryExport) -> Response:
        answer = self.shown(export, status=202)
        answer.headers["Location"] = f"{self.request.path}{export.pk}/"
        return answer

    def again(self, earlier: Outcome) -> Response:
        made = [earlier.result.id] if earlier.result else []
        export = exports_of(self.request.user).filter(pk__in=made).first()
        if export is None:
            raise Missing
        return self.begun(export)

    @extend_schema(
        parameters=[OpenApiParameter("Range", location="header", description="`bytes=<from>-`")],
        responses={
            **{(status, kind): OpenApiTypes.BINARY for status in (200, 206) for kind in BODIES},
            (416, "application/problem+json"): OpenApiTypes.OBJECT,
        },
    )
    def file(self, request: ApiRequest, id: str) -> StreamingHttpResponse:
        blob = file_of(request.user, self.get_object())
        answer = stretch(
            request.headers.get("Range", ""),
            blob.bytes,
            lambda start, stop: storage.pieces(blob, start, stop),
            media_type=blob.media_type,
        )
        # A page of bookmarks is to be kept, never to be opened as a page of ours.
        answer["Content-Disposition"] = "attachment"
        return answer


class FeedViewSet(GuardedViewSet[Any]):
    """Libraries elsewhere that one wants to have here too, read every hour."""

    request: ApiRequest
    model = Feed
    serializer_class = FeedSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("created_at", "id")
    rates: ClassVar[Mapping[str, str]] = {**dict.fromkeys(("create", "sync"), "save")}
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"base": ("base",)}

    def get_queryset(self) -> QuerySet[Feed]:
        return feeds_of(self.request.user)

    @extend_schema(request=FeedWriteSerializer, responses={201: FeedSerializer})
    @repeatable
    def create(self, request: ApiRequest) -> Response:
        sent = FeedWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return self.created(add_feed(request.user, **sent.validated_data))

    @extend_schema(request=FeedChangeSerializer, responses=FeedSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = FeedChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        feed, said = self.get_object(), sent.validated_data
        if said.get("paused"):
            feed = pause_feed(request.user, feed)
        elif "token" in said or "paused" in said:
            feed = resume_feed(request.user, feed, token=said.get("token"))
        return self.shown(feed)

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        remove_feed(request.user, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses={202: FeedSerializer})
    @repeatable
    def sync(self, request: ApiRequest, id: str) -> Response:
        return self.shown(ask_for_sync(request.user, self.get_object()), status=202)


urlpatterns = [
    path("exports/", LibraryExportViewSet.as_view({"post": "create"}), name="exports"),
    path("exports/<str:id>/", LibraryExportViewSet.as_view({"get": "retrieve"}), name="export"),
    path(
        "exports/<str:id>/file/", LibraryExportViewSet.as_view({"get": "file"}), name="export-file"
    ),
    path("feeds/", FeedViewSet.as_view({"get": "list", "post": "create"}), name="feeds"),
    path(
        "feeds/<str:id>/",
        FeedViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="feed",
    ),
    path("feeds/<str:id>/sync/", FeedViewSet.as_view({"post": "sync"}), name="feed-sync"),
]
