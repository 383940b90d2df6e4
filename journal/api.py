"""Entries, their threads, audiences and versions, and drafts, as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path, reverse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.http import ApiRequest
from journal.actions.audience import audience_named, audience_of, head_count, set_audience
from journal.actions.drafts import discard_draft, drafts_of, parent_states, save_draft
from journal.actions.imports import (
    PART_BYTES,
    Settings,
    arrived,
    begin_import,
    begin_upload,
    confirm_import,
    put_part,
    retract_import,
    runs_of,
)
from journal.actions.nodes import (
    Audience,
    Written,
    change_settings,
    edit_node,
    restore_version,
    write_node,
)
from journal.actions.portraits import (
    ask_for_portrait,
    cited,
    edit_portrait,
    needs_of,
    proposal_of,
    set_use,
    shown_to,
)
from journal.actions.recordings import (
    CHUNK_BYTES,
    begin_recording,
    discard_recording,
    finish_recording,
    interrupted,
    put_chunk,
    recordings_of,
    sounds_of,
)
from journal.actions.replies import ask_for_reply
from journal.actions.speech import ask_for_speech, speech_of
from journal.actions.tags import tagged
from journal.actions.threads import Place, thread_page
from journal.actions.transcripts import transcribe_again
from journal.actions.trash import erase_node, restore_node, trash_node
from journal.models.drafts import Draft
from journal.models.imports import ImportRun, Upload
from journal.models.nodes import Node, Version
from journal.models.portraits import Portrait
from journal.models.recordings import Recording
from journal.serializers import (
    NODE_OR_GONE,
    SAVED_DRAFT,
    AudienceChangeSerializer,
    AudienceShownSerializer,
    DeletionSerializer,
    DraftSaveSerializer,
    DraftSerializer,
    EditedSerializer,
    ImportConfirmSerializer,
    ImportSerializer,
    ImportWriteSerializer,
    NodeChangeSerializer,
    NodeSerializer,
    NodeWriteSerializer,
    PortraitAskedSerializer,
    PortraitChangeSerializer,
    PortraitSerializer,
    PortraitVersionSerializer,
    ReadingSerializer,
    RecordingFinishSerializer,
    RecordingSerializer,
    RecordingWriteSerializer,
    ReplyAskedSerializer,
    ReplyAskSerializer,
    SpeechAskSerializer,
    SpeechSerializer,
    ThreadSerializer,
    TranscriptAskSerializer,
    UploadSerializer,
    UploadWriteSerializer,
    VersionSerializer,
    VersionWordsSerializer,
    WrittenSerializer,
)
from writeorperish.ai.ledger import reads_of
from writeorperish.ai.models import Read
from writeorperish.ops.once import Outcome, uuid_or_none
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.grants import audiences_of
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.privacy.reading import seen
from writeorperish.refs import Ref
from writeorperish.ui.api import GuardedViewSet, UnknownFilter, if_match, repeatable, row_id
from writeorperish.ui.cursors import CursorInvalid, limit_of
from writeorperish.ui.parsing import StrictJSONParser

READS = ("title", "body")
YES, NO = ("1", "true"), ("0", "false")


class NodeFilter(filters.FilterSet):  # type: ignore[misc]  # ships no types
    roots = extend_schema_field(OpenApiTypes.BOOL)(
        filters.TypedChoiceFilter(
            field_name="parent",
            lookup_expr="isnull",
            choices=[(each, each) for each in (*YES, *NO)],
            coerce=YES.__contains__,
        )
    )
    day = filters.DateFilter(field_name="day")
    level = filters.ChoiceFilter(field_name="privacy_level", choices=PrivacyLevel.choices)
    ai = filters.ChoiceFilter(field_name="ai_usage", choices=AIUsage.choices)
    kind = filters.ChoiceFilter(field_name="author_kind", choices=Node.Author.choices)

    tag = filters.CharFilter(method="bearing", max_length=50)

    class Meta:
        model = Node
        fields: ClassVar[list[str]] = []

    def bearing(self, rows: QuerySet[Node], _name: str, value: str) -> QuerySet[Node]:
        bearing = tagged(self.request.user, value.removeprefix("#"))
        return rows.filter(pk__in=bearing.values("pk"))


NodeFilter.base_filters["from"] = filters.DateFilter(field_name="day", lookup_expr="gte")
NodeFilter.base_filters["to"] = filters.DateFilter(field_name="day", lookup_expr="lte")


class NodeViewSet(GuardedViewSet[Node]):
    """One's own entries as a list; any entry one may see by its id."""

    request: ApiRequest
    model = Node
    serializer_class = NodeSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"
    ordering = ("-written_at", "-id")
    synced_by = "updated_at"
    version_field = "rev"
    filterset_class = NodeFilter
    rates: ClassVar[Mapping[str, str]] = {
        "create": "save",
        "partial_update": "save",
        "ask_ai": "ai_start",
        "ask_aloud": "ai_start",
    }
    params: ClassVar[Mapping[str, frozenset[str]]] = {
        "destroy": frozenset({"replies"}),
        "thread": frozenset({"after", "limit"}),
        "versions": frozenset({"limit", "cursor"}),
        "reads": frozenset({"limit", "cursor"}),
    }
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "title": ("title",),
        "text": ("body",),
        "html": ("body",),
        "tags": ("body",),
        "unreadable": READS,
        "author": (),
        "audience": (),
        "pinned": (),
        "children": (),
        "part": (),
        "recording": (),
        "may": (),
    }
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"partial_update"})

    def get_queryset(self) -> QuerySet[Node]:
        rows: Any = super().get_queryset()
        if self.action == "list":
            rows = rows.filter(owner=self.request.user.pk)
            if "updated_since" in self.request.query_params:
                rows |= Node.objects.deleted_by(self.request.user)
        full: QuerySet[Node] = (
            rows.with_people().counting_children_for(self.request.user).counting_parts()
        )
        return full

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        rows = args[0] if args else []
        nodes = (
            [rows] if isinstance(rows, Node) else [each for each in rows if isinstance(each, Node)]
        )
        kwargs["context"] = {
            **self.get_serializer_context(),
            "audiences": audiences_of(own(nodes, self.request)),
            "sounds": sounds_of(nodes),
        }
        return super().get_serializer(*args, **kwargs)

    @extend_schema(responses=NODE_OR_GONE)
    def list(self, request: Request) -> Response:
        return super().list(request)

    def retrieve(self, request: Request, id: str) -> Response:
        seen(self.request.user, [self.get_object()])
        return super().retrieve(request, id)

    @extend_schema(
        request=NodeWriteSerializer, responses={201: WrittenSerializer, 200: NodeSerializer}
    )
    def create(self, request: ApiRequest) -> Response:
        sent = NodeWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        named = values.pop("audience", {})
        audience = audience_named(
            request.user, list(named.get("circles", [])), list(named.get("people", []))
        )
        values.setdefault("zone", request.user.profile.zone)
        values.setdefault("title", "")
        written = write_node(request.user, audience=audience, **values)
        node = self.get_queryset_for(written.node.pk)
        if not written.created:
            return self.shown(node)
        return self.created(node, more=split_into(written))

    @extend_schema(request=NodeChangeSerializer, responses=EditedSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = NodeChangeSerializer(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        node = self.get_object()
        more: dict[str, object] = {}
        if "title" in values or "text" in values:
            edited = edit_node(
                request.user,
                node,
                base_rev=if_match(request),
                title=values.get("title"),
                text=values.get("text"),
                act=act_of(request),
            )
            more = {"clean": True} if edited.merged else {}
        rest = {
            name: values[name]
            for name in ("ai_usage", "pinned", "written_at", "zone")
            if name in values
        }
        if rest:
            change_settings(request.user, node, **rest)
        return self.shown(self.get_queryset_for(node.pk), more=more)

    @extend_schema(
        parameters=[OpenApiParameter("replies", enum=["mine"])],
        responses={200: DeletionSerializer},
    )
    def destroy(self, request: ApiRequest, id: str) -> Response:
        replies = request.query_params.get("replies")
        if replies not in {None, "mine"}:
            raise UnknownFilter
        node = self.own_or_trashed(id)
        act = trash_node(request.user, node, own_replies=replies == "mine")
        return Response(DeletionSerializer(act).data)

    @extend_schema(request=None, responses=NodeSerializer)
    @repeatable
    def restore(self, request: ApiRequest, id: str) -> Response:
        node = restore_node(request.user, self.trashed(id))
        return self.shown(self.get_queryset_for(node.pk))

    @extend_schema(request=None, responses={204: None})
    @repeatable
    def erase(self, request: ApiRequest, id: str) -> Response:
        erase_node(request.user, self.trashed(id))
        return Response(status=204)

    @extend_schema(
        parameters=[OpenApiParameter("after", type=UUID), OpenApiParameter("limit", type=int)],
        responses=ThreadSerializer,
    )
    def thread(self, request: ApiRequest, id: str) -> Response:
        node = self.get_object()
        limit, _clamped = limit_of(request.query_params)
        after = uuid_or_none(request.query_params.get("after", ""))
        if after is None and "after" in request.query_params:
            raise CursorInvalid
        page = thread_page(
            request.user,
            node,
            after=after,
            limit=limit,
        )
        nodes = [
            each.node for each in (*page.ancestors, *page.below) if each.node and not each.tombstone
        ]
        seen(request.user, [node, *nodes])
        context = {
            **self.get_serializer_context(),
            "audiences": audiences_of(own([node, *nodes], request)),
            "sounds": sounds_of([node, *nodes]),
        }
        return Response(
            {
                "ancestors": [place_json(each, context) for each in page.ancestors],
                "more_above": page.more_above,
                "node": NodeSerializer(node, context=context).data,
                "descendants": [place_json(each, context) for each in page.below],
                "next": str(page.next_after) if page.next_after else None,
            }
        )

    @extend_schema(request=ReplyAskSerializer, responses={202: ReplyAskedSerializer})
    @repeatable
    def ask_ai(self, request: ApiRequest, id: str) -> Response:
        sent = ReplyAskSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        reply, job = ask_for_reply(
            request.user, row_id(id), model=sent.validated_data.get("model", "")
        )
        place = reverse("me:job", args=[job.pk])
        return Response({"job": job.pk, "node": reply.pk}, status=202, headers={"Location": place})

    @extend_schema(request=SpeechAskSerializer, responses={202: SpeechSerializer})
    @repeatable
    def ask_aloud(self, request: ApiRequest, id: str) -> Response:
        sent = SpeechAskSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        speech = ask_for_speech(request.user, self.own(id), **sent.validated_data)
        return Response(SpeechSerializer(speech).data, status=202)

    @extend_schema(responses=SpeechSerializer)
    def aloud(self, request: ApiRequest, id: str) -> Response:
        speech = speech_of(self.own(id))
        if speech is None:
            raise Missing
        return Response(SpeechSerializer(speech).data)

    @extend_schema(responses=ReadingSerializer(many=True))
    def reads(self, request: ApiRequest, id: str) -> Response:
        rows: QuerySet[Any] = reads_of(Ref.to(self.own(id))).order_by("-id")
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response([reading_json(each) for each in page])

    @extend_schema(responses=AudienceShownSerializer)
    def audience(self, request: ApiRequest, id: str) -> Response:
        return Response(audience_json(self.own(id)))

    @extend_schema(request=AudienceChangeSerializer, responses=AudienceShownSerializer)
    def change_audience(self, request: ApiRequest, id: str) -> Response:
        sent = AudienceChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        audience: Audience = audience_named(
            request.user, list(values.get("circles", [])), list(values.get("people", []))
        )
        node = set_audience(
            request.user,
            self.own(id),
            privacy_level=values["privacy_level"],
            audience=audience,
            expect_people=values.get("expect_people"),
        )
        return Response(audience_json(node))

    @extend_schema(responses=VersionSerializer(many=True))
    def versions(self, request: ApiRequest, id: str) -> Response:
        rows: QuerySet[Any] = self.own(id).versions.order_by("-created_at", "-id")
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(responses=VersionWordsSerializer)
    def version(self, request: ApiRequest, id: str, version: str) -> Response:
        return Response(VersionWordsSerializer(self.version_of(id, version)).data)

    @extend_schema(request=None, responses=NodeSerializer)
    @repeatable
    def restore_version(self, request: ApiRequest, id: str, version: str) -> Response:
        found = self.version_of(id, version)
        restore_version(request.user, found.node, found)
        return self.shown(self.get_queryset_for(found.node_id))

    def get_queryset_for(self, pk: UUID) -> Node:
        rows: Any = Node.objects.visible_to(self.request.user).with_people()
        found: Node = rows.counting_children_for(self.request.user).counting_parts().get(pk=pk)
        return found

    def own(self, id: str) -> Node:
        node = Node.objects.editable_by(self.request.user).filter(pk=row_id(id)).first()
        if node is None:
            raise Missing
        return node

    def trashed(self, id: str) -> Node:
        node = Node.objects.deleted_by(self.request.user).filter(pk=row_id(id)).first()
        if node is None:
            raise Missing
        return node

    def own_or_trashed(self, id: str) -> Node:
        ident = row_id(id)
        node = (
            Node.objects.editable_by(self.request.user).filter(pk=ident).first()
            or Node.objects.deleted_by(self.request.user).filter(pk=ident).first()
        )
        if node is None:
            raise Missing
        return node

    def version_of(self, id: str, version: str) -> Version:
        found = self.own(id).versions.select_related("node").filter(pk=row_id(version)).first()
        if found is None:
            raise Missing
        return found


def act_of(request: ApiRequest) -> UUID | None:
    """What makes a repeated edit the same edit: kept with the version, so it outlives the 24 h of other keys."""
    return uuid_or_none(request.headers.get("Idempotency-Key", "").strip().strip('"'))


def own(nodes: Sequence[Node], request: ApiRequest) -> list[Node]:
    return [
        node
        for node in nodes
        if node.owner_id == request.user.pk and node.privacy_level == PrivacyLevel.CIRCLES
    ]


def reading_json(read: Read) -> dict[str, object]:
    call = read.call
    return {
        "on": call.started_at.date(),
        "purpose": read.purpose,
        "provider": call.provider,
        "model": call.model,
        "key_class": call.key_class,
        "sent": call.sent,
        "start": read.start,
        "end": read.end,
    }


def split_into(written: Written) -> dict[str, object]:
    if not written.parts:
        return {}
    return {"split_into": len(written.parts), "tip": str(written.tip.pk)}


def audience_json(node: Node) -> dict[str, object]:
    named = audience_of(node)
    return {
        "privacy_level": node.privacy_level,
        "circles": [str(circle.pk) for circle in named.circles],
        "people": [str(person.pk) for person in named.people],
        "head_count": head_count(node),
    }


def place_json(place: Place, context: Mapping[str, Any]) -> dict[str, Any]:
    """An entry, a tombstone without words, or only that something here is not available."""
    if place.node is None:
        return {"unavailable": True}
    if place.tombstone:
        return {
            "id": str(place.node.pk),
            "tombstone": True,
            "handle": place.node.owner.profile.handle,
            "author": {"kind": place.node.author_kind},
            "written_at": place.node.written_at,
            "deleted_at": place.node.deleted_at,
        }
    return {**NodeSerializer(place.node, context=dict(context)).data, "level": place.level}


class DraftViewSet(GuardedViewSet[Any]):
    """One's own drafts."""

    request: ApiRequest
    model = Draft
    serializer_class = DraftSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"
    ordering = ("-updated_at", "-id")
    version_field = "seq"
    rates: ClassVar[Mapping[str, str]] = {"update": "autosave"}
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"parent_state": ()}

    def get_queryset(self) -> QuerySet[Draft]:
        return drafts_of(self.request.user)

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        rows = args[0] if args else []
        drafts = (
            [rows]
            if isinstance(rows, Draft)
            else [each for each in rows if isinstance(each, Draft)]
        )
        states = parent_states(self.request.user, drafts) if drafts else {}
        kwargs["context"] = {**self.get_serializer_context(), "parent_states": states}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(request=DraftSaveSerializer, responses=SAVED_DRAFT)
    def update(self, request: ApiRequest, id: str) -> Response:
        ident = row_id(id)
        sent = DraftSaveSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        saved = save_draft(request.user, ident, **sent.validated_data)
        if saved.stale:
            return Response({"stale": True, "seq": saved.draft.seq})
        return self.shown(saved.draft)

    def destroy(self, request: ApiRequest, id: str) -> Response:
        discard_draft(request.user, self.get_object())
        return Response(status=204)


class RawPart(BaseParser):
    """The bytes of a part as they come, whatever they are called: under `part` in the request's data."""

    media_type = "*/*"
    most = PART_BYTES

    def parse(
        self,
        stream: Any,  # noqa: ANN401  # DRF's own
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, bytes]:
        return {"part": stream.read(self.most + 1)}


class UploadViewSet(GuardedViewSet[Any]):
    """Files on their way in."""

    request: ApiRequest
    model = Upload
    serializer_class = UploadSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"

    def get_queryset(self) -> QuerySet[Upload]:
        return Upload.objects.filter(owner=self.request.user.pk)

    parser_classes = (StrictJSONParser,)

    @extend_schema(request=UploadWriteSerializer, responses={201: UploadSerializer})
    def create(self, request: ApiRequest) -> Response:
        sent = UploadWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        upload = begin_upload(request.user, size=sent.validated_data["bytes"])
        return Response({"id": str(upload.pk), "have": []}, status=201)

    @extend_schema(
        request={"application/octet-stream": bytes},
        responses={201: UploadSerializer, 200: UploadSerializer},
    )
    def part(self, request: ApiRequest, id: str, n: str) -> Response:
        upload = self.get_object()
        sent: Any = request.data
        if not n.isdecimal():
            raise Missing
        # Taken out, so that megabytes go with this frame and not with the request's own cycle.
        new = put_part(request.user, upload, int(n[:6]), sent.pop("part", b""))
        return Response({"id": str(upload.pk), "have": arrived(upload)}, status=201 if new else 200)


class ImportViewSet(GuardedViewSet[Any]):
    """Imports: checked first, imported on a second word, undone as a whole."""

    request: ApiRequest
    model = ImportRun
    serializer_class = ImportSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"
    rates: ClassVar[Mapping[str, str]] = {"create": "import"}

    def get_queryset(self) -> QuerySet[ImportRun]:
        return runs_of(self.request.user)

    @extend_schema(request=ImportWriteSerializer, responses={202: ImportSerializer})
    @repeatable
    def create(self, request: ApiRequest) -> Response:
        sent = ImportWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        upload = Upload.objects.filter(
            owner=request.user.pk, pk=sent.validated_data["upload"]
        ).first()
        if upload is None:
            raise Missing
        run = begin_import(request.user, upload, source=sent.validated_data.get("source", ""))
        answer = self.shown(run, status=202)
        answer.headers["Location"] = f"{request.path}{run.pk}/"
        return answer

    @extend_schema(request=ImportConfirmSerializer, responses={202: ImportSerializer})
    @repeatable
    def confirm(self, request: ApiRequest, id: str) -> Response:
        sent = ImportConfirmSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data.get("settings", {}))
        values.setdefault("zone", request.user.profile.zone)
        values["circles"] = tuple(values.get("circles", ()))
        run = confirm_import(request.user, self.get_object(), settings=Settings(**values))
        return self.shown(run, status=202)

    @extend_schema(request=None, responses={202: ImportSerializer})
    @repeatable
    def retract(self, request: ApiRequest, id: str) -> Response:
        return self.shown(retract_import(request.user, self.get_object()), status=202)

    def again(self, earlier: Outcome) -> Response:
        made = [earlier.result.id] if earlier.result else []
        run = runs_of(self.request.user).filter(pk__in=made).first()
        if run is None:
            raise Missing
        return self.shown(run, status=earlier.status)


