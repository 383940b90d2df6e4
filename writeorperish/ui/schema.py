"""The API described as it is: problems, preconditions, repeats and credentials belong to every operation."""

from typing import Any, ClassVar, Final, Literal

from django.conf import settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from writeorperish.ui import problems
from writeorperish.ui.access import ACT, scopes_needed
from writeorperish.ui.parsing import Sent

PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. A 404 has the first four members only.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "example": "urn:wop:problem:not_found"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
    "additionalProperties": True,
}
MEANINGS: Final = {
    "400": "The request cannot be read: broken JSON, an unknown field or filter, a forged cursor.",
    "401": "No valid credentials.",
    "403": "Barred from this: `missing_scope`, `restricted` or `proof_needed`.",
    "404": "Absent, or not open to this person: the same bytes for both.",
    "409": "Something else happened first.",
    "410": "It was there and is gone.",
    "413": "Too large.",
    "415": "Not a media type this takes.",
    "422": "A value is refused; `errors` says which.",
    "428": "A precondition is missing: `If-Match` or `Idempotency-Key`.",
    "429": "Too much at once; `Retry-After` says when.",
    "503": "A part does not answer; `Retry-After` says when to ask again.",
}
RETRY: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
ETAG: Final = {"ETag": {"description": "For `If-Match`.", "schema": {"type": "string"}}}
LOCATION: Final = {"Location": {"description": "The row.", "schema": {"type": "string"}}}
LATER: Final = frozenset({"429", "503"})
CREDENTIALS: Final = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT or personal token"},
}


class Generator(SchemaGenerator):
    """The whole description, made once per process: it takes more than a second, and anybody may ask for it.

    What an address asks for, a language or a version, makes it no other: it is told in the words of the code, and
    the one version stands in the paths.
    """

    made: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:  # noqa: ANN401  # as the base types it
        if not self.made:
            self.api_version = None
            with translation.override(settings.LANGUAGE_CODE):
                self.made.update(super().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]  # the base's
        return self.made


class Schema(AutoSchema):
    """drf-spectacular's reading of a view, with what our kit adds to each operation."""

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self._wants_if_match():
            parameters.append(_header("If-Match", '`"<rev or version>"`', required=True))
        if self._is_repeatable():
            needed = ACT in self._scopes()
            parameters.append(_header("Idempotency-Key", "A UUID, kept 24 h.", required=needed))
        known = self.view.known_params() if hasattr(self.view, "known_params") else frozenset()
        for name, words in {
            "fields": "Only these fields, dotted for nested ones; then no other member is required.",
            "ids": "Only these ids, at most 100.",
            "updated_since": "A feed: `next` of an earlier answer, empty at first.",
        }.items():
            if name in known:
                parameters.append(OpenApiParameter(name, OpenApiTypes.STR, description=words))
        return parameters

    def get_filter_backends(self) -> list[Any]:
        # What a list is narrowed by; the base asks of every action that answers many.
        if getattr(self.view, "action", "") != "list":
            return []
        return list(super().get_filter_backends())

    def get_auth(self) -> list[Any]:
        if not self._scopes():
            return []
        for name, definition in CREDENTIALS.items():
            self._component(name, ResolvedComponent.SECURITY_SCHEMA, definition)
        return [{name: []} for name in CREDENTIALS]

    def get_description(self) -> str:  # type: ignore[override]  # as the base overrides it
        scopes = " ".join(self._scopes())
        words = super().get_description()
        return "\n\n".join(filter(None, [words, f"Scope: {scopes}" if scopes else ""]))

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if self._takes_an_id() and "201" in responses:
            again = {"description": "The same was already saved under this id."}
            responses["200"] = responses.get("200", responses["201"]) | again
        if getattr(self.view, "action", "") == "retrieve" and hasattr(self.view, "tag_of"):
            responses["200"]["headers"] = ETAG
            if getattr(self.view, "tag_says_all", False):
                responses.setdefault("304", {"description": "Unchanged since this ETag."})
        if self._is_create_operation():
            for status in {"201", "202"} & responses.keys():
                responses[status]["headers"] = LOCATION
        problem = self._component("ProblemDetails", ResolvedComponent.SCHEMA, PROBLEM)
        content = {problems.MEDIA_TYPE: {"schema": problem.ref}}
        for status in sorted(self._refusals()):
            said: dict[str, Any] = {"description": MEANINGS[status], "content": content}
            responses.setdefault(status, said | ({"headers": RETRY} if status in LATER else {}))
        return responses

    def _component(self, name: str, kind: str, schema: dict[str, Any]) -> ResolvedComponent:
        component = ResolvedComponent(name, kind, schema, Schema)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        return component

    def _refusals(self) -> set[str]:
        refusals = {"400", "401", "429", "503"}
        if self._scopes():
            refusals |= {"403"}
        if self.method not in SAFE_METHODS:
            refusals |= {"404", "409", "410", "413", "415", "422"}
        # A row is named in the address, or in its query.
        if "{" in self.path or getattr(self.view, "names_a_row", False):
            refusals |= {"404"}
        if self.get_filter_backends() and getattr(self.view, "filterset_class", None):
            refusals |= {"422"}
        if self._wants_if_match() or self._is_repeatable():
            refusals |= {"428"}
        return refusals

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:  # noqa: ANN401  # as the base types it
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]  # the base's
        if direction == "request" and isinstance(serializer, Sent):
            schema["additionalProperties"] = False
        return schema

    def _takes_an_id(self) -> bool:
        if not self._is_create_operation():
            return False
        serializer = self.get_request_serializer()
        return "id" in getattr(
            serializer() if isinstance(serializer, type) else serializer, "fields", ()
        )

    def _scopes(self) -> tuple[str, ...]:
        return scopes_needed(self.view, self.method)

    def _wants_if_match(self) -> bool:
        return getattr(self.view, "action", None) in getattr(self.view, "if_match_actions", ())

    def _is_repeatable(self) -> bool:
        name = getattr(self.view, "action", None) or self.method.lower()
        return hasattr(getattr(self.view, name, None), "repeatable")


def _header(name: str, words: str, *, required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=words, required=required
    )
