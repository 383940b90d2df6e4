import io
import os
import stat
import struct
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.formats import reasons
from journal.formats.child import rows_of
from journal.formats.found import Found, Unreadable
from journal.formats.opening import CannotRead, found_in
from writeorperish.ops.archives import Refusal

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def packed(files, compression=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return stream


def refused(stream, **kwargs) -> str:
    with pytest.raises(CannotRead) as raised:
        list(found_in(stream, **kwargs))
    return raised.value.reason


def test_a_vault_comes_out_note_by_note(tmp_path):
    file = tmp_path / "vault.zip"
    file.write_bytes(
        packed(
            {"a.md": "One", "b/2024-05-01.md": "Two", ".obsidian/x.md": "no", "p.png": b"\x89"}
        ).getvalue()
    )
    rows = list(found_in(file))
    assert [(row.label, row.text, row.source) for row in rows] == [
        ("a.md", "One", "markdown"),
        ("b/2024-05-01.md", "Two", "markdown"),
    ]


def test_rows_come_while_the_file_is_still_being_read():
    rows = found_in(packed({f"{n}.md": os.urandom(3_000).hex() for n in range(2_000)}))
    first = next(rows)
    assert isinstance(first, Found)
    rows.close()


def test_ten_thousand_files_are_nothing_special():
    stream = packed((f"{n}.md", f"words {n}") for n in range(10_000))
    started = time.perf_counter()
    rows = list(found_in(stream))
    assert time.perf_counter() - started < 20
    assert [row.text for row in rows] == [f"words {n}" for n in range(10_000)]


def test_fifty_thousand_members_are_the_limit():
    files = ((f"{n}.md", "") for n in range(50_001))
    assert refused(packed(files, zipfile.ZIP_STORED)) == "too_many_members"


def test_names_that_climb_out_are_only_names(tmp_path):
    names = ["../../../etc/passwd.md", "/absolute.md", "C:\\evil.md", "a/../../b.md", "nul\x01.md"]
    rows = list(found_in(packed(dict.fromkeys(names, "Words"))))
    assert [row.text for row in rows] == ["Words"] * 5
    assert not list(tmp_path.iterdir())


def test_a_name_in_utf8_that_does_not_say_so_is_read_all_the_same():
    data = packed({"caf\u00e9.md": "Words"}).getvalue()
    flags = struct.pack("<H", 0x800)
    plain = data.replace(b"\x14\x00" + flags, b"\x14\x00\x00\x00")
    assert plain != data
    (row,) = found_in(io.BytesIO(plain))
    assert row.label == "café.md"


def test_the_archives_time_is_the_last_resort():
    info = zipfile.ZipInfo("a.md", (2023, 3, 3, 3, 3, 4))
    (row,) = found_in(packed([(info, "Words")]))
    assert row.written_at == NOW.replace(2023, 3, 3, 3, 3, 4, tzinfo=None)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no_markdown"),
        ({"a.txt": "words", "b.html": "x"}, "no_markdown"),
        ({".obsidian/a.md": "words"}, "no_markdown"),
        ({"inner.zip": packed({"a.md": "words"}).getvalue()}, "nested"),
        ({"a.md": b"\0" * 50_000_000}, "bomb"),
        ({"a.md": "words", "b.md": b"a" * 3_000_000}, "bomb"),
        ({"manifest.json": '{"format": "write-or-perish"}', "x.md": "words"}, "no_entries"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(files, reason):
    assert refused(packed(files)) == reason


def test_the_refusal_is_a_sentence_for_a_person():
    with pytest.raises(CannotRead) as raised:
        list(found_in(io.BytesIO(b"no zip at all")))
    assert raised.value.status == 422
    assert raised.value.code == "unreadable_file"
    assert str(raised.value.words) == "This is neither a zip nor a JSON file, or it is damaged."


def test_a_member_of_more_than_256_mb_is_refused():
    stream = io.BytesIO()
    block = os.urandom(60_000) + b"a" * 4_000_000
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.md", "w") as member,
    ):
        for _ in range(64):
            member.write(block)
    assert refused(stream) == "member_too_large"


def test_a_note_of_more_than_10_mb_is_left_out_and_the_others_come():
    long = os.urandom(5_500_000).hex()
    row, other = found_in(packed({"long.md": long, "b.md": "Words"}))
    assert isinstance(row, Unreadable)
    assert row.reason == "too_long"
    assert other.text == "Words"


def test_a_claimed_size_does_not_fool_the_count():
    data = bytearray(packed({"a.md": b"a" * 30_000_000}).getvalue())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 10)
    (row,) = found_in(io.BytesIO(bytes(data)))
    assert isinstance(row, Unreadable)
    assert row.reason == "damaged"


