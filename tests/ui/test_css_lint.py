import gzip
import re
from pathlib import Path

import pytest

from writeorperish.ui.finders import PARTS, stylesheet

KILOBYTE = 1024
FILES = sorted(PARTS.rglob("*.css"))
LAYERS = {
    "10": "tokens",
    "20": "reset",
    "30": "base",
    "35": "base",
    "40": "layout",
    "50-components": "components",
    "60-pages": "pages",
    "90": "utilities",
}
COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(|\b(?:white|black|red|green|blue|gr[ae]y)\b",
    re.IGNORECASE,
)
PHYSICAL = re.compile(
    r"(?:^|[-\s;{])(?:margin|padding|border)-(?:left|right|top|bottom)\b|(?:^|[\s;{])(?:left|right|top|bottom)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)"
)
NO_OUTLINE = re.compile(r"outline(?:-style)?\s*:\s*(?:none|0)\b|outline-width\s*:\s*0")


def declarations(css):
    """The text without comments, selectors and at-rules' heads; each declaration on its own."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [part.strip() for part in re.findall(r"[^{};]+(?=;)", css)]


def selectors(css):
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    heads = (head.strip() for head in re.findall(r"([^{};]+)\{", css))
    return [head for head in heads if not head.startswith("@")]


def depth_of_rules(css):
    """How deep rules stand in rules; at-rules do not count."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    deepest, open_blocks = 0, []
    for head, brace in re.findall(r"([^{};]*)([{};])", css):
        if brace == "{":
            open_blocks.append(not head.strip().startswith("@"))
            deepest = max(deepest, sum(open_blocks))
        elif brace == "}":
            open_blocks.pop()
    return deepest


def complaints(name, css):
    found = []
    for line in declarations(css):
        prop, _, value = line.partition(":")
        if not name.startswith("10-") and COLOUR.search(value.replace("color-mix(in oklab", "")):
            found.append(f"colour outside the tokens: {line}")
        if "!important" in line and not name.startswith("90-"):
            found.append(f"!important: {line}")
        if PHYSICAL.search(line):
            found.append(f"physical side: {line}")
        if NO_OUTLINE.search(line):
            found.append(f"outline removed: {line}")
        if prop.strip() == "opacity" and not name.startswith("35-"):
            found.append(f"opacity: {line}")
        if "url(" in line and not name.startswith("05-"):
            found.append(f"address: {line}")
    found += [f"id: {each}" for each in selectors(css) if re.search(r"#[a-zA-Z]", each)]
    if depth_of_rules(css) > 2:
        found.append("rules nested more than one level")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_style_sheet_keeps_the_rules(path):
    assert complaints(path.relative_to(PARTS).as_posix(), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "css",
    [
        ".a { color: #fff; }",
        ".a { color: rgb(0 0 0 / .5); }",
        ".a { background: white; }",
        ".a { color: var(--text) !important; }",
        ".a { margin-left: 1rem; }",
        ".a { position: absolute; right: 0; }",
        ".a { text-align: left; }",
        ".a:focus { outline: none; }",
        ".a { opacity: .5; }",
        ".a { background: url(x.png); }",
        "#menu { color: var(--text); }",
        ".a { & > .b { & > .c { color: var(--text); } } }",
    ],
)
def test_a_broken_rule_is_noticed(css):
    assert complaints("50-components/a.css", css)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_style_sheet_speaks_in_its_own_layer_only(path):
    name = path.relative_to(PARTS).as_posix()
    layer = next((layer for start, layer in LAYERS.items() if name.startswith(start)), None)
    css = path.read_text(encoding="utf-8")
    named = re.findall(r"@layer ([\w, ]+?)\s*[;{]", css)
    assert named == ([layer] if layer else named[:1] if name.startswith("00-") else [])


def test_every_token_that_is_used_is_declared():
    css = stylesheet()
    used = set(re.findall(r"var\((--[\w-]+)", css))
    declared = set(re.findall(r"(--[\w-]+)\s*:", css))
    assert used - declared - {"--read-scale"} == set()


def test_the_whole_sheet_is_light():
    assert len(gzip.compress(stylesheet().encode(), 9)) <= 25 * KILOBYTE


def test_a_first_view_loads_one_light_font_file():
    [roman] = [
        block
        for block in re.findall(r"@font-face\s*\{([^}]*)\}", stylesheet())
        if "U+0000-00FF" in block and "normal" in block
    ]
    address = re.search(r'url\("([^"]+)"\)', roman)
    assert address
    file = PARTS.parent / Path(address[1])
    assert file.stat().st_size <= 60 * KILOBYTE
