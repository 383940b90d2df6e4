"""Sound made for tests: speech-like tones with pauses, in the containers browsers and phones make."""

import io
import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np

from journal.audio import ffmpeg

RATE = 16_000


def tone(
    seconds: float,
    *,
    pauses: tuple[tuple[float, float], ...] = (),
    pitch: int = 220,
    rate: int = RATE,
) -> bytes:
    """A WAV of one tone, silent from and to each pause (in seconds); `rate` samples a second, of two bytes each."""
    at = np.arange(round(rate * seconds)) / rate
    samples = 0.4 * np.sin(2 * np.pi * pitch * at)
    for start, end in pauses:
        samples[round(start * rate) : round(end * rate)] = 0
    written = io.BytesIO()
    with wave.open(written, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes((samples * 32767).astype("<i2").tobytes())
    return written.getvalue()


OPUS = ("-c:a", "libopus", "-b:a", "32k", "-f", "webm", "-live", "1")
AAC = ("-c:a", "aac", "-b:a", "48k", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov")
MP3 = ("-c:a", "libmp3lame", "-b:a", "48k", "-f", "mp3")


@cache
def sound(seconds: float, *options: str, pauses: tuple[tuple[float, float], ...] = ()) -> bytes:
    """The tone as ffmpeg encodes it with these options; by default as a browser records: Opus in live WebM."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        command = [ffmpeg(), "-nostdin", "-loglevel", "error", "-f", "wav", "-i", "-"]
        subprocess.run(
            [*command, *(options or OPUS), str(whole)],
            input=tone(seconds, pauses=pauses),
            check=True,
        )
        return whole.read_bytes()


def in_pieces(data: bytes, number: int) -> list[bytes]:
    """The bytes in this many pieces, as a recorder hands them out: cut anywhere."""
    size = -(-len(data) // number)
    return [data[start : start + size] for start in range(0, len(data), size)]
