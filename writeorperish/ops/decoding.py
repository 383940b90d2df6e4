"""Bytes somebody saved as text, as text."""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator

# Control characters but newline and tab, and halves of surrogate pairs, which no encoding can carry.
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
BOM = "\ufeff"

# A picture or a database renamed to .md is full of control bytes; prose in any encoding has none.
CONTROL_SHARE = 0.02

MARKS = [  # the longer mark first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]


class NotText(ValueError):
    """These bytes are something other than text."""


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The text, cleaned, and note codes of what had to be guessed or dropped. NotText for other files.

    A byte order mark decides; without one UTF-8, else UTF-16 where every other byte is zero, else
    Windows-1252, which reads anything and is therefore said.
    """
    encoding = _encoding(data)
    notes = []
    if encoding == "cp1252":
        text = _western(data)
        notes.append("read_as_western")
    else:
        text = data.decode(encoding, errors="replace")
        if "\ufffd" in text and "\ufffd".encode(encoding) not in data:
            notes.append("characters_replaced")
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    dropped = len(UNREADABLE.findall(text))
    if dropped > CONTROL_SHARE * len(text):
        raise NotText
    if dropped:
        notes.append("characters_dropped")
    return cleaned(text), tuple(notes)


class Utf8:
    """The same text in UTF-8 without a mark, block by block; `notes` says afterwards what was guessed.

    Wide encodings are known by their mark or their zeros. In anything else a byte that UTF-8 cannot
    have is read as Windows-1252, and the bytes around it still as UTF-8.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.notes: tuple[str, ...] = ()
        self._blocks = iter(blocks)

    def __iter__(self) -> Iterator[bytes]:
        first = next(self._blocks, b"")
        encoding = _marked(first) or _wide(first) or "utf-8"
        wide = encoding != "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)("replace" if wide else "strict")
        yield self._read(decoder, first).removeprefix(BOM).encode()
        for block in self._blocks:
            yield self._read(decoder, block).encode()
        yield self._read(decoder, b"", final=True).encode()

    def _read(
        self, decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False
    ) -> str:
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError:
            decoder.errors = "wop-western"
            self.notes = ("read_as_western",)
            text = decoder.decode(block, final)
        if decoder.errors == "replace" and "\ufffd" in text:
            self.notes = ("characters_replaced",)
        return text


def cleaned(text: str) -> str:
    """The text as entries keep it: NFC, LF, no control characters but newline and tab. Idempotent."""
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", UNREADABLE.sub("", text))


def _encoding(data: bytes) -> str:
    known = _marked(data) or _wide(data)
    if known:
        return known
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _marked(data: bytes) -> str:
    """The encoding a byte order mark names, "" without one."""
    return next((encoding for mark, encoding in MARKS if data.startswith(mark)), "")


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, where every other byte is zero, as in most Western text; else ""."""
    sample = data[:4_096]
    pairs = len(sample) // 2
    if pairs and sample[1::2].count(0) > 0.4 * pairs and sample[::2].count(0) < 0.1 * pairs:
        return "utf-16-le"
    if pairs and sample[::2].count(0) > 0.4 * pairs and sample[1::2].count(0) < 0.1 * pairs:
        return "utf-16-be"
    return ""


def _western(data: bytes) -> str:
    # Five bytes mean nothing in Windows-1252; as Latin-1 they are control characters, dropped later.
    return data.decode("cp1252", errors="wop-latin1")


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


def _as_western(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _western(error.object[error.start : error.end]), error.end


codecs.register_error("wop-latin1", _as_latin1)
codecs.register_error("wop-western", _as_western)
