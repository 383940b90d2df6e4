"""What a model may look up while it replies: one's own entries that are open, three times, and nothing by its own power."""

import json

import pytest

from journal.actions.lookups import (
    ENOUGH,
    ENTRY_CHARS,
    NO_SUCH_LETTER,
    NOT_OPEN,
    NOTHING,
    PREVIEW_CHARS,
    OwnEntries,
    look_up_for,
)
from journal.actions.nodes import change_settings
from journal.actions.replies import ask_for_reply, context_of
from journal.actions.trash import trash_node
from journal.quoting import quote_marker
from journal.replying import PROMPT, cited
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import befriend, entry
from writeorperish.ai import gateway, requests
from writeorperish.ai.models import Call, Embedding, Read
from writeorperish.ai.parts import Cut, Looking, NotAllowed
from writeorperish.ai.providers.wire import Wanted
from writeorperish.audit.models import Entry
from writeorperish.privacy import consent
from writeorperish.privacy.levels import Purpose
from writeorperish.privacy.reading import read
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db

PIANO = "The piano tuner came and the piano sounds warm again."
TRAIN = "The night train to Vienna was late, and the sleeping car was cold."
# Nothing is suggested here, nor found by its words.
FINDING = ("writeorperish.ai.",)
QUERY = "late night train"


def wanted(name="search_entries", **arguments):
    return Wanted("call_1", name, json.dumps({"since": "", "until": "", **arguments}))


def words(found):
    return [each.text[each.start : each.end] for each in found]


def given(node, person):
    """A text as it stands on the list of what a model read."""
    passage = read(Ref.to(node), purpose=Purpose.REPLY, asker=person)
    return Cut(passage, 0, len(passage.text))


@pytest.fixture
def archive(alice):
    nodes = [entry(alice, words, ai_usage="chat") for words in (PIANO, TRAIN)]
    drain(FINDING)
    return nodes


# --- finding


def test_what_is_near_in_meaning_is_found_and_logged(alice, archive):
    found = OwnEntries(alice).found(wanted(query=QUERY), [])
    assert words(found)[0] == TRAIN
    assert Entry.objects.filter(action="read", object_id=archive[1].pk, purpose="reply").exists()


def test_what_is_closed_deleted_somebody_elses_or_given_already_is_not_found(alice, bob, archive):
    secret = f"{TRAIN} It is a secret."
    entry(alice, secret, ai_usage="none")
    entry(bob, secret, ai_usage="chat", circles=(befriend(bob, alice),))
    trash_node(alice, entry(alice, secret, ai_usage="chat"))
    drain(FINDING)

    def told(*cuts):
        found = OwnEntries(alice).found(wanted(query=QUERY), cuts)
        return "" if found == [NOTHING] else str(words(found))

    assert TRAIN in told()
    assert "secret" not in told()
    assert TRAIN not in told(given(archive[1], alice))
    change_settings(alice, archive[1], ai_usage="none")
    assert TRAIN not in told()


def test_days_narrow_it_and_what_is_no_day_does_not(alice, archive):
    look = OwnEntries(alice)
    assert look.found(wanted(query=QUERY, until="2001-01-01"), []) == [NOTHING]
    assert look.found(wanted(query=QUERY, since="2999-01-01"), []) == [NOTHING]
    assert TRAIN in words(look.found(wanted(query=QUERY, since="soon", until="2999-01-01"), []))


def test_four_previews_at_most_and_no_quote_within(alice):
    quoted = entry(alice, "what was quoted", ai_usage="chat")
    for number in range(6):
        entry(
            alice, f"{TRAIN} {number} {quote_marker(quoted.pk)} {'train ' * 300}", ai_usage="chat"
        )
    drain(FINDING)
    found = OwnEntries(alice).found(wanted(query=QUERY), [])
    assert len(found) == 4
    assert all(each.end - each.start <= PREVIEW_CHARS for each in found)
    assert all(each.quotes for each in found)


def test_whatever_a_model_writes_is_answered(alice, archive):
    for asked in (
        Wanted("1", "search_entries", "not json"),
        Wanted("1", "search_entries", "[]"),
        Wanted("1", "search_entries", '{"query": 7}'),
        Wanted("1", "search_entries", '{"query": "  "}'),
        Wanted("1", "delete_everything", "{}"),
    ):
        assert OwnEntries(alice).found(asked, []) == [NOTHING], asked


# --- opening


def test_an_entry_is_opened_by_its_letter(alice, archive):
    cuts = [given(node, alice) for node in archive]
    (opened,) = OwnEntries(alice).found(wanted("read_entry", label="b"), cuts)
    assert opened.text == TRAIN
    for letter in ("C", "", "A B", "0", "ZZZZZZZZZZ"):
        assert OwnEntries(alice).found(wanted("read_entry", label=letter), cuts) == [NO_SUCH_LETTER]


def test_what_was_closed_meanwhile_stays_closed(alice, archive):
    cuts = [given(archive[0], alice)]
    change_settings(alice, archive[0], ai_usage="none")
    assert OwnEntries(alice).found(wanted("read_entry", label="A"), cuts) == [NOT_OPEN]


