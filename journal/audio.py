"""Sound files, by ffmpeg in a child process: joined into one that can be sought, measured, and cut.

What comes in is never trusted: the child opens files of its own folder alone, with bounds on memory, CPU and
time, and neither its exit code nor a duration it names counts as proof that all of a recording is there.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from django.conf import settings
from imageio_ffmpeg import get_ffmpeg_exe

RATE: Final = 8_000
STEP_MS: Final = 100
SAMPLES_A_STEP: Final = RATE * STEP_MS // 1000
PEAKS: Final = 400
MEMORY_BYTES: Final = 1 << 30
PATIENCE_SECONDS: Final = 60
WORKSHOP: Final = "wop-sound-"
LEFT_SECONDS: Final = 3_600
# What a provider is sent is never more than this much sound, cut in the longest pause near the mark.
PART_MS: Final = 600_000
PAUSE_WITHIN_MS: Final = 30_000
SHORTEST_PART_MS: Final = 1_000
# Of the loudest step of the recording; below it a step counts as a pause.
QUIET: Final = 0.05

# How each codec is kept as it is: the ending and kind of its file, and what makes that one easy to seek.
CONTAINERS: Final = {
    "opus": ("webm", "audio/webm", ["-cues_to_front", "1"]),
    "vorbis": ("webm", "audio/webm", ["-cues_to_front", "1"]),
    "aac": ("mp4", "audio/mp4", ["-movflags", "+faststart"]),
    "mp3": ("mp3", "audio/mpeg", []),
    "flac": ("flac", "audio/flac", []),
}
SPEECH: Final = ["-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k"]
# The containers that may come, by the bytes they begin with, and how ffmpeg is told to read them.
FAMILIES: Final = {
    "webm": "matroska",
    "mp4": "mov",
    "ogg": "ogg",
    "wav": "wav",
    "mp3": "mp3",
    "flac": "flac",
}


class NotSound(Exception):
    """No sound is in there that could be read. `code` says what stood in the way."""

    def __init__(self, code: str = "not_audio") -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Sound:
    """One file of sound, measured: its loudness each 100 ms, from 0 to 1."""

    path: Path
    media_type: str
    duration_ms: int
    levels: "np.ndarray[tuple[int], np.dtype[np.float32]]" = field(repr=False)


def family_of(head: bytes) -> str:
    """The container these first bytes begin, a key of FAMILIES; empty for anything else."""
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm"
    if head[4:8] in {b"ftyp", b"styp"}:
        return "mp4"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3"
    return ""


def ffmpeg() -> str:
    """The program: the one named, else the system's, else the wheel's. NotSound("no_ffmpeg") without any."""
    if settings.FFMPEG:
        if not os.access(settings.FFMPEG, os.X_OK):
            raise NotSound("no_ffmpeg")
        return str(settings.FFMPEG)
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return str(get_ffmpeg_exe())
    except RuntimeError:
        raise NotSound("no_ffmpeg") from None


@contextmanager
def workshop(size: int) -> Iterator[Path]:
    """A folder only this process reads, for this many bytes of clear sound: in memory where there is room."""
    sweep_workshops()
    shared, disk = workplaces()
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > 4 * size + (64 << 20)
    inside = shared if roomy else disk
    inside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=WORKSHOP, dir=inside) as folder:
        yield Path(folder)


def workplaces() -> tuple[Path, Path]:
    return Path("/dev/shm"), settings.DATA_DIR / "tmp"  # noqa: S108  # the folders made in it are the owner's alone


def sweep_workshops() -> int:
    """How many folders of killed workers went: ours, and untouched for an hour, while a step touches its own sooner."""
    went = 0
    for place in workplaces():
        for folder in place.glob(f"{WORKSHOP}*"):
            with suppress(FileNotFoundError):
                about = folder.stat()
                if about.st_uid == os.getuid() and time.time() - about.st_mtime > LEFT_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                    went += 1
    return went


def join(segments: Sequence[Path], families: Sequence[str], folder: Path) -> Sound:
    """The segments one after the other as one measured file in the folder. NotSound.

    Segments of one codec are kept as they are; of several, all become mono Opus. An hour takes about a second
    and its measuring a few more.
    """
    codecs = [codec_of(path, family) for path, family in zip(segments, families, strict=True)]
    ending, media_type, options = CONTAINERS.get(codecs[0], ("webm", "audio/webm", []))
    alike = len(set(codecs)) == 1 and codecs[0] in CONTAINERS
    if not alike:
        ending, media_type, options = "webm", "audio/webm", CONTAINERS["opus"][2]
    kept = ["-c:a", "copy"] if alike else SPEECH
    whole = folder / f"whole.{ending}"
    pieces = []
    for number, (path, family) in enumerate(zip(segments, families, strict=True)):
        piece = whole if len(segments) == 1 else folder / f"piece-{number}.{ending}"
        source = ["-fflags", "+genpts", "-f", FAMILIES[family], "-i", str(path)]
        convert([*source, *ONE_TRACK, *kept, *options, str(piece)], path)
        pieces.append(piece)
    if len(pieces) > 1:
        listing = folder / "pieces.txt"
        listing.write_text("".join(f"file '{piece.name}'\n" for piece in pieces))
        source = ["-f", "concat", "-safe", "1", "-i", str(listing)]
        convert([*source, *ONE_TRACK, "-c:a", "copy", *options, str(whole)], *pieces)
    return measured(whole, media_type)


ONE_TRACK: Final = ["-map", "0:a:0", "-vn", "-map_metadata", "-1"]


def codec_of(path: Path, family: str) -> str:
    """The name of the codec of the first track of sound. NotSound without one."""
    said = run(["-f", FAMILIES[family], "-i", str(path)], path).stderr
    found = re.search(rb"Stream #\d+:\d+.*?: Audio: (\w+)", said)
    if found is None:
        raise NotSound
    return found[1].decode()


def measured(path: Path, media_type: str) -> Sound:
    """The file with its length and loudness, by decoding all of it. NotSound when nothing is heard."""
    size = path.stat().st_size
    command = ["-i", str(path), *ONE_TRACK, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    levels = []
    samples = 0
    with subprocess.Popen(  # noqa: S603  # a list, never a line
        bounded(command, size),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdout is not None  # asked for above
        # A minute at a time, so that an hour of silence costs no more memory than a minute.
        while block := child.stdout.read(2 * SAMPLES_A_STEP * 600):
            heard = np.abs(np.frombuffer(block[: len(block) // 2 * 2], np.int16).astype(np.float32))
            samples += len(heard)
            heard = np.pad(heard, (0, -len(heard) % SAMPLES_A_STEP))
            levels.append(heard.reshape(-1, SAMPLES_A_STEP).max(axis=1) / 32768)
    if not samples:
        raise NotSound
    return Sound(path, media_type, samples * 1000 // RATE, np.concatenate(levels))


def peaks_of(sound: Sound) -> list[int]:
    """The loudness in 400 steps, 0 to 100, for a drawing; fewer for less than 40 s."""
    groups = np.array_split(sound.levels, min(PEAKS, len(sound.levels)))
    loudest = max(float(sound.levels.max()), 1e-6)
    return [round(100 * float(group.max()) / loudest) for group in groups]


def parts_of(sound: Sound) -> list[tuple[int, int]]:
    """Where to cut, as (from, to) in ms without gap or overlap: each about ten minutes, in the longest pause near.

    A rest below a second stays with the part before it, since a provider makes nothing of it.
    """
    parts = []
    start = 0
    while sound.duration_ms - start > PART_MS + SHORTEST_PART_MS:
        end = pause_near(sound, start + PART_MS)
        parts.append((start, end))
        start = end
    return [*parts, (start, sound.duration_ms)]


def pause_near(sound: Sound, mark_ms: int) -> int:
    """The middle of the longest pause within 30 s before the mark; the quietest moment if there is none.

    Of several as good the last, so that parts are few.
    """
    first = (mark_ms - PAUSE_WITHIN_MS) // STEP_MS
    near = sound.levels[first : mark_ms // STEP_MS]
    quiet = near < QUIET * float(sound.levels.max())
    best, length, run_length = len(near) - 1 - int(near[::-1].argmin()), 2, 0
    for index, silent in enumerate(quiet):
        run_length = run_length + 1 if silent else 0
        if run_length >= length:
            best, length = index - run_length // 2, run_length
    return int(first + best) * STEP_MS


def cut(path: Path, start_ms: int, end_ms: int, into: Path, *, as_is: bool) -> None:
    """The stretch as a small file of Opus in WebM; `as_is` where it is Opus already, which takes no time. NotSound.

    Looked for from the beginning and not by the file's index, whose places lie seconds apart.
    """
    stretch = ["-ss", f"{start_ms / 1000:.3f}", "-t", f"{(end_ms - start_ms) / 1000:.3f}"]
    coded = ["-c:a", "copy"] if as_is else SPEECH
    convert(["-i", str(path), *stretch, *ONE_TRACK, *coded, "-f", "webm", str(into)], path)


def is_opus(path: Path) -> bool:
    """Whether this file of ours holds Opus."""
    return b": Audio: opus" in run(["-i", str(path)], path).stderr


CHILD: Final = ["-nostdin", "-hide_banner", "-y", "-protocol_whitelist", "file,pipe"]
LIMITED: Final = 'ulimit -v "$1" && ulimit -t "$2" && shift 2 && exec "$@"'


def convert(options: Sequence[str], *sources: Path) -> None:
    done = run(options, *sources)
    if done.returncode or not Path(options[-1]).exists():
        raise NotSound("not_readable")


def run(options: Sequence[str], *sources: Path) -> "subprocess.CompletedProcess[bytes]":
    size = sum(path.stat().st_size for path in sources)
    try:
        return subprocess.run(  # noqa: S603  # a list, never a line
            bounded(options, size),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience(size),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotSound("took_too_long") from None


def bounded(options: Sequence[str], size: int) -> list[str]:
    """The whole command: the shell sets the child's limits on memory and time, and becomes it."""
    limits = [str(MEMORY_BYTES // 1024), str(2 * patience(size))]
    return ["/bin/sh", "-c", LIMITED, "sh", *limits, ffmpeg(), *CHILD, *options]


def patience(size: int) -> int:
    """Seconds for a file of this size: a minute, and five percent of the time 32 kbit/s would play."""
    return PATIENCE_SECONDS + size // 4_000 // 20
