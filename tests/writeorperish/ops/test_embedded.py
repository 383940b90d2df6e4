import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import kombu
import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from writeorperish.ops import embedded
from writeorperish.ops.daemon import CannotStart, program

pytestmark = pytest.mark.xdist_group("run")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="asks what root's servers do")
ENSURE = """
import pathlib, sys
from writeorperish.ops import embedded
print(len(embedded.ensure(pathlib.Path(sys.argv[1])).started), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may pass through; pytest's own may not be entered but by us."""
    folder = Path(tempfile.mkdtemp(prefix="wop-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for data in folder.rglob("services.lock"):
        clear(data.parent)
    shutil.rmtree(folder)


@pytest.fixture
def data(open_folder: Path) -> Path:
    return open_folder / "var"


def clear(data: Path) -> None:
    """No server of this folder runs any more, and nothing it keeps elsewhere is left."""
    pid_file = data / "postgres" / "cluster" / "postmaster.pid"
    if pid_file.exists():
        postmaster = int(pid_file.read_text().split()[0])
        if program(postmaster) == "postgres":
            os.kill(postmaster, signal.SIGQUIT)
    if "redis" not in embedded.missing(data, ["redis"]):
        redis.from_url(embedded.redis_urls(data).cache).shutdown(nosave=True)
    shutil.rmtree((data / "postgres").resolve(), ignore_errors=True)
    short = embedded.sockets_of(data).short
    if short:
        shutil.rmtree(short, ignore_errors=True)


def database(data: Path, **options: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(embedded.database_url(data), autocommit=True, **options)


def value(data: Path, question: str) -> object:
    with database(data) as line:
        return line.execute(question).fetchone()[0]


def started(data: Path) -> dict[str, int]:
    return {server.name: server.pid for server in embedded.ensure(data).started}


@contextmanager
def another_process(data: Path) -> Iterator[Callable[[], str]]:
    """How many servers it started; it lives as long as the context."""
    with subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.stdout.readline


def test_urls_name_sockets_and_ask_nobody(tmp_path: Path) -> None:
    data = Path("/srv/wop")

    assert embedded.database_url(data) == (
        "postgresql://writeorperish@%2Fsrv%2Fwop%2Fpostgres%2Frun/writeorperish"
    )
    assert embedded.admin_database_url(data).startswith("postgresql://postgres@%2Fsrv%2F")
    assert embedded.redis_urls(data) == embedded.RedisUrls(
        "redis+socket:///srv/wop/redis/redis.sock?virtual_host=0",
        "unix:///srv/wop/redis/redis.sock?db=1",
        "unix:///srv/wop/redis/redis.sock?db=2",
    )
    assert not data.exists()


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=200))
def test_every_path_gives_sockets_the_kernel_takes(name: str) -> None:
    sockets = embedded.sockets_of(Path("/srv/wop", name))

    assert len(os.fsencode(sockets.postgres / embedded.cluster.SOCKET)) <= 103
    assert len(os.fsencode(sockets.redis)) <= 103
    assert "," not in str(sockets.postgres)


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        (
            "redis://:pw@cache:6379",
            ["redis://:pw@cache:6379/0", "redis://:pw@cache:6379/1", "redis://:pw@cache:6379/2"],
        ),
        (
            "rediss://cache/4?ssl_cert_reqs=required",
            [f"rediss://cache/{number}?ssl_cert_reqs=required" for number in (4, 5, 6)],
        ),
        (
            "unix:///run/redis.sock?db=3",
            [
                "redis+socket:///run/redis.sock?virtual_host=3",
                "unix:///run/redis.sock?db=4",
                "unix:///run/redis.sock?db=5",
            ],
        ),
    ],
)
def test_a_given_url_is_split_by_database_number(given_url: str, expected: list[str]) -> None:
    urls = embedded.split_redis_url(given_url)

    assert [urls.broker, urls.cache, urls.streams] == expected


