"""Keeping a page, reading and marking it, letting it go and taking it back, in a browser."""

from playwright.sync_api import expect

from download.actions.items import give_text
from download.models.items import Highlight, Item
from tests.e2e.pretend import until
from tests.e2e.test_flows import settled

TEXT = "# Rest\n\nA **quiet** morning is worth two evenings.\n\n" + "Another line.\n\n" * 60


def test_a_page_is_kept_read_marked_and_taken_back(house, opened):
    person, context = settled(house, opened, "reader")
    page = context.new_page()
    page.goto(f"{house.origin}/library/")
    page.get_by_label("Addresses to keep").fill("https://example.org/rest")
    page.get_by_role("button", name="Save links").click()
    expect(page.get_by_role("link", name="example.org/rest")).to_be_visible()
    item = Item.objects.get(owner=person)
    give_text(person, item, text=TEXT)

    page.goto(f"{house.origin}/library/{item.pk}/")
    page.locator("[data-page] p").first.select_text()
    page.locator("[data-here]").get_by_role("button", name="Highlight").click()
    page.wait_for_url("**#highlight-*")
    assert Highlight.objects.get(owner=person).quote == "A **quiet** morning is worth two evenings."
    expect(page.locator("mark.highlight").first).to_have_text("A ")
    page.keyboard.press("End")
    until(lambda: Item.objects.get(pk=item.pk).progress > 0)

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/library/{item.pk}/")
    expect(page.locator("mark.highlight").first).to_be_visible()
