"""What is written is read again as it was, as far as a format can hold it, whatever the words are."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from download.formats import memeos, netscape, quotes, sheet
from download.formats.found import Found, Mark
from download.formats.opening import recognised
from download.formats.tables import guarded
from writeorperish.ops.decoding import cleaned

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOSTILE = [
    *('=cmd|" /C calc"!A0', "'=1+1", "''+x", "-1", "@sum(1)", "a,b；c，d", 'say "so"', "'quoted'"),
    *(
        "</A><script>x</script>",
        "&amp;lt;",
        "&#0;",
        "]]>",
        "<DD>",
        "\u202eabc",
        "e\u0301",
        "\ufdd0",
    ),
    *(
        "\u2028line",
        "\N{NO-BREAK SPACE}x",
        "😀" * 5,
        "a\nb",
        "| tag |",
        '"',
        "\\",
        "#tag",
        "\ufffe",
    ),
]


def settled(words: str) -> str:
    """Words as the library keeps them: cleaned, and without white space around."""
    before = None
    while words != before:
        before, words = words, cleaned(words).strip()
    return words


words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)).map(settled)
said = words.filter(bool)
moments = st.datetimes(datetime(1990, 1, 2), NOW.replace(tzinfo=None)).map(  # noqa: DTZ001  # made aware below
    lambda at: at.replace(tzinfo=UTC)
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        words,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=2)),
    max_leaves=4,
)
reviews = st.none() | st.fixed_dictionaries(
    {
        "review_count": st.integers(1, 9),
        "next_review_date": st.just("2026-12-01"),
        "stability": st.floats(0.1, 400),
    }
)
marks = st.builds(Mark, quote=said, note=words, made_at=moments, review=reviews)
links = st.builds(
    Found,
    ordinal=st.just(1),
    key=st.uuids().map(str),
    url=st.sampled_from(["https://example.org/?a=1&b='\"", "http://e.org/,x"]),
    title=words,
    author=words.map(lambda each: " ".join(each.split())),
    note=words,
    text=words,
    tags=st.lists(said.map(lambda tag: " ".join(tag.split())), max_size=3, unique=True).map(tuple),
    saved_at=moments,
    reading=st.sampled_from(memeos.STATES),
    ai_usage=st.sampled_from(memeos.AI_USAGES),
    marks=st.lists(marks, max_size=2).map(tuple),
    review=reviews,
    extra=st.dictionaries(words, values, max_size=2),
)
files = st.lists(links, max_size=4).map(
    lambda found: [replace(link, ordinal=n) for n, link in enumerate(found, start=1)]
)
PLAIN = Found(ordinal=1, key=str(UUID(int=7)), url="https://example.org/a", title="A", saved_at=NOW)


@given(files)
def test_our_json_is_read_as_the_links_that_were_written(links):
    blocks = list(memeos.written(links))
    json.loads(b"".join(blocks), parse_constant=lambda _name: 1 / 0)
    assert recognised(b"".join(blocks)[:65_536]) is memeos
    assert list(memeos.rows(blocks, now=NOW)) == links


@given(files)
@example([replace(PLAIN, title="'=1", note="=2\n-3", tags=("a, b", "@c"))])
def test_our_table_is_read_as_the_links_it_can_hold(links):
    held = [
        replace(
            link,
            title=" ".join(link.title.split()),
            text="",
            marks=(),
            review=None,
            extra={},
            ai_usage="",
        )
        for link in links
    ]
    blocks = list(sheet.written(links))
    read = list(sheet.rows(blocks_without_bom(blocks), now=NOW))
    assert [narrowed(each) for each in read] == [narrowed(each) for each in held]
    assert not recognised(b"".join(blocks)) or recognised(blocks_without_bom(blocks)[0]) is sheet


@given(files)
def test_our_page_of_bookmarks_written_again_is_the_same_page(links):
    page = b"".join(netscape.written(links))
    read = [r for r in netscape.rows([page], now=NOW) if isinstance(r, Found)]
    assert recognised(page[:65_536]) is netscape
    assert [(r.url, r.reading, r.saved_at) for r in read] == [
        (link.url, link.reading, link.saved_at.replace(microsecond=0)) for link in links
    ]
    assert [r.tags for r in map(narrowed, read)] == [narrowed(link).tags for link in links]
    again = b"".join(netscape.written(read))
    assert b"".join(netscape.written(list(netscape.rows([again], now=NOW)))) == again


def narrowed(link):
    """With tags as the library spells them: the wide comma is a comma there."""
    return replace(link, tags=tuple(tag.replace("\N{FULLWIDTH COMMA}", ",") for tag in link.tags))


def blocks_without_bom(blocks):
    return [b"".join(blocks).removeprefix("\ufeff".encode())]


def test_no_cell_of_a_table_is_taken_for_a_formula():
    for cell in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "'=1"):
        assert guarded(cell) == f"'{cell}"
    assert guarded("a=1") == "a=1"


def test_highlights_are_a_page_for_each_link_named_so_that_nothing_is_written_over():
    one = replace(
        PLAIN,
        title="../../etc/passwd\0 [x](javascript:1)",
        marks=(Mark(quote="two\nlines", note="a note"), Mark(quote="more")),
    )
    other = replace(one, key=str(UUID(int=8)), saved_at=NOW - timedelta(days=1))
    without = replace(PLAIN, key=str(UUID(int=9)))
    data = b"".join(quotes.written([one, other, without]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [
            "2026-11-28-etc-passwd-x-javascript-1-000000000007.md",
            "2026-11-27-etc-passwd-x-javascript-1-000000000008.md",
        ]
        page = archive.read(names[0]).decode()
    assert page.startswith("# ../../etc/passwd\0 \\[x\\](javascript:1)\n")
    assert page.endswith("> two\n> lines\n\na note\n\n> more\n")
    assert b"".join(quotes.written_alone([one])).decode() == page
