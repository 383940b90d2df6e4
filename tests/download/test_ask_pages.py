import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from download.actions.answers import Where, ask, begin
from download.models.answers import Conversation, Question
from journal.actions.nodes import edit_node
from journal.actions.trash import trash_node
from tests.download.test_answers import PIANO, SECRET, TUNED, answered, written
from tests.events_drain import drain
from writeorperish.privacy import consent

pytestmark = pytest.mark.django_db


def text(answer):
    return " ".join(answer.content.decode().split())


def test_a_question_is_asked_watched_and_answered_without_scripts(alice, signed_in):
    written(alice, PIANO, TUNED)
    client = signed_in(alice)
    assert "Looks in 2 texts" in text(client.get("/ask/"))
    went = client.post("/ask/", {"words": "Who tuned the piano?"})
    assert went.status_code == 302
    page = text(client.get(went["Location"]))
    assert "Your question is being answered." in page
    assert "/live/jobs/" in page
    drain()
    page = text(client.get(went["Location"]))
    assert "A man came and tuned the piano." in page
    assert "Offline: answers are sentences from your own archive." in page
    assert "2 of 2 parts are supported" in page or "1 of 1 parts are supported" in page
    question = Question.objects.get()
    part = client.get(
        f"/ask/{question.conversation_id}/question/?question={question.pk}",
        headers={"HX-Request": "true", "HX-Target": f"article#question-{question.pk}"},
    )
    assert "<html" not in text(part)
    assert "Who tuned the piano?" in text(client.get("/ask/"))


def test_where_a_quotation_stands_is_shown_also_after_an_edit(alice, signed_in):
    piano, _tuned = written(alice, PIANO, TUNED)
    client = signed_in(alice)
    question = answered(alice, "Who played the piano downstairs until two?")
    cited = question.citations.get(source_id=piano.pk)
    address = f"/ask/{question.pk}/source/{cited.number}/"
    assert f"/journal/{piano.pk}/?at={cited.start}-{cited.end}#passage" in text(client.get(address))
    edit_node(alice, piano, text="It was a flute.", base_rev=piano.rev)
    page = text(client.get(address))
    assert "has been edited since" in page
    assert "The piano downstairs played until two." in page
    trash_node(alice, piano)
    assert client.get(address).status_code == 404
    assert "removed together with its source" in text(client.get(question.get_absolute_url()))


def test_what_is_not_found_says_what_was_searched_and_what_words_found(alice, signed_in):
    written(alice, PIANO)
    written(alice, SECRET, ai_usage="none")
    question = answered(alice, "Which secret key may nobody know of?")
    page = text(signed_in(alice).get(question.get_absolute_url()))
    assert "Found by words, in entries AI may not read" in page
    assert "hides a <mark>secret</mark> <mark>key</mark>" in page
    nothing = answered(alice, "Is there a giraffe in Lisbon?")
    page = text(signed_in(alice).get(nothing.get_absolute_url()))
    assert "I didn't find this in your archive." in page
    assert "Searched 1 text" in page


def test_an_answer_becomes_an_entry_with_its_quotations(alice, signed_in):
    (piano,) = written(alice, PIANO)
    question = answered(alice, "Who played the piano downstairs?")
    client = signed_in(alice)
    went = client.get(f"/ask/{question.conversation_id}/entry/?question={question.pk}")
    page = text(client.get(went["Location"]))
    assert f"{{quote:{piano.pk}@{piano.rev}:0-38}}" in page


def test_nobody_elses_question_is_there(alice, charlie, signed_in):
    written(alice, PIANO)
    question = answered(alice, "piano downstairs?")
    client, talk = signed_in(charlie), f"/ask/{question.conversation_id}/"
    for address in (
        talk,
        f"{talk}question/?question={question.pk}",
        f"{talk}entry/?question={question.pk}",
        f"{talk}sent/?question={question.pk}",
        f"/ask/{question.pk}/source/1/",
    ):
        assert client.get(address).status_code == 404, address
    for name in ("messages", "stop", "regeneration", "verdict", "deletion"):
        sent = {"question": str(question.pk), "words": "x"}
        assert client.post(f"{talk}{name}/", sent).status_code == 404, name
    assert (
        text(client.get(f"/journal/write/?from=download.question:{question.pk}")).count("{quote:")
        == 0
    )


def test_the_acts_of_a_page(alice, signed_in):
    written(alice, PIANO)
    question = answered(alice, "piano downstairs?")
    client, talk = signed_in(alice), f"/ask/{question.conversation_id}/"
    named = {"question": str(question.pk)}
    assert client.post(f"{talk}verdict/", named | {"useful": "yes"}).status_code == 302
    assert "You found this useful." in text(client.get(talk))
    assert "nothing was sent" in text(client.get(f"{talk}sent/?question={question.pk}"))
    assert client.post(f"{talk}regeneration/", named).status_code == 302
    second = Question.objects.order_by("asked_at").last()
    assert client.post(f"{talk}stop/", {"question": str(second.pk)}).status_code == 302
    assert "This was stopped before there was an answer." in text(client.get(talk))
    assert client.post(f"{talk}messages/", {"words": "And then the piano?"}).status_code == 302
    assert client.post(f"{talk}messages/", {"words": "And?"}).status_code == 409
    assert client.post(f"{talk}messages/", {"words": " "}).status_code == 422
    assert client.post(f"{talk}deletion/").status_code == 302
    assert not Conversation.objects.exists()


def test_a_refusal_keeps_what_was_typed(alice, signed_in):
    client = signed_in(alice)
    shown = client.post("/ask/", {"words": "x" * 2_001, "from": "2026-01-01"})
    assert shown.status_code == 422
    assert "x" * 2_001 in shown.content.decode()
    assert client.post("/ask/", {"words": "piano", "from": "2026-02-31"}).status_code == 422


def test_consent_is_given_with_the_question(alice, signed_in, settings):
    settings.ANTHROPIC_API_KEY = "chat-key"
    written(alice, PIANO)
    client = signed_in(alice)
    page = client.get("/ask/")
    asked = consent.terms()["ask"]
    assert str(asked.text)[:40] in page.content.decode()
    refused = client.post("/ask/", {"words": "piano?"})
    assert refused.status_code == 409
    taken = client.post(
        "/ask/", {"words": "piano?", "consent": "yes", "text_version": asked.version}
    )
    assert taken.status_code == 302
    assert consent.allows(alice.pk, "ask")


def test_a_conversation_costs_no_more_queries_for_more_questions(alice, signed_in):
    written(alice, PIANO, TUNED)
    question = answered(alice, "Who tuned the piano?")
    client = signed_in(alice)

    def cost():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/ask/{question.conversation_id}/").status_code == 200
        return sum("SAVEPOINT" not in each["sql"] for each in asked)

    cost()
    few = cost()
    for _ in range(3):
        ask(alice, question.conversation_id, "Who tuned the piano downstairs?")
        drain()
    assert cost() <= few <= 20


def test_the_list_goes_on(alice, signed_in, monkeypatch):
    monkeypatch.setattr("download.views.ask.CONVERSATIONS", 2)
    monkeypatch.setattr("download.actions.answers.AT_ONCE", 9)
    for n in range(3):
        begin(alice, f"question number {n}", where=Where())
    client = signed_in(alice)
    page = text(client.get("/ask/"))
    assert "question number 0" not in page
    last = Conversation.objects.order_by("-asked_at")[1]
    assert f"?before={last.pk}" in page
    assert "question number 0" in text(client.get(f"/ask/?before={last.pk}"))
    assert client.get("/ask/?before=x").status_code == 200
