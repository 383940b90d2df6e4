"""The components of our pages as template tags; their markup is in templates/ui/, one file each."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Final, Protocol

from django import template
from django.forms import BoundField, Form
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from writeorperish.ops.refusals import Words
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.refs import new_id
from writeorperish.ui import prose as markdown
from writeorperish.ui.diffs import Op
from writeorperish.ui.looks import AI_USES, AUDIENCES, Attribute, Look, attributes
from writeorperish.ui.slots import open_slots
from writeorperish.ui.vendored import SPRITE

register = template.Library()

TOAST_ICONS: Final = {"error": "triangle-alert", "warning": "triangle-alert", "info": "info"}


class Guarded(Protocol):
    privacy_level: str
    ai_usage: str


class Piece(Protocol):
    text: str
    mark: bool


# --- small things ----------------------------------------------------------------------------


@register.simple_tag
def icon(name: str) -> SafeString:
    """One picture of the sprite, hidden from screen readers. ValueError for a name it does not hold."""
    if name not in _icon_names():
        raise ValueError(f"icons.svg holds no icon {name}; see manage.py vendor.")
    address = f"{static('ui/icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', address)


@cache
def _icon_names() -> frozenset[str]:
    return frozenset(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text(encoding="utf-8")))


@register.inclusion_tag("ui/once.html")
def once() -> dict[str, object]:
    """A hidden key, so that the second of two equal posts gets the answer of the first."""
    return {"key": new_id()}


@register.inclusion_tag("ui/prose.html")
def prose(text: str, size: str = "") -> dict[str, object]:
    """What a person wrote in Markdown, as clean HTML. size: `small` in cards and quotes."""
    return {"html": markdown.render(text), "size": size}


@register.inclusion_tag("ui/slots.html")
def slots(hole: str, **ids: object) -> dict[str, object]:
    """What other features put into this hole: regions that load themselves, links without scripts."""
    return {"slots": open_slots(hole, **ids)}


@register.inclusion_tag("ui/time.html")
def ui_time(at: datetime | None, form: str = "full") -> dict[str, object]:
    """An instant in the person's zone. form: `full`, `date`, `time`, or `relative` ("5 minutes ago")."""
    if at is None:
        return {"at": None}
    local = timezone.localtime(at)
    patterns = {"date": "j F Y", "time": "H:i"}
    words = date_format(local, patterns.get(form, "j F Y, H:i"))
    return {"at": local, "words": words, "relative": form == "relative"}


@register.inclusion_tag("ui/day.html")
def ui_day(on: date, number: int = 1) -> dict[str, object]:
    """The heading over one day. Its id is `day-<date>-<number>`: a day may begin on two pages of a list."""
    return {"on": on, "words": day_words(on, timezone.localdate()), "number": number}


def day_words(on: date, today: date) -> str:
    """Today, Yesterday, else weekday and day, with the year when it is another one."""
    ago = (today - on).days
    if ago == 0:
        return _("Today")
    if ago == 1:
        return _("Yesterday")
    return date_format(on, "l j F" if on.year == today.year else "l j F Y")


@register.filter
def dollars(microdollars: int) -> str:
    """A price as people read it; below a cent it says so."""
    if 0 < microdollars < 10_000:
        return _("under $0.01")
    return f"${microdollars / 1_000_000:.2f}"


@register.filter
def thousands(number: int) -> str:
    """A count as people read it: 2,021."""
    return f"{number:,}"


# --- buttons and chips -----------------------------------------------------------------------


@register.inclusion_tag("ui/button.html")
def ui_button(
    label: Words,
    kind: str = "default",
    icon: str = "",
    type: str = "submit",
    wide: bool = False,
    **more: Attribute,
) -> dict[str, object]:
    """A button. kind: primary, default, quiet, danger, or final for the last confirmation of a danger.

    more: further attributes, an underscore for each hyphen (`hx_get="…"`).
    """
    return {
        "label": label,
        "kind": kind,
        "icon": icon,
        "type": type,
        "wide": wide,
        "more": attributes(more),
    }


@register.inclusion_tag("ui/link_button.html")
def ui_link_button(
    label: Words,
    href: str,
    kind: str = "default",
    icon: str = "",
    wide: bool = False,
    **more: Attribute,
) -> dict[str, object]:
    """A real link that looks like a button."""
    return ui_button(label, kind, icon, "", wide, **more, href=href)


