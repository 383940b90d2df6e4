from datetime import UTC, datetime

import pytest

from journal.formats.found import Found, Unreadable
from journal.formats.markdown import File, is_entry, parse


def wall(*parts: int) -> datetime:
    """A time on some clock, zone unknown."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
PACKED = wall(2023, 3, 3, 3, 3, 4)


def found(text: str | bytes, path: str = "notes/piano.md") -> Found:
    data = text.encode() if isinstance(text, str) else text
    row = parse(File(7, path, data, PACKED), now=NOW)
    assert isinstance(row, Found)
    return row


def test_everything_the_front_matter_says_is_taken_over():
    row = found(
        "---\ntitle: First lesson\ncreated: 2024-05-01 18:30\ntimezone: Europe/Lisbon\n"
        "tags: [piano, '#new things', 'b@d', piano]\nmood: 4\n---\n\nScales.\n"
    )
    assert (row.title, row.text) == ("First lesson", "Scales.\n\n#piano #new-things")
    assert row.written_at == wall(2024, 5, 1, 18, 30)
    assert row.zone == "Europe/Lisbon"
    assert row.tags == ("piano", "new-things")
    assert row.left_out == ("mood",)
    assert (row.source, row.label, row.ordinal) == ("markdown", "notes/piano.md", 7)


@pytest.mark.parametrize(
    ("text", "title", "words"),
    [
        ("# A day\n\nWords", "A day", "Words"),
        ("\n\n# A day #\nWords", "A day", "Words"),
        ("# Only a heading", "piano", "# Only a heading"),
        ("## Morning\nWords", "piano", "## Morning\nWords"),
        ("#tag first\nWords", "piano", "#tag first\nWords"),
        ("---\ntitle: Given\n---\n# Other\nWords", "Given", "# Other\nWords"),
        ("---\ntitle: Given\n---\n# Given\nWords", "Given", "Words"),
        ("---\ntitle: ~\n---\nWords", "piano", "Words"),
        ("---\ntitle: Only this\n---\n", "", "Only this"),
        (
            "---\ntitle: " + "long " * 41 + "\n---\nWords",
            "piano",
            "# " + ("long " * 41).strip() + "\n\nWords",
        ),
        ("---\nToday: nice\n---\nWords", "piano", "---\nToday: nice\n---\nWords"),
        ("  code?\n\nWords  \n\n", "piano", "  code?\n\nWords"),
    ],
)
def test_where_the_title_comes_from_and_no_word_goes(text, title, words):
    row = found(text)
    assert (row.title, row.text) == (title, words)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("a/2024-05-01 Piano lesson.md", "Piano lesson"),
        ("2024-05-01.md", ""),
        ("Untitled 3.md", ""),
        ("README.md", ""),
        ("Plans 0123456789abcdef0123456789abcdef.md", "Plans"),
        ("Was ist Zeit?.markdown", "Was ist Zeit?"),
    ],
)
def test_a_note_without_a_title_is_called_what_its_file_is(path, title):
    assert found("Words", path).title == title


def test_tags_of_the_front_matter_are_not_said_twice():
    assert found("---\ntags: piano, bread\n---\nThe #Piano").text == "The #Piano\n\n#bread"
    assert found("---\ntags: piano\n---\nThe #piano").text == "The #piano"


def test_the_date_is_the_fields_then_the_names_then_the_archives():
    fields = "---\ndate: 2024-05-01\n---\nWords"
    assert found(fields, "2024-04-04.md").written_at == wall(2024, 5, 1, 12)
    assert found("Words", "2024-04-04.md").written_at == wall(2024, 4, 4, 12)
    assert found("Words").written_at == PACKED
    impossible = fields.replace("2024-05-01", "0000-00-00")
    assert found(impossible, "2024-04-04.md").written_at == wall(2024, 4, 4, 12)


def test_links_quotes_and_markup_stay_text():
    words = "[[Other note|so]] ![[pic.png]] <b>x</b> ![](http://x.example/a.png) {{title}}"
    assert found(words).text == words


@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\xef\xbb\xbf", b"---\ntags: x\n---\n\n"])
def test_a_file_without_words_is_said_to_be_empty(data):
    row = parse(File(0, "a.md", data, None), now=NOW)
    assert isinstance(row, Unreadable)
    assert row.reason == "empty"


def test_a_picture_called_md_is_said_to_be_no_text():
    row = parse(File(0, "a.md", b"\x89PNG\0\0\0\1\2\3" * 9, None), now=NOW)
    assert isinstance(row, Unreadable)
    assert row.reason == "not_text"


def test_the_key_is_of_place_and_words():
    assert found("Two\nlines").key == found("Two\r\nlines").key
    assert found("Words").key != found("Other").key
    assert found("Words").key != found("Words", "elsewhere.md").key


@pytest.mark.parametrize(
    "path",
    [
        ".obsidian/a.md",
        "vault/.trash/a.md",
        "__MACOSX/a.md",
        "Templates/daily.md",
        "._a.md",
        "a.txt",
        "vault/_templates/a.md",
        ".hidden.md",
        "a.md/b.png",
        "md",
    ],
)
def test_what_is_no_note(path):
    assert not is_entry(path)


@pytest.mark.parametrize(
    "path", ["a.md", "A.MD", "x/y.markdown", "../../etc/passwd.md", "/abs.md", "my templates.md"]
)
def test_what_is_a_note(path):
    assert is_entry(path)


def test_no_words_in_a_repr():
    assert repr(found("secret words")) == "Found(markdown 7)"
