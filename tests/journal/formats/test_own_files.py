import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.formats.bundle import Bundle
from journal.formats.child import rows_of
from journal.formats.found import Found
from journal.formats.markdown import File
from journal.formats.own import Answer, Entry, file_of, parse, path_of
from tests.examples import examples
from writeorperish.ops.decoding import cleaned

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=400)

texts = st.text(max_size=80).map(cleaned)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9).map(cleaned)
instants = st.datetimes(
    NOON.replace(year=1901, tzinfo=None),
    NOON.replace(year=2100, tzinfo=None),
    timezones=st.just(UTC),
)


def uid(n: int) -> UUID:
    return UUID(int=(0x0190_7000_8000 << 80) | n)


def entry(n: int = 1, parent: int | None = None, **values: object) -> Entry:
    given = {
        "id": uid(n),
        "thread": uid(1),
        "parent": None if parent is None else uid(parent),
        "title": "",
        "text": f"alice's words {n}",
        "written_at": NOON + timedelta(minutes=n),
        "zone": "Europe/Lisbon",
        "privacy_level": "private",
        "ai_usage": "none",
    }
    return Entry(**(given | values))


authors = st.sampled_from([("person", ""), ("ai", "a-model 3"), ("ai", "é: #1")])
entries = st.builds(
    lambda by, **values: Entry(author=by[0], model=by[1], **values),
    by=authors,
    id=st.uuids(),
    thread=st.uuids(),
    parent=st.none() | st.uuids(),
    title=texts,
    text=texts,
    written_at=instants,
    zone=st.sampled_from(["Europe/Lisbon", "Asia/Kathmandu", "America/St_Johns", "UTC", ""]),
    privacy_level=st.sampled_from(["private", "circles", "public"]),
    ai_usage=st.sampled_from(["none", "chat", "train"]),
    tags=st.lists(names, max_size=4).map(tuple),
    created_at=st.none() | instants,
    updated_at=st.none() | instants,
    pinned_at=st.none() | instants,
    part_of=st.none() | st.uuids(),
    part_index=st.integers(0, 9_999),
    answers=st.lists(st.builds(Answer, names, instants), max_size=2).map(tuple),
)


def zipped(rows: list[Entry], **kwargs: object) -> BytesIO:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        bundle = Bundle(archive, title="Alice's journal", made_at=NOON, **kwargs)
        for row in rows:
            bundle.entry(row)
        bundle.rows("journal.version", ({"id": uid(n), "at": NOON, "n": n} for n in range(3)))
        bundle.rows("journal.draft", [])
        bundle.finish()
    return stream


def read_back(stream: BytesIO) -> list[Found]:
    size = len(stream.getvalue())
    return [*rows_of(BytesIO(stream.getvalue()), size=size, source="", now=NOW)]


SAME = [
    "id", "thread", "title", "text", "written_at", "zone", "privacy_level", "ai_usage", "author",
    "model", "tags", "created_at", "updated_at", "pinned_at", "part_of", "part_index",
]  # fmt: skip


@given(entries)
@settings(max_examples=examples(300))
def test_an_entry_written_and_read_is_the_same_entry(row):
    found = parse(File(0, path_of(row), file_of(row).encode(), None))
    assert found is not None
    for name in SAME:
        assert getattr(found, name) == getattr(row, name), name
    assert found.parent_key == str(row.parent or "")
    assert found.key == str(row.id)


@given(entries)
def test_a_file_name_is_dates_words_and_id_and_fits_every_disk(row):
    path = path_of(row)
    folder, _, name = path.rpartition("/")
    local = row.local()
    assert folder == f"entries/{local:%Y}/{local:%m}"
    assert name.startswith(f"{local:%Y-%m-%d-%H%M}-")
    assert len(name.encode()) <= 150
    assert re.fullmatch(r"[\w-]+\.md", name)


