"""Every format by a file as its program writes it, and all of them by files made to harm."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.formats.found import Bad, Found
from download.formats.moments import moment
from download.formats.opening import opened
from tests.factories import zipped
from writeorperish.ops.archives import Refusal

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

NETSCAPE = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=windows-1252">
<TITLE>Bookmarks</TITLE><H1>Bookmarks</H1>
<DL><p>
    <DT><H3 ADD_DATE="1600000000" PERSONAL_TOOLBAR_FOLDER="true">Bookmarks bar</H3>
    <DL><p>
        <DT><A HREF="https://example.org/a?x=1&amp;y=2" ADD_DATE="1600000001" ICON="data:image/png;base64,AAAA">A &amp; <b>bold</b> é</A>
        <DT><H3>Reading</H3>
        <DL><p>
            <DT><H3>Later</H3>
            <DL><p>
                <DT><A HREF="https://example.org/b" TAGS="rest,burnout" TOREAD="1" PRIVATE="1">B</A>
                <DD>first line
second line
            </DL><p>
            <DT><A HREF="https://example.org/c" ADD_DATE="1600000001000000">C</A>
        </DL><p>
    </DL><p>
    <DT><A>no address</A>
    <DT><A HREF="javascript:alert(1)" __class__="x" ONCLICK="y">scr<img src=x onerror=1>ipt</A>
</DL><p>
"""
POCKET_TABLE = """title,url,time_added,tags,status
"Hello, world",https://example.org/c,1601900000,a|b,unread
https://example.org/d,https://example.org/d,1601900100,,archive
"""
POCKET_PAGE = """<!DOCTYPE html><html><head><title>Pocket Export</title></head><body>
<h1>Unread</h1><ul>
<li><a href="https://example.org/a" time_added="1601900000" tags="x,y">Useful</a></li></ul>
<h1>Read Archive</h1><ul>
<li><a href="https://example.org/b" time_added="1601900100" tags="">https://example.org/b</a></li>
</ul></body></html>"""
RAINDROP = '''id,title,note,excerpt,url,folder,tags,created,cover,highlights,favorite
1,"Saved, ""quoted""","First line
second line",About it,https://example.org/r,Work / Ideas,"reading, go",2024-01-02T03:04:05.123Z,https://example.org/c.png,"Highlight:words kept
Note:why
Highlight:more words",true
2,Unsorted one,,,https://example.org/u,Unsorted,,2024-01-02T03:04:05.123Z,,,false
'''
INSTAPAPER = """URL,Title,Selection,Folder,Timestamp,Tags
https://example.org/1,One,kept words,Unread,1600000000,"[""rest"",""sleep""]"
https://example.org/2,Two,,Archive,1600000001,[]
https://example.org/3,Three,,Starred,1600000002,
https://example.org/4,Four,,Essays,1600000003,nonsense
"""
READER = """Title,URL,ID,Document tags,Saved date,Reading progress,Location,Seen
An article,https://example.org/x,01gm,"['one', 'it''s']",2022-11-06 04:33:50+00:00,0.4,new,True
Another,https://example.org/y,01gn,[],2022-11-06 04:33:50+00:00,0,archive,False
Third,https://example.org/z,01go,"[__import__('os').getcwd()]",2022-11-06 04:33:50+00:00,1,later,False
"""
HIGHLIGHTS = """Highlight,Book Title,Book Author,Amazon Book ID,Note,Color,Tags,Location Type,Location,Highlighted at,Document tags
First words,A Book,An Author,B00X,my note,,,page,3,2024-05-01 10:00:00+00:00,"favorite, .deep"
Other words,Another Book,,,,,,page,1,2024-05-03 10:00:00+00:00,
Second words,A Book,An Author,,,,,page,4,2024-05-02 10:00:00+00:00,
"""
LIKES = """window.YTD.like.part0 = [
  {"like": {"tweetId": "200", "fullText": "words\\nof a post", "expandedUrl": "https://twitter.com/i/web/status/200"}},
  {"like": {}}
]"""
EXPORTER = json.dumps(
    [
        {"id": 300, "full_text": "kept", "screen_name": "ann", "created_at": "Wed Oct 10 20:19:24 +0000 2018", "lang": "en"},
        "no object",
    ]
)  # fmt: skip
MEMEOS = json.dumps(
    {
        "format": "memeos",
        "version": 1,
        "items": [
            {
                "id": "a1", "title": "T", "url": "https://example.org/m", "content": "c", "tags": ["x", 3], "created_at": "2026-03-01T09:00:00Z",
                "review_count": 3, "next_review_date": "2026-04-02", "note": "n", "state": "done", "ai_usage": "chat",
                "highlights": [{"quote": "q", "note": "w", "made_at": "2026-03-02T09:00:00Z"}, {"note": "without words"}], "colour": "red",
            },
            {"tags": ["says nothing"]},
        ],
    }
)  # fmt: skip