class RawChunk(RawPart):
    """The bytes of a chunk as they come."""

    most = CHUNK_BYTES


class RecordingFilter(filters.FilterSet):  # type: ignore[misc]  # ships no types
    """`interrupted` is no stored state: recordings nobody finished, that have heard nothing for ten minutes."""

    state = filters.ChoiceFilter(
        choices=[*Recording.State.choices, ("interrupted", "interrupted")], method="standing"
    )

    class Meta:
        model = Recording
        fields: ClassVar[list[str]] = []

    def standing(self, rows: QuerySet[Recording], _name: str, value: str) -> QuerySet[Recording]:
        if value == "interrupted":
            return rows & interrupted(self.request.user)
        return rows.filter(state=value)


class RecordingViewSet(GuardedViewSet[Any]):
    """One's own recordings: begun, sent in small pieces, finished, written down."""

    request: ApiRequest
    model = Recording
    serializer_class = RecordingSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"
    ordering = ("-created_at", "-id")
    filterset_class = RecordingFilter
    rates: ClassVar[Mapping[str, str]] = {
        "create": "save",
        "chunk": "chunk",
        "transcribe": "ai_start",
    }
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"audio": (), "segments": ()}
    parser_classes = (StrictJSONParser,)

    def get_queryset(self) -> QuerySet[Recording]:
        rows = recordings_of(self.request.user)
        if self.request.method in SAFE_METHODS:
            return rows.defer("peaks").prefetch_related("chunks", "parts")
        return rows

    @extend_schema(
        request=RecordingWriteSerializer,
        responses={201: RecordingSerializer, 200: RecordingSerializer},
    )
    def create(self, request: ApiRequest) -> Response:
        sent = RecordingWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        values.setdefault("zone", request.user.profile.zone)
        values.setdefault("ai_usage", request.user.profile.default_ai_usage)
        recording, new = begin_recording(request.user, **values)
        return self.created(recording) if new else self.shown(recording)

    @extend_schema(
        request={"application/octet-stream": bytes},
        parameters=[
            OpenApiParameter(
                "Content-Digest", location="header", description="`sha-256=:…:` (RFC 9530)"
            )
        ],
        responses={201: None, 200: None},
    )
    def chunk(self, request: ApiRequest, id: str, segment: str, n: str) -> Response:
        recording = self.get_object()
        if not (segment.isdecimal() and n.isdecimal()):
            raise Missing
        sent: Any = request.data
        new = put_chunk(
            request.user,
            recording,
            int(segment[:6]),
            int(n[:6]),
            sent.pop("part", b""),
            media_type=request.content_type or "",
            digest=request.headers.get("Content-Digest", ""),
        )
        return Response(status=201 if new else 200)

    @extend_schema(request=RecordingFinishSerializer, responses={202: RecordingSerializer})
    def finish(self, request: ApiRequest, id: str) -> Response:
        recording = self.get_object()
        sent = RecordingFinishSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        return self.shown(
            finish_recording(request.user, recording, values.pop("segments"), **values), status=202
        )

    @extend_schema(request=TranscriptAskSerializer, responses={202: RecordingSerializer})
    def transcribe(self, request: ApiRequest, id: str) -> Response:
        recording = self.get_object()
        sent = TranscriptAskSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        begun = transcribe_again(
            request.user,
            recording,
            model=sent.validated_data.get("model", ""),
            open_to_ai="ai_usage" in sent.validated_data,
        )
        return self.shown(begun, status=202)

    def destroy(self, request: ApiRequest, id: str) -> Response:
        discard_recording(request.user, self.get_object())
        return Response(status=204)


