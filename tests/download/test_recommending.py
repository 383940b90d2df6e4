"""What is suggested while somebody writes: by which numbers, in which order, and never what."""

from datetime import UTC, date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from download import addresses, ranking, spacing
from download.actions.highlights import mark_quote
from download.actions.items import change_item, site_key_of, trash_item
from download.actions.mutes import mute_item, mute_site, mute_tag, mutes_of
from download.actions.recommendations import (
    NEVER,
    NOT_NOW,
    OPENED,
    QUOTED,
    judge,
    on_screen,
    purge,
    recommend_for,
    suggest,
    suggest_for_draft,
    suggest_for_saved,
    suggest_for_typed,
    take_back,
    words_of_draft,
)
from download.context import addresses_in, around, of_saved
from download.models.items import Item, Page
from download.models.memory import Memory
from download.models.recommendations import Mute, Recommendation
from download.models.reviews import Card, Review
from journal.actions.drafts import discard_draft, save_draft
from journal.actions.nodes import change_settings, edit_node, write_node
from journal.actions.trash import trash_node
from journal.models.drafts import Draft
from tests.events_drain import drain
from tests.examples import THOROUGH
from tests.factories import befriend, entry, kept
from writeorperish.ai.models import Call, Embedding, Read, Taste, Verdict
from writeorperish.audit.models import Entry
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref, new_id

ON = date(2026, 3, 2)
BREAD = (
    "Sourdough needs patience. The dough rests overnight in the cold kitchen, flour and water and salt, "
    "and the starter wakes before the oven is hot. Bake the loaf until the crust cracks."
)
PIANO = (
    "Practising scales on the piano each morning trains the fingers. A pianist listens to every note, "
    "slows the metronome down, and repeats the difficult bars of the sonata."
)
TAXES = (
    "The tax office wants the declaration by July. Keep invoices and receipts of your freelance income, "
    "deduct the home office, and send the form electronically."
)
DRAFT = (
    "Today I baked a loaf of sourdough bread again. The dough rested overnight, and my starter was slow to "
    "wake in the cold kitchen. Flour, water, salt, and patience until the crust cracks in the oven."
)
MEMORY = Memory(stability=2.0, difficulty=5.0, reviewed_on=date(2021, 1, 1), due_on=ON, reps=3)


@pytest.fixture
def library(alice):
    """Three links about three things, one site each, open to AI and with vectors."""
    links = {
        name: kept(alice, f"https://{name}.example/page", text=text, title=name, ai_usage="chat")
        for name, text in {"bread": BREAD, "piano": PIANO, "taxes": TAXES}.items()
    }
    drain()
    return links


def draft(person, text=DRAFT, *, ai_usage="chat", **values):
    return save_draft(
        person, new_id(), seq=1, title="", text=text, ai_usage=ai_usage, **values
    ).draft


def found(person, row, **values) -> list[str]:
    return [each.item.title for each in look(person, row, **values).rows]


def look(person, row, **values):
    return suggest_for_draft(person, row.pk, zone=UTC, **values)


# --- numbers ---------------------------------------------------------------------------------

PART = st.floats(0, 1)


@given(PART, PART, PART, st.floats(0.6, 1.2))
def test_a_score_is_from_0_to_1_and_nothing_unfitting_has_one(semantic, lexical, urgency, learned):
    fit = ranking.fitting(semantic, lexical, learned)
    score = ranking.suggested(fit, urgency)
    assert 0 <= fit <= 1
    assert (score is None) == (fit < ranking.LEAST_FIT)
    assert score is None or 0 <= score <= 1


@given(PART, PART, PART, PART)
def test_what_fits_better_or_is_due_more_never_scores_less(one, other, lexical, urgency):
    low, high = sorted((one, other))
    worse, better = (ranking.fitting(each, lexical) for each in (low, high))
    assert worse <= better
    scores = [ranking.suggested(each, urgency) or 0.0 for each in (worse, better)]
    assert scores == sorted(scores)
    by_urgency = [ranking.suggested(0.5, each) for each in (low, high)]
    assert by_urgency == sorted(by_urgency)


def test_five_years_overdue_at_the_threshold_stays_below_a_perfect_match():
    urgency = spacing.urgency(MEMORY, on=ON, retention=0.85)
    assert urgency > 0.6
    overdue = ranking.suggested(ranking.LEAST_FIT, 1.0)
    perfect = ranking.suggested(1.0, 0.0)
    assert (round(overdue, 2), round(perfect, 2)) == (0.51, 0.70)
    assert ranking.suggested(0.29, 1.0) is None


