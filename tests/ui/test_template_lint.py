import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = settings.BASE_DIR / "templates"
FILES = sorted(ROOT.rglob("*.html"))
FEATURES = {"journal", "download", "upload", "market", "narrative"}
# Pages whose views are allauth's: they keep no keys of ours.
FOREIGN = ("allauth/", "account/")
# Made-up words for the style guide, which staff and developers see.
SAMPLES = "ui/specimens/"
SHELL_IDS = {"main", "aside", "dialogs", "toasts", "announce", "live"}
BRAND = "Write or Perish"

HX_NAMES = {
    *("hx-get", "hx-post", "hx-trigger", "hx-target", "hx-swap", "hx-include", "hx-vals"),
    *("hx-indicator", "hx-confirm", "hx-sync", "hx-push-url", "hx-replace-url", "hx-preserve"),
    *("hx-morph-skip", "hx-ignore", "hx-sse:connect", "hx-sse:close", "hx-ws:connect"),
}
OTHER_VERSIONS = ("sse-connect", "sse-swap", "sse-close", "ws-connect", "ws-send", "data-hx-")
SWAPS = {
    *("outerHTML", "innerHTML", "outerMorph", "innerMorph", "beforeend", "afterbegin"),
    *("beforebegin", "afterend", "delete", "none"),
}
SWAP_MODIFIERS = ("show:", "scroll:", "swapEmpty:")
SYNCS = {"drop", "replace"}
TRIGGER = re.compile(
    r"[a-z][a-z:-]*(?:\s+(?:delay:\d+(?:ms|s)|throttle:\d+(?:ms|s)|changed|once|from:[\w#.-]+|target:[\w#.-]+))*"
)
# Attributes that people read or hear.
SPOKEN = {"alt", "aria-label", "aria-description", "placeholder", "title"}

COMMENT = re.compile(r"\{#.*?#\}|\{% comment .*?%\}.*?\{% endcomment %\}", re.DOTALL)
# Blocks that fill a class attribute of their parent.
CLASSES = re.compile(r"\{% block (layout|column) %\}[\w -]*\{% endblock \1 %\}")
TRANSLATED = re.compile(r"\{% blocktrans(?:late)?\b.*?\{% endblocktrans(?:late)? %\}", re.DOTALL)
TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
VARIABLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
PART = re.compile(r"\{% partialdef ([a-z-]+).*?%\}(.*?)\{% endpartialdef", re.DOTALL)
COMPONENT_ATTRIBUTE = re.compile(r"\b(hx_\w+)=")
LETTERS = re.compile(r"[^\W\d_]{2,}")


class Element:
    def __init__(self, tag, attributes):
        self.tag = tag
        self.attributes = attributes
        self.words = ""
        self.marks = ""
        self.children = []


