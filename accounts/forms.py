"""The shape of what people set about themselves."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.people import ZONES
from accounts.models import Profile


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
