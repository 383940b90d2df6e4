"""The same walks with JavaScript off: every page is a page, every act a form."""

import re

from playwright.sync_api import expect

from accounts.models import Profile
from journal.models.nodes import Node
from tests.e2e.planted import PASSWORD, PAST, newcomer
from tests.e2e.test_flows import own, settled, text_of
from tests.events_drain import drain
from tests.factories import befriend, entry, zipped


def test_sign_in_write_find_and_sign_out(house, opened):
    mara = newcomer("mara")
    page = opened("nobody", scripts=False).new_page()
    page.goto("/journal/write/")
    page.get_by_label("Email").fill(mara.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/journal/write/")
    page.get_by_role("button", name="Save entry").click()
    expect(page.get_by_role("alert")).to_be_visible()
    text_of(page).fill("A heron stood in the *shallow* water.")
    page.get_by_role("button", name="Save entry").click()
    expect(page.locator(".prose em")).to_have_text("shallow")

    drain()
    page.get_by_role("link", name="Search").first.click()
    page.get_by_label("Search your journal").fill("heron")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("mark")).to_have_text("heron")
    page.locator(".result a").first.click()
    expect(page.locator("#passage").first).to_contain_text("heron")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/journal/")
    assert "/accounts/login/" in page.url


def test_edit_restore_delete_and_take_back(house, opened):
    nuno, context = settled(house, opened, "nuno", scripts=False)
    node = entry(nuno, "Rice and beans.")
    page = context.new_page()
    page.goto(node.get_absolute_url())
    page.get_by_role("link", name="Edit").click()
    text_of(page).fill("Rice and lentils.")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".prose")).to_have_text("Rice and lentils.")
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("#diff ins")).to_contain_text("lentils")
    page.get_by_role("button", name="Restore").first.click()
    expect(page.locator(".prose")).to_have_text("Rice and beans.")

    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete entry").click()
    expect(page.get_by_text("Deleted. You can take it back")).to_be_visible()
    page.get_by_role("link", name="Recently deleted").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".prose")).to_have_text("Rice and beans.")
    assert len(own(nuno)) == 1


def test_a_conflict_shows_both_texts_and_keeps_them(house, opened):
    olga, context = settled(house, opened, "olga", scripts=False)
    node = entry(olga, "The train was late.")
    one, two = context.new_page(), context.new_page()
    for tab, words in ((one, "The train was early."), (two, "The train was cancelled.")):
        tab.goto(f"{node.get_absolute_url()}edit/")
        text_of(tab).fill(words)
    one.get_by_role("button", name="Save changes").click()
    expect(one.locator(".prose")).to_have_text("The train was early.")
    two.get_by_role("button", name="Save changes").click()
    main = two.get_by_role("main")
    expect(main).to_contain_text("The train was early.")
    expect(main).to_contain_text("The train was cancelled.")
    two.get_by_label("What shall stand").fill("Early, then cancelled.")
    two.get_by_role("button", name="Save this text").click()
    expect(two.locator(".prose")).to_have_text("Early, then cancelled.")
    bodies = {version.body for version in node.versions.all()}
    assert {"The train was early.", "The train was cancelled."} <= bodies


def test_reply_and_open_to_a_circle(house, opened):
    paul, context = settled(house, opened, "paul", scripts=False)
    quentin = newcomer("quentin")
    befriend(paul, quentin)
    node = entry(paul, "A thought for one reader.")
    page = context.new_page()
    page.goto(node.get_absolute_url())
    page.get_by_label("Your reply").fill("And one more for me.")
    page.get_by_role("button", name="Save reply").click()
    expect(page.locator("#children .prose")).to_have_text("And one more for me.")

    page.locator(f"a[href='{node.get_absolute_url()}audience/']").first.click()
    page.get_by_role("radio", name="Circles").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("checkbox", name="circle of paul").check()
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("button", name="Open to 1 person").click()
    expect(page.get_by_text("1 person can read this now.")).to_be_visible()
    assert Node.objects.visible_to(quentin).filter(pk=node.pk).exists()


def test_import_and_undo(house, opened):
    rosa, context = settled(house, opened, "rosa", scripts=False)
    page = context.new_page()
    page.goto("/journal/import/")
    past = {"name": "past.zip", "mimeType": "application/zip", "buffer": zipped(PAST)}
    page.get_by_label("A zip file").set_input_files(past)
    page.get_by_role("button", name="Check file").click()
    expect(page.get_by_text("The file is being checked.").last).to_be_visible()
    drain()
    page.get_by_role("link", name="Reload this page").click()
    page.get_by_role("button", name="Import").click()
    drain()
    page.get_by_role("link", name="Reload this page").click()
    expect(page.get_by_text("2 entries were imported.")).to_be_visible()
    assert len(own(rosa)) == 2
    page.get_by_role("button", name="Undo this import").click()
    drain()
    page.get_by_role("link", name="Reload this page").click()
    expect(page.get_by_text("This import was undone.")).to_be_visible()
    assert own(rosa) == []


def test_settings_are_kept(house, opened):
    sara, context = settled(house, opened, "sara", scripts=False)
    page = context.new_page()
    page.goto("/settings/")
    page.get_by_role("link", name="Appearance").click()
    page.get_by_role("radio", name="Dark").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/settings/account/")
    page.get_by_label("Handle").fill("no spaces here")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Handle")).to_have_value("no spaces here")
    page.get_by_label("Handle").fill("sara_two")
    page.get_by_label("Time zone").select_option("America/Lima")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    profile = Profile.objects.get(person=sara)
    assert (profile.handle, profile.zone, profile.theme) == ("sara_two", "America/Lima", "dark")


def test_export_asks_who_you_are_and_gives_a_file(house, opened):
    tomas = newcomer("tomas")
    entry(tomas, "To be taken along.")
    page = opened("nobody", scripts=False).new_page()
    page.goto("/settings/export/")
    page.get_by_label("Email").fill(tomas.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.get_by_role("button", name="Export everything").click()
    drain()
    page.reload()
    with page.expect_download() as fetching:
        page.get_by_role("link", name=re.compile("Download")).click()
    assert fetching.value.path().read_bytes()[:4] == b"PK\x03\x04"


def test_ask_ai_and_reload(house, opened):
    opal, context = settled(house, opened, "opal", scripts=False)
    node = entry(opal, "The tap drips.", ai_usage="chat")
    page = context.new_page()
    page.goto(node.get_absolute_url())
    page.get_by_role("link", name="Ask AI to reply").click()
    page.get_by_role("button", name="Ask for a reply").click()
    expect(page.get_by_text("A reply is being written.")).to_be_visible()
    drain()
    page.get_by_role("link", name="Reload").click()
    expect(page.get_by_text("Offline: sentences from your own archive")).to_be_visible()
    page.get_by_role("link", name="What it was given").click()
    expect(page.get_by_role("link", name="The tap drips.")).to_be_visible()
