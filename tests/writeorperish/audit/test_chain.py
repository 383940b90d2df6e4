from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writeorperish.audit.chain import (
    GENESIS,
    START,
    Break,
    Damage,
    Link,
    Tip,
    commitment,
    digest,
    first_break,
    merkle_root,
)

NAME = "somebody"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def link(seq: int, prev: bytes, **changes: object) -> Link:
    plain = Link(
        id=uuid4(),
        chain=NAME,
        seq=seq,
        at=NOON + timedelta(minutes=seq),
        actor_kind="person",
        actor_id=UUID(int=1),
        action="write",
        object_kind="journal.node",
        object_id=UUID(int=abs(seq)),
        purpose="",
        request_id="",
        commit=b"",
        sealed=b"",
        prev=prev,
    )
    changed = replace(plain, **changes)
    return replace(changed, hash=digest(changed))


def grown(length: int) -> list[Link]:
    links: list[Link] = []
    for seq in range(1, length + 1):
        links.append(link(seq, links[-1].hash if links else GENESIS))
    return links


def tip_of(links: list[Link]) -> Tip:
    return Tip(links[-1].seq, links[-1].hash) if links else START


def found(links: list[Link], *, tip: Tip | None, anchored: Tip = START, base: Tip = START):
    in_order = sorted(links, key=lambda each: each.seq)

    def places(_chain: str, tip: bytes) -> list[int]:
        return [each.seq for each in links if each.hash == tip]

    broken = first_break(in_order, name=NAME, base=base, tip=tip, anchored=anchored, places=places)
    return broken and (broken.seq, broken.damage)


