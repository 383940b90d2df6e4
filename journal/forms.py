"""The shape of what people type about entries."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from journal.actions.portraits import BODY_CHARS
from journal.models.drafts import DRAFT_CHARS
from journal.models.nodes import TITLE_CHARS
from writeorperish.privacy.circles import circles_of
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.privacy.models import Circle, Viewer
from writeorperish.ui.fields import FormText, FormZone

# Writing help of the device stays on; extensions that read along are asked to stay away.
WRITING = {
    "autocapitalize": "sentences",
    "autocomplete": "off",
    "data-gramm": "false",
    "data-1p-ignore": True,
}


class CircleChoice(forms.ModelMultipleChoiceField[Circle]):
    def label_from_instance(self, obj: Model) -> str:
        return str(cast("Circle", obj).name)


class WordsForm(forms.Form):
    """Title and text, and the ids that make a repeated save the same save."""

    title = FormText(
        label=_("Title (optional)"),
        max_chars=TITLE_CHARS,
        required=False,
        strip=True,
        widget=forms.TextInput(
            attrs={"class": "editor-title", "placeholder": _("Title"), "dir": "auto", **WRITING}
        ),
    )
    text = FormText(
        label=_("What's on your mind?"),
        max_chars=DRAFT_CHARS,
        required=False,
        widget=forms.Textarea(
            attrs={
                "class": "editor-text",
                "placeholder": _("What's on your mind?"),
                "rows": 3,
                "dir": "auto",
                **WRITING,
            }
        ),
    )
    draft = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @property
    def draft_id(self) -> UUID | None:
        found: UUID | None = self.cleaned_data["draft"]
        return found


class NodeForm(WordsForm):
    """A new entry or reply."""

    parent = forms.UUIDField(required=False, widget=forms.HiddenInput)
    privacy_level = forms.ChoiceField(
        label=_("Who can see this"), choices=PrivacyLevel, widget=forms.RadioSelect
    )
    ai_usage = forms.ChoiceField(
        label=_("What AI may do"), choices=AIUsage, widget=forms.RadioSelect
    )
    circles = CircleChoice(
        label=_("Circles"),
        queryset=Circle.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self, *args: Any, person: Viewer, levels: list[PrivacyLevel], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["circles"].queryset = circles_of(person)  # type: ignore[attr-defined, arg-type]
        self.fields["privacy_level"].choices = [  # type: ignore[attr-defined]
            (level.value, level.label) for level in levels
        ]

    @property
    def shown_level(self) -> PrivacyLevel:
        """What the chip says: the level chosen, the narrowest while that is none we know."""
        chosen = self["privacy_level"].value()
        return PrivacyLevel(chosen) if chosen in PrivacyLevel.values else PrivacyLevel.PRIVATE

    @property
    def shown_ai_usage(self) -> AIUsage:
        chosen = self["ai_usage"].value()
        return AIUsage(chosen) if chosen in AIUsage.values else AIUsage.NONE


class EditForm(WordsForm):
    """The words of an entry, and the revision they were changed from."""

    base_rev = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    resolves = forms.UUIDField(required=False, widget=forms.HiddenInput)


class PortraitForm(forms.Form):
    """The profile's words, and the version they were changed from."""

    body = FormText(
        label=_("Your profile"),
        max_chars=BODY_CHARS,
        help_text=_("One sentence a line. A line that begins with ## is a heading."),
        widget=forms.Textarea(attrs={"rows": 18, "dir": "auto", **WRITING}),
    )
    base_rev = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class AudienceForm(forms.Form):
    """Who can see an entry and what AI may do with it, with the head count that was shown."""

    privacy_level = forms.ChoiceField(
        label=_("Who can see this"), choices=PrivacyLevel, widget=forms.RadioSelect
    )
    circles = CircleChoice(
        label=_("Circles"),
        queryset=Circle.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    ai_usage = forms.ChoiceField(
        label=_("What AI may do"), choices=AIUsage, widget=forms.RadioSelect
    )
    expect_people = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, person: Viewer, levels: list[PrivacyLevel], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["circles"].queryset = circles_of(person)  # type: ignore[attr-defined, arg-type]
        self.fields["privacy_level"].choices = [  # type: ignore[attr-defined]
            (level.value, level.label) for level in levels
        ]


class UploadForm(forms.Form):
    """A zip of Markdown, or an export of ours or of another program."""

    file = forms.FileField(
        label=_("A zip file of Markdown, or an export from here or elsewhere"),
        help_text=_(
            "Up to 64 MB on this page. It is encrypted as it arrives, and first only checked."
        ),
        widget=forms.FileInput(attrs={"accept": ".zip,.json,application/zip,application/json"}),
    )


class SpokenForm(forms.Form):
    """A sound file instead of the microphone."""

    file = forms.FileField(
        label=_("A sound file"),
        help_text=_(
            "MP3, M4A, WAV, OGG, WebM or FLAC, up to 200 MB and six hours; up to 64 MB without scripts. It is "
            "encrypted as it arrives."
        ),
        widget=forms.FileInput(attrs={"accept": "audio/*,video/webm,video/mp4"}),
    )
    written_down = forms.BooleanField(
        label=_("Let AI write it down"),
        required=False,
    )


class ImportForm(forms.Form):
    """What the imported entries shall be. Nobody but you sees them unless you say so here."""

    privacy_level = forms.ChoiceField(
        label=_("Who can see the imported entries"),
        choices=[
            (PrivacyLevel.PRIVATE.value, PrivacyLevel.PRIVATE.label),
            (PrivacyLevel.CIRCLES.value, PrivacyLevel.CIRCLES.label),
        ],
        widget=forms.RadioSelect,
    )
    circles = CircleChoice(
        label=_("Circles"),
        queryset=Circle.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    ai_usage = forms.ChoiceField(
        label=_("What AI may do with them"), choices=AIUsage, widget=forms.RadioSelect
    )
    zone = FormZone(label=_("Time zone for dates without one"))
    beside = forms.BooleanField(
        label=_("Also other branches of conversations, and the texts of attached files"),
        required=False,
    )
    trash = forms.ChoiceField(
        label=_("Entries that are in Recently deleted"),
        choices=[("skip", _("Leave them there")), ("restore", _("Restore them"))],
    )

    def __init__(self, *args: Any, person: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["circles"].queryset = circles_of(person)  # type: ignore[attr-defined, arg-type]
