"""The shape of what people set about themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.people import ZONES
from accounts.models import Profile
from writeorperish.ai.routing import Choice
from writeorperish.privacy.consent import ALWAYS_ASKED, counts, terms
from writeorperish.privacy.models import Consent


class AccountForm(forms.ModelForm[Profile]):
    class Meta:
        model = Profile
        fields = ["handle", "name", "zone"]
        labels = {"handle": _("Handle"), "name": _("Name"), "zone": _("Time zone")}
        help_texts = {
            "handle": _("3 to 30 of a–z, 0–9 and _. People you share with can find you by it."),
            "zone": _("Days in your journal begin and end here."),
        }

    zone = forms.ChoiceField(label=_("Time zone"), choices=[(zone, zone) for zone in sorted(ZONES)])


class AppearanceForm(forms.ModelForm[Profile]):
    class Meta:
        model = Profile
        fields = ["theme", "reading_size"]
        labels = {"theme": _("Theme"), "reading_size": _("Reading size")}
        widgets = {"theme": forms.RadioSelect, "reading_size": forms.RadioSelect}


class DefaultsForm(forms.ModelForm[Profile]):
    class Meta:
        model = Profile
        fields = ["default_ai_usage"]
        labels = {"default_ai_usage": _("What AI may do with new entries")}
        widgets = {"default_ai_usage": forms.RadioSelect}


class AIForm(forms.Form):
    """The pause switch, the model asked first, and one yes or no for each consent that AI needs."""

    paused = forms.BooleanField(
        label=_("Pause AI"),
        required=False,
        help_text=_("Nothing is given to any model until you switch it on again."),
    )

    def __init__(
        self,
        *args: Any,
        models: Sequence[Choice],
        consents: Mapping[str, Consent | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["preferred_model"] = forms.ChoiceField(
            label=_("Model asked first"),
            required=False,
            choices=[
                ("", _("Whichever is set up first")),
                *((each.model.id, each.model.name) for each in models),
            ],
        )
        self.before: dict[str, bool] = {}
        for purpose, asked in terms().items():
            if asked.outside or purpose in ALWAYS_ASKED:
                given = consents.get(purpose)
                self.before[purpose] = bool(given and counts(given, asked))
                self.fields[purpose] = forms.BooleanField(
                    label=str(asked.text), required=False, initial=self.before[purpose]
                )

    def decided(self) -> dict[str, bool]:
        """The consents that were changed, and how."""
        return {
            purpose: self.cleaned_data[purpose]
            for purpose, before in self.before.items()
            if self.cleaned_data[purpose] != before
        }
