"""What goes out of a library as a file, as JSON. `api` hangs it into its own addresses."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from accounts.http import ApiRequest
from download.actions.exports import MEDIA_TYPES, ONE_PAGE, ask_for_export, exports_of, file_of
from download.actions.tags import tag_named
from download.models.exports import LibraryExport
from download.serializers import LibraryExportSerializer, LibraryExportWriteSerializer
from download.spacing import day_of
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


def today() -> date:
    return day_of(timezone.now(), timezone.get_current_timezone())


urlpatterns = [
    path("exports/", LibraryExportViewSet.as_view({"post": "create"}), name="exports"),
    path("exports/<str:id>/", LibraryExportViewSet.as_view({"get": "retrieve"}), name="export"),
    path(
        "exports/<str:id>/file/", LibraryExportViewSet.as_view({"get": "file"}), name="export-file"
    ),
]
