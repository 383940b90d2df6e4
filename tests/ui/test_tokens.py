import itertools
import re

import pytest

from writeorperish.ui.finders import PARTS

CSS = (PARTS / "10-tokens.css").read_text(encoding="utf-8")
GROUNDS = ("--bg", "--surface", "--sunken", "--hover")
TEXTS = (
    *("--text", "--text-2", "--text-3", "--accent", "--ai", "--aud-circle", "--aud-public"),
    *("--danger", "--warn", "--ok"),
)
SOFT = ("--accent", "--ai", "--aud-circle", "--aud-public", "--danger", "--warn", "--ok")
ENOUGH_FOR_TEXT, ENOUGH_FOR_CONTROLS = 4.5, 3.0


def block(start):
    """The declarations of colours between this text and the brace that ends it."""
    inside = CSS[CSS.index(start) :]
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", inside[: inside.index("}")]))


FALLBACK = {name: value for name, value in block(":root {").items() if value.startswith("#")}
BOTH = block("@supports (color: light-dark(red, red)) {")


def theme(place):
    pairs = {name: re.findall(r"#[0-9a-f]{6}", value) for name, value in BOTH.items()}
    return {name: colours[place] for name, colours in pairs.items()}


THEMES = {"light": theme(0), "dark": theme(1)}


def luminance(colour):
    """Relative luminance, 0..1 (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_the_guideline_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_browsers_without_light_dark_get_every_colour_in_its_light_value():
    assert THEMES["light"] == FALLBACK


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(("text", "ground"), list(itertools.product(TEXTS, GROUNDS)))
def test_text_is_readable_on_every_ground(name, text, ground):
    colours = THEMES[name]
    assert contrast(colours[text], colours[ground]) >= ENOUGH_FOR_TEXT


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(
    ("edge", "ground"), list(itertools.product(("--control", "--accent"), GROUNDS))
)
def test_controls_and_focus_are_seen_on_every_ground(name, edge, ground):
    colours = THEMES[name]
    assert contrast(colours[edge], colours[ground]) >= ENOUGH_FOR_CONTROLS


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("colour", SOFT)
def test_a_colour_is_readable_on_its_own_soft_fill(name, colour):
    colours = THEMES[name]
    floor = {"light": 5.3, "dark": 6.9}[name]
    assert contrast(colours[colour], colours[f"{colour}-soft"]) >= floor


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("fill", ["--accent", "--danger"])
def test_words_on_a_filled_button_are_readable(name, fill):
    colours = THEMES[name]
    assert contrast(colours[fill.replace("--", "--on-")], colours[fill]) >= 6.6


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("ground", ["--mark", "--ins", "--del", "--accent-soft", "--ai-soft"])
def test_words_on_a_marked_passage_are_readable(name, ground):
    colours = THEMES[name]
    assert contrast(colours["--text"], colours[ground]) >= 7.0


def test_a_saved_theme_wins_over_the_device():
    for name in THEMES:
        assert re.search(rf'\[data-theme="{name}"\] \{{\s*color-scheme: {name};', CSS)
