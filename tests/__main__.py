"""All tests: the browser's in one process, the others in two beside it, since a browser waits more than it computes.

Each side starts servers of its own. The browser's side is quiet until it has ended. Lines are counted where
that is cheap, from Python 3.12 on, and always in CI: before it takes half as long again.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

PACKAGES = (
    *("writeorperish", "accounts", "moderation", "journal"),
    *("download", "upload", "market", "narrative"),
)
LEAST_COVERED_PERCENT = 85
PYTEST = [sys.executable, "-m", "pytest", "-q"]
BROWSER = [*PYTEST, "tests/e2e"]
OTHERS = [
    *PYTEST,
    *("--ignore=tests/e2e", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"),
]
COUNTED = [
    *(f"--cov={package}" for package in PACKAGES),
    *("--cov-report=term:skip-covered", f"--cov-fail-under={LEAST_COVERED_PERCENT}"),
]
MONITORS = sys.version_info >= (3, 12)


CORE = {"COVERAGE_CORE": "sysmon"} if MONITORS else {}


def counted() -> list[str]:
    if MONITORS or "CI" in os.environ:
        return COUNTED
    print("Lines are not counted on this Python; CI=1 make test counts them.", flush=True)  # noqa: T201
    return []


def run(options: list[str]) -> int:
    """The worse exit code of the two; `options` go to both."""
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="wop-browser-"))
        Path(data).chmod(0o755)  # PostgreSQL does not run as root
        said = stack.enter_context(tempfile.TemporaryFile())
        browser = stack.enter_context(
            subprocess.Popen(
                [*BROWSER, *options],
                env=os.environ | {"WOP_DATA_DIR": data},
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        )
        others = subprocess.call([*OTHERS, *counted(), *options], env=os.environ | CORE)
        worst = max(others, browser.wait())
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
        return worst


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