def test_sixty_thousand_characters_are_opened_and_no_more(alice):
    long = entry(alice, "word " * 10_000, ai_usage="chat")
    look, cuts = OwnEntries(alice), [given(long, alice)]
    opened = [look.found(wanted("read_entry", label="A"), cuts)[0] for _ in range(4)]
    assert [each.end for each in opened[:3]] == [ENTRY_CHARS] * 3
    assert opened[3] == ENOUGH


# --- where it is offered


def test_it_is_offered_among_ones_own_words_for_ones_own_eyes(alice, bob):
    circle = befriend(alice, bob)
    alone = entry(alice, "alone", ai_usage="chat")
    shared = entry(alice, "shared", ai_usage="chat", circles=(circle,))
    foreign = entry(bob, "bob's words", ai_usage="chat", circles=(befriend(bob, alice),))
    below = entry(alice, "below", parent=foreign, ai_usage="chat")
    quoting = entry(alice, f"so: {quote_marker(foreign.pk)}", ai_usage="chat")

    def offered(node):
        return look_up_for(alice, node, context_of(alice, node.pk)) is not None

    assert [offered(node) for node in (alone, shared, below, quoting)] == [
        True,
        False,
        False,
        False,
    ]


# --- through a provider


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture(params=["anthropic", "openai"])
def writer(request, alice, server, settings):
    """Alice, who agreed that replies come from the local provider, as one vendor or the other."""
    server.requests.clear()
    if request.param == "anthropic":
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "chat-key", server.root
    else:
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "chat-key", server.base_url
        settings.OPENAI_API = "responses"
    terms = consent.terms()[Purpose.REPLY]
    consent.decide(alice, Purpose.REPLY, granted=True, text_version=terms.version)
    return alice


def replied(person, node):
    reply, job = ask_for_reply(person, node.pk)
    drain(FINDING)
    reply.refresh_from_db()
    return reply, list(Call.objects.filter(job=job.pk).order_by("started_at"))


def unrelated(person):
    """An entry to be answered that has no vector to be related by."""
    node = entry(person, "Tell me.", ai_usage="chat")
    with rows_of(person.pk):
        Embedding.objects.filter(source_id=node.pk).delete()
    return node


def test_a_model_looks_up_reads_and_answers(writer, server, archive):
    steps = iter([("search_entries", wanted(query=QUERY).arguments), None])
    server.wants = lambda body: next(steps, None)
    reply, calls = replied(writer, unrelated(writer))
    assert (reply.state, len(calls), len(server.requests)) == ("whole", 2, 2)
    assert TRAIN not in json.dumps(server.requests[0].body)
    assert TRAIN in json.dumps(server.requests[1].body)
    assert str(archive[1].pk) not in json.dumps(server.requests[1].body)
    second = Read.objects.filter(call=calls[1]).values_list("ref_id", flat=True)
    assert archive[1].pk in second
    assert sum(call.cost_microdollars for call in calls) > calls[0].cost_microdollars > 0


def test_what_was_looked_up_is_shown_exactly_as_it_was_sent(writer, server, archive):
    steps = iter([("search_entries", wanted(query=QUERY).arguments), None])
    server.wants = lambda body: next(steps, None)
    _reply, calls = replied(writer, unrelated(writer))
    first, second = (requests.shown(writer, call) for call in calls)
    assert (first.exact, second.exact) == (True, True)
    assert TRAIN in second.turns[-1].answer
    change_settings(writer, archive[1], ai_usage="none")
    assert requests.shown(writer, calls[1]).exact


def test_whoever_waits_is_told_that_something_is_looked_up(writer, server, archive):
    steps = iter([("read_entry", '{"label": "A"}'), None])
    server.wants = lambda body: next(steps, None)
    slots = context_of(writer, unrelated(writer).pk)
    first, *others = gateway.stream(PROMPT, slots, spender=writer.pk, look=OwnEntries(writer))
    assert first == Looking()
    assert Looking() not in others
    assert others[-1].text == "".join(each.words for each in others[:-1]) != ""


def test_after_three_times_it_has_to_answer(writer, server, archive):
    server.wants = lambda body: ("search_entries", wanted(query=QUERY).arguments)
    reply, calls = replied(writer, unrelated(writer))
    assert (reply.state, len(calls)) == ("whole", 4)
    assert reply.body.strip()
    *before, last = [request.body for request in server.requests]
    assert all(body["tools"] for body in before)
    assert not last.get("tools") or last["tool_choice"] == {"type": "none"}


def test_a_text_closed_while_the_model_looks_up_does_not_go_out_again(writer, server, archive):
    look = OwnEntries(writer)
    node = unrelated(writer)
    slots = context_of(writer, node.pk)

    class Closing:
        tools = look.tools

        def found(self, asked, read):
            found = look.found(asked, read)
            change_settings(writer, archive[1], ai_usage="none")
            return found

    server.wants = lambda body: ("search_entries", wanted(query=QUERY).arguments)
    with pytest.raises(NotAllowed):
        list(gateway.stream(PROMPT, slots, spender=writer.pk, look=Closing()))
    assert len(server.requests) == 1


def test_letters_become_links_and_everything_else_goes(alice, archive):
    read_ones = [given(node, alice) for node in archive]
    text = f"As in [[B]], not [[Q]], nor {quote_marker(archive[0].pk)} [C]."
    linked = cited(text, read_ones)
    assert f"](/journal/{archive[1].pk}/?at=0-{len(TRAIN)})" in linked
    assert linked.endswith(", not , nor  [C].")
