"""Suggestions, themes and what is related, as an app asks for them."""

import pytest

from download.models.recommendations import Recommendation
from download.models.reviews import Review
from journal.actions.drafts import save_draft
from tests.download.test_recommending import BREAD, DRAFT, PIANO
from tests.events_drain import drain
from tests.factories import entry, kept
from writeorperish.ai.models import Call
from writeorperish.privacy.levels import Purpose
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
AT = "/api/v1/download/"


@pytest.fixture
def link(alice):
    found = kept(alice, "https://bread.example/", text=BREAD, title="Bread", ai_usage="chat")
    drain()
    return found


def send(client, what, body, method="post"):
    return getattr(client, method)(f"{AT}{what}", body, content_type="application/json")


def draft(person, text=DRAFT):
    return save_draft(person, new_id(), seq=1, title="", text=text, ai_usage="chat").draft


def test_a_draft_a_saved_text_and_words_get_suggestions_with_reasons(alice, link, signed_in):
    client = signed_in(alice)
    for body in (
        {"draft": str(draft(alice).pk), "at": 40},
        {"ref": str(entry(alice, DRAFT).ref)},
        {"text": DRAFT, "ai_usage": "chat"},
        {"text": DRAFT},
    ):
        answer = send(client, "recommendations/", body)
        assert answer.status_code == 200
        (one,) = answer.json()["results"]
        assert (one["ref"], one["title"]) == (f"download.item:{link.pk}", "Bread")
        assert one["open"] == f"/library/{link.pk}/"
        assert 0 < one["score"] <= 1
        told = " ".join(one["reasons"])
        assert "Says what you write" in told
        assert ("Close in meaning." in told) == (one["semantic"] is not None)
    assert [rec.item_id for rec in Recommendation.objects.all()] == [link.pk] * 3


def test_a_body_names_one_text_and_only_ones_own(alice, charlie, link, signed_in):
    row, node = draft(alice), entry(alice, DRAFT)
    client, stranger = signed_in(alice), signed_in(charlie)
    for body in ({}, {"text": "a", "ref": str(node.ref)}, {"ai_usage": "chat"}):
        answer = send(client, "recommendations/", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "one_of")
    for what, body in (
        ("recommendations/", {"draft": str(row.pk)}),
        ("recommendations/", {"draft": str(new_id())}),
        ("recommendations/", {"ref": str(node.ref)}),
        ("recommendations/", {"ref": "no ref"}),
        ("recommendations/", {"ref": f"accounts.user:{alice.pk}"}),
        ("themes/", {"ref": str(node.ref)}),
        ("themes/", {"ref": f"journal.nothing:{new_id()}"}),
    ):
        assert send(stranger, what, body).status_code == 404, body
    for ref in (node.ref, link.ref, "x", f"journal.node:{new_id()}"):
        assert stranger.get(f"{AT}related/", {"ref": str(ref)}).status_code == 404
    assert client.get(f"{AT}related/").status_code == 400


def test_a_verdict_counts_once_and_for_its_person(alice, charlie, link, signed_in):
    client = signed_in(alice)
    (one,) = send(client, "recommendations/", {"text": DRAFT}).json()["results"]
    where = f"recommendations/{one['id']}/verdict/"
    assert send(signed_in(charlie), where, {"verdict": "never"}, "put").status_code == 404
    assert send(client, where, {"verdict": "ignored"}, "put").status_code == 422
    for _ in range(2):
        answer = send(client, where, {"verdict": "quoted"}, "put")
        assert answer.status_code == 200
        assert answer.json()["quoted_at"]
    assert Review.objects.count() == 1
    answer = send(client, where, {"verdict": "never"}, "put")
    assert answer.json()["verdict"] == "never"
    assert send(client, "recommendations/", {"text": DRAFT}).json()["results"] == []


def test_themes_are_told_by_rule_and_nothing_is_sent(alice, signed_in):
    text = "Slow mornings again. I told Anna about slow mornings."
    calls = Call.objects.count()
    for body in ({"text": text}, {"ref": str(entry(alice, text).ref)}):
        answer = send(signed_in(alice), "themes/", body)
        assert answer.json() == {"themes": ["slow mornings", "Anna"], "offline": True}
    assert Call.objects.count() == calls


@pytest.mark.parametrize("usage", ["chat", "none"])
def test_what_is_related_is_neither_itself_nor_its_thread_nor_the_same_again(
    alice, charlie, signed_in, usage
):
    node = entry(alice, DRAFT, ai_usage=usage)
    entry(alice, f"{DRAFT} And a reply.", parent=node, ai_usage=usage)
    entry(alice, DRAFT, ai_usage=usage)
    link = kept(alice, "https://bread.example/", text=BREAD, title="Bread", ai_usage=usage)
    kept(alice, "https://piano.example/", text=PIANO, ai_usage=usage)
    entry(charlie, DRAFT, ai_usage=usage)
    drain()
    answer = signed_in(alice).get(f"{AT}related/", {"ref": str(node.ref)})
    assert answer.status_code == 200
    (hit, *others) = answer.json()["results"]
    assert hit["ref"] == str(link.ref)
    assert others == []
    assert hit["legs"] == (["meaning"] if usage == "chat" else ["words"])
    assert any(piece["mark"] for piece in hit["snippet"])


def test_the_purpose_is_in_the_log_of_whoever_wrote(alice, link, signed_in):
    row = draft(alice)
    send(signed_in(alice), "recommendations/", {"draft": str(row.pk)})
    shown = signed_in(alice).get("/api/v1/me/activity/").json()["results"]
    assert str(Purpose.RECOMMEND) in {each.get("purpose") for each in shown}
