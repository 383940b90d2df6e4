"""Two at once over one person's notes: what goes while something is made of it goes with it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

from journal.actions import notes, portraits
from journal.actions.notes import months_of
from journal.actions.trash import trash_node
from journal.models.portraits import MonthDigest, Note, Portrait
from tests.factories import person
from tests.journal.test_portraits import agree, built, written
from writeorperish.ai import jobs

pytestmark = pytest.mark.django_db(transaction=True)
A_MOMENT = 0.7  # long enough for the other side to stand before the lock


@pytest.fixture
def writer(settings, tmp_path):
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
    dora = person("dora")
    agree(dora)
    return dora


def while_trashing(who, node, make) -> None:
    """Makes something in a transaction that stays open until the entry is being deleted beside it."""
    began, waiting = Event(), Event()

    def making() -> None:
        try:
            with transaction.atomic():
                assert make()
                began.set()
                waiting.wait(A_MOMENT)
        finally:
            began.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(making)
        began.wait()
        trash_node(who, node)
        made.result()


def test_a_digest_made_while_its_note_goes_goes_too(writer):
    nodes = written(writer)
    built(writer)
    MonthDigest.objects.all().delete()
    (month,) = months_of(writer.pk)
    while_trashing(writer, nodes[0], lambda: notes.keep_digest(writer.pk, month, []))
    assert Note.objects.count() == 9
    assert not MonthDigest.objects.exists()


def test_a_portrait_kept_while_one_of_its_entries_goes_is_set_aside(writer):
    nodes = written(writer)
    built(writer)
    Portrait.objects.all().delete()
    queued, _new = start(writer)
    job = jobs.claim(queued.pk)
    made = portraits.portrait_of(notes.Run(job, jobs.Telling(job)))
    while_trashing(writer, nodes[0], lambda: portraits.keep_portrait(job, made))
    assert Portrait.objects.get().state == "quarantined"


def start(who):
    with transaction.atomic():
        return jobs.start(who, portraits.KIND, about=portraits.about(who.pk))
