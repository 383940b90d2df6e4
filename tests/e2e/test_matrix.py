"""Every page, light and dark, from a phone's width to a desk's."""

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import opening
from tests.e2e.pages import FULL, NOT_PAGES, PAGES, Row, named_pages
from tests.e2e.sound import AXE, Heard, faults_of, listening

SCHEMES = ("light", "dark") if FULL else ("light",)
WIDTHS = (1280, 768, 390, 320) if FULL else (1280, 320)
HEIGHT = 800


def test_matrix_is_complete():
    standing = {row.name for row in PAGES}
    missing = {name for name in named_pages() if name not in standing and name not in NOT_PAGES}
    assert missing == set(), "no row in tests/e2e/pages.py"
    assert {name for name in NOT_PAGES if name in standing} == set(), "a page and none at once"
    assert {name for name in NOT_PAGES if name not in set(named_pages())} == set(), "no such URL"


@pytest.fixture(scope="module")
def tabs(chromium, house, clients):
    """One tab per person and scheme, used for page after page."""
    with opening(chromium, house, clients) as opened:
        yield tabs_of(opened, house)


def tabs_of(opened, house):
    standing: dict[tuple[str, str], tuple[Page, Heard]] = {}

    def tab(role: str, scheme: str) -> tuple[Page, Heard]:
        if (role, scheme) not in standing:
            profile = opened(role, scheme=scheme, width=WIDTHS[0])
            page = profile.new_page()
            # Given once; sent to each page anew, half a megabyte costs as much as drawing the page.
            page.add_init_script(AXE)
            standing[role, scheme] = page, listening(page, house.origin)
        page, heard = standing[role, scheme]
        page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
        heard.forget()
        return page, heard

    return tab


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("row", PAGES, ids=str)
def test_page(tabs, house, row: Row, scheme):
    page, heard = tabs(row.role, scheme)
    answer = page.goto(row.path(house.world.rows))
    assert answer.status == row.status
    assert page.url == house.origin + row.path(house.world.rows), "sent elsewhere"
    assert (faults_by_width(page) if not row.foreign else {}) == {}
    assert heard.unexpected(row.status) == []
    assert heard.strangers == []


def faults_by_width(page: Page) -> dict[int, list[str]]:
    """The faults of the page at each width, drawn narrower and narrower as a window would be."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found[width] = faults_of(page)
    return {width: faults for width, faults in found.items() if faults}
