"""What people do, from one end to the other, in the browser they do it in."""

import re

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from journal.models.drafts import Draft
from journal.models.nodes import Node
from tests.e2e.conftest import House, Opener
from tests.e2e.planted import PASSWORD, PAST, newcomer
from tests.e2e.pretend import until
from tests.e2e.sound import faults_of, quiet
from tests.events_drain import drain
from tests.factories import befriend, entry, zipped


def code_mailed_to(address: str) -> str:
    """The code of the newest mail to this address; mails are files here."""
    mails = sorted(settings.EMAIL_FILE_PATH.glob("*"), key=lambda path: path.stat().st_mtime_ns)
    texts = [path.read_text(encoding="utf-8") for path in mails]
    newest = [text for text in texts if f"To: {address}" in text][-1]
    return re.search(r"^([A-Z0-9]{3,}(-[A-Z0-9]{3,})?)$", newest, re.MULTILINE)[1]


def text_of(page: Page):
    return page.get_by_label("What's on your mind?")


def settled(house: House, opened: Opener, handle: str, **more) -> tuple[User, BrowserContext]:
    """Somebody new who is signed in."""
    house.world.people[handle] = newcomer(handle)
    return house.world.people[handle], opened(handle, **more)


def own(person: User) -> list[Node]:
    return list(Node.objects.visible_to(person).filter(owner=person).order_by("created_at"))


def test_from_sign_up_to_sign_out(house, opened):
    context = opened("nobody", service_workers="allow")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto("/")
        page.get_by_role("link", name="Start writing").click()
        page.get_by_label("Email").fill("dora@example.org")
        page.get_by_label("Password").fill("a-lantern-in-march")
        page.locator("form button[type=submit]").first.click()
        page.wait_for_url("**/accounts/confirm-email/")
        assert faults_of(page) == []
        page.get_by_label("Code").fill(code_mailed_to("dora@example.org"))
        page.locator("form button[type=submit]").first.click()
        page.wait_for_url("**/journal/")
        expect(page.get_by_text("Nothing here yet. Start with one sentence.")).to_be_visible()

        page.goto("/journal/write/")
        text_of(page).press_sequentially("The first sentence of many.")
        expect(page.locator("#editor-status")).to_contain_text("Saved ·")
        page.reload()
        expect(text_of(page)).to_have_value("The first sentence of many.")
        page.get_by_role("button", name="Save entry").click()
        page.wait_for_url(re.compile(r"/journal/[0-9a-f-]{36}/$"))
        expect(page.locator(".prose")).to_have_text("The first sentence of many.")

        page.get_by_role("link", name="Journal").first.click()
        expect(page.get_by_role("article")).to_have_count(1)
        expect(page.get_by_role("article")).to_contain_text("The first sentence of many.")
        page.get_by_role("button", name="Sign out").first.click()
        page.wait_for_url("**/accounts/login/")
        page.goto("/journal/")
        assert "/accounts/login/" in page.url
        page.go_back()
        expect(page.get_by_text("The first sentence of many.")).to_have_count(0)
    dora = User.objects.get(email="dora@example.org")
    assert Draft.objects.filter(owner=dora).count() == 0
    assert len(own(dora)) == 1


def test_edit_compare_restore_delete_and_take_back(house, opened):
    erin, context = settled(house, opened, "erin")
    node = entry(erin, "Tea at four.", title="Afternoon")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto(node.get_absolute_url())
        page.get_by_role("link", name="Edit").click()
        text_of(page).fill("Coffee at four.")
        page.get_by_role("button", name="Save changes").click()
        expect(page.locator(".prose")).to_have_text("Coffee at four.")

        page.get_by_role("link", name="Versions").click()
        expect(page.locator("#diff del")).to_contain_text("Tea")
        expect(page.locator("#diff ins")).to_contain_text("Coffee")
        page.get_by_role("button", name="Restore").first.click()
        expect(page.locator(".prose")).to_have_text("Tea at four.")
        expect(page.get_by_text("Restored as a new version.")).to_be_visible()

        page.get_by_role("link", name="Delete").click()
        page.get_by_role("button", name="Delete entry").click()
        page.wait_for_url("**/journal/")
        expect(page.get_by_role("article")).to_have_count(0)
        page.get_by_role("link", name="Recently deleted").click()
        page.get_by_role("button", name="Restore").click()
        expect(page.locator(".prose")).to_have_text("Tea at four.")
    node.refresh_from_db()
    assert node.versions.count() == 3
    assert node.body == "Tea at four."


