"""The kit of the API: sight, scopes, cursors, preconditions and repeats, once for every feature."""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, Final, TypeVar, cast
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from writeorperish.crypto.fields import EncryptedJSONField, EncryptedTextField
from writeorperish.ops import once
from writeorperish.ops.refusals import (
    Conflict,
    Missing,
    Needed,
    Refused,
    TooLarge,
    Unreadable,
)
from writeorperish.refs import Ref
from writeorperish.ui import problems
from writeorperish.ui.access import ACT, scopes_needed
from writeorperish.ui.fields import UNREADABLE, BadText
from writeorperish.ui.parsing import UnknownField

Row = TypeVar("Row", bound=Model)
View = TypeVar("View", bound="GuardedViewSet[Any]")
Method = Callable[..., Response]
Fields = dict[str, "Fields"]

VERSION_TAG: Final = re.compile(r'"(\d{1,9})"')
MOST_IDS: Final = 100
SEALED: Final = (EncryptedTextField, EncryptedJSONField)


class UnknownFilter(Unreadable):
    code = "unknown_filter"
    words = _("There is no such filter here.")


class IfMatchInvalid(Unreadable):
    code = "if_match_invalid"
    words = _('If-Match holds one version in quotes, such as "3".')


class KeyNeeded(Needed):
    code = "idempotency_key_needed"
    words = _("Send an Idempotency-Key, so that a repeat does nothing twice.")


class KeyInvalid(Unreadable):
    code = "idempotency_key_invalid"
    words = _("The Idempotency-Key is a UUID.")


class AlreadySaved(Conflict):
    code = "already_saved"
    words = _("This id was already saved with other content.")


class IdTaken(Conflict):
    code = "id_taken"
    words = _("This id is taken. Make a new one.")


# --- errors ----------------------------------------------------------------------------------


def problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The error as a problem; None for what nobody foresaw, which becomes a 500 without words."""
    if isinstance(error, Refused):
        return _answer(problems.body_of(error), problems.retry_header(error))
    if isinstance(error, Http404):
        return _answer(problems.body(404))
    if isinstance(error, RequestDataTooBig):
        return _answer(problems.body_of(TooLarge()))
    if isinstance(error, exceptions.ValidationError):
        errors = _by_field(error.detail)
        words = _("Something here needs another look.")
        return _answer(problems.body(422, "invalid", detail=words, errors=errors))
    if isinstance(error, exceptions.ParseError):
        return _answer(problems.body(400, "bad_json", detail=str(error.detail)))
    if isinstance(
        error,
        exceptions.NotAuthenticated | exceptions.AuthenticationFailed | exceptions.PermissionDenied,
    ):
        # A session without its CSRF token is no credential; what scopes forbid is refused above.
        return _answer(problems.body(401, detail=_("Sign in to continue.")))
    if isinstance(error, exceptions.APIException):
        return _answer(problems.body(error.status_code, detail=str(error.detail)))
    return None


def _answer(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        body,
        status=int(str(body["status"])),
        content_type=problems.MEDIA_TYPE,
        headers={**problems.headers_of(body), **(headers or {})},
    )


def _by_field(detail: object, name: str = "") -> dict[str, list[Any]]:
    """Nested errors as one level: `audience.circles`, `rows.3.id`; those of no field under `non_field_errors`."""
    if isinstance(detail, Mapping):
        found: dict[str, list[Any]] = {}
        for key, value in detail.items():
            found |= _by_field(value, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(detail, list) and any(isinstance(each, Mapping | list) for each in detail):
        return _by_field({index: each for index, each in enumerate(detail) if each}, name)
    said = detail if isinstance(detail, list) else [detail]
    return {name or "non_field_errors": said} if said else {}


# --- preconditions and repeats ---------------------------------------------------------------


def if_match(request: Request) -> int:
    """The version the client changed. Needed without one, IfMatchInvalid when it is not `"<number>"`."""
    header = request.headers.get("If-Match")
    if header is None:
        raise Needed
    match = VERSION_TAG.fullmatch(header.strip())
    if match is None:
        raise IfMatchInvalid
    return int(match[1])


class RowAnswer(Response):
    """An answer about one row, which a repeat of the request will show as it then stands."""

    def __init__(self, row: Model, data: object, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(data, status=status, headers=dict(headers))
        self.row = row


def repeatable(method: Method) -> Method:
    """The action, done once per `Idempotency-Key`: a repeat shows the row again, nothing happens twice.

    The key is needed where the scope is `act`, else optional. 422 for another body, 409 while the
    first still runs. An answer that failed keeps nothing.
    """

    @wraps(method)
    def answer(self: View, request: Request, *args: object, **kwargs: object) -> Response:
        key = _key_of(request, needed=ACT in scopes_needed(self, str(request.method)))
        if key is None:
            return method(self, request, *args, **kwargs)
        body = request.content_type.encode() + repr(request.data).encode()
        person = cast(
            "AbstractUser", request.user
        )  # scopes were asked for, so somebody is signed in
        with once.attempt(person, request.path[:200], key, body) as trying:
            if trying.earlier:
                return self.again(trying.earlier)
            response = method(self, request, *args, **kwargs)
            if response.status_code < 400:
                row = response.row if isinstance(response, RowAnswer) else None
                trying.ended(
                    once.Outcome(response.status_code, result=Ref.to(row) if row else None)
                )
            return response

    answer.repeatable = True  # type: ignore[attr-defined]  # read by the schema
    return answer


def _key_of(request: Request, *, needed: bool) -> UUID | None:
    header = request.headers.get("Idempotency-Key")
    if header is None:
        if needed:
            raise KeyNeeded
        return None
    key = once.uuid_or_none(header.strip().strip('"'))
    if key is None:
        raise KeyInvalid
    return key


# --- the views -------------------------------------------------------------------------------


class GuardedViewSet(GenericViewSet[Row]):
    """Rows of one guarded model: reading starts at `visible_to`, changing at `editable_by`, all else is a 404.

    A feature names `model`, `serializer_class`, `read_scope`, `write_scope`, and where needed
    `action_scopes`, `rates`, `ordering`, `filterset_class`, `params` (query names an action takes
    beside filters), `version_field`, `synced_by` (its lists are feeds too), `opens` (sealed columns a
    computed field reads), `tag_says_all` (nothing shown changes without the version, so 304 may be said).
    """

    model: ClassVar[type[Model]]
    read_scope: ClassVar[str]
    write_scope: ClassVar[str]
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    rates: ClassVar[Mapping[str, str]] = {}
    ordering: ClassVar[tuple[str, ...]] = ("created_at", "id")
    params: ClassVar[Mapping[str, frozenset[str]]] = {}
    version_field: ClassVar[str] = "version"
    synced_by: ClassVar[str] = ""
    opens: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    if_match_actions: ClassVar[frozenset[str]] = frozenset()
    tag_says_all: ClassVar[bool] = False
    filter_backends = (DjangoFilterBackend,)
    filterset_class: ClassVar[Any] = None
    lookup_field = "pk"
    lookup_url_kwarg = "id"
    http_method_names = ("get", "post", "put", "patch", "delete", "head")

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        # The schema asks a view for its model without a request; rows are asked for below.
        if hasattr(cls, "model"):
            cls.queryset = cast("QuerySet[Row]", cls.model._default_manager.none())

    @classmethod
    def as_view(cls, actions: Any = None, **options: Any) -> Any:  # noqa: ANN401  # as the base types it
        view = super().as_view(actions, **options)
        view.should_append_slash = False  # type: ignore[attr-defined]  # a redirect would lose the body
        return view

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        check_params(request, self.known_params())

    def known_params(self) -> frozenset[str]:
        """The names this action's query may have."""
        own = self.params.get(self.action or "", frozenset())
        if self.action == "retrieve":
            return own | {"fields"}
        if self.action != "list":
            return own
        filters = (
            frozenset(self.filterset_class.base_filters) if self.filterset_class else frozenset()
        )
        synced = frozenset({"updated_since", "ids"}) if self.synced_by else frozenset()
        return own | filters | synced | {"fields", "limit", "cursor"}

    def get_queryset(self) -> QuerySet[Row]:
        rows: Any = self.model._default_manager.all()
        if self.request.method in SAFE_METHODS:
            return rows.visible_to(self.request.user)  # type: ignore[no-any-return]  # a GuardedQuerySet
        return rows.editable_by(self.request.user)  # type: ignore[no-any-return]  # a GuardedQuerySet

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows = super().filter_queryset(queryset)
        if self.synced_by and self.action == "list" and "ids" in self.request.query_params:
            rows = rows.filter(pk__in=ids_of(self.request.query_params["ids"]))
        return rows.defer(*self.unasked()) if self.request.method in SAFE_METHODS else rows

    def get_object(self) -> Row:
        """The row of the address. Missing when there is none to this person, or the id is no id."""
        ident = row_id(str(self.kwargs[self.lookup_url_kwarg]))
        row: Row | None = self.filter_queryset(self.get_queryset()).filter(pk=ident).first()
        if row is None:
            raise Missing
        return row

    def get_serializer(self, *args: object, **kwargs: object) -> BaseSerializer[Row]:
        serializer = super().get_serializer(*args, **kwargs)
        asked = self.asked()
        if asked:
            pick(serializer, asked)
        return serializer

    def asked(self) -> Fields:
        """The fields the query names, nested by their dots; nothing when it asks for all."""
        if self.request.method not in SAFE_METHODS or "fields" not in self.request.query_params:
            return {}
        tree: Fields = {}
        for name in self.request.query_params["fields"].split(","):
            branch = tree
            for step in name.strip().split("."):
                branch = branch.setdefault(step, {})
        return tree

    def unasked(self) -> list[str]:
        """The sealed columns nobody asked for. None of them when an asked field does not say what it reads."""
        asked = self.asked()
        if not asked:
            return []
        fields = pick(super().get_serializer(), asked).fields
        read: set[str] = set()
        for name, field in fields.items():
            if name not in self.opens and field.source == "*":
                return []
            read |= set(self.opens.get(name, (str(field.source).partition(".")[0],)))
        sealed = (
            each.name for each in self.model._meta.concrete_fields if isinstance(each, SEALED)
        )
        return [name for name in sealed if name not in read]

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        row = self.get_object()
        tags = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
        if self.tag_says_all and self.tag_of(row) in tags:
            return Response(status=304, headers={"ETag": self.tag_of(row)})
        return self.shown(row)

    def tag_of(self, row: Row) -> str:
        return f'"{getattr(row, self.version_field)}"'

    def shown(
        self, row: Row, *, status: int = 200, more: Mapping[str, object] | None = None
    ) -> Response:
        """The row as this person sees it, with its version as ETag; `more` stands beside its fields."""
        data = {**self.get_serializer(row).data, **(more or {})}
        return RowAnswer(row, data, status, {"ETag": self.tag_of(row)})

    def created(self, row: Row, *, more: Mapping[str, object] | None = None) -> Response:
        """201 with the row and where it stands."""
        answer = self.shown(row, status=201, more=more)
        answer.headers["Location"] = f"{self.request.path}{row.pk}/"
        return answer

    def create_once(
        self,
        write: Callable[[], Row],
        *,
        id: UUID | None,
        says_the_same: Callable[[Row], bool],
    ) -> Response:
        """201 with the new row; 200 when this person had saved the same under this id.

        AlreadySaved when theirs says something else, IdTaken when the id is not theirs. `write` calls
        the verb, which owns its transaction.
        """
        standing = self.mine(id)
        if standing is None:
            try:
                return self.created(write())
            except IntegrityError as error:
                if not _is_about_the_id(error, self.model):
                    raise
                standing = self.mine(id)
        if standing is None:
            raise IdTaken
        if not says_the_same(standing):
            raise AlreadySaved
        return self.shown(standing)

    def mine(self, id: UUID | None) -> Row | None:
        rows: Any = self.model._default_manager.all()
        return rows.editable_by(self.request.user).filter(pk=id).first() if id else None

    def again(self, earlier: once.Outcome) -> Response:
        """The first answer, made anew from the row as it stands now. Missing when the row has gone."""
        if earlier.result is None:
            return Response(status=earlier.status)
        rows: Any = self.model._default_manager.all()
        row = rows.visible_to(self.request.user).filter(pk=earlier.result.id).first()
        if row is None:
            raise Missing
        return self.shown(row, status=earlier.status)


