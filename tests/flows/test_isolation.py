"""Whatever people write, share, close, delete and ask for, in whatever order: each finds what a slow reading of
the rules gives them, and nothing else. Not even a query that forgets whose rows it asks for finds more."""

import re
from dataclasses import dataclass, field
from datetime import UTC
from itertools import count
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from download.actions import items
from download.actions.answers import Where, begin
from download.actions.recommendations import suggest_for_typed
from download.models.answers import Citation, Segment
from download.models.words import Chunk, Posting
from download.relating import related
from download.search import Mode, Whose, search
from journal.actions.audience import people_reached, set_audience
from journal.actions.nodes import Audience, change_settings, edit_node
from journal.actions.trash import erase_node, restore_node, trash_node
from tests.events_drain import drain
from tests.examples import examples
from tests.factories import block_between, entry, kept, person
from tests.flows.test_dump import dump_of_redis
from writeorperish.ai.embeddings import LOCAL, embed_query
from writeorperish.ai.models import Embedding
from writeorperish.ops.refusals import Missing
from writeorperish.privacy.circles import accept, invite, make_circle, remove
from writeorperish.privacy.models import Circle, Membership
from writeorperish.privacy.reading import visible_texts
from writeorperish.privacy.walls import rows_of

pytestmark = pytest.mark.django_db

SHARED_WORD = "lantern"
BEGUN = (
    "The lantern on the pier burned all night, and by the harbour boats came home slowly through "
    "quiet water while somebody sang about autumn, bread and old friends."
)
NAMES = ("ann", "ben", "cleo")
people = st.sampled_from(NAMES)
pairs = st.permutations(NAMES).map(lambda order: order[:2])


@dataclass(eq=False)
class Text:
    """What the oracle knows of one entry or link: whose it is, the word only it has, and to whom it is open."""

    owner: str
    row: object
    mark: str
    ai: bool = False
    opened: int = 0
    state: str = "live"
    gone: list[str] = field(default_factory=list)

    @property
    def is_entry(self) -> bool:
        return self.row._meta.label_lower == "journal.node"


