"""Another library, read over real connections: what it may say, and what it must not get away with."""

import io
import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from download import memeos as outside
from download.formats.found import Bad, Found
from download.formats.memeos import written
from download.memeos import ALL, Cursor, FileLibrary, Gone, HttpLibrary, Place, Trouble, Where
from tests.doubles.site import HERE, OK, moved, page, serving

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TOKEN = "a-token-of-alice"


def told(value, status="200 OK"):
    return page(
        value if isinstance(value, bytes) else json.dumps(value), "application/json", status
    )


def link(number, **more):
    return {
        "id": f"b{number}",
        "title": f"Title {number}",
        "url": f"https://example.org/{number}",
        **more,
    }


def reading(site, since=None, where=ALL, token=TOKEN):
    return list(HttpLibrary(site.url, token, rules=HERE).changes(since, where))


def trouble(*answers, token=TOKEN, since=None):
    with serving(*answers) as site, pytest.raises(Trouble) as refused:
        reading(site, since, token=token)
    return refused.value


def test_changes_come_page_by_page_and_go_on_where_they_were():
    first = {"items": [link(1), link(2, deleted=True)], "cursor": "p2"}
    second = {"items": [link(3), {"id": 7}], "gone": ["b9", 8, None], "cursor": None}
    dated = b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\n"
    body = json.dumps(first).encode()
    answer = [dated + f"Content-Length: {len(body)}\r\n\r\n".encode() + body]
    with serving(answer, told(second), told({"items": []})) as site:
        found = reading(site)
        assert [type(each) for each in found] == [
            Found,
            Gone,
            Cursor,
            Found,
            Bad,
            Gone,
            Gone,
            Cursor,
        ]
        assert [each.id for each in found if isinstance(each, Gone)] == ["b2", "b9", "8"]
        middle, end = (each for each in found if isinstance(each, Cursor))
        assert (middle.done, end.done) == (False, True)
        assert Place.of(end.value) == Place(since="2026-11-28T11:55:00Z")
        assert Place.of(middle.value) == Place(cursor="p2", began="2026-11-28T11:55:00Z")
        assert list(reading(site, end.value))[-1].done
    first_line, again = site.asked[0].split(b"\r\n")[0], site.asked[2].split(b"\r\n")[0]
    assert first_line == b"GET /api/bookmarks?limit=200 HTTP/1.1"
    assert again == b"GET /api/bookmarks?updated_since=2026-11-28T11%3A55%3A00Z&limit=200 HTTP/1.1"
    assert f"Bearer {TOKEN}".encode() in site.asked[0]


def test_only_what_was_wished_for_comes_whatever_the_other_side_makes_of_the_wish():
    due = {"next_review_date": "2026-12-01", "review_count": 2}
    rows = [
        link(1, tags=["Piano"], **due),
        link(2, tags=["piano"], next_review_date="2027-01-01"),
        link(3, tags=["rest"], **due),
        link(4, tags=["piano"], review_count=1, review={"done_with_at": "2026-01-01T00:00:00Z"}),
    ]

    def named(where):
        with serving(told({"items": rows})) as site:
            found = [each.key for each in reading(site, where=where) if isinstance(each, Found)]
            return found, site.asked[0].split(b"\r\n")[0].decode()

    found, line = named(Where(tag="PIANO", due_by=date(2026, 12, 1), review="active"))
    assert found == ["b1"]
    assert "tag=PIANO&due_before=2026-12-01&review=active" in line
    assert named(Where(review="new"))[0] == ["b2"]
    assert named(Where(review="suspended"))[0] == ["b4"]
    assert named(Where(due_by=date(2026, 12, 1)))[0] == ["b1", "b3"]


