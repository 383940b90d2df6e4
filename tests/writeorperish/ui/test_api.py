from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django_filters import rest_framework as filters
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from journal.models.nodes import Node
from tests.factories import entry, public
from writeorperish.ops.refusals import Conflict
from writeorperish.refs import new_id
from writeorperish.ui.access import OPEN
from writeorperish.ui.api import GuardedViewSet, if_match, repeatable
from writeorperish.ui.fields import ApiId, ApiText
from writeorperish.ui.views import nothing_here

SCOPES = frozenset({"journal:read", "journal:write", "act"})
PAUSED: list[str] = []


@dataclass(frozen=True)
class Pass:
    scopes: frozenset[str] = SCOPES
    why_not: str = ""


class InnerShape(serializers.Serializer):
    uid = serializers.UUIDField(source="pk")
    email = serializers.EmailField()


class NodeShape(serializers.Serializer):
    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField(source="body")
    rev = serializers.IntegerField()
    owner = InnerShape()
    words = serializers.SerializerMethodField()

    def get_words(self, node) -> int:
        return len(node.body.split())


class NewNode(serializers.Serializer):
    id = ApiId(required=False)
    text = ApiText()


class LevelFilter(filters.FilterSet):
    level = filters.ChoiceFilter(
        field_name="privacy_level", choices=[("private", "private"), ("public", "public")]
    )


class Nodes(GuardedViewSet):
    model = Node
    serializer_class = NodeShape
    read_scope = "journal:read"
    write_scope = "journal:write"
    action_scopes: ClassVar = {"approve": ("act",)}
    ordering = ("-written_at", "-id")
    version_field = "rev"
    filterset_class = LevelFilter
    synced_by = "updated_at"
    tag_says_all = True
    opens: ClassVar = {"words": ("body",)}
    if_match_actions: ClassVar = frozenset({"partial_update"})

    def get_queryset(self):
        return super().get_queryset().select_related("owner")

    def create(self, request):
        sent = NewNode(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        return self.create_once(
            lambda: entry(request.user, **values),
            id=values.get("id"),
            says_the_same=lambda node: node.body == values["text"],
        )

    def partial_update(self, request, id):
        node = self.get_object()
        if if_match(request) != node.rev:
            raise Conflict(yours=if_match(request), theirs=node.rev)
        return self.shown(node)

    @repeatable
    def approve(self, request, id):
        PAUSED.append(id)
        return self.shown(self.get_object(), status=202)

    @repeatable
    def pause(self, request, id):
        PAUSED.append(id)
        return Response(status=204)


class Nameless(APIView):
    def get(self, request):
        return Response({})


class Open(APIView):
    read_scope = OPEN

    def get(self, request):
        return Response({"open": True})


ONE = {"get": "retrieve", "patch": "partial_update"}
v1 = [
    path("nodes/", Nodes.as_view({"get": "list", "post": "create"})),
    path("nodes/<str:id>/", Nodes.as_view(ONE)),
    path("nodes/<str:id>/approval/", Nodes.as_view({"post": "approve"})),
    path("nodes/<str:id>/pause/", Nodes.as_view({"post": "pause"})),
    path("open/", Open.as_view()),
]
urlpatterns = [
    path("api/v1/", include(v1)),
    path("api/nameless/", Nameless.as_view()),
    path("api/<path:rest>", nothing_here),
    path("login/", nothing_here, name="account_login"),
    path("", include("writeorperish.ui.urls")),
]
NODES = "/api/v1/nodes/"


@pytest.fixture(autouse=True)
def thrown_away_api(settings):
    settings.ROOT_URLCONF = __name__
    PAUSED.clear()


def as_(who, scopes=SCOPES, why_not="") -> APIClient:
    client = APIClient()
    client.force_authenticate(who, token=Pass(scopes, why_not))
    return client


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- who


def test_nobody_gets_401_and_is_told_how_to_come_in(db):
    answer = APIClient().get(NODES)
    assert code(answer) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_open_view_answers_anybody(db):
    assert APIClient().get("/api/v1/open/").json() == {"open": True}


def test_a_view_that_names_no_scope_answers_nobody(alice):
    client = as_(alice)
    client.raise_request_exception = False
    assert client.get("/api/nameless/").status_code == 500


@pytest.mark.parametrize(("why_not", "why"), [("", "credential"), ("leaving", "leaving")])
def test_a_credential_without_the_scope_is_told_why(alice, why_not, why):
    answer = as_(alice, frozenset({"journal:read"}), why_not).post(NODES, {"text": "a"})
    assert code(answer) == (403, "missing_scope")
    assert answer.json()["why"] == why


# --- what cannot be read


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{", "application/json", (400, "bad_json")),
        (b'{"text": "\\u0000"}', "application/json", (400, "bad_text")),
        (b'{"text": "\xff"}', "application/json", (400, "bad_text")),
        (b"[" * 60 + b"]" * 60, "application/json", (400, "bad_json")),
        (b'"' + b"a" * (5 * 1024 * 1024) + b'"', "application/json", (413, "too_large")),
        (b"text=a", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b"[]", "application/json", (422, "invalid")),
        (b"{}", "application/json", (422, "invalid")),
    ],
)
def test_a_body_we_do_not_take_is_a_problem(alice, body, kind, expected):
    assert code(as_(alice).generic("POST", NODES, body, content_type=kind)) == expected


