"""The log page, with few entries and with many."""

from functools import partial

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from benchmarks.measuring import timed
from benchmarks.people import browser_of

LOADS = 60


def log_page(person: User) -> dict[str, float]:
    """Times of the log page of this person, and the number of its queries."""
    client = browser_of(person)
    times = timed([partial(load, client)] * LOADS)
    with CaptureQueriesContext(connection) as queries:
        load(client)
    return {**times.told(), "queries": len(queries)}


def load(client: Client) -> None:
    answer = client.get("/journal/")
    if answer.status_code != 200:
        raise RuntimeError(f"The log did not load: {answer.status_code}")