@pytest.mark.parametrize("bad", ["", "cache:6379", "http://cache", "redis://cache/x", "unix://"])
def test_a_malformed_url_is_refused_with_an_example(bad: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL must read like"):
        embedded.split_redis_url(bad)


def test_three_at_once_make_one_database_that_row_security_binds(data: Path) -> None:
    # As somebody leaves it who is interrupted while it is set up.
    (data / "postgres" / "cluster-new" / "base").mkdir(parents=True)

    with another_process(data) as one, another_process(data) as two, another_process(data) as three:
        assert sorted(count() for count in (one, two, three)) == ["0\n", "0\n", "2\n"]
        assert embedded.missing(data) == []

        assert value(data, "select current_user") == "writeorperish"
        role = "from pg_roles where rolname = current_user"
        assert value(data, f"select rolsuper or rolbypassrls or rolcreaterole {role}") is False
        assert value(data, "show server_encoding") == "UTF8"
        assert value(data, "show data_checksums") == "on"
        assert value(data, "show fsync") == "on"
        assert value(data, "show log_parameter_max_length") == "0"
        assert value(data, "show listen_addresses") == ""
        assert value(data, "select upper('é')") == "É"
        with database(data) as line:
            line.execute("create database another")
        with database(data, dbname="another") as line:
            assert line.execute("select '[1,2]'::vector <-> '[1,2]'").fetchone() == (0,)


def test_redis_answers_under_its_three_urls_and_keeps_everything(running: Path) -> None:
    urls = embedded.redis_urls(running)

    cache = redis.from_url(urls.cache)
    cache.set("a", "1")

    assert redis.from_url(urls.streams).get("a") is None
    with kombu.Connection(urls.broker) as line:
        queue = line.SimpleQueue("post")
        queue.put({"id": 1})
        assert queue.get(timeout=2).payload == {"id": 1}
    settings = cache.config_get("appendonly", "appendfsync", "maxmemory-policy", "port")
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }


def test_sockets_and_data_are_closed_to_others(running: Path) -> None:

    sockets = embedded.sockets_of(running)
    for folder in (sockets.postgres, sockets.redis.parent, running / "postgres" / "cluster"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert running.stat().st_mode & 0o007 == 0


def test_a_second_start_adopts_what_answers(settled_data: Path) -> None:
    with another_process(settled_data) as count:
        assert count() == "2\n"

        again = embedded.ensure(settled_data)

        assert again.started == ()
        embedded.stop(again)
        assert embedded.missing(settled_data) == []


def test_servers_whose_starter_died_get_a_new_owner_who_ends_them(settled_data: Path) -> None:
    with another_process(settled_data) as count:
        count()

    heir = embedded.ensure(settled_data)

    assert [server.name for server in heir.started] == ["postgres", "redis"]
    assert embedded.ensure(settled_data).started == ()
    embedded.stop(heir)
    assert embedded.missing(settled_data) == ["postgres", "redis"]


def test_killed_servers_come_back_with_every_acknowledged_row(settled_data: Path) -> None:
    pids = started(settled_data)
    with database(settled_data) as line:
        line.execute("create table kept as select generate_series(1, 1000) as id")
    redis.from_url(embedded.redis_urls(settled_data).cache).set("kept", "1")
    redis.from_url(embedded.redis_urls(settled_data).cache).execute_command("WAITAOF", 1, 0, 2000)

    # Their parent, this process, has not collected them: they are zombies for the next start.
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    again = started(settled_data)

    assert set(again) == {"postgres", "redis"}
    assert value(settled_data, "select count(*) from kept") == 1000
    assert redis.from_url(embedded.redis_urls(settled_data).cache).get("kept") == b"1"


def test_a_stranger_who_got_the_dead_servers_number_lives_on(settled_data: Path) -> None:
    embedded.stop(embedded.ensure(settled_data, ["postgres"]))
    place = settled_data / "postgres"
    # As after a crash: PostgreSQL would take any living process of its user for a server of its own.
    user = (place / "cluster").stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=user) as stranger:
        for name in ("cluster/postmaster.pid", f"run/{embedded.cluster.SOCKET}.lock"):
            (place / name).write_text(f"{stranger.pid}\n{place}/cluster\n1\n5432\n\n\n1 1\n")

        assert list(started(settled_data)) == ["postgres", "redis"]

        assert stranger.poll() is None
        stranger.kill()


