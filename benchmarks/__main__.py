"""`python -m benchmarks [part …]`: prints the figures and keeps them in bench.json of the data folder.

Everything happens in servers and a folder of its own, made for the run and gone after it.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks.memory import running_set
from writeorperish.ops import embedded

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")


def main() -> None:
    kept = Path(os.environ.get("WOP_DATA_DIR") or ROOT / "var").absolute()
    told: dict[str, object] = {"machine": machine(), "memory_of_running_set_mb": running_set(kept)}
    with scratch():
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        # Only now can its models be imported.
        told |= import_module("benchmarks.figures").figures(*sys.argv[1:])
    written = json.dumps(told, indent=2)
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    (kept / "bench.json").write_text(f"{written}\n", encoding="utf-8")
    sys.stdout.write(f"{written}\nwritten to {kept / 'bench.json'}\n")


def machine() -> dict[str, object]:
    return {"python": platform.python_version(), "cores": os.cpu_count()}


@contextmanager
def scratch() -> Iterator[None]:
    """A data folder with PostgreSQL and Redis of its own, whatever the environment names; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wop-bench-"))
    for name in GIVEN:
        os.environ.pop(name, None)
    os.environ |= {
        "WOP_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "writeorperish.settings",
        "LOG_LEVEL": "ERROR",
        "DEBUG": "0",
    }
    try:
        servers = embedded.ensure(folder)
        try:
            yield
        finally:
            embedded.stop(servers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
