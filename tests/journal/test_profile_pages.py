"""The profile's pages: what is shown when, and what a person can do there."""

import pytest

from journal.actions.nodes import change_settings, edit_node
from journal.actions.portraits import (
    ask_for_portrait,
    current_of,
    edit_portrait,
    proposal_of,
    shown_to,
)
from journal.models.portraits import Note, Portrait
from journal.portraying import sentences_of
from tests.events_drain import drain
from tests.factories import entry
from tests.journal.test_portraits import PORTRAYING, agree, built, words_about, written
from writeorperish.ai import jobs
from writeorperish.ai.gateway import change_preferences
from writeorperish.privacy import consent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_encoder")]
PROFILE = "/journal/profile/"


@pytest.fixture
def writer(alice):
    agree(alice)
    written(alice)
    return alice


def page(client, address=PROFILE):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_before_anything_is_written_it_says_what_it_needs(alice, signed_in):
    entry(alice, "Two words. " * 10, ai_usage="chat")
    shown = page(signed_in(alice))
    assert "You have 1." in shown
    assert "About 1,978 words are missing." in shown
    assert "Agree and begin" in shown
    assert 'name="text_version"' in shown


def test_agreeing_and_asking_are_one_step_and_the_page_follows(alice, signed_in):
    written(alice)
    client = signed_in(alice)
    terms = consent.terms()["portrait"]
    sent = {"consent": "yes", "text_version": terms.version}
    assert client.post(f"{PROFILE}regeneration/", sent).status_code == 302
    shown = page(client)
    assert "Your entries are being read." in shown
    assert 'hx-trigger="load delay:2s"' in shown
    drain(PORTRAYING)
    shown = page(client)
    assert "these are sentences from your own entries" in shown
    assert "I believe that the sea is important to me." in shown
    assert 'hx-trigger="load' not in shown.partition('id="profile"')[2]


def test_too_little_is_told_with_the_consent_kept(alice, signed_in):
    terms = consent.terms()["portrait"]
    sent = {"consent": "yes", "text_version": terms.version}
    answer = signed_in(alice).post(f"{PROFILE}regeneration/", sent)
    assert answer.status_code == 409
    assert "too little to build a profile" in answer.content.decode()
    assert consent.allows(alice.pk, "portrait")


def test_each_sentence_leads_to_its_passage_while_that_stands(writer, signed_in):
    _job, portrait = built(writer)
    evidence = portrait.evidence.order_by("pk").first()
    place = f"/journal/{evidence.source_id}/?at={evidence.start}-{evidence.end}"
    client = signed_in(writer)
    assert place in page(client)
    assert client.get(place).status_code == 200
    edit_node(writer, entry_of(evidence), base_rev=1, text=words_about("drums"))
    shown = page(client)
    assert place not in shown
    assert f'href="/journal/{evidence.source_id}/"' in shown


def entry_of(evidence):
    return evidence.source.model.objects.get(pk=evidence.source_id)


def test_one_that_was_set_aside_says_why_and_stays_readable(writer, signed_in):
    last = entry(writer, words_about("flamingo"), ai_usage="chat")
    built(writer)
    change_settings(writer, last, ai_usage="none")
    shown = page(signed_in(writer))
    assert "Set aside: an entry it was made from was deleted or closed to AI." in shown
    assert "Taken out: its entry was deleted or closed to AI." in shown
    assert "flamingo" not in shown
    assert "I believe that the sea is important to me." in shown


def test_edit_by_hand_and_what_it_refuses(writer, signed_in):
    built(writer)
    client = signed_in(writer)
    assert "I believe that the sea is important to me." in page(client, f"{PROFILE}edit/")
    sent = {"body": "I keep bees.", "base_rev": 1}
    assert client.post(f"{PROFILE}edit/", sent).status_code == 302
    shown = page(client)
    assert "I keep bees." in shown and "your words" in shown
    again = client.post(f"{PROFILE}edit/", sent | {"body": "I keep hens."})
    assert again.status_code == 409
    assert "I keep hens." in again.content.decode()
    empty = client.post(f"{PROFILE}edit/", {"body": "# Nothing", "base_rev": 2})
    assert empty.status_code == 422
    assert "no sentence left" in empty.content.decode()
    assert client.post(f"{PROFILE}edit/", {"body": "x", "base_rev": "many"}).status_code == 422