def test_connected_clients_do_not_hold_up_the_end(settled_data: Path) -> None:
    servers = embedded.ensure(settled_data)

    with database(settled_data) as line:
        embedded.stop(servers)

        with pytest.raises(errors.AdminShutdown):
            line.execute("select 1")


def test_a_long_path_works(open_folder: Path) -> None:
    data = open_folder / ("d" * 60) / ("e" * 60) / "a, b' é"

    embedded.ensure(data)

    assert value(data, "select 1") == 1
    assert redis.from_url(embedded.redis_urls(data).cache).ping()
    with kombu.Connection(embedded.redis_urls(data).broker) as line:
        line.connect()


def test_somebody_elses_folder_in_the_temporary_files_is_refused(open_folder: Path) -> None:
    data = open_folder / ("d" * 120)
    short = embedded.sockets_of(data).short
    assert short is not None
    short.symlink_to(open_folder)

    with pytest.raises(CannotStart, match="somebody else's"):
        embedded.ensure(data)

    short.unlink()


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(CannotStart, match=r"The data folder .*/var cannot be used: File exists"):
        embedded.ensure(tmp_path / "var")


def test_when_one_server_cannot_start_the_other_does_not_stay(settled_data: Path) -> None:
    kept = settled_data / "redis" / "appendonlydir"
    kept.rename(kept.with_name("elsewhere"))
    kept.write_text("")

    with pytest.raises(CannotStart, match=r"Redis did not start: .*append-only"):
        embedded.ensure(settled_data)

    assert embedded.missing(settled_data) == ["postgres", "redis"]
    kept.unlink()
    kept.with_name("elsewhere").rename(kept)


def test_no_word_of_a_failed_statement_reaches_the_log(running: Path) -> None:

    with database(running) as line:
        line.execute("create table once (word text primary key)")
        for word in ("canary", "canary"):
            with suppress(errors.UniqueViolation):
                line.execute("insert into once values (%s)", [word])
        with pytest.raises(errors.UndefinedTable):
            line.execute("select 'canary' from nowhere")
        line.execute("select pg_sleep(0.6), %s::text", ["canary"])

    log = (running / "postgres" / "log").read_text()
    assert "nowhere" in log
    assert "canary" not in log


@as_root
def test_in_roots_home_the_cluster_lies_outside_and_no_mode_changes(open_folder: Path) -> None:
    home = open_folder / "root"
    home.mkdir(mode=0o700)

    embedded.ensure(home / "var")

    assert value(home / "var", "select 1") == 1
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    place = (home / "var" / "postgres").readlink()
    assert place.is_relative_to("/var/lib/writeorperish")
    assert place.stat().st_mode & 0o007 == 0
    assert (place / "cluster").stat().st_uid != 0


@as_root
def test_under_root_the_database_may_not_change_its_own_programs(running: Path) -> None:

    [programs] = (running / "postgres").glob("server-*")
    assert all(path.lstat().st_uid == 0 for path in programs.rglob("*"))
    assert (running / "postgres" / "cluster").stat().st_uid != 0


def as_nobody(task: Callable[[Path], object], data: Path) -> object:
    """What the task returned, or the sentence it refused with, when an ordinary user runs it."""
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()

    def child() -> None:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        try:
            there.send(task(data))
        except CannotStart as refusal:
            there.send(str(refusal))

    process = forked.Process(target=child)
    process.start()
    process.join(30)
    return here.recv() if here.poll() else None


@as_root
def test_an_ordinary_user_needs_no_copy_and_no_other_user(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    data = open_folder / "var"

    assert as_nobody(lambda folder: len(embedded.ensure(folder).started), data) == 2

    assert value(data, "select 1") == 1
    assert not list((data / "postgres").glob("server-*"))
    assert (data / "postgres" / "cluster").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert len(embedded.ensure(data).started) == 2


@as_root
def test_a_folder_a_user_may_not_write_is_one_sentence(open_folder: Path) -> None:
    said = as_nobody(lambda folder: embedded.ensure(folder).started, open_folder / "var")

    assert str(said).startswith(f"The data folder {open_folder}/var cannot be used: Permission")
    assert "\n" not in str(said)