def test_without_a_vector_words_alone_count():
    assert ranking.fitting(None, 0.4) == 0.4
    assert ranking.fitting(0.0, 0.4) == pytest.approx(0.1)
    assert ranking.fitting(1.0, 1.0, 1.2) == 1.0


def test_the_words_around_the_caret_weigh_most():
    text = "First one.\n\nSecond one.\n\nThird one."
    assert [text[a:b].strip() for a, b, _ in around(text, None)] == [
        "Third one.", "First one.\n\nSecond one."
    ]  # fmt: skip
    spans = around(text, text.index("Second") + 3)
    assert [(text[a:b].strip(), w) for a, b, w in spans] == [
        ("Second one.", 1.0), ("First one.", 0.5), ("Third one.", 0.5)
    ]  # fmt: skip
    assert around("", None) == around(" \n\n ", 5) == []
    assert around(text, 10**9) == around(text, None)
    long = "word " * 2_000
    assert max(b - a for a, b, _ in around(long, 5_000)) <= 1_000
    places = ["https://example.org/a", "http://www.example.org/b", "https://example.org/c_(d)"]
    said = "(https://example.org/a), <http://www.example.org/b>. [c](https://example.org/c_(d))."
    assert addresses_in(said) == {addresses.canonical(each) for each in places}


# --- what is found ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_fits_is_suggested_with_its_parts_and_nothing_else(alice, library):
    row = draft(alice)
    shown = look(alice, row)
    assert [each.item.title for each in shown.rows] == ["bread"]
    (one,) = shown.rows
    assert one.semantic > 0.5
    assert one.lexical > 0.3
    assert one.urgency == spacing.UNSEEN_URGENCY
    assert one.score == pytest.approx(
        0.7 * (0.75 * one.semantic + 0.25 * one.lexical) + 0.3 * one.urgency
    )
    assert one.source == Ref.to(row)
    read = Entry.objects.filter(action="read", purpose="recommend")
    assert {each.object_id for each in read} == {row.pk}


@pytest.mark.django_db
def test_what_a_text_is_about_is_told_beside_it_and_counts_among_its_words(alice, library):
    text = f"The crust was thin. {DRAFT} A better crust takes steam."
    context = look(alice, draft(alice, text)).context
    assert "crust" in context.themes
    assert "crust" in {term.word for term in context.terms}


@pytest.mark.django_db
def test_the_same_words_as_an_item_score_as_high_as_words_can(alice, library):
    (one,) = look(alice, draft(alice, BREAD)).rows
    assert one.item == library["bread"]
    assert one.semantic > 0.95
    assert one.lexical > 0.9


@pytest.mark.django_db
def test_too_few_words_ask_for_nothing(alice, library):
    before = Call.objects.count()
    for text in ("", "abc", "# One\n\n## Two\n\n### Three", "the and " * 40, "🙂" * 50):
        shown = look(alice, draft(alice, text))
        assert list(shown.rows) == [], text
        assert not shown.context.says_enough, text
        assert Call.objects.count() == before, text


@pytest.mark.django_db
def test_headings_alone_are_words_like_others(alice, library):
    text = "\n\n".join(f"## {word}" for word in DRAFT.split())
    assert found(alice, draft(alice, text)) == ["bread"]


@pytest.mark.django_db
def test_a_text_closed_to_ai_is_compared_by_words_and_no_encoder_runs(alice, library):
    row = draft(alice, ai_usage="none")
    calls, read = Call.objects.count(), Entry.objects.filter(action="read").count()
    shown = look(alice, row)
    assert [each.item.title for each in shown.rows] == ["bread"]
    assert shown.rows[0].semantic is None
    assert shown.context.closed
    assert (Call.objects.count(), Entry.objects.filter(action="read").count()) == (calls, read)


@pytest.mark.django_db
def test_an_entry_closed_to_ai_is_closed_while_it_is_edited(alice, library):
    node = entry(alice, DRAFT, ai_usage="chat")
    row = draft(alice, edits=node.pk, base_rev=1)
    change_settings(alice, node, ai_usage="none")
    calls = Call.objects.count()
    assert look(alice, row).context.closed
    assert Call.objects.count() == calls


