"""A conversation with AI keeps the profile and the words of ours it began with, and never uses a profile set aside since."""

import pytest

from journal.actions import replies
from journal.actions.beginnings import beginning_of
from journal.actions.portraits import edit_portrait, erase_portrait, set_use
from journal.models.beginnings import Beginning
from journal.models.portraits import Portrait
from journal.replying import PROMPT
from tests.factories import entry
from tests.journal.test_portrait_providers import (  # noqa: F401  # fixtures
    agree_to_replies,
    double,
    replied,
    reply_request,
    sent,
    server,
)
from tests.journal.test_portraits import agree
from writeorperish.ai import prompts, requests
from writeorperish.ai.models import Call

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_encoder")]


@pytest.fixture
def begun(alice, double):  # noqa: F811
    """A conversation whose first reply was given version 1 of the profile; and its answered entry."""
    agree(alice)
    agree_to_replies(alice)
    edit_portrait(alice, base_rev=0, body="I keep bees.")
    root = entry(alice, "I could not sleep.", ai_usage="chat")
    replied(alice, root)
    double.requests.clear()
    return root


def on(root):
    return entry(root.owner, "And then?", parent=root, ai_usage="chat")


def context_page(client, job):
    return client.get(f"/journal/{job.result_id}/context/").content.decode()


def test_later_replies_keep_the_profile_it_began_with_and_new_ones_have_the_new(
    alice,
    begun,
    double,  # noqa: F811
    signed_in,
):
    edit_portrait(alice, base_rev=1, body="I keep goats.")
    job = replied(alice, on(begun))
    told = str(reply_request(double)["messages"])
    assert "I keep bees." in told
    assert "goats" not in told
    page = context_page(signed_in(alice), job)
    assert "version 1 of your profile" in page
    assert prompts.named(PROMPT).version in page
    double.requests.clear()
    replied(alice, entry(alice, "Another day.", ai_usage="chat"))
    assert "I keep goats." in str(reply_request(double)["messages"])


def set_aside(person):
    Portrait.objects.filter(owner=person, rev=1).update(state="quarantined")


def closed(person):
    set_use(person, ai_usage="none")


@pytest.mark.parametrize("change", [set_aside, closed, erase_portrait])
def test_one_that_went_since_is_given_no_more_and_none_takes_its_place(
    alice,
    begun,
    double,  # noqa: F811
    signed_in,
    change,
):
    edit_portrait(alice, base_rev=1, body="I keep goats.")
    change(alice)
    job = replied(alice, on(begun))
    assert "bees" not in "\n".join(sent(double))
    assert "goats" not in "\n".join(sent(double))
    page = context_page(signed_in(alice), job)
    assert "no other takes its place here" in page


def test_one_set_aside_between_reading_and_sending_is_not_sent(alice, begun, double, monkeypatch):  # noqa: F811
    look = replies.look_up_for

    def late(*args):
        set_aside(alice)
        return look(*args)

    monkeypatch.setattr(replies, "look_up_for", late)
    job = replied(alice, on(begun))
    assert (job.state, double.requests) == ("failed", [])
    monkeypatch.undo()
    job = replied(alice, on(begun))
    assert job.state == "done"
    assert "bees" not in "\n".join(sent(double))


def test_it_keeps_our_words_and_says_when_it_can_not(alice, begun, double, signed_in):  # noqa: F811
    today = prompts.named(PROMPT)
    earlier = prompts.parsed(PROMPT, today.text.replace("not a judge", "never a judge"))
    requests.file_words(earlier)
    Beginning.objects.update(prompt_version=earlier.version)
    job = replied(alice, on(begun))
    assert "never a judge" in str(reply_request(double)["system"])
    call = Call.objects.get(job=job.pk)
    assert call.prompt_version == earlier.version
    assert requests.shown(alice, call).exact
    Beginning.objects.update(prompt_version="0" * 12)
    job = replied(alice, on(begun))
    assert Call.objects.get(job=job.pk).prompt_version == today.version
    assert beginning_of(alice, begun.pk).reworded_at is not None
    assert "because the ones it began with" in context_page(signed_in(alice), job)


def test_a_conversation_that_began_without_a_profile_stays_without(alice, double, signed_in):  # noqa: F811
    agree(alice)
    agree_to_replies(alice)
    root = entry(alice, "I could not sleep.", ai_usage="chat")
    replied(alice, root)
    edit_portrait(alice, base_rev=0, body="I keep bees.")
    job = replied(alice, on(root))
    assert "bees" not in "\n".join(sent(double))
    assert "It began without a profile of you" in context_page(signed_in(alice), job)
