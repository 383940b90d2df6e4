"""Search, what one keeps to read and sees again, and questions to all of it, as JSON: the same functions as the pages."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.http import ApiRequest
from download import api_recommending, exchange
from download.actions import answers
from download.actions.answers import Where
from download.actions.fetches import ask_for_page
from download.actions.highlights import annotate, mark_quote, mark_span, trash_highlight
from download.actions.imports import (
    begin_import,
    cancel_import,
    confirm_import,
    imports_of,
    retract_import,
    rows_of,
)
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
from download.actions.reviews import (
    answer_card,
    faces_of,
    next_due,
    session_of,
    spread,
    undo_review,
)
from download.actions.tags import change_many, remove_tag, rename_tag, tagged, tags_of
from download.fetching import Copy, NoPage, from_markup
from download.models.answers import Conversation, Question
from download.models.imports import Import, ImportRow
from download.models.items import Highlight, Item, ItemQuerySet, Page, Tag
from download.query import KINDS, narrowed
from download.search import Found as Hits
from download.search import Mode, Whose, search
from download.serializers import (
    ITEM_OR_GONE,
    AnsweredManySerializer,
    AnswerSerializer,
    AskAgainSerializer,
    AskedSerializer,
    BeginSerializer,
    BulkSerializer,
    ConversationSerializer,
    HighlightChangeSerializer,
    HighlightSerializer,
    HighlightWriteSerializer,
    HitSerializer,
    ImportRowSerializer,
    ItemChangeSerializer,
    ItemSerializer,
    ItemWriteSerializer,
    LinkImportChoicesSerializer,
    LinkImportSerializer,
    LinkImportWriteSerializer,
    PageSerializer,
    QuestionSerializer,
    ReviewSerializer,
    SavedSerializer,
    SearchSerializer,
    SessionSerializer,
    SpreadSerializer,
    SpreadWriteSerializer,
    TagChangeSerializer,
    TagSerializer,
    TalkSerializer,
    UsefulSerializer,
)
from download.showing import shown, with_answers
from download.spacing import day_of
from writeorperish.crypto.fields import open_rows
from writeorperish.ops.once import Outcome
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.reading import seen
from writeorperish.ui.api import (
    GuardedViewSet,
    UnknownFilter,
    check_params,
    if_match,
    repeatable,
    row_id,
)
from writeorperish.ui.parsing import StrictJSONParser

FILTERS = ("in", "from", "to", "tag", "site")
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
    *exchange.urlpatterns,
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
    path("tags/", TagViewSet.as_view({"get": "list"}), name="tags"),
    path(
        "tags/<str:id>/",
        TagViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="tag",
    ),
    path("reviews/", ReviewViewSet.as_view({"post": "answer"}), name="reviews"),
    path("reviews/session/", ReviewViewSet.as_view({"get": "session"}), name="review-session"),
    path("reviews/spread/", ReviewViewSet.as_view({"post": "spread"}), name="review-spread"),
    path("reviews/<str:id>/", ReviewViewSet.as_view({"delete": "undo"}), name="review"),
    *api_recommending.urlpatterns,
]