@settings(deadline=None)
@given(st.integers(0, 12))
def test_a_grown_chain_holds_with_and_without_an_anchor(length):
    links = grown(length)
    assert found(links, tip=tip_of(links)) is None
    assert found(links, tip=tip_of(links), anchored=tip_of(links[: length // 2])) is None


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_every_plain_field_is_bound(length, data):
    links = grown(length)
    at = data.draw(st.integers(0, length - 1))
    name, value = data.draw(
        st.sampled_from(
            [
                ("id", uuid4()),
                ("at", NOON - timedelta(microseconds=1)),
                ("actor_kind", "staff"),
                ("actor_id", None),
                ("action", "erase"),
                ("object_kind", "journal.draft"),
                ("object_id", UUID(int=99)),
                ("purpose", "train"),
                ("request_id", "r"),
                ("commit", bytes(32)),
                ("sealed", bytes(32)),
                ("hash", bytes(32)),
            ]
        )
    )
    changed = [*links[:at], replace(links[at], **{name: value}), *links[at + 1 :]]
    assert found(changed, tip=tip_of(links)) == (at + 1, Damage.CHANGED)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_changed_entry_with_a_new_hash_is_found_by_the_one_after_it(length, data):
    links = grown(length)
    at = data.draw(st.integers(0, length - 2))
    forged = link(at + 1, links[at].prev, action="erase")
    assert found([*links[:at], forged, *links[at + 1 :]], tip=tip_of(links)) == (
        at + 1,
        Damage.CHANGED,
    )


def moved(links: list[Link], by: int) -> list[Link]:
    return [replace(each, seq=each.seq + by) for each in links]


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_removed_entry_is_missing_whether_or_not_the_gap_was_closed(length, data):
    links = grown(length)
    at = data.draw(st.integers(0, length - 2))
    with_gap = [*links[:at], *links[at + 1 :]]
    closed = [*links[:at], *moved(links[at + 1 :], -1)]
    assert found(with_gap, tip=tip_of(links)) == (at + 1, Damage.MISSING)
    assert found(closed, tip=tip_of(links)) == (at + 1, Damage.MISSING)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_an_inserted_entry_is_found_however_well_it_was_made(length, data):
    links = grown(length)
    at = data.draw(st.integers(0, length - 1))
    prev = links[at - 1].hash if at else GENESIS
    copied = replace(links[(at + length // 2) % length], seq=at + 1)
    for stranger in (link(at + 1, prev), link(at + 1, bytes(32), hash=b"x"), copied):
        after = [*links[:at], stranger, *moved(links[at:], 1)]
        assert found(after, tip=tip_of(links)) == (at + 1, Damage.INSERTED)


@settings(deadline=None)
@given(st.integers(1, 12))
def test_an_entry_appended_past_the_head_is_inserted(length):
    links = grown(length)
    for stranger in (link(length + 1, links[-1].hash), replace(links[-1], seq=length + 1)):
        assert found([*links, stranger], tip=tip_of(links)) == (length + 1, Damage.INSERTED)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(-3, 0))
def test_an_entry_before_the_first_is_inserted(length, seq):
    links = grown(length)
    assert found([link(seq, GENESIS), *links], tip=tip_of(links)) == (seq, Damage.INSERTED)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_two_entries_that_changed_places_are_reordered(length, data):
    links = grown(length)
    one, other = data.draw(
        st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True).map(sorted)
    )
    swapped = list(links)
    swapped[one] = replace(links[other], seq=one + 1)
    swapped[other] = replace(links[one], seq=other + 1)
    assert found(swapped, tip=tip_of(links)) == (one + 1, Damage.REORDERED)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_cut_tail_is_truncated_by_the_head_and_with_a_rewound_head_by_the_anchor(length, data):
    links = grown(length)
    kept = data.draw(st.integers(1, length - 1))
    cut = links[:kept]
    assert found(cut, tip=tip_of(links)) == (kept + 1, Damage.TRUNCATED)
    assert found(cut, tip=tip_of(cut)) is None
    assert found(cut, tip=tip_of(cut), anchored=tip_of(links)) == (kept + 1, Damage.TRUNCATED)


@settings(deadline=None)
@given(st.integers(1, 12))
def test_a_chain_without_entries_has_vanished(length):
    tip = tip_of(grown(length))
    assert found([], tip=tip) == (1, Damage.VANISHED)
    assert found([], tip=None, anchored=tip) == (1, Damage.VANISHED)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_head_that_says_something_else_is_rewritten(length, data):
    links = grown(length)
    seq = data.draw(st.integers(1, length))
    assert found(links, tip=Tip(seq, bytes(32))) == (seq, Damage.REWRITTEN)
    assert found(links, tip=None) == (length, Damage.REWRITTEN)


@settings(deadline=None)
@given(st.integers(3, 12), st.data())
def test_a_past_rewritten_with_all_its_hashes_is_found_by_the_anchor(length, data):
    links, forged = grown(length), grown(length)
    signed = data.draw(st.integers(1, length))
    assert found(forged, tip=tip_of(forged)) is None
    anchored = tip_of(links[:signed])
    assert found(forged, tip=tip_of(forged), anchored=anchored) == (signed, Damage.CHANGED)


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_verifying_from_a_later_entry_says_the_same(length, data):
    links = grown(length)
    start = data.draw(st.integers(1, length - 1))
    base = tip_of(links[:start])
    assert found(links[start:], tip=tip_of(links), base=base) is None
    changed = [replace(links[start], action="erase"), *links[start + 1 :]]
    assert found(changed, tip=tip_of(links), base=base) == (start + 1, Damage.CHANGED)


def test_a_break_reads_as_chain_place_and_kind():
    assert str(Break(NAME, 3, Damage.TRUNCATED)) == "somebody 3 truncated tail"


def test_the_same_instant_in_another_zone_hashes_alike():
    one = link(1, GENESIS)
    elsewhere = replace(one, at=one.at.astimezone(tz=datetime.now().astimezone().tzinfo))
    assert digest(elsewhere) == digest(one)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9), st.binary(max_size=3)), max_size=9)
)
def test_the_root_depends_on_every_leaf_and_not_on_their_order(leaves):
    root = merkle_root(leaves)
    assert merkle_root(reversed(leaves)) == root
    for at in range(len(leaves)):
        assert merkle_root([*leaves[:at], *leaves[at + 1 :]]) != root


def test_a_detail_is_bound_by_its_salt():
    assert commitment(b"a" * 16, {"to": "chat"}) == commitment(b"a" * 16, {"to": "chat"})
    assert commitment(b"a" * 16, {"to": "chat"}) != commitment(b"b" * 16, {"to": "chat"})
    assert commitment(b"a" * 16, {"to": "chat"}) != commitment(b"a" * 16, {"to": "none"})


@pytest.mark.parametrize("length", [0, 1, 7])
def test_the_root_of_nothing_is_the_beginning(length):
    leaves = [(str(each), each, bytes(32)) for each in range(length)]
    assert (merkle_root(leaves) == GENESIS) is (length == 0)