def check_params(request: Request, known: frozenset[str]) -> None:
    """UnknownFilter for a name nobody knows here, BadText for a value that cannot be stored or compared."""
    for name, values in request.query_params.lists():
        if name not in known:
            raise UnknownFilter
        if any(UNREADABLE.search(value) for value in values):
            raise BadText


def row_id(text: str) -> UUID:
    """The id in an address. Missing when it is none: it names no row, like any other."""
    ident = once.uuid_or_none(text)
    if ident is None:
        raise Missing
    return ident


def ids_of(text: str) -> list[UUID]:
    """The ids, at most 100. UnknownFilter when one of them is none."""
    ids = [once.uuid_or_none(each.strip()) for each in text.split(",")]
    if len(ids) > MOST_IDS or None in ids:
        raise UnknownFilter
    return [each for each in ids if each]


def pick(serializer: BaseSerializer[Any], asked: Fields) -> Serializer[Any]:
    """The serializer with the asked fields only. UnknownField for one it does not have."""
    one = serializer.child if isinstance(serializer, ListSerializer) else serializer
    if not isinstance(one, Serializer) or asked.keys() - one.fields.keys():
        raise UnknownField
    for name in set(one.fields) - asked.keys():
        one.fields.pop(name)
    for name, below in asked.items():
        if below:
            pick(one.fields[name], below)  # type: ignore[arg-type]  # pick refuses a field without fields
    return one


def _is_about_the_id(error: IntegrityError, model: type[Model]) -> bool:
    cause: Any = error.__cause__
    return bool(cause.diag.constraint_name == f"{model._meta.db_table}_pkey")