@pytest.mark.parametrize(
    ("title", "text", "words"),
    [
        ("", "# First lesson, and *so* much more to say", "first-lesson-and-so-much-more"),
        ("Piano!", "Words", "piano"),
        (
            "",
            "\n\n> {quote:0190ab12-3456-7abc-8def-0123456789ab}\n\nAfter https://x.example/a it",
            "after-it",
        ),
        ("Ação em São João", "", "ação-em-são-joão"),
        ("../../etc/passwd", "", "etc-passwd"),
        ("日記" * 60, "", "日記" * 13),
        ("***", "", ""),
    ],
)
def test_the_words_of_a_file_name_are_plain(title, text, words):
    name = path_of(entry(title=title, text=text)).rpartition("/")[2]
    middle = name.removeprefix("2024-05-01-1301").removesuffix(f"-{uid(1).hex[-12:]}.md")
    assert middle.strip("-") == words


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("zone: Mars/Olympus", "zone", ""),
        ("zone: ../../etc/passwd", "zone", ""),
        ("author: ai", "author", "person"),
        ("pinned: 0001-01-01 00:00:00+10:00", "pinned_at", None),
        ("pinned: 2024-05-01 09:00:00", "pinned_at", None),
        ("part_index: -5", "part_index", 0),
        ("part_index: 99999999", "part_index", 0),
        ("parent: nobody", "parent_key", ""),
        ("thread: [a, b]", "thread", None),
        ("tags: one", "tags", ()),
        ("author: ai\nmodel: " + "m" * 99, "model", "m" * 80),
    ],
)
def test_what_was_forged_comes_back_as_not_given(line, name, value):
    plain = file_of(entry(zone="")).replace("author: person\n", "")
    found = parse(File(0, "a.md", plain.replace("\n---\n", f"\n{line}\n---\n", 1).encode(), None))
    assert found is not None
    assert getattr(found, name) == value


@pytest.mark.parametrize(
    "change",
    [("id:", "ID of:"), ("date: 2024", "date: 0000"), ("date:", "when:"), ("---\n", "", 1)],
)
def test_a_file_without_id_or_date_is_none_of_ours(change):
    assert parse(File(0, "a.md", file_of(entry()).replace(*change).encode(), None)) is None


def test_an_entry_emptied_by_hand_is_named():
    (row,) = read_back(zipped([entry(text=" \n ")]))
    assert row.reason == "empty"


def test_a_thread_comes_back_with_parents_before_replies():
    # Replies were dated before what they answer, so that the file lists them first.
    rows = [
        entry(n, n - 1 if n > 1 else None, written_at=NOON - timedelta(days=n))
        for n in range(1, 40)
    ]
    found = read_back(zipped(sorted(rows, key=lambda row: row.written_at)))
    assert [row.id for row in found] == [row.id for row in rows]
    assert [row.parent_key for row in found] == ["", *(str(row.id) for row in rows[:-1])]


def test_a_reply_to_somebody_else_and_a_circle_come_too():
    rows = [entry(1, 2), entry(2, 1), entry(3, 99), entry(4, 3)]
    found = read_back(zipped(rows))
    assert {row.id for row in found} == {row.id for row in rows}
    assert [row.id for row in found].index(uid(3)) < [row.id for row in found].index(uid(4))


def test_a_deleted_entry_is_a_place_without_words_and_is_not_imported():
    stream = zipped([entry(1, deleted_at=NOON, title="gone words", text="gone words"), entry(2, 1)])
    assert b"gone words" not in b"".join(unpacked(stream).values())
    assert [row.id for row in read_back(stream)] == [uid(2)]


def test_an_id_given_twice_comes_once():
    stream = zipped([entry(1), entry(2)])
    files = unpacked(stream)
    (path,) = [name for name in files if name.startswith("entries/") and uid(2).hex[-12:] in name]
    files[path] = files[path].replace(str(uid(2)).encode(), str(uid(1)).encode())
    first, second = read_back(packed(files))
    assert isinstance(first, Found)
    assert second.reason == "same_id"


def test_an_export_unpacked_changed_and_packed_again_is_still_ours():
    files = {f"my export/{name}": data for name, data in unpacked(zipped([entry(1)])).items()}
    files["my export/entries/new thought.md"] = b"Added by hand"
    one, other = read_back(packed(files))
    assert {one.source, other.source} == {"own", "markdown"}
    assert {one.text, other.text} == {"alice's words 1", "Added by hand"}


