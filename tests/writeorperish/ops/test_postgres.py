import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from writeorperish.ops.postgres.base import MOST_VALUES

pytestmark = pytest.mark.django_db


def answer(statement: str, values: list[object]) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def test_the_server_shows_a_running_statement_without_its_values():
    running = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND %s::text <> ''"
    shown = answer(running, ["marzipan"])
    assert "pg_stat_activity" in shown
    assert "marzipan" not in shown


def test_a_statement_that_is_counted_or_logged_stands_without_its_values():
    with CaptureQueriesContext(connection) as asked:
        answer("SELECT %s::text", ["marzipan"])
    assert [each["sql"] for each in asked] == ["SELECT %s::text"]


@pytest.mark.parametrize("number", [MOST_VALUES, MOST_VALUES + 1])
def test_a_statement_may_have_any_number_of_values(number):
    places = ", ".join(["%s"] * (number - 1))
    statement = f"SELECT count(*) FROM (VALUES (1), (2)) AS given (n) WHERE n IN ({places}) AND %s::text = '100%%'"
    assert answer(statement, [*([2] * (number - 1)), "100%"]) == 1
