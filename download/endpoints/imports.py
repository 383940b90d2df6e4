"""Files of links that come in, as JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.http import ApiRequest
from download.actions.imports import (
    begin_import,
    cancel_import,
    confirm_import,
    imports_of,
    retract_import,
    rows_of,
)
from download.models.imports import Import, ImportRow
from download.serializers import (
    ImportRowSerializer,
    LinkImportChoicesSerializer,
    LinkImportSerializer,
    LinkImportWriteSerializer,
)
from writeorperish.ops.once import Outcome
from writeorperish.ops.refusals import Missing
from writeorperish.ui.api import (
    GuardedViewSet,
    repeatable,
    row_id,
)


class LinkImportViewSet(GuardedViewSet[Any]):
    """Files of links: checked first, imported on a second word, taken back as a whole."""

    request: ApiRequest
    model = Import
    serializer_class = LinkImportSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("-created_at", "-id")
    rates: ClassVar[Mapping[str, str]] = {"create": "import"}

    def get_queryset(self) -> QuerySet[Import]:
        return imports_of(self.request.user)

    @extend_schema(
        request={"multipart/form-data": LinkImportWriteSerializer},
        responses={202: LinkImportSerializer},
    )
    def create(self, request: ApiRequest) -> Response:
        sent = LinkImportWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        run = begin_import(request.user, file, size=file.size)
        answer = self.shown(run, status=202)
        answer.headers["Location"] = f"{request.path}{run.pk}/"
        return answer

    @extend_schema(request=LinkImportChoicesSerializer, responses={202: LinkImportSerializer})
    @repeatable
    def run(self, request: ApiRequest, id: str) -> Response:
        sent = LinkImportChoicesSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        run = confirm_import(request.user, self.get_object(), **sent.validated_data)
        return self.shown(run, status=202)

    @extend_schema(request=None, responses={202: LinkImportSerializer})
    @repeatable
    def undo(self, request: ApiRequest, id: str) -> Response:
        return self.shown(retract_import(request.user, self.get_object()), status=202)

    @extend_schema(request=None, responses={200: LinkImportSerializer})
    @repeatable
    def cancel(self, request: ApiRequest, id: str) -> Response:
        return self.shown(cancel_import(request.user, self.get_object()))

    def again(self, earlier: Outcome) -> Response:
        made = [earlier.result.id] if earlier.result else []
        run = imports_of(self.request.user).filter(pk__in=made).first()
        if run is None:
            raise Missing
        return self.shown(run, status=earlier.status)


class ImportRowFilter(filters.FilterSet):  # type: ignore[misc]  # ships no types
    outcome = filters.ChoiceFilter(choices=ImportRow.Outcome.choices)

    class Meta:
        model = ImportRow
        fields = ("outcome",)


class ImportRowViewSet(GuardedViewSet[Any]):
    """What became of each row of one file, in its order."""

    request: ApiRequest
    model = ImportRow
    serializer_class = ImportRowSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("ordinal", "id")
    filterset_class = ImportRowFilter
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"label": ("label",)}

    def get_queryset(self) -> QuerySet[ImportRow]:
        if "id" not in self.kwargs:
            return ImportRow.objects.none()
        run = imports_of(self.request.user).filter(pk=row_id(str(self.kwargs["id"]))).first()
        if run is None:
            raise Missing
        return rows_of(run).defer("before")

    def list(self, request: Request, **_place: str) -> Response:
        return super().list(request)


urlpatterns = [
    path(
        "imports/",
        LinkImportViewSet.as_view(
            {"get": "list", "post": "create"}, parser_classes=(MultiPartParser,)
        ),
        name="imports",
    ),
    path("imports/<str:id>/", LinkImportViewSet.as_view({"get": "retrieve"}), name="import"),
    path("imports/<str:id>/run/", LinkImportViewSet.as_view({"post": "run"}), name="import-run"),
    path("imports/<str:id>/undo/", LinkImportViewSet.as_view({"post": "undo"}), name="import-undo"),
    path(
        "imports/<str:id>/cancellation/",
        LinkImportViewSet.as_view({"post": "cancel"}),
        name="import-cancellation",
    ),
    path(
        "imports/<str:id>/rows/",
        ImportRowViewSet.as_view({"get": "list"}),
        name="import-rows",
    ),
]