class PortraitViewSet(GuardedViewSet[Portrait]):
    """The profile AI makes of its person, which the person may change."""

    request: ApiRequest
    model = Portrait
    serializer_class = PortraitVersionSerializer
    read_scope = "journal:read"
    write_scope = "journal:write"
    ordering = ("-rev", "-id")
    version_field = "rev"
    rates: ClassVar[Mapping[str, str]] = {"change": "save", "regenerate": "ai_start"}
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"change"})

    @extend_schema(responses=PortraitSerializer)
    def current(self, request: ApiRequest) -> Response:
        return self.portrait()

    @extend_schema(request=PortraitChangeSerializer, responses=PortraitSerializer)
    def change(self, request: ApiRequest) -> Response:
        sent = PortraitChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = dict(sent.validated_data)
        if "body" in values:
            edit_portrait(request.user, base_rev=if_match(request), body=values["body"])
        if "ai_usage" in values:
            set_use(request.user, ai_usage=values["ai_usage"])
        return self.portrait()

    @extend_schema(request=None, responses={202: PortraitAskedSerializer})
    @repeatable
    def regenerate(self, request: ApiRequest) -> Response:
        job = ask_for_portrait(request.user)
        place = reverse("me:job", args=[job.pk])
        return Response({"job": job.pk}, status=202, headers={"Location": place})

    def portrait(self) -> Response:
        shown = portrait_json(self.request)
        return Response(PortraitSerializer(shown).data, headers={"ETag": f'"{shown["rev"]}"'})


