"""Markdown to HTML that is safe to show anyone. The only place that marks markup safe."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import nh3
import regex
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin

MAX_NESTING: Final = 50
TAGS: Final = {
    *("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "sup"),
    *("blockquote", "ul", "ol", "li", "a", "img", "section"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES: Final = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
SCHEMES: Final = {"http", "https", "mailto"}
# What an entry may show is what we store ourselves: another host would learn when it is read.
OWN_IMAGE: Final = re.compile(r"/media/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/")
SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
TASK: Final = re.compile(r"\[([ xX])\]\s")
BOXES: Final = {" ": "\u2610 ", "x": "\u2611 "}
MARKERS: Final = r"(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))"
# Characters of the private use area stand for the ends of a passage while the text is rendered.
BEGIN: Final = "\ue000"
END: Final = "\ue001"
PLACE: Final = "\ue002"
# A mark before a heading's or list's sign would make it an ordinary line.
LINE_START: Final = re.compile(r"[\s>#*+\-]*(?:\d+[.)]\s+)?")
TAG: Final = re.compile(r"<[^>]*>")
PIECE: Final = re.compile(rf"<[^>]*>|{BEGIN}|{END}|[^<{BEGIN}{END}]+")
DEEP_LINE: Final = re.compile(rf"^({MARKERS}{{20}}){MARKERS}+", re.MULTILINE)


def render(text: str) -> SafeString:
    """The text as HTML, without its wrapper: CommonMark, tables, strikethrough, task lists, footnotes.

    Headings start at h2 and go one level deeper at a time. Links that are neither http(s), mailto nor
    relative stay as text; images from elsewhere become links. Nesting beyond 50 levels is flattened,
    and no word is dropped. About 0.3 ms for 10,000 characters of plain paragraphs.
    """
    tokens = _parse(text)
    if tokens is None:
        return _plainly(text)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return mark_safe(_cleaner.clean(html))  # noqa: S308  # nh3 has just cleaned it


def render_for_ai(text: str) -> SafeString:
    """A model's words as HTML: as `render`, but only links within this site can be followed.

    What a model was told to link to by somebody's text must not carry words away with one click.
    """
    return mark_safe(_within.clean(render(text)))  # noqa: S308  # nh3 has just cleaned it


def render_with(text: str, inserts: Sequence[SafeString]) -> SafeString:
    """The text as HTML, with markup of our own where it holds `place(n)`; each stands inside a paragraph.

    A place in code or in an address stays as it was typed before it was one: call it with none there.
    """
    html = render(text)
    for number, insert in enumerate(inserts):
        html = SafeString(html.replace(place(number), insert))
    return html


def place(number: int) -> str:
    """Where the insert of this number will stand: characters nobody types, which every step leaves alone."""
    return f"{PLACE}{number}{END}"


def render_passage(text: str, start: int, end: int) -> SafeString:
    """The text as HTML with `text[start:end]` marked as `#passage`, as far as it runs without other markup.

    Offsets outside of the text, or inside an address, mark nothing.
    """
    if not 0 <= start < end <= len(text) or BEGIN in text or END in text:
        return render(text)
    begin = start + len(LINE_START.match(text[start:end])[0])  # type: ignore[index]  # matches the empty string
    html = render(f"{text[:begin]}{BEGIN}{text[begin:end]}{END}{text[end:]}")
    before, found, rest = html.partition(BEGIN)
    run, ended, after = rest.partition(END)
    if not (found and ended) or before.rfind("<") > before.rfind(">"):
        return render(text)
    words, bracket, markup = run.partition("<")
    marked = f'{before}<mark id="passage">{words}</mark>{bracket}{markup}{after}'
    return mark_safe(marked)  # noqa: S308  # rendered and cleaned above; only our own mark is added


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a text to be shown marked: `text[start:end]`, and the id and class of what shows it."""

    start: int
    end: int
    id: str
    kind: str


