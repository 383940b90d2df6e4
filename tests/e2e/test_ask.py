"""A question asked of one's archive, watched as it is answered, and followed to where its words stand."""

import re

from playwright.sync_api import expect

from tests.e2e.planted import newcomer
from tests.events_drain import drain
from tests.factories import entry


def test_a_question_is_asked_watched_and_followed_to_its_source(house, opened):
    house.world.people["asker"] = person = newcomer("asker")
    entry(person, "Chest felt tight before the meeting. It passed at the river.", ai_usage="chat")
    drain()
    page = opened("asker").new_page()
    page.goto("/search/?q=When did my chest feel tight")
    page.get_by_role("link", name="Ask this as a question").click()
    expect(page.get_by_label("Your question")).to_have_value("When did my chest feel tight")
    page.get_by_label("Your question").press("Control+Enter")
    expect(page.get_by_text("What it was given")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_label("Ask further").fill("Meanwhile I go on.")
    drain()
    expect(page.get_by_text("Chest felt tight before the meeting.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_label("Ask further")).to_have_value("Meanwhile I go on.")
    page.locator(".quoted a").first.click()
    page.get_by_role("link", name="Open at this passage").click()
    expect(page).to_have_url(re.compile(r"/journal/.*at=0-36#passage"))
    page.go_back()
    page.get_by_role("link", name="Back to the answer").click()
    page.get_by_role("link", name="Save as entry").click()
    expect(page.locator("textarea[name=text]")).to_have_value(re.compile(r"\{quote:.*@\d+:0-36\}"))