class Reader(HTMLParser):
    """The elements of a template: template tags are gone from attributes, a value keeps `*` for a variable."""

    CLOSED = {"input", "img", "br", "hr", "meta", "link", "use"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.above, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        for outer in self.above:
            outer.children.append(element)
        self.elements.append(element)
        if tag not in self.CLOSED:
            self.above.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.CLOSED:
            self.above.pop()

    def handle_endtag(self, tag):
        for place in range(len(self.above) - 1, -1, -1):
            if self.above[place].tag == tag:
                del self.above[place:]
                return

    def handle_data(self, data):
        if not any(outer.tag in {"script", "style"} for outer in self.above):
            self.texts.append(data)
        for outer in self.above:
            outer.words += data


def read(source):
    reader = Reader()
    reader.feed(plain(source))
    reader.close()
    return reader


def plain(source):
    """The template as bare HTML: `¤` where words come from the server, `*` inside values, tags gone."""
    source = COMMENT.sub("", source)
    source = CLASSES.sub("", source)
    source = TRANSLATED.sub("¤", source)
    source = re.sub(r"\{% (?:trans|translate|icon) .*?%\}", as_words, source)
    source = re.sub(r"\{% (?:ui_\w+|prose|partial|include|slot|block|once) ?.*?%\}", "¤", source)
    source = TAG.sub("", source)
    return VARIABLE.sub("*", source)


def as_words(match):
    return "" if match[0].startswith("{% icon") else "¤"


def complaints(name, source):
    """Everything in this template that our rules do not allow, each as a sentence."""
    page = read(source)
    found = [*inline(page, source), *htmx(page, source)]
    found += [*forms(name, page, source), *targets(page, source), *controls(page)]
    found += [*links_to_others(name, source), *in_parts(source)]
    if not name.startswith(SAMPLES):
        found += bare_words(page)
    if re.search(r"\|\s*safe\b|autoescape off|\|\s*safeseq\b", source):
        found.append("marks markup safe")
    return found


def inline(page, source):
    for element in page.elements:
        if element.tag == "script" and "src" not in element.attributes:
            yield "script without src"
        if element.tag == "style":
            yield "style element"
        for attribute, value in element.attributes.items():
            if attribute == "style":
                yield "style attribute"
            if attribute.startswith("on"):
                yield f"inline handler {attribute}"
            if value.strip().lower().startswith("javascript:"):
                yield "javascript: address"
    if re.search(r"https?://(?!www\.w3\.org/2000/svg)", COMMENT.sub("", source)):
        yield "address of another host"


def htmx(page, source):
    for element in page.elements:
        for attribute, value in element.attributes.items():
            yield from one_htmx(element, attribute, value)
    for written in COMPONENT_ATTRIBUTE.findall(source):
        if written.replace("_", "-") not in HX_NAMES:
            yield f"{written} is not in the closed list"


def one_htmx(element, attribute, value):
    if attribute.startswith(OTHER_VERSIONS):
        yield f"{attribute} is of another htmx"
    if not attribute.startswith("hx-"):
        return
    bare = attribute.removesuffix(":inherited")
    if bare not in HX_NAMES and not re.fullmatch(r"hx-status:[0-9x]{3}", bare):
        yield f"{attribute} is not in the closed list"
    if bare == "hx-trigger" and not all(
        TRIGGER.fullmatch(part.strip()) for part in value.split(",")
    ):
        yield f"hx-trigger {value}"
    if bare == "hx-swap":
        style, *modifiers = value.split()
        if style not in SWAPS or not all(each.startswith(SWAP_MODIFIERS) for each in modifiers):
            yield f"hx-swap {value}"
    if bare == "hx-sync" and value.rpartition(":")[2] not in SYNCS:
        yield f"hx-sync {value}"
    if bare == "hx-vals" and value.strip().startswith(("js:", "javascript:")):
        yield "hx-vals with a script"
    if bare == "hx-sse:connect" and not (
        element.attributes.get("hx-swap") == "none" and element.attributes.get("hx-sse:close")
    ):
        yield "a stream swaps nothing itself and says when it is done"


def forms(name, page, source):
    """Each form as it is written, because what stands inside are template tags."""
    for head, body in re.findall(r"<form\b([^>]*(?:%\}[^>]*)*)>(.*?)</form>", source, re.DOTALL):
        if not re.search(r'method="post"', head):
            continue
        if "{% csrf_token %}" not in body:
            yield "POST form without csrf_token"
        if "{% once %}" not in body and not name.startswith(FOREIGN):
            yield "POST form without once"
        if "novalidate" not in head:
            yield "POST form without novalidate"
    for element in page.elements:
        if "hx-post" in element.attributes and "hx-sync" not in element.attributes:
            yield "hx-post without hx-sync"


def targets(page, source):
    ids = {element.attributes["id"] for element in page.elements if "id" in element.attributes}
    for element in page.elements:
        if element.tag == "hx-partial":
            continue
        target = element.attributes.get("hx-target", element.attributes.get("hx-target:inherited"))
        if target is None or not target.startswith("#"):
            continue
        if target.removeprefix("#") not in ids | SHELL_IDS:
            yield f"hx-target {target} is not on this page"


def controls(page):
    for element in page.elements:
        if element.tag == "button" and "type" not in element.attributes:
            yield "button without type"
        if element.tag == "img" and "alt" not in element.attributes:
            yield "img without alt"
        named = SPOKEN & element.attributes.keys() or "aria-labelledby" in element.attributes
        if element.tag in {"button", "a"} and not element.words.strip() and not named:
            yield f"{element.tag} without words"


def links_to_others(name, source):
    owner = name.partition("/")[0]
    for feature in re.findall(r"\{% url ['\"](\w+):", source):
        if feature in FEATURES and feature != owner:
            yield f"names a page of {feature}"


def in_parts(source):
    for part, body in PART.findall(source):
        if "autofocus" in body:
            yield f"autofocus in the part {part}"
        if "<title" in body:
            yield f"title in the part {part}"


def bare_words(page):
    for text in page.texts:
        if LETTERS.search(text.replace(BRAND, "")):
            yield f"words outside translate: {' '.join(text.split())[:60]}"
    for element in page.elements:
        for attribute in SPOKEN & element.attributes.keys():
            if LETTERS.search(element.attributes[attribute]):
                yield f"words outside translate in {attribute}: {element.attributes[attribute]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_template_keeps_the_rules(path):
    name = path.relative_to(ROOT).as_posix()
    assert complaints(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_template_can_be_compiled(path):
    get_template(path.relative_to(ROOT).as_posix())


FORM = '<form method="post" novalidate>{% csrf_token %}{% once %}<button type="submit">¤</button></form>'


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<style>p { color: red }</style>",
        '<p style="color: red"></p>',
        '<p onclick="x()"></p>',
        '<a href="javascript:x()">{{ word }}</a>',
        '<img src="https://example.org/a.png" alt="">',
        '<p hx-on:click="x()"></p>',
        '<p hx-boost="true"></p>',
        '<p hx-put="/a/"></p>',
        '<p hx-swap-oob="true"></p>',
        '<p sse-connect="/a/"></p>',
        '<p hx-swap="innerhtml"></p>',
        '<p hx-swap="outerHTML swap:1s"></p>',
        '<p hx-trigger="click[ctrlKey]"></p>',
        '<p hx-trigger="every 2s"></p>',
        "<p hx-vals='js:{a: 1}'></p>",
        '<p hx-sync="this:queue"></p>',
        '<p hx-sse:connect="/live/a/"></p>',
        '{% ui_button _("Go") hx_patch="/a/" %}',
        FORM.replace("{% csrf_token %}", ""),
        FORM.replace("{% once %}", ""),
        FORM.replace(" novalidate", ""),
        '<p hx-post="/a/"></p>',
        '<p hx-get="/a/" hx-target="#elsewhere"></p>',
        "<button>{{ word }}</button>",
        '<img src="/a.png">',
        '<button type="button">{% icon "x" %}</button>',
        '<a href="/a/">{% icon "x" %}</a>',
        "{% url 'market:browse' %}",
        "{% partialdef row %}<input autofocus>{% endpartialdef row %}",
        "{% partialdef row %}<title>{{ word }}</title>{% endpartialdef row %}",
        "<p>Some words</p>",
        '<p title="Some words"></p>',
        "{{ text|safe }}",
        "{% autoescape off %}{{ text }}{% endautoescape %}",
    ],
)
def test_a_broken_rule_is_noticed(source):
    assert complaints("journal/sample.html", source)


@pytest.mark.parametrize(
    "source",
    [
        FORM,
        '<form method="get"><button type="submit">{% translate "Search" %}</button></form>',
        "<script src=\"{% static 'a.js' %}\" defer></script>",
        '<p hx-get="/a/" hx-trigger="input changed delay:150ms, load" hx-sync="this:replace"></p>',
        '<div id="row-{{ row.pk }}" hx-get="/a/" hx-target="#row-{{ row.pk }}" hx-swap="outerHTML show:top"></div>',
        '<hx-partial hx-target="#toasts" hx-swap="beforeend"></hx-partial>',
        '<button type="button" aria-label="{% translate "Close" %}">{% icon "x" %}</button>',
        "<p>{% blocktranslate count n=2 %}One{% plural %}Two{% endblocktranslate %}</p>",
        "<p>Write or Perish</p>",
        "{% url 'journal:home' %}",
    ],
)
def test_what_the_rules_allow_passes(source):
    assert complaints("journal/sample.html", source) == []