@register.inclusion_tag("ui/icon_button.html")
def ui_icon_button(icon: str, label: Words, href: str = "", **more: Attribute) -> dict[str, object]:
    """A picture to press, its words for screen readers and pointers; a link when it has an address."""
    return {
        "icon": icon,
        "label": label,
        "href": href,
        "type": more.pop("type", "button"),
        "more": attributes(more),
    }


@register.simple_tag
def ui_tone_of(tags: Sequence[str] | str, href: str = "") -> str:
    """The kind of button that allauth's tags ask for; what leads elsewhere is never the primary one."""
    if "danger" in tags:
        return "danger"
    if "link" in tags:
        return "quiet"
    if href or {"outline", "secondary", "minor", "panel"} & set(tags):
        return "default"
    return "primary"


@register.inclusion_tag("ui/chip.html")
def ui_chip(
    label: Words, icon: str = "", tone: str = "neutral", href: str = "", **more: Attribute
) -> dict[str, object]:
    """A fact in a pill; a link when it has an address. tone: neutral, circle, public, ai, warn, ok."""
    return {"label": label, "icon": icon, "tone": tone, "href": href, "more": attributes(more)}


@register.inclusion_tag("ui/chip.html")
def ui_audience(
    row: Guarded | str,
    href: str = "",
    names: str = "",
    count: int | None = None,
    **more: Attribute,
) -> dict[str, object]:
    """Who can see this row (or level): for circles their names and how many people, where given."""
    level = row if isinstance(row, str) else row.privacy_level
    look = AUDIENCES[PrivacyLevel(level)]
    label: Words = look.label
    if level == PrivacyLevel.CIRCLES:
        label = names or label
        if count is not None:
            people = ngettext("%(n)d person", "%(n)d people", count) % {"n": count}
            label = f"{label} · {people}"
    return ui_chip(label, look.icon, look.tone, href, **more)


@register.inclusion_tag("ui/chip.html")
def ui_ai_use(row: Guarded | str, href: str = "", **more: Attribute) -> dict[str, object]:
    """What AI may do with this row (or at this level)."""
    look = AI_USES[AIUsage(row if isinstance(row, str) else row.ai_usage)]
    return ui_chip(look.label, look.icon, look.tone, href, **more)


# --- forms -----------------------------------------------------------------------------------

KINDS: Final = {
    "checkbox": "check",
    "radioselect": "radios",
    "checkboxselectmultiple": "checks",
    "select": "select",
    "nullbooleanselect": "select",
    "textarea": "textarea",
    "file": "file",
    "clearablefile": "file",
    "hidden": "hidden",
}


@register.inclusion_tag("ui/field.html")
def ui_field(field: BoundField, switch: bool = False, short: bool = False) -> dict[str, object]:
    """One field with its label, help, control and error. A choice of audience or AI use explains itself.

    switch: a checkbox as on or off. Placeholders are left out: the label says it and stays.
    """
    kind = KINDS.get(field.widget_type, "input")
    if kind == "check" and switch:
        kind = "switch"
    return {
        "field": field,
        "kind": kind,
        "control": _control(field, kind, short),
        "choices": _choices(field) if kind == "radios" else [],
        "described_by": field.aria_describedby,
        "note": _note(field),
    }


def _control(field: BoundField, kind: str, short: bool) -> SafeString:
    if kind in {"radios", "checks"}:
        return SafeString()
    attrs: dict[str, str | bool] = {"placeholder": False}
    if kind not in {"check", "switch", "hidden"}:
        attrs["class"] = "input"
    if kind == "switch":
        attrs["role"] = "switch"
    if short:
        attrs["data-size"] = "short"
    return field.as_widget(attrs=attrs)


def _choices(field: BoundField) -> list[dict[str, object]]:
    values = {str(each.data["value"]) for each in field.subwidgets}
    looks: dict[str, Look] = {}
    for known in (AUDIENCES, AI_USES):
        if values <= {str(level) for level in known}:
            looks = {str(level): look for level, look in known.items()}
    return [
        {"widget": each, "look": looks.get(str(each.data["value"]))} for each in field.subwidgets
    ]


def _note(field: BoundField) -> str:
    """The word (optional) or (required), on whichever fields of the form are fewer."""
    asked = [each for each in field.form.visible_fields() if each.widget_type != "checkbox"]
    required = sum(each.field.required for each in asked)
    optional = len(asked) - required
    if field.field.required:
        return _("(required)") if required < optional else ""
    return _("(optional)") if 0 < optional <= required else ""


@register.inclusion_tag("ui/errors.html")
def ui_errors(form: Form) -> dict[str, object]:
    """What the server found, first and together, with links to the fields; nothing when all is well."""
    wrong = [field for field in form if field.errors]
    return {"fields": wrong, "general": form.non_field_errors(), "any": bool(form.errors)}


