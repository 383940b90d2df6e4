import pytest

from download.models.answers import Conversation, Question
from journal.actions.trash import trash_node
from tests.download.test_answers import PIANO, TUNED, answered, written
from tests.events_drain import drain

pytestmark = pytest.mark.django_db

API = "/api/v1/download"


def post(client, path, **body):
    return client.post(f"{API}/{path}", body, content_type="application/json")


def test_a_question_is_asked_read_and_judged(alice, signed_in):
    piano, _tuned = written(alice, PIANO, TUNED)
    client = signed_in(alice)
    taken = post(client, "ask/", question="Who played the piano downstairs?", scope={"tags": []})
    assert taken.status_code == 202
    asked = taken.json()
    place = taken["Location"]
    assert client.get(place).json()["outcome"] == "waiting"
    assert client.get(f"/api/v1/me/jobs/{asked['job']}/").json()["kind"] == "download.answer_here"
    busy = post(client, f"ask/{asked['conversation']}/questions/", question="And?")
    assert (busy.status_code, busy.json()["code"]) == (409, "still_answering")
    drain()
    told = client.get(place).json()
    assert told["outcome"] == "answered"
    quoted = told["segments"][0]["quotations"][0]
    assert (quoted["words"], quoted["state"]) == ("The piano downstairs played until two.", "whole")
    assert quoted["open"] == f"/journal/{piano.pk}/?at=0-38#passage"
    verdict = client.put(f"{place}verdict/", {"useful": False}, content_type="application/json")
    assert verdict.status_code == 204
    talk = client.get(f"{API}/ask/{asked['conversation']}/").json()
    assert [each["useful"] for each in talk["questions"]] == [False]
    assert [each["title"] for each in client.get(f"{API}/ask/").json()["results"]] == [
        "Who played the piano downstairs?"
    ]
    trash_node(alice, piano)
    left = client.get(place).json()
    assert left["removed"] >= 1
    assert piano.body not in str(left)
    assert client.delete(f"{API}/ask/{asked['conversation']}/").status_code == 204
    assert not Conversation.objects.exists()


def test_asked_twice_with_one_key_is_asked_once(alice, signed_in):
    client = signed_in(alice)
    for _ in range(2):
        post_once = client.post(
            f"{API}/ask/",
            {"question": "piano?"},
            content_type="application/json",
            headers={"Idempotency-Key": "0190a000-0000-7000-8000-000000000001"},
        )
        assert post_once.status_code == 202
    assert Question.objects.count() == 1


def test_what_is_wrong_is_refused(alice, signed_in):
    client = signed_in(alice)
    for body, status in (
        ({"question": ""}, 422),
        ({"question": "x" * 2_001}, 422),
        ({"question": "x", "scope": {"from": "2026-02-31"}}, 422),
        ({"question": "x", "scope": {"from": "2026-03-01", "to": "2026-02-01"}}, 422),
        ({"question": "x", "who": "bob"}, 400),
    ):
        assert post(client, "ask/", **body).status_code == status, body
    assert not Question.objects.exists()


def test_nobody_elses_conversation_is_there(alice, charlie, signed_in):
    written(alice, PIANO)
    question = answered(alice, "piano downstairs?")
    client = signed_in(charlie)
    talk = f"{API}/ask/{question.conversation_id}/"
    assert client.get(talk).status_code == 404
    assert client.delete(talk).status_code == 404
    assert client.get(f"{API}/questions/{question.pk}/").status_code == 404
    assert (
        post(client, f"ask/{question.conversation_id}/questions/", question="x").status_code == 404
    )
    assert client.get(f"{API}/ask/").json()["results"] == []