@pytest.mark.django_db
def test_a_link_closed_to_ai_is_found_by_its_words(alice):
    kept(alice, "https://bread.example/", text=BREAD, title="bread")
    drain()
    (one,) = look(alice, draft(alice)).rows
    assert one.semantic is None


@pytest.mark.django_db
def test_another_persons_draft_is_not_there_and_one_that_went_is_empty(alice, charlie, library):
    row = draft(alice)
    with pytest.raises(Missing):
        look(charlie, row)
    assert found(alice, row) == ["bread"]
    discard_draft(alice, row)
    with pytest.raises(Missing):
        look(alice, row)
    with pytest.raises(Missing):
        suggest_for_saved(charlie, entry(alice, DRAFT).ref, zone=UTC)


@pytest.mark.django_db
def test_what_goes_while_it_is_looked_at_has_nothing_beside_it(alice, library):
    row, node = draft(alice), entry(alice, DRAFT, ai_usage="chat")
    drain()
    read = [words_of_draft(alice, row.pk), of_saved(alice, node.ref), of_saved(alice, node.ref)]
    shut = draft(alice)
    words = words_of_draft(alice, shut.pk)
    save_draft(alice, shut.pk, seq=2, title="", text=DRAFT, ai_usage="none")
    assert list(suggest(alice, words, zone=UTC).rows) == []
    discard_draft(alice, row)
    changes = [lambda: None, lambda: edit_node(alice, node, base_rev=1, title=None, text="Other.")]
    for words, change in zip(read, [*changes, lambda: trash_node(alice, node)], strict=True):
        change()
        assert list(suggest(alice, words, zone=UTC).rows) == []
    assert not Recommendation.objects.filter(source_id=row.pk).exists()


@pytest.mark.django_db
def test_nobody_elses_links_are_suggested(alice, charlie, library):
    assert found(charlie, draft(charlie)) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "put_away",
    [
        lambda person, link: trash_item(person, link),
        lambda person, link: change_item(person, link, reading="archived"),
        lambda person, link: Page.objects.filter(item=link).update(quality="suspicious"),
        lambda person, link: mute_item(person, link),
        lambda person, link: mute_site(person, link),
        lambda person, link: mute_tag(person, link.tags.get()),
    ],
    ids=["trashed", "archived", "suspicious", "muted", "its site muted", "its tag muted"],
)
def test_what_was_put_away_is_never_shown(alice, put_away):
    link = kept(alice, "https://bread.example/", text=BREAD, ai_usage="chat", tags=("bread",))
    drain()
    row = draft(alice)
    assert len(look(alice, row).rows) == 1
    put_away(alice, link)
    assert list(on_screen(alice, Ref.to(row))) == []
    assert list(look(alice, row).rows) == []


@pytest.mark.django_db
def test_a_link_that_stands_in_the_text_is_not_suggested_for_it(alice, library):
    assert found(alice, draft(alice, f"{DRAFT} See https://bread.example/page?utm_source=x.")) == []


@pytest.mark.django_db
def test_one_of_each_link_and_site_at_most_three(alice):
    for number in range(6):
        host = f"s{number // 2}.example"
        kept(alice, f"https://{host}/{number}", text=f"{BREAD} Take {number}.", ai_usage="chat")
    link = kept(alice, "https://other.example/", text=f"{BREAD} A marked one.", ai_usage="chat")
    mark_quote(alice, link, quote="Sourdough needs patience")
    drain()
    rows = look(alice, draft(alice)).rows
    assert len(rows) == 3
    assert len({each.item_id for each in rows}) == 3
    assert len({each.item.site_key for each in rows}) == 3
    again = look(alice, draft(alice)).rows
    assert [each.item_id for each in again] == [each.item_id for each in rows]
    for site in ("s1.example", "s2.example"):
        mute_site(alice, Item.objects.filter(site_key=site_key_of(alice.pk, f"https://{site}/"))[0])
    assert len(look(alice, draft(alice)).rows) == 2


