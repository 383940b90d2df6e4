"""Refusals as application/problem+json (RFC 9457), the same bytes from every place that refuses."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import JSONRenderer

from writeorperish.ops.logging import current_request_id
from writeorperish.ops.refusals import Missing, Refused, Words

MEDIA_TYPE: Final = "application/problem+json"
# What a status without a refusal of ours is called.
CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "not_authenticated",
    403: "restricted",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "broken",
    503: "unavailable",
}


def is_api(request: HttpRequest) -> bool:
    """Whether whoever asks is a program: the API, or what follows a stream."""
    return request.path.startswith("/api/") or (
        request.path.startswith("/live/") and "HX-Request" not in request.headers
    )


def body_of(refused: Refused) -> dict[str, object]:
    """The problem as JSON values. A 404 says nothing but that, so that it cannot tell one absence from another."""
    if refused.status == HTTPStatus.NOT_FOUND:
        return body(Missing.status, Missing.code)
    return body(
        refused.status,
        refused.code,
        detail=refused.words,
        errors=refused.errors,
        **refused.detail,
    )


def body(
    status: int,
    code: str = "",
    *,
    detail: Words = "",
    errors: Mapping[str, list[Words]] | None = None,
    **more: object,
) -> dict[str, object]:
    """A problem of this status; `more` stands beside the common members."""
    code = code or CODES.get(status, "refused")
    problem: dict[str, object] = {
        "type": f"urn:wop:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    if status == HTTPStatus.NOT_FOUND:
        return problem
    if detail:
        problem["detail"] = str(detail)
    if errors:
        problem["errors"] = {field: [str(each) for each in said] for field, said in errors.items()}
    return more | problem | {"request_id": current_request_id()}


def response(
    problem: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        JSONRenderer().render(problem),
        status=int(str(problem["status"])),
        content_type=MEDIA_TYPE,
        headers={**headers_of(problem), **(headers or {})},
    )


def headers_of(problem: Mapping[str, object]) -> dict[str, str]:
    return {"WWW-Authenticate": 'Bearer realm="api"'} if problem["status"] == 401 else {}


def retry_header(refused: Refused) -> dict[str, str]:
    if refused.retry_after_seconds is None:
        return {}
    return {"Retry-After": str(refused.retry_after_seconds)}
