"""`/api/v1/me/`: a person's apps, themselves, circles, blocks, consents, readings and exports, as JSON."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts.actions.departure import ask_for_export, exports_of, parts_of
from accounts.actions.people import change_profile
from accounts.actions.proving import proven
from accounts.actions.tokens import begin_family, end_family, prove, refresh
from accounts.http import ApiRequest
from accounts.models import Export, TokenFamily, User
from accounts.serializers import (
    ActivitySerializer,
    AIChangeSerializer,
    AISerializer,
    BlockSerializer,
    BlockWriteSerializer,
    CallSerializer,
    CircleChangeSerializer,
    CircleDetailSerializer,
    CircleSerializer,
    CircleWriteSerializer,
    ConsentListSerializer,
    ConsentSerializer,
    ConsentWriteSerializer,
    ExportSerializer,
    ExportWriteSerializer,
    FamilySerializer,
    GivenSerializer,
    InvitationSerializer,
    InvitedSerializer,
    InviteSerializer,
    JobSerializer,
    LearnedSerializer,
    MeChangeSerializer,
    MembershipSerializer,
    MeSerializer,
    ModelListSerializer,
    PairSerializer,
    ProofSerializer,
    RefreshSerializer,
    RequestSerializer,
    SignInSerializer,
    StateSerializer,
    UsageSerializer,
)
from writeorperish.ai import budget, ledger, routing
from writeorperish.ai.catalogue import TIERS, words_microdollars
from writeorperish.ai.gateway import (
    accept_providers,
    accepted,
    capable,
    change_preferences,
    preferences_of,
)
from writeorperish.ai.instructions import give_instructions, words_of
from writeorperish.ai.jobs import cancel, text_of
from writeorperish.ai.models import Call, Job, Read
from writeorperish.ai.providers.wire import Looked, Turn
from writeorperish.ai.requests import Shown, shown
from writeorperish.ai.verdicts import forget_taste, forget_tastes, learned_by, line
from writeorperish.audit.log import activity_of
from writeorperish.audit.models import Entry, EntryQuerySet
from writeorperish.ops.once import Outcome
from writeorperish.ops.refusals import Barred, Invalid, Missing
from writeorperish.privacy import blocks, circles, consent
from writeorperish.privacy.models import Block, Circle, Consent, Membership
from writeorperish.refs import Ref
from writeorperish.ui.api import (
    GuardedViewSet,
    RowAnswer,
    UnknownFilter,
    check_params,
    if_match,
    repeatable,
    row_id,
)
from writeorperish.ui.ranges import stretch

CAPABILITIES = ("embed", *TIERS)
MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])", re.ASCII)


class ProofNeeded(Barred):
    code = "proof_needed"
    words = _("Show your password again first; it counts for 15 minutes.")


class PublicNotOpen(Invalid):
    code = "public_not_open"
    words = _("Public pages open with moderation.")


class MeViewSet(GenericViewSet[Any]):
    """Views about oneself: no row but the person's own is ever asked for."""

    request: ApiRequest

    read_scope: ClassVar[str] = "me:read"
    write_scope: ClassVar[str] = "me:write"
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    rates: ClassVar[Mapping[str, str]] = {}
    params: ClassVar[Mapping[str, frozenset[str]]] = {}
    queryset = User.objects.none()

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # DRF's own is wider
        view: Any = super().as_view(*args, **kwargs)
        view.should_append_slash = False  # a redirect would lose the body
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_params(request, self.params.get(self.action or "", frozenset()))

    def sent(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The body, once its shape holds."""
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def json(
        self,
        serializer_class: type[BaseSerializer[Any]],
        row: object,
        *,
        many: bool = False,
        status: int = 200,
    ) -> Response:
        context = {"request": self.request}
        return Response(serializer_class(row, many=many, context=context).data, status=status)

    def pages(self, serializer_class: type[BaseSerializer[Any]], rows: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(rows)
        shown = serializer_class(page, many=True, context={"request": self.request})
        return self.get_paginated_response(shown.data)

    def need_proof(self) -> None:
        if not self.request.auth.proved:
            raise ProofNeeded


class TokenViewSet(MeViewSet):
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "begin": (),
        "refresh": (),
        "families": ("security",),
        "end": ("security",),
        "prove": ("me:write",),
    }
    rates: ClassVar[Mapping[str, str]] = {"end": "token_change"}
    params: ClassVar[Mapping[str, frozenset[str]]] = {"families": frozenset({"limit", "cursor"})}
    ordering = ("-created_at", "-id")

    def get_authenticators(self) -> list[BaseAuthentication]:
        """None where a pair is asked for: an app that refreshes may still send the access token that ended."""
        # The schema asks without a request.
        method = str(getattr(self.request, "method", "")).lower()
        action = self.action_map.get(method, "")
        return [] if self.action_scopes.get(action) == () else super().get_authenticators()

    @extend_schema(request=SignInSerializer, responses={201: PairSerializer}, auth=[])
    def begin(self, request: ApiRequest) -> Response:
        sent = self.sent(SignInSerializer)
        person = proven(
            request._request,  # axes and allauth know Django's own request
            email=sent["email"],
            password=sent["password"],
            otp=sent.get("otp", ""),
        )
        return self.json(
            PairSerializer, begin_family(person, label=sent.get("label", "")), status=201
        )

    @extend_schema(request=RefreshSerializer, responses=PairSerializer, auth=[])
    def refresh(self, request: ApiRequest) -> Response:
        return self.json(PairSerializer, refresh(self.sent(RefreshSerializer)["refresh"]))

    @extend_schema(responses=FamilySerializer(many=True))
    def families(self, request: ApiRequest) -> Response:
        return self.pages(FamilySerializer, self.alive())

    @extend_schema(request=None, responses={204: None})
    def end(self, request: ApiRequest, family: str) -> Response:
        found = self.alive().filter(pk=row_id(family)).first()
        if found is None:
            raise Missing
        end_family(request.user, found)
        return Response(status=204)

    @extend_schema(request=ProofSerializer, responses={204: None})
    def prove(self, request: ApiRequest) -> Response:
        sent = self.sent(ProofSerializer)
        proven(
            request._request,  # axes and allauth know Django's own request
            email=request.user.email,
            password=sent["password"],
            otp=sent.get("otp", ""),
        )
        if request.auth.family is None:
            raise ProofNeeded
        prove(request.auth.family)
        return Response(status=204)

    def alive(self) -> QuerySet[TokenFamily]:
        return TokenFamily.objects.filter(
            person=self.request.user.pk, revoked_at__isnull=True, expires_at__gt=timezone.now()
        )


class PersonViewSet(MeViewSet):
    @extend_schema(responses=MeSerializer)
    def show(self, request: ApiRequest) -> Response:
        return self.json(MeSerializer, request.user)

    @extend_schema(request=MeChangeSerializer, responses=MeSerializer)
    def change(self, request: ApiRequest) -> Response:
        sent = self.sent(MeChangeSerializer)
        if sent.pop("public_page", False):
            raise PublicNotOpen
        sent.update(sent.pop("appearance", {}))
        if sent:
            change_profile(request.user, **sent)
            request.user.refresh_from_db()
        return self.json(MeSerializer, request.user)


class CircleViewSet(GuardedViewSet[Circle]):
    """One's own circles: nobody else sees a circle, not even its members."""

    request: ApiRequest
    model = Circle
    serializer_class = CircleSerializer
    read_scope = "me:read"
    write_scope = "me:write"
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "invite": ("act",),
        "uninvite": ("act",),
    }
    rates: ClassVar[Mapping[str, str]] = {"invite": "invitation"}
    if_match_actions: ClassVar[frozenset[str]] = frozenset({"partial_update"})
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {"members": (), "invitations": ()}

    def get_serializer_class(self) -> type[BaseSerializer[Circle]]:
        whole = self.action in {"retrieve", "partial_update"}
        return CircleDetailSerializer if whole else CircleSerializer

    def get_queryset(self) -> QuerySet[Circle]:
        rows = circles.circles_of(self.request.user).order_by()
        return (
            rows if self.action == "list" else rows.prefetch_related("memberships__member__profile")
        )

    def mine(self, id: UUID | None) -> Circle | None:
        return circles.circles_of(self.request.user).filter(pk=id).first() if id else None

    @extend_schema(
        request=CircleWriteSerializer, responses={201: CircleSerializer, 200: CircleSerializer}
    )
    def create(self, request: ApiRequest) -> Response:
        sent = CircleWriteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data

        def make() -> Circle:
            circle = circles.make_circle(request.user, **values)
            return circles.circles_of(request.user).get(pk=circle.pk)

        def says_the_same(circle: Circle) -> bool:
            return (circle.name, circle.kind) == (values["name"], values.get("kind", circle.kind))

        return self.create_once(make, id=values.get("id"), says_the_same=says_the_same)

    @extend_schema(request=CircleChangeSerializer, responses=CircleDetailSerializer)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        sent = CircleChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        circle = self.get_object()
        circles.change_circle(
            request.user, circle, expected_version=if_match(request), **sent.validated_data
        )
        return self.shown(self.get_queryset().get(pk=circle.pk))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        circles.end_circle(request.user, self.get_object())
        return Response(status=204)

    @extend_schema(request=InviteSerializer, responses={201: InvitationSerializer})
    @repeatable
    def invite(self, request: ApiRequest, id: str) -> Response:
        sent = InviteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        guest = circles.person_by_name(sent.validated_data["person"])
        membership = circles.invite(
            request.user,
            self.get_object(),
            guest,
            sees_earlier=sent.validated_data["sees_earlier"],
            expect_entries=sent.validated_data.get("expect_entries"),
        )
        return self.invited(membership, 201)

    def invited(self, membership: Membership, status: int) -> Response:
        return RowAnswer(membership, InvitationSerializer(membership).data, status, {})

    def again(self, earlier: Outcome) -> Response:
        if earlier.result is None:
            return Response(status=earlier.status)
        rows = Membership.objects.filter(circle__owner=self.request.user.pk)
        membership = rows.filter(pk=earlier.result.id).first()
        if membership is None:
            raise Missing
        return self.invited(membership, earlier.status)

    @extend_schema(request=None, responses={204: None})
    def uninvite(self, request: ApiRequest, id: str, invitation: str) -> Response:
        return self.end(
            self.get_object().memberships.filter(pk=row_id(invitation), state="invited")
        )

    @extend_schema(request=None, responses={204: None})
    def remove(self, request: ApiRequest, id: str, member: str) -> Response:
        return self.end(self.get_object().memberships.filter(member=row_id(member), state="active"))

    def end(self, rows: QuerySet[Membership]) -> Response:
        membership = rows.select_related("circle__group").first()
        if membership is None:
            raise Missing
        circles.remove(self.request.user, membership)
        return Response(status=204)


class CompanyViewSet(MeViewSet):
    """The other side of circles: invitations to me, and the circles I am in."""

    ordering = ("-invited_at", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {
        "invitations": frozenset({"limit", "cursor"}),
        "memberships": frozenset({"limit", "cursor"}),
    }

    @extend_schema(responses=InvitedSerializer(many=True))
    def invitations(self, request: ApiRequest) -> Response:
        return self.pages(InvitedSerializer, circles.invitations_to(request.user).order_by())

    @extend_schema(request=None, responses=StateSerializer)
    @repeatable
    def accept(self, request: ApiRequest, id: str) -> Response:
        return self.answered(circles.accept(request.user, self.invitation(id)))

    @extend_schema(request=None, responses=StateSerializer)
    @repeatable
    def decline(self, request: ApiRequest, id: str) -> Response:
        return self.answered(circles.decline(request.user, self.invitation(id)))

    def answered(self, membership: Membership) -> Response:
        return RowAnswer(membership, StateSerializer(membership).data, 200, {})

    def again(self, earlier: Outcome) -> Response:
        made = [earlier.result.id] if earlier.result else []
        membership = Membership.objects.filter(member=self.request.user.pk, pk__in=made).first()
        if membership is None:
            raise Missing
        return self.answered(membership)

    @extend_schema(responses=MembershipSerializer(many=True))
    def memberships(self, request: ApiRequest) -> Response:
        return self.pages(MembershipSerializer, circles.memberships_of(request.user).order_by())

    @extend_schema(request=None, responses={204: None})
    def leave(self, request: ApiRequest, id: str) -> Response:
        found = circles.memberships_of(request.user).filter(pk=row_id(id)).first()
        if found is None:
            raise Missing
        circles.leave(request.user, found)
        return Response(status=204)

    def invitation(self, id: str) -> Membership:
        found = (
            Membership.objects.filter(pk=row_id(id), member=self.request.user.pk, state="invited")
            .select_related("circle__group", "circle__owner")
            .first()
        )
        if found is None or blocks.blocked_between(self.request.user, found.circle.owner):
            raise Missing
        return found


class BlockViewSet(MeViewSet):
    ordering = ("-at", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {"all": frozenset({"limit", "cursor"})}

    @extend_schema(responses=BlockSerializer(many=True))
    def all(self, request: ApiRequest) -> Response:
        return self.pages(
            BlockSerializer,
            Block.objects.filter(blocker=request.user.pk).select_related("blocked__profile"),
        )

    @extend_schema(
        request=BlockWriteSerializer, responses={201: BlockSerializer, 200: BlockSerializer}
    )
    def block(self, request: ApiRequest) -> Response:
        other = circles.person_by_name(self.sent(BlockWriteSerializer)["person"])
        standing = Block.objects.filter(blocker=request.user.pk, blocked=other.pk).exists()
        row = blocks.block(request.user, other)
        return self.json(BlockSerializer, row, status=200 if standing else 201)

    @extend_schema(request=None, responses={204: None})
    def lift(self, request: ApiRequest, uid: str) -> Response:
        row = (
            Block.objects.filter(blocker=request.user.pk, blocked=row_id(uid))
            .select_related("blocked")
            .first()
        )
        if row is None:
            raise Missing
        blocks.unblock(request.user, row.blocked)
        return Response(status=204)


class ConsentViewSet(MeViewSet):
    pagination_class = None

    @extend_schema(operation_id="me_consents_list", responses=ConsentListSerializer)
    def all(self, request: ApiRequest) -> Response:
        rows = [consent_json(name, row) for name, row in consent.consents_of(request.user).items()]
        return Response({"next": None, "previous": None, "results": rows})

    @extend_schema(request=ConsentWriteSerializer, responses=ConsentSerializer)
    def decide(self, request: ApiRequest, purpose: str) -> Response:
        sent = self.sent(ConsentWriteSerializer)
        row = consent.decide(request.user, purpose, source="api", **sent)
        return Response(consent_json(purpose, row))


def consent_json(purpose: str, row: Consent | None) -> dict[str, object]:
    terms = consent.terms()[purpose]
    return {
        "purpose": purpose,
        "granted": row.granted if row else terms.default,
        "text_version": terms.version,
        "text": str(terms.text),
        "needed": row is None or row.text_version != terms.version,
        "at": row.at if row else None,
    }


class JobViewSet(MeViewSet):
    """Longer work of models for this person: what it is at, and the way to stop it."""

    ordering = ("-created_at", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {"all": frozenset({"limit", "cursor"})}

    @extend_schema(responses=JobSerializer(many=True))
    def all(self, request: ApiRequest) -> Response:
        page = self.paginate_queryset(Job.objects.filter(owner=request.user.pk).order_by())
        return self.get_paginated_response([job_json(job, with_text=False) for job in page or []])

    @extend_schema(responses=JobSerializer)
    def one(self, request: ApiRequest, id: str) -> Response:
        job = Job.objects.filter(owner=request.user.pk, pk=row_id(id)).first()
        if job is None:
            raise Missing
        return Response(job_json(job))

    @extend_schema(request=None, responses={202: JobSerializer})
    @repeatable
    def cancel(self, request: ApiRequest, id: str) -> Response:
        return Response(job_json(cancel(request.user, row_id(id))), status=202)


def job_json(job: Job, *, with_text: bool = True) -> dict[str, object]:
    result = Ref(job.result_kind, job.result_id) if job.result_id else None
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "attempt": job.attempt,
        "about": str(job.about),
        "result": str(result) if result else None,
        "text": text_of(job) if with_text else "",
        "seq": job.seq,
        "error": {"code": job.error} if job.error else None,
        "cost_microdollars": job.cost_microdollars,
        "offline": job.offline,
        "created_at": job.created_at,
    }


class AIViewSet(MeViewSet):
    """What AI may do for this person, what it did, and what it was sent."""

    pagination_class = None
    params: ClassVar[Mapping[str, frozenset[str]]] = {"usage": frozenset({"month"})}

    @extend_schema(responses=AISerializer)
    def show(self, request: ApiRequest) -> Response:
        return Response(ai_json(request.user))

    @extend_schema(request=AIChangeSerializer, responses=AISerializer)
    def change(self, request: ApiRequest) -> Response:
        """All of what was sent holds afterwards, or nothing of it."""
        sent = self.sent(AIChangeSerializer)
        wishes = preferences_of(request.user.pk)
        with transaction.atomic():
            if "instructions" in sent:
                give_instructions(request.user, sent["instructions"])
            if "providers" in sent:
                accept_providers(request.user.pk, sent["providers"])
            change_preferences(
                request.user.pk,
                paused=sent.get("paused", wishes.paused),
                preferred_model=sent.get("preferred_model", wishes.preferred_model),
            )
        return Response(ai_json(request.user))

    @extend_schema(operation_id="me_ai_models_list", responses=ModelListSerializer)
    def models(self, request: ApiRequest) -> Response:
        rows = [model_json(each) for each in routing.selectable(timezone.now().date())]
        return Response({"next": None, "previous": None, "results": rows})

    @extend_schema(
        parameters=[OpenApiParameter("month", description="Such as 2026-11; this one without it.")],
        responses=UsageSerializer,
    )
    def usage(self, request: ApiRequest) -> Response:
        month = request.query_params.get("month", timezone.now().strftime("%Y-%m"))
        if not MONTH.fullmatch(month):
            raise UnknownFilter
        standing = budget.month_of(request.user.pk, month)
        return Response(
            {
                "month": month,
                "limit": standing.limit,
                "used": standing.used,
                "by_feature": ledger.spent_by_feature(request.user.pk, month),
                "resets_at": standing.resets_at,
            }
        )

    @extend_schema(responses=RequestSerializer)
    def request_of(self, request: ApiRequest, id: str) -> Response:
        call = ledger.call_of(request.user, row_id(id))
        bought = ledger.bought_by(call)
        sent = shown(request.user, bought) if bought.sent else None
        turns = [] if sent is None else [system_json(sent), *map(turn_json, sent.turns)]
        return Response({"turns": turns, "matches": sent.exact if sent else not bought.sent})


def ai_json(person: User) -> dict[str, object]:
    wishes = preferences_of(person.pk)
    return {
        "capabilities": {name: asdict(capable(name, person.pk)) for name in CAPABILITIES},
        "preferred_model": wishes.preferred_model,
        "providers": accepted(wishes),
        "paused": wishes.paused,
        "instructions": words_of(person),
    }


def model_json(choice: routing.Choice) -> dict[str, object]:
    on = timezone.now().date()
    return {
        "id": choice.model.id,
        "provider": choice.provider,
        "tier": "large",
        "price_per_1000_words_microdollars": words_microdollars(choice.model, 1000, on=on),
    }


def system_json(sent: Shown) -> dict[str, str]:
    return {"role": "system", "text": sent.system}


def turn_json(turn: Turn | Looked) -> dict[str, str]:
    if isinstance(turn, Looked):
        return {"role": "tool", "text": f"{turn.name} {turn.arguments}\n\n{turn.answer}"}
    return {"role": turn.role, "text": turn.words}


class CallViewSet(MeViewSet):
    """Each use of a model for this person, without a word of anybody's."""

    ordering = ("-started_at", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {"all": frozenset({"limit", "cursor"})}

    @extend_schema(responses=CallSerializer(many=True))
    def all(self, request: ApiRequest) -> Response:
        page = self.paginate_queryset(ledger.calls_of(request.user).order_by())
        return self.get_paginated_response([call_json(call) for call in page or []])


def call_json(call: Call) -> dict[str, object]:
    return {
        "id": call.pk,
        "feature": call.feature,
        "provider": call.provider,
        "model": call.model,
        "key_class": call.key_class,
        "offline": not call.sent and not call.cached,
        "cached": call.cached,
        "cost_microdollars": call.cost_microdollars,
        "about": f"{call.about_kind}:{call.about_id}" if call.about_id else None,
        "at": call.started_at,
    }


class ReadViewSet(MeViewSet):
    """Each time a model was given words of this person's texts."""

    ordering = ("-id",)
    params: ClassVar[Mapping[str, frozenset[str]]] = {
        "all": frozenset({"limit", "cursor", "about"})
    }

    @extend_schema(
        parameters=[OpenApiParameter("about", description="A ref, `<kind>:<uuid>`.")],
        responses=GivenSerializer(many=True),
    )
    def all(self, request: ApiRequest) -> Response:
        rows = reads_asked(ledger.reads_of_texts_of(request.user), request.query_params)
        page = self.paginate_queryset(rows.order_by())
        return self.get_paginated_response([read_json(read) for read in page or []])


def reads_asked(rows: QuerySet[Read], asked: Mapping[str, str]) -> QuerySet[Read]:
    """The reads of one text, or all. UnknownFilter for what is no ref."""
    if "about" not in asked:
        return rows
    try:
        about = Ref.parse(asked["about"])
    except ValueError as error:
        raise UnknownFilter from error
    return rows.filter(kind=about.kind, ref_id=about.id)


def read_json(read: Read) -> dict[str, object]:
    return {
        "ref": f"{read.kind}:{read.ref_id}",
        "rev": read.rev,
        "start": read.start,
        "end": read.end,
        "purpose": read.purpose,
        "call": read.call_id,
        "at": read.call.started_at,
        "sent": read.call.sent,
    }


class ActivityViewSet(MeViewSet):
    ordering = ("-seq", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {
        "all": frozenset({"limit", "cursor", "about", "actor", "from", "to"})
    }

    @extend_schema(
        parameters=[
            OpenApiParameter("about", description="A ref, `<kind>:<uuid>`."),
            OpenApiParameter("actor", description="Who did it.", enum=Entry.ActorKind.values),
            OpenApiParameter("from", OpenApiTypes.DATE),
            OpenApiParameter("to", OpenApiTypes.DATE),
        ],
        responses=ActivitySerializer(many=True),
    )
    def all(self, request: ApiRequest) -> Response:
        rows = activity_asked(activity_of(request.user.pk), request.query_params)
        page = self.paginate_queryset(rows.order_by())
        return self.get_paginated_response([activity_json(entry) for entry in page or []])


def activity_asked(rows: EntryQuerySet, asked: Mapping[str, str]) -> EntryQuerySet:
    """The entries about one row, by one kind of actor, of these days. UnknownFilter for what cannot be read."""
    try:
        if "about" in asked:
            rows = rows.about(Ref.parse(asked["about"]))
        if "actor" in asked:
            rows = rows.filter(actor_kind=Entry.ActorKind(asked["actor"]))
        if "from" in asked:
            rows = rows.filter(at__date__gte=date.fromisoformat(asked["from"]))
        if "to" in asked:
            rows = rows.filter(at__date__lte=date.fromisoformat(asked["to"]))
    except ValueError as error:
        raise UnknownFilter from error
    return rows


def activity_json(entry: Entry) -> dict[str, object]:
    return {
        "on": entry.at.date(),
        "actor": {"kind": entry.actor_kind, "label": str(entry.actor_id or "")},
        "verb": entry.action,
        "purpose": entry.purpose,
        "about": f"{entry.object_kind}:{entry.object_id}" if entry.object_id else None,
        "sent": False,
    }


class ExportViewSet(MeViewSet):
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ask": ("security",),
        "one": ("security",),
        "file": ("security",),
    }
    rates: ClassVar[Mapping[str, str]] = {"ask": "export"}

    @extend_schema(request=ExportWriteSerializer, responses={202: ExportSerializer})
    @repeatable
    def ask(self, request: ApiRequest) -> Response:
        self.need_proof()
        self.sent(ExportWriteSerializer)
        export = ask_for_export(request.user)
        return self.asked(export)

    def asked(self, export: Export) -> Response:
        headers = {"Location": f"{self.request.path}{export.pk}/"}
        return RowAnswer(export, ExportSerializer(export).data, 202, headers)

    def again(self, earlier: Outcome) -> Response:
        return self.asked(self.export(str(earlier.result.id if earlier.result else "")))

    @extend_schema(responses=ExportSerializer)
    def one(self, request: ApiRequest, id: str) -> Response:
        return self.json(ExportSerializer, self.export(id))

    @extend_schema(
        parameters=[OpenApiParameter("Range", location="header", description="`bytes=<from>-`")],
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (206, "application/zip"): OpenApiTypes.BINARY,
            (416, "application/problem+json"): OpenApiTypes.OBJECT,
        },
    )
    def file(self, request: ApiRequest, id: str) -> StreamingHttpResponse:
        self.need_proof()
        export = self.export(id)
        if export.state != Export.State.READY:
            raise Missing
        return stretch(
            request.headers.get("Range", ""),
            export.bytes,
            lambda start, stop: parts_of(request.user, export, start=start, stop=stop),
            media_type="application/zip",
        )

    def export(self, id: str) -> Export:
        found = exports_of(self.request.user).filter(pk=row_id(id)).first()
        if found is None:
            raise Missing
        return found


class LearnedViewSet(MeViewSet):
    """What suggestions learned from what this person took and left, each line to be forgotten."""

    ordering = ("-as_of", "-id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {"all": frozenset({"limit", "cursor"})}

    @extend_schema(responses=LearnedSerializer(many=True))
    def all(self, request: ApiRequest) -> Response:
        page = self.paginate_queryset(learned_by(request.user).order_by()) or []
        return self.get_paginated_response(LearnedSerializer(map(line, page), many=True).data)

    @extend_schema(operation_id="me_learned_forget_all", request=None, responses={204: None})
    def forget_all(self, request: ApiRequest) -> Response:
        forget_tastes(request.user)
        return Response(status=204)

    @extend_schema(operation_id="me_learned_forget", request=None, responses={204: None})
    def forget(self, request: ApiRequest, id: str) -> Response:
        forget_taste(request.user, row_id(id))
        return Response(status=204)


urlpatterns = [
    path("", PersonViewSet.as_view({"get": "show", "patch": "change"}), name="me"),
    path("tokens/", TokenViewSet.as_view({"post": "begin", "get": "families"}), name="tokens"),
    path("tokens/refresh/", TokenViewSet.as_view({"post": "refresh"}), name="refresh"),
    path("tokens/<str:family>/", TokenViewSet.as_view({"delete": "end"}), name="token"),
    path("proof/", TokenViewSet.as_view({"post": "prove"}), name="proof"),
    path("consents/", ConsentViewSet.as_view({"get": "all"}), name="consents"),
    path("consents/<str:purpose>/", ConsentViewSet.as_view({"put": "decide"}), name="consent"),
    path("circles/", CircleViewSet.as_view({"get": "list", "post": "create"}), name="circles"),
    path(
        "circles/<str:id>/",
        CircleViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="circle",
    ),
    path("circles/<str:id>/invitations/", CircleViewSet.as_view({"post": "invite"}), name="invite"),
    path(
        "circles/<str:id>/invitations/<str:invitation>/",
        CircleViewSet.as_view({"delete": "uninvite"}),
        name="uninvite",
    ),
    path(
        "circles/<str:id>/members/<str:member>/",
        CircleViewSet.as_view({"delete": "remove"}),
        name="member",
    ),
    path("invitations/", CompanyViewSet.as_view({"get": "invitations"}), name="invitations"),
    path(
        "invitations/<str:id>/acceptance/",
        CompanyViewSet.as_view({"post": "accept"}),
        name="accept",
    ),
    path(
        "invitations/<str:id>/declination/",
        CompanyViewSet.as_view({"post": "decline"}),
        name="decline",
    ),
    path("memberships/", CompanyViewSet.as_view({"get": "memberships"}), name="memberships"),
    path("memberships/<str:id>/", CompanyViewSet.as_view({"delete": "leave"}), name="membership"),
    path("blocks/", BlockViewSet.as_view({"get": "all", "post": "block"}), name="blocks"),
    path("blocks/<str:uid>/", BlockViewSet.as_view({"delete": "lift"}), name="block"),
    path("ai/", AIViewSet.as_view({"get": "show", "patch": "change"}), name="ai"),
    path("ai/models/", AIViewSet.as_view({"get": "models"}), name="ai-models"),
    path("ai/usage/", AIViewSet.as_view({"get": "usage"}), name="ai-usage"),
    path("ai/calls/", CallViewSet.as_view({"get": "all"}), name="ai-calls"),
    path("ai/calls/<str:id>/request/", AIViewSet.as_view({"get": "request_of"}), name="ai-request"),
    path("ai/reads/", ReadViewSet.as_view({"get": "all"}), name="ai-reads"),
    path(
        "learned/",
        LearnedViewSet.as_view({"get": "all", "delete": "forget_all"}),
        name="learned",
    ),
    path("learned/<str:id>/", LearnedViewSet.as_view({"delete": "forget"}), name="learned-line"),
    path("activity/", ActivityViewSet.as_view({"get": "all"}), name="activity"),
    path("jobs/", JobViewSet.as_view({"get": "all"}), name="jobs"),
    path("jobs/<str:id>/", JobViewSet.as_view({"get": "one"}), name="job"),
    path("jobs/<str:id>/cancellation/", JobViewSet.as_view({"post": "cancel"}), name="cancel-job"),
    path("exports/", ExportViewSet.as_view({"post": "ask"}), name="exports"),
    path("exports/<str:id>/", ExportViewSet.as_view({"get": "one"}), name="export"),
    path("exports/<str:id>/file/", ExportViewSet.as_view({"get": "file"}), name="export-file"),
]
