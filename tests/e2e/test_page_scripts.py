"""What every page's scripts do between htmx, the keys and the person, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.pretend import Pretend, listened_to, serving, until

DRAFT = "0190a000-0000-7000-8000-0000000000d1"
FORM = """<form id="circle" method="post" action="/part" hx-post="/part" hx-target="#box" hx-sync="this:drop" novalidate>
  <input type="hidden" name="csrfmiddlewaretoken" value="stale"><input name="name" aria-label="Name">
  <button type="submit">Add circle</button></form><div id="box">Old</div>"""


@pytest.fixture
def site() -> Iterator[Pretend]:
    pages = {
        "/": "<h1>Home</h1>",
        "/next": "<h1>Next page</h1>",
        "/form": FORM,
        "/part": '<div id="box" data-announce="Circle added"><h2 data-focus>New</h2></div>',
    }
    with serving(Pretend(pages=pages)) as site:
        yield site


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with listened_to(chromium) as context:
        yield context


def visit(context: BrowserContext, site: Pretend, path: str) -> Page:
    page = context.new_page()
    page.goto(site.origin + path)
    page.wait_for_function(
        "() => customElements.get('wop-toasts') && customElements.get('wop-dialog')"
    )
    return page


def test_a_double_click_on_a_form_posts_once_and_keeps_the_focus(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/part"] = '<div id="box">Done</div>'
    page = visit(context, site, "/form")
    sent: list[Route] = []
    page.route("**/part", lambda route: sent.append(route))
    button = page.get_by_role("button", name="Add circle")
    button.dblclick()
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("aria-busy", "true")
    assert len(sent) == 1
    sent[0].continue_()
    expect(page.locator("#box")).to_have_text("Done")

    assert site.count("POST", "/part") == 1
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()


def test_the_header_speaks_for_the_session_and_the_forms_token_stays_at_home(
    context: BrowserContext, site: Pretend
) -> None:
    page = visit(context, site, "/form")
    with page.expect_request("**/part") as sent:
        page.get_by_role("button", name="Add circle").click()

    assert sent.value.headers["x-csrftoken"] == "token-of-now"
    assert "csrfmiddlewaretoken" not in (sent.value.post_data or "")


def test_new_parts_take_the_focus_and_are_announced(context: BrowserContext, site: Pretend) -> None:
    page = visit(context, site, "/form")
    page.get_by_role("button", name="Add circle").click()

    expect(page.get_by_role("heading", name="New")).to_be_focused()
    expect(page.locator("#announce")).to_have_text("Circle added")


def test_a_failure_says_so_with_its_reference_and_can_be_repeated(
    context: BrowserContext, site: Pretend
) -> None:
    page = visit(context, site, "/form")
    site.answer = 503
    page.get_by_label("Name").fill("Close friends")
    page.get_by_role("button", name="Add circle").click()
    toast = page.get_by_role("alert")
    expect(toast).to_contain_text("Nothing was lost")
    expect(toast).to_contain_text("req-1")
    assert page.locator("#box").inner_text() == "Old"
    site.answer = None

    with page.expect_request("**/part") as sent:
        toast.get_by_role("button", name="Retry").click()
    assert sent.value.post_data == "name=Close+friends"
    expect(page.locator("#box")).to_have_text("New")
    expect(toast).to_have_count(0)


def test_a_question_is_asked_in_our_dialog_and_named_for_the_act(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/form"] = FORM.replace("novalidate", 'hx-confirm="Add it for good?"')
    page = visit(context, site, "/form")
    page.get_by_role("button", name="Add circle").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Add it for good?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert site.count("POST", "/part") == 0

    page.get_by_role("button", name="Add circle").click()
    dialog.get_by_role("button", name="Add circle").click()
    expect(page.locator("#box")).to_have_text("New")


def test_a_part_waits_while_the_words_it_would_replace_are_being_typed(
    context: BrowserContext, site: Pretend
) -> None:
    region = '<div id="region" hx-get="/region" hx-trigger="wop:resync from:body">'
    site.pages["/region"] = '<div id="region">Refreshed</div>'
    site.pages["/edit"] = f"{region}{site.editor(DRAFT)}</div>"
    page = visit(context, site, "/edit")
    page.wait_for_function("() => document.querySelector('wop-editor').saving")
    page.evaluate("""() => {
      window.told = [];
      const tell = (event) => window.told.push(event.target.isConnected);
      document.addEventListener("wop:editor-saved", tell, true);
    }""")
    page.locator("textarea").press_sequentially("Still typing")
    with page.expect_response("**/region"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('wop:resync'))")
    expect(page.locator("#region")).to_have_text("Refreshed")

    assert page.evaluate("window.told") == [True]
    assert site.texts() == ["Still typing"]


def test_a_part_that_is_already_there_is_replaced_and_not_doubled(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/form"] = FORM.replace("hx-sync", 'hx-swap="beforeend" hx-sync').replace(
        "Old", '<p id="bubble-1">Sending</p>'
    )
    site.pages["/part"] = '<p id="bubble-1">Sent</p><p id="bubble-2">Answer</p>'
    page = visit(context, site, "/form")
    page.get_by_role("button", name="Add circle").click()

    expect(page.locator("#box p")).to_have_text(["Sent", "Answer"])


def test_a_poll_after_the_session_ended_does_not_interrupt(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/poll"] = (
        '<form hx-post="/part" hx-trigger="wop:resync from:body" hx-swap="none"></form>' + FORM
    )
    page = visit(context, site, "/poll")
    site.answer = 401
    with page.expect_response("**/part"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('wop:resync'))")
    expect(page.locator("dialog[data-sign-in]")).to_have_count(0)
    page.get_by_role("button", name="Add circle").click()
    expect(page.get_by_role("heading", name="Sign in again")).to_be_focused()
    site.answer = None

    visit(context, site, "/")
    expect(page.locator("#box")).to_have_text("New")


def test_words_are_never_sent_in_the_name_of_who_signed_in_after(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/edit"] = site.editor(DRAFT)
    page = visit(context, site, "/edit")
    page.wait_for_function("() => document.querySelector('wop-editor').saving")
    page.locator("textarea").press_sequentially("alice's words")
    site.person = "0190a000-0000-7000-8000-00000000000b"
    with page.expect_navigation():
        visit(context, site, "/")

    expect(page.locator("html")).to_have_attribute("data-person", site.person)
    assert page.locator("textarea").input_value() == ""
    assert site.texts() == []


def test_a_link_opens_its_part_as_a_dialog_and_gets_the_focus_back(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/list"] = '<a href="/sheet" data-dialog="sheet">Audience</a><div id="box">Old</div>'
    site.pages["/sheet"] = f'<div id="sheet"><h2>Who can read this</h2>{FORM}</div>'
    page = visit(context, site, "/list")
    link = page.get_by_role("link", name="Audience")
    with page.expect_request("**/sheet") as sent:
        link.click()
    assert sent.value.headers["hx-target"] == "div#sheet"
    expect(page.get_by_role("heading", name="Who can read this")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()

    link.click()
    page.get_by_role("button", name="Add circle").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_palette_opens_from_a_field_and_is_used_by_keys(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/found"] = (
        '<div id="palette-results" role="listbox" aria-label="Found"><a role="option" id="f1" href="/next">An entry</a></div>'
    )
    site.pages["/palette"] = """<textarea aria-label="Text"></textarea><wop-palette>
      <a href="/search/palette/" data-palette-open>Search</a><dialog aria-label="Search"><form method="get" action="/search/">
      <input name="q" role="combobox" aria-label="Search" aria-controls="palette-results" aria-expanded="true" autocomplete="off"
        hx-get="/found" hx-trigger="input changed delay:50ms, wop:palette-open" hx-target="#palette-results" hx-sync="this:replace">
      <div id="palette-actions" role="listbox" aria-label="Actions"><a role="option" id="a1" href="/">Write</a>
        <a role="option" id="a2" href="/">Settings</a></div>
      <div id="palette-results" role="listbox" aria-label="Found"></div></form></dialog></wop-palette>"""
    page = visit(context, site, "/palette")
    page.wait_for_function("() => customElements.get('wop-palette')")
    page.locator("textarea").focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-activedescendant", "a1")
    page.keyboard.type("sett")
    expect(page.get_by_role("option", name="Write")).to_be_hidden()
    expect(box).to_have_attribute("aria-activedescendant", "a2")
    expect(page.locator("#f1")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "f1")

    page.keyboard.press("Enter")
    page.wait_for_url("**/next")


def test_a_list_is_walked_and_tidied_by_keys(context: BrowserContext, site: Pretend) -> None:
    row = """<li data-item><a href="/next" data-open>Row {0}</a><form hx-post="/gone" hx-target="closest li" hx-swap="delete"
      data-optimistic><button type="submit" data-archive>Archive</button></form></li>"""
    site.pages["/rows"] = f"<wop-list><ul>{''.join(row.format(n) for n in '123')}</ul></wop-list>"
    site.pages["/gone"] = ""
    page = visit(context, site, "/rows")
    page.wait_for_function("() => customElements.get('wop-list')")
    for key in "jjjjk":
        page.keyboard.press(key)
    expect(page.get_by_role("link", name="Row 2")).to_be_focused()
    site.answer = 503
    page.keyboard.press("e")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("link", name="Row 2")).to_be_focused()
    site.answer = None
    page.keyboard.press("e")
    expect(page.get_by_role("listitem")).to_have_count(2)

    expect(page.get_by_role("link", name="Row 3")).to_be_focused()
    page.keyboard.press("o")
    page.wait_for_url("**/next")


def test_a_menu_is_placed_at_its_button_and_walked_by_arrows(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/menu"] = """<wop-menu><button type="button" popovertarget="m">More</button>
      <div popover id="m"><a href="/next">Edit</a><button type="button">Delete</button></div></wop-menu>"""
    page = visit(context, site, "/menu")
    page.wait_for_function("() => customElements.get('wop-menu')")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("link", name="Edit")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    button, menu = (
        page.get_by_role("button", name="More").bounding_box(),
        page.locator("#m").bounding_box(),
    )
    assert button
    assert menu
    assert abs(menu["y"] - (button["y"] + button["height"])) <= 5

    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More")).to_be_focused()


def test_two_toasts_are_shown_and_the_third_waits_its_ten_seconds(
    context: BrowserContext, site: Pretend
) -> None:
    context.clock.install()
    page = visit(context, site, "/")
    page.evaluate("""() => {
      for (const words of ["one", "two", "three"]) {
        document.dispatchEvent(new CustomEvent("wop:toast-show", { detail: { words } }));
      }
    }""")
    expect(page.locator(".toast:visible [data-words]")).to_have_text(["one", "two"])
    page.clock.run_for(11_000)

    expect(page.locator(".toast:visible [data-words]")).to_have_text(["three"])


def test_times_become_relative_and_a_diff_shows_its_changes_alone(
    context: BrowserContext, site: Pretend
) -> None:
    context.clock.install(time="2026-11-24T14:02:00Z")
    site.pages[
        "/both"
    ] = """<wop-time data-relative><time datetime="2026-11-24T13:57:00+00:00">14:57</time></wop-time>
      <wop-diff><button type="button" data-changes-only aria-pressed="false" hidden>Changes only</button>
      <p data-same>As before.</p><p><ins>New.</ins></p></wop-diff>"""
    page = visit(context, site, "/both")
    expect(page.locator("time")).to_have_text("5 minutes ago")
    page.get_by_role("button", name="Changes only").click()

    expect(page.get_by_text("As before.")).to_be_hidden()
    expect(page.get_by_text("New.")).to_be_visible()


def test_an_enhanced_editor_keeps_its_text_when_the_server_refuses_and_when_it_is_gone(
    context: BrowserContext, site: Pretend
) -> None:
    site.pages["/edit"] = site.editor(
        DRAFT, enhanced='hx-post="/part" hx-target="#editor-status" hx-sync="this:drop"'
    )
    page = visit(context, site, "/edit")
    page.wait_for_function("() => document.querySelector('wop-editor').saving")
    page.locator("textarea").press_sequentially("Words")
    until(lambda: site.texts() == ["Words"])
    site.answer = 422
    with page.expect_response("**/part"):
        page.keyboard.press("Control+Enter")
    site.answer = None
    assert page.locator("textarea").input_value() == "Words"
    page.locator("textarea").press_sequentially(" and more")
    until(lambda: site.texts() == ["Words and more"])

    page.route("**/part", lambda route: route.abort())
    page.keyboard.press("Control+Enter")
    expect(page.locator("textarea")).to_have_value("")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    until(lambda: [node["text"] for node in site.nodes.values()] == ["Words and more"])
