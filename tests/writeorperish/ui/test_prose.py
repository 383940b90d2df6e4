import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from writeorperish.ui.prose import (
    Mark,
    excerpt,
    render,
    render_for_ai,
    render_marked,
    render_passage,
    without_signs,
)

OWN_IMAGE = "/media/01234567-89ab-7def-8123-0123456789ab/"
# What a rendered entry may consist of, written down a second time.
ALLOWED = re.compile(
    r"</?(?:p|br|hr|h[2-6]|strong|em|s|code|pre|sup|blockquote|ul|ol|li|a|img|section|table|thead|tbody|tr|th|td)\b"
    r"(?: (?:href|title|src|alt|start|rel|tabindex)=\"[^\"<>]*\")*>"
)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("~~gone~~", "<s>gone</s>"),
        ("- [ ] a\n- [x] b", "<li>☑ b</li>"),
        ("|a|\n|-|\n|1|", "<td>1</td>"),
        ("note[^1]\n\n[^1]: below", "note<sup>1</sup>"),
        ("note[^1]\n\n[^1]: below", "below"),
        (f"![mine]({OWN_IMAGE})", f'<img src="{OWN_IMAGE}" alt="mine">'),
        ("[a](https://b.example)", 'rel="noopener noreferrer nofollow"'),
        ("[a](/journal/)", 'href="/journal/"'),
        ("[](https://b.example)", ">https://b.example</a>"),
    ],
)
def test_markdown_is_shown(text, html):
    assert html in render(text)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<b hx-get='/x' hx-trigger=load>b</b>",
        '<hx-partial hx-target="#main">x</hx-partial>',
        "<style>p{}</style><form><input></form>",
    ],
)
def test_markup_typed_by_a_person_is_shown_as_they_typed_it(text):
    html = render(text)
    assert "&lt;" in html
    assert not re.search(r"<(script|img|b|hx-|style|form|input)", html)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScript:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/passwd",
        "//elsewhere.example",
    ],
)
def test_an_address_that_leads_nowhere_safe_stays_text(address):
    html = render(f"[words]({address})")
    assert "<a" not in html
    assert "words" in html


def test_an_image_from_elsewhere_becomes_a_link_and_is_not_loaded():
    html = render("![a cat](https://elsewhere.example/cat.png)")
    assert "<img" not in html
    assert ">a cat</a>" in html


def test_an_image_inside_a_link_leaves_one_link():
    html = render("[![a cat](https://b.example/cat.png)](https://c.example)")
    assert html.count("<a ") == 1
    assert ">a cat</a>" in html


def test_headings_start_at_h2_and_skip_no_level():
    html = render("### one\n\n##### two\n\n# three")
    assert re.findall(r"<h(\d)>", html) == ["2", "3", "2"]


def test_two_thousand_quote_marks_are_capped_and_lose_no_word():
    html = render(">" * 2000 + " deep words")
    assert 1 <= html.count("<blockquote>") <= 50
    assert "deep words" in html


def test_lists_deeper_than_the_cap_are_shown_as_they_were_typed():
    html = render("\n".join("  " * depth + f"- word{depth}" for depth in range(200)))
    assert all(f"word{depth}" in html for depth in range(200))


@settings(max_examples=examples(150), deadline=None)
@given(st.text(alphabet=st.sampled_from("<>[]()!\"'`*_~#|-\n \\&;:^/=axj0123"), max_size=80))
def test_nothing_but_allowed_tags_ever_leaves(text):
    html = render(text)
    assert not re.search(r"[<>]", ALLOWED.sub("", html))


@pytest.mark.parametrize(
    ("text", "chars", "line"),
    [
        ("# Title\n\nSome *words*\nhere", 40, "Title Some words here"),
        ("one two three four", 12, "one two…"),
        ("[words](https://b.example) `code`", 40, "words code"),
        ("", 10, ""),
        ("x" * 50, 10, "x" * 9 + "…"),
    ],
)
def test_an_excerpt_is_one_line_of_what_the_text_says(text, chars, line):
    assert excerpt(text, chars) == line


