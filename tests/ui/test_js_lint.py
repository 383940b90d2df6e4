"""Rules for the browser modules that need no browser."""

import gzip
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import ManifestFilesMixin

ROOT = Path(__file__).parents[2] / "writeorperish" / "ui" / "static" / "ui" / "js"
MODULES = sorted(ROOT.rglob("*.js"))
ELEMENTS = sorted((ROOT / "elements").glob("*.js"))
APP = ROOT / "app.js"

IMPORT = re.compile(r"""^import\s[^;]*?["']([^"']+)["'];$|\bimport\(\s*([^)]*)\)""", re.M)
COMMENT = re.compile(r"^[ ]*//.*$|^[ ]*/\*\*(?s:.*?)\*/|(?<=[;{,] )// .*$", re.M)
STRINGS = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`')

FORBIDDEN = {
    "runs text as code": r"\beval\(|\bnew Function\b|\bset(?:Timeout|Interval)\(\s*[\"'`]|javascript:",
    "puts markup into the page": r"\.(?:innerHTML|outerHTML)\b|insertAdjacentHTML|DOMParser|"
    r"createContextualFragment|parseHTMLUnsafe|setHTMLUnsafe|document\.write",
    "sets inline style or handlers": r"cssText|setAttribute\(\s*[\"'](?:style|on\w+)[\"']|\.on(?:click|input|keydown|submit)\s*=",
    "swallows an error": r"catch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\(\w*\) => \{\s*\}\)",
    "is no plain word": r"\bvar\b|\barguments\b|\bwith\s*\(|\bdebugger\b|console\.log",
    "keeps words where they are not sealed": r"\blocalStorage\b",
    "goes elsewhere": r"https?://",
}


def code(module: Path) -> str:
    return COMMENT.sub("", module.read_text(encoding="utf-8"))


def specifiers(module: Path) -> list[str]:
    """What the module names, quotes removed where it is a literal."""
    found = IMPORT.findall(code(module))
    return [static or dynamic.strip().strip("\"'") for static, dynamic in found]


def named(module: Path) -> str:
    return str(module.relative_to(ROOT))


def sent_bytes(*modules: str) -> int:
    return sum(len(gzip.compress((ROOT / module).read_bytes(), 9)) for module in modules)


@pytest.mark.parametrize("module", MODULES, ids=named)
@pytest.mark.parametrize("sin", FORBIDDEN)
def test_no_module_does_what_the_policy_forbids(module: Path, sin: str) -> None:
    allowed = module.name == "net.js" and sin == "puts markup into the page"
    assert allowed or not re.search(FORBIDDEN[sin], code(module)), sin


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_is_one_screenful_of_ideas(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert "\t" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_imports_are_literal_relative_and_exist(module: Path) -> None:
    for specifier in specifiers(module):
        assert specifier.startswith(("./", "../")), specifier
        assert (module.parent / specifier).resolve().is_file(), specifier


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_collecting_renames_every_import_and_nothing_else(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    rewritten = [
        match["url"]
        for pattern, _template in ManifestFilesMixin._js_module_import_aggregation_patterns[1]
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert sorted(rewritten) == sorted(specifiers(module))


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_comments_do_not_look_like_imports(module: Path) -> None:
    comments = " ".join(COMMENT.findall(module.read_text(encoding="utf-8")))
    assert not re.search(r"\b(?:import|export)\b", comments)


def test_modules_do_not_go_in_circles() -> None:
    graph = {
        module: {
            found
            for specifier in specifiers(module)
            if (found := (module.parent / specifier).resolve()).is_relative_to(ROOT)
        }
        for module in MODULES
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_strings_hold_no_markup_and_no_sentence_for_people(module: Path) -> None:
    text = code(module)
    assert [words for words in STRINGS.findall(text) if re.search(r"<\w+[\s>]|</", words)] == []
    shown = re.findall(r"(?:textContent|title|ariaLabel|placeholder) = [\"`]\w[^\"`]*", text)
    assert shown == []


@pytest.mark.parametrize("module", ELEMENTS, ids=named)
def test_an_element_says_its_markup_and_survives_being_moved(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    tag = module.stem
    assert tag.startswith("wop-")
    assert text.startswith(f"// <{tag}")
    assert text.count("customElements.define(") == 1
    assert f'if (!customElements.get("{tag}"))' in text
    for callback in ("connectedCallback", "connectedMoveCallback", "disconnectedCallback"):
        assert f"  {callback}() {{" in text, callback
    if "addEventListener" in text:
        assert "{ signal" in text
        assert "stopListening.abort()" in text.replace("?.", ".")


def test_the_loader_knows_every_element_by_its_name() -> None:
    table = re.findall(
        r'"(wop-[a-z]+)": \(\) => import\("\./elements/(wop-[a-z]+)\.js"\)', code(APP)
    )
    assert [tag for tag, _ in table] == [file for _, file in table]
    assert [tag for tag, _ in table] == [element.stem for element in ELEMENTS]


def test_what_every_page_loads_stays_light() -> None:
    assert sent_bytes("app.js") <= 5_000
    assert sent_bytes("app.js", "lib/a11y.js", "lib/net.js") <= 7_000
    assert sent_bytes("elements/wop-palette.js") <= 4_000
