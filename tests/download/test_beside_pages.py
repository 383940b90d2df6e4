"""The panel beside the editor and below an entry, as pages and as parts."""

import re
from datetime import UTC

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from download.actions.highlights import mark_quote
from download.actions.recommendations import recommend_for, suggest_for_draft
from download.models.recommendations import Mute, Recommendation
from journal.actions.drafts import discard_draft, save_draft
from tests.download.test_recommending import BREAD, DRAFT, TAXES
from tests.events_drain import drain
from tests.factories import entry, kept
from writeorperish.ops import limits
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
BESIDE = "/library/_beside/"
HTMX = {"HX-Request": "true", "HX-Target": "div#beside"}


@pytest.fixture
def link(alice):
    found = kept(alice, "https://bread.example/", text=BREAD, title="Bread [slow]", ai_usage="chat")
    drain()
    return found


def draft(person, text=DRAFT, *, ai_usage="chat"):
    return save_draft(person, new_id(), seq=1, title="", text=text, ai_usage=ai_usage).draft


def ask(client, row, **more):
    return client.post(BESIDE, {"draft": row.pk, "at": "", **more}, headers=HTMX)


def test_looking_shows_cards_with_reasons_and_looking_again_changes_nothing(alice, link, signed_in):
    client, row = signed_in(alice), draft(alice)
    answer = ask(client, row)
    words = answer.content.decode()
    for shown in ("From your library", "Bread [slow]", "bread.example", "Why this?"):
        assert shown in words
    assert "Says what you write: " in words
    assert "Close in meaning." in words
    assert "Never reviewed." in words
    assert re.search(r"Fits your text: \d+ of 70. Due to be seen: 4 of 30.", words)
    assert "<html" not in words
    (ids,) = re.findall(r'name="shown" value="([^"]*)"', words)
    assert ask(client, row, shown=ids).status_code == 204


def test_a_highlight_is_shown_with_its_link_and_costs_no_query_of_its_own(alice, link, signed_in):
    def cost() -> tuple[int, bytes]:
        row = draft(alice)
        ask(client, row)
        with CaptureQueriesContext(connection) as asked:
            page = client.get(BESIDE, {"draft": row.pk})
        return len(asked), page.content

    client = signed_in(alice)
    few, _page = cost()
    for number in range(2):
        text = f"{TAXES} {TAXES} {BREAD} {number}"
        other = kept(alice, f"https://{number}.example/", text=text, ai_usage="chat")
        mark_quote(alice, other, quote=BREAD)
    drain()
    many, page = cost()
    assert page.count(b'class="suggestion"') == 3
    assert b"Highlight</span>" in page
    assert many <= few


def test_a_page_without_scripts_does_the_same(alice, link, signed_in):
    client, row = signed_in(alice), draft(alice)
    page = client.get(BESIDE, {"draft": row.pk})
    assert b"Nothing fits what you" in page.content
    assert b"Look for links that fit" in page.content
    answer = client.post(BESIDE, {"draft": row.pk})
    assert answer.status_code == 302
    page = client.get(answer.url)
    assert b"Bread [slow]" in page.content
    (one,) = Recommendation.objects.all()
    answer = client.post(f"{BESIDE}{one.pk}/dismissal/", {"draft": row.pk, "verdict": "not_now"})
    page = client.get(answer.url)
    assert b"comes back in two weeks" in page.content
    assert b'class="suggestion"' not in page.content
    answer = client.post(f"{BESIDE}{one.pk}/restoration/", {"draft": row.pk})
    assert b'class="suggestion"' in client.get(answer.url).content


def test_getting_the_page_changes_nothing_and_a_draft_not_there_is_empty(
    alice, charlie, link, signed_in
):
    row = draft(alice)
    for who, asked in ((alice, row.pk), (alice, new_id()), (charlie, row.pk)):
        answer = signed_in(who).get(
            BESIDE, {"draft": asked}, headers=HTMX | {"HX-Target": "section#slot-download-beside"}
        )
        assert answer.status_code == 200
        assert b"suggestion" not in answer.content
    assert Recommendation.objects.count() == 0
    assert ask(signed_in(charlie), row).status_code == 204
    assert signed_in(charlie).post(BESIDE, {"draft": row.pk}).status_code == 404
    discard_draft(alice, row)
    assert ask(signed_in(alice), row).status_code == 204


