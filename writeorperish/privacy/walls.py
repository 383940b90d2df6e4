"""Row level security as a second wall: inside `rows_of` the index tables show one owner's rows, outside none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from django.db import connection, transaction


@contextmanager
def rows_of(person_id: UUID) -> Iterator[None]:
    """Opens the walled tables for one owner until the block ends, inside one transaction.

    The setting lives as long as the transaction; a released savepoint would keep it, so the previous
    value is put back on leaving. Two short statements.
    """
    with transaction.atomic():
        before = set_owner(str(person_id))
        yield
        set_owner(before)


# The old value is read in a step of its own, before the new one is set.
EXCHANGE: Final = """
WITH before AS MATERIALIZED (SELECT coalesce(current_setting('wop.owner', true), '') AS owner)
SELECT owner, set_config('wop.owner', %s, true) FROM before
"""


def set_owner(value: str) -> str:
    """Opens the walled tables for this person, or with nothing for nobody; returns whom they were open for."""
    with connection.cursor() as cursor:
        cursor.execute(EXCHANGE, [value])
        (before, _now) = cursor.fetchone() or ("", "")
    return str(before)


# A query of its own, which is asked once a statement; as an expression it was asked for every row, which took
# half the time of a search by meaning.
OPEN_FOR: Final = "(SELECT nullif(current_setting('wop.owner', true), '')::uuid)"


def asked_once(table: str) -> str:
    """SQL that makes a wall of earlier days ask once a statement for whom it is open."""
    return f"ALTER POLICY own ON {table} USING (owner_id = {OPEN_FOR}) WITH CHECK (owner_id = {OPEN_FOR});"


def wall(table: str) -> tuple[str, str]:
    """SQL that walls a table by its `owner_id`, and SQL that takes the wall down again."""
    up = (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
        f"CREATE POLICY own ON {table} USING (owner_id = {OPEN_FOR}) WITH CHECK (owner_id = {OPEN_FOR});"
    )
    down = (
        f"DROP POLICY own ON {table}; ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; "
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
    )
    return up, down
