from dataclasses import dataclass, fields
from enum import IntEnum
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writeorperish.events import catalog
from writeorperish.events.catalog import AudienceChanged, ConsentWithdrawn, Genre, TextWritten
from writeorperish.events.facts import FACTS, Fact, Name, decode, encode, kinds
from writeorperish.refs import Ref

ID = "0198c0de-0000-7000-8000-000000000001"
REF = f"journal.node:{ID}"

# Every fact as it was first released. A line is never changed: events on disk look like this.
RELEASED = {
    "PersonJoined": {"person": ID},
    "Admitted": {"person": ID},
    "PersonLeaving": {"person": ID},
    "AccountErased": {"person": ID},
    "ConsentWithdrawn": {"person": ID, "purpose": "embed"},
    "Blocked": {"blocker": ID, "blocked": ID},
    "Unblocked": {"blocker": ID, "blocked": ID},
    "AudienceChanged": {"ref": REF, "owner": ID, "widened": True},
    "AIUsageChanged": {"ref": REF, "owner": ID, "genre": "diary"},
    "TextWritten": {"ref": REF, "owner": ID, "genre": "diary"},
    "TextRewritten": {"ref": REF, "owner": ID, "genre": "answer"},
    "TextEmbedded": {"ref": REF, "owner": ID, "genre": "fiction"},
    "TextErased": {"ref": REF, "owner": ID},
    "ImportUploaded": {"ref": REF, "owner": ID},
    "ImportConfirmed": {"ref": REF, "owner": ID},
    "ImportRetracted": {"ref": REF, "owner": ID},
    "ImportFinished": {"ref": REF, "owner": ID},
    "RecordingClosed": {"ref": REF, "owner": ID},
    "RecordingFinished": {"ref": REF, "owner": ID},
    "ExportAsked": {"ref": REF, "owner": ID},
    "ItemSaved": {"ref": REF, "owner": ID},
    "PageWanted": {"ref": REF, "owner": ID},
    "FeedDue": {"ref": REF, "owner": ID},
    "ItemReviewed": {"ref": REF, "owner": ID},
    "AIPaused": {"person": ID},
    "JobQueued": {"job": ID, "owner": ID},
    "VerdictGiven": {"owner": ID, "kind": "recommendation", "outcome": "opened"},
}
OURS = {name: fact for name, fact in FACTS.items() if fact.__module__ == catalog.__name__}


@pytest.fixture
def forgets():
    """Facts defined by a test are forgotten after it."""
    before = dict(FACTS)
    yield
    FACTS.clear()
    FACTS.update(before)


def test_every_fact_of_the_catalogue_has_a_released_shape():
    assert RELEASED.keys() == OURS.keys()


@pytest.mark.parametrize("name", RELEASED)
def test_every_fact_ever_released_still_loads_and_says_the_same(name):
    fact = decode(name, RELEASED[name])
    assert encode(fact).items() >= RELEASED[name].items()
    assert fact.person_id == UUID(ID)


@pytest.mark.parametrize("name", RELEASED)
def test_a_field_added_since_the_release_has_a_default(name):
    assert all(
        field.name in RELEASED[name] or field.default is not field.default_factory
        for field in fields(OURS[name])
    )


def test_fields_of_a_newer_release_are_left_out():
    assert decode("TextErased", {**RELEASED["TextErased"], "later": 1}) == decode(
        "TextErased", RELEASED["TextErased"]
    )


@settings(deadline=None)
@given(st.data())
def test_what_was_told_is_what_is_heard(data):
    ids = st.uuids()
    fact = data.draw(
        st.one_of(
            st.builds(
                TextWritten,
                st.builds(Ref, st.just("journal.node"), ids),
                ids,
                st.sampled_from(Genre),
            ),
            st.builds(
                AudienceChanged, st.builds(Ref, st.just("privacy.circle"), ids), ids, st.booleans()
            ),
            st.builds(
                ConsentWithdrawn, ids, st.sampled_from(["embed", "platform:mastodon", "a.b-c_1"])
            ),
        )
    )
    assert decode(type(fact).__name__, encode(fact)) == fact


@pytest.mark.parametrize("annotation", [str, bytes, object, dict[str, int], list[UUID], str | None])
def test_a_fact_that_could_hold_words_cannot_be_defined(annotation, forgets):
    with pytest.raises(TypeError, match=r"Diary\.words"):
        type("Diary", (Fact,), {"__annotations__": {"words": annotation}, "__module__": __name__})


def test_numbers_enums_tuples_and_absence_are_plain(forgets):
    class Mood(IntEnum):
        FINE = 1

    @dataclass(frozen=True)
    class Weighed(Fact):
        owner: UUID
        mood: Mood
        score: float
        refs: tuple[Ref, ...]
        effects: tuple[Name, ...] = ()
        until: int | None = None

    fact = Weighed(uuid4(), Mood.FINE, 0.5, (Ref.parse(REF), Ref.parse(REF)), ("hide",))
    assert decode("Weighed", encode(fact)) == fact


def test_two_facts_of_one_name_are_refused(forgets):
    with pytest.raises(TypeError, match="Blocked"):
        type("Blocked", (Fact,), {"__annotations__": {"owner": UUID}, "__module__": __name__})


@pytest.mark.parametrize(
    "purpose",
    ["alice's words", "Embed", "", "a" * 65, "naïve", "two\nlines", 7, None, "x" + chr(0)],
)
def test_a_name_that_is_not_ours_is_refused_and_not_repeated(purpose):
    with pytest.raises(TypeError) as refused:
        encode(ConsentWithdrawn(uuid4(), purpose))
    assert str(refused.value) == "ConsentWithdrawn.purpose: not a name of ours"


@pytest.mark.parametrize(
    ("ref", "owner", "genre"),
    [
        ("alice's words", uuid4(), Genre.DIARY),
        (Ref.parse(REF), "alice's words", Genre.DIARY),
        (Ref.parse(REF), uuid4(), "alice's words"),
        (Ref.parse(REF), None, Genre.DIARY),
    ],
)
def test_words_in_the_place_of_an_id_or_enum_are_refused_and_not_repeated(ref, owner, genre):
    with pytest.raises(TypeError, match="not of the type") as refused:
        encode(TextWritten(ref, owner, genre))
    assert "alice" not in str(refused.value)


def test_a_number_is_no_yes_and_a_yes_is_no_number(forgets):
    @dataclass(frozen=True)
    class Counted(Fact):
        owner: UUID
        count: int

    with pytest.raises(TypeError):
        encode(Counted(uuid4(), True))
    with pytest.raises(TypeError):
        encode(AudienceChanged(Ref.parse(REF), uuid4(), 1))


def test_a_fact_above_4_kb_is_refused(forgets):
    @dataclass(frozen=True)
    class Crowd(Fact):
        owner: UUID
        people: tuple[UUID, ...]

    encode(Crowd(uuid4(), tuple(uuid4() for _ in range(90))))
    with pytest.raises(ValueError, match="4096"):
        encode(Crowd(uuid4(), tuple(uuid4() for _ in range(110))))


def test_a_fact_nobody_released_is_unknown():
    with pytest.raises(LookupError):
        decode("NeverReleased", {})


def test_no_field_of_the_catalogue_is_a_bare_string():
    assert str not in [kind for fact in OURS.values() for kind in kinds(fact).values()]