def test_a_text_closed_to_ai_says_that_words_alone_were_compared(alice, link, signed_in):
    answer = ask(signed_in(alice), draft(alice, ai_usage="none"))
    assert b"Compared by words only, because AI is off" in answer.content


def test_too_many_questions_are_left_unanswered_without_a_word(alice, link, signed_in):
    row = draft(alice)
    for _ in range(limits.RATES["recommendations"].limit + 1):
        limits.take("recommendations", alice.pk)
    assert ask(signed_in(alice), row).status_code == 204
    assert signed_in(alice).post(BESIDE, {"draft": row.pk}).status_code == 429


def test_opening_is_noted_and_goes_to_the_passage(alice, link, signed_in):
    row = draft(alice)
    (one,) = suggest_for_draft(alice, row.pk, zone=UTC).rows
    answer = signed_in(alice).post(f"{BESIDE}{one.pk}/opening/")
    assert answer.url.startswith(f"/library/{link.pk}/?at=0-")
    one.refresh_from_db()
    assert one.opened_at


def test_a_quotation_is_markdown_with_a_link_and_counts_once_it_is_in_the_text(
    alice, link, signed_in
):
    client, row = signed_in(alice), draft(alice)
    words = ask(client, row).content.decode()
    (quote,) = re.findall(r'data-quote="([^"]*)"', words)
    assert quote.startswith("&gt; ")
    assert "&gt; — [Bread (slow)](https://bread.example/)" in quote
    (one,) = Recommendation.objects.all()
    answer = client.post(f"{BESIDE}{one.pk}/quote/", {"draft": row.pk}, headers=HTMX)
    assert b'class="suggestion"' not in answer.content
    one.refresh_from_db()
    assert one.quoted_at


def test_three_never_on_one_site_offer_to_mute_it(alice, signed_in):
    for number in range(3):
        kept(alice, f"https://bread.example/{number}", text=f"{BREAD} {number}.", ai_usage="chat")
    drain()
    client, row = signed_in(alice), draft(alice)
    for number in range(3):
        ask(client, row)
        one = Recommendation.objects.get(place__isnull=False)
        where = f"{BESIDE}{one.pk}/dismissal/"
        answer = client.post(where, {"draft": row.pk, "verdict": "never"}, headers=HTMX)
        assert (b"Mute bread.example" in answer.content) == (number == 2)
    client.post(f"{BESIDE}{one.pk}/mute/", {"draft": row.pk}, headers=HTMX)
    assert Mute.objects.filter(scope="site").count() == 1
    page = client.get("/library/mutes/")
    assert b"bread.example" in page.content
    for rule in Mute.objects.all():
        assert client.post(f"/library/mutes/{rule.pk}/deletion/").status_code == 302
    assert b"Nothing is ruled out" in client.get("/library/mutes/").content


def test_below_a_saved_entry_only_who_wrote_it_sees_suggestions(
    alice, bob, charlie, cast, link, signed_in
):
    node = entry(alice, DRAFT, ai_usage="chat", circles=(cast.circle,))
    drain()
    recommend_for(alice.pk, node.ref)
    where = f"/library/_below/?node={node.pk}"
    headers = HTMX | {"HX-Target": "section#slot-download-below"}
    assert b"Bread [slow]" in signed_in(alice).get(where, headers=headers).content
    theirs = signed_in(bob).get(where, headers=headers)
    assert (theirs.status_code, b"suggestion" in theirs.content) == (200, False)
    for stranger in (charlie, cast.mallory):
        assert signed_in(stranger).get(where, headers=headers).status_code == 404


def test_the_editor_has_a_place_for_it_on_every_page_of_writing(alice, signed_in):
    client = signed_in(alice)
    node = entry(alice, DRAFT)
    for page in ("/journal/write/", f"/journal/{node.pk}/edit/"):
        assert b'id="slot-download-beside"' in client.get(page).content
    assert b'id="slot-download-below"' in client.get(f"/journal/{node.pk}/").content
