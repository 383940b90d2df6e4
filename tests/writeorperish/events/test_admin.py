import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from tests.conftest import Cast
from writeorperish.events import receipts, tasks
from writeorperish.events.bus import on
from writeorperish.events.catalog import TextErased
from writeorperish.events.models import Receipt
from writeorperish.events.outbox import emit
from writeorperish.refs import Ref, new_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_ours")]
LIST = "/admin/events/receipt/"


def broken(_fact: object) -> None:
    raise ValueError("alice's words")


def quiet(_fact: object) -> None:
    """Hears and does nothing."""


@pytest.fixture
def given_up(cast: Cast) -> Receipt:
    """The receipt of a listener that broke; another one is done."""
    for listener in (broken, quiet):
        on(TextErased)(listener)
    emit(TextErased(Ref("journal.node", new_id()), cast.alice.pk))
    receipts.write_receipts(timezone.now())
    for pk in Receipt.objects.values_list("pk", flat=True):
        tasks.handle(pk, 0)
    return Receipt.objects.given_up().get()


@pytest.fixture
def staff(cast: Cast, client: Client) -> Client:
    Authenticator.objects.create(user=cast.moderator, type=Authenticator.Type.TOTP, data={})
    client.force_login(cast.moderator)
    return client


def test_the_list_shows_what_was_given_up_and_none_of_the_words(given_up, staff):
    text = staff.get(LIST).content.decode()
    assert "test_admin.broken" in text
    assert "ValueError" in text
    assert "test_admin.quiet" not in text
    assert "alice" not in text


def test_hear_again_makes_the_chosen_receipts_due(given_up, staff):
    chosen = {"action": "hear_again", "_selected_action": [given_up.pk]}
    answer = staff.post(LIST, chosen, follow=True)
    assert "1 receipt will be heard again." in answer.content.decode()
    given_up.refresh_from_db()
    assert (given_up.state, given_up.tries) == (Receipt.State.DUE, 0)


@pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
def test_nothing_is_added_or_deleted_by_hand(given_up, staff, path):
    assert staff.get(LIST + path.format(pk=given_up.pk)).status_code == 403
