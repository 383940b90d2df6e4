"""A thread thousands of replies deep is read, deleted, taken back and let go like any other."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actions.departure import ask_for_export, parts_of
from journal.actions.exports import build_export
from journal.actions.replies import context_of
from journal.actions.trash import TRASH_LIFE, purge, restore_node, trash_node
from journal.models.nodes import Node
from tests.examples import THOROUGH
from tests.factories import entry
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
# More than Python's calls may be deep, in any case.
DEPTH = 5_000 if THOROUGH else 1_200


@pytest.fixture
def chain(alice) -> list[Node]:
    """An entry and as many replies, each below the one before, as an import would bring them."""
    root = entry(alice, "the first of many")
    nodes, above = [], root
    for depth in range(1, DEPTH + 1):
        at = root.written_at + timedelta(seconds=depth)
        node = Node(
            id=new_id(), owner=alice, root=root, parent=above, depth=depth, body=f"step {depth}",
            chars=10, written_at=at, day=at.date(),
        )  # fmt: skip
        nodes.append(node)
        above = node
    Node.objects.bulk_create(nodes, batch_size=500)
    with connection.cursor() as cursor:
        # The server keeps how it looks for what a row points at, from a time when there were no rows to look through.
        cursor.execute("DISCARD PLANS")
    return [root, *nodes]


def asked(act) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


def test_it_is_read_exported_deleted_taken_back_and_let_go_in_few_queries(alice, chain, signed_in):
    client = signed_in(alice)
    for node in (chain[0], chain[DEPTH // 2], chain[-1]):
        page = client.get(node.get_absolute_url())
        assert page.status_code == 200
        assert node.body.encode() in page.content
        thread = client.get(f"/api/v1/journal/nodes/{node.pk}/thread/").json()
        assert thread["node"]["id"] == str(node.pk)
        assert len(thread["ancestors"]) + thread["more_above"] == node.depth
        assert len(thread["descendants"]) == min(50, DEPTH - node.depth)

    Node.objects.update(ai_usage="chat")
    # What is above is looked at in steps, whatever its depth.
    assert asked(lambda: context_of(alice, chain[-1].pk)) < 60
    export = ask_for_export(alice)
    build_export(export.pk)
    export.refresh_from_db()
    with zipfile.ZipFile(io.BytesIO(b"".join(parts_of(alice, export)))) as archive:
        entries = [name for name in archive.namelist() if name.startswith("entries/")]
    assert len(entries) == DEPTH + 1

    assert asked(lambda: trash_node(alice, chain[0], own_replies=True)) < 40
    assert Node.objects.deleted_by(alice).count() == DEPTH + 1
    assert asked(lambda: restore_node(alice, chain[0])) < 40
    assert Node.objects.visible_to(alice).count() == DEPTH + 1

    trash_node(alice, chain[0], own_replies=True)
    later = timezone.now() + TRASH_LIFE
    assert asked(lambda: purge(now=later)) < DEPTH / 2
    assert not Node.objects.exists()


def test_a_place_in_the_middle_stays_while_somebodys_words_hang_below_it(alice, bob, cast):
    root = entry(alice, "root", circles=(cast.circle,))
    middle = entry(alice, "middle", parent=root, privacy_level="circles")
    entry(bob, "leaf", parent=middle, privacy_level="circles")
    entry(alice, "beside", parent=root, privacy_level="circles")
    trash_node(alice, root, own_replies=True)
    purge(now=timezone.now() + TRASH_LIFE)
    left = {node.pk: node.erased_at for node in Node.objects.all()}
    assert len(left) == 3
    assert left[root.pk] and left[middle.pk]
