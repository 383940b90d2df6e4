from datetime import timedelta

import pytest
from django.db import transaction

from journal.actions.nodes import change_settings
from journal.models.nodes import Node
from tests.factories import entry
from writeorperish.ai import jobs
from writeorperish.ai.jobs import Kind, Lost, Telling
from writeorperish.ai.models import Job
from writeorperish.events.models import Event
from writeorperish.ops.refusals import Invalid, Missing
from writeorperish.privacy.levels import Purpose
from writeorperish.refs import Ref

pytestmark = pytest.mark.django_db
KIND = "tests.work"


def end(job, state, error):
    jobs.finish(job, state, error=error)


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setitem(jobs.KINDS, KIND, Kind(lambda job: jobs.finish(job, Job.State.DONE), end))


@pytest.fixture
def about(alice):
    return Ref.to(entry(alice))


@pytest.fixture
def job(alice, about):
    return jobs.start(alice, KIND, about=about)[0]


def lapse(job):
    Job.objects.filter(pk=job.pk).update(lease_until=jobs.database_now() - timedelta(seconds=1))


def standing(job):
    return Job.objects.get(pk=job.pk)


def test_a_second_click_gets_the_job_of_the_first(alice, about):
    first, new = jobs.start(alice, KIND, about=about)
    again, newer = jobs.start(alice, KIND, about=about)
    assert (first.pk, new, newer) == (again.pk, True, False)
    assert Event.objects.filter(name="JobQueued").count() == 1


def test_one_worker_has_it(job):
    assert jobs.claim(job.pk).attempt == 1
    assert jobs.claim(job.pk) is None


def test_another_takes_it_up_once_the_lease_is_over(job):
    first = jobs.claim(job.pk)
    lapse(job)
    second = jobs.claim(job.pk)
    assert second.attempt == 2
    with pytest.raises(Lost):
        jobs.finish(first, Job.State.DONE)
    jobs.finish(second, Job.State.DONE)
    assert standing(job).state == "done"
    assert jobs.claim(job.pk) is None


def test_after_three_lost_workers_it_has_failed(job):
    for _ in range(3):
        assert jobs.claim(job.pk)
        lapse(job)
    assert jobs.claim(job.pk) is None
    assert (standing(job).state, standing(job).error) == ("failed", "lost")


def test_work_of_no_purpose_and_results_of_no_text_are_never_withheld(alice, about, monkeypatch):
    job = jobs.start(alice, KIND, about=about, result=Ref("accounts.user", alice.pk))[0]
    monkeypatch.setitem(jobs.KINDS, KIND, Kind(print, end, purpose=Purpose.REPLY))
    change_settings(alice, Node.objects.get(pk=about.id), ai_usage="chat")
    assert jobs.withheld(job) == ""
    change_settings(alice, Node.objects.get(pk=about.id), ai_usage="none")
    assert jobs.withheld(job) == "ai_off_here"
    monkeypatch.setitem(jobs.KINDS, KIND, Kind(print, end))
    assert jobs.withheld(job) == ""


def test_a_dead_workers_job_is_announced_again(job):
    jobs.claim(job.pk)
    assert jobs.reclaim() == 0
    lapse(job)
    assert jobs.reclaim() == 1
    assert Event.objects.filter(name="JobQueued").count() == 2


def test_work_that_refuses_or_breaks_ends_with_its_code(job, alice, about, monkeypatch):
    def refuse(_job):
        raise Invalid("not_today")

    monkeypatch.setitem(jobs.KINDS, KIND, Kind(refuse, end))
    jobs.run(job.pk)
    assert (standing(job).state, standing(job).error) == ("failed", "not_today")

    def break_down(_job):
        raise ZeroDivisionError

    other, _ = jobs.start(alice, KIND, about=about)
    monkeypatch.setitem(jobs.KINDS, KIND, Kind(break_down, end))
    with pytest.raises(ZeroDivisionError):
        jobs.run(other.pk)
    assert (standing(other).state, standing(other).error) == ("failed", "broken")


def test_stop_ends_a_waiting_job_at_once_and_a_running_one_soon(job, alice, about, charlie):
    with pytest.raises(Missing):
        jobs.cancel(charlie, job.pk)
    assert jobs.cancel(alice, job.pk).state == "stopped"
    running, _ = jobs.start(alice, KIND, about=about)
    claimed = jobs.claim(running.pk)
    telling = Telling(claimed)
    assert not telling.asked_to_stop()
    assert jobs.cancel(alice, running.pk).state == "running"
    telling.looked_at -= jobs.STOP_SECONDS
    assert telling.asked_to_stop()


def test_the_words_so_far_stand_in_the_row_and_go_with_the_end(job):
    claimed = jobs.claim(job.pk)
    telling = Telling(claimed)
    telling.say("Half a ")
    telling.say("sentence")
    telling.keep()
    assert jobs.text_of(standing(job)) == "Half a sentence"
    assert standing(job).seq == telling.seq
    jobs.finish(claimed, Job.State.DONE)
    assert standing(job).partial is None


def test_a_worker_that_lost_its_job_hears_it_when_it_keeps(job):
    telling = Telling(jobs.claim(job.pk))
    lapse(job)
    jobs.claim(job.pk)
    telling.say("too late")
    with pytest.raises(Lost):
        telling.keep()


def test_a_job_asked_for_in_a_transaction_that_fails_was_never_asked_for(alice, about):
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        jobs.start(alice, KIND, about=about)
        raise RuntimeError
    assert not Job.objects.exists()
    assert not Event.objects.filter(name="JobQueued").exists()
