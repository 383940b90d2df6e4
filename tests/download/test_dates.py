from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.dates import Days, find, read

TODAY = date(2026, 3, 11)  # a Wednesday


def days(first, last):
    return Days(*(text and date.fromisoformat(text) for text in (first, last)))


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("today", "2026-03-11", "2026-03-11"),
        ("yesterday", "2026-03-10", "2026-03-10"),
        ("last week", "2026-03-02", "2026-03-08"),
        ("this week", "2026-03-09", "2026-03-15"),
        ("last month", "2026-02-01", "2026-02-28"),
        ("Last Year", "2025-01-01", "2025-12-31"),
        ("past month", "2026-02-11", "2026-03-11"),
        ("the last three weeks", "2026-02-18", "2026-03-11"),
        ("2 days ago", "2026-03-09", "2026-03-09"),
        ("a year ago", "2025-01-01", "2025-12-31"),
        ("two months ago", "2026-01-01", "2026-01-31"),
        ("in March", "2026-03-01", "2026-03-31"),
        ("in April", "2025-04-01", "2025-04-30"),
        ("last march", "2025-03-01", "2025-03-31"),
        ("last february", "2026-02-01", "2026-02-28"),
        ("this may", "2026-05-01", "2026-05-31"),
        ("March 2024", "2024-03-01", "2024-03-31"),
        ("sept 2024", "2024-09-01", "2024-09-30"),
        ("spring 2025", "2025-03-01", "2025-05-31"),
        ("winter 2023", "2023-12-01", "2024-02-29"),
        ("last winter", "2025-12-01", "2026-02-28"),
        ("in spring", "2026-03-01", "2026-05-31"),
        ("last spring", "2025-03-01", "2025-05-31"),
        ("this summer", "2026-06-01", "2026-08-31"),
        ("last autumn", "2025-09-01", "2025-11-30"),
        ("on Sunday", "2026-03-08", "2026-03-08"),
        ("on wednesday", "2026-03-11", "2026-03-11"),
        ("last Wednesday", "2026-03-04", "2026-03-04"),
        ("3 March 2025", "2025-03-03", "2025-03-03"),
        ("on March 3rd, 2025", "2025-03-03", "2025-03-03"),
        ("1st of may", "2025-05-01", "2025-05-01"),
        ("29 February", "2024-02-29", "2024-02-29"),
        ("2026-01-31", "2026-01-31", "2026-01-31"),
        ("in 2025-12", "2025-12-01", "2025-12-31"),
        ("in 2024", "2024-01-01", "2024-12-31"),
        ("since March", "2026-03-01", None),
        ("after 2024", "2025-01-01", None),
        ("before June 2024", None, "2024-05-31"),
        ("until last Sunday", None, "2026-03-08"),
    ],
)
def test_a_stretch_of_days_is_read(said, first, last):
    assert read(said, TODAY) == days(first, last)
    text = f"what about {said} piano"
    found = find(text, TODAY)
    assert found is not None
    assert found.days == days(first, last)
    assert text[found.start : found.end] == said


@pytest.mark.parametrize(
    "text",
    [
        "may", "march on", "fall", "2024", "summer of love", "sunday roast", "room 3 may",
        "in marching", "2026-13-01", "30 February 2024", "in 2024-00", "0 june", "weeks ago", "last",
        "0000-00", "the last word", "in the sun", "day after-today",
    ],
)  # fmt: skip
def test_words_that_say_no_days_are_left_alone(text):
    found = find(text, TODAY)
    assert found is None or text[found.start : found.end] == "3 may"


def test_a_bare_month_or_year_is_read_where_a_date_is_expected():
    assert read("march", TODAY) == days("2026-03-01", "2026-03-31")
    assert read("2024", TODAY) == days("2024-01-01", "2024-12-31")
    assert read("garbage", TODAY) is None


@given(
    st.text(max_size=60)
    | st.from_regex(r"(since|after|before)? ?[0-9]{1,4}[- ](days|may|[0-9]{2})( ago)?"),
    st.dates(),
)
def test_no_text_and_no_day_breaks_it(text, today):
    for found in (read(text, today), (said := find(text, today)) and said.days):
        if found and found.first and found.last:
            assert found.first <= found.last