def test_two_tabs_that_change_the_same_words_lose_neither(house, opened):
    frida, context = settled(house, opened, "frida")
    node = entry(frida, "One line about the sea.")
    one, two = context.new_page(), context.new_page()
    with quiet(one, house.origin), quiet(two, house.origin, 409):
        for tab in (one, two):
            tab.goto(f"{node.get_absolute_url()}edit/")
        text_of(one).fill("One line about the river.")
        one.get_by_role("button", name="Save changes").click()
        expect(one.locator(".prose")).to_have_text("One line about the river.")
        text_of(two).fill("One line about the mountain.")
        two.get_by_role("button", name="Save changes").click()

        expect(two.get_by_role("heading", level=1)).to_contain_text("changed in another place")
        expect(two.get_by_role("main")).to_contain_text("One line about the river.")
        expect(two.get_by_role("main")).to_contain_text("One line about the mountain.")
        assert faults_of(two) == []
        two.get_by_label("What shall stand").fill("One line about the river and the mountain.")
        two.get_by_role("button", name="Save this text").click()
        expect(two.locator(".prose")).to_have_text("One line about the river and the mountain.")
    bodies = {version.body for version in node.versions.all()}
    assert {"One line about the river.", "One line about the mountain."} <= bodies


def test_words_typed_into_an_expired_session_are_kept(house, opened):
    gustav, context = settled(house, opened, "gustav")
    page = context.new_page()
    with quiet(page, house.origin, 401, 403):
        page.goto("/journal/write/")
        text_of(page).press_sequentially("Before. ")
        expect(page.locator("#editor-status")).to_contain_text("Saved ·")
        end_sessions_of(context)
        text_of(page).press_sequentially("And after.")
        dialog = page.locator("dialog[data-sign-in][open]")
        expect(dialog).to_be_visible()
        assert text_of(page).input_value() == "Before. And after."

        with context.expect_page() as opening:
            dialog.get_by_role("link", name="Sign in").click()
        there = opening.value
        there.get_by_label("Email").fill(gustav.email)
        there.get_by_label("Password").fill(PASSWORD)
        there.get_by_role("button", name="Sign in").click()
        expect(there.get_by_role("heading", level=1)).to_have_text("You are signed in")
        expect(dialog).to_have_count(0)
        assert text_of(page).input_value() == "Before. And after."
        expect(page.locator("#editor-status")).to_contain_text("Saved ·")
        until(lambda: Draft.objects.get(owner=gustav).body == "Before. And after.")
        page.get_by_role("button", name="Save entry").click()
        expect(page.locator(".prose")).to_have_text("Before. And after.")


def end_sessions_of(context: BrowserContext) -> None:
    key = next(each["value"] for each in context.cookies() if each["name"] == "session")
    Session.objects.filter(session_key=key).delete()
    cache.delete(f"django.contrib.sessions.cached_db{key}")


def test_opening_an_entry_to_a_circle_asks_with_the_head_count(house, opened):
    hanna, context = settled(house, opened, "hanna")
    ines, joao = (newcomer(handle) for handle in ("ines", "joao"))
    befriend(hanna, ines, joao)
    node = entry(hanna, "For two people.")
    page = context.new_page()
    with quiet(page, house.origin, 409):
        page.goto(node.get_absolute_url())
        page.locator(f"a[href='{node.get_absolute_url()}audience/']").first.click()
        page.get_by_role("radio", name="Circles").check()
        page.get_by_role("checkbox", name="circle of hanna").check()
        page.get_by_role("button", name="Apply").click()
        confirm = page.get_by_role("button", name="Open to 2 people")
        expect(confirm).to_be_visible()
        assert faults_of(page) == []
        assert not Node.objects.visible_to(ines).filter(pk=node.pk).exists()

        confirm.click()
        expect(page.get_by_text("2 people can read this now.")).to_be_visible()
    assert Node.objects.visible_to(ines).filter(pk=node.pk).exists()
    house.world.people["ines"] = ines
    reader = opened("ines").new_page()
    reader.goto("/journal/?audience=shared")
    expect(reader.get_by_role("article")).to_contain_text("For two people.")


def test_the_past_comes_in_after_a_report_and_goes_again_as_a_whole(house, opened):
    karl, context = settled(house, opened, "karl")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto("/journal/import/")
        past = {"name": "past.zip", "mimeType": "application/zip", "buffer": zipped(PAST)}
        page.get_by_label("A zip file").set_input_files(past)
        page.get_by_role("button", name="Check file").click()
        page.wait_for_url(re.compile(r"/journal/import/[0-9a-f-]{36}/"))
        drain()
        expect(page.get_by_role("button", name="Import")).to_be_visible()
        expect(page.locator(".counts div").first).to_have_text(re.compile(r"new\s*2"))
        assert own(karl) == []

        page.get_by_role("button", name="Import").click()
        drain()
        expect(page.get_by_text("2 entries were imported.")).to_be_visible()
        page.goto("/search/?q=bakery&mode=words")
        expect(page.locator("mark")).to_have_text("bakery")
        page.go_back()
        page.get_by_role("button", name="Undo this import").click()
        drain()
        expect(page.get_by_text("This import was undone.")).to_be_visible()
        page.goto("/journal/")
        expect(page.get_by_role("article")).to_have_count(0)
    assert own(karl) == []