def read(data: str | bytes, encoding: str = "utf-8"):
    raw = data.encode(encoding) if isinstance(data, str) else data
    found = opened(io.BytesIO(raw), size=len(raw), now=NOW)
    return found.format, list(found.rows)


def links(data: str | bytes) -> list[Found]:
    return [row for row in read(data)[1] if isinstance(row, Found)]


def refusal(data: str | bytes) -> str:
    with pytest.raises(Refusal) as refused:
        read(data)
    return refused.value.code


def test_bookmarks_of_a_browser():
    kind, rows = read(NETSCAPE)
    a, b, c, nothing, script = rows
    assert kind == "netscape"
    assert [row.ordinal for row in rows] == [1, 2, 3, 4, 5]
    assert (a.url, a.title, a.tags) == ("https://example.org/a?x=1&y=2", "A & bold é", ())
    assert a.saved_at == datetime.fromtimestamp(1600000001, UTC) == c.saved_at
    assert (b.tags, b.reading, b.extra) == (
        ("Reading/Later", "rest", "burnout"),
        "unread",
        {"private": True},
    )
    assert b.note == "first line\nsecond line"
    assert c.tags == ("Reading",)
    assert nothing == Bad(ordinal=4, reason="no_address", label="no address")
    assert (script.url, script.title, script.tags) == ("javascript:alert(1)", "script", ())


def test_pocket_by_table_page_and_archive():
    hello, bare = links(POCKET_TABLE)
    assert (hello.title, hello.tags, hello.reading) == ("Hello, world", ("a", "b"), "unread")
    assert (bare.title, bare.reading) == ("", "archived")
    useful, read_one = links(POCKET_PAGE)
    assert (useful.title, useful.tags, useful.reading) == ("Useful", ("x", "y"), "unread")
    assert (read_one.url, read_one.title, read_one.reading) == (
        "https://example.org/b",
        "",
        "archived",
    )
    kind, rows = read(
        zipped(
            {
                "part_000010.csv": POCKET_TABLE,
                "part_000002.csv": POCKET_TABLE,
                "annotations/a.json": "{}",
            }
        )
    )
    assert (kind, [row.ordinal for row in rows]) == ("pocket", [1, 2, 3, 4])


def test_raindrop():
    saved, unsorted = links(RAINDROP)
    assert (saved.key, saved.title) == ("1", 'Saved, "quoted"')
    assert saved.note == "First line\nsecond line"
    assert saved.tags == ("Work/Ideas", "reading", "go", "favourite")
    assert [(mark.quote, mark.note) for mark in saved.marks] == [
        ("words kept", "why"),
        ("more words", ""),
    ]
    assert saved.extra == {"excerpt": "About it", "cover": "https://example.org/c.png"}
    assert saved.saved_at == datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)
    assert (unsorted.tags, unsorted.marks) == ((), ())


def test_instapaper():
    rows = links(INSTAPAPER)
    assert [(row.reading, row.tags) for row in rows] == [
        ("unread", ("rest", "sleep")),
        ("archived", ()),
        ("unread", ("favourite",)),
        ("unread", ("Essays",)),
    ]
    assert rows[0].marks[0].quote == "kept words"


def test_readwise_documents_and_highlights():
    article, another, third = links(READER)
    assert (article.key, article.tags, article.reading) == ("01gm", ("one", "its"), "reading")
    assert (another.reading, third.reading) == ("archived", "done")
    assert third.tags == ()
    book, other = links(HIGHLIGHTS)
    assert (book.title, book.author, book.tags) == ("A Book", "An Author", ("favourite", "deep"))
    assert [mark.quote for mark in book.marks] == ["First words", "Second words"]
    assert book.saved_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert [mark.quote for mark in other.marks] == ["Other words"]


def test_likes_and_bookmarks_of_x():
    kind, rows = read(
        zipped({"data/like-part1.js": LIKES, "data/like.js": LIKES, "data/tweets.js": "x"})
    )
    assert (kind, len(rows)) == ("x", 4)
    assert (rows[0].key, rows[0].title) == ("200", "words of a post")
    assert rows[0].text == "words\nof a post"
    assert rows[1] == Bad(ordinal=2, reason="empty")
    (kept,) = links(EXPORTER)
    assert (kept.url, kept.extra) == ("https://x.com/ann/status/300", {"lang": "en"})
    assert kept.saved_at == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)