def render_marked(text: str, marks: Sequence[Mark]) -> SafeString:
    """The text as HTML with these stretches marked, across other markup too; only the first piece of each has the id.

    Of overlapping ones the later begins where the earlier ends. What lies outside of the text, or inside an
    address, is not marked. Ids and kinds are ours, never anybody's words.
    """
    apart = list(_apart(marks, len(text)))
    if not apart or BEGIN in text or END in text:
        return render(text)
    pieces, until = [], 0
    for mark in apart:
        begin = mark.start + len(LINE_START.match(text[mark.start : mark.end])[0])  # type: ignore[index]  # matches the empty string
        pieces += [text[until:begin], BEGIN, text[begin : mark.end], END]
        until = mark.end
    html = render("".join([*pieces, text[until:]]))
    if html.count(BEGIN) != len(apart) or html.count(END) != len(apart) or _in_tags(html):
        # One that cannot be shown must not take the others with it.
        sound = [mark for mark in apart if _can_show(text, mark)]
        return render_marked(text, sound) if len(sound) < len(apart) else render(text)
    return mark_safe("".join(_painted(html, apart)))  # noqa: S308  # rendered and cleaned above; only our own marks are added


def _apart(marks: Sequence[Mark], length: int) -> Iterator[Mark]:
    until = 0
    for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
        start, end = max(mark.start, until), min(mark.end, length)
        if start < end:
            yield replace(mark, start=start, end=end)
            until = end


def _can_show(text: str, mark: Mark) -> bool:
    begin = mark.start + len(LINE_START.match(text[mark.start : mark.end])[0])  # type: ignore[index]  # matches the empty string
    html = render(f"{text[:begin]}{BEGIN}{text[begin : mark.end]}{END}{text[mark.end :]}")
    return html.count(BEGIN) == html.count(END) == 1 and not _in_tags(html)


def _in_tags(html: str) -> bool:
    return any(BEGIN in tag or END in tag for tag in TAG.findall(html))


def _painted(html: str, marks: Sequence[Mark]) -> Iterator[str]:
    """The HTML with elements of ours around the stretches; they close before each tag and open again after it."""
    waiting = iter(marks)
    current: Mark | None = None
    named = False
    for piece in PIECE.findall(html):
        if piece == BEGIN:
            current, named = next(waiting), False
        elif piece == END:
            current = None
        elif current is None or piece.startswith("<") or not piece.strip():
            yield piece
        else:
            ident = "" if named else f' id="{current.id}"'
            yield f'<mark class="{current.kind}"{ident}>{piece}</mark>'
            named = True


# Signs of Markdown that somebody who reads takes for noise: around words, and at the beginning of a line.
SIGNS: Final = re.compile(
    r"\[([^\]\n]*)\]\([^)\s]*\)|\*\*|__|~~|`+|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)"
)
AT_LINE: Final = re.compile(r"(?<=\n)[ \t]*(?:[-*+>]|#{1,6})[ \t]+")


def without_signs(text: str, *, from_line: bool = False) -> str:
    """A stretch of a text as it is read, without the signs of Markdown. `from_line`: it begins where a line does.

    For excerpts, which may begin and end anywhere; whole texts are rendered.
    """
    stretch = f"\n{text}" if from_line else text
    plain = SIGNS.sub(lambda sign: sign[1] or "", AT_LINE.sub("", stretch))
    return plain.removeprefix("\n") if from_line else plain


# Before an ellipsis they would look like a fourth dot.
STOPS: Final = ".,;: "


def excerpt(text: str, chars: int) -> str:
    """The beginning of what the text says, on one line without marks, at most `chars` characters.

    Cut at a word, with an ellipsis. Only the head of the text is parsed, so a long one costs no more.
    """
    head = text[: chars * 12 + 400]
    tokens = _parse(head)
    words = head if tokens is None else " ".join(_words_of(tokens))
    line = " ".join(words.split())
    if len(line) <= chars and len(head) == len(text):
        return line
    cut = line if len(line) < chars else _shortened(line, chars - 1)
    return f"{cut.rstrip(STOPS)}…"


def _parse(text: str) -> list[Token] | None:
    """The tokens, or None for a text nested too deeply to show as Markdown without losing words."""
    tokens = _markdown.parse(text, {})
    if not _too_deep(tokens):
        return tokens
    tokens = _markdown.parse(DEEP_LINE.sub(r"\1", text), {})
    return None if _too_deep(tokens) else tokens


def _too_deep(tokens: Sequence[Token]) -> bool:
    # The parser leaves out what lies below its limit without a sign, so reaching it counts.
    return any(token.level >= MAX_NESTING - 1 for token in tokens)


