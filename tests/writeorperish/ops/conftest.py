"""Data folders whose servers once ran, for tests that look at what comes after the first start."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from writeorperish.ops import embedded


@pytest.fixture(scope="session")
def settled() -> Iterator[Callable[[Path], None]]:
    """Makes `data` a folder that was started once and stopped: a copy, since making one takes two seconds."""
    made = Path(tempfile.mkdtemp(prefix="wop-settled-", dir="/tmp"))
    made.chmod(0o755)
    embedded.stop(embedded.ensure(made / "var"))

    def settle(data: Path) -> None:
        subprocess.run(["cp", "-a", str(made / "var"), str(data)], check=True)

    yield settle
    shutil.rmtree(made)
