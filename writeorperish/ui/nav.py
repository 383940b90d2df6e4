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
    """What every template knows: `rail`, `bottom_bar`, `theme` (light, dark or empty), `request_id`.

    The lists are made when a template asks for them, so a part costs nothing.
    """
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "rail": SimpleLazyObject(lambda: links(RAIL, request.path)),
        "bottom_bar": SimpleLazyObject(lambda: links(BOTTOM_BAR, request.path)),
        "theme": theme if theme in THEMES else "",
        "request_id": current_request_id(),
    }


def _url(url_name: str) -> str:
    """The address, or nothing when the feature is not installed or the page not built."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