def test_the_manifest_has_the_digest_of_every_file():
    files = unpacked(zipped([entry(n) for n in range(1, 9)]))
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["entries"] == 8
    assert manifest["rows"] == {"data/journal.version.jsonl": 3}
    assert {each["path"]: each["sha256"] for each in manifest["files"]} == {
        name: sha256(data).hexdigest() for name, data in files.items()
    }
    rows = [json.loads(line) for line in files["data/journal.version.jsonl"].splitlines()]
    assert rows[2] == {"id": str(uid(2)), "at": "2024-05-01T12:00:00+00:00", "n": 2}


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.targets += [given[name] for name in ("href", "src") if given.get(name)]
        if "id" in given:
            self.ids.add(given["id"])


def test_every_link_of_the_pages_leads_to_something_inside():
    rows = [entry(n, n // 2 or None, written_at=NOON + timedelta(days=4 * n)) for n in range(1, 60)]
    files = unpacked(zipped(rows))
    pages = {name: Links() for name in files if name.endswith(".html")}
    for name, links in pages.items():
        links.feed(files[name].decode())
    assert len(pages) > 5
    for name, links in pages.items():
        assert not links.tags & {"script", "link", "iframe", "form"}
        for target in links.targets:
            path, _, anchor = target.partition("#")
            inside = name
            if path:
                folder = name.rpartition("/")[0]
                inside = (
                    path.removeprefix("../")
                    if path.startswith("../")
                    else f"{folder}/{path}".lstrip("/")
                )
            assert inside in files
            assert not anchor or anchor in pages[inside].ids


def test_markup_in_words_is_shown_and_not_run():
    row = entry(title="<b>t</b>", text="<script>alert(1)</script>", zone="<i>", tags=("<u>",))
    page = unpacked(zipped([row]))["pages/2024-05.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for tag in ("<b>", "<i>", "<u>"):
        assert tag not in page


def test_words_are_rendered_by_whoever_can():
    page = unpacked(zipped([entry()], render=lambda text: f"<p>{text.upper()}</p>"))
    assert "<p>ALICE&" not in page["pages/2024-05.html"].decode()
    assert "<p>ALICE'S WORDS 1</p>" in page["pages/2024-05.html"].decode()


def test_a_full_month_goes_on_on_another_page():
    files = unpacked(zipped([entry(n, text="word " * 2_000) for n in range(1, 101)]))
    assert {"pages/2024-05.html", "pages/2024-05-2.html", "pages/2024-05-3.html"} <= set(files)
    assert b"pages/2024-05-3.html" in files["index.html"]


def test_who_answered_and_when_is_said_without_their_words():
    files = unpacked(zipped([entry(answers=(Answer("bob", NOON),))]))
    assert b"bob" in files["pages/2024-05.html"]
    (path,) = [name for name in files if name.startswith("entries/")]
    assert b"2024-05-01 12:00 bob" in files[path]


class Pipe(BytesIO):
    """A stream that can only be written on, like an upload."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *args: object) -> int:
        raise OSError


def test_a_stream_that_cannot_go_back_will_do():
    stream = Pipe()
    with zipfile.ZipFile(stream, "w") as archive:
        bundle = Bundle(archive, title="Alice", made_at=NOON)
        path = bundle.entry(entry())
        bundle.file("audio/one.webm", [b"a" * 10, b"b" * 10])
        bundle.finish()
    files = unpacked(BytesIO(stream.getvalue()))
    assert files["audio/one.webm"] == b"a" * 10 + b"b" * 10
    assert path in files


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/../b", "", ".hidden", "a b", "é"])
def test_a_file_has_a_plain_path(path):
    with zipfile.ZipFile(BytesIO(), "w") as archive, pytest.raises(ValueError, match="path"):
        Bundle(archive, title="", made_at=NOON).file(path, [b""])


def unpacked(stream: BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> BytesIO:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream
