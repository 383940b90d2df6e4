#!/usr/bin/env python
import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  # said in one sentence, before newer syntax is read
    sys.stderr.write("Write or Perish needs Python 3.11 or newer.\n")
    raise SystemExit(2)

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from writeorperish.ops import embedded


def main() -> None:
    """One sentence and exit code 2 when settings are refused or our own server does not run."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "writeorperish.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(2)
    except OperationalError:
        if settings.OWN_SERVERS or not embedded.missing(settings.DATA_DIR, ["postgres"]):
            raise
        sys.stderr.write(f"No database runs in {settings.DATA_DIR}. Start it with make run.\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