def _plainly(text: str) -> SafeString:
    lines = escape(text).split("\n")
    return mark_safe(f"<p>{'<br>'.join(lines)}</p>")  # noqa: S308  # escaped one line above


def _words_of(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield "".join(_said(child) for child in token.children or [])
        elif token.type in {"fence", "code_block"}:
            yield token.content


def _said(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    if token.type == "image":
        return token.content
    return token.content if token.type in {"text", "code_inline"} else ""


def _shortened(line: str, chars: int) -> str:
    """At most `chars` characters, ending at a space if one is near, never inside a character a person sees."""
    cut = line[:chars]
    space = cut.rfind(" ")
    if space > chars // 2:
        return cut[:space]
    whole = regex.findall(r"\X", line[: chars + 16])
    while sum(map(len, whole)) > chars:
        whole.pop()
    return "".join(whole)


def _may_link(address: str) -> bool:
    address = address.strip()
    scheme = SCHEME.match(address)
    if scheme:
        return scheme[1].lower() in SCHEMES
    return not address.startswith("//")


def _outline(state: StateCore) -> None:
    """Headings as an outline below the page's own h1: the first is h2, none skips a level."""
    above: list[int] = []
    for token in state.tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(1 + len(above), 6)}"


def _tick_boxes(state: StateCore) -> None:
    """Task list items begin with a box drawn as a character: a form control would ask to be clicked."""
    for item, paragraph, inline in zip(
        state.tokens, state.tokens[1:], state.tokens[2:], strict=False
    ):
        if item.type != "list_item_open" or paragraph.type != "paragraph_open":
            continue
        first = inline.children[0] if inline.children else None
        task = TASK.match(first.content) if first and first.type == "text" else None
        if first and task:
            first.content = BOXES[task[1].lower()] + first.content[task.end() :]


def _mend_links(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_mended(token.children))


def _mended(children: list[Token]) -> Iterator[Token]:
    """The tokens with images from elsewhere as links that say what they show, and no link without words."""
    opened = last = None
    for child in children:
        if child.type == "image" and not OWN_IMAGE.fullmatch(str(child.attrs["src"])):
            yield from _shown_as_link(child, inside_link=opened is not None)
        elif child.type == "link_close" and last is not None and last is opened:
            yield _words(str(last.attrs["href"]))
            yield child
        else:
            yield child
        if child.type in {"link_open", "link_close"}:
            opened = child if child.type == "link_open" else None
        last = child


def _shown_as_link(image: Token, *, inside_link: bool) -> Iterator[Token]:
    words = _words(image.content or str(image.attrs["src"]))
    if inside_link:
        yield words
        return
    yield Token("link_open", "a", 1, attrs={"href": image.attrs["src"]})
    yield words
    yield Token("link_close", "a", -1)


def _words(text: str) -> Token:
    return Token("text", "", 0, content=text)


def _footnote_ref(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: EnvType,
) -> str:
    return f"<sup>{tokens[index].meta['id'] + 1}</sup>"


def _nothing(
    _renderer: RendererHTML,
    _tokens: Sequence[Token],
    _index: int,
    _options: OptionsDict,
    _env: EnvType,
) -> str:
    return ""


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"]).use(footnote_plugin)
    parser.validateLink = _may_link  # type: ignore[method-assign, assignment]  # its documented way to decide
    parser.core.ruler.push("outline", _outline)
    parser.core.ruler.push("tick_boxes", _tick_boxes)
    parser.core.ruler.push("mended_links", _mend_links)
    # Anchors need ids, and several entries share a page: numbers and the list below say it too.
    parser.add_render_rule("footnote_ref", _footnote_ref)
    parser.add_render_rule("footnote_anchor", _nothing)
    return parser


def _own_images_only(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src" and not OWN_IMAGE.fullmatch(value):
        return None
    return value


_markdown = _parser()
_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_own_images_only,
    url_schemes=SCHEMES,
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"pre": {"tabindex": "0"}},  # wide code scrolls by keyboard too
)
_within = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_own_images_only,
    url_schemes=set(),
    link_rel=None,
    set_tag_attribute_values={"pre": {"tabindex": "0"}},
)
