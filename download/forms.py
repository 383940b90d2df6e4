"""The shape of what people send about what they keep."""

from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from download.models.exports import LibraryExport
from download.models.items import NOTE_CHARS, QUOTE_CHARS, TAG_CHARS, TITLE_CHARS, Item
from download.models.reviews import LEAST_CARDS, MOST_CARDS, Review
from writeorperish.privacy.levels import AIUsage
from writeorperish.ui.fields import FormId, FormText

MOST_PASTED = 50
PAGE_CHARS = 1_000_000


class TagsText(FormText):
    """Tags in one line, parted by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{
                "label": _("Tags"),
                "help_text": _("Parted by commas."),
                "required": False,
                "max_chars": 30 * (TAG_CHARS + 2),
                "widget": forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
                **kwargs,
            }
        )

    def clean(self, value: object) -> tuple[str, ...]:
        text = super().clean(value)
        return tuple(name for each in text.split(",") if (name := each.strip()))


class PasteForm(forms.Form):
    """Addresses, one on each line."""

    addresses = FormText(
        label=_("Addresses to keep, one on each line"),
        max_chars=MOST_PASTED * 2_100,
        strip=True,
        widget=forms.Textarea(
            attrs={"rows": 1, "autocomplete": "off", "inputmode": "url", "dir": "ltr"}
        ),
    )

    def clean_addresses(self) -> list[str]:
        lines = [
            line for each in self.cleaned_data["addresses"].split("\n") if (line := each.strip())
        ]
        if len(lines) > MOST_PASTED:
            raise forms.ValidationError(
                _("These are %(n)d addresses; 50 fit at once."), params={"n": len(lines)}
            )
        return lines


class SaveForm(forms.Form):
    """One link, before it is kept."""

    url = FormText(
        label=_("Address"),
        required=False,
        strip=True,
        max_chars=4_096,
        widget=forms.TextInput(attrs={"inputmode": "url", "dir": "ltr", "autocomplete": "off"}),
    )
    title = FormText(
        label=_("Title"),
        required=False,
        max_chars=TITLE_CHARS,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    tags = TagsText()
    note = FormText(
        label=_("Note"),
        required=False,
        max_chars=NOTE_CHARS,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    text = FormText(
        label=_("Page text"),
        help_text=_("Paste it here when the page asks for a sign-in. Otherwise it is fetched."),
        required=False,
        max_chars=PAGE_CHARS,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )


class AboutForm(forms.Form):
    """What a person says about one link."""

    title = SaveForm.base_fields["title"]
    tags = TagsText()
    note = SaveForm.base_fields["note"]
    ai_usage = forms.ChoiceField(
        label=_("May AI read this link?"), choices=AIUsage.choices, widget=forms.RadioSelect
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class TextForm(forms.Form):
    text = FormText(
        label=_("Page text"),
        help_text=_("Copy it from the page. It replaces the copy that is kept here."),
        max_chars=PAGE_CHARS,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
    )


class QuoteForm(forms.Form):
    """Words to keep, as they stand in the page."""

    quote = FormText(
        label=_("Words to keep"),
        help_text=_("Copy a sentence from the page; it is marked there."),
        strip=True,
        max_chars=QUOTE_CHARS,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto", "autocomplete": "off"}),
    )


class NoteForm(forms.Form):
    note = FormText(
        label=_("Note"),
        required=False,
        max_chars=NOTE_CHARS,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )


class PreferenceForm(forms.Form):
    """What new links begin with."""

    ai_usage = forms.ChoiceField(
        label=_("May AI read pages you save?"),
        help_text=_(
            "Needed for search by meaning and for answers. Counts for links you keep from now on."
        ),
        choices=AIUsage.choices,
        widget=forms.RadioSelect,
    )
    fetching = forms.BooleanField(
        label=_("Fetch the text of pages I save"),
        help_text=_("Our server asks the site for it, without a word about you."),
        required=False,
    )


class ChangesForm(forms.Form):
    """What is to be done with several links."""

    ids = forms.TypedMultipleChoiceField(coerce=str, required=True)
    act = forms.ChoiceField(
        choices=[*Item.Reading.choices, ("trash", "trash"), ("tag", "tag"), ("untag", "untag")]
    )
    tags = TagsText()


class ProgressForm(forms.Form):
    progress = forms.FloatField()


class TagForm(forms.Form):
    name = FormText(
        label=_("Name"),
        strip=True,
        max_chars=TAG_CHARS,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class CardForm(forms.Form):
    card = forms.UUIDField()


class AnswerForm(CardForm):
    """An answer to a card. `key` is made with the page, so that a double click is one answer."""

    key = forms.UUIDField()
    answer = forms.ChoiceField(choices=Review.Answer)


class UndoForm(forms.Form):
    review = forms.UUIDField()


class PaceForm(forms.Form):
    """How many cards a session has, and how well things should be remembered."""

    WANTED: ClassVar[list[tuple[str, Promise]]] = [
        ("0.75", _("Seldom")),
        ("0.85", _("Now and then")),
        ("0.92", _("Often")),
    ]

    cards = forms.IntegerField(
        label=_("Cards in a session"), min_value=LEAST_CARDS, max_value=MOST_CARDS
    )
    retention = forms.ChoiceField(
        label=_("How often things come back"),
        choices=WANTED,
        widget=forms.RadioSelect,
        help_text=_("The oftener, the better you remember, and the more there is to see each day."),
    )


class LinksForm(forms.Form):
    """A file of links from elsewhere."""

    file = forms.FileField(
        label=_("A file of links"),
        help_text=_("Up to 50 MB. It is encrypted as it arrives, and first only checked."),
        widget=forms.FileInput(attrs={"accept": ".html,.htm,.csv,.json,.js,.zip"}),
    )


class ImportChoicesForm(forms.Form):
    """How the rows of a file become links."""

    last_level = forms.BooleanField(
        label=_("Name folders by their inner name only"),
        help_text=_("A folder in a folder becomes the tag “Later” instead of “Reading/Later”."),
        required=False,
    )
    ai_as_told = forms.BooleanField(
        label=_("Let AI read what the file says it may read"),
        help_text=_(
            "Choose this for an export of your own only. Without it no link is opened to AI further than your "
            "library begins with."
        ),
        required=False,
    )


class FeedForm(forms.Form):
    """A library elsewhere, and what lets us in."""

    base = FormText(
        label=_("Address of the library"),
        help_text=_("Such as https://memeos.example. It is asked every hour."),
        strip=True,
        max_chars=2_048,
        widget=forms.TextInput(attrs={"inputmode": "url", "dir": "ltr", "autocomplete": "off"}),
    )
    token = FormText(
        label=_("Token"),
        help_text=_("If it wants one. It is kept encrypted and never shown again."),
        required=False,
        strip=True,
        max_chars=2_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "dir": "ltr"}),
    )


class TokenForm(forms.Form):
    """A new token for a source; without one the old one stays."""

    token = FormText(required=False, strip=True, max_chars=2_000)


class LibraryExportForm(forms.Form):
    """Which links are taken along, and as what."""

    format = forms.ChoiceField(
        label=_("As"),
        choices=LibraryExport.Format,
        initial=LibraryExport.Format.MEMEOS,
        widget=forms.RadioSelect,
    )
    reading = forms.ChoiceField(
        label=_("State"), choices=[("", _("All")), *Item.Reading.choices], required=False
    )
    review = forms.ChoiceField(
        label=_("Review"),
        choices=[("", _("All")), *LibraryExport.Review.choices],
        required=False,
    )
    due = forms.BooleanField(label=_("Only what is due for review today"), required=False)
    tag = FormText(
        label=_("Tag"),
        required=False,
        strip=True,
        max_chars=TAG_CHARS,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )


class PlaceForm(forms.Form):
    """The text that suggestions stand beside: one being written, or a saved entry."""

    draft = FormId(required=False)
    node = FormId(required=False)


class AskBesideForm(forms.Form):
    """A pause in writing: which text, where its caret is, and which suggestions are on screen."""

    draft = FormId()
    at = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    shown = forms.CharField(required=False, max_length=200)


class DismissalForm(forms.Form):
    verdict = forms.ChoiceField(choices=[("not_now", ""), ("never", "")])
