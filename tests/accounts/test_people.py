"""What a person calls themselves here, when two want the same."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts.actions.people import HandleTaken, change_profile
from accounts.models import Profile
from tests.factories import person

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_who_want_one_handle_at_once_one_has_it_and_the_other_is_told():
    together = Barrier(2)

    def wants(who) -> str:
        together.wait()
        try:
            return change_profile(who, handle="heron").handle
        except HandleTaken as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(wants, [person("dora"), person("emil")]))
    assert told == sorted(["heron", HandleTaken.code])
    assert Profile.objects.filter(handle="heron").count() == 1
