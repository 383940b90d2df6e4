"""Every table that points at an entry, by foreign key or Ref, has a row that does; then the entries go for good."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import pytest
from django.db import models
from django.utils import timezone

from download.actions.answers import Where, begin
from journal.actions.beginnings import begin as begin_conversation
from journal.actions.drafts import save_draft
from journal.actions.imports import Settings, begin_import, begin_upload, confirm_import, put_part
from journal.actions.nodes import Audience, write_node
from journal.actions.portraits import ask_for_portrait
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.replies import ask_for_reply
from journal.actions.speech import ask_for_speech
from journal.actions.trash import TRASH_LIFE, purge, trash_node
from journal.models.nodes import Node
from tests.events_drain import JOBS, drain
from tests.factories import entry, zipped
from tests.house.test_forgetting import keep_answer, suggest_a_link
from tests.house.test_tables import OURS
from tests.sounds import sound
from writeorperish.crypto import keys, storage
from writeorperish.crypto.models import Blob
from writeorperish.ops import once
from writeorperish.privacy import consent
from writeorperish.privacy.models import Withholding
from writeorperish.privacy.portability import forget_person
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db

# What tells that something was done stays when its text is gone: ids and numbers, no word of it.
STAYS = {"audit.Entry", "ai.Call", "ai.Read", "ai.Job", "ops.Once", "privacy.Withholding"}


class Pointer(NamedTuple):
    """A column that may name an entry; `kind` beside it says so, and is empty for a foreign key."""

    model: type[models.Model]
    column: str
    kind: str

    def rows(self, ids: list) -> models.QuerySet:
        named = {self.kind: Node._meta.label_lower} if self.kind else {}
        return self.model._base_manager.filter(**{f"{self.column}__in": ids}, **named)


def pointers() -> Iterator[Pointer]:
    for model in OURS:
        names = {field.name: field for field in model._meta.concrete_fields}
        for name, field in names.items():
            if field.related_model is Node:
                yield Pointer(model, name, "")
            # An actor is somebody; what an actor did it to is a Ref.
            beside = "ref_id" if name == "kind" else f"{name.removesuffix('_kind')}_id"
            if name.endswith("kind") and name != "actor_kind" and beside in names:
                yield Pointer(model, beside, name)


def ids_of(person) -> list:
    return list(Node.objects.filter(owner=person.pk).values_list("pk", flat=True))


def pointing(owner_id: UUID, ids: list) -> dict[str, int]:
    """How many rows of each column name one of these entries."""
    with rows_of(owner_id):
        return {
            f"{each.model._meta.label}.{each.column}": each.rows(ids).count() for each in pointers()
        }


def agree(person, *purposes: str) -> None:
    for purpose in purposes:
        asked = consent.terms()[purpose]
        consent.decide(person, purpose, granted=True, text_version=asked.version)


def plant(alice, bob, circle) -> list:
    """Entries of alice's that each column names, made by the verbs that make them; their ids."""
    agree(alice, "portrait")
    spoken, _new = begin_recording(alice, draft=new_id(), ai_usage="chat")
    put_chunk(alice, spoken, 0, 0, sound(1.0))
    finish_recording(alice, spoken, [Segment(0, 1, 1_000)])
    drain()
    node = write_node(
        alice,
        id=spoken.draft_id,
        draft=spoken.draft_id,
        text="I could not sleep, and the piano was out of tune. #piano",
        privacy_level="circles",
        ai_usage="chat",
        audience=Audience((circle,), (bob,)),
    ).node
    drain()
    for _ in range(9):
        entry(alice, "More words. " * 120, ai_usage="chat")
    # These are only there to be many.
    drain(JOBS)
    entry(alice, "a" * 100_001)
    ask_for_portrait(alice)
    ask_for_reply(alice, node.pk)
    begin_recording(alice, parent=node.pk)
    save_draft(alice, new_id(), seq=1, title="", text="Better.", edits=node.pk, base_rev=1)
    save_draft(alice, new_id(), seq=1, title="", text="An answer.", parent=node.pk)
    data = zipped({"2019-03-04 A walk.md": "Along the river."})
    upload = begin_upload(alice, size=len(data))
    put_part(alice, upload, 0, data)
    run = begin_import(alice, upload)
    drain()
    run.refresh_from_db()
    confirm_import(alice, run, settings=Settings())
    drain()
    with once.attempt(alice, "/journal/", new_id(), b"") as trying:
        trying.ended(once.Outcome(200, result=Ref.to(node)))
    begin(alice, "When could I not sleep?", where=Where())
    begin_conversation(alice, node.pk)
    keep_answer(alice, node)
    suggest_a_link(alice, node)
    drain()
    held = Ref.to(node)
    Withholding.objects.create(source_kind=held.kind, source_id=held.id, owner=alice)
    return ids_of(alice)


@pytest.fixture
def planted(cast, settings) -> list:
    ids = plant(cast.alice, cast.bob, cast.circle)
    # Not made yet when its entry goes, so nobody is asked for it.
    settings.COMPAT_BASE_URL = "http://127.0.0.1:9/v1"
    settings.COMPAT_MODELS = {"speak": "own-voice"}
    agree(cast.alice, "speak")
    ask_for_speech(cast.alice, Node.objects.get(recordings__isnull=False))
    found = pointing(cast.alice.pk, ids)
    assert len(found) > 20
    assert [name for name, count in found.items() if not count] == [], "plant a row of each"
    return ids


def test_trashed_and_let_go_entries_leave_nothing_that_points_at_them(alice, planted):
    for node in Node.objects.filter(owner=alice, parent__isnull=True):
        trash_node(alice, node, own_replies=True)
    assert purge(now=timezone.now() + TRASH_LIFE) == len(planted)
    assert purge(now=timezone.now() + TRASH_LIFE) == 0
    drain()
    assert not Node.objects.exists()
    left = {name for name, count in pointing(alice.pk, planted).items() if count}
    assert {name.rpartition(".")[0] for name in left} <= STAYS
    storage.sweep()
    assert not Blob.objects.filter(media_type__startswith="audio").exists()


def test_an_account_goes_with_every_row_that_pointed_at_its_entries(alice, planted):
    owner_id = alice.pk
    forget_person(alice)
    alice.delete()
    keys.destroy(keys.person(owner_id))
    left = {name for name, count in pointing(owner_id, planted).items() if count}
    assert {name.rpartition(".")[0] for name in left} <= {"audit.Entry"}
    storage.sweep()
    assert not Blob.objects.exists()
