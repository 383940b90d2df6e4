"""What the gateway takes, what it gives and what it refuses with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, Literal, Protocol, TypeAlias
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from writeorperish.ai.providers.wire import Stop, Tool, Wanted
from writeorperish.ops.refusals import Conflict, Invalid, TooLarge, TooMuch, Unavailable
from writeorperish.privacy.reading import Passage
from writeorperish.refs import Ref

FACT_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a passage, with a head of our making before it."""

    passage: Passage
    start: int
    end: int
    head: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        text = self.passage.text[self.start : self.end]
        return f"{self.head}\n{text}" if self.head else text


@dataclass(frozen=True, slots=True)
class Typed:
    """What the acting person typed just now."""

    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fact:
    """A number, date or label of ours; never words of a row. ValueError above 200 characters."""

    words: str

    def __post_init__(self) -> None:
        if len(self.words) > FACT_CHARS:
            raise ValueError("A fact is short")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a passage, with other words in place of the markers in it."""

    passage: Passage
    start: int
    end: int
    quotes: "tuple[Quote, ...]" = ()

    @property
    def text(self) -> str:
        return self.passage.text


@dataclass(frozen=True, slots=True)
class Quote:
    """A marker at text[at:until], and what a model is given for it: words of what it points at, or a fact."""

    at: int
    until: int
    part: Excerpt | Fact


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a conversation: somebody's text, or a fact that stands for one that may not be read.

    `at` is told to the model as it stands.
    """

    role: Literal["user", "assistant"]
    part: Passage | Excerpt | Fact
    at: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of somebody's recording, from `start` to `end` in milliseconds, as a file of its own.

    `name` tells its container; `language` a short code, or empty where the person did not say.
    """

    ref: Ref
    owner_id: UUID
    ai_usage: str
    start: int
    end: int
    sound: IO[bytes] = field(repr=False)
    name: str
    language: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1000


@dataclass(frozen=True, slots=True)
class Aloud:
    """A stretch of a passage to be read aloud, and its words without their markup."""

    cut: Cut
    words: str = field(repr=False)


Text: TypeAlias = Passage | Excerpt | Cut
Part: TypeAlias = Passage | Excerpt | Cut | Typed | Fact
Slots: TypeAlias = Mapping[
    str,
    Part
    | Sequence[Passage]
    | Sequence[Cut]
    | Sequence[Excerpt]
    | Sequence[Text]
    | Sequence[Said]
    | None,
]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next words of an answer."""

    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Looking:
    """The model asked to look something up, and goes on when it has it."""


class LookUp(Protocol):
    """What a model may look up while it answers. It reads; nothing else."""

    tools: Sequence[Tool]

    def found(self, wanted: Wanted, read: Sequence[Cut]) -> Sequence[Passage | Excerpt | Fact]:
        """What answers one wish of a model that has read these so far. Whatever a model may write is answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered. `data` is the parsed JSON of a prompt with a schema; `model` is for people.

    `offline`: made on this server by rule, nothing was sent. `call` is None where nothing was recorded.
    `wanted`: what it asks to look up before it goes on.
    """

    text: str = field(repr=False)
    stop: Stop
    provider: str
    model: str
    model_id: str = ""
    offline: bool = False
    data: object = field(default=None, repr=False)
    cost_microdollars: int = 0
    call: UUID | None = None
    read: tuple[Cut, ...] = field(default=(), repr=False)
    wanted: tuple[Wanted, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a model understood of a stretch of speech; empty words where it heard none."""

    words: str = field(repr=False)
    provider: str
    model: str
    cost_microdollars: int
    call: UUID


@dataclass(frozen=True, slots=True)
class Voiced:
    """A stretch that was read aloud, as an MP3."""

    sound: bytes = field(repr=False)
    provider: str
    model: str
    cost_microdollars: int


@dataclass(frozen=True, slots=True)
class Capable:
    """Whether something can be done now, and by whom; if not, `why` is a short code and `words` the sentence."""

    on: bool
    why: str = ""
    offline: bool = False
    provider: str = ""
    model: str = ""

    @property
    def words(self) -> str:
        return str(WHY_NOT.get(self.why, ""))


WHY_NOT: Final[dict[str, Promise]] = {
    "not_installed": _("Search by meaning is off: its language model is not installed."),
    "file_missing": _("Search by meaning is off: a file of its language model is missing."),
    "file_differs": _("Search by meaning is off: a file of its language model is damaged."),
    "paused": _("AI is paused on this server."),
    "paused_by_you": _("You paused AI. Nothing is sent until you switch it on again."),
    "no_provider": _("This needs an AI service, and none is set up on this server."),
}


class CapabilityOff(Conflict):
    code = "capability_off"
    words = _("This is not available on this server.")

    def __init__(self, *, why: str = "") -> None:
        super().__init__(words=WHY_NOT.get(why, ""), why=why)


class NotAllowed(Conflict):
    """AI may not read one of the texts, or its person did not agree. `why` says which switch it is."""

    code = "not_allowed"
    words = _("AI may not read this. Nothing was sent.")


class BudgetSpent(TooMuch):
    """The purse does not cover it; no request left. `detail` has scope, limit, used and resets_at."""

    code = "budget_spent"
    words = _(
        "Your AI budget for this time is used up. Writing, reading and searching go on as ever."
    )


class UnknownModel(Invalid):
    code = "unknown_model"
    words = _("There is no such model to choose here.")


class UnknownProvider(Invalid):
    code = "unknown_provider"
    words = _("There is no such AI service here.")


class TooLong(TooLarge):
    code = "too_long_for_ai"
    words = _("This is longer than the model can read at once.")


class ProviderDown(Unavailable):
    """A provider does not answer, for now."""

    code = "ai_unavailable"
    words = _("The AI service isn't answering. Your text is saved.")


class ProviderRefuses(Unavailable):
    """A provider answers, and will not work for us: its quota is spent, or our key or model is wrong.

    Trying again changes nothing; somebody who runs this server has to look.
    """

    code = "ai_unavailable"
    words = _("The AI service isn't answering. Your text is saved.")


class BadAnswer(Unavailable):
    code = "bad_answer"
    words = _("The answer wasn't usable. Nothing was changed.")
