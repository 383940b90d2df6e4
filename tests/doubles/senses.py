"""How vectors, sound, judgements and the list of models come from OpenAI's kind of server."""

import base64
import io
import math
import struct
import wave
from hashlib import sha256

from tests.doubles.formats import CREATED, digest, tokens, words_of

# One silent frame of MPEG-1 Layer III, 128 kbit/s at 44.1 kHz: 417 bytes, 26 ms.
MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
CATEGORIES = [
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit"),
    *("illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent", "sexual"),
    *("sexual/minors", "violence", "violence/graphic"),
]


def vector(text, dimensions):
    """Letters in threes, each counted at a place of its own; of unit length."""
    found = [0.0] * dimensions
    for start in range(max(1, len(text) - 2)):
        found[int(sha256(text[start : start + 3].encode()).hexdigest(), 16) % dimensions] += 1
    norm = math.sqrt(sum(each * each for each in found))
    return [each / norm for each in found]


def embeddings(body, vectors):
    as_base64 = body.get("encoding_format") == "base64"
    put = sum(tokens(text) for text in body["input"])
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {
                "object": "embedding",
                "index": place,
                "embedding": packed(each) if as_base64 else each,
            }
            for place, each in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": put, "total_tokens": put},
    }


def packed(numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def transcription(fields, sound):
    """Words that follow from the bytes of the sound."""
    text, seconds = words_of(sha256(sound).hexdigest()), seconds_of(sound)
    usage = {"type": "duration", "seconds": seconds}
    language = fields.get("language", "en")
    if fields.get("response_format") == "verbose_json":
        said = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": []}
        said |= {"temperature": 0.0, "avg_logprob": -0.1}
        said |= {"compression_ratio": 1.2, "no_speech_prob": 0.01}
        return {
            "task": "transcribe",
            "language": language,
            "duration": seconds,
            "text": text,
            "segments": [said],
            "usage": usage,
        }
    return {"text": text, "languages": [{"code": language}], "usage": usage}


def seconds_of(sound):
    if not sound.startswith(b"RIFF"):
        return float(math.ceil(len(sound) / 16_000))
    with wave.open(io.BytesIO(sound)) as opened:
        return opened.getnframes() / opened.getframerate()


def speech(body):
    """A silent file that lasts as long as the text is: an MP3, or a WAV when asked for."""
    if body.get("response_format", "mp3") == "wav":
        return "audio/wav", wav(0.05 * len(body["input"]))
    return "audio/mpeg", MP3_FRAME * max(1, len(body["input"]))


def wav(seconds):
    written = io.BytesIO()
    with wave.open(written, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(16_000)
        opened.writeframes(bytes(2 * round(16_000 * seconds)))
    return written.getvalue()


def moderation(body):
    """Only a text with the word "forbidden" is flagged, as harassment."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    results = []
    for text in texts:
        flags = {name: name == "harassment" and "forbidden" in text for name in CATEGORIES}
        results.append(
            {
                "flagged": any(flags.values()),
                "categories": flags,
                "category_scores": {name: 0.9 if flag else 0.01 for name, flag in flags.items()},
                "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
            }
        )
    return {"id": f"modr-{digest(body)[:12]}", "model": body["model"], "results": results}


def models():
    ends = {"gpt-6-luna": None, "gpt-transcribe": None, "tts-1": "2027-01-06"}
    return {
        "object": "list",
        "data": [
            {
                "id": name,
                "object": "model",
                "created": CREATED,
                "owned_by": "system",
                "shutdown_date": day,
            }
            for name, day in ends.items()
        ],
    }
