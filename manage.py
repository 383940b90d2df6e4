#!/usr/bin/env python
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("Write or Perish needs Python 3.11 or newer.")

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "writeorperish.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
