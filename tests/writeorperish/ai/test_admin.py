"""The admin shows what models did in ids and numbers: no word of a person can be opened there."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from journal.actions.replies import ask_for_reply
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ai import budget
from writeorperish.ai.allowances import set_by_hand
from writeorperish.ai.instructions import give_instructions
from writeorperish.ai.models import Allowance, Call, Instructions, Job, PromptText, Scope, Sent
from writeorperish.audit.log import STAFF
from writeorperish.audit.models import Entry

pytestmark = pytest.mark.django_db

WORDS = ("sleepless", "briefly", "half of an answer")


@pytest.fixture
def staff(cast, client):
    Authenticator.objects.create(user=cast.moderator, type=Authenticator.Type.TOTP, data={})
    client.force_login(cast.moderator)
    return client


@pytest.fixture
def used(alice):
    """A call and a job with every kind of word in them or behind them."""
    give_instructions(alice, f"Please answer {WORDS[1]}.")
    ask_for_reply(alice, entry(alice, f"A {WORDS[0]} night.", ai_usage="chat").pk)
    drain()
    call = Call.objects.get(task="reply")
    Call.objects.filter(pk=call.pk).update(
        sent=True, cost_microdollars=1_250_000, estimated=True, provider="anthropic"
    )
    job = Job.objects.get()
    job.partial = WORDS[2]
    job.save(update_fields=["partial"])
    PromptText.objects.create(name="journal/reply", version="abc", text="our own words")
    return call


def pages():
    """Every page of the admin about AI that can be looked at."""
    for model in (Call, Job, PromptText, Allowance):
        yield reverse(f"admin:ai_{model._meta.model_name}_changelist")
        yield reverse(f"admin:ai_{model._meta.model_name}_change", args=[model.objects.first().pk])
    yield reverse("admin:ai_call_spend")


def test_no_page_holds_a_word_of_anybodys(alice, staff, used):
    for address in pages():
        answer = staff.get(address)
        assert answer.status_code == 200, address
        for words in (*WORDS, "our own words", alice.email, alice.profile.handle):
            assert words not in answer.content.decode(), address


def test_what_is_sealed_has_no_page_at_all():
    assert not {Instructions, Sent} & set(admin.site._registry)


def test_calls_and_jobs_are_looked_at_and_never_touched(staff, used):
    for model in (Call, Job, PromptText):
        name = f"admin:ai_{model._meta.model_name}"
        row = model.objects.first()
        assert staff.get(reverse(f"{name}_add")).status_code == 403
        assert staff.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert (
            staff.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        )
    assert Call.objects.filter(pk=used.pk).exists()


def test_what_was_spent_is_summed_by_day_and_by_person(alice, bob, staff, used):
    page = staff.get(reverse("admin:ai_call_spend")).content.decode()
    assert "$1.25" in page
    assert str(alice.pk) in page
    assert str(bob.pk) not in page


def test_an_allowance_is_changed_through_the_verb_and_logged(alice, cast, staff):
    row = Allowance.objects.get(owner=alice, scope=Scope.MONTH)
    answer = staff.post(reverse("admin:ai_allowance_change", args=[row.pk]), {"limit": "9000000"})
    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.limit, row.set_by_hand) == (9_000_000, True)
    logged = Entry.objects.get(action="allowance.set")
    assert (logged.chain, logged.actor_id) == (str(alice.pk), cast.moderator.pk)
    budget.allow(alice.pk, {Scope.MONTH: 1})
    row.refresh_from_db()
    assert row.limit == 9_000_000


def test_a_limit_for_everybody_together_is_added(staff):
    sent = {"person": "", "scope": "month", "limit": "50000000"}
    assert staff.post(reverse("admin:ai_allowance_add"), sent).status_code == 302
    assert Allowance.objects.get(owner=None).limit == 50_000_000
    assert Entry.objects.get(action="allowance.set").chain == STAFF


@pytest.mark.parametrize(
    "sent", [{"limit": "-1"}, {"limit": "much"}, {"scope": "wishes"}, {"person": "alice"}]
)
def test_what_is_no_allowance_is_refused(alice, staff, sent):
    whole = {"person": str(alice.pk), "scope": "month", "limit": "5"}
    assert staff.post(reverse("admin:ai_allowance_add"), whole | sent).status_code == 200
    assert not Entry.objects.filter(action="allowance.set").exists()


def test_an_allowance_holds_at_once(alice, cast):
    set_by_hand(cast.moderator, alice.pk, Scope.MONTH, limit=0)
    with pytest.raises(budget.BudgetSpent):
        budget.require_any(alice.pk, at=timezone.now())


def test_who_is_not_staff_is_kept_out(alice, signed_in, used):
    client = signed_in(alice)
    for address in pages():
        assert client.get(address).status_code in {302, 403, 404}
