import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tests.conftest import Cast
from writeorperish.audit.anchoring import anchor
from writeorperish.audit.log import record
from writeorperish.audit.models import Entry
from writeorperish.refs import Ref, new_id

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/entry/"


@pytest.fixture
def staff(cast: Cast, client: Client) -> Client:
    Authenticator.objects.create(user=cast.moderator, type=Authenticator.Type.TOTP, data={})
    client.force_login(cast.moderator)
    return client


def test_staff_see_who_did_what_and_never_a_detail(cast, staff):
    secret = new_id()
    record(cast.alice, "circle.make", Ref("x.y", new_id()), of=cast.alice.pk, detail={"to": secret})
    entry = Entry.objects.get(object_kind="x.y")
    for path in ("", f"{entry.pk}/change/"):
        text = staff.get(LIST + path).content.decode()
        assert "circle.make" in text
        assert str(cast.alice.pk) in text
        assert str(secret) not in text


@pytest.mark.parametrize("asked", ["alice's words", "writ", "x" * 4_000, "<script>", "%"])
def test_a_search_takes_anything_and_finds_nothing_but_whole_ids(cast, staff, asked):
    record(cast.alice, "write", None, of=cast.alice.pk)
    answer = staff.get(LIST, {"q": asked}, follow=True)
    assert answer.status_code == 200
    assert not answer.context["cl"].result_list


def test_a_chain_is_found_by_its_id(cast, staff):
    shown = staff.get(LIST, {"q": str(cast.bob.pk)}).context["cl"].result_list
    assert str(cast.bob.pk) in {entry.chain for entry in shown}
    assert not [
        e
        for e in shown
        if cast.bob.pk not in {e.actor_id, e.object_id} and e.chain != str(cast.bob.pk)
    ]


@pytest.mark.parametrize("path", ["/admin/audit/entry/add/", "/admin/audit/anchor/add/"])
def test_nobody_adds_by_hand(staff, path):
    assert staff.get(path).status_code == 403


def test_nobody_changes_or_deletes_by_hand(cast, staff):
    entry = Entry.objects.first()
    assert staff.get(f"{LIST}{entry.pk}/delete/").status_code == 403
    assert staff.post(f"{LIST}{entry.pk}/change/", {"action": "x"}).status_code == 403


def test_the_root_of_an_anchor_is_shown(staff, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    row = anchor()
    assert bytes(row.merkle_root).hex() in staff.get("/admin/audit/anchor/").content.decode()


@pytest.mark.parametrize("path", [LIST, "/admin/audit/anchor/", "/admin/events/receipt/"])
def test_people_without_staff_rights_are_sent_away(cast, client, path):
    client.force_login(cast.charlie)
    assert client.get(path).status_code == 302
