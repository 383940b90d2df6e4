"""Django's PostgreSQL backend, for statements whose values travel beside them; Django looks for it under this name."""

from typing import Any, Final, Self

import psycopg
from django.db.backends.postgresql import base, operations
from psycopg.abc import Params
from psycopg.sql import SQL, Composed

# The protocol counts the values of a statement in two bytes.
MOST_VALUES: Final = 65_535


class Cursor(base.ServerBindingCursor, psycopg.Cursor[Any]):
    """Sends values beside the statement; more than have room there are written into it, as Django's own cursor does."""

    def execute(  # type: ignore[override]  # Django sends no templates
        self,
        query: bytes | SQL | Composed,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        if params is not None and len(params) > MOST_VALUES:
            query = psycopg.ClientCursor(self.connection).mogrify(query, params).encode()
            params = None
        return super().execute(query, params, prepare=prepare, binary=binary)


class Operations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: object, sql: object, params: object) -> str:
        """The statement for whoever counts or logs it, without the values Django would write into it."""
        return str(sql)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = Operations

    def get_connection_params(self) -> dict[str, Any]:
        return super().get_connection_params() | {"cursor_factory": Cursor}
