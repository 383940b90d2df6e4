import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from structlog.testing import capture_logs

from writeorperish.refs import new_id
from writeorperish.ui import nav, slots
from writeorperish.ui.views import broken, not_found


def page(request, **_ids):
    return HttpResponse(request.path)


journal = (
    [path("journal/", page, name="home"), path("journal/write/", page, name="write")],
    "journal",
)
download = (
    [path("search/", page, name="search"), path("library/_beside/", page, name="beside")],
    "download",
)
urlpatterns = [
    path("accounts/login/", page, name="account_login"),
    path("accounts/logout/", page, name="account_logout"),
    path("", include("writeorperish.ui.urls")),
    path("", include(journal)),
    path("", include(download)),
]
handler404, handler500 = not_found, broken


@pytest.fixture(autouse=True)
def thrown_away_pages(settings):
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def fresh_slots(monkeypatch):
    monkeypatch.setattr(slots, "_slots", {})


def test_the_service_worker_serves_the_whole_site_and_names_its_files(client: Client):
    answer = client.get("/sw.js")
    assert answer.headers["Content-Type"] == "text/javascript"
    assert answer.headers["Service-Worker-Allowed"] == "/"
    assert answer.headers["Cache-Control"] == "no-cache"
    files = json.loads(re.search(r"^const FILES = (.*);$", answer.text, re.MULTILINE)[1])
    assert all(name.startswith("/static/ui/") for name in files)
    assert 'addEventListener("fetch"' in answer.text


def test_the_offline_page_knows_nobody(alice, client: Client):
    signed_out = client.get("/offline/").content
    client.force_login(alice)
    assert client.get("/offline/").content == signed_out
    assert b"offline" in signed_out


def test_the_manifest_names_what_exists(client: Client):
    answer = client.get("/manifest.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"
    manifest = answer.json()
    assert [each["url"] for each in manifest["shortcuts"]] == ["/journal/write/"]
    assert manifest["share_target"]["action"] == "/share-target/"


def test_what_another_app_shares_becomes_a_new_entry_not_yet_saved(client: Client):
    answer = client.get(
        "/share-target/", {"title": "a & b", "text": "c", "url": "https://d.example/?e=f"}
    )
    to = urlsplit(answer.headers["Location"])
    assert to.path == "/journal/write/"
    assert parse_qs(to.query) == {
        "title": ["a & b"],
        "text": ["c"],
        "url": ["https://d.example/?e=f"],
    }


def test_the_style_guide_is_for_developers(alice, client: Client, settings):
    client.force_login(alice)
    assert client.get("/styleguide/").status_code == 404
    alice.is_staff = True
    alice.save(update_fields=["is_staff"])
    assert client.get("/styleguide/").status_code == 200


# --- reports


def report(client: Client, body: object, query: str = "", **extra) -> list[dict]:
    extra.setdefault("REMOTE_ADDR", f"2001:db8::{new_id().hex[-4:]}:{new_id().hex[-4:]}")
    with capture_logs() as lines:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = client.post(f"/csp-report/{query}", sent, "application/csp-report", **extra)
    assert answer.status_code == 204
    return [line for line in lines if line["event"] != "request"]


def test_a_report_keeps_directive_origin_and_file_and_no_address_of_a_page(client: Client):
    private = f"https://testserver/journal/{new_id()}/?q=words"
    (line,) = report(
        client,
        {
            "csp-report": {
                "document-uri": private,
                "referrer": private,
                "effective-directive": "script-src-elem",
                "blocked-uri": "https://tracker.example/x?y=words",
                "source-file": private,
                "script-sample": "words",
            }
        },
    )
    assert line["directive"] == "script-src-elem"
    assert line["blocked"] == "https://tracker.example"
    assert line["source"] == "page"
    assert "words" not in json.dumps(line)
    assert "journal" not in json.dumps(line)


def test_the_newer_form_of_a_report_is_read_too(client: Client):
    body = {
        "effectiveDirective": "img-src",
        "blockedURL": "inline",
        "sourceFile": "https://testserver/static/ui/js/app.js",
    }
    (line,) = report(client, [{"type": "csp-violation", "body": body}])
    assert (line["directive"], line["blocked"], line["source"]) == (
        "img-src",
        "inline",
        "/static/ui/js/app.js",
    )


def test_a_scripts_error_is_a_digest_and_a_place(client: Client):
    (line,) = report(
        client, {"message": "words failed", "file": "/static/ui/js/app.js", "line": 7}, "?kind=js"
    )
    assert (line["event"], line["source"], line["line"]) == (
        "browser.error",
        "/static/ui/js/app.js",
        7,
    )
    assert "words" not in json.dumps(line)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b'{"csp-report": 3}', b"[" * 9000, b'{"blocked-uri": "http://[::1"}'],
)
def test_nonsense_is_answered_like_a_report(client: Client, body):
    for line in report(client, body):
        assert line["event"] == "csp.blocked"


def test_a_report_that_is_too_long_is_not_read(client: Client):
    assert report(client, b" " * 20_000) == []


def test_too_many_reports_are_dropped_without_a_word(client: Client):
    address = f"2001:db8::{new_id().hex[-4:]}:{new_id().hex[-4:]}"
    lines = [report(client, {"blocked-uri": "inline"}, REMOTE_ADDR=address) for _nth in range(12)]
    assert [len(each) for each in lines] == [1] * 10 + [0] * 2


def test_a_report_is_posted_from_anywhere_without_a_token():
    assert (
        Client(enforce_csrf_checks=True).post("/csp-report/", b"{}", "application/json").status_code
        == 204
    )


# --- ways and slots


def test_the_rail_leads_to_what_exists_and_marks_where_one_is():
    links = nav.links(nav.RAIL, "/journal/write/")
    assert [(link.url, link.current) for link in links] == [
        ("/journal/", True),
        ("/search/", False),
    ]


def test_the_closest_place_is_the_current_one():
    current = [link.url for link in nav.links(nav.BOTTOM_BAR, "/journal/write/") if link.current]
    assert current == ["/journal/write/"]


@pytest.mark.parametrize(
    ("cookie", "theme"), [("dark", "dark"), ("light", "light"), ("'><script>", ""), ("", "")]
)
def test_the_theme_is_one_of_two_or_the_systems(rf, cookie, theme):
    rf.cookies["theme"] = cookie
    assert nav.shell(rf.get("/"))["theme"] == theme


def test_a_slot_opens_with_the_ids_its_page_gives(fresh_slots):
    slots.slot("write.aside", url_name="download:beside", title="From your library")
    slots.slot("write.aside", url_name="download:beside", title="From your library")
    draft = new_id()
    (filling,) = slots.open_slots("write.aside", draft=draft)
    assert filling.url == f"/library/_beside/?draft={draft}"
    assert filling.id == "slot-download-beside"
    assert slots.open_slots("entry.below") == []


@pytest.mark.parametrize(
    "ask", [slots.open_slots, lambda hole: slots.slot(hole, url_name="x", title="x")]
)
def test_there_are_no_holes_but_those_that_are_named(fresh_slots, ask):
    with pytest.raises(ValueError, match="no hole"):
        ask("entry.everywhere")
