import http.client
import io
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from writeorperish.ops import embedded, household
from writeorperish.ops.daemon import CannotStart, arguments, program
from writeorperish.ops.management.commands.run import collect_static

pytestmark = pytest.mark.xdist_group("run")

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
NAMES = ("web", "worker", "beat")
PATIENCE_SECONDS = 60
ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SILENCE = "(it said no more)"


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wop-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "var"
    end_all(folder / "var")
    shutil.rmtree(folder, ignore_errors=True)


def end_all(data: Path) -> None:
    """Whatever a failed test left running has ended."""
    if data.is_dir():
        household.end_leftovers(data)
        left = [name for name in embedded.BOTH if name not in embedded.missing(data)]
        embedded.stop(embedded.ensure(data, left))


def environment(data: Path, **more: str) -> dict[str, str]:
    """What a person's shell has: nothing of the tests'."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"WOP_DATA_DIR": str(data)} | more


def refusal(data: Path, *words: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        [*MANAGE, *(words or ["run"])],
        env=environment(data, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr.strip()


@pytest.fixture
def refused(settings) -> Callable[..., tuple[int, str]]:
    """What a start answers here, in this process, when what settings are read from is given already."""

    def run(data: Path, **given: object) -> tuple[int, str]:
        settings.DATA_DIR = data
        for name, value in given.items():
            setattr(settings, name, value)
        said = io.StringIO()
        heard = {number: signal.getsignal(number) for number in ASKING}
        try:
            with pytest.raises(SystemExit) as refusal:
                call_command("run", stderr=said)
        finally:
            for number, handler in heard.items():
                signal.signal(number, handler)
        return refusal.value.code, said.getvalue().strip()

    return run


class Run:
    """One `manage.py run`, and what it says."""

    def __init__(self, data: Path, *options: str, **more: str) -> None:
        self.process = subprocess.Popen(
            [*MANAGE, "run", *options],
            env=environment(data, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.said: list[str] = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(SILENCE)

    def wait_for(self, beginning: str) -> str:
        """The next line that begins so; everything said is shown when none comes."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.said.append(self.lines.get(timeout=until - time.monotonic()))
            except (queue.Empty, ValueError):
                pytest.fail(f"never said {beginning!r}:\n" + "\n".join(self.said))
            if self.said[-1].startswith(beginning):
                return self.said[-1]
            if self.said[-1] == SILENCE:
                pytest.fail(f"ended without {beginning!r}:\n" + "\n".join(self.said))

    def set_begun(self, data: Path, before: dict[str, int]) -> dict[str, int]:
        """The numbers of a set that is none of those before, as soon as it has them."""
        while True:
            assert self.process.poll() is None
            with suppress(FileNotFoundError, ValueError):
                found = pids(data)
                if not set(found.values()) & set(before.values()):
                    return found
            time.sleep(0.02)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


def status(port: int, path: str) -> int:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", path)
    return line.getresponse().status


def pids(data: Path) -> dict[str, int]:
    return {name: int((data / "run" / f"{name}.pid").read_text()) for name in NAMES}


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


def test_a_whole_life(data: Path, refused: Callable[..., tuple[int, str]]) -> None:
    with taken_port() as port:
        first = Run(data, "--port", str(port))
        moved = first.wait_for(f"Port {port} is busy")
        address = first.wait_for("ready ")
    free = int(moved.rstrip(".").split()[-1])
    assert address == f"ready http://127.0.0.1:{free}/"
    assert first.wait_for("demo ") == "demo sign-in: alice@example.org / write-or-perish"
    assert status(free, "/health") == 200
    assert status(free, "/accounts/login/") == 200

    # Somebody starts it a second time.
    code, said = refused(data)
    assert code == 2
    assert said == (
        f"Process {first.process.pid} is already running on {data}. "
        "Stop it first, or set WOP_DATA_DIR to another folder."
    )

    # A mail is written.
    (data / "mail").mkdir(exist_ok=True)
    (data / "mail" / "20260101-1.log").write_text("Subject: hello")
    assert first.wait_for("mail ") == f"mail written to {data}/mail/20260101-1.log"

    # The machine takes the one that watches, and leaves the others.
    before = pids(data)
    first.process.kill()
    first.ended()
    assert all("writeorperish" in arguments(pid) for pid in before.values())
    second = Run(data, "--port", str(free))
    begun = second.set_begun(data, before)
    assert not any("writeorperish" in arguments(pid) for pid in before.values())
    assert embedded.missing(data) == []

    # One of the set dies, as early as can be: all end, and the servers of the run that was killed with them.
    os.kill(begun["beat"], signal.SIGKILL)
    assert second.ended() == 1
    assert not any(program(pid) for pid in begun.values())
    second.wait_for("A process ended by itself")
    assert embedded.missing(data) == ["postgres", "redis"]

    # The next start finds everything; asked to stop, all end well.
    third = Run(data, "--no-demo", "--port", str(free))
    third.wait_for(f"ready http://127.0.0.1:{free}/")
    assert third.wait_for("demo ").endswith("alice@example.org / write-or-perish")
    alive = list(pids(data).values())
    third.process.send_signal(signal.SIGTERM)
    assert third.ended() == 0
    assert not any(program(pid) for pid in alive)
    assert embedded.missing(data) == ["postgres", "redis"]


