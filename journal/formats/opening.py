"""Files of somebody's past, opened by a child process that can be killed: rows come out, nothing else."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from journal.formats.found import Row, from_values
from journal.formats.reasons import REFUSALS, UNREADABLE
from writeorperish.ops.refusals import Invalid

WAIT_SECONDS = 900.0
LINE_BYTES = 100_000_000
ASKED_BYTES = 4_000_000
PIPE_BYTES = 65_536

HOUSE = Path(__file__).resolve().parents[2]


class CannotRead(Invalid):
    """The file as a whole cannot be imported; `reason` is a code of `reasons.REFUSALS`."""

    code = "unreadable_file"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(self.code, REFUSALS[reason], reason=reason)


def found_in(
    file: Path | BinaryIO,
    source: str = "",
    *,
    beside: bool = False,
    wait_seconds: float = WAIT_SECONDS,
) -> Iterator[Row]:
    """Every row of a file, in order, while it is being read; CannotRead when there is no going on.

    file: a path, or a seekable stream, which is read in stretches and written nowhere. source: one of
    `found.SOURCES`, or nothing to find out (`Found.source` says). Threads come parents first, where
    the parent is in the file. Rows given before a refusal must not be kept: check first, then
    import. The child has 1.5 GB and 10 minutes of CPU, and is killed when one has waited for it
    `wait_seconds` in all, or when the iterator is closed.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            yield from _rows(opened, source, beside, wait_seconds)
    else:
        yield from _rows(file, source, beside, wait_seconds)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some bytes of the sound at `place`; the last one of each is empty and `ended`, with a reason if it broke."""

    place: int
    data: bytes = field(default=b"", repr=False)
    ended: bool = False
    reason: str = ""


def sounds_in(
    file: BinaryIO, places: Sequence[int], *, wait_seconds: float = WAIT_SECONDS
) -> Iterator[Stretch]:
    """The sounds at these places of the archive, one after the other, up to 64 kB at a time.

    places: as `Sound.place` says, none twice. Each ends, with `reason` a code of `reasons.UNREADABLE` when
    it is not whole; what was given of it must not be kept then. CannotRead and limits as in `found_in`.
    """
    if not places:
        return
    size = file.seek(0, os.SEEK_END)
    with _child(size, places=places) as process:
        child = Conversation(process, seconds=wait_seconds)
        coming = iter(places)
        place = next(coming, -1)
        while True:
            match child.line():
                case "read", asked:
                    child.send(_stretch(file, asked))
                case "bytes", str(data):
                    yield Stretch(place, _bytes(data))
                case "whole", int(ended) if ended == place:
                    yield Stretch(place, ended=True)
                    place = next(coming, -1)
                case "broken", [int(ended), str(reason)] if ended == place and reason in UNREADABLE:
                    yield Stretch(place, ended=True, reason=reason)
                    place = next(coming, -1)
                case "refused", str(reason) if reason in REFUSALS:
                    raise CannotRead(reason)
                case "rows", 0 if place == -1:
                    return
                case _:
                    raise CannotRead("stopped")


def _rows(file: BinaryIO, source: str, beside: bool, wait_seconds: float) -> Iterator[Row]:
    size = file.seek(0, os.SEEK_END)
    with _child(size, source, beside=beside) as process:
        child = Conversation(process, seconds=wait_seconds)
        rows = 0
        while True:
            kind, value = child.line()
            if kind == "read":
                child.send(_stretch(file, value))
            elif kind == "rows" and value == rows:
                return
            elif kind == "refused" and value in REFUSALS:
                raise CannotRead(str(value))
            else:
                yield _row(kind, value)
                rows += 1


@contextmanager
def _child(
    size: int, source: str = "", *, beside: bool = False, places: Sequence[int] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603  # our own program, our own arguments
        [
            sys.executable,
            "-E",
            "-s",
            "-X",
            "utf8",
            "-m",
            "journal.formats.child",
            str(size),
            source,
            "beside" if beside else "",
            ",".join(map(str, places)),
        ],
        cwd=HOUSE,
        env={},
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may hold words of the file
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


class Conversation:
    """What parent and child say to each other. Only time spent waiting for the child counts."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, seconds: float) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("A child without pipes")
        self._process = process
        self._seconds_left = seconds
        self._to, self._from = process.stdin.fileno(), process.stdout.fileno()
        self._buffer = bytearray()
        os.set_blocking(self._to, False)

    def line(self) -> tuple[str, object]:
        """What the child said next, as one name and its value. CannotRead when it says no more."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._wait(self._from, select.POLLIN)
            said = os.read(self._from, PIPE_BYTES)
            if not said or searched > LINE_BYTES:
                raise CannotRead(self._why_it_ended())
            self._buffer += said
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            ((kind, value),) = json.loads(line).items()
        except (ValueError, AttributeError):
            raise CannotRead("stopped") from None
        return str(kind), value

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self._to, select.POLLOUT)
            try:
                rest = rest[os.write(self._to, rest) :]
            except BrokenPipeError:
                raise CannotRead(self._why_it_ended()) from None

    def _wait(self, pipe: int, for_what: int) -> None:
        poll = select.poll()
        poll.register(pipe, for_what)
        started = time.monotonic()
        ready = poll.poll(max(0.0, self._seconds_left) * 1000)
        self._seconds_left -= time.monotonic() - started
        if not ready:
            raise CannotRead("too_slow")

    def _why_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "stopped"
        return "too_slow" if code == -signal.SIGXCPU else "stopped"


def _stretch(file: BinaryIO, asked: object) -> bytes:
    """The bytes the child asked for. CannotRead for a request no zip needs, or beyond the end."""
    match asked:
        case [int(offset), int(length)] if offset >= 0 and 0 < length <= ASKED_BYTES:
            file.seek(offset)
        case _:
            raise CannotRead("stopped")
    data = bytearray()
    while len(data) < length:
        part = file.read(length - len(data))
        if not part:
            raise CannotRead("stopped")
        data += part
    return bytes(data)


def _bytes(said: str) -> bytes:
    try:
        return b64decode(said, validate=True)
    except ValueError:
        raise CannotRead("stopped") from None


def _row(kind: str, value: object) -> Row:
    try:
        if isinstance(value, dict):
            return from_values(kind, value)
    except ValueError:
        pass
    raise CannotRead("stopped")