def test_a_password_is_named():
    data = bytearray(packed({"a.md": "words"}).getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert refused(io.BytesIO(bytes(data))) == "encrypted"


def test_a_link_is_not_followed():
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    row, other = found_in(packed([(link, "/etc/passwd"), ("a.md", "Words")]))
    assert isinstance(row, Unreadable)
    assert row.reason == "link"
    assert other.text == "Words"


def test_a_damaged_note_leaves_the_others_whole():
    data = packed({"a.md": "first words", "b.md": "Words"}, zipfile.ZIP_STORED).getvalue()
    row, other = found_in(io.BytesIO(data.replace(b"first words", b"first wOrds", 1)))
    assert isinstance(row, Unreadable)
    assert row.reason == "damaged"
    assert other.text == "Words"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_rare_compression_is_named(compression):
    (row,) = found_in(packed({"a.md": "Words"}, compression))
    assert row.reason == "compression"


def test_a_member_without_a_name_is_no_note():
    data = packed({"x": "Words", "a.md": "Words"}).getvalue()
    nameless = data[: data.index(b"PK\x01\x02")] + directory_without_first_name(data)
    assert [row.label for row in found_in(io.BytesIO(nameless))] == ["a.md"]


def directory_without_first_name(data: bytes) -> bytes:
    start = data.index(b"PK\x01\x02")
    directory = bytearray(data[start:])
    directory[28:30] = struct.pack("<H", 0)
    directory[30:32] = struct.pack("<H", 1)  # the name's byte becomes the extra field
    return bytes(directory)


def test_half_a_zip_is_no_zip():
    data = packed({"a.md": "Words" * 1_000}).getvalue()
    assert refused(io.BytesIO(data[: len(data) // 2])) == "not_zip"


def test_asking_for_the_wrong_source_is_said():
    assert refused(packed({"a.md": "Words"}), source="own") == "not_own"


class Slow(io.BytesIO):
    """A stream of somebody who takes their time; ours, so the child is not blamed for it."""

    def read(self, size=-1):
        time.sleep(0.05)
        return super().read(size)


def test_only_waiting_for_the_child_counts():
    assert len(list(found_in(Slow(packed({"a.md": "Words"}).getvalue()), wait_seconds=30))) == 1
    assert refused(packed({"a.md": "Words"}), wait_seconds=0) == "too_slow"


class Broken(io.BytesIO):
    def read(self, size=-1):
        raise OSError("the store is gone")


def test_a_stream_that_breaks_is_not_the_files_fault():
    with pytest.raises(OSError, match="the store is gone"):
        list(found_in(Broken(packed({"a.md": "Words"}).getvalue())))


def children() -> set[str]:
    tasks = Path("/proc/self/task")
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's list of children")
def test_no_child_outlives_its_reader():
    before = children()
    rows = found_in(packed({f"{n}.md": os.urandom(50_000).hex() for n in range(200)}))
    next(rows)
    assert children() > before
    rows.close()
    assert children() == before
    refused(packed({}))
    assert children() == before


def test_every_code_has_a_sentence():
    codes = [*reasons.REFUSALS, *reasons.UNREADABLE, *reasons.NOTES]
    assert all(str(reasons.sentence(code)).endswith(".") for code in codes)
    with pytest.raises(KeyError):
        reasons.sentence("unheard of")


SMALL = packed(
    {
        "a.md": "---\ntitle: T\ntags: [x]\n---\n# H\n\nWords `code`",
        "entries/b.md": "---\nid: 0190ab12-3456-7abc-8def-0123456789ab\ndate: 2024-05-01\n---\n",
        "c.zip": b"PK",
        "manifest.json": '{"format": "write-or-perish"}',
    },
    zipfile.ZIP_STORED,
).getvalue()


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=6))
def test_a_mangled_zip_gives_rows_or_a_refusal(changes):
    data = bytearray(SMALL)
    for at, value in changes:
        data[at] = value
    rows, refusal = attempted(bytes(data))
    assert refusal is None or refusal in reasons.REFUSALS
    assert all(isinstance(row, Found | Unreadable) for row in rows)
    assert {row.reason for row in rows if isinstance(row, Unreadable)} <= set(reasons.UNREADABLE)


def attempted(data: bytes) -> tuple[list[Found | Unreadable], str | None]:
    try:
        return list(rows_of(io.BytesIO(data), size=len(data), source="", now=NOW)), None
    except Refusal as refusal:
        return [], refusal.code