def test_a_refused_value_is_named_by_its_field(alice):
    answer = as_(alice).post(NODES, {"id": "nope", "text": 3})
    assert set(answer.json()["errors"]) == {"id", "text"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_we_do_not_know_is_a_problem(alice, method):
    assert code(as_(alice).generic(method, NODES)) == (405, "method_not_allowed")


@pytest.mark.parametrize("accept", ["text/html", "image/png", "nonsense"])
def test_whatever_a_client_accepts_it_is_answered_in_json(alice, accept):
    answer = as_(alice).get(NODES, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("nope=1", (400, "unknown_filter")),
        ("fields=id,nope", (400, "unknown_field")),
        ("fields=owner.nope", (400, "unknown_field")),
        ("fields=id.nope", (400, "unknown_field")),
        ("level=%00", (400, "bad_text")),
        ("level=nope", (422, "invalid")),
        ("limit=many", (400, "limit_invalid")),
        ("limit=²", (400, "limit_invalid")),
        ("cursor=forged", (400, "cursor_invalid")),
        ("ids=1,2", (400, "unknown_filter")),
        ("format=xml", (400, "unknown_filter")),
    ],
)
def test_a_query_we_do_not_understand_is_a_problem(alice, query, expected):
    assert code(as_(alice).get(f"{NODES}?{query}")) == expected


# --- sight


def test_every_absence_is_the_same_answer(alice, charlie, mallory, bob):
    private = entry(alice)
    withdrawn = public(entry(alice))
    addresses = [
        (charlie, f"{NODES}{private.pk}/"),
        (charlie, f"{NODES}{new_id()}/"),
        (charlie, f"{NODES}not-an-id/"),
        (mallory, f"{NODES}{withdrawn.pk}/"),
    ]
    answers = [as_(who).get(address) for who, address in addresses]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    kept = [
        {
            name: value
            for name, value in answer.headers.items()
            if name not in {"X-Request-ID", "RateLimit"}
        }
        for answer in answers
    ]
    assert all(headers == kept[0] for headers in kept)


def test_what_one_may_read_one_may_not_change(alice, bob):
    node = public(entry(alice))
    assert as_(bob).get(f"{NODES}{node.pk}/").status_code == 200
    refused = as_(bob).patch(f"{NODES}{node.pk}/", {}, headers={"If-Match": '"1"'})
    assert code(refused) == (404, "not_found")


# --- lists


def test_walking_a_list_by_cursor_meets_each_row_once_and_back_again(alice):
    made = {str(entry(alice, f"words {nth}").pk) for nth in range(7)}
    client, seen, cursor, pages = as_(alice), [], "", []
    while cursor is not None:
        page = client.get(f"{NODES}?limit=2&cursor={cursor}").json()
        pages.append(page)
        seen += [row["id"] for row in page["results"]]
        cursor = page["next"]
    assert [len(page["results"]) for page in pages] == [2, 2, 2, 1]
    assert pages[0]["previous"] is None
    assert set(seen) == made
    assert len(seen) == 7
    back, cursor = [row["id"] for row in pages[-1]["results"]], pages[-1]["previous"]
    while cursor is not None:
        page = client.get(f"{NODES}?limit=2&cursor={cursor}").json()
        back = [row["id"] for row in page["results"]] + back
        cursor = page["previous"]
    assert back == seen


def test_an_empty_list_has_no_cursors(alice):
    assert as_(alice).get(NODES).json() == {"next": None, "previous": None, "results": []}


@pytest.mark.parametrize(("asked", "given"), [("0", 1), ("-3", 1), ("201", 200), ("9" * 50, 200)])
def test_a_limit_out_of_range_is_clamped_and_said(alice, asked, given):
    assert as_(alice).get(f"{NODES}?limit={asked}").json()["limit"] == given


def test_a_cursor_is_good_for_its_list_person_and_filters_only(alice, charlie):
    for _nth in range(3):
        entry(alice)
        public(entry(charlie))
    cursor = as_(alice).get(f"{NODES}?limit=1").json()["next"]
    assert as_(alice).get(f"{NODES}?cursor={cursor}&limit=2&fields=id").status_code == 200
    for who, query in [
        (charlie, f"cursor={cursor}"),
        (alice, f"cursor={cursor}&level=private"),
        (alice, f"cursor={cursor[:-1]}"),
        (alice, f"cursor=x{cursor}"),
    ]:
        assert code(as_(who).get(f"{NODES}?{query}")) == (400, "cursor_invalid")


def test_a_list_costs_the_same_for_ten_rows_as_for_twenty(alice):
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert as_(alice).get(NODES).status_code == 200
        return len(asked)

    cost()
    for _nth in range(10):
        entry(alice)
    ten = cost()
    for _nth in range(10):
        entry(alice)
    assert cost() == ten


def test_a_feed_hands_out_a_place_to_ask_from_later(alice, time_machine):
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    client = as_(alice)
    first = client.get(f"{NODES}?updated_since=").json()
    assert first["results"] == []
    early = entry(alice, "early")
    assert client.get(f"{NODES}?updated_since={first['next']}").json()["results"] == []
    time_machine.shift(61)
    second = client.get(f"{NODES}?updated_since={first['next']}").json()
    assert [row["id"] for row in second["results"]] == [str(early.pk)]
    late = entry(alice, "late")
    time_machine.shift(61)
    third = client.get(f"{NODES}?updated_since={second['next']}").json()
    assert [row["id"] for row in third["results"]] == [str(late.pk)]


def test_rows_may_be_asked_for_by_their_ids(alice, charlie):
    wanted, other, foreign = entry(alice), entry(alice), entry(charlie)
    rows = as_(alice).get(f"{NODES}?ids={wanted.pk},{foreign.pk}").json()["results"]
    assert [row["id"] for row in rows] == [str(wanted.pk)]
    assert str(other.pk) not in str(rows)


# --- partial answers


def test_a_client_gets_the_fields_it_asks_for(alice):
    node = entry(alice, "one two")
    client = as_(alice)
    assert client.get(f"{NODES}{node.pk}/?fields=rev,owner.email").json() == {
        "rev": 1,
        "owner": {"email": alice.email},
    }
    assert client.get(f"{NODES}?fields=words").json()["results"] == [{"words": 2}]


@pytest.mark.parametrize(("fields", "read"), [("id,rev", False), ("text", True), ("words", True)])
def test_a_sealed_column_nobody_asked_for_is_not_read(alice, fields, read):
    entry(alice)
    with CaptureQueriesContext(connection) as asked:
        as_(alice).get(f"{NODES}?fields={fields}")
    selects = [query["sql"] for query in asked if '"body"' in query["sql"]]
    assert bool(selects) is read
    assert len([query for query in asked if "journal_node" in query["sql"]]) == 1


# --- preconditions


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (428, "if_match_needed")),
        ("1", (400, "if_match_invalid")),
        ('W/"1"', (400, "if_match_invalid")),
        ("*", (400, "if_match_invalid")),
        ('"1", "2"', (400, "if_match_invalid")),
        ('"-1"', (400, "if_match_invalid")),
        ('"' + "9" * 40 + '"', (400, "if_match_invalid")),
        ('"7"', (409, "version_changed")),
    ],
)
def test_a_change_names_the_version_it_was_made_from(alice, header, expected):
    headers = {"If-Match": header} if header else {}
    address = f"{NODES}{entry(alice).pk}/"
    answer = as_(alice).patch(address, {}, headers=headers)
    assert code(answer) == expected
    if expected[0] == 409:
        assert (answer.json()["yours"], answer.json()["theirs"]) == (7, 1)