def test_an_excerpt_never_cuts_a_character_people_see():
    family = "👩‍👩‍👧"
    assert excerpt(family * 10, 12) == family * 2 + "…"


@settings(max_examples=examples(200), deadline=None)
@given(st.text(max_size=300), st.integers(10, 60))
def test_an_excerpt_fits_and_has_no_line_breaks(text, chars):
    line = excerpt(text, chars)
    assert len(line) <= chars
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "passage", "marked"),
    [
        ("one two three", "two", 'one <mark id="passage">two</mark> three'),
        ("# Title\n\nbody", "# Title", '<mark id="passage">Title</mark></h2>'),
        ("- item one\n- item two", "- item two", '<mark id="passage">item two</mark></li>'),
        ("a *b* c", "a *b* c", '<mark id="passage">a </mark><em>b</em> c'),
    ],
)
def test_a_passage_is_marked_where_it_stands(text, passage, marked):
    start = text.index(passage)
    assert marked in render_passage(text, start, start + len(passage))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (5, 2), (0, 999)])
def test_a_passage_that_is_none_marks_nothing(start, end):
    assert render_passage("plain words", start, end) == render("plain words")


def test_a_marked_passage_is_as_clean_as_the_text():
    text = "<script>alert(1)</script> [x](javascript:alert(1))"
    for start in range(len(text)):
        html = render_passage(text, start, len(text))
        assert "<script" not in html and "javascript:" not in html.split("&lt;")[0]


def test_an_excerpt_ends_with_one_ellipsis_and_no_stop_before_it():
    assert excerpt("Lights still on. And the rest of it", 18) == "Lights still on…"
    assert excerpt("Lights still on.", 18) == "Lights still on."


def test_links_of_a_models_words_lead_nowhere_but_here():
    shown = render_for_ai(
        "[here](/journal/1/) [there](https://example.org/?q=words) <https://example.org> "
        "[mail](mailto:a@example.org) ![image](https://example.org/a.png)"
    )
    assert '<a href="/journal/1/">here</a>' in shown
    assert "there" in shown
    assert shown.count("href=") == 1
    assert "src=" not in shown


def marks_in(text: str, *spans: tuple[int, int]) -> str:
    marks = [Mark(start, end, f"m{n}", "highlight") for n, (start, end) in enumerate(spans)]
    return render_marked(text, marks)


def test_marks_run_across_markup_and_the_first_piece_has_the_id():
    text = "One **two** three\n\n- four five\n- six"
    html = marks_in(text, (4, 16), (21, text.index("x") + 1))
    assert html.count('id="m0"') == html.count('id="m1"') == 1
    assert '<strong><mark class="highlight" id="m0">two</mark></strong>' in html
    assert '<li><mark class="highlight" id="m1">four five</mark></li>' in html
    assert '<li><mark class="highlight">six</mark></li>' in html
    assert re.sub(r"</?mark[^>]*>", "", html) == render(text)


def test_marks_that_overlap_or_lie_outside_change_no_word():
    text = "Words [here](https://example.org/there) and there."
    for spans in (
        [(0, 8), (3, 20)],
        [(15, 25)],
        [(0, 5), (18, 22)],
        [(40, 900)],
        [(-5, 2)],
        [(9, 9)],
    ):
        html = marks_in(text, *spans)
        assert re.sub(r"</?mark[^>]*>", "", html) == render(text), spans
    assert "<mark" in marks_in(text, (0, 5), (18, 22))


@pytest.mark.parametrize(
    ("stretch", "read"),
    [
        ("loud.\n- **Felt** under each _foot_", "loud.\nFelt under each foot"),
        ("# A heading\n> said `so`", "A heading\nsaid so"),
        ("see [the words](https://b.example/x) here", "see the words here"),
        ("2 * 3 - 1 > 4, snake_case, 5*6", "2 * 3 - 1 > 4, snake_case, 5*6"),
        (" - and on", "and on"),
    ],
)
def test_a_stretch_is_read_without_signs(stretch, read):
    assert without_signs(stretch, from_line=True) == read


def test_a_stretch_from_within_a_line_keeps_its_dash():
    assert without_signs(" - and on** it went") == " - and on it went"
