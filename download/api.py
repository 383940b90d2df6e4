"""Search as JSON: the same function as the page."""

from collections.abc import Mapping
from typing import ClassVar

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import ApiRequest
from download.search import Found, Mode, Whose, search
from download.serializers import HitSerializer, SearchSerializer
from writeorperish.ui.api import UnknownFilter, check_params

PARAMS = frozenset({"q", "mode", "scope", "cursor"})


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
        found = search(
            self.request.user,
            asked.get("q", ""),
            mode=Mode(mode),
            whose=Whose(whose),
            zone=timezone.get_current_timezone(),
            cursor=asked.get("cursor", ""),
        )
        return Response(as_json(found))


def as_json(found: Found) -> dict[str, object]:
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


urlpatterns = [path("search/", SearchView.as_view(), name="search")]