@pytest.mark.django_db
def test_identical_vectors_are_put_in_one_stable_order(alice):
    for number in range(5):
        kept(alice, f"https://s{number}.example/", text=BREAD, title=f"{number}", ai_usage="chat")
    drain()
    with rows_of(alice.pk):
        first = Embedding.objects.filter(owner_id=alice.pk).first().vector
        Embedding.objects.filter(owner_id=alice.pk).update(vector=first)
    orders = [found(alice, draft(alice)) for _ in range(3)]
    assert len(orders[0]) == 3
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.django_db
def test_a_due_card_enters_only_if_it_fits_and_an_unread_one_is_not_on_top(alice, library):
    late = {
        "stability": 2.0, "difficulty": 5.0, "reps": 3, "reviewed_on": date(2020, 1, 1),
        "due_on": date(2020, 2, 1), "begun_on": date(2020, 1, 1),
    }  # fmt: skip
    for name in ("piano", "taxes"):
        Card.objects.filter(item=library[name]).update(**late)
    assert found(alice, draft(alice)) == ["bread"]
    other = kept(alice, "https://dough.example/", text=BREAD, title="dough", ai_usage="chat")
    drain()
    Card.objects.filter(item=other).update(**late)
    assert found(alice, draft(alice)) == ["dough", "bread"]
    rows = look(alice, draft(alice)).rows
    assert rows[0].urgency > rows[1].urgency == spacing.UNSEEN_URGENCY


@pytest.mark.django_db
def test_thousands_never_reviewed_change_nothing_and_cost_no_more_queries(alice, library):
    def cost() -> int:
        row = draft(alice)
        with CaptureQueriesContext(connection) as asked:
            assert found(alice, row) == ["bread"]
        return sum("SAVEPOINT" not in each["sql"] for each in asked)

    few = cost()
    items = Item.objects.bulk_create(
        Item(id=new_id(), owner=alice, url_key=n.to_bytes(16, "big"), title="words")
        for n in range(10_000 if THOROUGH else 2_000)
    )
    Card.objects.bulk_create(Card(owner=alice, item=each) for each in items)
    assert cost() <= few <= 45


@pytest.mark.django_db
def test_the_same_question_again_is_answered_from_what_was_kept(alice, library):
    row = draft(alice)
    look(alice, row)
    look(alice, row)
    calls = Call.objects.count()
    with CaptureQueriesContext(connection) as asked:
        assert found(alice, row) == ["bread"]
    # Neither the encoder nor the index is asked again.
    assert Call.objects.count() == calls
    assert not any("ai_embedding" in each["sql"] for each in asked)
    assert not any("download_chunk" in each["sql"] for each in asked)
    change_item(alice, library["bread"], reading="archived")
    assert found(alice, row) == []


@pytest.mark.django_db
def test_typed_words_are_used_and_not_kept(alice, library):
    for usage, meaning in (("none", False), ("chat", True)):
        shown = suggest_for_typed(alice, DRAFT, ai_usage=usage, zone=UTC)
        assert [each.item.title for each in shown.rows] == ["bread"]
        assert (shown.rows[0].semantic is not None) == meaning
    assert Draft.objects.count() == 0


@pytest.mark.django_db
def test_what_was_quoted_beside_typed_words_may_come_beside_others(alice, library):
    (one,) = suggest_for_typed(alice, DRAFT, ai_usage="none", zone=UTC).rows
    judge(alice, one.pk, QUOTED, zone=UTC)
    (other,) = suggest_for_typed(alice, DRAFT, ai_usage="none", zone=UTC).rows
    assert (other.item, other.quoted_at) == (one.item, None)
    judge(alice, other.pk, NOT_NOW, zone=UTC)
    assert list(suggest_for_typed(alice, DRAFT, ai_usage="none", zone=UTC).rows) == []


@pytest.mark.django_db
def test_a_parent_counts_by_as_much_as_it_is_open(alice, bob, library):
    words = "Rye and crumb and starter, oven and loaf. " * 3
    reply = "The same happened here, and I would gladly repeat it every morning: warm hands, clean windows, a quiet street, neighbours still asleep."
    for parent, seen in (
        (entry(alice, words, ai_usage="chat"), True),
        (entry(alice, words), False),
        (entry(bob, words, ai_usage="chat", circles=(befriend(bob, alice),)), False),
    ):
        row = draft(alice, reply, parent=parent.pk)
        calls = Call.objects.count()
        look(alice, row)
        read = Read.objects.filter(ref_id=parent.pk, purpose="embed", call__feature="download")
        assert read.exists() == seen
        assert Call.objects.count() == calls + 1


