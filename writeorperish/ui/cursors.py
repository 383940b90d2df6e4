"""Lists by cursor: where one was, signed, so that a page costs the same at the end of a list as at its start."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from writeorperish.ops.refusals import Unreadable

USUAL_LIMIT: Final = 50
MOST_LIMIT: Final = 200
SALT: Final = "wop.cursor"
# What the list is looked at through, not which rows are in it.
NOT_BINDING: Final = frozenset({"cursor", "limit", "fields", "updated_since"})
# A row is dated before its transaction commits; the feed stays behind the longest one (30 s).
SETTLED: Final = timedelta(seconds=60)


class CursorInvalid(Unreadable):
    code = "cursor_invalid"
    words = _("This cursor belongs to another list, or was changed. Start again without it.")


class LimitInvalid(Unreadable):
    code = "limit_invalid"
    words = _("The limit is a whole number.")


@dataclass(frozen=True, slots=True)
class Order:
    """Columns, most significant first, the last one unique; all in one direction, so one index serves them."""

    columns: tuple[str, ...]
    descending: bool

    @classmethod
    def of(cls, names: Sequence[str]) -> "Order":
        """ValueError when the names go in different directions."""
        descending = {name.startswith("-") for name in names}
        if len(descending) != 1:
            raise ValueError(f"All of {names} must go in one direction.")
        return cls(tuple(name.removeprefix("-") for name in names), descending.pop())

    def reversed(self) -> "Order":
        return Order(self.columns, not self.descending)

    def sort(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.order_by(*(f"-{name}" if self.descending else name for name in self.columns))

    def after(self, rows: QuerySet[Any], place: Sequence[str]) -> QuerySet[Any]:
        """The rows that follow a place. CursorInvalid when it does not fit the columns."""
        fields = [rows.model._meta.get_field(name) for name in self.columns]
        if len(place) != len(fields):
            raise CursorInvalid
        values = [field.to_python(text) for field, text in zip(fields, place, strict=True)]
        beyond = TupleLessThan if self.descending else TupleGreaterThan
        return rows.filter(beyond(Tuple(*map(F, self.columns)), tuple(values)))

    def place_of(self, row: Model) -> list[str]:
        fields = [row._meta.get_field(name) for name in self.columns]
        return [_as_text(getattr(row, field.attname)) for field in fields]  # type: ignore[union-attr]  # columns


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in one list, looking onwards or back."""

    place: list[str]
    back: bool = False

    def signed(self, binding: str) -> str:
        return signing.dumps([self.place, self.back, binding], salt=SALT)

    @classmethod
    def read(cls, text: str, binding: str) -> "Cursor":
        """CursorInvalid when we did not sign it, or signed it for another list, filter or person."""
        try:
            place, back, bound = signing.loads(text, salt=SALT)
        except (signing.BadSignature, ValueError) as error:
            raise CursorInvalid from error
        if bound != binding:
            raise CursorInvalid
        return cls(place, back)


class CursorPages(BasePagination):
    """`{"next", "previous", "results"}`: cursors, or null where the list ends. A clamped `limit` is said.

    The rows' own order decides, else the view's `ordering`, else (`created_at`, `id`). With `?updated_since=`
    on a view with `synced_by` the list is a feed: every row changed since, oldest change first, and a
    `next` that is never null, to ask with later. One query a page.
    """

    def paginate_queryset(
        self,
        queryset: QuerySet[Any],  # type: ignore[override]  # a sequence has no index to start at
        request: Request,
        view: APIView | None = None,
    ) -> list[Any]:
        self.limit, self.clamped = limit_of(request.query_params)
        since = request.query_params.get("updated_since")
        self.feed = since is not None
        order = Order.of(_ordering(queryset, view, feed=self.feed))
        self.binding = _binding(request, order)
        text = since if self.feed else request.query_params.get("cursor")
        cursor = Cursor.read(text, self.binding) if text else None
        if self.feed:
            queryset = queryset.filter(**{f"{order.columns[0]}__lt": timezone.now() - SETTLED})
        self.back = cursor is not None and cursor.back
        going = order.reversed() if self.back else order
        rows = going.after(queryset, cursor.place) if cursor else queryset
        page = list(going.sort(rows)[: self.limit + 1])
        more, page = len(page) > self.limit, page[: self.limit]
        if self.back:
            page.reverse()
        ahead, behind = (True, more) if self.back else (more, cursor is not None)
        first, last = (order.place_of(row) for row in (page[0], page[-1])) if page else (None, None)
        self.next = Cursor(last).signed(self.binding) if last and ahead else None
        self.previous = Cursor(first, back=True).signed(self.binding) if first and behind else None
        if self.feed:
            self.next, self.previous = self._to_ask_with_later(last, cursor), None
        return page

    def _to_ask_with_later(self, last: list[str] | None, cursor: Cursor | None) -> str:
        before_all = [(timezone.now() - SETTLED).isoformat(), str(UUID(int=0))]
        place = last or (cursor.place if cursor else before_all)
        return Cursor(place).signed(self.binding)

    def get_paginated_response(self, data: object) -> Response:
        body = {"next": self.next, "previous": self.previous, "results": data}
        return Response(body | ({"limit": self.limit} if self.clamped else {}))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": "string", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": cursor | {"description": "Ask with it as ?cursor=."},
                "previous": cursor,
                "results": schema,
                "limit": {
                    "type": "integer",
                    "description": "Only when the one asked for was clamped.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            _parameter(
                "limit", {"type": "integer", "default": USUAL_LIMIT}, "At most 200; clamped."
            ),
            _parameter("cursor", {"type": "string"}, "From `next` or `previous` of the same list."),
        ]


def limit_of(params: Mapping[str, str]) -> tuple[int, bool]:
    """The page's length, 1..200, and whether it differs from what was asked. LimitInvalid when that is no number."""
    asked = params.get("limit", str(USUAL_LIMIT))
    if not asked.removeprefix("-").isascii() or not asked.removeprefix("-").isdecimal():
        raise LimitInvalid
    number = int(asked[:6])
    limit = min(max(number, 1), MOST_LIMIT)
    return limit, limit != number


def _ordering(rows: QuerySet[Any], view: APIView | None, *, feed: bool) -> tuple[str, ...]:
    if feed:
        return (str(getattr(view, "synced_by", "updated_at")), "id")
    if rows.query.order_by:
        return tuple(map(str, rows.query.order_by))
    return tuple(getattr(view, "ordering", ("created_at", "id")))


def _binding(request: Request, order: Order) -> str:
    """What a cursor is good for: this person, address, order and filters; another list's is refused."""
    filters = sorted(
        (name, values) for name, values in request.query_params.lists() if name not in NOT_BINDING
    )
    parts = [str(request.user.pk), request.path, order.columns, order.descending, filters]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }
