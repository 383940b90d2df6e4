"""Asking for AI's words through the API, following them, and stopping."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from accounts.actions.tokens import begin_family
from accounts.views import live
from journal.actions.replies import ask_for_reply
from tests.events_drain import drain
from tests.factories import entry, person
from writeorperish.ai import jobs
from writeorperish.ai.jobs import Telling
from writeorperish.ai.models import Job

pytestmark = pytest.mark.django_db
NODES = "/api/v1/journal/nodes/"
JOBS = "/api/v1/me/jobs/"


def test_a_reply_is_asked_for_followed_and_read(api, alice):
    node = entry(alice, "I could not sleep.", ai_usage="chat")
    answer = api(alice).post(f"{NODES}{node.pk}/ai-replies/", {})
    assert answer.status_code == 202
    job, reply = answer.json()["job"], answer.json()["node"]
    assert answer.headers["Location"] == f"{JOBS}{job}/"
    assert api(alice).get(f"{JOBS}{job}/").json()["state"] == "queued"
    drain()
    done = api(alice).get(f"{JOBS}{job}/").json()
    assert (done["state"], done["offline"], done["error"]) == ("done", True, None)
    assert done["about"] == f"journal.node:{node.pk}"
    assert done["result"] == f"journal.node:{reply}"
    shown = api(alice).get(f"{NODES}{reply}/").json()
    assert (shown["author"]["kind"], shown["author"]["model"], shown["text"]) == (
        "ai", "offline", done["text"],
    )  # fmt: skip
    assert [each["id"] for each in api(alice).get(JOBS).json()["results"]] == [job]


def test_the_list_of_jobs_holds_no_words(api, alice):
    ask_for_reply(alice, entry(alice, ai_usage="chat").pk)
    drain()
    assert [each["text"] for each in api(alice).get(JOBS).json()["results"]] == [""]


@pytest.mark.parametrize(("ai_usage", "why"), [("none", "ai_off_here"), ("chat", "")])
def test_an_entry_says_whether_ai_may_answer_it(api, alice, ai_usage, why):
    node = entry(alice, ai_usage=ai_usage)
    may = api(alice).get(f"{NODES}{node.pk}/").json()["may"]
    assert (may["generate"], may["why_not"]) == (not why, why)


def test_a_refusal_says_which_switch_it_is(api, alice):
    answer = api(alice).post(f"{NODES}{entry(alice).pk}/ai-replies/", {})
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["why"]) == ("not_allowed", "ai_off_here")


def test_what_models_read_is_told_to_the_owner(api, alice):
    node = entry(alice, "I could not sleep.", ai_usage="chat")
    ask_for_reply(alice, node.pk)
    drain()
    reads = api(alice).get(f"{NODES}{node.pk}/reads/").json()["results"]
    assert {(each["purpose"], each["provider"], each["sent"]) for each in reads} == {
        ("embed", "local", False),
        ("reply", "offline", False),
    }


@pytest.mark.parametrize("path", ["", "cancellation/"])
def test_others_jobs_are_missing(api, alice, charlie, path):
    _reply, job = ask_for_reply(alice, entry(alice, ai_usage="chat").pk)
    send = api(charlie).post if path else api(charlie).get
    assert send(f"{JOBS}{job.pk}/{path}").status_code == 404


def test_a_waiting_job_is_stopped(api, alice):
    _reply, job = ask_for_reply(alice, entry(alice, ai_usage="chat").pk)
    answer = api(alice).post(f"{JOBS}{job.pk}/cancellation/")
    assert (answer.status_code, answer.json()["state"]) == (202, "stopped")


# --- the stream


def told(body: bytes) -> list[tuple[str, dict]]:
    """Each event's kind and data."""
    blocks = [block for block in body.decode().split("\n\n") if "event: " in block]
    fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [(each["event"], json.loads(each["data"])) for each in fields]


@async_to_sync
async def followed(job_id, *, by=None, after="", headers=None):
    """What a reader is sent until the stream ends: status and events."""
    client = AsyncClient()
    if by is not None:
        await client.aforce_login(by)
    answer = await client.get(f"/live/jobs/{job_id}/?after={after}", headers=headers)
    if answer.status_code != 200:
        return answer.status_code, answer.content
    pieces = [piece async for piece in answer.streaming_content]
    return answer, told(b"".join(pieces))


@pytest.fixture
def work(transactional_db, monkeypatch):
    """A running job of somebody's, its worker in the test's hands."""
    dora = person("dora")
    _reply, job = ask_for_reply(dora, entry(dora, ai_usage="chat").pk)
    return dora, job, Telling(jobs.claim(job.pk))


def finish(telling):
    jobs.KINDS[telling.job.kind].end(telling.job, Job.State.STOPPED, "")


def test_a_late_reader_gets_a_snapshot_and_the_rest(work):
    dora, job, telling = work
    telling.begin()
    telling.say("One, ")
    telling.keep()
    telling.say("two.")
    telling.flush()
    telling.keep()
    finish(telling)
    answer, events = followed(job.pk, by=dora)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert events == [("snapshot", {"text": ""}), ("done", {"state": "stopped"})]


def test_a_reader_goes_on_where_the_line_broke(work):
    dora, job, telling = work
    telling.begin()
    for words in ("One, ", "two, ", "three."):
        telling.say(words)
        telling.flush()
    telling.keep()
    finish(telling)
    for seen in range(4):
        _answer, events = followed(job.pk, by=dora, after=f"1.{seen}")
        words = [data["text"] for kind, data in events if kind == "delta"]
        assert words == ["One, ", "two, ", "three."][seen:]
        assert events[-1] == ("done", {"state": "stopped"})


def test_a_reader_who_is_there_hears_it_as_it_happens(work, monkeypatch):
    dora, job, telling = work
    telling.begin()

    async def watch():
        client = AsyncClient()
        await client.aforce_login(dora)
        answer = await client.get(f"/live/jobs/{job.pk}/")
        heard = b""
        async for piece in answer.streaming_content:
            heard += piece
            if b"snapshot" in piece:
                await asyncio.to_thread(speak)
        return told(heard)

    def speak():
        telling.say("Now.")
        telling.keep()
        finish(telling)

    events = async_to_sync(watch)()
    assert ("delta", {"text": "Now."}) in events
    assert events[-1] == ("done", {"state": "stopped"})


@pytest.mark.parametrize("after", ["", "x", "-1.2", "9.9", "1.2.3"])
def test_a_place_nobody_knows_begins_with_a_snapshot(work, after):
    dora, job, telling = work
    telling.say("So far")
    telling.keep()
    finish(telling)
    _answer, events = followed(job.pk, by=dora, after=after)
    assert events[0][0] == "snapshot"


def test_a_stream_is_its_persons_alone(work):
    dora, job, telling = work
    finish(telling)
    assert followed(job.pk)[0] == 401
    assert followed(job.pk, by=person("eve"))[0] == 404
    token = begin_family(dora).access
    answer, _events = followed(job.pk, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_a_seventh_stream_at_once_is_too_many(work, monkeypatch):
    dora, job, telling = work
    finish(telling)
    monkeypatch.setitem(live.following, dora.pk, live.MOST_STREAMS)
    assert followed(job.pk, by=dora)[0] == 429
