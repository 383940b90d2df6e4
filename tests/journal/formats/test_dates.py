from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.formats.dates import date_in_name, date_written


def wall(*parts: int) -> datetime:
    """A time on some clock, zone unknown."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
LISBON = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2024-05-01", wall(2024, 5, 1, 12)),
        ("2024/5/1", wall(2024, 5, 1, 12)),
        ("[[2024-05-01]]", wall(2024, 5, 1, 12)),
        ("2024-05-01 09:30", wall(2024, 5, 1, 9, 30)),
        ("2024-05-01T09:30:15.5", wall(2024, 5, 1, 9, 30, 15, 500_000)),
        ("2024-05-01 9:30 PM", wall(2024, 5, 1, 21, 30)),
        ("2024-05-01, 12:05 am", wall(2024, 5, 1, 0, 5)),
        ("2024-05-01T09:30:00Z", datetime(2024, 5, 1, 9, 30, tzinfo=UTC)),
        ("2024-05-01 09:30:00 +0100", datetime(2024, 5, 1, 9, 30, tzinfo=LISBON)),
        ("2024-05-01T09:30+01:00", datetime(2024, 5, 1, 9, 30, tzinfo=LISBON)),
        ("1 May 2024", wall(2024, 5, 1, 12)),
        ("May 1, 2024", wall(2024, 5, 1, 12)),
        ("1714555800", datetime(2024, 5, 1, 9, 30, tzinfo=UTC)),
        ("1714555800000", datetime(2024, 5, 1, 9, 30, tzinfo=UTC)),
        ("2024-06-02", wall(2024, 6, 2, 12)),  # already tomorrow in some zone
        ("2024-06-03", None),
        ("2024-13-01", None),
        ("2024-02-30", None),
        ("0001-01-01", None),
        ("9999-12-31", None),
        ("1899-12-31", None),
        ("2024-05-01 25:00", None),
        ("2024-05-01T09:30+99:99", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_as_people_write_them(words, at):
    found = date_written(words, now=NOW)
    assert found == at
    assert at is None or found.tzinfo == at.tzinfo


@pytest.mark.parametrize(
    ("path", "at", "left"),
    [
        ("2024-05-01.md", wall(2024, 5, 1, 12), ""),
        ("diary/2024-05-01 Piano.md", wall(2024, 5, 1, 12), " Piano"),
        ("20240501.md", wall(2024, 5, 1, 12), ""),
        ("202405010930 idea.md", wall(2024, 5, 1, 9, 30), " idea"),
        ("2024-05-01-0930-piano.md", wall(2024, 5, 1, 9, 30), "-piano"),
        ("2024-05-01 09.30.15.md", wall(2024, 5, 1, 9, 30, 15), ""),
        ("2024_05_01.md", wall(2024, 5, 1, 12), ""),
        ("2024/05/01.md", wall(2024, 5, 1, 12), ""),
        ("Trip 2024-05-01.md", wall(2024, 5, 1, 12), "Trip "),
    ],
)
def test_dates_in_the_names_of_files(path, at, left):
    assert date_in_name(path, now=NOW) == (at, left)


@pytest.mark.parametrize(
    "path",
    [
        "piano.md",
        "2024.md",
        "2024-13-01.md",
        "12345678901234.md",
        "2024-05-01/piano.md",
        "3000-01-01.md",
    ],
)
def test_names_without_a_date(path):
    assert date_in_name(path, now=NOW) is None


@given(st.text(st.sampled_from("0123456789-/:. Tzpm+[]"), max_size=40))
def test_no_words_break_it(words):
    date_written(words, now=NOW)
    date_in_name(words + ".md", now=NOW)
