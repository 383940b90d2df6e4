import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.template.loader import get_template

from writeorperish.ui import gallery
from writeorperish.ui.templatetags import ui

COMPONENTS = settings.BASE_DIR / "templates" / "ui"
# Pieces of other components, and what every page has.
PARTS = {"field_error", "field_help", "notices", "shared", "once", "slots"}
SHOWN_IN = {"link_button": "button"}
VOID = {"input", "img", "br", "hr", "meta", "link", "use", "path", "rect", "circle", "line"}


class Balance(HTMLParser):
    """Collects ids and complains about end tags that close nothing."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.wrong = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def cards():
    return {card.name: card for card in gallery.cards()}


def ours():
    return [each for each in gallery.specimens() if each.template.startswith(gallery.OURS)]


def test_every_component_has_a_specimen():
    components = {path.stem for path in COMPONENTS.glob("*.html")} - PARTS
    shown = {each.name for each in ours()}
    assert {SHOWN_IN.get(name, name) for name in components} - shown == set()


def test_every_specimen_template_is_shown():
    written = {path.stem for path in (COMPONENTS / "specimens").glob("*.html")}
    assert written == {each.name for each in ours()}


def test_every_tag_is_used_by_a_specimen():
    source = "".join(path.read_text() for path in (COMPONENTS / "specimens").glob("*.html"))
    unused = {name for name in ui.register.tags if f"{{% {name} " not in source}
    assert unused == {"once", "slots", "ui_tone_of"}


@pytest.mark.parametrize("name", [each.name for each in gallery.specimens()])
def test_a_specimen_is_well_formed(cards, name):
    balance = Balance()
    balance.feed(cards[name].html)
    assert (balance.open, balance.wrong) == ([], [])


def test_no_id_occurs_twice_on_the_style_guide(cards):
    page = get_template("ui_pages/styleguide.html").render({"cards": cards.values()})
    balance = Balance()
    balance.feed(page)
    assert [each for each in set(balance.ids) if balance.ids.count(each) > 1] == []


def test_a_specimen_of_an_app_joins_the_style_guide(monkeypatch):
    monkeypatch.setattr(gallery, "_specimens", dict(gallery._specimens))
    gallery.specimen("sample", "Sample", "ui/back.html", lambda: {"label": "Up", "href": "#"})
    assert "Up" in gallery.cards()[-1].html


def test_audience_and_ai_use_are_said_in_words_and_a_picture(cards):
    html = cards["chip"].html
    for words, picture in [
        ("Private", "lock"),
        ("Close friends · 8 people", "users"),
        ("Close friends · 1 person", "users"),
        ("Public", "globe"),
        ("AI: off", "bot"),
        ("AI: replies", "bot"),
        ("AI: replies + training", "bot"),
    ]:
        assert re.search(rf'#{picture}"/></svg><span>{re.escape(words)}</span>', html)
