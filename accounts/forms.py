"""The shape of what people set about themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.people import ZONES
from accounts.models import Profile
from writeorperish.ai import routing
from writeorperish.ai.instructions import MOST_CHARS
from writeorperish.ai.routing import Choice
from writeorperish.ops.refusals import Words
from writeorperish.privacy.consent import ALWAYS_ASKED, counts, terms
from writeorperish.privacy.models import Consent
from writeorperish.ui.fields import FormText


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

    instructions = FormText(
        label=_("How should AI talk with you?"),
        required=False,
        max_chars=MOST_CHARS,
        widget=forms.Textarea({"rows": 5}),
        help_text=_(
            "In your own words: manner, length, language, what to leave alone. Models are told this with every "
            "reply you ask for. Empty the field to take it back."
        ),
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
        names = dict.fromkeys(each.provider for each in models)
        if len(names) > 1:  # with one, the pause switch says the same
            self.fields["providers"] = forms.MultipleChoiceField(
                label=_("Who may answer"),
                required=False,
                choices=[(name, routing.NAMES[name]) for name in names],
                widget=forms.CheckboxSelectMultiple,
                help_text=_("With none of them, replies are made on this server, by rule."),
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


class LearningForm(forms.Form):
    """Whether suggestions may learn at all."""

    learning = forms.BooleanField(required=False)

    def __init__(self, *args: Any, words: Words, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["learning"].label = str(words)
