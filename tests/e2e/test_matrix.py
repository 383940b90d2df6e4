"""Every page, light and dark, from a phone's width to a desk's."""

import pytest
from playwright.sync_api import Page

from tests.e2e.pages import FULL, NOT_PAGES, PAGES, Row, named_pages
from tests.e2e.sound import Heard, faults_of, listening

SMOKE = [("light", 1280), ("light", 320)]
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 768, 390, 320)]


def test_matrix_is_complete():
    standing = {row.name for row in PAGES}
    missing = {name for name in named_pages() if name not in standing and name not in NOT_PAGES}
    assert missing == set(), "no row in tests/e2e/pages.py"
    assert {name for name in NOT_PAGES if name in standing} == set(), "a page and none at once"
    assert {name for name in NOT_PAGES if name not in set(named_pages())} == set(), "no such URL"


@pytest.fixture(scope="module")
def tabs(opened, house):
    """One tab per person, scheme and width, used for page after page."""
    standing: dict[tuple[str, str, int], tuple[Page, Heard]] = {}

    def tab(role: str, scheme: str, width: int) -> tuple[Page, Heard]:
        if (role, scheme, width) not in standing:
            # A worker would fetch everything once more for each of these profiles.
            profile = opened(role, scheme=scheme, width=width, service_workers="block")
            page = profile.new_page()
            standing[role, scheme, width] = page, listening(page, house.origin)
        page, heard = standing[role, scheme, width]
        heard.forget()
        return page, heard

    return tab


@pytest.mark.parametrize(("scheme", "width"), LOOKS if FULL else SMOKE)
@pytest.mark.parametrize("row", PAGES, ids=str)
def test_page(tabs, house, row: Row, scheme, width):
    page, heard = tabs(row.role, scheme, width)
    answer = page.goto(row.path(house.world.rows))
    assert answer.status == row.status
    assert page.url == house.origin + row.path(house.world.rows), "sent elsewhere"
    assert (faults_of(page) if not row.foreign else []) == []
    assert heard.unexpected(row.status) == []
    assert heard.strangers == []