# --- saved texts -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_saved_entry_has_suggestions_below_it_that_go_with_it(alice, library):
    node = entry(alice, DRAFT, ai_usage="chat")
    closed = entry(alice, DRAFT)
    drain()
    assert [each.item.title for each in on_screen(alice, node.ref)] == ["bread"]
    assert list(on_screen(alice, closed.ref)) == []
    count = Recommendation.objects.count()
    recommend_for(alice.pk, node.ref)
    assert Recommendation.objects.count() == count
    trash_node(alice, node)
    drain()
    assert not Recommendation.objects.filter(source_id=node.pk).exists()
    trash_item(alice, library["bread"])
    assert Recommendation.objects.count() == 0


@pytest.mark.django_db
def test_what_was_suggested_while_writing_stays_with_the_entry(alice, library):
    row = draft(alice, ai_usage="none")
    assert found(alice, row) == ["bread"]
    node = write_node(alice, id=row.pk, text=DRAFT).node
    drain()
    assert [each.item.title for each in on_screen(alice, node.ref)] == ["bread"]
    assert Recommendation.objects.get().source == node.ref
    # Shown and left alone: a tenth of a verdict, once.
    assert [each.outcome for each in Verdict.objects.all()] == ["ignored"]
    recommend_for(alice.pk, node.ref)
    assert Verdict.objects.count() == 1


# --- what its person does --------------------------------------------------------------------


@pytest.mark.django_db
def test_not_now_sends_it_away_for_two_weeks_and_undo_brings_it_back(alice, library):
    row = draft(alice)
    (one,) = look(alice, row).rows
    judge(alice, one.pk, NOT_NOW, zone=UTC)
    assert found(alice, row) == []
    assert found(alice, draft(alice)) == []
    assert {taste.left for taste in Taste.objects.all()} == {1}
    take_back(alice, one.pk)
    assert [each.pk for each in on_screen(alice, Ref.to(row))] == [one.pk]
    assert {(taste.left, round(taste.total, 6)) for taste in Taste.objects.all()} == {(0, 0.0)}
    judge(alice, one.pk, NOT_NOW, zone=UTC)
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert found(alice, draft(alice)) == ["bread"]
        assert found(alice, row) == []


@pytest.mark.django_db
def test_never_is_a_rule_that_can_be_lifted(alice, charlie, library):
    (one,) = look(alice, draft(alice)).rows
    judge(alice, one.pk, NEVER, zone=UTC)
    assert [rule.scope for rule in mutes_of(alice)] == ["item"]
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        assert found(alice, draft(alice)) == []
    take_back(alice, one.pk)
    assert not Mute.objects.exists()
    assert not Verdict.objects.exists()
    for refused in (
        lambda: judge(charlie, one.pk, NEVER, zone=UTC),
        lambda: take_back(charlie, one.pk),
        lambda: judge(alice, new_id(), NEVER, zone=UTC),
    ):
        with pytest.raises(Missing):
            refused()


@pytest.mark.django_db
def test_quoting_is_a_review_and_opening_only_says_so(alice, library):
    row = draft(alice)
    (one,) = look(alice, row).rows
    judge(alice, one.pk, OPENED, zone=UTC)
    library["bread"].refresh_from_db()
    assert library["bread"].opened_at
    assert not Review.objects.exists()
    for _ in range(2):
        judge(alice, one.pk, QUOTED, zone=UTC)
    assert [review.answer for review in Review.objects.all()] == ["useful"]
    assert sorted(each.outcome for each in Verdict.objects.all()) == ["opened", "quoted"]
    assert found(alice, row) == []  # it is quoted in it


@pytest.mark.django_db
def test_what_is_shown_for_three_texts_and_never_opened_rests(alice, library):
    for _ in range(3):
        assert found(alice, draft(alice)) == ["bread"]
    assert found(alice, draft(alice)) == []
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert found(alice, draft(alice)) == ["bread"]


@pytest.mark.django_db
def test_what_was_learned_moves_the_score_within_its_bounds(alice, library):
    before = look(alice, draft(alice)).rows[0]
    for _ in range(6):
        (one,) = look(alice, draft(alice)).rows
        judge(alice, one.pk, OPENED, zone=UTC)
    after = look(alice, draft(alice)).rows[0]
    if not after.explored:
        assert 1.0 < after.preference <= 1.2
    assert before.preference == 1.0


@pytest.mark.django_db
def test_old_suggestions_for_texts_that_were_never_saved_go(alice, library):
    look(alice, draft(alice))
    assert purge() == 0
    assert purge(now=timezone.now() + timedelta(days=61)) == 1
