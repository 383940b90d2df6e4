"""What the editor's scripts promise, in a real browser: no word is lost, whatever happens to the tab."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from tests.e2e.pretend import Pretend, listened_to, serving, until

DRAFT = "0190a000-0000-7000-8000-0000000000d1"
OTHER = "0190a000-0000-7000-8000-0000000000d2"
NODE = "0190a000-0000-7000-8000-0000000000e1"

COPIES = """async () => {
  const all = (await indexedDB.databases()).filter((one) => one.name.startsWith("wop-"));
  if (!all.length) return null;
  const open = await new Promise((done) => {
    const asked = indexedDB.open(all[0].name);
    asked.onsuccess = () => done(asked.result);
  });
  const rows = await new Promise((done) => {
    const asked = open.transaction("drafts").objectStore("drafts").getAll();
    asked.onsuccess = () => done(asked.result);
  });
  open.close();
  const words = new TextDecoder("latin1");
  return rows.map((row) => JSON.stringify(row) + words.decode(row.sealed));
}"""


@pytest.fixture
def site() -> Iterator[Pretend]:
    with serving(Pretend(pages={"/": "<h1>Home</h1>"})) as site:
        yield site


@pytest.fixture
def real_time(chromium: Browser) -> Iterator[BrowserContext]:
    with listened_to(chromium) as context:
        yield context


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """With a clock that `rest` moves on."""
    with listened_to(chromium) as context:
        context.clock.install()
        yield context


def rest(page: Page, milliseconds: int = 1_600) -> None:
    """Time passes for the scripts of the page, so that no test waits for a pause in typing."""
    page.clock.fast_forward(milliseconds)


def write(context: BrowserContext, site: Pretend, draft: str = DRAFT, **more: str) -> Page:
    """A tab with the editor on this draft, ready to be typed in."""
    page = context.new_page()
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    page.goto(f"{site.origin}/write?draft={draft}{extra}")
    page.wait_for_function("() => document.querySelector('wop-editor').saving")
    page.locator("textarea").focus()
    return page


def kill(page: Page) -> None:
    """The tab dies as it does when the system ends it: no event tells the page."""
    with pytest.raises(Error, match="crash"):
        page.goto("chrome://crash")
    page.close()


def copies(page: Page) -> list[str]:
    rows = page.evaluate(COPIES)
    return rows or []


def test_the_words_are_on_the_server_two_seconds_after_the_last_key(
    real_time: BrowserContext, site: Pretend
) -> None:
    page = write(real_time, site)
    page.keyboard.type("A sentence to keep")
    ended = time.monotonic()
    expect(page.locator("wop-editor")).to_have_attribute("dirty", "")
    until(lambda: site.texts() == ["A sentence to keep"])

    assert site.arrived[DRAFT] - ended <= 2.0
    expect(page.locator("output")).to_have_text(re.compile(r"^Saved · \d\d?:\d\d"))
    expect(page.locator("wop-editor")).not_to_have_attribute("dirty", "")
    assert site.drafts[DRAFT]["privacy_level"] == "private"
    until(lambda: copies(page) == [])


def test_typing_that_never_pauses_is_saved_every_ten_seconds(
    context: BrowserContext, site: Pretend
) -> None:
    page = write(context, site)
    for _ in range(11):
        page.keyboard.type("k")
        page.clock.run_for(1_000)

    until(lambda: DRAFT in site.drafts)
    assert 9 <= len(str(site.drafts[DRAFT]["text"])) <= 11


def test_a_killed_tab_loses_less_than_a_second(real_time: BrowserContext, site: Pretend) -> None:
    site.answer = 503
    page = write(real_time, site)
    typed = ""
    while len(typed) < 45:
        page.keyboard.type("word ", delay=40)
        typed += "word "
    kill(page)
    site.answer = None

    again = write(real_time, site, draft=OTHER)
    expect(again.locator("[data-note=restored]")).to_be_visible()
    kept = again.locator("textarea").input_value()
    assert typed.startswith(kept)
    assert len(typed) - len(kept) <= 1_000 / 40
    until(lambda: site.texts() == [kept])
    assert DRAFT in site.drafts


def test_what_was_typed_before_the_scripts_arrived_is_saved_too(
    context: BrowserContext, site: Pretend
) -> None:
    page = context.new_page()
    held: list[Route] = []
    page.route("**/wop-editor.js", lambda route: held.append(route))
    page.goto(f"{site.origin}/write?draft={DRAFT}", wait_until="commit")
    page.locator("textarea").press_sequentially("Faster than the scripts")
    until(lambda: page.evaluate("1") and held)
    held[0].continue_()
    page.wait_for_function("() => document.querySelector('wop-editor').saving")
    rest(page)

    until(lambda: site.texts() == ["Faster than the scripts"])


def test_keys_typed_while_a_save_is_on_its_way_are_in_the_next(
    context: BrowserContext, site: Pretend
) -> None:
    page = write(context, site)
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/drafts/*/", hold_the_first)
    page.keyboard.type("On its way")
    rest(page)
    until(lambda: page.evaluate("1") and held)
    page.keyboard.type(", and meanwhile more")
    held[0].continue_()
    until(lambda: page.evaluate("1") and site.texts() == ["On its way"])
    rest(page)
    until(lambda: page.evaluate("1") and site.texts() == ["On its way, and meanwhile more"])
    expect(page.locator("wop-editor")).not_to_have_attribute("dirty", "")


def test_leaving_the_page_sends_the_last_words(context: BrowserContext, site: Pretend) -> None:
    page = write(context, site)
    page.keyboard.type("Just before leaving")
    page.goto(f"{site.origin}/")

    until(lambda: site.texts() == ["Just before leaving"], seconds=1.0)


def test_what_this_device_holds_is_sealed(context: BrowserContext, site: Pretend) -> None:
    site.answer = 503
    page = write(context, site)
    page.keyboard.type("xylophone under the stairs")
    rest(page, 450)
    until(lambda: copies(page))

    assert all("xylophone" not in row and "stairs" not in row for row in copies(page))
    exported = page.evaluate("""async () => {
      const { name } = (await indexedDB.databases())[0];
      const open = await new Promise((done) => {
        const asked = indexedDB.open(name);
        asked.onsuccess = () => done(asked.result);
      });
      const row = await new Promise((done) => {
        const asked = open.transaction("keys").objectStore("keys").get("local");
        asked.onsuccess = () => done(asked.result);
      });
      open.close();
      return crypto.subtle.exportKey("raw", row.key).then(() => "readable", (error) => error.name);
    }""")
    assert exported == "InvalidAccessError"


def test_another_person_in_this_browser_is_offered_nothing(
    context: BrowserContext, site: Pretend
) -> None:
    site.answer = 503
    page = write(context, site)
    page.keyboard.type("alice's words")
    rest(page, 450)
    until(lambda: copies(page))
    kill(page)
    site.person = "0190a000-0000-7000-8000-00000000000b"

    theirs = write(context, site, draft=OTHER)
    expect(theirs.locator("[data-note=restored]")).to_be_hidden()
    assert theirs.locator("textarea").input_value() == ""


def test_a_newer_text_of_the_server_is_not_overwritten_by_this_device(
    context: BrowserContext, site: Pretend
) -> None:
    site.answer = 503
    page = write(context, site)
    page.keyboard.type("Words of this device")
    rest(page, 450)
    until(lambda: copies(page))
    kill(page)
    site.answer = None
    site.drafts[DRAFT] = {"id": DRAFT, "title": "", "text": "Newer, from the phone", "seq": 40}

    again = write(context, site)
    expect(again.locator("[data-note=other]")).to_be_visible()
    assert again.locator("textarea").input_value() == "Newer, from the phone"
    again.get_by_text("Show them").click()
    assert again.locator("textarea").input_value() == "Words of this device"
    rest(again)
    until(lambda: len(site.drafts) == 2)
    assert sorted(map(str, site.texts())) == ["Newer, from the phone", "Words of this device"]


def test_the_saved_version_can_be_had_back_after_a_restore(
    context: BrowserContext, site: Pretend
) -> None:
    site.drafts[DRAFT] = {"id": DRAFT, "title": "", "text": "As saved.", "seq": 3}
    site.answer = 503
    page = write(context, site)
    page.keyboard.press("Control+End")
    page.keyboard.type(" And more.")
    rest(page, 450)
    until(lambda: copies(page))
    kill(page)
    site.answer = None

    again = write(context, site)
    expect(again.locator("textarea")).to_have_value("As saved. And more.")
    again.get_by_text("Use saved version").click()
    expect(again.locator("textarea")).to_have_value("As saved.")


def test_a_tab_loaded_again_goes_on_with_its_draft(context: BrowserContext, site: Pretend) -> None:
    page = write(context, site)
    page.keyboard.type("Kept by the server")
    rest(page)
    until(lambda: DRAFT in site.drafts)
    until(lambda: copies(page) == [])
    page.goto(f"{site.origin}/write?draft={OTHER}")

    expect(page.locator("textarea")).to_have_value("Kept by the server")
    page.locator("textarea").press_sequentially(" still")
    rest(page)
    until(lambda: "Kept by the server still" in str(site.texts()))
    assert list(site.drafts) == [DRAFT]


def test_two_tabs_on_one_draft_keep_both_texts(context: BrowserContext, site: Pretend) -> None:
    site.drafts[DRAFT] = {"id": DRAFT, "title": "", "text": "", "seq": 1}
    one, two = write(context, site), write(context, site)
    one.bring_to_front()
    one.keyboard.type("From the first tab")
    rest(one)
    until(lambda: site.texts() == ["From the first tab"])
    two.bring_to_front()
    two.locator("textarea").focus()
    two.keyboard.type("x")
    two.locator("textarea").fill("From the second tab")
    rest(two)
    until(lambda: two.locator("input[name=draft]").input_value() != DRAFT)
    rest(two)
    until(lambda: "From the second tab" in site.texts())

    assert sorted(map(str, site.texts())) == ["From the first tab", "From the second tab"]
    expect(two.locator("[data-note=forked]")).to_be_visible()


def test_a_save_whose_answer_was_lost_is_not_a_conflict(
    context: BrowserContext, site: Pretend
) -> None:
    site.deaf = True
    page = write(context, site)
    page.keyboard.type("Once and only once")
    rest(page)
    until(lambda: DRAFT in site.drafts)
    expect(page.locator("output")).to_have_text("Saved on this device")
    site.deaf = False

    rest(page, 2_100)
    expect(page.locator("output")).to_have_text(re.compile("^Saved ·"))
    assert site.texts() == ["Once and only once"]


def test_an_expired_session_keeps_the_text_and_saves_after_signing_in(
    context: BrowserContext, site: Pretend
) -> None:
    page = write(context, site)
    site.answer = 401
    page.keyboard.type("Typed after the session ended")
    rest(page)
    expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
    expect(page.locator("output")).to_have_text("Saved on this device")
    assert page.locator("textarea").input_value() == "Typed after the session ended"
    site.answer = None

    context.new_page().goto(f"{site.origin}/")
    until(lambda: site.texts() == ["Typed after the session ended"])
    expect(page.locator("dialog[data-sign-in]")).to_have_count(0)


def test_three_entries_saved_offline_arrive_in_their_order(
    context: BrowserContext, site: Pretend
) -> None:
    page = write(context, site)
    context.set_offline(True)
    for words in ("first", "second", "third"):
        page.keyboard.type(f"{words} entry")
        page.keyboard.press("Control+Enter")
        expect(page.locator("textarea")).to_have_value("")
        expect(page.locator("output")).to_have_text("Saved on this device")
    expect(page.locator("#offline")).to_be_visible()
    assert site.nodes == {}

    context.set_offline(False)
    until(lambda: len(site.nodes) == 3)
    assert [node["text"] for node in site.nodes.values()] == [
        "first entry",
        "second entry",
        "third entry",
    ]
    until(lambda: copies(page) == [])


def test_an_edit_saved_offline_arrives_with_the_revision_it_was_made_on(
    context: BrowserContext, site: Pretend
) -> None:
    site.nodes[NODE] = {"title": "", "text": "As it stood."}
    page = write(context, site, node=NODE, rev="4")
    context.set_offline(True)
    page.keyboard.press("Control+End")
    page.keyboard.type(" Changed.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("output")).to_have_text("Saved on this device")

    context.set_offline(False)
    until(lambda: site.nodes[NODE].get("if_match"))
    assert site.nodes[NODE]["text"] == "As it stood. Changed."
    assert site.nodes[NODE]["if_match"] == '"4"'


def test_a_double_press_sends_the_form_once(context: BrowserContext, site: Pretend) -> None:
    site.delay_seconds = 0.3
    page = write(context, site)
    page.keyboard.type("Only one entry")
    page.evaluate("""() => {
      const button = document.querySelector("form#editor-form button[type=submit]");
      button.click();
      button.click();
    }""")
    page.wait_for_url(f"{site.origin}/")

    assert site.count("POST", "/write") == 1
    assert [node["text"] for node in site.nodes.values()] == ["Only one entry"]
    site.delay_seconds = 0.0
    assert site.drafts == {}
    write(context, site, draft=OTHER)
    until(lambda: copies(page) == [])


def test_a_refusal_is_said_and_the_text_stays(context: BrowserContext, site: Pretend) -> None:
    page = write(context, site)
    site.answer = 413
    page.keyboard.type("Far too long")
    rest(page)
    expect(page.locator("output")).to_have_text("Can't save —")
    expect(page.locator("[data-refusal]")).to_have_text("The server's sentence.")
    site.answer = None

    page.get_by_role("button", name="Retry").click()
    until(lambda: site.texts() == ["Far too long"])
    expect(page.locator("[data-refusal]")).to_be_hidden()


def test_signing_out_with_unsent_words_asks_and_then_leaves_nothing(
    context: BrowserContext, site: Pretend
) -> None:
    page = write(context, site)
    site.answer = 503
    page.keyboard.type("Never sent")
    rest(page, 450)
    until(lambda: copies(page))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("1 not sent")).to_be_visible()
    page.get_by_role("button", name="Stay").click()
    assert site.count("POST", "/accounts/logout/") == 0
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("1 not sent")).to_be_visible()
    site.answer = None
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{site.origin}/")

    assert page.evaluate("async () => (await indexedDB.databases()).length") == 0


def test_enter_goes_on_with_a_list_and_ends_it(context: BrowserContext, site: Pretend) -> None:
    page = write(context, site)
    page.keyboard.type("1. bread\nmilk\n\nthen")
    assert page.locator("textarea").input_value() == "1. bread\n2. milk\nthen"
    page.locator("textarea").fill("plain")
    page.locator("textarea").select_text()
    page.get_by_role("button", name="Bold").click()
    assert page.locator("textarea").input_value() == "**plain**"
    page.keyboard.press("Control+z")
    assert page.locator("textarea").input_value() == "plain"
    expect(page.locator("[data-word-count]")).to_have_text("1 word")


def test_without_a_device_store_the_server_still_gets_every_word(
    context: BrowserContext, site: Pretend
) -> None:
    context.add_init_script(
        "Object.defineProperty(window, 'indexedDB', {value: {open() { throw new Error('no'); }, databases: async () => []}})"
    )
    page = write(context, site)
    page.keyboard.type("Private window")
    rest(page)
    until(lambda: site.texts() == ["Private window"])
    site.answer = 503
    page.keyboard.type(" more")
    rest(page)
    expect(page.locator("output")).to_have_text("Can't save —")
