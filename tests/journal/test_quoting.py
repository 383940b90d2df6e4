import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.quoting import (
    Quoted,
    quote_marker,
    quotes_in,
    tags_in,
    with_markers,
    without_code,
)

OAK = UUID("0190ab12-3456-7abc-8def-0123456789ab")
MARK = f"{{quote:{OAK}}}"


def test_a_marker_names_an_entry():
    assert quotes_in(f"As I said {MARK} then") == [
        Quoted(OAK, None, None, None, 10, 10 + len(MARK))
    ]


def test_a_marker_may_name_a_passage_of_one_revision():
    text = f"{{quote:{OAK}@3:14-159}}"
    assert quotes_in(text) == [Quoted(OAK, 3, 14, 159, 0, len(text))]


@given(
    st.uuids(),
    st.none()
    | st.tuples(st.integers(1, 999), st.integers(0, 999), st.integers(1, 999)).map(
        lambda p: (p[0], p[1], p[1] + p[2])
    ),
)
def test_what_is_written_is_what_is_read(target, passage):
    (quoted,) = quotes_in(f"see {quote_marker(target, passage)}.")
    assert quoted.target == target
    assert (quoted.rev, quoted.start, quoted.end) == (passage or (None, None, None))


@pytest.mark.parametrize(
    "text",
    [
        "{quote:}",
        "{quote:0190ab12}",
        f"{{quote:{str(OAK)[:-1]}}}",
        f"{{quote:{OAK}@1:5-5}}",
        f"{{quote:{OAK}@1:9-5}}",
        f"{{quote:{OAK}@1:5}}",
        f"{{Quote:{OAK}}}",
        f"{{quote: {OAK}}}",
        f"{{quote:{OAK}@\u0663:1-2}}",
    ],
)
def test_what_only_looks_like_a_marker_is_text(text):
    assert quotes_in(text) == []


IN_CODE = [
    "`{}`",
    "``a ` {} ``",
    "`two\nlines {} here`",
    "```\n{}\n```",
    "~~~ text\n{}\n~~~~\n",
    "```\nnever closed\n\n{}",
    "    {}",
    "words\n\n    {}\n",
    "words\n\n    code\n    {}\n",
    "\t{}",
    "> ```\n> {}\n> ```",
    "- item\n  ```\n  {}\n  ```",
    "1. ```\n   {}\n   ```",
]
IN_PROSE = [
    "{}",
    "\\`{}`",
    "`open {}",
    "`one`{}`two`",
    "``{}`",
    "a ` b\n\n{} ` c",
    "```\ncode\n```\n{}",
    "> ```\n> code\n{}",
    "- item\n\n    {}",
    "a line\n    {}",
    "``` not `a fence\n{}",
    "> {}",
    "# {}",
    "- {}",
    "~~ {} ~~",
]


@pytest.mark.parametrize("frame", IN_CODE)
def test_a_marker_or_tag_in_code_is_code(frame):
    assert quotes_in(frame.replace("{}", MARK)) == []
    assert tags_in(frame.replace("{}", "#piano")) == []


@pytest.mark.parametrize("frame", IN_PROSE)
def test_outside_of_code_they_count(frame):
    (quoted,) = quotes_in(frame.replace("{}", MARK))
    assert frame.replace("{}", MARK)[quoted.at : quoted.until] == MARK
    assert tags_in(frame.replace("{}", " #piano ")) == ["piano"]


@given(st.text(st.sampled_from("`~ >-\n\\ab1.\t{#"), max_size=60))
def test_hiding_code_moves_nothing(text):
    hidden = without_code(text)
    assert len(hidden) == len(text)
    assert all(h in (c, "\0") for h, c in zip(hidden, text, strict=True))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#piano", ["piano"]),
        ("a #like-this and #like_that, #home/garden.", ["like-this", "like_that", "home/garden"]),
        ('(#kept) "#said" #end!', ["kept", "said", "end"]),
        ("#Piano #piano #PIANO", ["Piano"]),
        ("#ação #Mädchen #日記 #हिन्दी", ["ação", "Mädchen", "日記", "हिन्दी"]),
        ("#2024 #1 #2024-plans", ["2024-plans"]),
        ("#tail- #slash/ #_", ["tail", "slash"]),
        ("a#b me&#39;s ##two \\#no C# # alone", []),
        ("# Heading #gratitude\n## Second", ["gratitude"]),
        ("https://a.example/x#part and www.a.example/#b", []),
        ("[words](#part) [words](page.md#part) [[Note#part]] [[#part]]", []),
        ("[a](b(c)#d) <https://a.example/#x>", []),
        ("[ref]: /page#part", []),
        ("see [this](/a#b) #kept", ["kept"]),
        ("#" + "a" * 50, ["a" * 50]),
        ("#" + "a" * 51, []),
        ("", []),
    ],
)
def test_what_is_a_tag(text, tags):
    assert tags_in(text) == tags


def test_an_entry_has_at_most_thirty_tags():
    assert len(tags_in(" ".join(f"#tag{n}" for n in range(40)))) == 30


def test_the_first_two_hundred_of_five_thousand_markers_are_resolved():
    assert len(quotes_in(MARK * 5_000)) == 200


@pytest.mark.parametrize(
    "text",
    [
        "`" * 100_000,
        "` `` " * 20_000,
        "[" * 100_000,
        "#" * 100_000,
        "](" * 50_000,
        "> " * 50_000,
        "- " * 50_000,
        "{quote:" * 14_000,
        "www." * 25_000,
        "[[" * 50_000,
        "a(" * 50_000,
        "](a(" * 25_000,
        "\n[a" * 30_000,
        "#a" * 50_000,
        "a://" * 25_000,
        "aaaa" * 25_000,
        "    x\n\n" * 15_000,
        "`\\" * 50_000,
    ],
)
def test_hostile_texts_take_no_longer_than_others(text):
    started = time.perf_counter()
    quotes_in(text + MARK)
    tags_in(text + " `#x` #tag")
    assert time.perf_counter() - started < 15


def test_marks_of_an_answer_become_quote_markers():
    entry_id = "0190a000-0000-7000-8000-000000000000"
    notes = [f"1 journal.node:{entry_id} 3 0-38", f"2 download.item:{entry_id} 1 5-9"]
    made = with_markers("You slept. [1] [2]\n\n[1]\n\nSee [7].", notes)
    marker = f"{{quote:{entry_id}@3:0-38}}"
    assert made == f"You slept.\n\n{marker}\n\n{marker}\n\nSee [7]."
    assert with_markers("No marks [x].", ["nonsense"]) == "No marks [x]."