def portrait_json(request: ApiRequest) -> dict[str, Any]:
    """The profile that is shown, with what each sentence rests on, and what a first one needs."""
    portrait, proposal = shown_to(request.user), proposal_of(request.user)
    needs = needs_of(request.user)
    return {
        "rev": portrait.rev if portrait else 0,
        "state": portrait.state if portrait else None,
        "made_by": portrait.made_by if portrait else None,
        "model": portrait.model if portrait else "",
        "ai_usage": portrait.ai_usage if portrait else AIUsage.CHAT,
        "entries": portrait.entries if portrait else 0,
        "made_at": portrait.made_at if portrait else None,
        "body": portrait.body if portrait else "",
        "sentences": [
            {
                "heading": sentence.heading,
                "text": sentence.text,
                "evidence": [
                    {
                        "ref": str(Ref(Node._meta.label_lower, place.node)),
                        "rev": place.rev,
                        "start": place.start,
                        "end": place.end,
                    }
                    for place in places
                ],
            }
            for sentence, places in (cited(portrait) if portrait else [])
        ],
        "proposed": proposal.rev if proposal else None,
        "needs": {"entries": needs.entries, "words": needs.words},
    }


one = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("nodes/", NodeViewSet.as_view({"get": "list", "post": "create"}), name="nodes"),
    path("nodes/<str:id>/", NodeViewSet.as_view(one), name="node"),
    path(
        "nodes/<str:id>/restoration/", NodeViewSet.as_view({"post": "restore"}), name="restoration"
    ),
    path("nodes/<str:id>/erasure/", NodeViewSet.as_view({"post": "erase"}), name="erasure"),
    path("nodes/<str:id>/ai-replies/", NodeViewSet.as_view({"post": "ask_ai"}), name="ai-replies"),
    path(
        "nodes/<str:id>/speech/",
        NodeViewSet.as_view({"post": "ask_aloud", "get": "aloud"}),
        name="speech",
    ),
    path("nodes/<str:id>/reads/", NodeViewSet.as_view({"get": "reads"}), name="reads"),
    path("nodes/<str:id>/thread/", NodeViewSet.as_view({"get": "thread"}), name="thread"),
    path(
        "nodes/<str:id>/audience/",
        NodeViewSet.as_view({"get": "audience", "put": "change_audience"}),
        name="audience",
    ),
    path("nodes/<str:id>/versions/", NodeViewSet.as_view({"get": "versions"}), name="versions"),
    path(
        "nodes/<str:id>/versions/<str:version>/",
        NodeViewSet.as_view({"get": "version"}),
        name="version",
    ),
    path(
        "nodes/<str:id>/versions/<str:version>/restoration/",
        NodeViewSet.as_view({"post": "restore_version"}),
        name="version-restoration",
    ),
    path("uploads/", UploadViewSet.as_view({"post": "create"}), name="uploads"),
    path(
        "uploads/<str:id>/parts/<str:n>/",
        UploadViewSet.as_view({"put": "part"}, parser_classes=(RawPart,)),
        name="part",
    ),
    path("imports/", ImportViewSet.as_view({"get": "list", "post": "create"}), name="imports"),
    path("imports/<str:id>/", ImportViewSet.as_view({"get": "retrieve"}), name="import"),
    path(
        "imports/<str:id>/confirmation/",
        ImportViewSet.as_view({"post": "confirm"}),
        name="import-confirmation",
    ),
    path(
        "imports/<str:id>/retraction/",
        ImportViewSet.as_view({"post": "retract"}),
        name="import-retraction",
    ),
    path(
        "recordings/",
        RecordingViewSet.as_view({"get": "list", "post": "create"}),
        name="recordings",
    ),
    path(
        "recordings/<str:id>/",
        RecordingViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="recording",
    ),
    path(
        "recordings/<str:id>/segments/<str:segment>/chunks/<str:n>/",
        RecordingViewSet.as_view({"put": "chunk"}, parser_classes=(RawChunk,)),
        name="chunk",
    ),
    path(
        "recordings/<str:id>/finish/",
        RecordingViewSet.as_view({"post": "finish"}),
        name="finish-recording",
    ),
    path(
        "recordings/<str:id>/transcript/",
        RecordingViewSet.as_view({"post": "transcribe"}),
        name="transcript",
    ),
    path(
        "portrait/",
        PortraitViewSet.as_view({"get": "current", "patch": "change"}),
        name="portrait",
    ),
    path("portrait/versions/", PortraitViewSet.as_view({"get": "list"}), name="portrait-versions"),
    path(
        "portrait/regeneration/",
        PortraitViewSet.as_view({"post": "regenerate"}),
        name="portrait-regeneration",
    ),
    path("drafts/", DraftViewSet.as_view({"get": "list"}), name="drafts"),
    path(
        "drafts/<str:id>/",
        DraftViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="draft",
    ),
]
