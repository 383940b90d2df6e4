"""Django's PostgreSQL backend, for statements whose values travel beside them; Django looks for it under this name."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.backends.postgresql import base, operations
from django.db.models import Field, Model

# The protocol counts the values of a statement in two bytes.
MOST_VALUES: Final = 65_535


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(
        self, fields: Iterable[Field[Any, Any] | str], objs: Sequence[Model]
    ) -> int:
        """How many rows go into one statement: as many as have room with a value for each field."""
        return MOST_VALUES // max(len(list(fields)), 1)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
