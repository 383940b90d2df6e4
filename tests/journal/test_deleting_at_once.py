"""Two connections at one entry or draft: no child is born under what is being deleted, no first save is lost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

from journal.actions.drafts import save_draft
from journal.actions.nodes import ParentDeleted
from journal.actions.trash import trash_node
from journal.models.drafts import Draft
from journal.models.nodes import Node
from tests.factories import entry, person
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)
A_MOMENT = 0.4  # long enough for the other side to stand before the lock


@pytest.fixture
def writer(settings, tmp_path):
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
    return person("dora")


def beside(first, second) -> None:
    """The first act in a transaction that stays open until the second has begun in another connection."""
    began, waiting = Event(), Event()

    def acting() -> None:
        try:
            with transaction.atomic():
                first()
                began.set()
                waiting.wait(A_MOMENT)
        finally:
            began.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        acted = pool.submit(acting)
        began.wait()
        second()
        acted.result()


def test_a_reply_that_comes_while_its_parent_is_deleted_is_refused(writer):
    node = entry(writer, "root")

    def late() -> None:
        with pytest.raises(ParentDeleted):
            entry(writer, "late", parent=node)

    beside(lambda: trash_node(writer, node), late)
    assert Node.objects.get().deleted_at


def test_a_deletion_that_comes_while_a_reply_is_written_takes_it_along(writer):
    node = entry(writer, "root")
    beside(
        lambda: entry(writer, "just in time", parent=node),
        lambda: trash_node(writer, node, own_replies=True),
    )
    assert Node.objects.count() == 2
    assert not Node.objects.filter(deleted_at__isnull=True).exists()


def test_two_first_saves_of_one_draft_are_one_draft_with_the_later_words(writer):
    id = new_id()
    beside(
        lambda: save_draft(writer, id, seq=1, title="", text="first words"),
        lambda: save_draft(writer, id, seq=2, title="", text="first words and more"),
    )
    assert Draft.objects.get().body == "first words and more"