def test_interrupted_before_anything_serves_nothing_stays(settled_data: Path) -> None:
    begun = settled_data / "postgres" / "cluster" / "postmaster.pid"
    assert not begun.exists()
    run = Run(settled_data, "--no-demo")
    while not begun.exists():
        assert run.process.poll() is None
        time.sleep(0.01)

    run.process.send_signal(signal.SIGINT)

    assert run.ended() == 0
    assert embedded.missing(settled_data) == ["postgres", "redis"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "DEBUG": "1"},
            "The database at DATABASE_URL cannot be reached: ",
        ),
        ({"REDIS_URL": "cache:6379"}, "REDIS_URL must read like redis://"),
        ({"WOP_DATADIR": "/tmp"}, "Unknown setting WOP_DATADIR"),
    ],
)
def test_what_cannot_run_says_one_sentence(given: dict[str, str], said: str, data: Path) -> None:
    code, words = refusal(data, **given)

    assert code == 2
    assert words.startswith(said)
    assert "\n" not in words
    assert embedded.missing(data) == ["postgres", "redis"]


def test_a_data_folder_that_cannot_be_written_says_one_sentence(data: Path) -> None:
    data.write_text("a file")

    code, words = refusal(data)

    assert code == 2
    assert words.startswith(f"The data folder {data} cannot be ")
    assert "\n" not in words


def test_a_given_redis_must_answer(
    settled_data: Path, refused: Callable[..., tuple[int, str]]
) -> None:
    code, words = refused(settled_data, REDIS=embedded.split_redis_url("redis://127.0.0.1:1"))

    assert code == 2
    assert words.startswith("The server at REDIS_URL cannot be reached: ")
    assert "\n" not in words
    assert embedded.missing(settled_data) == ["postgres", "redis"]


def test_a_given_database_must_bind_its_role(
    running: Path, tmp_path: Path, refused: Callable[..., tuple[int, str]]
) -> None:
    above = embedded.admin_database_url(running)

    code, words = refused(tmp_path, DATABASE_URL=above, OWN_SERVERS=True)

    assert code == 2
    assert words.startswith("The role of DATABASE_URL is above row level security")


def test_other_commands_say_how_to_start(data: Path) -> None:
    code, words = refusal(data, "migrate")

    assert code == 2
    assert words == f"No database runs in {data}. Start it with make run."


def test_the_servers_alone_run_until_asked_to_stop(settled_data: Path) -> None:
    with subprocess.Popen(
        [*MANAGE, "services"], env=environment(settled_data), stdout=subprocess.PIPE, text=True
    ) as services:
        assert services.stdout
        assert services.stdout.readline().startswith("PostgreSQL runs: postgresql://writeorperish@")
        assert services.stdout.readline().startswith("Redis runs: unix://")
        assert embedded.missing(settled_data) == []

        services.send_signal(signal.SIGTERM)

        assert services.wait(PATIENCE_SECONDS) == 0
    assert embedded.missing(settled_data) == ["postgres", "redis"]


def test_a_server_that_ends_by_itself_is_told(settled_data: Path) -> None:
    with subprocess.Popen(
        [*MANAGE, "services"],
        env=environment(settled_data),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as services:
        assert services.stdout
        assert services.stdout.readline()
        postmaster = (settled_data / "postgres" / "cluster" / "postmaster.pid").read_text()

        os.kill(int(postmaster.split()[0]), signal.SIGQUIT)

        assert services.wait(PATIENCE_SECONDS) == 1
        assert services.stderr
        assert services.stderr.read() == "PostgreSQL ended by itself, so all were stopped.\n"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(CommandError, match="must be a number from 1 to 65535"):
        call_command("run", f"--port={port}")


def test_a_busy_port_gives_way_to_the_next() -> None:
    with taken_port() as port:
        assert port < household.free_port(port) < port + household.PORTS_TRIED


def test_no_port_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(household, "PORTS_TRIED", 1)
    with taken_port() as port, pytest.raises(CannotStart, match=f"No port from {port} to {port}"):
        household.free_port(port)


def test_only_our_own_leftovers_are_ended(data: Path) -> None:
    (data / "run").mkdir(parents=True)
    # With its own session, as the set has; the argument is what tells it from a stranger.
    ours = subprocess.Popen(["sh", "-c", "sleep 60; true", "writeorperish"], start_new_session=True)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        (data / "run" / "web.pid").write_text(f"{ours.pid}\n")
        (data / "run" / "beat.pid").write_text(f"{stranger.pid}\n")
        (data / "run" / "worker.pid").write_text("")

        household.end_leftovers(data)

        assert ours.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()
    assert list((data / "run").iterdir()) == []


def test_static_files_are_collected_when_one_of_them_changed(tmp_path: Path, settings) -> None:
    settings.STATICFILES_DIRS = [tmp_path / "offered"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    offered, collected = tmp_path / "offered" / "a.css", tmp_path / "collected" / "a.css"
    offered.parent.mkdir()
    offered.write_text(".a {}")
    collect_static()
    assert collected.read_text() == ".a {}"
    collected.write_text("as it was left")
    collect_static()
    assert collected.read_text() == "as it was left"
    offered.write_text(".a { color: red }")
    os.utime(offered, (time.time() + 5, time.time() + 5))
    collect_static()
    assert collected.read_text() == ".a { color: red }"
