"""What every adapter takes and gives: one request, and what comes back piece by piece.

Adapters translate; they decide nothing. No retry, no price and no consent is theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """Where a provider answers and with which key. An empty address is the vendor's own."""

    key: str = field(repr=False)
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. `between` counts from event to event, `total` over the whole call."""

    connect: float
    first_byte: float
    between: float
    total: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. Two turns of one side may follow each other."""

    role: Literal["user", "assistant"]
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the model may ask us to look up; `parameters` is a strict JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Looked:
    """One use of a tool as it stands in the conversation: what was asked, and what we answered."""

    id: str
    name: str
    arguments: str = field(repr=False)
    answer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a language model.

    `max_output` counts tokens, hidden reasoning included. `effort` empty: the model's own. With `schema` the
    answer is JSON of that shape. `pseudonym` tells the vendor's abuse checks people apart without naming them.
    """

    model: str
    system: str = field(repr=False)
    turns: Sequence[Turn | Looked]
    max_output: int
    effort: str = ""
    schema: Mapping[str, object] | None = None
    tools: Sequence[Tool] = ()
    pseudonym: str = ""
    cache_key: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; `read` and `written` are those of its prompt cache, within `put`.

    None where the provider said nothing.
    """

    put: int
    read: int
    written: int
    got: int


class Stop(StrEnum):
    """Why an answer ended. STOPPED: its person asked."""

    END = "end"
    LENGTH = "length"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Piece:
    """The next words of an answer."""

    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The model asks for a tool, with arguments as JSON of its making."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """The provider's own last word: without it nothing that came is a whole answer."""

    stop: Stop
    usage: Usage | None
    provider_request: str = ""


class Trouble(StrEnum):
    """How a call failed, in the terms retries, breaker and people need."""

    CONNECT = "connect"  # never reached it
    TIMEOUT = "timeout"  # no first byte in time
    RATE = "rate"  # too many requests
    OVERLOADED = "overloaded"
    SERVER = "server"  # 5xx, or an answer nobody can read
    CUT = "cut"  # ended before its end, or stood still
    QUOTA = "quota"  # the account is empty
    KEY = "key"  # 401, 403
    MODEL = "model"  # no such model
    TOO_LONG = "too_long"  # more than the model's context
    REQUEST = "request"  # a request it does not take


class Failed(Exception):
    """A call that brought no whole answer. Carries no word of the request or the answer."""

    def __init__(
        self,
        trouble: Trouble,
        *,
        retry_after_seconds: float | None = None,
        provider_request: str = "",
    ) -> None:
        self.trouble = trouble
        self.retry_after_seconds = retry_after_seconds
        self.provider_request = provider_request
        super().__init__(trouble)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood of a sound. `language` is a short code, empty if the provider did not tell."""

    words: str = field(repr=False)
    seconds: float
    language: str = ""


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector per text, in their order, and the tokens put in; None where the provider said nothing."""

    vectors: Sequence[Sequence[float]] = field(repr=False)
    put: int | None


class Chat(Protocol):
    """A provider of language models."""

    def stream(
        self, request: Request, access: Access, patience: Patience
    ) -> Iterator[Piece | Wanted | Ended]:
        """Ends with exactly one `Ended`, or raises Failed. Closing it closes the connection."""


class Ears(Protocol):
    """A provider that turns speech into words."""

    def transcribe(
        self,
        sound: IO[bytes],
        *,
        name: str,
        model: str,
        language: str,
        access: Access,
        patience: Patience,
    ) -> Heard:
        """The whole of a file of at most 25 MB; `name` tells its container. Failed."""


class Voice(Protocol):
    """A provider that reads aloud."""

    def speak(
        self, words: str, *, model: str, voice: str, access: Access, patience: Patience
    ) -> bytes:
        """An MP3. Failed."""


class Embedder(Protocol):
    """A provider that turns texts into vectors."""

    def embed(
        self,
        texts: Sequence[str],
        *,
        model: str,
        dimensions: int,
        access: Access,
        patience: Patience,
    ) -> Embedded:
        """Vectors of this many finite numbers, of any length in space. Failed, also where one is none."""
