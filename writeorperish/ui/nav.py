"""The ways through the house: URL names as strings, so that no feature is imported to link to it."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.logging import current_request_id
from writeorperish.ops.refusals import Words

THEMES: Final = frozenset({"light", "dark"})
THEME_COOKIE: Final = "theme"


@dataclass(frozen=True, slots=True)
class Item:
    """A place one can go to. `key` follows `g` on the keyboard; `second` stands below the line."""

    title: Words
    url_name: str
    icon: str
    key: str = ""
    second: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    title: Words
    url: str
    icon: str
    key: str
    second: bool
    current: bool


RAIL: Final = (
    Item(_("Journal"), "journal:home", "pen-line", "j"),
    Item(_("Search"), "download:search", "search", "f"),
    Item(_("Ask"), "download:asks", "bot", "a"),
    Item(_("Library"), "download:library", "library", "l"),
    Item(_("Share"), "upload:shares", "share-2", "s"),
    Item(_("Market"), "market:browse", "store", "m"),
    Item(_("Messages"), "market:messages", "messages-square"),
    Item(_("Notifications"), "accounts:notifications", "bell", second=True),
    Item(_("Dashboard"), "accounts:dashboard", "layout-dashboard", second=True),
    Item(_("Settings"), "accounts:settings", "settings", second=True),
)
BOTTOM_BAR: Final = (
    Item(_("Journal"), "journal:home", "pen-line"),
    Item(_("Search"), "download:search", "search"),
    Item(_("Library"), "download:library", "library"),
    Item(_("Write"), "journal:write", "plus"),
    Item(_("Market"), "market:browse", "store"),
    Item(_("Inbox"), "accounts:notifications", "bell"),
    Item(_("Settings"), "accounts:settings", "settings"),
)
# What the palette does beside finding entries, most wanted first.
ACTIONS: Final = (
    Item(_("Write a new entry"), "journal:write", "plus"),
    Item(_("Speak an entry"), "journal:voice", "mic"),
    Item(_("Go to the journal"), "journal:home", "pen-line"),
    Item(_("Search everything"), "download:search", "search"),
    Item(_("Ask your archive"), "download:asks", "bot"),
    Item(_("Look at what you keep to read"), "download:library", "library"),
    Item(_("Save a link"), "download:save", "bookmark"),
    Item(_("Look at your highlights"), "download:highlights", "highlighter"),
    Item(_("Review what you kept"), "download:review", "history"),
    Item(_("Look at the calendar"), "journal:this-month", "calendar"),
    Item(_("Look at tags"), "journal:tags", "tag"),
    Item(_("Get a question to write about"), "journal:prompts", "quote"),
    Item(_("Go on with a draft"), "journal:drafts", "pen-line"),
    Item(_("Take back what was deleted"), "journal:trash", "undo-2"),
    Item(_("Import your past"), "journal:imports", "upload"),
    Item(_("Export everything"), "accounts:export", "download"),
    Item(_("See who read what"), "accounts:activity", "eye"),
    Item(_("Choose what AI may do"), "accounts:ai", "bot"),
    Item(_("Change your privacy"), "accounts:privacy", "lock"),
    Item(_("Change how it looks"), "accounts:appearance", "sun"),
    Item(_("Open the settings"), "accounts:settings", "settings"),
)


@dataclass(frozen=True, slots=True)
class Palette:
    """Where the palette asks for entries, where its whole results stand, and what else it does."""

    finds: str
    search: str
    actions: list[Link]


def palette(path: str) -> Palette | None:
    """None where nothing can be found, and on the palette's own page."""
    finds, search = _url("download:palette"), _url("download:search")
    if not finds or path == finds:
        return None
    return Palette(finds, search, links(ACTIONS, path))


def links(items: tuple[Item, ...], path: str) -> list[Link]:
    """The items whose pages exist; of those that `path` lies under, the closest one is current."""
    standing = [(item, url) for item in items if (url := _url(item.url_name))]
    above = [url for _item, url in standing if path.startswith(url)]
    current = max(above, key=len, default="")
    return [
        Link(item.title, url, item.icon, item.key, item.second, current=url == current)
        for item, url in standing
    ]


def shell(request: HttpRequest) -> dict[str, object]:
    """What every template knows: `rail`, `bottom_bar`, `palette`, `theme` (light, dark or empty), `request_id`.

    The lists are made when a template asks for them, so a part costs nothing.
    """
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "rail": SimpleLazyObject(lambda: links(RAIL, request.path)),
        "bottom_bar": SimpleLazyObject(lambda: links(BOTTOM_BAR, request.path)),
        "palette": SimpleLazyObject(lambda: palette(request.path)),
        "theme": theme if theme in THEMES else "",
        "request_id": current_request_id(),
    }


def _url(url_name: str) -> str:
    """The address, or nothing when the feature is not installed or the page not built."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
