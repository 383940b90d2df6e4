"""The library as JSON: links, highlights, tags."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.http import ApiRequest
from download.actions.fetches import ask_for_page
from download.actions.highlights import annotate, mark_quote, mark_span, trash_highlight
from download.actions.items import (
    Found,
    change_item,
    keep_selection,
    note_progress,
    restore_item,
    save_item,
    site_key_of,
    trash_item,
)
from download.actions.tags import change_many, remove_tag, rename_tag, tagged, tags_of
from download.fetching import Copy, NoPage, from_markup
from download.models.items import Highlight, Item, ItemQuerySet, Page, Tag
from download.serializers import (
    ITEM_OR_GONE,
    AnsweredManySerializer,
    BulkSerializer,
    HighlightChangeSerializer,
    HighlightSerializer,
    HighlightWriteSerializer,
    ItemChangeSerializer,
    ItemSerializer,
    ItemWriteSerializer,
    PageSerializer,
    SavedSerializer,
    TagChangeSerializer,
    TagSerializer,
)
from writeorperish.crypto.fields import open_rows
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.reading import seen
from writeorperish.ui.api import (
    GuardedViewSet,
    if_match,
    repeatable,
    row_id,
)


class ItemFilter(filters.FilterSet):  # type: ignore[misc]  # ships no types
    state = filters.ChoiceFilter(field_name="reading", choices=Item.Reading.choices)
    fetch = filters.ChoiceFilter(field_name="fetch", choices=Item.Fetch.choices)
    tag = filters.CharFilter(method="bearing", max_length=200)
    site = filters.CharFilter(method="of_site", max_length=253)
    saved_after = filters.IsoDateTimeFilter(field_name="saved_at", lookup_expr="gte")
    saved_before = filters.IsoDateTimeFilter(field_name="saved_at", lookup_expr="lt")
    has = filters.ChoiceFilter(choices=[("highlights", "highlights")], method="having")
    order = filters.ChoiceFilter(
        choices=[("saved", "saved"), ("opened", "opened")], method="ordered"
    )

    class Meta:
        model = Item
        fields: ClassVar[list[str]] = []

    def bearing(self, rows: ItemQuerySet, _name: str, value: str) -> ItemQuerySet:
        return rows.filter(pk__in=tagged(self.request.user, value).values("pk"))

    def of_site(self, rows: ItemQuerySet, _name: str, value: str) -> ItemQuerySet:
        return rows.filter(site_key=site_key_of(self.request.user.pk, f"https://{value}/"))

    def having(self, rows: ItemQuerySet, _name: str, _value: str) -> ItemQuerySet:
        return rows.marked()

    def ordered(self, rows: ItemQuerySet, _name: str, value: str) -> ItemQuerySet:
        """By when they were opened: those that were."""
        if value == "saved":
            return rows
        return rows.filter(opened_at__isnull=False).order_by("-opened_at", "-id")


class ItemViewSet(GuardedViewSet[Item]):
    """What one keeps to read."""

    request: ApiRequest
    model = Item
    serializer_class = ItemSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("-saved_at", "-id")
    synced_by = "updated_at"
    filterset_class = ItemFilter
    rates: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("create", "partial_update", "bulk"), "save"),
    }
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "url": ("url",),
        "title": ("title", "url"),
        "note": ("note",),
        "tags": (),
        "page": (),
        "highlights": (),
    }
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"partial_update"})

    def get_queryset(self) -> QuerySet[Item]:
        rows: Any = super().get_queryset()
        if self.action == "list":
            rows = rows.filter(owner=self.request.user.pk)
            if "updated_since" in self.request.query_params:
                rows |= Item.objects.deleted_by(self.request.user)
        shown: QuerySet[Item] = rows.for_list()
        return shown

    def fresh(self, item: Item) -> Item:
        """The row as a list has it, after a verb changed it."""
        return Item.objects.visible_to(self.request.user).for_list().get(pk=item.pk)

    @extend_schema(responses=ITEM_OR_GONE)
    def list(self, request: Request) -> Response:
        return super().list(request)

    def retrieve(self, request: Request, id: str) -> Response:
        seen(self.request.user, [self.get_object()])
        return super().retrieve(request, id)

    @extend_schema(
        request=ItemWriteSerializer, responses={201: ItemSerializer, 200: SavedSerializer}
    )
    @repeatable
    def create(self, request: ApiRequest) -> Response:
        sent = ItemWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        html = values.pop("html", "")
        selection = values.pop("selection", "").strip()
        id = values.pop("id", None)
        values["tags"] = tuple(values.get("tags", ()))
        page = pushed(html, values.get("url", "")) if html else None
        found = Found(**values, page=page)
        saved = save_item(request.user, found, captured_by=Item.CapturedBy.API, id=id)
        if selection:
            keep_selection(request.user, saved.item, selection)
        item = self.fresh(saved.item)
        return self.created(item) if saved.created else self.shown(item, more={"already": True})

    @extend_schema(request=ItemChangeSerializer, responses=ItemSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = ItemChangeSerializer(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        progress = values.pop("progress", None)
        item = self.get_object()
        change_item(request.user, item, expected_version=if_match(request), **values)
        if progress is not None:
            note_progress(request.user, item, progress)
        return self.shown(self.fresh(item))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        trash_item(request.user, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=ItemSerializer)
    @repeatable
    def restore(self, request: ApiRequest, id: str) -> Response:
        trashed = Item.objects.deleted_by(request.user).filter(pk=row_id(id)).first()
        if trashed is None:
            raise Missing
        return self.shown(self.fresh(restore_item(request.user, trashed)))

    @extend_schema(request=BulkSerializer, responses=AnsweredManySerializer)
    def bulk(self, request: ApiRequest) -> Response:
        sent = BulkSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        answers = change_many(request.user, values.pop("ids"), **values)
        results = [{"id": str(id), "status": status} for id, status in answers.items()]
        return Response({"results": results})

    @extend_schema(responses=PageSerializer)
    def page(self, request: ApiRequest, id: str) -> Response:
        item = self.get_object()
        if item.page_id is None:
            raise Missing
        copy = item.pages.get(pk=item.page_id)
        if open_rows([copy]):
            raise Missing
        seen(request.user, [item])
        return Response(PageSerializer(copy).data)

    @extend_schema(request=None, responses={202: ItemSerializer})
    @repeatable
    def fetch(self, request: ApiRequest, id: str) -> Response:
        item = ask_for_page(request.user, self.get_object())
        return self.shown(self.fresh(item), status=202)


def pushed(html: str, url: str) -> Copy | None:
    """The text in a page an app sent; None where it holds none, so that the address is asked instead."""
    try:
        return from_markup(html.encode(), charset="utf-8", url=url, origin=Page.Origin.PUSHED)
    except NoPage:
        return None


class HighlightFilter(filters.FilterSet):  # type: ignore[misc]  # ships no types
    item = filters.UUIDFilter(field_name="item")

    class Meta:
        model = Highlight
        fields: ClassVar[list[str]] = []


class HighlightViewSet(GuardedViewSet[Highlight]):
    """Words one marked in what one keeps."""

    request: ApiRequest
    model = Highlight
    serializer_class = HighlightSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("-made_at", "-id")
    version_field = "rev"
    filterset_class = HighlightFilter
    rates: ClassVar[Mapping[str, str]] = {"create": "save", "partial_update": "save"}
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"quote": ("quote",), "note": ("note",)}
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"partial_update"})

    def get_queryset(self) -> QuerySet[Highlight]:
        return super().get_queryset().filter(owner=self.request.user.pk)

    @extend_schema(request=HighlightWriteSerializer, responses={201: HighlightSerializer})
    def create(self, request: ApiRequest) -> Response:
        sent = HighlightWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        item = Item.objects.editable_by(request.user).filter(pk=values.pop("item")).first()
        if item is None:
            raise Missing
        revision = values.pop("page", None)
        verb: Any = mark_quote if "quote" in values else mark_span
        return self.create_once(
            lambda: verb(request.user, item, revision=revision, **values),
            id=values.get("id"),
            says_the_same=lambda mark: mark.item_id == item.pk and is_of(mark, values),
        )

    @extend_schema(request=HighlightChangeSerializer, responses=HighlightSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = HighlightChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        note = sent.validated_data["note"]
        rev = if_match(request)
        return self.shown(annotate(request.user, self.get_object(), note=note, expected_rev=rev))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        trash_highlight(request.user, self.get_object())
        return Response(status=204)


def is_of(mark: Highlight, values: Mapping[str, Any]) -> bool:
    """Whether a highlight is the one that these values describe."""
    if mark.note != values.get("note", ""):
        return False
    if "quote" in values:
        return bool(mark.quote.split() == values["quote"].split())
    return bool((mark.start, mark.end) == (values["start"], values["end"]))


class TagViewSet(GuardedViewSet[Any]):
    """The tags of what one keeps, each with how many links bear it."""

    request: ApiRequest
    model = Tag
    serializer_class = TagSerializer
    read_scope = "download:read"
    write_scope = "download:write"
    ordering = ("id",)
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"partial_update"})

    def get_queryset(self) -> QuerySet[Tag]:
        return tags_of(self.request.user)

    @extend_schema(request=TagChangeSerializer, responses=TagSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = TagChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        tag = rename_tag(
            request.user,
            self.get_object(),
            name=sent.validated_data["name"],
            expected_version=if_match(request),
        )
        return self.shown(self.get_queryset().get(pk=tag.pk))

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        remove_tag(request.user, self.get_object())
        return Response(status=204)


urlpatterns = [
    path("items/", ItemViewSet.as_view({"get": "list", "post": "create"}), name="items"),
    path("items/bulk/", ItemViewSet.as_view({"post": "bulk"}), name="bulk"),
    path(
        "items/<str:id>/",
        ItemViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="item",
    ),
    path("items/<str:id>/page/", ItemViewSet.as_view({"get": "page"}), name="page"),
    path("items/<str:id>/fetch/", ItemViewSet.as_view({"post": "fetch"}), name="fetch"),
    path(
        "items/<str:id>/restoration/",
        ItemViewSet.as_view({"post": "restore"}),
        name="restoration",
    ),
    path(
        "highlights/",
        HighlightViewSet.as_view({"get": "list", "post": "create"}),
        name="highlights",
    ),
    path(
        "highlights/<str:id>/",
        HighlightViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
        name="highlight",
    ),
    path("tags/", TagViewSet.as_view({"get": "list"}), name="tags"),
    path(
        "tags/<str:id>/",
        TagViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="tag",
    ),
]
