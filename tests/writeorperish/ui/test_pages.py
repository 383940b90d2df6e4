from copy import deepcopy
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client
from django.urls import include, path

from writeorperish.ops.refusals import (
    Barred,
    Conflict,
    Gone,
    Invalid,
    Missing,
    Needed,
    TooMuch,
    Unavailable,
)
from writeorperish.ui.pages import UnknownTarget, part_of, show, target_id
from writeorperish.ui.views import not_found

TEMPLATE = (
    "{% partialdef entry %}<p id='entry'>{{ words }}</p>{% endpartialdef entry %}"
    "<html><body>{% partial entry %}</body></html>"
)
REFUSALS = [Invalid, Conflict, Barred, Missing, Gone, Needed, TooMuch, Unavailable]
ID = UUID("01930000-0000-7000-8000-000000000001")
HTMX = {"HX-Request": "true"}


def aim(target: str) -> dict[str, str]:
    return HTMX | {"HX-Target": target}


def page(request):
    return show(request, "thrown_away.html", {"words": "alice's words"}, parts=("entry",))


def refusing(request, name):
    raise {each.code: each for each in REFUSALS}[name]()


def elsewhere(request):
    messages.info(request, "Saved")
    return HttpResponseRedirect("/page/")


def toasting(request):
    messages.info(request, "<Saved>")
    return HttpResponse("<p>part</p>")


def to_sign_in(request):
    return HttpResponseRedirect("/accounts/login/?next=/page/")


def absent(request):
    raise Http404


def stored(request):
    return HttpResponse(
        b"", content_type="audio/webm", headers={"Cache-Control": "private, no-transform"}
    )


def silent(request):
    return HttpResponse("asked nobody")


def breaking(request):
    raise RuntimeError("alice's words")


async def waited(request):
    raise Gone


urlpatterns = [
    path("page/", page),
    path("refusing/<str:name>/", refusing),
    path("api/v1/refusing/<str:name>/", refusing),
    path("api/v1/breaking/", breaking),
    path("elsewhere/", elsewhere),
    path("toasting/", toasting),
    path("to-sign-in/", to_sign_in),
    path("absent/", absent),
    path("stored/", stored),
    path("silent/", silent),
    path("live/waited/", waited),
    path("accounts/login/", silent, name="account_login"),
    path("accounts/logout/", silent, name="account_logout"),
    path("", include("writeorperish.ui.urls")),
]
handler404 = not_found


@pytest.fixture(autouse=True)
def thrown_away_pages(settings):
    settings.ROOT_URLCONF = __name__
    templates = deepcopy(settings.TEMPLATES)
    ((partials, ((_cached, found),)),) = templates[0]["OPTIONS"]["loaders"]
    locmem = ("django.template.loaders.locmem.Loader", {"thrown_away.html": TEMPLATE})
    templates[0]["OPTIONS"]["loaders"] = [(partials, [locmem, *found])]
    settings.TEMPLATES = templates
    settings.UI_STRICT = True


@pytest.mark.parametrize(
    "target", ["entry", "p#entry", "p%23entry", f"p#entry-{ID}", f"article%23entry-{ID}"]
)
def test_htmx_gets_the_part_it_aims_at(client: Client, target):
    answer = client.get("/page/", headers=aim(target))
    assert answer.text == "<p id='entry'>alice&#x27;s words</p>"
    assert {"HX-Request", "HX-Target"} <= set(answer.headers["Vary"].split(", "))


def test_a_browser_gets_the_page(client: Client):
    answer = client.get("/page/")
    assert answer.text.startswith("<html>")
    assert "HX-Target" in answer.headers["Vary"]


@pytest.mark.parametrize("target", ["", "div#other", "p#entry-notanid", f"p#{ID}", "../entry"])
def test_an_unknown_target_raises_where_pages_are_strict(client: Client, target):
    with pytest.raises(UnknownTarget):
        client.get("/page/", headers=aim(target))


def test_an_unknown_target_reloads_the_page_for_people(client: Client, settings):
    settings.UI_STRICT = False
    answer = client.get("/page/?before=3", headers=aim("div#other"))
    assert answer.headers["HX-Redirect"] == "/page/?before=3"


def test_the_target_is_the_id_of_the_element(rf):
    assert target_id(rf.get("/", headers=aim("div%23reply-form"))) == "reply-form"
    assert target_id(rf.get("/")) == ""
    assert part_of(f"reply-form-{ID}") == "reply-form"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.code)
def test_a_refusal_has_one_status_as_page_part_and_problem(client: Client, refusal):
    page = client.get(f"/refusing/{refusal.code}/")
    part = client.get(f"/refusing/{refusal.code}/", headers=aim("div#editor-status"))
    problem = client.get(f"/api/v1/refusing/{refusal.code}/")
    assert [each.status_code for each in (page, part, problem)] == [refusal.status] * 3
    assert 'id="editor-status"' in part.text
    assert "<html" not in part.text
    assert "<html" in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["code"] == refusal.code


def test_every_404_of_the_api_is_the_same_bytes(client: Client):
    answers = [
        client.get(address)
        for address in ("/api/v1/refusing/not_found/", "/api/v1/nowhere/", "/api/")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert list(answers[0].json()) == ["type", "title", "status", "code"]


def test_a_failure_of_the_api_says_only_its_number(client: Client):
    client.raise_request_exception = False
    answer = client.get("/api/v1/breaking/")
    assert answer.json() == {
        "type": "urn:wop:problem:broken",
        "title": "Internal Server Error",
        "status": 500,
        "code": "broken",
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize("address", ["/absent/", "/no/such/address/"])
def test_what_is_not_there_is_a_sentence_in_the_target(client: Client, address):
    answer = client.get(address, headers=aim("div#entries"))
    assert answer.status_code == 404
    assert 'id="entries"' in answer.text
    assert "<html" not in answer.text


def test_htmx_is_told_to_go_where_a_redirect_leads_and_the_toast_waits_there(client: Client):
    answer = client.post("/elsewhere/", headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/page/")
    assert "Location" not in answer.headers
    assert "Saved" in client.get("/toasting/", headers=HTMX).text


def test_a_browser_follows_a_redirect_itself(client: Client):
    assert client.post("/elsewhere/").headers["Location"] == "/page/"


def test_toasts_are_appended_to_a_part_and_escaped(client: Client):
    text = client.get("/toasting/", headers=HTMX).text
    assert text.startswith("<p>part</p><hx-partial")
    assert 'hx-target="#toasts"' in text
    assert "&lt;Saved&gt;" in text


def test_a_way_to_sign_in_is_an_empty_401_for_htmx(client: Client):
    answer = client.get("/to-sign-in/", headers=HTMX)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("address", "stored_as"),
    [
        ("/page/", "no-store"),
        ("/api/v1/nowhere/", "private, no-store"),
        ("/stored/", "private, no-transform"),
    ],
)
def test_what_is_made_for_a_person_is_not_stored(alice, client: Client, address, stored_as):
    client.force_login(alice)
    assert client.get(address).headers["Cache-Control"] == stored_as


def test_a_refusal_reaches_the_async_chain_too():
    answer = async_to_sync(AsyncClient().get)("/live/waited/", headers=aim("div#reply"))
    assert answer.status_code == 410
    assert 'id="reply"' in answer.content.decode()
