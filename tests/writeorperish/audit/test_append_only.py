import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from writeorperish.audit.chain import GENESIS
from writeorperish.audit.log import SYSTEM, record
from writeorperish.audit.models import Anchor, Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def written() -> None:
    record(None, "verified", None, of=SYSTEM)
    Anchor.objects.create(
        number=1,
        at=timezone.now(),
        merkle_root=GENESIS,
        count=0,
        previous=GENESIS,
        heads=[],
        signature=b"",
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET action = 'erased'",
        "UPDATE audit_entry SET detail = NULL",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "UPDATE audit_anchor SET count = 7",
        "DELETE FROM audit_anchor",
        "TRUNCATE audit_anchor",
    ],
)
def test_the_application_role_can_neither_change_nor_remove_nor_empty(written, statement):
    before = list(Entry.objects.values("action", "seq")), Anchor.objects.get().count
    with (
        pytest.raises(ProgrammingError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert (list(Entry.objects.values("action", "seq")), Anchor.objects.get().count) == before


def test_a_row_cannot_be_changed_through_its_model_either(written):
    entry = Entry.objects.get()
    entry.action = "erased"
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        entry.save(update_fields=["action"])
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        entry.delete()
