"""The shape of what people send about what they keep."""

from typing import ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from download.models.reviews import LEAST_CARDS, MOST_CARDS, Review


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