@pytest.mark.parametrize(
    ("answer", "code", "refused"),
    [
        (told({}, "401 Unauthorized"), "needs_login", True),
        (told({}, "403 Forbidden"), "needs_login", True),
        (told({}, "500 Internal Server Error"), "broken", False),
        (told({}, "404 Not Found"), "bad_answer", False),
        (moved("https://example.org/"), "bad_answer", False),
        (told({"items": []}, "302 Found"), "bad_answer", False),
        (told(b"<html>"), "bad_answer", False),
        (told(b'{"items": [{"x": NaN}]}'), "bad_answer", False),
        (told(b"[" * 200_000), "bad_answer", False),
        (told(b'{"items": [' + b"1" * 5_000 + b"]}"), "bad_answer", False),
        (told(b"\xff\xfe\x00"), "bad_answer", False),
        (told(b""), "bad_answer", False),
        (told("words"), "bad_answer", False),
        (told({"items": {"a": 1}}), "bad_answer", False),
        (told({"items": [], "cursor": 7}), "bad_answer", False),
        (told({"items": [], "cursor": "x" * 3_000}), "bad_answer", False),
        (told({"items": [{}] * 1_001}), "too_large", False),
        (page(b" " * (10 * 1024 * 1024 + 1), "application/json"), "too_large", False),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"], "unreachable", False),
        ([b"nonsense\r\n\r\n"], "unreachable", False),
    ],
)
def test_what_is_no_good_answer_is_a_trouble_with_a_code(answer, code, refused):
    found = trouble(answer)
    assert (found.code, found.refused) == (code, refused)
    assert TOKEN not in repr(found)


def test_one_that_is_busy_says_how_long():
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"
    found = trouble([head])
    assert (found.code, found.retry_after_seconds) == ("busy", 90)


def test_cursors_that_turn_in_a_circle_come_to_an_end():
    circle = [told({"items": [], "cursor": name}) for name in ("a", "b", "a")]
    assert trouble(*circle).code == "endless"
    assert (
        trouble(told({"items": [], "cursor": "a"}), since=Place(cursor="a").told()).code
        == "endless"
    )


def test_cursors_that_never_come_twice_end_after_so_many_pages_and_can_go_on(monkeypatch):
    monkeypatch.setattr(outside, "MOST_PAGES", 3)
    endless = [told({"items": [], "cursor": f"c{n}"}) for n in range(4)]
    with serving(*endless) as site:
        found = reading(site)
    assert [Place.of(each.value).cursor for each in found] == ["c0", "c1", "c2"]
    assert not found[-1].done


def test_one_that_trickles_is_left_in_time(monkeypatch):
    monkeypatch.setattr(outside, "LIMITS", replace(outside.LIMITS, total_seconds=0.2))
    started = time.monotonic()
    slow = [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *[b" ", 0.05] * 100]
    assert trouble(slow).code == "too_slow"
    assert time.monotonic() - started < 3


def test_an_address_inside_our_own_network_is_not_asked():
    with serving(told({"items": []})) as site:
        with pytest.raises(Trouble) as refused:
            HttpLibrary(site.url).check()
        assert (refused.value.code, refused.value.refused) == ("refused_address", True)
        assert site.asked == []


def test_it_is_searched_and_told_what_was_reviewed():
    with serving(
        told({"items": [link(1), link(2, tags=["piano"])]}), [OK.replace(b"hello", b"{}   ")]
    ) as site:
        library = HttpLibrary(site.url, rules=HERE)
        assert [each.key for each in library.search("title", Where(tag="piano"))] == ["b2"]
        library.reviewed("b/2", NOW, date(2026, 12, 24))
    assert site.asked[0].startswith(b"POST /api/search ")
    assert b"Authorization" not in site.asked[0]
    assert site.asked[1].startswith(b"POST /api/bookmarks/b%2F2/reviews ")


def test_whether_it_may_be_told_is_said_by_itself():
    with serving(told({"items": [], "can_write": True}), told([])) as site:
        library = HttpLibrary(site.url, rules=HERE)
        assert library.check().can_write
        assert not library.check().can_write


def test_a_file_is_a_library_too():
    kept = Found(ordinal=1, key="a", url="https://example.org/a", title="A heron", tags=("birds",))
    data = b"".join(written([kept, replace(kept, key="b", title="A kettle", tags=())]))
    library = FileLibrary(io.BytesIO(data))
    assert not library.check().can_write
    first, second, end = library.changes(None)
    assert (first.key, second.key, end.done) == ("a", "b", True)
    assert [each.key for each in library.search("HERON")] == ["a"]
    assert [each.key for each in library.search("", Where(tag="Birds"))] == ["a"]
    with pytest.raises(Trouble, match="bad_answer"):
        FileLibrary(io.BytesIO(b"words")).check()
    with pytest.raises(Trouble, match="read_only"):
        library.reviewed("a", NOW, date(2026, 12, 24))
