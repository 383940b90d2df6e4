import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from download import themes
from download.themes import Themes, borne_out, themes_in, themes_of
from tests.doubles.provider import provider
from tests.examples import examples
from tests.factories import entry
from writeorperish.ai import gateway
from writeorperish.ai.lexical import tokens
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read

TEXT = (
    "Slow mornings again. I told Anna about slow mornings and the deadline. The deadline is near, "
    "and Anna says burnout begins with a deadline."
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, ["slow mornings", "Anna", "deadline"]),
        ("", []),
        ("the and of", []),
        ("# Heading\n\n## Another\n\n### Third", []),
        ("One word. Once each. Nothing twice.", []),
        ("東京タワーに行った。東京タワーは高い。", ["東京タワー"]),
        ("We met <b>Anna</b> & 'Anna'; {quote:x}", ["Anna"]),
    ],
)
def test_what_stands_twice_or_is_a_name_is_a_theme(text, found):
    assert themes_in(text) == found


def test_what_is_rare_in_the_owners_texts_comes_first():
    text = "We had bread and music. Then more bread and music."
    assert themes_in(text, {"bread": 1.0, "music": 4.0})[0] == "music"
    assert themes_in(text, {"bread": 4.0, "music": 1.0})[0] == "bread"


@settings(max_examples=examples(50))
@given(st.text(max_size=400))
def test_every_theme_stands_in_its_text_and_shares_no_stem_with_another(text):
    found = themes_in(text)
    assert len(found) <= themes.MOST
    seen: set[str] = set()
    for each in found:
        stems = {word.text for word in tokens(each) if word.whole}
        assert stems <= {word.text for word in tokens(text)}
        seen |= stems


def test_a_models_theme_without_a_word_of_the_text_is_left_out():
    named = ["Slow  mornings", "slow mornings", "Anna's advice", "the economy", 7, ""]
    assert borne_out(named, TEXT) == ["Slow mornings", "Anna's advice"]


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings):
    """The local provider as Anthropic; it names three themes, one of which is of its own making."""
    server.requests.clear()
    server.orders.clear()
    server.says = lambda _request: '{"themes": ["Slow mornings", "The economy", "Anna"]}'
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    breaker("ai:anthropic:chat", counts=gateway.asking.is_away).close()
    yield server
    server.says = None


def agree(person):
    version = consent.terms()[Purpose.RECOMMEND].version
    consent.decide(person, Purpose.RECOMMEND, granted=True, text_version=version)


def named(node) -> Themes:
    passage = read(node.ref, purpose=Purpose.RECOMMEND)
    return themes_of(passage, {}, asks=themes.may_ask(passage))


@pytest.mark.django_db
def test_a_model_names_the_themes_of_an_open_text_once_and_only_after_a_yes(alice, double):
    node = entry(alice, TEXT, ai_usage="chat")
    by_rule = Themes(("slow mornings", "Anna", "deadline"))
    assert named(node) == by_rule
    assert double.requests == []
    agree(alice)
    assert named(node) == Themes(("Slow mornings", "Anna"), offline=False)
    assert named(node).offline is False
    assert len(double.requests) == 1
    assert read(entry(alice, TEXT).ref, purpose=Purpose.RECOMMEND) is None


@pytest.mark.django_db
def test_without_an_answer_of_use_the_rule_answers(alice, double):
    agree(alice)
    node = entry(alice, TEXT, ai_usage="chat")
    for said in ("no JSON", '{"themes": ["The economy"]}'):
        double.says = lambda _request, said=said: said
        assert named(node) == Themes(("slow mornings", "Anna", "deadline"))
