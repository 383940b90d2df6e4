"""What stands beside a text while it is written: it comes by itself, says why, and goes when it is sent away."""

import re

from playwright.sync_api import expect

from download.models.recommendations import Recommendation
from journal.models.drafts import Draft
from tests.download.test_recommending import BREAD, DRAFT
from tests.e2e.test_flows import settled
from tests.events_drain import drain
from tests.factories import kept


def test_a_link_is_suggested_explained_sent_away_and_back(house, opened):
    owner, context = settled(house, opened, "sabina")
    kept(owner, "https://bread.example/slow", BREAD, title="Slow bread", ai_usage="chat")
    drain()
    page = context.new_page()
    page.goto("/journal/write/")
    editor = page.get_by_label("What's on your mind?")
    card = page.locator(".suggestion")
    expect(page.locator("wop-beside")).to_be_attached()
    expect(page.get_by_text("From your library")).to_have_count(0)

    editor.press_sequentially(f"{DRAFT}\n\n", delay=1)
    expect(card).to_be_visible(timeout=15_000)
    expect(editor).to_be_focused()
    expect(card).to_contain_text("Slow bread")
    page.get_by_text("Why this?").click()
    expect(card).to_contain_text("Says what you write:")
    expect(card).to_contain_text("Fits your text:")

    page.get_by_role("button", name="Not now").click()
    expect(card).to_have_count(0)
    expect(page.get_by_text("comes back in two weeks")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(card).to_be_visible()

    page.get_by_role("button", name="Quote").click()
    expect(card).to_have_count(0)
    expect(editor).to_have_value(re.compile(r"\]\(https://bread\.example/slow\)"))
    expect(page.locator("wop-editor:not([dirty])")).to_be_attached()
    (row,) = Recommendation.objects.filter(owner=owner)
    assert row.quoted_at
    assert "> — [Slow bread](https://bread.example/slow)" in Draft.objects.get(owner=owner).body


def test_in_focus_mode_and_for_a_few_words_nothing_is_asked(house, opened):
    owner, context = settled(house, opened, "timea")
    kept(owner, "https://bread.example/slow", BREAD, title="Slow bread")
    drain()
    page = context.new_page()
    page.clock.install()
    asked = []
    page.on(
        "request", lambda each: each.method == "POST" and "_beside" in each.url and asked.append(1)
    )
    page.goto("/journal/write/")
    editor = page.get_by_label("What's on your mind?")
    page.wait_for_function(
        "() => ['wop-beside', 'wop-editor'].every((name) => customElements.get(name))"
    )
    editor.fill("Sourdough needs patience.")
    page.clock.run_for(8_000)
    page.keyboard.press("Control+.")
    expect(page.locator("html[data-focus-mode]")).to_be_attached()
    editor.fill(DRAFT)
    page.clock.run_for(8_000)
    expect(page.locator("wop-editor:not([dirty])")).to_be_attached()
    assert asked == []
    page.keyboard.press("Control+.")
    with page.expect_request(lambda each: each.method == "POST" and "_beside" in each.url):
        editor.press_sequentially(" ")
        page.clock.run_for(8_000)


def test_without_scripts_a_link_leads_to_the_same(house, opened):
    owner, context = settled(house, opened, "ulrika", scripts=False)
    kept(owner, "https://bread.example/slow", BREAD, title="Slow bread")
    drain()
    page = context.new_page()
    page.goto("/journal/write/")
    expect(page.get_by_role("link", name="From your library")).to_be_visible()
    (draft,) = [page.get_attribute("wop-editor", "data-draft")]
    page.goto(f"/library/_beside/?draft={draft}")
    expect(page.get_by_text("Nothing fits what you're writing.")).to_be_visible()
