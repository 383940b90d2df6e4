"""Review as a walk: by keys, and with JavaScript off."""

import pytest
from playwright.sync_api import expect

from download.models.reviews import Review
from tests.e2e.planted import with_cards
from tests.e2e.test_flows import settled


@pytest.mark.parametrize(("handle", "scripts"), [("petra", True), ("radek", False)])
def test_a_card_is_answered_undone_and_skipped(house, opened, handle, scripts):
    owner, context = settled(house, opened, handle, scripts=scripts)
    with_cards(owner)
    page = context.new_page()

    def press(name: str, key: str) -> None:
        button = page.get_by_role("button", name=name)
        expect(button).to_be_visible()
        if scripts:
            page.wait_for_function("document.readyState === 'complete'")
            page.keyboard.press(key)
        else:
            button.click()

    page.goto("/review/")
    page.get_by_role("button", name="Start with").click()
    expect(page.get_by_text("1 of 5")).to_be_visible()
    first = page.locator("h1").inner_text()
    page.get_by_text("Show", exact=True).click()
    expect(page.get_by_text("For the chapter on mornings.")).to_be_visible()
    press("Useful", "3")
    expect(page.get_by_text("2 of 5")).to_be_visible()
    assert Review.objects.filter(owner=owner).latest("made_at").answer == "useful"
    press("Undo the last answer", "u")
    expect(page.get_by_text("1 of 5")).to_be_visible()
    expect(page.locator("h1")).to_have_text(first)
    press("Skip", "s")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    expect(page.locator("h1")).not_to_have_text(first)
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_text("2 of 4")).to_be_visible()