def test_versions_are_compared_opened_and_restored(writer, signed_in):
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    client = signed_in(writer)
    shown = page(client, f"{PROFILE}versions/")
    assert "From version 1 to version 2" in shown
    assert "<ins>" in shown
    assert "I believe" in page(client, f"{PROFILE}versions/1/")
    assert client.post(f"{PROFILE}versions/1/restoration/").status_code == 302
    assert current_of(writer).rev == 3
    assert client.post(f"{PROFILE}versions/3/restoration/").status_code == 409
    assert client.get(f"{PROFILE}versions/9/").status_code == 404


def test_a_proposal_is_accepted_sentence_by_sentence(writer, signed_in):
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.\nI sleep late.")
    entry(writer, words_about("trumpet"), ai_usage="chat")
    built(writer)
    client = signed_in(writer)
    assert "AI found something new." in page(client)
    shown = page(client, f"{PROFILE}proposal/")
    assert "I believe that the trumpet is important to me." in shown
    assert "I sleep late." in shown
    taken = next(
        each for each in sentences_of(proposal_of(writer).body) if "the trumpet is" in each.text
    )
    sent = {"rev": 3, "base_rev": 2, "take": [taken.number, "nonsense"], "drop": ["1"]}
    stale = client.post(f"{PROFILE}proposal/", sent | {"base_rev": 1})
    assert stale.status_code == 409
    assert client.post(f"{PROFILE}proposal/", sent).status_code == 302
    texts = [each.text for each in sentences_of(current_of(writer).body)]
    assert texts == ["I keep bees.", taken.text]
    assert client.get(f"{PROFILE}proposal/").status_code == 404
    activity = page(client, "/settings/activity/")
    assert "You decided on what AI proposed" in activity
    assert "a month of your profile" in activity


def test_nothing_left_is_no_profile(writer, signed_in):
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    entry(writer, words_about("trumpet"), ai_usage="chat")
    built(writer)
    sent = {"rev": 3, "base_rev": 2, "drop": ["0"]}
    assert signed_in(writer).post(f"{PROFILE}proposal/", sent).status_code == 422
    assert proposal_of(writer) is not None


def test_use_in_replies_is_a_switch_and_deletion_a_page(writer, signed_in):
    built(writer)
    client = signed_in(writer)
    client.post(f"{PROFILE}use/")
    assert shown_to(writer).ai_usage == "none"
    assert "Replies are given neither your profile nor the notes." in page(client)
    client.post(f"{PROFILE}use/", {"use": "yes"})
    assert shown_to(writer).ai_usage == "chat"
    assert "every note AI made for it are gone" in page(client, f"{PROFILE}deletion/")
    assert client.post(f"{PROFILE}deletion/").status_code == 302
    assert not Portrait.objects.exists() and not Note.objects.exists()
    assert client.post(f"{PROFILE}use/").status_code == 404


def test_a_failure_keeps_the_earlier_one_and_says_so(writer, signed_in):
    built(writer)
    job = ask_for_portrait(writer)
    jobs.give_up(jobs.claim(job.pk), "budget_spent")
    shown = page(signed_in(writer))
    assert "Your AI budget for this time is used up. Your profile is as it was." in shown
    assert "I believe that the sea is important to me." in shown


def test_what_is_being_built_can_be_stopped(writer, signed_in):
    client = signed_in(writer)
    assert client.post(f"{PROFILE}stopping/").status_code == 404
    job = ask_for_portrait(writer)
    assert f"{PROFILE}stopping/" in page(client)
    assert client.post(f"{PROFILE}stopping/").status_code == 302
    job.refresh_from_db()
    assert job.state == "stopped"
    assert "Build my profile" in page(client)


def test_a_paused_person_is_told(writer, signed_in):
    change_preferences(writer.pk, paused=True, preferred_model="")
    assert "You paused AI." in page(signed_in(writer))


def test_nobody_else_sees_a_word_of_it(writer, cast, signed_in):
    built(writer)
    edit_portrait(writer, base_rev=1, body="I keep bees.")
    for other in (cast.bob, cast.charlie, cast.mallory, cast.moderator):
        client = signed_in(other)
        for address in (PROFILE, f"{PROFILE}versions/", f"{PROFILE}edit/"):
            assert "bees" not in page(client, address)
        for address in (f"{PROFILE}versions/1/", f"{PROFILE}proposal/"):
            assert client.get(address).status_code == 404
        assert client.post(f"{PROFILE}versions/1/restoration/").status_code == 404
    assert current_of(writer).rev == 2
