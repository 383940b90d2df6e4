"""A fact and its listeners for the kill test, loaded by the worker.

Each listener counts, so hearing a fact twice shows unless the listener notices; and tells another fact,
so a fact lost or doubled on the way shows as well.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.db import connection, transaction

from writeorperish.events.bus import on
from writeorperish.events.facts import Fact
from writeorperish.events.outbox import emit

TABLES = """
CREATE TABLE struck (fact uuid, listener text, PRIMARY KEY (fact, listener));
CREATE TABLE struck_tally (listener text PRIMARY KEY, count int DEFAULT 0);
INSERT INTO struck_tally (listener) VALUES ('urgent'), ('normal'), ('low'), ('echo');
"""
GONE = "DROP TABLE IF EXISTS struck, struck_tally"


@dataclass(frozen=True)
class Struck(Fact):
    whose: ClassVar[str] = ""
    id: UUID


@dataclass(frozen=True)
class Echoed(Fact):
    whose: ClassVar[str] = ""
    id: UUID


def count(fact: Struck | Echoed, listener: str, *, echo: bool = False) -> None:
    """This listener has counted this fact. Slow on both sides of the commit, to be killed on either."""
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(
                "INSERT INTO struck (fact, listener) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [fact.id, listener],
            )
            if cursor.rowcount == 1:
                cursor.execute(
                    "UPDATE struck_tally SET count = count + 1 WHERE listener = %s", [listener]
                )
                if echo:
                    emit(Echoed(fact.id))
            cursor.execute("SELECT pg_sleep(0.005)")
        cursor.execute("SELECT pg_sleep(0.015)")


@on(Struck, queue="urgent")
def count_urgent(fact: Struck) -> None:
    count(fact, "urgent")


@on(Struck)
def count_and_echo(fact: Struck) -> None:
    count(fact, "normal", echo=True)


@on(Struck, queue="low")
def count_low(fact: Struck) -> None:
    count(fact, "low")


@on(Echoed)
def count_echo(fact: Echoed) -> None:
    count(fact, "echo")
