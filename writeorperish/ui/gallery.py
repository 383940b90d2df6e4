"""Every component once, with made-up words: what the style guide shows and the browser tests look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from django import forms
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Words
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.ui.diffs import word_diff
from writeorperish.ui.vendored import ROOT

OURS: Final = "ui/specimens"
LONG: Final = (
    "Donaudampfschifffahrtsgesellschaftskapitän, and after that a sentence that goes on for longer "
    "than any label should, so that one can see where the lines break and what gives way first."
)


@dataclass(frozen=True, slots=True)
class Specimen:
    """One component in all its variants. `context` is called for each rendering."""

    name: str
    title: Words
    template: str
    context: Callable[[], Mapping[str, object]] = dict


@dataclass(frozen=True, slots=True)
class Card:
    """A specimen as the style guide shows it."""

    name: str
    title: Words
    html: SafeString


_specimens: dict[str, Specimen] = {}


def specimen(
    name: str,
    title: Words,
    template: str = "",
    context: Callable[[], Mapping[str, object]] = dict,
) -> None:
    """From now on the style guide shows this. Ours stand in templates/ui/specimens/<name>.html."""
    _specimens[name] = Specimen(name, title, template or f"{OURS}/{name}.html", context)


def specimens() -> list[Specimen]:
    """Everything registered, in the order of registration."""
    return list(_specimens.values())


def cards() -> list[Card]:
    """Every specimen, rendered now."""
    return [
        Card(
            each.name,
            each.title,
            SafeString(get_template(each.template).render({**each.context()})),
        )
        for each in specimens()
    ]


# --- what our own specimens are filled with --------------------------------------------------


class SampleForm(forms.Form):
    """One field of each kind, some with something to complain about."""

    name = forms.CharField(label=_("Name"), help_text=_("Up to 60 letters."))
    mail = forms.EmailField(label=_("E-mail address"))
    zone = forms.ChoiceField(
        label=_("Time zone"), choices=[("utc", "UTC"), ("berlin", "Europe/Berlin")], required=False
    )
    about = forms.CharField(label=_("About you"), widget=forms.Textarea, required=False)
    archive = forms.FileField(label=_("Your past writing"), help_text=_("A zip of Markdown files."))
    spelling = forms.BooleanField(label=_("Check spelling"), required=False)
    remember = forms.BooleanField(label=_("Stay signed in"), required=False)
    circles = forms.MultipleChoiceField(
        label=_("Circles"),
        choices=[("1", "Close friends"), ("2", LONG)],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    privacy_level = forms.ChoiceField(
        label=_("Who can see this"), choices=PrivacyLevel, widget=forms.RadioSelect
    )
    ai_usage = forms.ChoiceField(
        label=_("What AI may do"), choices=AIUsage, widget=forms.RadioSelect
    )


def _form() -> dict[str, object]:
    data = {"mail": "alice", "privacy_level": "private", "ai_usage": "chat", "spelling": "on"}
    return {"form": SampleForm(data)}


def _times() -> dict[str, object]:
    return {"at": datetime(2026, 5, 3, 14, 2, tzinfo=UTC), "on": date(2026, 5, 3)}


def _entry() -> dict[str, object]:
    return {
        **_times(),
        "title": "alice's words about the rain",
        "excerpt": "It rained until noon and then the light came back over the roofs. I had meant "
        "to call, and instead I walked to the market, bought bread, and thought about Thursday.",
        "long": LONG,
        "text": "It rained until noon and then the light came back.\n\n"
        "> Nobody keeps a promise they made while tired.\n\n"
        "## What I keep\n\n- bread, still *warm*\n- the `key` under the third stone\n\n"
        "1. Call her\n2. Sleep",
        "circles": PrivacyLevel.CIRCLES,
    }


def _diff() -> dict[str, object]:
    before = "I had meant to call her today, and instead I walked to the market and bought bread."
    after = "I meant to call her, and instead I walked to the old market and bought some bread."
    return {"ops": word_diff(before, after), "before": before, "after": after}


def _marked() -> dict[str, object]:
    pieces = [("I walked to the ", False), ("market", True), (" and bought bread.", False)]
    return {**_entry(), "pieces": [{"text": text, "mark": mark} for text, mark in pieces]}


def _tokens() -> dict[str, object]:
    names = (
        "bg surface sunken hover text text-2 text-3 line control accent on-accent accent-soft ai ai-soft "
        "aud-circle aud-circle-soft aud-public aud-public-soft danger danger-soft warn warn-soft "
        "ok ok-soft mark ins del"
    )
    return {"tokens": names.split()}


def _icons() -> dict[str, object]:
    return {"icons": sorted(path.stem for path in (ROOT / "lucide").glob("*.svg"))}


specimen("tokens", _("Colours"), context=_tokens)
specimen("type", _("Type"), context=_entry)
specimen("icon", _("Icons"), context=_icons)
specimen("button", _("Buttons"))
specimen("icon_button", _("Icon buttons"))
specimen("chip", _("Chips"), context=_entry)
specimen("field", _("Fields"), context=_form)
specimen("errors", _("What needs another look"), context=_form)
specimen("editor", _("Editor"), context=_times)
specimen("save_state", _("Save state"), context=_times)
specimen("day", _("Days and entries"), context=_entry)
specimen("prose", _("Words of a person"), context=_entry)
specimen("thread", _("Thread"), context=_entry)
specimen("diff", _("What changed"), context=_diff)
specimen("conflict", _("Two versions of one text"), context=_diff)
specimen("marked", _("Search"), context=_marked)
specimen("card", _("Cards"))
specimen("banner", _("Banners"))
specimen("toast", _("Toasts"))
specimen("menu", _("Menu"))
specimen("dialog", _("Dialog"))
specimen("tabs", _("Tabs"))
specimen("details", _("Details"))
specimen("table", _("Table"), context=_times)
specimen("settings", _("Settings"))
specimen("version", _("Versions"), context=_times)
specimen("import_report", _("Report of an import"))
specimen("person", _("People"))
specimen("empty", _("Nothing yet"))
specimen("progress", _("Progress"))
specimen("skeleton", _("Not there yet"))
specimen("more", _("Show more"))
specimen("back", _("Back"))
specimen("time", _("Times"), context=_times)
specimen("shell", _("Rail and bottom bar"))
