import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from writeorperish.ai.lexical import LONGEST_TOKEN, STOP_WORDS, fold, sentences, stem, tokens

PIECES = st.sampled_from(
    [
        *"abzİıßæøđłŁ½ﬁﬀ…'’-—“” \n\t.0123",
        *"かが今語ｶｱーไทยสวัສ한한",
        *["e\u0301", "A\u030a", "か\u3099", "ｶﾞ", "क्षि", "ب\u064e", "ש\u05c1"],
        *["👨\u200d👩\u200d👧", "🇨🇿", "🇨", "1️⃣", "👍🏽", "\u200d", "\u00ad", "\u202e"],
        *["\r\n", "\r", "\u0300", "\u2028", "\u200b", "ǆ", "ŉ", "ΐ", "ς", "ﷺ"],
    ]
)
TEXTS = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=40).map("".join)


@settings(max_examples=examples(200))
@given(TEXTS, st.data())
def test_folded_characters_come_from_the_characters_they_point_at(text, data):
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    if not folded.text:
        return
    a = data.draw(st.integers(0, len(folded.text) - 1))
    b = data.draw(st.integers(a + 1, len(folded.text)))
    start, end = folded.span(a, b)
    assert folded.text[a:b] in fold(text[start:end]).text


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Crème BRÛLÉE", "creme brulee"),
        ("cre\u0300me", "creme"),
        ("ﬁnance ½", "finance 1/2"),
        ("İstanbul ısı", "istanbul isi"),
        ("Łódź Ørsted Straße Æsop", "lodz orsted strasse aesop"),
        ("が", "が"),
        ("か\u3099", "が"),
        ("ｶﾞ", "ガ"),
        ("\u1112\u1161\u11ab", "한"),
        ("“Don’t” – so…", '"don\'t" - so...'),
        ("pi\u00adano\u200d", "piano"),
        ("ВСЁ Ёлка", "все елка"),
        ("ἄνθρωπος", "ανθρωποσ"),
    ],
)
def test_spellings_of_one_word_fold_alike(written, folded):
    assert fold(written).text == folded


def found(text):
    return [word.text for word in tokens(text)]


def test_words_carry_the_place_they_stand_at():
    text = "Zítra cafe\u0301: ﬁnance."
    assert [(word.text, text[word.start : word.end]) for word in tokens(text)] == [
        ("zitra", "Zítra"),
        ("cafe", "cafe\u0301"),
        ("financ", "ﬁnance"),
    ]


@settings(max_examples=examples(150))
@given(TEXTS)
def test_tokens_lie_inside_the_text_and_are_short(text):
    for word in tokens(text):
        assert 0 <= word.start < word.end <= len(text)
        assert 0 < len(word.text) <= LONGEST_TOKEN


@settings(max_examples=examples(150))
@given(TEXTS)
@example("mother-in-law's 3.14 İstanbul’da")
def test_a_word_copied_into_the_search_field_finds_itself(text):
    for word in tokens(text):
        if word.whole:
            assert word.text in found(text[word.start : word.end])


def test_a_compound_is_its_parts_and_the_whole():
    assert found("mother-in-law") == ["mother", "law", "motherinlaw"]
    assert "email" in found("e-mail")
    assert found("email") == ["email"]


def test_contractions_leave_no_other_word_behind():
    assert found("he'll she’ll won't can't we're") == []
    assert found("Alice's") == ["alic"]


def test_numbers_keep_their_points():
    assert found("3.14 10:30 1,000. 7,") == ["3.14", "10:30", "1,000", "7"]


def test_tags_names_and_hosts_are_tokens_of_their_own():
    assert {"#garden", "garden"} <= set(found("wet #garden today"))
    assert {"@bob", "bob"} <= set(found("ask @bob"))
    assert "@example" not in found("bob@example.org")
    assert "example.org" in found("see https://me:pw@www.Example.org/a?b#c")


def test_scripts_without_spaces_are_found_by_one_and_by_two_characters():
    assert {"海", "海ま"} <= set(found("今日は海まで"))
    assert {"ไท", "ท"} & set(found("ภาษาไทย"))
    assert {"여러분", "여러", "러분"} == set(found("여러분"))


@pytest.mark.parametrize(
    "forms",
    [
        "hope hopes hoped hoping",
        "hop hops hopped hopping",
        "care cares cared caring",
        "run runs running",
        "write writes writing",
        "family families",
        "try tries tried trying",
        "study studies studied studying",
        "use uses used using",
        "travel travels travelled travelling traveling",
        "fall falls falling",
        "class classes",
        "agree agrees agreed agreeing",
        "feel feels feeling feelings",
        "slow slowly",
        "happy happily",
        "piano pianos",
        "teacher teachers",
    ],
)
def test_forms_of_one_english_word_share_a_stem(forms):
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize("pair", ["car care", "hop hope", "even event", "plan plane", "war warm"])
def test_different_words_keep_different_stems(pair):
    one, other = pair.split()
    assert stem(one) != stem(other)


def test_other_scripts_and_short_words_are_not_stemmed():
    assert [stem(word) for word in ("bus", "делаing", "3rds", "食べing")] == [
        "bus",
        "делаing",
        "3rds",
        "食べing",
    ]


def test_stop_words_of_eleven_languages_are_skipped_and_everyday_words_are_not():
    for text in (
        "the",
        "und",
        "dans",
        "porque",
        "nella",
        "você",
        "zijn",
        "också",
        "protože",
        "który",
        "чтобы",
    ):
        assert found(text) == [], text
    for word in ("war", "son", "man", "men", "die", "door", "want", "come", "sin", "hell", "well"):
        assert word == "well" or word not in STOP_WORDS, word


def test_sentences_end_where_a_reader_would_end_them():
    text = (
        "Dr. Smith came. He sat down! “Really?” she said. i went home. then i slept, ca. 5 hours.\n"
        "It ended… or not.\n\n# Lists\n- bread\n- e.g. milk\n\n今日は。明日も！はい"
    )
    assert [text[a:b] for a, b in sentences(text)] == [
        "Dr. Smith came.",
        "He sat down!",
        "“Really?”",
        "she said.",
        "i went home.",
        "then i slept, ca. 5 hours.",
        "It ended… or not.",
        "# Lists",
        "- bread",
        "- e.g. milk",
        "今日は。",
        "明日も！",
        "はい",
    ]


@settings(max_examples=examples(150))
@given(TEXTS)
def test_no_character_falls_between_sentences(text):
    spans = sentences(text)
    covered = {position for a, b in spans for position in range(a, b)}
    assert all(character.isspace() or i in covered for i, character in enumerate(text))
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


@pytest.mark.parametrize(
    "piece",
    [".", "e", " ", "\n", "-'", "1.", "e\u0301", ". ", "\r\n", "#", "あ", "\U0001f1e6", "www."],
)
def test_no_text_takes_quadratic_time(piece):
    long = piece * (100_000 // len(piece))
    start = time.perf_counter()
    assert len(list(tokens(long))) <= 2 * len(long)
    assert len(sentences(long)) <= len(long)
    assert time.perf_counter() - start < 10
