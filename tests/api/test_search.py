"""Search as JSON: what is typed, narrowed by what an app fills in."""

from datetime import UTC, datetime

import pytest

from tests.events_drain import drain
from tests.factories import befriend, entry, kept

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/download/search/"


@pytest.fixture
def texts(alice) -> dict[str, str]:
    """One text of each kind there is a filter for, by what is found of it."""
    old = datetime(2024, 3, 1, 12, tzinfo=UTC)
    rows = {
        "old": entry(alice, "A harbour long ago.", written_at=old, zone="UTC"),
        "tagged": entry(alice, "The harbour again. #two-words", circles=(befriend(alice),)),
        "link": kept(
            alice, "https://example.org/pier", title="Harbour", tags=("two-words", "sea side")
        ),
    }
    drain()
    return {str(row.pk): name for name, row in rows.items()}


FILTERS = [
    ({}, "old tagged link"),
    ({"in": "library"}, "link"),
    ({"in": ["library", "journal"]}, "old tagged link"),
    ({"to": "2024-12-31"}, "old"),
    ({"from": "2024-03-01", "to": "2024-03-01"}, "old"),
    ({"from": "2025-01-01"}, "tagged link"),
    ({"from": "0001-01-01", "to": "9999-12-31"}, "old tagged link"),
    ({"tag": "two-words"}, "tagged link"),
    ({"tag": ["two-words", "sea side"]}, "link"),
    ({"site": "example.org"}, "link"),
    ({"audience": "circles"}, "tagged"),
    ({"audience": "private"}, "old link"),
    ({"audience": ["private", "circles"], "in": "journal"}, "old tagged"),
    ({"audience": "public"}, ""),
    ({"site": "example.org", "in": "journal"}, ""),
]


@pytest.mark.parametrize("mode", ["words", "both", "exact"])
def test_a_search_is_narrowed_by_what_an_app_fills_in(api, alice, texts, mode):
    def found(filters: dict[str, object]) -> set[str]:
        answer = api(alice).get(SEARCH, {"q": "harbour", "mode": mode, **filters}).json()
        return {texts[each["ref"].partition(":")[2]] for each in answer["results"]}

    wanted = [(filters, set(names.split())) for filters, names in FILTERS]
    assert [(filters, found(filters)) for filters, _ in FILTERS] == wanted


@pytest.mark.parametrize(
    "filters",
    [
        {"in": "attic"}, {"audience": "all"}, {"from": "someday"}, {"to": "2024-02-30"}, {"tag": " "}, {"tag": '"'},
        {"site": ""}, {"is": "unread"},
    ],
    ids=str,
)  # fmt: skip
def test_a_filter_that_says_nothing_is_refused(api, alice, filters):
    answer = api(alice).get(SEARCH, {"q": "harbour", **filters})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_filter")
