import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.formats.frontmatter import split, written
from writeorperish.ops.decoding import cleaned

words = st.text(max_size=60).map(cleaned)


def test_fields_are_strings_and_lists_of_strings():
    parted = split("---\nTitle: 2024\nok: yes\ntags: [a, 'b c']\ndate: 2024-13-45\n---\nText\n")
    assert parted.fields == {
        "title": "2024",
        "ok": "yes",
        "tags": ["a", "b c"],
        "date": "2024-13-45",
    }
    assert parted.body == "Text\n"


def test_three_dots_close_the_block_too():
    assert split("---\ntitle: x\n...\nText").body == "Text"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("No fields", ""),
        ("---\nnever: closed\n", ""),
        ("---\nA sentence between two rules.\n---\nmore", ""),
        ("---\n- a list\n---\nmore", ""),
        (" ---\ntitle: indented\n---\n", ""),
        ("---\ntitle: [open\n---\nmore", "fields_unreadable"),
        ("---\ntitle: a\n\ttab: b\n---\nmore", "fields_unreadable"),
        ("---\na: &x 1\nb: *x\n---\nmore", "fields_with_aliases"),
        ("---\ntitle: " + "x" * 64_001 + "\n---\nmore", "fields_too_long"),
        ("---\n" + "[" * 60_000 + "\n---\nmore", "fields_unreadable"),
        ("---\n" + "a: {" * 15_000 + "\n---\nmore", "fields_unreadable"),
    ],
)
def test_what_cannot_be_fields_stays_as_text(text, note):
    parted = split(text)
    assert (parted.fields, parted.body, parted.note) == ({}, text, note)


def test_no_object_is_ever_built():
    parted = split("---\ntitle: !!python/object/apply:os.getcwd []\nx: !!int 'a'\n---\n")
    assert parted.fields == {"title": [], "x": "a"}


def test_lines_that_would_unfold_into_gigabytes_are_refused_at_once():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    started = time.perf_counter()
    assert split("---\n" + "\n".join(lines) + "\n---\n").note == "fields_with_aliases"
    assert time.perf_counter() - started < 0.5


@given(words, st.lists(words.filter(bool)), st.text().map(cleaned))
def test_what_is_written_is_what_is_read(title, tags, body):
    parted = split(written({"title": title, "tags": tags}) + body)
    assert parted.fields == {"title": title, "tags": tags}
    assert parted.body == body
