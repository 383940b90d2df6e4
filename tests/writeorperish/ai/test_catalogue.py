from datetime import date

import pytest
from django.core.management import CommandError, call_command

from writeorperish.ai import catalogue, prompts, routing
from writeorperish.ai.catalogue import Model, Price, Rates
from writeorperish.ai.prompts import BadPrompt, parsed
from writeorperish.ai.providers.wire import Usage

DAY = date(2026, 11, 20)
HAIKU = catalogue.shipped()["claude-haiku-5-5"]


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1_000_000, 0, 0, 0), 500_000),  # above the step, so all of it
        (Usage(100_000, 0, 0, 0), 10_000),
        (Usage(1, 0, 0, 0), 1),  # rounded up
        (Usage(0, 0, 0, 1_000), 500),
        (Usage(1_000, 400, 100, 0), 67),  # 500 new, 400 read, 100 written
    ],
    ids=str,
)
def test_a_call_costs_what_the_list_says(usage, cost):
    assert catalogue.cost_microdollars(HAIKU, usage, on=DAY) == cost


def test_a_day_has_the_price_of_its_day():
    model = Model("openai", "m", "M", frozenset({"chat"}), (
        Price(date(2026, 1, 1), Rates(put=1_000)), Price(date(2026, 6, 1), Rates(put=2_000)),
    ))  # fmt: skip
    million = Usage(1_000_000, 0, 0, 0)
    assert catalogue.cost_microdollars(model, million, on=date(2026, 5, 31)) == 1_000_000
    assert catalogue.cost_microdollars(model, million, on=date(2026, 6, 1)) == 2_000_000
    with pytest.raises(LookupError):
        model.price(date(2025, 12, 31))


def test_other_scripts_count_for_more():
    assert catalogue.tokens_of(HAIKU, ["a" * 300]) == 108
    assert catalogue.tokens_of(HAIKU, ["語" * 300]) == 258


def test_the_shipped_catalogue_is_sound(capsys):
    call_command("check_catalogue")
    assert "every route resolves" in capsys.readouterr().out


def test_a_route_to_nowhere_is_found(monkeypatch):
    monkeypatch.setattr(catalogue, "routes", lambda: {"large": ("nobody",)})
    with pytest.raises(CommandError, match="nobody, which is no model"):
        call_command("check_catalogue")


def test_without_keys_nobody_may_be_asked(settings):
    assert routing.choices("large", key_class="chat", on=DAY) == []


def test_own_servers_come_first_and_a_wish_before_them(settings):
    settings.ANTHROPIC_API_KEY, settings.OPENAI_API_KEY = "a", "o"
    settings.COMPAT_BASE_URL, settings.COMPAT_MODELS = "http://127.0.0.1:1", {"large": "qwen3"}
    names = [each.model.id for each in routing.choices("large", key_class="chat", on=DAY)]
    assert names == ["qwen3", "claude-sonnet-5-5", "gpt-6.1-sol"]
    first = routing.choices("large", key_class="chat", on=DAY, prefer="gpt-6.1-sol")[0]
    assert first.model.id == "gpt-6.1-sol"
    assert routing.choices("large", key_class="chat", on=DAY, prefer="gone")[0].model.id == "qwen3"


@pytest.mark.parametrize(
    ("chat", "train", "wanted", "key"),
    [
        ("c", "t", "chat", ("c", "chat")),
        ("c", "t", "train", ("t", "train")),
        ("c", "", "train", ("c", "chat")),
        ("", "t", "chat", None),
    ],
)
def test_the_key_that_allows_training_is_never_used_for_what_may_not(
    settings, chat, train, wanted, key
):
    settings.OPENAI_API_KEY, settings.OPENAI_TRAIN_API_KEY = chat, train
    found = routing.choices("large", key_class=wanted, on=DAY)
    assert [(each.access.key, each.key_class) for each in found] == ([key] if key else [])


def test_a_retired_model_is_passed_over(settings, monkeypatch):
    settings.OPENAI_API_KEY = "o"
    old = Model("openai", "old", "Old", frozenset({"chat"}), (), retires=DAY)
    monkeypatch.setattr(catalogue, "route", lambda tier: [old])
    assert routing.choices("large", key_class="chat", on=DAY) == []


GOOD = "---\ntier: large\nmax_output: 10\npurpose: reply\nslots:\n  a: {kind: fact, tokens: 5}\n---\nSay {a}.\n"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("---\ntier", "tier"), "a head in YAML"),
        (("tier: large", "tier: huge"), "no tier huge"),
        (("max_output", "maximum"), "unknown in its head"),
        (("kind: fact", "kind: text"), "unknown kinds"),
        (("Say {a}.", "Say it."), "its words use"),
        (("Say {a}.", "Say {a} {b}."), "its words use"),
        (("kind: fact", "kind: typed"), "no place in the system turn"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[1],
)
def test_a_prompt_that_cannot_be_used_says_why(change, why):
    assert parsed("journal/good", GOOD).system == "Say {a}."
    with pytest.raises(BadPrompt, match=why):
        parsed("journal/bad", GOOD.replace(*change))


def test_every_shipped_prompt_can_be_used():
    assert "journal/reply" in prompts.shipped()
    assert prompts.check_prompts(None) == []
    with pytest.raises(LookupError):
        prompts.named("journal/nothing")


def test_other_words_are_another_version():
    one, other = parsed("a/b", GOOD), parsed("a/b", GOOD.replace("Say", "Tell"))
    assert one.version != other.version
    assert len(one.version) == 12