def test_the_etag_of_a_row_is_what_if_match_takes(alice):
    address = f"{NODES}{entry(alice).pk}/"
    tag = as_(alice).get(address).headers["ETag"]
    assert as_(alice).patch(address, {}, headers={"If-Match": tag}).status_code == 200


def test_an_unchanged_row_is_not_sent_again_but_asked_for_by_sight(alice, charlie):
    address = f"{NODES}{entry(alice).pk}/"
    headers = {"If-None-Match": '"1"'}
    assert as_(alice).get(address, headers=headers).status_code == 304
    assert as_(charlie).get(address, headers=headers).status_code == 404


# --- doing things twice


def test_a_row_made_with_a_clients_id_is_made_once(alice):
    sent = {"id": str(new_id()), "text": "alice's words"}
    first, again = as_(alice).post(NODES, sent), as_(alice).post(NODES, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["Location"] == f"{NODES}{sent['id']}/"
    assert first.json() == again.json()
    other = as_(alice).post(NODES, sent | {"text": "other words"})
    assert code(other) == (409, "already_saved")


def test_an_act_wants_a_key_and_happens_once(alice):
    address = f"{NODES}{entry(alice).pk}/approval/"
    client, key = as_(alice), {"Idempotency-Key": str(new_id())}
    assert code(client.post(address)) == (428, "idempotency_key_needed")
    assert code(client.post(address, headers={"Idempotency-Key": "x"})) == (
        400,
        "idempotency_key_invalid",
    )
    first, again = client.post(address, headers=key), client.post(address, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert len(PAUSED) == 1
    assert code(client.post(address, {"more": 1}, headers=key)) == (422, "key_reused")


def test_elsewhere_a_key_is_optional_and_kept_when_given(alice):
    address = f"{NODES}{entry(alice).pk}/pause/"
    key = {"Idempotency-Key": str(new_id())}
    client = as_(alice)
    statuses = [client.post(address, headers=headers).status_code for headers in (key, key, {}, {})]
    assert statuses == [204, 204, 204, 204]
    assert len(PAUSED) == 3


def test_a_repeat_for_a_row_that_has_gone_is_a_404(alice):
    node = entry(alice)
    address, key = f"{NODES}{node.pk}/approval/", {"Idempotency-Key": str(new_id())}
    as_(alice).post(address, headers=key)
    Node.objects.filter(pk=node.pk).update(deleted_at=node.written_at)
    assert code(as_(alice).post(address, headers=key)) == (404, "not_found")


# --- the rest


def test_a_forgotten_slash_loses_no_body_to_a_redirect(alice):
    answer = as_(alice).post("/api/v1/nodes", {"text": "a"})
    assert code(answer) == (404, "not_found")


def test_every_answer_says_how_much_is_left(alice):
    headers = as_(alice).get(NODES).headers
    assert headers["RateLimit-Policy"] == '"api";q=600;w=60'
    assert headers["RateLimit"].startswith('"api";r=99;')


def test_too_much_at_once_is_told_when_to_come_back(db, time_machine):
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    client = APIClient(REMOTE_ADDR=f"2001:db8::{new_id().hex[-4:]}")
    answers = [client.get("/api/v1/open/") for _turn in range(31)]
    assert [answer.status_code for answer in answers[:30]] == [200] * 30
    assert code(answers[30]) == (429, "rate_limited")
    assert answers[30].headers["Retry-After"] == "2"


def test_the_schema_is_valid_and_says_what_the_kit_does():
    document = SchemaGenerator(patterns=urlpatterns[:1]).get_schema(public=True)
    validate_schema(document)
    lists, create = document["paths"][NODES]["get"], document["paths"][NODES]["post"]
    change = document["paths"][f"{NODES}{{id}}/"]["patch"]
    approve = document["paths"][f"{NODES}{{id}}/approval/"]["post"]
    assert {each["name"] for each in lists["parameters"]} == {
        "cursor",
        "fields",
        "ids",
        "level",
        "limit",
        "updated_since",
    }
    assert {"200", "201", "400", "401", "403", "409", "422", "429"} <= set(create["responses"])
    assert {"404", "428"} <= set(change["responses"])
    assert ("If-Match", True) in {
        (each["name"], each["required"]) for each in change["parameters"] if "required" in each
    }
    assert "Idempotency-Key" in {each["name"] for each in approve["parameters"]}
    problem = change["responses"]["404"]["content"]["application/problem+json"]
    assert problem == {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    assert lists["security"] == [{"session": []}, {"bearer": []}]