# --- states ----------------------------------------------------------------------------------


@register.inclusion_tag("ui/empty.html")
def ui_empty(sentence: Words, label: Words = "", href: str = "") -> dict[str, object]:
    """One sentence where nothing is, and at most one thing to do about it."""
    return {"sentence": sentence, "label": label, "href": href}


@register.inclusion_tag("ui/progress.html")
def ui_progress(done: int | None, total: int | None, words: Words) -> dict[str, object]:
    """How far a piece of work is; without a total only that it goes on."""
    return {"done": done, "total": total, "words": words}


@register.inclusion_tag("ui/skeleton.html")
def ui_skeleton(lines: int = 3) -> dict[str, object]:
    """The place of something that is fetched later."""
    return {"lines": range(lines)}


@register.inclusion_tag("ui/save_state.html")
def ui_save_state(saved_at: datetime | None = None) -> dict[str, object]:
    """The line that says where the words are."""
    return {"saved_at": saved_at}


@register.inclusion_tag("ui/toast.html")
def ui_toast(words: Words, level: str = "success") -> dict[str, object]:
    """One thing that just happened. level: a name of Django's messages."""
    return {"words": words, "level": level, "icon": TOAST_ICONS.get(level, "circle-check")}


# --- lists and texts -------------------------------------------------------------------------


@register.inclusion_tag("ui/diff.html")
def ui_diff(ops: Iterable[Op]) -> dict[str, object]:
    """What changed, word by word; taken out and put in are also said in words."""
    return {"ops": ops}


@register.inclusion_tag("ui/marked.html")
def ui_marked(pieces: Iterable[Piece], verbatim: bool = True) -> dict[str, object]:
    """A text in pieces, those that were looked for marked; not `verbatim` without the signs of Markdown."""
    if verbatim:
        return {"pieces": pieces}
    plain = [
        {"text": markdown.without_signs(piece.text, from_line=n == 0), "mark": piece.mark}
        for n, piece in enumerate(pieces)
    ]
    return {"pieces": plain}


@register.inclusion_tag("ui/more.html")
def ui_more(href: str, label: Words = "") -> dict[str, object]:
    """The link to what comes next in a list."""
    return {"href": href, "label": label or _("Show more")}


@register.inclusion_tag("ui/back.html")
def ui_back(label: Words, href: str) -> dict[str, object]:
    """The way up, over a heading."""
    return {"label": label, "href": href}


@register.inclusion_tag("ui/person.html")
def ui_person(name: str, relation: Words = "") -> dict[str, object]:
    """A person by name and initials: no picture is ever fetched."""
    return {"name": name, "relation": relation, "initials": initials(name)}


def initials(name: str) -> str:
    """The first letters of the first and last word, for the eye; one letter for one word."""
    parts = name.split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


# --- around other content --------------------------------------------------------------------


@register.simple_block_tag(end_name="end_ui_card")
def ui_card(content: str, title: Words = "", tone: str = "") -> str:
    """A box for one thing. tone: `ai` for what a model wrote."""
    return render_to_string("ui/card.html", {"content": content, "title": title, "tone": tone})


@register.simple_block_tag(end_name="end_ui_banner")
def ui_banner(content: str, tone: str = "", icon: str = "info", role: str = "") -> str:
    """A sentence over the page. tone: warn, danger, ok, ai, or none."""
    return render_to_string(
        "ui/banner.html", {"content": content, "tone": tone, "icon": icon, "role": role}
    )


@register.simple_block_tag(end_name="end_ui_menu")
def ui_menu(content: str, label: Words, name: str, icon: str = "ellipsis") -> str:
    """A button that opens a list of links and buttons. `name` is the list's id on the page."""
    return render_to_string(
        "ui/menu.html", {"content": content, "label": label, "name": name, "icon": icon}
    )


@register.simple_block_tag(end_name="end_ui_dialog")
def ui_dialog(content: str, title: Words, name: str, opened: bool = False) -> str:
    """A modal, opened by `data-dialog="#<name>"`. opened: shown in place, for the style guide and without scripts."""
    return render_to_string(
        "ui/dialog.html", {"content": content, "title": title, "name": name, "opened": opened}
    )


@register.simple_block_tag(end_name="end_ui_details")
def ui_details(content: str, summary: Words, opened: bool = False) -> str:
    """What can wait behind one line."""
    return render_to_string(
        "ui/details.html", {"content": content, "summary": summary, "opened": opened}
    )
