"""All tests: the browser's in one process, the others in three beside it, since a process waits for its database.

Both sides live on one PostgreSQL, in databases of their own. The browser's side is quiet until it has ended.
Lines are counted where that is cheap, from Python 3.12 on, and always in CI: before it takes half as long again.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from writeorperish.ops import embedded

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("writeorperish", "accounts", "moderation", "journal"),
    *("download", "upload", "market", "narrative"),
)
LEAST_COVERED_PERCENT = 85
PYTEST = [sys.executable, "-m", "pytest", "-q"]
BROWSER = [*PYTEST, "tests/e2e"]
OTHERS = [
    *PYTEST,
    *("--ignore=tests/e2e", "-n", "3", "--dist", "loadgroup", "--no-loadscope-reorder"),
]
COUNTED = [
    *(f"--cov={package}" for package in PACKAGES),
    *("--cov-report=term:skip-covered", f"--cov-fail-under={LEAST_COVERED_PERCENT}"),
]
MONITORS = sys.version_info >= (3, 12)


CORE = {"COVERAGE_CORE": "sysmon"} if MONITORS else {}
UNWRITTEN = "PYTHONDONTWRITEBYTECODE"


def environment() -> dict[str, str]:
    """Ours, but what is compiled is kept: dozens of interpreters start, and each would compile everything again."""
    return {name: value for name, value in os.environ.items() if name != UNWRITTEN}


def counted() -> list[str]:
    if MONITORS or "CI" in os.environ:
        return COUNTED
    print("Lines are not counted on this Python; CI=1 make test counts them.", flush=True)  # noqa: T201
    return []


@contextmanager
def database() -> Iterator[None]:
    """The embedded PostgreSQL runs until both sides have ended, unless a server is given."""
    if "DATABASE_URL" in os.environ:
        yield
        return
    folder = Path(os.environ.get("WOP_DATA_DIR") or ROOT / "var").expanduser().absolute()
    servers = embedded.ensure(folder, ["postgres"])
    try:
        yield
    finally:
        embedded.stop(servers)


def let_others_first() -> None:
    """From now on this process and those it starts take turns when others' are over, and switch less: nobody waits
    for them as a browser's test waits for its page."""
    # Not every system has it or allows it.
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def run(options: list[str]) -> int:
    """The worse exit code of the two; `options` go to both."""
    with ExitStack() as stack:
        stack.enter_context(database())
        said = stack.enter_context(tempfile.TemporaryFile())
        browser = stack.enter_context(
            subprocess.Popen(
                [*BROWSER, *options], stdout=said, stderr=subprocess.STDOUT, env=environment()
            )
        )
        let_others_first()
        others = subprocess.call([*OTHERS, *counted(), *options], env=environment() | CORE)
        worst = max(others, browser.wait())
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
        return worst


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
