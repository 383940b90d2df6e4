"""A data folder whose servers once ran, for tests that look at what comes after the first start."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from writeorperish.ops import daemon, embedded


@pytest.fixture(scope="session")
def settled() -> Iterator[Path]:
    """A folder that was started once and stopped: one for all, since making one takes two seconds."""
    made = Path(tempfile.mkdtemp(prefix="wop-settled-", dir="/tmp"))
    made.chmod(0o755)
    embedded.stop(embedded.ensure(made / "var"))
    yield made / "var"
    shutil.rmtree(made)


@pytest.fixture
def settled_data(settled: Path) -> Iterator[Path]:
    """That folder, stopped before and after whatever the test did."""
    yield settled
    silence(settled)


@pytest.fixture
def running(settled_data: Path) -> Path:
    """That folder with both servers, for tests that only look."""
    embedded.ensure(settled_data)
    return settled_data


def silence(data: Path) -> None:
    """No server of this folder runs any more, whoever started it."""
    silent = embedded.missing(data)
    for name in embedded.BOTH:
        if name not in silent:
            pid = int((data / name / "owner").read_text().split()[1])
            daemon.end(pid, *embedded.STOP_SIGNALS[name])
