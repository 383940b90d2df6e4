"""The rule of sight, case by case, and against a slow reading of the same rule row by row."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from tests.examples import examples
from tests.factories import entry, person, public
from writeorperish.privacy.circles import accept, invite, leave, make_circle
from writeorperish.privacy.models import Block, Membership, Withholding

pytestmark = pytest.mark.django_db


def sees(who, node) -> bool:
    return Node.objects.visible_to(who).filter(pk=node.pk).exists()


def who_sees(cast, node) -> set[str]:
    people = {
        "alice": cast.alice,
        "bob": cast.bob,
        "charlie": cast.charlie,
        "mallory": cast.mallory,
        "moderator": cast.moderator,
        "nobody": AnonymousUser(),
    }
    return {name for name, who in people.items() if sees(who, node)}


def test_a_private_entry_is_seen_by_its_owner_alone(cast):
    assert who_sees(cast, entry(cast.alice)) == {"alice"}


def test_an_entry_for_a_circle_is_seen_by_its_members(cast):
    assert who_sees(cast, entry(cast.alice, circles=(cast.circle,))) == {"alice", "bob"}


def test_a_public_entry_is_seen_by_all_but_the_blocked(cast):
    seen = who_sees(cast, public(entry(cast.alice)))
    assert seen == {"alice", "bob", "charlie", "moderator", "nobody"}


def test_a_block_cuts_both_ways(cast):
    theirs = public(entry(cast.mallory))
    assert who_sees(cast, theirs) == {"mallory", "bob", "charlie", "moderator", "nobody"}


def test_a_deleted_entry_is_seen_by_nobody(cast):
    node = public(entry(cast.alice))
    trash_node(cast.alice, node)
    assert who_sees(cast, node) == set()


def test_a_withheld_entry_is_seen_by_its_owner_alone(cast):
    node = public(entry(cast.alice))
    Withholding.objects.create(source_kind="journal.node", source_id=node.pk, owner=cast.alice)
    assert who_sees(cast, node) == {"alice"}


def test_who_is_leaving_is_seen_by_nobody_else(cast):
    node = public(entry(cast.alice))
    User.objects.filter(pk=cast.alice.pk).update(leaving_at=timezone.now())
    assert who_sees(cast, node) == {"alice"}


def test_who_leaves_a_circle_sees_nothing_of_it_any_more(cast):
    node = entry(cast.alice, circles=(cast.circle,))
    leave(cast.bob, Membership.objects.get(member=cast.bob))
    assert who_sees(cast, node) == {"alice"}


def test_an_unfinished_answer_is_seen_by_its_owner_alone(cast):
    node = entry(cast.alice, circles=(cast.circle,))
    Node.objects.filter(pk=node.pk).update(
        author_kind="ai", author_model="a model", state="writing"
    )
    assert who_sees(cast, node) == {"alice"}


def test_nobody_but_the_owner_may_edit(cast):
    node = public(entry(cast.alice))
    for who in (cast.bob, cast.charlie, cast.mallory, cast.moderator, AnonymousUser()):
        assert not Node.objects.editable_by(who).filter(pk=node.pk).exists()
    assert Node.objects.editable_by(cast.alice).filter(pk=node.pk).exists()


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["write", "share", "publish", "delete", "leave", "join", "block"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=12,
)


def may_see(who: User, node: Node) -> bool:
    """The rule of sight in plain words, one row at a time."""
    if node.deleted_at is not None:
        return False
    if node.owner_id == who.pk:
        return True
    blocked = Block.objects.filter(blocker=who, blocked=node.owner).exists()
    if blocked or Block.objects.filter(blocker=node.owner, blocked=who).exists():
        return False
    if node.privacy_level == "public":
        return True
    if node.privacy_level != "circles":
        return False
    for grant in node.nodecirclegrant_set.all():
        for membership in Membership.objects.filter(circle__group=grant.group, member=who):
            if membership.state == "active" and membership.sees_from <= grant.granted_at:
                return True
    return node.nodeusergrant_set.filter(user=who).exists()


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=ACTS)
def test_the_rule_agrees_with_its_plain_reading(db, acts):
    names = [f"someone{User.objects.count()}x{n}" for n in range(3)]
    people = [person(name) for name in names]
    circles = [make_circle(who, name="a circle") for who in people]
    nodes: list[Node] = []
    for act, one, other in acts:
        who, them = people[one], people[other]
        if act == "write":
            nodes.append(entry(who))
        elif act == "share":
            nodes.append(entry(who, circles=(circles[one],)))
        elif act == "publish":
            nodes.append(public(entry(who)))
        elif act == "delete" and nodes:
            trash_node(nodes[-1].owner, nodes[-1])
        elif act == "join" and one != other:
            inside = Membership.objects.filter(circle=circles[one], member=them, state="active")
            blocked = Block.objects.filter(blocker__in=[who, them], blocked__in=[who, them])
            if not inside.exists() and not blocked.exists():
                accept(them, invite(who, circles[one], them, sees_earlier=bool(len(nodes) % 2)))
        elif act == "leave":
            for membership in Membership.objects.filter(member=who, state="active"):
                leave(who, membership)
        elif act == "block" and one != other:
            Block.objects.get_or_create(blocker=who, blocked=them)
    for who in people:
        seen = set(Node.objects.visible_to(who).values_list("pk", flat=True))
        everything = Node.objects.filter(owner__in=people)
        assert {n.pk for n in everything if may_see(who, n)} == seen & {n.pk for n in everything}