def test_a_reply_stands_below_its_entry(house, opened):
    lena, context = settled(house, opened, "lena")
    node = entry(lena, "A question to myself.")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto(node.get_absolute_url())
        page.get_by_label("Your reply").fill("And an answer.")
        page.get_by_role("button", name="Save reply").click()
        expect(page.locator("#children .prose")).to_have_text("And an answer.")
        page.locator("#children").get_by_role("link", name="Open").click()
        expect(page.locator("nav.trail")).to_contain_text("A question to myself.")
    assert [each.parent_id for each in own(lena)] == [None, node.pk]


def test_a_reply_is_asked_for_watched_and_accounted_for(house, opened):
    esme, context = settled(house, opened, "esme")
    entry(esme, "The piano was out of tune again. We went home.", ai_usage="chat")
    drain()
    node = entry(esme, "I could not sleep, and the piano played.", ai_usage="chat")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto(node.get_absolute_url())
        page.get_by_role("link", name="Ask AI to reply").click()
        assert faults_of(page) == []
        expect(page.get_by_text("nothing is sent anywhere")).to_be_visible()
        page.get_by_role("button", name="Ask for a reply").click()
        expect(page.get_by_text("A reply is being written.")).to_be_visible()
        assert faults_of(page) == []
        page.get_by_label("Your reply").fill("Meanwhile I go on.")
        drain()
        expect(page.get_by_text("The piano was out of tune again.")).to_be_visible()
        expect(page.get_by_text("A reply is being written.")).to_have_count(0)
        expect(page.get_by_label("Your reply")).to_have_value("Meanwhile I go on.")
        page.get_by_role("link", name="What it was given").click()
        page.wait_for_url("**/context/")
        assert faults_of(page) == []
        expect(
            page.get_by_role("link", name="I could not sleep, and the piano played.")
        ).to_be_visible()
        expect(page.get_by_role("link", name="The piano was out of tune again.")).to_be_visible()
        page.goto("/settings/ai/")
        expect(page.get_by_role("cell", name="Replies", exact=True)).to_be_visible()


def test_a_reply_whose_stream_does_not_come_is_shown_once_it_is_written(house, opened):
    greta, context = settled(house, opened, "greta")
    node = entry(greta, "I could not sleep, and the piano played.", ai_usage="chat")
    page = context.new_page()
    refused: list[str] = []

    def refuse(route):
        refused.append(route.request.url)
        route.fulfill(status=503)

    page.route("**/live/jobs/**", refuse)
    with quiet(page, house.origin, 503):
        page.goto(node.get_absolute_url())
        page.get_by_role("link", name="Ask AI to reply").click()
        page.get_by_role("button", name="Ask for a reply").click()
        expect(page.get_by_text("A reply is being written.")).to_be_visible()
        drain()
        expect(page.get_by_role("link", name="What it was given")).to_be_visible()
        expect(page.get_by_text("A reply is being written.")).to_have_count(0)
    assert refused


def test_a_reply_is_stopped(house, opened):
    fred, context = settled(house, opened, "fred")
    node = entry(fred, "I could not sleep.", ai_usage="chat")
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto(f"{node.get_absolute_url()}ai-replies/")
        page.get_by_role("button", name="Ask for a reply").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("Stopped.")).to_be_visible()
        expect(page.get_by_text("A reply is being written.")).to_have_count(0)
    assert own(fred) == [node]


def test_one_key_finds_an_entry_and_does_what_is_asked(house, opened):
    sonja, context = settled(house, opened, "sonja")
    node = entry(sonja, "The lighthouse keeper waved back.", title="Lighthouse")
    drain()
    page = context.new_page()
    with quiet(page, house.origin):
        page.goto("/journal/")
        page.wait_for_function("() => customElements.get('wop-palette')")
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox")).to_be_focused()
        assert faults_of(page) == []
        page.keyboard.type("calend")
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/journal/calendar/\d+/\d+/"))
        page.wait_for_function("() => customElements.get('wop-palette')")
        page.keyboard.press("Control+k")
        page.keyboard.type("lighthouse")
        expect(page.get_by_role("option", name="Lighthouse")).to_be_visible()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{node.get_absolute_url()}*")
        page.keyboard.press("Control+k")
        page.keyboard.press("Escape")
        expect(page.get_by_role("combobox")).to_be_hidden()