class Isolation(RuleBasedStateMachine):
    """Three people who each have a circle; what they do, and what the rules say of it."""

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.people: dict[str, User] = {name: person(name) for name in NAMES}
        self.clients = {name: Client() for name in NAMES}
        for name, client in self.clients.items():
            client.force_login(self.people[name])
        self.circles: dict[str, Circle] = {
            name: make_circle(who, name="few") for name, who in self.people.items()
        }
        self.texts: list[Text] = []
        self.joined: dict[tuple[str, str], int] = {}
        self.blocked: set[frozenset[str]] = set()
        self.ticks = count(1)
        self.settled = True

    def teardown(self) -> None:
        found = dump_of_redis()
        assert not [text.mark for text in self.texts if text.mark.encode() in found]
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    # What the rules say.

    def live(self, name: str) -> list[Text]:
        return [text for text in self.texts if text.owner == name and text.state == "live"]

    def shown_to(self, name: str) -> list[Text]:
        """The living texts of others that were opened to a circle after this person came into it."""
        return [
            text
            for text in self.texts
            if text.state == "live"
            and text.owner != name
            and text.opened
            and frozenset((text.owner, name)) not in self.blocked
            and 0 < self.joined.get((text.owner, name), 0) < text.opened
        ]

    def pick(self, data: st.DataObject, state: str = "live", *, entries: bool = False) -> Text:
        fitting = [
            text for text in self.texts if text.state == state and (text.is_entry or not entries)
        ]
        return data.draw(st.sampled_from(fitting))

    def has(self, state: str = "live", *, entries: bool = False) -> bool:
        return any(text.state == state and (text.is_entry or not entries) for text in self.texts)

    def new_mark(self) -> str:
        letters = f"{next(self.ticks):04d}".translate(str.maketrans("0123456789", "abcdfghkmp"))
        return f"zq{letters}k"

    # What people do.

    @initialize()
    def begin_with_something_open(self) -> None:
        self.join_or_leave(["ann", "ben"])
        self.write("ann", ai=True)
        self.open(self.texts[0])
        self.keep("ann")
        self.keep("ben")
        self.settle()

    @rule(who=people, ai=st.booleans())
    def write(self, who: str, ai: bool) -> None:
        mark = self.new_mark()
        words = f"The {SHARED_WORD} {mark} stood by the harbour in the evening."
        row = entry(self.people[who], words, ai_usage="chat" if ai else "none")
        self.texts.append(Text(who, row, mark, ai))
        self.settled = False

    @rule(who=people)
    def keep(self, who: str) -> None:
        mark = self.new_mark()
        url = f"https://example.org/{mark}"
        row = kept(self.people[who], url, text=f"Of {mark}. {BEGUN}")
        self.texts.append(Text(who, row, mark))
        self.settled = False

    @precondition(lambda self: self.has(entries=True))
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        text = self.pick(data, entries=True)
        text.gone.append(text.mark)
        text.mark = self.new_mark()
        text.row.refresh_from_db()
        words = f"Another {SHARED_WORD}, {text.mark}, was lit."
        edit_node(self.people[text.owner], text.row, base_rev=text.row.rev, text=words)
        self.settled = False

    @precondition(lambda self: self.has())
    @rule(data=st.data(), ai=st.booleans())
    def decide_on_ai(self, data: st.DataObject, ai: bool) -> None:
        text = self.pick(data)
        change = change_settings if text.is_entry else items.change_item
        change(self.people[text.owner], text.row, ai_usage="chat" if ai else "none")
        text.ai = ai
        self.settled = False
        if not ai:
            assert self.rows_left(text)["ai_embedding"] == 0

    @precondition(lambda self: self.has(entries=True))
    @rule(data=st.data())
    def open_or_close(self, data: st.DataObject) -> None:
        text = self.pick(data, entries=True)
        if text.opened:
            closed = Audience()
            set_audience(
                self.people[text.owner], text.row, privacy_level="private", audience=closed
            )
            text.opened = 0
        else:
            self.open(text)

    def open(self, text: Text) -> None:
        owner = self.people[text.owner]
        audience = Audience(circles=(self.circles[text.owner],))
        reached = people_reached(owner, audience)
        set_audience(
            owner, text.row, privacy_level="circles", audience=audience, expect_people=reached
        )
        text.opened = next(self.ticks)

    @rule(pair=pairs)
    def join_or_leave(self, pair: list[str]) -> None:
        owner, member = pair
        if self.joined.pop((owner, member), 0):
            standing = Membership.objects.get(
                circle=self.circles[owner], member=self.people[member], state="active"
            )
            remove(self.people[owner], standing)
        elif frozenset(pair) not in self.blocked:
            who = self.people[member]
            accept(who, invite(self.people[owner], self.circles[owner], who))
            self.joined[owner, member] = next(self.ticks)

    @precondition(lambda self: len(self.blocked) < 2)
    @rule(pair=pairs)
    def never_meet_again(self, pair: list[str]) -> None:
        block_between(*(self.people[name] for name in pair))
        self.blocked.add(frozenset(pair))

    @precondition(lambda self: self.has())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        text = self.pick(data)
        verb = trash_node if text.is_entry else items.trash_item
        verb(self.people[text.owner], text.row)
        text.state = "deleted"
        assert self.rows_left(text) == {"download_chunk": 0, "ai_embedding": 0}

    @precondition(lambda self: self.has("deleted"))
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        text = self.pick(data, "deleted")
        verb = restore_node if text.is_entry else items.restore_item
        verb(self.people[text.owner], text.row)
        text.state = "live"
        self.settled = False

    @precondition(lambda self: self.has("deleted"))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        text = self.pick(data, "deleted")
        verb = erase_node if text.is_entry else items.erase_item
        verb(self.people[text.owner], text.row)
        text.state = "erased"

    @rule()
    def settle(self) -> None:
        drain()
        self.settled = True

    # What they find.

    @rule(who=people, mode=st.sampled_from(Mode), whose=st.sampled_from(Whose))
    def search_for_what_all_have(self, who: str, mode: Mode, whose: Whose) -> None:
        allowed = self.live(who) if whose is Whose.MINE else self.shown_to(who)
        found = self.found(who, SHARED_WORD, mode, whose)
        assert found <= {text.row.pk for text in allowed}
        if mode is not Mode.MEANING and self.settled:
            assert found == {text.row.pk for text in allowed}
        if mode is Mode.MEANING:
            assert found <= {text.row.pk for text in allowed if text.ai}

    @precondition(lambda self: self.texts)
    @rule(who=people, whose=st.sampled_from(Whose), data=st.data())
    def search_for_what_one_has(self, who: str, whose: Whose, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(self.texts))
        allowed = self.live(who) if whose is Whose.MINE else self.shown_to(who)
        if self.settled:
            assert self.found(who, text.mark, Mode.WORDS, whose) == (
                {text.row.pk} if text in allowed else set()
            )
        for mark in text.gone if self.settled else ():
            assert self.found(who, mark, Mode.WORDS, whose) == set()

    @rule(who=people, address=st.sampled_from(["/search/", "/search/palette/"]))
    def look_at_pages(self, who: str, address: str) -> None:
        for scope in ("", "shared"):
            asked = urlencode({"q": SHARED_WORD, "in": scope})
            page = self.clients[who].get(f"{address}?{asked}").content
            allowed = {*self.live(who), *(self.shown_to(who) if scope else ())}
            shown = [text for text in self.texts if self.holds(page, text)]
            assert set(shown) <= allowed

    @rule(who=people)
    def ask(self, who: str) -> None:
        question = begin(self.people[who], f"Where did the {SHARED_WORD} stand?", where=Where())
        self.settle()
        open_ = {text.row.pk for text in self.live(who) if text.ai}
        cited = Citation.objects.filter(question=question, role="support")
        assert set(cited.values_list("source_id", flat=True)) <= open_
        said = " ".join(each.text for each in Segment.objects.filter(question=question))
        assert {text.row.pk for text in self.texts if text.mark in said} <= open_
        page = self.clients[who].get(f"/ask/{question.conversation_id}/").content
        assert {text for text in self.texts if self.holds(page, text)} <= set(self.live(who))

    @rule(who=people, ai=st.sampled_from(["chat", "none"]))
    def write_beside_suggestions(self, who: str, ai: str) -> None:
        found = suggest_for_typed(self.people[who], BEGUN, ai_usage=ai, zone=UTC)
        allowed = {text.row.pk for text in self.live(who) if not text.is_entry}
        assert {row.item_id for row in found.rows} <= allowed
        if ai == "none":
            assert not [row for row in found.rows if row.semantic is not None]

    @precondition(lambda self: self.has())
    @rule(who=people, data=st.data())
    def look_for_what_is_alike(self, who: str, data: st.DataObject) -> None:
        text = self.pick(data)
        if text.owner != who:
            with pytest.raises(Missing):
                related(self.people[who], text.row.ref)
            return
        found = {hit.row.pk for hit in related(self.people[who], text.row.ref)}
        assert found <= {each.row.pk for each in self.live(who)} - {text.row.pk}

    @rule(pair=pairs)
    def reach_past_the_wall(self, pair: list[str]) -> None:
        """Inside one's own wall rows of another are asked for by name, and of all without any."""
        mine, theirs = (self.people[name].pk for name in pair)
        vector = embed_query(SHARED_WORD, by=self.people[pair[0]])
        with rows_of(mine), connection.cursor() as cursor:
            assert vector is not None
            assert Embedding.objects.near(vector, of=theirs, space=LOCAL.id) == []
            assert not Chunk.objects.filter(owner_id=theirs).exists()
            assert not Posting.objects.filter(owner_id=theirs).exists()
            for table in walled():
                cursor.execute(f"SELECT count(*) FROM {table} WHERE owner_id <> %s", [mine])
                assert cursor.fetchone() == (0,)
        with connection.cursor() as cursor:
            for table in walled():
                cursor.execute(f"SELECT count(owner_id) FROM {table}")
                assert cursor.fetchone() == (0,)

    @invariant()
    def each_sees_theirs_and_what_was_opened(self) -> None:
        for name, who in self.people.items():
            allowed = {text.row.pk for text in (*self.live(name), *self.shown_to(name))}
            seen = {pk for _known, rows in visible_texts(who) for (pk,) in rows.values_list("pk")}
            assert seen == allowed

    def found(self, who: str, typed: str, mode: Mode, whose: Whose) -> set[object]:
        hits = search(self.people[who], typed, mode=mode, whose=whose, zone=UTC).hits
        return {hit.row.pk for hit in hits}

    def holds(self, page: bytes, text: Text) -> bool:
        return any(mark.encode() in page for mark in (text.mark, *text.gone))

    def rows_left(self, text: Text) -> dict[str, int]:
        """What any index still holds of it."""
        owner = self.people[text.owner].pk
        with rows_of(owner):
            rows = {Chunk: 0, Embedding: 0}
            for model in rows:
                rows[model] = model.objects.filter(owner_id=owner, source_id=text.row.pk).count()
        return {model._meta.db_table: left for model, left in rows.items()}


def walled() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_policies WHERE policyname = 'own'")
        return sorted(table for (table,) in cursor.fetchall())


def naming_the_owner(execute, sql, params, many, context):
    """Whatever reads or deletes in a walled table says whose rows it means. Rows are changed by the ids just read."""
    changes = sql.lstrip().startswith(("INSERT", "UPDATE"))
    if not changes and any(re.search(rf"\b{table}\b", sql) for table in WALLED):
        assert "owner_id" in sql, sql
    return execute(sql, params, many, context)


WALLED = ("ai_embedding", "download_shelf", "download_chunk", "download_posting")
WALLED += ("download_lengths", "download_vocabulary")


def test_each_finds_what_is_theirs_and_what_was_opened_to_them(capfd):
    assert set(walled()) <= set(WALLED)
    with connection.execute_wrapper(naming_the_owner):
        run_state_machine_as_test(
            Isolation,
            settings=settings(
                max_examples=examples(12),
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert "zqa" not in capfd.readouterr().out
