import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from download.snippets import WIDEST, Piece, _beginning, _hits, snippet
from tests.examples import examples
from writeorperish.ai.lexical import CLUSTER, stem, tokens

TEXTS = st.lists(
    st.sampled_from(
        [
            "piano",
            "ﬁnance",
            "cafe\u0301",
            "today",
            "the river.",
            "Stop!",
            "今日は。",
            "ไทย",
            "\n\n",
            "\r\n",
            "<b>&",
            "x" * 300,
            "👨\u200d👩\u200d👧",
            "e" + "\u0301" * 300,
            "İstanbul",
        ]
    ),
    max_size=60,
).map(" ".join)
WANTED = {"piano", "financ", "cafe", "river", "今日", "istanbul"}


@settings(max_examples=examples(150))
@given(TEXTS)
@example("e" + "\u0301" * 300)
def test_pieces_are_the_text_itself_and_marks_are_what_was_wanted(text):
    found = snippet(text, WANTED, phrases=["the river"])
    assert "".join(piece.text for piece in found.pieces) == text[found.start : found.end]
    assert found.end - found.start <= WIDEST
    for piece in found.pieces:
        if piece.mark:
            assert WANTED & {word.text for word in tokens(piece.text)}
    for one, other in zip(found.pieces, found.pieces[1:], strict=False):
        assert one.mark != other.mark


@settings(max_examples=examples(150))
@given(TEXTS)
def test_pieces_end_between_graphemes_unless_one_is_wider_than_the_window(text):
    edges = {match.start() for match in CLUSTER.finditer(text)} | {len(text)}
    position = (found := snippet(text, WANTED)).start
    for piece in found.pieces:
        position += len(piece.text)
        assert position in edges or len(piece.text) == WIDEST


def test_marks_stand_exactly_on_ligatures_and_decomposed_accents():
    assert snippet("My ﬁnances, my cafe\u0301s.", {"financ", "cafe"}).pieces == (
        Piece("My ", mark=False),
        Piece("ﬁnances", mark=True),
        Piece(", my ", mark=False),
        Piece("cafe\u0301s", mark=True),
        Piece(".", mark=False),
    )


def test_the_sentence_with_most_of_the_words_is_shown():
    filler = "Nothing of interest happened for a very long time on that day of the year. " * 5
    text = f"A piano. {filler}The piano teacher moved away. {filler}"
    shown = snippet(text, {"piano", "teacher", "move"})
    assert text[shown.start : shown.end].startswith("The piano teacher moved away.")


def test_the_end_of_one_endless_sentence_is_shown_when_the_hit_is_there():
    text = "word " * 400 + "needle " + "word " * 100
    shown = snippet(text, {stem("needle")})
    assert Piece("needle", mark=True) in shown.pieces
    assert text[shown.start - 1] == " "


def test_without_a_hit_the_first_sentences_are_shown():
    text = "First. Second. " + "Third is long. " * 40
    assert snippet(text, {"piano"}).start == 0
    assert not any(piece.mark for piece in snippet(text, {"piano"}).pieces)


def test_only_the_passage_is_looked_at_and_offsets_point_into_the_text():
    text = "A piano here.\n\nAnother piano there.\n\nNo more."
    shown = snippet(text, {"piano"}, within=(15, 35))
    assert (shown.start, shown.end) == (15, 35)


def test_markup_is_handed_on_as_it_is():
    pieces = snippet("<mark>piano</mark>", {stem("piano")}).pieces
    assert pieces == (
        Piece("<mark>", mark=False),
        Piece("piano", mark=True),
        Piece("</mark>", mark=False),
    )


def test_an_empty_text_has_an_empty_snippet():
    assert snippet("", {"piano"}).pieces == snippet(" \n", {"piano"}).pieces == ()


def test_a_short_line_at_the_end_takes_in_what_stands_before_it():
    text = "The men carried it up four floors. Neither of them said a word.\n\n#piano #hallway"
    found = snippet(text, {"piano"})
    assert (found.start, found.end) == (0, len(text))


def test_what_the_text_says_is_shown_before_its_tags():
    text = f"The piano came today. {'It took a while. ' * 30}\n\n#piano"
    assert snippet(text, {"piano"}).start == 0


ENDINGS = (
    "", "s", "es", "ies", "ed", "eed", "ied", "ing", "iing", "ying", "eing", "tting", "ly", "lied", "ily", "y", "e", "ll", "ss",
)  # fmt: skip


def test_a_word_begins_as_its_stem_does_but_for_the_last_letter():
    letters = "abdeilnsty"
    words = [f"{a}{b}{end}" for a in ("", *letters) for b in letters for end in ENDINGS]
    assert not [w for w in words if not re.match(_beginning(stem(w)), w) and len(stem(w)) > 1]


SENTENCES = st.sampled_from(
    [
        "My mother-in-law called at five o'clock.", "See https://example.org/a #piano and @ann.",
        "1.5 or 12:30?", "Flies tied dying ties.", "Hoping, skiing;happily/controlled", "(agreed)-flies?no", "I.e. the same", "- a list\n- of two", "Ça va, İstanbul!",
    ]
)  # fmt: skip


@given(st.lists(SENTENCES, max_size=8), st.sets(st.integers(0, 60), max_size=5))
def test_looking_only_where_a_word_may_stand_finds_every_word(written, places):
    passage = " ".join(written)
    found = list(tokens(passage))
    wanted = {found[n].text for n in places if n < len(found)}
    looked = {(hit.start, hit.end, hit.word) for hit in _hits(passage, wanted, ())}
    assert looked == {(word.start, word.end, word.text) for word in found if word.text in wanted}
