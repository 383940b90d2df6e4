"""The triggers that keep the audit log from being emptied, taken off and put on.

Transactional tests empty every table behind them, so the test database lives without them.
"""

from importlib import import_module

from django.db import connection

APPEND_ONLY = import_module("writeorperish.audit.migrations.0002_append_only")


def let_tables_be_emptied() -> None:
    run(APPEND_ONLY.ALLOW_TRUNCATE)


def refuse_to_be_emptied() -> None:
    run(APPEND_ONLY.REFUSE_TRUNCATE)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        for table in APPEND_ONLY.TABLES:
            cursor.execute(statement.format(table=table))
