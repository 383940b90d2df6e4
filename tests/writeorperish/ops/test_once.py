from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse, HttpResponseRedirect
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from writeorperish.ops import once
from writeorperish.ops.models import Once
from writeorperish.ops.refusals import Invalid
from writeorperish.refs import Ref, new_id

DONE: list[str] = []
BEGUN, GO_ON = Event(), Event()


@once.once
def write(request):
    DONE.append(request.POST.get("words", ""))
    return HttpResponseRedirect(f"/written/{len(DONE)}/")


@once.once
def refuse(request):
    DONE.append("refused")
    raise Invalid


@once.once
def slowly(request):
    DONE.append("slowly")
    BEGUN.set()
    GO_ON.wait(5)
    return HttpResponseRedirect("/written/slowly/")


@once.once
def in_place(request):
    DONE.append("in place")
    return HttpResponse("<p>part</p>")


urlpatterns = [
    path("write/", write),
    path("refuse/", refuse),
    path("slowly/", slowly),
    path("in-place/", in_place),
    path("login/", in_place, name="account_login"),
    path("logout/", in_place, name="account_logout"),
    path("", include("writeorperish.ui.urls")),
]


@pytest.fixture(autouse=True)
def nothing_done(settings):
    settings.ROOT_URLCONF = __name__
    DONE.clear()
    BEGUN.clear()
    GO_ON.clear()


def as_(who) -> Client:
    client = Client()
    client.force_login(who)
    return client


def test_a_repeated_post_is_done_once_and_leads_to_the_same_place(alice):
    client, form = as_(alice), {"once": str(new_id()), "words": "a"}
    first, second = client.post("/write/", form), client.post("/write/", form)
    assert DONE == ["a"]
    assert (first.headers["Location"], second.headers["Location"]) == ("/written/1/", "/written/1/")
    assert second.status_code == 303


def test_another_key_is_another_request(alice):
    for _time in range(2):
        as_(alice).post("/write/", {"once": str(new_id())})
    assert len(DONE) == 2


def test_one_persons_key_is_nothing_to_another(alice, charlie):
    form = {"once": str(new_id()), "words": "a"}
    for who in (alice, charlie):
        as_(who).post("/write/", form)
    assert len(DONE) == 2


def test_a_key_for_other_words_is_refused(alice):
    key = str(new_id())
    as_(alice).post("/write/", {"once": key, "words": "a"})
    assert as_(alice).post("/write/", {"once": key, "words": "b"}).status_code == 422
    assert DONE == ["a"]


def test_a_fresh_csrf_token_makes_no_other_request(alice):
    key = str(new_id())
    for token in ("one", "two"):
        as_(alice).post("/write/", {"once": key, "csrfmiddlewaretoken": token})
    assert len(DONE) == 1


def test_a_refused_form_may_be_sent_again_under_its_key(alice):
    form = {"once": str(new_id())}
    statuses = [as_(alice).post("/refuse/", form).status_code for _time in range(2)]
    assert statuses == [422, 422]
    assert DONE == ["refused", "refused"]


def test_a_repeat_of_what_was_shown_in_place_goes_back_to_its_page(alice):
    form = {"once": str(new_id())}
    came_from = {"Referer": "http://testserver/journal/x/"}
    as_(alice).post("/in-place/", form, headers=came_from)
    again = as_(alice).post("/in-place/", form, headers=came_from)
    assert (again.status_code, again.headers["Location"]) == (303, "/journal/x/")
    assert len(DONE) == 1


def test_a_foreign_referer_is_not_followed(alice):
    form = {"once": str(new_id())}
    for _time in range(2):
        again = as_(alice).post(
            "/in-place/", form, headers={"Referer": "https://elsewhere.example/x/"}
        )
    assert again.headers["Location"] == "/journal/"


@pytest.mark.parametrize("key", ["", "nope", "01234567"])
def test_without_a_key_the_view_runs_each_time(alice, key):
    for _time in range(2):
        as_(alice).post("/write/", {"once": key})
    assert len(DONE) == 2


@pytest.mark.django_db(transaction=True)
def test_a_second_click_waits_for_the_first(alice):
    form = {"once": str(new_id())}

    def click(_nth: int) -> str:
        try:
            return as_(alice).post("/slowly/", form).headers["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        clicks = [pool.submit(click, nth) for nth in range(2)]
        assert BEGUN.wait(5)
        GO_ON.set()
        assert [each.result() for each in clicks] == ["/written/slowly/"] * 2
    assert DONE == ["slowly"]


def test_while_one_try_runs_another_is_told_so(alice):
    key = new_id()
    second = once.attempt(alice, "/x/", key, b"")
    with once.attempt(alice, "/x/", key, b""), pytest.raises(once.InProgress):
        second.__enter__()


def test_what_came_of_it_is_kept_with_its_row(alice):
    key, ref = new_id(), Ref("journal.node", new_id())
    with once.attempt(alice, "/x/", key, b"a") as trying:
        trying.ended(once.Outcome(202, result=ref))
    with once.attempt(alice, "/x/", key, b"a") as again:
        assert again.earlier == once.Outcome(202, result=ref)


def test_a_try_that_died_may_be_taken_over_after_two_minutes(alice):
    key = new_id()
    trying = once.attempt(alice, "/x/", key, b"")
    trying.__enter__()
    later = time_machine.travel(timezone.now() + timedelta(minutes=3))
    with later, once.attempt(alice, "/x/", key, b"") as again:
        assert again.earlier is None
        again.ended(once.Outcome(204))
    # The one that was thought dead does not undo the other's end.
    trying.__exit__(None, None, None)
    with once.attempt(alice, "/x/", key, b"") as third:
        assert third.earlier == once.Outcome(204)


def test_outcomes_are_kept_for_a_day(alice):
    key = new_id()
    with once.attempt(alice, "/x/", key, b"") as trying:
        trying.ended(once.Outcome(204))
    assert once.prune(timezone.now() + timedelta(hours=23)) == 0
    assert once.prune(timezone.now() + timedelta(hours=25)) == 1


def test_nothing_of_the_body_can_be_read_from_the_row(alice):
    with once.attempt(alice, "/x/", new_id(), b"alice's words") as trying:
        trying.ended(once.Outcome(200))
    row = Once.objects.get()
    assert b"words" not in bytes(row.fingerprint)
    assert bytes(row.fingerprint) == once.fingerprint_of(b"alice's words")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01234567-89ab-7def-8123-0123456789ab", UUID("01234567-89ab-7def-8123-0123456789ab")),
        ("0123456789ab7def81230123456789ab", None),
        ("", None),
        ("x" * 36, None),
    ],
)
def test_a_uuid_is_read_in_its_usual_form_only(text, value):
    assert once.uuid_or_none(text) == value
