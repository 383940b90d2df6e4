from datetime import UTC, date, datetime

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone

from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.ui.templatetags import ui

TODAY = date(2026, 11, 24)


def render(source, **context):
    return Template(source).render(Context(context)).strip()


class Form(forms.Form):
    name = forms.CharField(
        help_text="As you like.", widget=forms.TextInput(attrs={"placeholder": "Name"})
    )
    mail = forms.EmailField(required=False)
    token = forms.CharField(widget=forms.HiddenInput)


def test_an_unknown_icon_is_a_mistake():
    with pytest.raises(ValueError, match="no icon no-such"):
        render('{% icon "no-such" %}')


def test_words_from_people_are_escaped_wherever_a_component_shows_them():
    wild = '"><script>x()</script>'
    for source in (
        "{% ui_button wild data_x=wild %}",
        "{% ui_link_button wild wild %}",
        "{% ui_chip wild href=wild %}",
        '{% ui_audience "circles" names=wild %}',
        "{% ui_empty wild wild wild %}",
        "{% ui_person wild wild %}",
        "{% ui_toast wild %}",
        "{% ui_card title=wild %}{{ wild }}{% end_ui_card %}",
        "{% prose wild %}",
    ):
        assert "<script" not in render(source, wild=wild), source


def test_attributes_are_written_with_hyphens_and_left_out_when_there_is_nothing_to_say():
    html = render('{% ui_button "Go" aria_expanded="false" disabled=False hidden=True form=None %}')
    assert 'aria-expanded="false" hidden>' in html
    assert "disabled" not in html
    assert "form" not in html


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (date(2026, 11, 24), "Today"),
        (date(2026, 11, 23), "Yesterday"),
        (date(2026, 11, 19), "Thursday 19 November"),
        (date(2025, 11, 24), "Monday 24 November 2025"),
        (date(2026, 11, 25), "Wednesday 25 November"),
    ],
)
def test_a_day_is_named_as_people_name_it(on, words):
    assert ui.day_words(on, TODAY) == words


def test_an_instant_is_shown_in_the_persons_zone_and_keeps_its_offset():
    with timezone.override("Europe/Berlin"):
        html = render('{% ui_time at "time" %}', at=datetime(2026, 5, 3, 22, 30, tzinfo=UTC))
    assert '<time datetime="2026-05-04T00:30:00+02:00">00:30</time>' in html


def test_nothing_stands_where_an_instant_is_missing():
    assert render("{% ui_time at %}", at=None) == ""


def test_a_field_ties_label_help_and_error_to_its_control():
    html = render("{% ui_field form.name %}", form=Form({}))
    assert '<label class="field-label" for="id_name">' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert "placeholder" not in html


def test_the_fewer_fields_say_whether_they_are_asked_for():
    assert "(optional)" in render("{% ui_field form.mail %}", form=Form())
    assert "(required)" not in render("{% ui_field form.name %}", form=Form())


def test_a_hidden_field_has_no_label():
    assert render("{% ui_field form.token %}", form=Form()).startswith('<input type="hidden"')


def test_the_summary_of_errors_leads_to_each_field_and_is_absent_when_all_is_well():
    bad = render("{% ui_errors form %}", form=Form({"mail": "x"}))
    assert '<a href="#id_name">Name</a>' in bad
    assert '<a href="#id_mail">Mail</a>' in bad
    assert render("{% ui_errors form %}", form=Form({"name": "alice", "token": "1"})) == ""


@pytest.mark.parametrize("level", PrivacyLevel)
def test_every_audience_has_a_look_and_explains_itself_in_its_field(level):
    class Levels(forms.Form):
        privacy_level = forms.ChoiceField(choices=PrivacyLevel, widget=forms.RadioSelect)

    html = render("{% ui_field form.privacy_level %}", form=Levels())
    assert str(ui.AUDIENCES[level].hint) in html
    assert str(level.label) in render("{% ui_audience level %}", level=level)


@pytest.mark.parametrize("use", AIUsage)
def test_every_use_of_ai_has_a_look(use):
    assert str(use.label) in render("{% ui_ai_use use %}", use=use)


def test_two_forms_on_a_page_carry_two_keys():
    assert render("{% once %}") != render("{% once %}")


@pytest.mark.parametrize(
    ("name", "letters"), [("alice", "A"), ("Bob van der Example", "BE"), ("", "")]
)
def test_initials_are_the_first_and_the_last(name, letters):
    assert ui.initials(name) == letters
