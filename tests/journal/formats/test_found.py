import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.formats.found import Found, Unreadable, from_values, to_line

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
LISBON = ZoneInfo("Europe/Lisbon")


def wall(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


def found(**values: object) -> Found:
    return Found(ordinal=1, source="markdown", label="a.md", key="k", text="words", **values)


@pytest.mark.parametrize(
    ("written_at", "moment"),
    [
        (None, NOW),
        (wall(2024, 5, 1, 9), datetime(2024, 5, 1, 8, tzinfo=UTC)),
        (
            datetime(2024, 5, 1, 9, tzinfo=timezone(timedelta(hours=5))),
            datetime(2024, 5, 1, 4, tzinfo=UTC),
        ),
        (
            wall(2024, 3, 31, 1, 30),
            datetime(2024, 3, 31, 1, 30, tzinfo=UTC),
        ),  # skipped: 02:30 there
        (wall(2024, 6, 1, 23), NOW),
    ],
)
def test_when_it_was_written(written_at, moment):
    assert found(written_at=written_at).moment(LISBON, now=NOW) == moment


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_a_row_survives_the_pipe(text, tags):
    row = found(
        title=text, tags=tuple(tags), id=UUID(int=7), written_at=wall(2024, 5, 1), pinned_at=NOW
    )
    ((kind, values),) = json.loads(to_line(row)).items()
    assert from_values(kind, values) == row
    assert to_line(row).count(b"\n") == 1


@pytest.mark.parametrize(
    "change", [{"ordinal": "1"}, {"text": None}, {"tags": "ab"}, {"tags": [1]}, {"id": "x"}, {"more": 1},
               {"written_at": "never"}]
)  # fmt: skip
def test_a_row_that_is_none_is_refused(change):
    ((kind, values),) = json.loads(to_line(found())).items()
    with pytest.raises(ValueError):  # noqa: PT011  # each in its own words
        from_values(kind, values | change)
    with pytest.raises(ValueError, match="Not a row"):
        from_values("other", values)


def test_no_words_in_a_repr():
    row = Unreadable(ordinal=3, label="secret words.md", reason="empty")
    assert "secret" not in repr(row) + repr(found(title="secret"))