def test_our_own_json():
    kind, (link, nothing) = read(MEMEOS)
    assert kind == "memeos"
    assert (link.key, link.tags, link.reading, link.ai_usage) == ("a1", ("x",), "done", "chat")
    assert [(mark.quote, mark.note) for mark in link.marks] == [("q", "w")]
    assert link.review == {"review_count": 3, "next_review_date": "2026-04-02"}
    assert link.extra == {"colour": "red"}
    assert nothing == Bad(ordinal=2, reason="empty")
    (bare,) = links('[{"title": "T", "url": "https://example.org/m"}]')
    assert bare.title == "T"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_is_found_whatever_the_file_says(encoding):
    _kind, rows = read("\n  " + NETSCAPE if encoding != "utf-16-le" else NETSCAPE, encoding)
    assert rows[0].title == "A & bold é"


def test_rows_of_windows_and_rows_that_are_too_short():
    (link,) = links(
        "\r\n".join(["URL,Title,Selection,Folder,Timestamp", "https://example.org/1", ""])
    )
    assert (link.url, link.title) == ("https://example.org/1", "")


def test_what_a_spreadsheet_would_run_comes_back_as_it_was():
    (link,) = links("title,url,time_added,tags,status\n'=1+1,https://example.org/1,,,unread\n")
    assert link.title == "=1+1"


def test_folders_as_deep_as_anybody_likes_and_lists_that_never_end():
    deep = "".join(f"<DT><H3>{n}</H3><DL><p>" for n in range(5_000))
    rows = links(
        f'<!DOCTYPE NETSCAPE-Bookmark-file-1>{deep}<DT><A HREF="https://example.org/1">deep</A>'
    )
    assert [row.title for row in rows] == ["deep"]
    assert rows[0].tags[0].endswith("/4998/4999")


def test_an_icon_of_five_megabytes_and_a_row_of_as_many():
    icon = "A" * 5_000_000
    (link,) = links(
        f'<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT><A HREF="https://example.org/1" ICON="{icon}">kept</A></DL>'
    )
    assert link.title == "kept"
    _kind, rows = read(
        f"title,url,time_added,tags,status\n{icon}x,https://example.org/1,,,\nnext,https://example.org/2,,,unread\n"
    )
    assert [row.reason for row in rows if isinstance(row, Bad)] == ["too_long"]
    assert [row.title for row in rows if isinstance(row, Found)] == ["next"]


def test_json_that_is_broken_deep_or_strange():
    whole = '[{"title": "T", "url": "https://example.org/m", "review_count": 1},'
    _kind, rows = read(whole + '{"title": ')
    assert [type(row) for row in rows] == [Found, Bad]
    assert rows[1].reason == "broken_off"
    deep = "[" * 100_000
    _kind, rows = read(whole + '{"title": "deep", "url": "x", "colour": ' + deep)
    assert rows[-1].reason == "broken_off"
    _kind, rows = read(whole + '{"title": "number", "review_count": NaN}]')
    assert rows[-1].reason == "broken_off"
    twice = links('[{"title": "a", "title": "b", "url": "https://example.org/1"}]')
    assert [row.title for row in twice] == ["b"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unknown_format"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "unknown_format"),
        ("some notes of mine", "unknown_format"),
        (b"PK\x03\x04 and nothing more", "not_zip"),
        (zipped({"../../etc/passwd.csv": "x", "a.zip": "PK"}), "unknown_format"),
    ],
    ids=["nothing", "a picture", "prose", "half a zip", "a zip of others"],
)
def test_a_file_that_is_none_is_refused(data, code):
    assert refusal(data) == code


def test_a_bomb_is_not_unpacked():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", POCKET_TABLE + " " * 10_000_000)
    assert refusal(packed.getvalue()) == "bomb"


@pytest.mark.parametrize(
    ("written", "year"),
    [
        ("1600000000", 2020),
        (1600000000000, 2020),
        ("1600000000000000", 2020),
        ("2024-05-01T10:00:00Z", 2024),
        ("2024-05-01 10:00:00", 2024),
        ("0", None),
        (-5, None),
        ("9999-12-31", None),
        (10**30, None),
        ("yesterday", None),
        (True, None),
        (None, None),
        ("", None),
    ],
)
def test_moments_in_every_unit(written, year):
    at = moment(written, now=NOW)
    assert (at and at.year) == year
    assert at is None or at.tzinfo is not None


@given(
    st.text(), st.sampled_from([NETSCAPE, POCKET_TABLE, RAINDROP, READER, LIKES, MEMEOS]), st.data()
)
def test_no_damage_ends_a_file_in_an_error(noise, whole, data):
    at = data.draw(st.integers(0, len(whole)))
    damaged = (whole[:at] + noise + whole[at:]).encode("utf-8", errors="replace")
    try:
        _kind, rows = read(damaged)
    except Refusal:
        return
    assert [row.ordinal for row in rows] == list(range(1, len(rows) + 1))
